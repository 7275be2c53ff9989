"""A table of the user's own, by saying which column is what."""

from __future__ import annotations

import base64
import csv
import doctest
import itertools
import json

import gymnasium
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rlsd_env  # noqa: F401
import verifiers
from rlsd_env import ConfigurationError
from rlsd_env.errors import DataError
from rlsd_env.sources import rows
from rlsd_env.sources.own_table import OwnTable
from rlsd_env.sources.rows import listed, placed, unboxed, without_labels, written_options
from tests.rlsd_env.sources.hub_copy import png, write_split

COLUMNS = {
    "question": "prompt",
    "answer": "gold",
    "images": ["img1", "img2"],
    "choices": "options",
    "solution": "rationale",
    "id": "uid",
    "kind": "type",
}
ROW = {
    "prompt": "Which is red?",
    "gold": "the first",
    "img1": png("red"),
    "img2": png("blue"),
    "options": '["the first", "the second"]',
    "rationale": "It is red.",
    "uid": "q-1",
    "type": "choice",
    "subject": "colours",
}


def test_the_documented_example(tmp_path):
    path = write_split(tmp_path, "train", [ROW]) + "/data/train-00000-of-00001.parquet"
    env = gymnasium.make(
        "rlsd/Table-v0", path=path, columns=COLUMNS, metadata=["subject"], expose_privileged=True, licence="MIT"
    )
    observation, info = env.reset(seed=0)
    assert observation["question"].startswith("<image>\n<image>\nWhich is red?\n(A) the first\n(B) the second\n")
    assert [tuple(image[0, 0]) for image in observation["images"]] == [(255, 0, 0), (0, 0, 255)]
    assert info["task_id"] == "q-1"
    assert (dict(info["task"].metadata), info["task"].licence) == ({"subject": "colours"}, "MIT")
    assert env.get_wrapper_attr("privileged").reference.solution == "It is red."
    assert env.step("<answer>A</answer>")[1] == 1.0


def test_a_mapping_in_a_file_says_the_same(tmp_path):
    path = write_split(tmp_path, "train", [ROW])
    lines = [f"{role} = {json.dumps(names)}" for role, names in COLUMNS.items()]
    mapping = tmp_path / "table.toml"
    mapping.write_text("\n".join(['metadata = ["subject"]', "train_allowed = false", "[columns]", *lines]))
    by_file, by_arguments = (
        OwnTable(path=path, mapping=str(mapping)),
        OwnTable(path=path, columns=COLUMNS, metadata=["subject"], train_allowed=False),
    )
    one, other = by_file.item(0), by_arguments.item(0)
    assert (one.task.question, one.task.info) == (other.task.question, other.task.info)
    assert one.privileged.reference == other.privileged.reference
    assert not one.task.train_allowed
    with pytest.raises(ConfigurationError, match="give one of the two"):
        OwnTable(path=path, mapping=str(mapping), columns=COLUMNS)
    mapping.write_text('answers = "leter"')
    with pytest.raises(ConfigurationError, match="unknown value of answers 'leter'; did you mean 'letter'"):
        OwnTable(path=path, mapping=str(mapping))
    mapping.write_text('train_allowed = "no"')
    with pytest.raises(ConfigurationError, match=r"train_allowed of table.toml is 'no'; it must be a bool"):
        OwnTable(path=path, mapping=str(mapping))
    mapping.write_text("colums = {}")
    with pytest.raises(ConfigurationError, match="did you mean 'columns'"):
        OwnTable(path=path, mapping=str(mapping))


def jsonl(tmp_path, *rows):
    (tmp_path / "table.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return str(tmp_path / "table.jsonl")


PLAIN = {"question": "q", "answer": "a"}


@pytest.mark.parametrize(
    ("cells", "choices"),
    [
        ({"c": ["3 cm", "4 cm"]}, ("3 cm", "4 cm")),
        ({"c": '["3 cm", "4 cm"]'}, ("3 cm", "4 cm")),
        ({"c": "['3 cm', '4 cm']"}, ("3 cm", "4 cm")),
        ({"c": ["A. 3 cm", "B. 4 cm"]}, ("3 cm", "4 cm")),
        ({"c": "[3, 4]", "a": "4"}, ("3", "4")),
        ({"c": None, "a": "4"}, ()),
    ],
)
def test_forms_of_choices(tmp_path, cells, choices):
    path = jsonl(tmp_path, {"q": "How long?", "a": "B", **cells})
    item = OwnTable(path=path, columns=PLAIN | {"choices": "c"}).item(0)
    assert item.task.choices == choices
    verify = verifiers.make("answer").verify
    assert verify(f"<answer>{'B' if choices else 4}</answer>", item.privileged.reference).reward == 1.0


@pytest.mark.parametrize(
    ("answers", "cells", "right"),
    [
        ("letter", {"c": ["B", "A"], "a": "A"}, "A"),
        ("letter", {"c": ["B", "A"], "a": "(b)"}, "B"),
        ("text", {"c": ["B", "A"], "a": "A"}, "B"),
        ("text", {"c": ["a", "A"], "a": "A"}, "B"),
        ("text", {"c": ["3 cm", "4 cm"], "a": "4 cm"}, "B"),
        ("auto", {"c": ["A", "B"], "a": "A"}, "A"),
        ("auto", {"c": ["C", "D"], "a": "A"}, "A"),
        ("auto", {"c": ["3 cm", "4 cm"], "a": "4 cm"}, "B"),
    ],
)
def test_an_answer_among_choices_is_read_as_its_column_says(tmp_path, answers, cells, right):
    columns = PLAIN | {"choices": "c"}
    path = jsonl(tmp_path, {"q": "Which?", **cells})
    source = OwnTable(path=path, columns={**columns, "question": "q", "answer": "a"}, answers=answers)
    verify, reference = verifiers.make("answer").verify, source.record(0).reference
    rewards = {letter: verify(f"<answer>{letter}</answer>", reference).reward for letter in "AB"}
    assert rewards == {"A": float(right == "A"), "B": float(right == "B")}


def test_a_letter_may_stand_for_options_in_the_question(tmp_path):
    path = jsonl(tmp_path, {"question": "Which?\nA. 3\nB. 4", "answer": "B", "kind": "choice"})
    assert OwnTable(path=path, answers="letter").record(0).reference.answer == "B"


@pytest.mark.parametrize(
    ("answers", "answer", "message"),
    [
        ("letter", "4 cm", "'4 cm' is not the letter of one of the 2 choices"),
        ("letter", "C", "'C' is not the letter of one of the 2 choices"),
        ("text", "B", "'B' is the text of 0 of the choices"),
    ],
)
def test_an_answer_of_the_other_sort_is_refused(tmp_path, answers, answer, message):
    path = jsonl(tmp_path, {"question": "Which?", "answer": answer, "choices": ["3 cm", "4 cm"]})
    with pytest.raises(DataError, match=message):
        OwnTable(path=path, answers=answers).record(0)


def test_columns_that_are_called_what_they_are_need_no_mapping(tmp_path):
    row = {"question": "Which?", "answer": "B", "choices": ["3", "4"], "id": "u1", "solution": "s", "kind": "choice"}
    source = OwnTable(path=jsonl(tmp_path, row))
    record = source.record(0)
    assert (record.id, record.choices, record.reference.solution) == ("u1", ("3", "4"), "s")
    named = OwnTable(path=jsonl(tmp_path, row | {"q": "Why?"}), columns={"question": "q"}).record(0)
    assert (named.id, named.question, named.choices) == ("train-0", "Why?", ())


def test_a_rewritten_table_and_mapping_are_read_anew(tmp_path):
    table, mapping = tmp_path / "table.csv", tmp_path / "table.toml"

    def answers():
        env = gymnasium.make("rlsd/Table-v0", path=str(table), mapping=str(mapping), expose_privileged=True)
        source = env.unwrapped.desk.source
        return [source.record(index).reference.answer for index in range(len(source))]

    table.write_text("q,a,b\n1 + 1?,2,two\n")
    mapping.write_text('[columns]\nquestion = "q"\nanswer = "a"\n')
    assert answers() == ["2"]
    table.write_text("q,a,b\n1 + 1?,2,two\n2 + 2?,4,four\n")
    assert answers() == ["2", "4"]
    mapping.write_text('[columns]\nquestion = "q"\nanswer = "b"\n# in words\n')
    assert answers() == ["two", "four"]


def test_messages_on_a_table_of_ones_own_speak_of_no_download(tmp_path):
    (tmp_path / "train.jsonl").write_text("")
    with pytest.raises(
        DataError, match=r"holds no usable rows; it is empty: write rows into it, or pass another path$"
    ):
        OwnTable(path=str(tmp_path))
    (tmp_path / "train.jsonl").rename(tmp_path / "problems.jsonl")
    with pytest.raises(ConfigurationError, match=r"has problems\.jsonl: pass that file$"):
        OwnTable(path=str(tmp_path))
    path = jsonl(tmp_path, {"question": "Which?", "answer": "1", "images": "images/none.png"})
    with pytest.raises(DataError, match=f"is missing; images are looked for relative to {tmp_path}: put") as found:
        OwnTable(path=path).item(0)
    assert "download" not in str(found.value)


def test_choices_in_columns_of_their_own(tmp_path):
    columns = PLAIN | {"choices": ["w", "x", "y", "z"]}
    row = {"q": "?", "a": "B", "w": 3, "x": 4.5, "y": None, "z": ""}
    assert OwnTable(path=jsonl(tmp_path, row), columns=columns).record(0).choices == ("3", "4.5")
    with pytest.raises(DataError, match=r"line 1 .*column 'x' is empty and a later choice is not"):
        OwnTable(path=jsonl(tmp_path, row | {"x": None, "y": 5}), columns=columns).record(0)


def test_kind_unit_and_precision(tmp_path):
    columns = PLAIN | {"kind": "k", "unit": "u", "precision": "p"}
    rows = [
        {"q": "?", "a": 3.14159, "k": "decimal", "u": "cm", "p": 2},
        {"q": "?", "a": "True", "k": "", "u": "", "p": None},
    ]
    source = OwnTable(path=jsonl(tmp_path, *rows), columns=columns)
    verify = verifiers.make("answer").verify
    reference = source.record(0).reference
    assert [verify(f"<answer>{x}</answer>", reference).reward for x in ("3.14", "3.14 cm", "3.15")] == [1, 1, 0]
    assert (source.record(1).id, source.record(1).reference.answer) == ("train-1", "True")


def test_images_as_paths_and_placeholders_of_the_table(tmp_path):
    (tmp_path / "a.png").write_bytes(png("red"))
    (tmp_path / "b.png").write_bytes(png("blue"))
    row = {"q": "Is <image> like <image>?", "a": "no", "i": ["b.png", "a.png"]}
    columns = PLAIN | {"images": "i"}
    task = OwnTable(path=jsonl(tmp_path, row), columns=columns).item(0).task
    assert task.question == "Is <image> like <image>?"
    assert [tuple(image[0, 0]) for image in task.images] == [(0, 0, 255), (255, 0, 0)]
    with pytest.raises(DataError, match="1 <image> and the row has 2 images"):
        OwnTable(path=jsonl(tmp_path, row | {"q": "Is <image> red?"}), columns=columns).item(0)
    with pytest.raises(DataError, match="image 2 of 2 in column 'i' is missing"):
        OwnTable(path=jsonl(tmp_path, row | {"i": ["a.png", None]}), columns=columns).item(0)
    absent = OwnTable(path=jsonl(tmp_path, row | {"q": "Same?"}), columns=columns, images="absent").item(0).task
    assert (absent.question, absent.images) == ("[image]\n[image]\nSame?", ())


def test_a_word_that_looks_like_a_placeholder(tmp_path):
    row = {"q": "Which tag is HTML's own, <!image> or <img>?", "a": "<image>", "c": ["<img>", "<!image>"]}
    source = OwnTable(path=jsonl(tmp_path, row), columns=PLAIN | {"choices": "c"}, answers="text")
    prompt = gymnasium.make("rlsd/Table-v0", path=source.path, columns=PLAIN).reset(seed=0)[0]["question"]
    assert prompt.startswith(row["q"])
    reference = source.record(0).reference
    assert (reference.answer, reference.choices) == ("B", ("<img>", "<image>"))
    with pytest.raises(DataError, match=r"1 <image> and the row has 0 images; write <!image> or <!video> where"):
        OwnTable(path=jsonl(tmp_path, row | {"q": "What is <image>?"}), columns=PLAIN).item(0)
    with pytest.raises(DataError, match=r"the row has none; write <!image> or <!video> where the word is meant"):
        OwnTable(path=jsonl(tmp_path, row | {"q": "What is <video>?"}), columns=PLAIN).item(0)


def test_a_csv_file(tmp_path):
    with (tmp_path / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["q", "a"], ["2 + 2?", "4"]])
    assert OwnTable(path=str(tmp_path / "table.csv"), columns=PLAIN).record(0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": {"question": "q", "anser": "a"}}, "unknown key of columns 'anser'; did you mean 'answer'"),
        ({"columns": {"question": "q"}}, r"columns has no 'answer', and no column is called so \(the table has q, a\)"),
        ({"columns": PLAIN, "answers": "txt"}, "unknown value of answers 'txt'; did you mean 'text'"),
        ({}, "columns has no 'question'"),
        ({"columns": {"question": ["q", "r"], "answer": "a"}}, "names 2 columns; only images, choices, group may"),
        ({"columns": {"question": "q", "answer": ""}}, "must be the name of a column"),
        ({"columns": "question"}, "must say which column is what"),
        ({"columns": PLAIN, "metadata": "subject"}, "must be a list of columns"),
        ({"columns": PLAIN, "metadata": [3]}, "must be a list of columns"),
        ({"columns": PLAIN, "metadata": 3}, "metadata is 3; it must be a list of columns' names"),
        ({"columns": 3}, "columns is 3; it must say which column is what"),
        ({"columns": ["group"]}, r"columns is \['group'\]; it must say which column is what"),
        ({"columns": {"question": 3}}, r"columns\['question'\] is 3; it must be the name of a column"),
        ({"columns": {"question": "q", "answer": "gold"}}, "has q, a. Correct `columns`, `metadata` or `map"),
        ({"columns": PLAIN, "path": None}, "path=FILE_OR_FOLDER or hub_id=NAME"),
        ({"columns": PLAIN, "hub_id": "a/b"}, "and not both"),
        ({"columns": PLAIN, "path": "/nowhere.csv"}, "'/nowhere.csv' does not exist"),
        ({"mapping": "/nowhere.toml"}, "cannot be read as TOML"),
    ],
)
def test_wrong_arguments(tmp_path, options, message):
    path = jsonl(tmp_path, {"q": "?", "a": "1"})
    with pytest.raises(ConfigurationError, match=message):
        OwnTable(**({"path": path} | options))


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"a": None}, "column 'a' is None"),
        ({"k": "integr"}, "did you mean 'integer'"),
        ({"k": "integer", "a": "two thirds of it"}, "two thirds of it"),
        ({"c": ["B", "A"], "a": "A"}, r"'A' is the letter of one option and the text of another \(B\); pass answers="),
        ({"c": ["B", "A"], "a": "a"}, "'a' is the letter of one option and the text of another"),
        ({"c": ["x", "y"], "a": "C"}, "neither a letter from A to B nor the text"),
        ({"m": [1, 2]}, "metadata must be texts, numbers or booleans"),
        ({"c": "x or y"}, "must be a list, or a list written as JSON or Python"),
    ],
)
def test_broken_rows(tmp_path, cells, message):
    path = jsonl(tmp_path, {"q": "?", "a": "1", "k": "", "c": None, "m": 1} | cells)
    source = OwnTable(path=path, columns={"question": "q", "answer": "a", "kind": "k", "choices": "c"}, metadata=["m"])
    with pytest.raises(DataError, match=message) as caught:
        source.record(0)
    assert f"{path}, line 1 (id train-0): " in str(caught.value)


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(str.strip)))
def test_a_list_is_read_back_however_it_is_written(items):
    for written in (items, json.dumps(items), repr(items)):
        assert listed(written, "c") == tuple(items)


def test_options_and_labels():
    found = doctest.testmod(rows)
    assert (found.attempted > 0, found.failed) == (True, 0)
    assert written_options("Pick.\nA: 12\nB: 9\nC: 8") == ("12", "9", "8")
    assert written_options("A. 1\nB. 2\nThen:\nA. red\nB. blue\nC. green") == ("red", "blue", "green")
    assert written_options("A. one\nC. three") == ()
    assert without_labels(["(A) x", "B) y", "C. z"]) == ("x", "y", "z")
    assert without_labels(["A. x", "C. y"]) == ("A. x", "C. y")
    assert unboxed(r"so \boxed{1} or \boxed{2}") == r"so \boxed{1} or \boxed{2}"
    assert placed("Why?", 2) == "<image>\n<image>\nWhy?"


def test_pictures_may_be_data_urls(tmp_path):
    red, blue = (f"data:image/png;base64,{base64.b64encode(png(name)).decode()}" for name in ("red", "blue"))
    rows = [
        {"question": "Which?", "answer": "1", "images": red},
        {"question": "Which?", "answer": "1", "images": [blue, {"bytes": None, "path": red}]},
        {"question": "Which?", "answer": "1", "images": red[:80]},
    ]
    source = OwnTable(path=jsonl(tmp_path, *rows))
    one, two = (source.item(number).task.images for number in range(2))
    assert [tuple(image[0, 0]) for image in (*one, *two)] == [(255, 0, 0), (0, 0, 255), (255, 0, 0)]
    with pytest.raises(DataError, match=r"line 3 \(id train-2\): image 'data:image/png;base64,.*skip_broken=true"):
        source.item(2)
    assert source.privileged(2).reference.answer == "1"
    (tmp_path / "table.csv").write_text(f'question,answer,images\nWhich?,1,"{blue}"\n')
    assert tuple(OwnTable(path=str(tmp_path / "table.csv")).item(0).task.images[0][0, 0]) == (0, 0, 255)


def test_to_name_the_group_leaves_the_other_columns_found(tmp_path):
    path = jsonl(tmp_path, {"question": "Which?", "answer": "B", "choices": ["a", "b"], "figure": "f"})
    assert OwnTable(path=path, columns={"group": "figure"}).item(0).task.choices == ("a", "b")
    assert OwnTable(path=path, columns={"group": "figure", "answer": "answer"}).item(0).task.choices == ()


def test_rows_of_one_group_fall_into_one_fold(tmp_path):
    """Of eight figures each has five questions, one of which is of another book, whose figures are others."""
    rows = [
        {"id": f"q{n}", "question": f"{n}?", "answer": "1", "figure": n // 5, "book": "ab"[n % 5 == 4], "group": "x"}
        for n in range(40)
    ]
    path, plain = jsonl(tmp_path, *rows), {"question": "question", "id": "id"}
    source = OwnTable(path=path, columns=plain | {"group": "figure"})
    folds = {name: list(source.fold(name)) for name in ("train", "tuning", "heldout")}
    assert sorted(itertools.chain(*folds.values())) == list(range(40))
    figures = {name: {number // 5 for number in numbers} for name, numbers in folds.items()}
    assert sum(map(len, figures.values())) == 8
    assert source.groups()["3"] == [15, 16, 17, 18, 19]
    by_both = OwnTable(path=path, columns=plain | {"group": ["figure", "book"]})
    assert by_both.groups()["3/a"] == [15, 16, 17, 18]
    # without a group, as ever: by the id; a column that happens to be called so changes nothing
    for ungrouped in (OwnTable(path=path), OwnTable(path=path, columns=plain)):
        assert [number for number in ungrouped.fold("heldout") if number < 24] == [8, 11, 20, 22]
        assert [number for number in ungrouped.fold("tuning") if number < 24] == [1, 6, 10]
    rows[3]["figure"] = None
    with pytest.raises(DataError, match=r"line 4: column 'figure' is empty; it must name the row or its group"):
        OwnTable(path=jsonl(tmp_path, *rows), columns=plain | {"group": "figure"})
