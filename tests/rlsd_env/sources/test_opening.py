"""What can be opened: the hub's layouts, single files, the library's cache; and what is said where nothing can."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from rlsd_env.errors import ConfigurationError, DataError
from tests.rlsd_env.sources.colours import (
    COLOURS,
    RGB,
    Colours,
    Gated,
    json_lines,
    rows,
    with_bytes,
    with_files,
    write_lines,
)
from tests.rlsd_env.sources.hub_copy import png, write_split


def parquet_in_data(folder):
    return write_split(folder, "train", with_bytes(rows()))


def parquet_with_readme(folder):
    write_split(folder, "weird", with_bytes(rows()), config="nested/deep")
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: nested/deep/weird-*\n---\n"
    )
    return str(folder)


def two_shards(folder):
    table = with_bytes(rows())
    for number, part in enumerate((table[:2], table[2:])):
        write_split(folder / str(number), "train", part)
        (folder / "data").mkdir(exist_ok=True)
        written = folder / str(number) / "data" / "train-00000-of-00001.parquet"
        written.rename(folder / "data" / f"train-0000{number}-of-00002.parquet")
    return str(folder)


def one_parquet_file(folder):
    write_split(folder, "anything", with_bytes(rows()))
    return str(folder / "data" / "anything-00000-of-00001.parquet")


def saved_to_disk(folder):
    import datasets

    written = write_split(folder / "hub", "train", with_bytes(rows()))
    data = datasets.load_dataset(written, split="train")
    datasets.DatasetDict({"train": data}).save_to_disk(str(folder / "saved"))
    return str(folder / "saved")


def one_json_lines_file(folder):
    write_lines(folder, with_files(folder, rows()), "mine.jsonl")
    return str(folder / "mine.jsonl")


def compressed_json_lines(folder):
    json_lines(folder)
    (folder / "train.jsonl.gz").write_bytes(gzip.compress((folder / "train.jsonl").read_bytes()))
    (folder / "train.jsonl").unlink()
    return str(folder)


def json_list(folder):
    (folder / "train.json").write_text(json.dumps(with_files(folder, rows())))
    return str(folder)


def json_object_of_rows(folder):
    (folder / "train.json").write_text(json.dumps({row["id"]: row for row in with_files(folder, rows())}))
    return str(folder)


def csv(folder):
    table = with_files(folder, rows())
    lines = [",".join(table[0]), *(",".join(row.values()) for row in table)]
    (folder / "train.csv").write_text("\n".join(lines))
    return str(folder)


LAYOUTS = [
    parquet_in_data,
    parquet_with_readme,
    two_shards,
    one_parquet_file,
    saved_to_disk,
    json_lines,
    one_json_lines_file,
    compressed_json_lines,
    json_list,
    json_object_of_rows,
    csv,
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_every_layout_gives_the_same_tasks(tmp_path, layout):
    source = Colours(path=layout(tmp_path))
    assert len(source) == 3
    for number, colour in enumerate(COLOURS):
        item = source.item(number)
        assert (item.task.id, item.task.question, item.task.licence) == (str(number), "<image>Colour?", "CC0")
        np.testing.assert_array_equal(item.task.images[0], np.full((6, 8, 3), RGB[colour], np.uint8))
        assert item.privileged.reference.answer == colour
        assert source.index_of(str(number)) == number
        assert source.record(number).pictures[0].size() == (8, 6)
    again = pickle.loads(pickle.dumps(source))
    assert again.item(2).task.id == "2"
    assert again.revision == source.revision
    assert len(source.revision) >= 16


def test_the_revision_follows_the_content(tmp_path):
    first = Colours(path=json_lines(tmp_path)).revision
    assert Colours(path=str(tmp_path)).revision == first
    write_lines(tmp_path, with_files(tmp_path, rows(answer="red")))
    assert Colours(path=str(tmp_path)).revision != first


def test_columns_may_hold_different_types_in_different_rows(tmp_path):
    table = with_files(tmp_path, rows())
    table[0] |= {"id": 0, "answer": 7, "extra": [1]}
    table[1] |= {"answer": "red", "extra": None}
    write_lines(tmp_path, table)
    source = Colours(path=str(tmp_path))
    assert [source.record(number).reference.answer for number in range(3)] == ["7", "red", "blue"]
    assert source.index_of("0") == 0


def test_broken_files_of_other_formats_are_named(tmp_path):
    for name, message in (
        ("train.json", "train.json: not UTF-8 JSON"),
        ("train.parquet", "train.parquet: not a readable parquet file.*download it again"),
        ("train.jsonl.gz", "train.jsonl.gz: broken gzip data.*download it again"),
    ):
        (tmp_path / name).write_bytes(b"\x1f\x8b broken")
        with pytest.raises(DataError, match=message):
            Colours(path=str(tmp_path / name))
    (tmp_path / "train.json").write_text('{"a": 1}')
    with pytest.raises(DataError, match="row 1: a int; the file must be a list of JSON objects"):
        Colours(path=str(tmp_path / "train.json"))
    table = [{name: value for name, value in row.items() if name != "answer"} for row in with_bytes(rows())]
    with pytest.raises(DataError, match="parquet: no column answer; it has id, question, family, image"):
        Colours(path=write_split(tmp_path / "hub", "train", table))


def test_paths_that_cannot_be_opened_say_what_can(tmp_path):
    with pytest.raises(ConfigurationError, match="path '/nowhere' does not exist; run `hf download nobody/colours"):
        Colours(path="/nowhere")
    (tmp_path / "rows.txt").write_text("?")
    with pytest.raises(ConfigurationError, match=r"'\.txt' cannot be opened; allowed: \.jsonl, .*\.parquet"):
        Colours(path=str(tmp_path / "rows.txt"))


def with_images(folder):
    (folder / "images").mkdir()
    for number in range(3):
        (folder / "images" / f"{number}.png").write_bytes(png())
    return folder


def test_a_folder_without_the_split_says_what_it_has(tmp_path):
    def refusal():
        with pytest.raises(ConfigurationError) as found:
            Colours(path=str(tmp_path))
        return str(found.value)

    assert "no train.jsonl, .jsonl.gz, .json, .parquet or .csv" in refusal()
    assert "there is no table in it. To get a copy run `hf download nobody/colours" in refusal()
    with_images(tmp_path)
    assert "it has images only" in refusal()
    (tmp_path / "problems.csv").write_text("id,question\n")
    assert "it has problems.csv: pass that file" in refusal()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "more.jsonl").write_text("{}")
    assert "it has problems.csv, data/more.jsonl: pass one of them" in refusal()
    (tmp_path / "README.md").write_text("My problems.")
    assert "pass one of them" in refusal()


@pytest.mark.parametrize("layout", [parquet_with_readme, saved_to_disk, csv], ids=lambda layout: layout.__name__)
@pytest.mark.parametrize("shown", [True, False])
def test_local_data_open_without_progress_bars(tmp_path, capfd, layout, shown):
    import datasets

    path = layout(tmp_path)
    before = datasets.is_progress_bar_enabled()
    (datasets.enable_progress_bars if shown else datasets.disable_progress_bars)()
    try:
        capfd.readouterr()
        Colours(path=path)
        assert capfd.readouterr().err == ""
        assert datasets.is_progress_bar_enabled() == shown
    finally:
        (datasets.enable_progress_bars if before else datasets.disable_progress_bars)()


def test_a_hub_that_cannot_be_reached_is_asked_once(tmp_path):
    """In a process of its own, whose libraries believe that there is a network."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    script = """
        import sys, datasets, huggingface_hub.constants as constants
        from tests.rlsd_env.sources.colours import Colours
        asked = []
        sys.addaudithook(lambda event, args: event == "socket.connect" and asked.append(args[1]))
        try:
            Colours()
        except ValueError as error:
            print(error)
        print(len(asked), datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE)
    """
    done = in_a_process(
        script, HF_HUB_OFFLINE="0", HF_ENDPOINT=f"http://127.0.0.1:{port}", HF_HOME=str(tmp_path), NO_PROXY="127.0.0.1"
    )
    message, state = done.stdout.splitlines()
    assert "neither in the cache" in message, done.stderr
    assert "refused" in message
    assert "hf download nobody/colours" in message
    assert state.split() == ["1", "False", "False"]  # the library would try six times
    assert "Retrying" not in done.stderr


def in_a_process(script, **environment):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={**os.environ, **environment},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_offline_without_a_cache_says_how_to_get_a_copy():
    with pytest.raises(ConfigurationError, match=r"nobody/colours train is neither in the cache.*path=FOLDER") as found:
        Colours()
    assert "terms" not in str(found.value)
    with pytest.raises(ConfigurationError, match=r"accept the terms.*`hf auth login`, then run `hf download"):
        Gated()


def test_what_the_library_has_cached_opens_offline(tmp_path):
    """The hub's cache has the same files as that of a local folder, in a folder of another name."""
    write_split(tmp_path, "train", with_bytes(rows()))
    script = f"""
        import pathlib, datasets
        cache = pathlib.Path({str(tmp_path / "cache")!r})
        builder = datasets.load_dataset_builder({str(tmp_path / "data")!r}, cache_dir=str(cache))
        builder.download_and_prepare()
        prepared = pathlib.Path(builder.cache_dir)
        target = cache / "nobody___colours" / "default" / "0.0.0" / "abcdef0123456789"
        target.parent.mkdir(parents=True)
        prepared.rename(target)
        next(target.glob("*-train.arrow")).rename(target / "colours-train.arrow")
        from tests.rlsd_env.sources.colours import Colours
        source = Colours()
        assert source.item(1).task.images[0][0, 0].tolist() == [0, 255, 0]
        print(len(source), source.revision)
    """
    done = in_a_process(script, HF_HUB_OFFLINE="1", HF_DATASETS_CACHE=str(tmp_path / "cache"))
    assert done.stdout.split() == ["3", "abcdef0123456789"], done.stderr
