"""The base of all data sets: ids, folds and groups, broken data, loading ahead, arguments."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsd_env.errors import ConfigurationError, DataError
from rlsd_env.sources import load_source
from rlsd_env.sources.task_index import TaskIndex
from tests.rlsd_env.sources.colours import RGB, Colours, json_lines, rows, with_bytes, with_files, write_lines
from tests.rlsd_env.sources.hub_copy import png, write_split

SPEC = "tests.rlsd_env.sources.colours:Colours"


def test_groups_stay_in_one_fold_and_folds_are_complete(tmp_path):
    write_lines(tmp_path, rows(400, image=None))
    source = Colours(path=str(tmp_path), images="absent")
    folds = [set(source.fold(name)) for name in ("train", "tuning", "heldout")]
    assert set().union(*folds) == set(range(400)) == set(source.fold("all"))
    assert sum(map(len, folds)) == 400
    assert 40 <= len(folds[2]) <= 120
    assert 16 <= len(folds[1]) <= 64
    assert source.groups()["f7"] == [14, 15]
    for members in source.groups().values():
        assert any(set(members) <= fold for fold in folds)
    with pytest.raises(ConfigurationError, match="unknown fold 'heldot'; did you mean 'heldout'"):
        source.fold("heldot")


@given(st.lists(st.text(max_size=3), max_size=60))
def test_any_groups_stay_whole_in_disjoint_folds_that_cover_all(groups):
    index = TaskIndex()
    for number, group in enumerate(groups):
        index.add(number, f"t{number}", group)
    folds = {name: index.fold(name) for name in ("train", "tuning", "heldout")}
    assert sorted(number for numbers in folds.values() for number in numbers) == list(index.fold("all"))
    for numbers in folds.values():
        inside, outside = {groups[n] for n in numbers}, {groups[n] for n in range(len(groups)) if n not in set(numbers)}
        assert not inside & outside


def test_the_folds_of_groups_by_hand():
    """Heldout: CRC-32 of c = 112844655 = 5 x 22568931, likewise i and o; tuning: b = 1908338681 = 5 x 8 x 47708467 + 1,
    x = 2363233923 = 5 x 8 x 59080848 + 3."""
    index = TaskIndex()
    for number, group in enumerate("abcdefghijklmnopqrstuvwxyz"):
        index.add(number, group, group)
    found = {name: "".join(index.ids[n] for n in index.fold(name)) for name in ("train", "tuning", "heldout")}
    assert found == {"train": "adefghjklmnpqrstuvwyz", "tuning": "bx", "heldout": "cio"}


def test_rows_that_are_no_tasks_are_left_out_and_counted(tmp_path):
    table = with_bytes(rows(4))
    table[1]["family"] = "none"
    source = Colours(path=write_split(tmp_path, "train", table))
    assert [source.record(number).id for number in range(len(source))] == ["0", "2", "3"]
    assert source.left_out == {"of no family": 1}
    assert source.item(1).task.images[0][0, 0].tolist() == RGB["blue"]


def test_rows_without_an_id_column_are_numbered(tmp_path):
    class Nameless(Colours):
        id_column: ClassVar[str] = ""

    table = [{name: value for name, value in row.items() if name != "id"} for row in with_bytes(rows())]
    source = Nameless(path=write_split(tmp_path, "train", table))
    assert source.item(2).task.id == "train-2"
    assert source.index_of("train-1") == 1


def test_larger_pictures_are_scaled_down(tmp_path):
    source = Colours(path=json_lines(tmp_path), max_pixels=12)
    assert source.item(0).task.images[0].shape == (3, 4, 3)


def test_absent_images_are_written_as_text(tmp_path):
    write_lines(tmp_path, rows())
    with pytest.raises(DataError, match=r"line 1 \(id 0\): no image in column image; .*images=\"absent\""):
        Colours(path=str(tmp_path)).item(0)
    task = Colours(path=str(tmp_path), images="absent").item(0).task
    assert (task.question, task.images) == ("[image]Colour?", ())


def test_prefetched_tasks_are_the_same(tmp_path):
    path = json_lines(tmp_path)
    ahead, plain = Colours(path=path), Colours(path=path)
    ahead.prefetch([2, 0])
    for number in range(3):
        np.testing.assert_array_equal(ahead.item(number).task.images[0], plain.item(number).task.images[0])
    (tmp_path / "images" / "1.png").unlink()
    broken = Colours(path=path)
    broken.prefetch([0, 1])
    with pytest.raises(DataError, match=r"line 2 \(id 1\): image 'images/1.png' is missing"):
        broken.item(1)


def damaged(change):
    def write(folder):
        table = with_files(folder, rows())
        change(folder, table)
        if not (folder / "train.jsonl").exists():
            write_lines(folder, table)

    return write


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f, t: t[1].pop("answer"), r"train\.jsonl, line 2: no column answer; it has id, question.*download it"),
        (lambda f, t: t[1].update(id="0"), "line 2: id '0' is at .*line 1 already; ids must be unique: remove"),
        (lambda f, t: t[1].update(id=None), "line 2: column 'id' is empty; it must name the row"),
        (lambda f, t: t.clear(), "holds no usable rows; it is empty: write rows into it, or pass another path"),
        (
            lambda f, t: [row.update(family="none") for row in t],
            r"no usable rows; left out were 3 \(of no family\)",
        ),
        (lambda f, t: (f / "train.jsonl").write_bytes(b'\n{"id": "\xff"}'), "line 2: not a UTF-8 JSON object.*correct"),
        (lambda f, t: (f / "train.jsonl").write_text('{"id": 1'), "line 1: not a UTF-8 JSON object"),
        (lambda f, t: (f / "train.jsonl").write_text("[" * 100_000), "line 1: not a UTF-8 JSON object"),
        (lambda f, t: (f / "train.jsonl").write_text("[1]"), "line 1: a list; each line must be a JSON object"),
        (lambda f, t: (f / "train.jsonl").write_text(""), "holds no usable rows"),
        (lambda f, t: t[0].update(answer=" "), r"line 1 \(id 0\): the reference answer is ''.*skip_broken=True"),
        (lambda f, t: t[0].update(image=[1]), r"line 1 \(id 0\): an image cell is a list; it must be an image"),
        (lambda f, t: t[0].update(image="../x.png"), r"line 1 \(id 0\): image path '../x.png' lies outside"),
        (
            lambda f, t: t[0].update(question="<image>?"),
            r"\(id 0\): question and choices have 2 <image> and the row has 1",
        ),
        (
            lambda f, t: (f / "images" / "0.png").unlink(),
            r"\(id 0\): image 'images/0.png' is missing; images are looked",
        ),
        (
            lambda f, t: (f / "images" / "0.png").write_bytes(png(size=(64, 64))[:-30]),
            r"\(id 0\): image .* cannot be read",
        ),
    ],
)
def test_broken_data_are_named_with_file_row_and_fix(tmp_path, change, message):
    damaged(change)(tmp_path)
    with pytest.raises(DataError, match=message):
        Colours(path=str(tmp_path)).item(0)


def test_broken_rows_are_skipped_on_request(tmp_path):
    table = with_files(tmp_path, rows(9))
    table[1]["answer"] = ""
    (tmp_path / "images" / "2.png").write_bytes(b"broken")
    (tmp_path / "images" / "4.png").unlink()
    write_lines(tmp_path, table)
    with pytest.warns(UserWarning, match=r"3 of 9 rows are broken and skipped, e\.g\. 1, 2, 4; source\.skipped"):
        source = Colours(path=str(tmp_path), skip_broken=True)
    assert [source.item(number).task.id for number in range(len(source))] == ["0", "3", "5", "6", "7", "8"]
    assert set(source.skipped) == {"1", "2", "4"}
    missing = f"'images/4.png' is missing; images are looked for relative to {tmp_path}: put it there"
    assert missing in source.skipped["4"]
    assert 'skip_broken=true) to leave such rows out, or images="absent"' in source.skipped["4"]
    with pytest.raises(ConfigurationError, match=r"task '4' was skipped: .*missing"):
        source.index_of("4")


def test_rows_that_cannot_be_read_are_skipped_too(tmp_path):
    table = with_files(tmp_path, rows(5))
    del table[3]["answer"]
    write_lines(tmp_path, table)
    file = tmp_path / "train.jsonl"
    lines = file.read_text().splitlines()
    lines[1] = '{"id": 1'
    file.write_text("\n".join(lines))
    with pytest.raises(DataError, match="line 2: not a UTF-8 JSON object"):
        Colours(path=str(tmp_path))
    with pytest.warns(UserWarning, match=r"2 of 5 rows are broken and skipped"):
        source = Colours(path=str(tmp_path), skip_broken=True)
    assert [source.item(number).task.id for number in range(len(source))] == ["0", "2", "4"]
    assert list(source.skipped) == [f"{file}, line 2", f"{file}, line 4"]
    assert source.skipped[f"{file}, line 4"].endswith(Colours.column_advice)
    file.write_text(lines[1])
    with (
        pytest.warns(match="1 of 1 rows"),
        pytest.raises(DataError, match=r"no usable rows; .*line 1: not a UTF-8 JSON"),
    ):
        Colours(path=str(tmp_path), skip_broken=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "trian"}, "unknown split of Colours 'trian'; did you mean 'train'"),
        ({"split": "test"}, "split 'test' of nobody/colours has no public answers.*use 'train' or 'validation'"),
        ({"split": "validation"}, "does not hold the split 'validation'.*hf download nobody/colours"),
        ({"images": "optional"}, "unknown value of images 'optional'"),
        ({"max_pixels": 0}, "max_pixels is 0; it must be 1 or more"),
        ({"revision": "main"}, "revision 'main' is one of the hub's; a local copy"),
    ],
)
def test_arguments_that_cannot_be_used_say_what_can(tmp_path, arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        Colours(path=json_lines(tmp_path), **arguments)


def test_an_unknown_id_gets_the_closest(tmp_path):
    write_lines(tmp_path, [{**row, "id": f"task-{n}"} for n, row in enumerate(rows(30, image=None))])
    source = Colours(path=str(tmp_path), images="absent")
    with pytest.raises(ConfigurationError, match=r"unknown task id 'tsk-17'; did you mean 'task-17'.*\(30 tasks\)"):
        source.index_of("tsk-17")
    for index in (-1, 30):
        with pytest.raises(IndexError, match="must be 0 to 29"):
            source.item(index)


def test_a_source_is_opened_once_per_process(tmp_path):
    path = json_lines(tmp_path)
    assert load_source(SPEC, {"path": path}) is load_source(SPEC, {"path": path})


def test_a_source_is_made_anew_when_its_files_have_changed(tmp_path):
    json_lines(tmp_path)
    first = load_source(SPEC, {"path": str(tmp_path)})
    write_lines(tmp_path, with_files(tmp_path, rows(5)))
    assert len(load_source(SPEC, {"path": str(tmp_path)})) == 5
    assert len(first) == 3


def test_a_source_follows_tables_that_come_go_and_lie_deeper(tmp_path):
    write_split(tmp_path, "train", with_bytes(rows()))
    assert load_source(SPEC, {"path": str(tmp_path)}) is load_source(SPEC, {"path": str(tmp_path)})
    write_lines(tmp_path, with_files(tmp_path, rows(2)))
    assert len(load_source(SPEC, {"path": str(tmp_path)})) == 2
    (tmp_path / "train.jsonl").unlink()
    assert len(load_source(SPEC, {"path": str(tmp_path)})) == 3
    write_split(tmp_path, "train", with_bytes(rows(4)))
    assert len(load_source(SPEC, {"path": str(tmp_path)})) == 4


def test_an_unknown_option_is_matched_over_all_that_may_be_given():
    with pytest.raises(ConfigurationError, match=r"option of Colours 'max_turn'; did you mean 'max_turns'\?.*max_pix"):
        load_source(SPEC, {"max_turn": 3}, also=("max_turns", "render_mode"))
    with pytest.raises(ConfigurationError, match="did you mean 'skip_broken'"):
        load_source(SPEC, {"skip_brokn": True}, also=("max_turns",))
