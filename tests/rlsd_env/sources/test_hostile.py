"""Broken and hostile data are refused with file, row and fix, or skipped; another gold changes nothing public."""

from __future__ import annotations

import dataclasses
import doctest
import gzip
import io
import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from rlsd_env import ConfigurationError
from rlsd_env.errors import DataError
from rlsd_env.registration import IDS
from rlsd_env.sources import cells, load_source, tables
from rlsd_env.sources.csv_table import CsvTable
from rlsd_env.sources.dataset import DataSource
from rlsd_env.sources.mmfinereason import TRACE, MMFineReason
from rlsd_env.sources.own_table import OwnTable
from rlsd_env.sources.pictures import Picture
from rlsd_env.sources.rlsd_release import RLSDRelease
from tests.rlsd_env.every_id import arguments
from tests.rlsd_env.sources.colours import Colours, rows, with_files, write_lines
from tests.rlsd_env.sources.hub_copy import png

QA = {"question": "q", "answer": "a"}


def opened(folder, content, columns=QA, name="t.jsonl", **options):
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    return OwnTable(path=str(file), columns=columns, **options)


# CSV


def test_cells_of_csv_stay_the_texts_that_they_are(tmp_path):
    table = opened(
        tmp_path,
        'id,q,a,c1,c2\n007,"Which,\nthen?",None,None,NA\n1.10,"Say ""x""",1.10,,\n8,Which?,12345678901234567890123,,',
        QA | {"choices": ["c1", "c2"], "id": "id"},
        "t.csv",
    )
    records = [table.record(number) for number in range(3)]
    assert [record.id for record in records] == ["007", "1.10", "8"]
    assert [record.reference.answer for record in records] == ["None", "1.10", "12345678901234567890123"]
    assert (records[0].question, records[0].choices, records[1].choices) == ("Which,\nthen?", ("None", "NA"), ())
    assert records[1].question == 'Say "x"'
    assert table.where({"__row_number__": 1, "id": "1.10"}).endswith("t.csv, line 4 (id 1.10)")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("q,a\nHow many, in all?,4\n", r"t\.csv, line 2: 3 cells, and 2 columns \(q, a\); put a cell with a comma"),
        ("q,a\nx,1\n\ny\n", r"line 4: 1 cells, and 2 columns"),
        ('q,a\n"x"y,1\n', "line 2: not CSV .*correct the quotes"),
        ('q,a\nx,1\n"open,1\n', "line 3: not CSV"),
        ("q,q,a\nx,y,1\n", "two columns are called 'q'; rename"),
        ("q,a\nx,1\nWie groß?,1\n".encode("latin1"), "line 3: not UTF-8"),
        ("q;a\nx;1\n", "no column q, a; it has q;a"),
        ("", "no usable rows; it is empty"),
        ("q,a\n", "no usable rows; it is empty"),
        ("q,a\nx,\n", r"column 'a' is None; it must not be empty"),
    ],
)
def test_broken_csv_is_named(tmp_path, content, message):
    with pytest.raises(ConfigurationError, match=message):
        opened(tmp_path, content, name="t.csv").record(0)


def test_a_broken_line_of_csv_is_skipped(tmp_path):
    with pytest.warns(match="2 of 4 rows"):
        source = opened(tmp_path, b"q,a\nx,1\ny,2,3\nz,4\n\xdf,5\n", name="t.csv", skip_broken=True)
    assert [source.record(number).reference.answer for number in range(2)] == ["1", "4"]
    assert list(source.skipped) == [f"{tmp_path / 't.csv'}, line {line}" for line in (3, 5)]


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\r")), min_size=2, max_size=2)))
def test_csv_is_read_as_it_was_written(tmp_path_factory, cells):
    file = tmp_path_factory.mktemp("csv") / "t.csv"
    lines = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in [["x", "y"], *cells]]
    file.write_text("\n".join(lines), encoding="utf-8", newline="")
    table = CsvTable(file, "")
    assert [list(table.row(n).values()) for n in range(len(table))] == [[cell or None for cell in row] for row in cells]


def test_a_folder_that_only_the_library_finds_csv_in_is_refused(tmp_path):
    (tmp_path / "my_train.csv").write_text("q,a\nx,007\n")
    with pytest.raises(ConfigurationError, match=r"takes texts for numbers: pass the file, or name it train\.csv"):
        OwnTable(path=str(tmp_path), columns=QA)


# cells


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"q": "x", "a": NaN}', "column 'a' is nan; a number must be finite"),
        ('{"q": "x", "a": -Infinity}', "column 'a' is -inf"),
        ('{"q": "x", "a": true}', "column 'a' is True, a bool; it must be a text or a number"),
        ('{"q": ["x"], "a": "1"}', r"column 'q' is \['x'\], a list"),
        ('{"q": "x", "a": {"k": 1}}', r"column 'a' is \{'k': 1\}, a dict"),
        (r'{"q": "\ud83d what?", "a": "1"}', r"column 'q' is '\\ud83d what\?'; character 1 is half a surrogate"),
        (r'{"q": "x", "a": "1\u0000"}', "column 'a' .*NUL character: remove it"),
        ('{"q": "x", "a": "A", "c": [null, "b"]}', "element 1 of column 'c' is None, a NoneType"),
        ('{"q": "x", "a": "A", "c": ["b", ""]}', "element 2 of column 'c' is empty; write it out or remove it"),
        ('{"q": "x", "a": "A", "c": [true, false]}', "element 1 of column 'c' is True, a bool"),
        ('{"q": "x", "a": "A", "c": "[NaN, 1]"}', "element 1 of column 'c' is nan"),
        ('{"q": "x", "a": "A", "c": [{"bytes": "b", "path": null}]}', "element 1 of column 'c' is {'bytes': 'b'"),
        (r'{"q": "x", "a": "A", "c": ["\udc00", "b"]}', "element 1 of column 'c' .*surrogate"),
        ('{"q": "x", "a": "1", "m": NaN}', "column 'm' is nan; a number must be finite"),
        ('{"q": "x", "a": "3", "p": 1.9}', "the precision is '?1.9'?; it must be a whole number"),
        ('{"q": "What does <video> do?", "a": "plays"}', "1 <video>, which stands for a video.*or <!video> where"),
        ('{"q": "x", "a": "A", "c": ["<video>", "b"]}', "1 <video>"),
    ],
)
@pytest.mark.parametrize("images", ["required", "absent"])
def test_a_cell_that_is_no_text_is_refused_with_its_row(tmp_path, images, row, message):
    table = json.loads(row)
    roles = QA | {role: name for role, name in (("choices", "c"), ("precision", "p")) if name in table}
    source = opened(tmp_path, row, roles, images=images, metadata=["m"] if "m" in table else [])
    with pytest.raises(DataError, match=rf"t\.jsonl, line 1 \(id train-0\): .*{message}.*skip_broken=True"):
        source.record(0)


def test_numbers_are_written_shortest(tmp_path):
    source = opened(tmp_path, '{"q": 7, "a": 0.10}\n{"q": "x", "a": 1e-7}\n{"q": "x", "a": 12345678901234567891}')
    assert source.record(0).question == "7"
    assert [source.record(number).reference.answer for number in range(3)] == ["0.1", "1e-07", "12345678901234567891"]


@pytest.mark.parametrize("name", ["q", "a"])
def test_bytes_are_no_text(tmp_path, name):
    columns = {"q": ["What?", "Why?"], "a": ["1", "2"]}
    columns[name] = [b"3", b"\xff\xfe"]
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    source = OwnTable(path=str(tmp_path / "t.parquet"), columns=QA)
    for number in range(2):
        with pytest.raises(DataError, match=rf"column '{name}' is b'.*', a bytes; it must be a text or a number"):
            source.record(number)


def test_ids_are_texts_or_numbers(tmp_path):
    pq.write_table(pa.table({"q": ["w", "v"], "a": ["1", "2"], "id": [b"x", b"y"]}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"row 1: column 'id' is True or bytes; an id must be a text or a number"):
        OwnTable(path=str(tmp_path / "t.parquet"), columns=QA | {"id": "id"})
    lines = [json.dumps({"q": "x", "a": "1", "id": id}) for id in (1, "two", [3], math.nan, None, False)]
    with pytest.raises(DataError, match=r"line 3: column 'id' is \[3\], a list"):
        opened(tmp_path, "\n".join(lines), QA | {"id": "id"})
    with pytest.warns(match="4 of 6 rows"):
        source = opened(tmp_path, "\n".join(lines), QA | {"id": "id"}, skip_broken=True)
    assert [source.record(number).id for number in range(len(source))] == ["1", "two"]
    assert list(source.skipped) == [f"{tmp_path / 't.jsonl'}, line {line}" for line in (3, 4, 5, 6)]


@pytest.mark.parametrize("value", ["yes", 1, [], b"true"])
def test_only_true_and_false_are_booleans(value):
    with pytest.raises(ValueError, match=r"the cell is .*; it must be true or false"):
        cells.boolean(value, "the cell")


@pytest.mark.parametrize("value", ["two", "nan", "1e999", True, [1], math.inf])
def test_only_finite_numbers_are_numbers(value):
    for read in (cells.number, cells.whole_number):
        with pytest.raises(ValueError, match=r"the cell is .*number"):
            read(value, "the cell")


@given(st.integers(-(10**17), 10**17))
def test_whole_numbers_are_read_back(value):
    assert cells.whole_number(value, "") == cells.whole_number(f" {value}.0 ", "") == value


def test_examples_of_cells():
    found = doctest.testmod(cells)
    assert (found.attempted > 0, found.failed) == (True, 0)


# what a student may see


GOLDS = {
    "MathVista": [{"answer": "97 kg"}],
    "MMMU": [{"answer": "A"}],
    "MMMUPro": [{"answer": "A"}],
    "MathVision": [{"answer": "B"}],
    "ZeroBench": [{"question_answer": "seven"}],
    "WeMath": [{"answer": "C"}],
    "MMFineReason": [{"answer": answer} for answer in ("Yes", "16", "red", "(J)")],
    "RLSDRelease": [{"answer": "A"}],
    "Geometry3K": [{"answer": "B"}, {"answer": r"\sqrt{2}"}],
    "ViRL39K": [{"answer": r"\boxed{B}"}, {"answer": "red"}],
    "MMK12": [{"answer": "B"}, {"answer": "red"}],
    "MathVerse": [{"answer": "A"}],
    "DynaMath": [{"ground_truth": ["7.5", "A", "odd"]}],
    "LogicVista": [{"answer": "B"}, {"answer": "A, B, C"}],
    "ChartQA": [{"label": [["red", "blue"]], "answer": "red"}],
    "AI2D": [{"answer": "0"}],
    "GSM8K": [{"answer": "10 / 2.\n#### 5"}],
    "MATH500": [{"answer": "B", "solution": "It is B."}],
    "Table": [{"gold": "B", "rationale": "It is blue."}],
}
"""Other gold answers of each data set, by column; a list is a whole column."""
DATA_IDS = [id for id in IDS if ".procedural." not in IDS[id]["source"]]


def rewrite(folder, golds):
    for file in folder.rglob("*.json"):
        file.write_text(json.dumps([row | golds for row in json.loads(file.read_text())]))
    for file in folder.rglob("*.parquet"):
        table = pq.read_table(file)
        for name in set(golds).intersection(table.column_names):
            cells = golds[name] if isinstance(golds[name], list) else [golds[name]] * len(table)
            field = table.schema.field(name)
            table = table.set_column(table.column_names.index(name), field, pa.array(cells, field.type))
        pq.write_table(table, file)


def everything_public(id, options):
    kwargs = IDS[id] | options
    source = load_source(kwargs.pop("source"), kwargs)
    tasks = [source.item(number).task for number in range(len(source))]
    shown = [{field.name: getattr(task, field.name) for field in dataclasses.fields(task)} for task in tasks]
    golds = [source.privileged(number).reference.answer for number in range(len(source))]
    return [task | {"images": [image.tobytes() for image in task["images"]]} for task in shown], golds


@pytest.mark.parametrize("id", DATA_IDS)
def test_another_gold_in_the_file_changes_nothing_public(id, tmp_path):
    public, golds = everything_public(id, arguments(id, tmp_path / "0"))
    for number, other in enumerate(GOLDS[id.removeprefix("rlsd/").split("-")[0]], start=1):
        folder = tmp_path / str(number)
        options = arguments(id, folder)
        rewrite(folder, other)
        changed, other_golds = everything_public(id, options)
        assert not set(golds).intersection(other_golds)
        assert changed == public


@pytest.mark.parametrize("problem_type", ["numerical", "math", "boolean", ""])
def test_the_kind_of_a_release_row_follows_its_problem_type_alone(tmp_path, problem_type):
    kinds = set()
    for answer in ("3", "three apples", "B", "x + 1"):
        file = tmp_path / f"{answer}.json"
        file.write_text(json.dumps([{"problem": "How many?", "problem_type": problem_type, "answer": answer}]))
        kinds.add(RLSDRelease(path=str(file)).item(0).task.kind)
    assert len(kinds) == 1


@pytest.mark.parametrize("private", ["answer", "solution", "trace"])
@pytest.mark.parametrize("public", ["metadata", "id", "question", "choices", "kind"])
def test_a_column_cannot_be_private_and_public(tmp_path, private, public):
    columns = QA | {"solution": "s", "trace": "t"}
    name = columns[private]
    options = {"metadata": [name]} if public == "metadata" else {}
    columns |= {} if public == "metadata" else {public: ["w", name] if public == "choices" else name}
    content = '{"q": "x", "a": "1", "s": "so", "t": "thus", "w": "2"}'
    with pytest.raises(
        ConfigurationError, match=f"column '{name}' is the {private}, and {public} too, which a student"
    ):
        opened(tmp_path, content, columns, **options)


# rows and files that are broken, and files made to break


def test_pictures_are_decoded_to_their_end_before_they_are_trusted(tmp_path):
    table = with_files(tmp_path, rows(6))
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 300, 3), dtype=np.uint8))
    for number, form in enumerate(("JPEG", "PNG", "WEBP"), start=1):
        buffer = io.BytesIO()
        noise.save(buffer, form)
        (tmp_path / "images" / f"{number}.png").write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    write_lines(tmp_path, table)
    with pytest.warns(match="3 of 6 rows"):
        source = Colours(path=str(tmp_path), skip_broken=True)
    assert set(source.skipped) == {"1", "2", "3"}
    assert all("line" in why and "cannot be read" in why for why in source.skipped.values())
    assert [source.item(number).task.id for number in range(len(source))] == ["0", "4", "5"]


def test_real_pictures_are_whole(mathvision_dir, recwarn):
    source = load_source(
        "rlsd_env.sources.mathvision:MathVision", {"path": mathvision_dir, "split": "testmini"} | {"skip_broken": True}
    )
    assert isinstance(source, DataSource)
    assert (len(source), source.skipped, len(recwarn)) == (304, {}, 0)


def packed(folder, content):
    file = folder / "t.jsonl.gz"
    file.write_bytes(gzip.compress(content))
    return str(file)


def test_a_file_that_grows_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "MAX_LINE_BYTES", 2**20)
    path = packed(tmp_path, b'{"q": "x", "a": "1"}\n' + b"\n" * 2**22)
    with pytest.raises(DataError, match=r"bytes grow to more than 1,0\d\d,\d\d\d when they are unpacked; if"):
        OwnTable(path=path, columns=QA)


def test_an_honest_file_opens_however_well_it_packs(tmp_path):
    row = json.dumps({"q": "What is 2 + 2? " * 10, "a": "4"}).encode() + b"\n"
    source = OwnTable(path=packed(tmp_path, row * 100_000), columns=QA)
    assert len(source) == 100_000


def test_a_long_line_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "MAX_LINE_BYTES", 100)
    lines = ['{"q": "x", "a": "1"}', json.dumps({"q": "x" * 100, "a": "1"}), '{"q": "y", "a": "2"}']
    with pytest.raises(DataError, match=r"t\.jsonl, line 2: more than 100 bytes in one line"):
        opened(tmp_path, "\n".join(lines))
    with pytest.warns(match="1 of 3 rows"):
        assert len(opened(tmp_path, "\n".join(lines), skip_broken=True)) == 2
    exact = json.dumps({"q": "x" * 81, "a": "1"})
    assert len(exact) == 100
    assert len(opened(tmp_path, f"{exact}\n{exact}")) == 2


def test_lines_of_nothing_take_no_time(tmp_path):
    source = opened(tmp_path, b"\n" * 50_000_000 + b' \t\n{"q": "x", "a": "1"}\r\n' + b" \n" * 5_000_000)
    assert len(source) == 1
    with pytest.raises(DataError, match="line 50000002: no column q, a"):
        opened(tmp_path, b"\n" * 50_000_000 + b" \t\n{}")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pass_rate": "half"}, "column 'pass_rate' is 'half'; it must be a number"),
        ({"pass_rate": True}, "column 'pass_rate' is True, a bool"),
        ({"is_consistent": "perhaps"}, "column 'is_consistent' is 'perhaps'; it must be true or false"),
        ({"answer": ["3"]}, r"column 'answer' is \['3'\], a list"),
        ({"question": None}, "column 'question' is None; it must not be empty"),
    ],
)
def test_types_of_mmfinereason_are_strict(tmp_path, change, message):
    row = {"source": "x", "id": 1, "question": "<image>?", "answer": "3", "is_consistent": True, "pass_rate": 0.5}
    row |= {"image": None, TRACE: "Thus 3."}
    file = tmp_path / "t.jsonl"
    file.write_text(json.dumps(row | {"image": "a.png"} | change))
    options = {"path": str(file), "min_pass_rate": 0.25, "consistent_only": True}
    with pytest.raises(DataError, match=rf"t\.jsonl, line 1: {message}.*skip_broken=True"):
        MMFineReason(**options)
    texts = row | {"question": "How many?", "pass_rate": "0.5", "is_consistent": "True"}
    file.write_text("\n".join(map(json.dumps, (texts, texts | {"id": 2, "is_consistent": "False"}))))
    source = MMFineReason(**options)
    assert (len(source), source.left_out) == (1, {"inconsistent trace": 1})
    assert dict(source.record(0).metadata) == {"source": "x", "pass_rate": 0.5, "is_consistent": True}
    assert source.privileged(0).trace == "Thus 3."


@pytest.mark.parametrize("values", [np.full((4, 4), 0.5, np.float32), np.full((4, 4), 200, np.int32)])
def test_values_without_a_range_are_no_picture(tmp_path, values):
    Image.fromarray(values).save(tmp_path / "a.tiff")
    picture = Picture.inside(tmp_path, "a.tiff")
    for read in (picture.size, picture.check, picture.decode):
        with pytest.raises(
            DataError, match=r"'a\.tiff' has 32-bit or floating-point grey values.*convert it to 8 or 16"
        ):
            read()


def test_sixteen_bits_are_cut_to_eight_and_an_animation_to_its_first_frame(tmp_path):
    grey = Image.fromarray(np.full((4, 4), 40_000, np.uint16))
    for name in ("a.png", "a.tiff"):
        grey.save(tmp_path / name)
        assert Picture.inside(tmp_path, name).decode()[0, 0].tolist() == [156, 156, 156]  # 40,000 / 256 = 156.25
    (tmp_path / "a.pgm").write_bytes(b"P5 1 1 65535\n" + (40_000).to_bytes(2, "big"))
    assert Picture.inside(tmp_path, "a.pgm").decode()[0, 0].tolist() == [156, 156, 156]
    frames = [Image.open(io.BytesIO(png(colour))) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert Picture.inside(tmp_path, "a.gif").decode()[0, 0].tolist() == [255, 0, 0]
