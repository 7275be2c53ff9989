"""MATH-V: pictures marked in the text, options drawn in the picture, and every real problem."""

from __future__ import annotations

import json

import gymnasium
import numpy as np
import pytest
from PIL import Image

import rlsd_env  # noqa: F401
import verifiers
from rlsd_env import ConfigurationError
from rlsd_env.prompts import render
from rlsd_env.sources.mathvision import MathVision
from tests.conftest import DATA
from tests.rlsd_env.sources.hub_copy import png, write_split

ROW = {
    "id": "7",
    "question": "Which one?\n<image1> and <image2>, like <image1>",
    "options": ["red", "blue"],
    "answer": "B",
    "solution": None,
    "level": 2,
    "subject": "logic",
    "image": "images/7.png",
}
PROMPT = """\
Please solve the problem step by step and put your answer in one "\\boxed{}". If it is a multiple choice question, \
only one letter is allowed in the "\\boxed{}".
Which one?
<image> and (picture 2), like (picture 1)
(A) red
(B) blue
"""


@pytest.fixture
def folder(tmp_path):
    """A small copy of the official schema."""
    (tmp_path / "images").mkdir()
    Image.new("RGBA", (8, 6), (255, 0, 0, 0)).save(tmp_path / "images" / "7.png")
    write(tmp_path, [ROW])
    return tmp_path


def write(folder, rows):
    (folder / "testmini.jsonl").write_text("\n".join(json.dumps(row) for row in rows))


def load(folder, **arguments):
    return MathVision(path=str(folder), split="testmini", **arguments)


def test_a_row_becomes_a_task(folder):
    source = load(folder)
    item = source.item(0)
    assert render(item.task, "none", source.template) == PROMPT
    assert render(item.task, "tags", source.template).startswith("Which one?\n<image>")
    assert item.task.choices == ("red", "blue")
    np.testing.assert_array_equal(item.task.images[0], np.full((6, 8, 3), 255, np.uint8))  # transparent is white
    assert (item.task.licence, item.task.train_allowed) == ("MIT", True)
    verifier = verifiers.make(source.verifier, **source.verifier_kwargs)
    for response, reward in ((r"\boxed{B}", 1.0), ("<answer> blue </answer>", 1.0), (r"\boxed{A}", 0.0)):
        assert verifier.verify(response, item.privileged.reference).reward == reward


def test_the_hub_s_copy_gives_the_same_task(folder, tmp_path):
    row = {**ROW, "decoded_image": png("red")}
    hub = load(write_split(tmp_path / "hub", "testmini", [row])).item(0)
    local = load(folder).item(0)
    assert (hub.task.question, hub.task.choices, hub.task.metadata) == (
        local.task.question,
        local.task.choices,
        local.task.metadata,
    )
    assert hub.privileged.reference == local.privileged.reference
    assert hub.task.images[0][0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    ("question", "choices", "written", "options"),
    [
        ("Why?", ["3"], "<image>\nWhy?", ("3",)),
        ("Why?", ["<image1>", "<image2>"], "<image>\nWhy?", ("(picture 1)", "(picture 2)")),
        ("<image3> is?", ["<image5>", "<image3>"], "<image> is?", ("(picture 2)", "(picture 1)")),
    ],
)
def test_one_merged_picture_stands_for_all_marks(folder, question, choices, written, options):
    write(folder, [ROW | {"question": question, "options": choices, "answer": "A"}])
    task = load(folder).item(0).task
    assert (task.question, task.choices) == (written, options)


def test_options_that_are_drawn_in_the_picture_are_not_listed(folder):
    write(folder, [ROW | {"options": ["A", "B", "C"]}])
    env = gymnasium.make("rlsd/MathVision-testmini-v0", path=str(folder))
    observation, _ = env.reset(seed=0)
    assert "(A)" not in observation["question"]
    assert observation["choices"] == ("A", "B", "C")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"answer": "C"},
            r"testmini\.jsonl, line 1 \(id 7\): the answer is 'C', and the row lists no such choice .there are A to B",
        ),
        ({"answer": " "}, r"line 1 \(id 7\): row '7' of mathvision: column 'answer' is ' '"),
        ({"level": "hard"}, r"line 1 \(id 7\): invalid literal"),
    ],
)
def test_rows_with_impossible_cells_are_named(folder, changed, message):
    write(folder, [ROW | changed])
    with pytest.raises(ConfigurationError, match=message):
        load(folder).item(0)


def test_missing_data_says_what_to_pass():
    with pytest.raises(ConfigurationError, match=r"hf download MathLLMs/MathVision .* pass path=FOLDER"):
        gymnasium.make("rlsd/MathVision-testmini-v0")
    with pytest.raises(ConfigurationError, match="path '/nowhere' does not exist"):
        gymnasium.make("rlsd/MathVision-testmini-v0", path="/nowhere")


def test_every_real_problem_opens_and_its_gold_scores(mathvision_dir):
    source = load(mathvision_dir)
    verifier = verifiers.make(source.verifier, **source.verifier_kwargs)
    assert len(source) == 304
    choices = 0
    for index in range(len(source)):
        item = source.item(index)
        reference = item.privileged.reference
        assert verifier.verify(rf"\boxed{{{reference.answer}}}", reference).reward == 1.0, item.task.id
        assert verifier.verify("", reference).reward == 0.0
        assert item.task.question.count("<image>") == len(item.task.images) == 1
        assert render(item.task, "none", source.template)
        choices += bool(item.task.choices)
    assert choices == 190


def test_every_row_of_the_real_test_split_converts(mathvision_dir):
    source = MathVision(path=str(DATA / "mathvision"), images="absent")
    verifier = verifiers.make(source.verifier, **source.verifier_kwargs)
    assert len(source) == 3040
    for index in range(len(source)):
        reference = source.record(index).reference
        assert verifier.verify(rf"\boxed{{{reference.answer}}}", reference).reward == 1.0, source.record(index).id
        assert render(source.item(index).task, "none", source.template)


def test_real_folds_are_disjoint_and_complete(mathvision_dir):
    source = load(mathvision_dir)
    folds = [set(source.fold(name)) for name in ("train", "tuning", "heldout")]
    assert set().union(*folds) == set(range(304))
    assert sum(map(len, folds)) == 304
    assert 40 <= len(folds[2]) <= 80
    assert 15 <= len(folds[1]) <= 50
