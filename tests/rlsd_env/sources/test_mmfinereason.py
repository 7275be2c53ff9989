"""MMFineReason-123K and the release of RLSD's authors."""

from __future__ import annotations

import doctest
import json

import gymnasium
import numpy as np
import pytest

import rlsd_env  # noqa: F401
import verifiers
from rlsd_env import ConfigurationError
from rlsd_env.errors import DataError
from rlsd_env.sources import mmfinereason
from rlsd_env.sources.mmfinereason import TRACE, MMFineReason, answer_kind, verifiable
from rlsd_env.sources.rlsd_release import RLSDRelease
from tests.conftest import DATA
from tests.rlsd_env.sources.hub_copy import png, write_split
from verifiers import AnswerKind

ROW = {
    "id": 1,
    "source": "MMK12",
    "question": "<image>Which?\nA. red\nB. blue",
    "answer": "B",
    "image": png(),
    TRACE: "<think>It is blue.</think> <answer>B</answer>",
    "pass_rate": 0.25,
    "is_consistent": True,
    "original_answer": r"\boxed{B}",
    "caption": "A blue square.",
}


def rewards(reference, *answers):
    verifier = verifiers.make("answer")
    return [verifier.verify(f"<answer>{answer}</answer>", reference).reward for answer in answers]


def test_a_row_becomes_a_task(tmp_path):
    path = write_split(tmp_path, "train", [ROW])
    env = gymnasium.make("rlsd/MMFineReason-v0", path=path, expose_privileged=True)
    observation, info = env.reset(seed=0)
    assert observation["question"].startswith("<image>Which?\nA. red\nB. blue\n")
    assert observation["choices"] == ()  # they stand in the question
    np.testing.assert_array_equal(observation["images"][0], np.full((6, 8, 3), (255, 0, 0), np.uint8))
    assert info["task_id"] == "MMK12/1"
    assert (info["task"].licence, info["task"].train_allowed) == ("Apache-2.0", True)
    assert dict(info["task"].metadata) == {"source": "MMK12", "pass_rate": 0.25, "is_consistent": True}
    privileged = env.get_wrapper_attr("privileged")
    assert privileged.trace == ROW[TRACE]
    assert privileged.extras["caption"] == "A blue square."
    assert rewards(privileged.reference, "B", "(b)", "blue", "red", "A") == [1, 1, 1, 0, 0]


def test_rows_that_are_no_tasks_are_left_out_and_counted(tmp_path):
    rows = [
        ROW,
        ROW | {"id": 2, "answer": None},
        ROW | {"id": 3, "image": None},
        ROW | {"id": 4, "answer": "it is moved to the left by two"},
        ROW | {"id": 5, "is_consistent": False},
        ROW | {"id": 6, "pass_rate": 1.0},
        ROW | {"id": 7, "image": None, "question": "How many sides has a square?", "answer": "4"},
    ]
    path = write_split(tmp_path, "train", rows)

    def ids(**options):
        source = MMFineReason(path=path, **options)
        return [source.record(index).id.partition("/")[2] for index in range(len(source))], dict(source.left_out)

    plain = {"no answer": 1, "no image": 1}
    assert ids() == (["1", "5", "6", "7"], plain | {"answer not verifiable": 1})
    assert ids(verifiable_only=False) == (["1", "4", "5", "6", "7"], plain)
    assert ids(consistent_only=True)[0] == ["1", "6", "7"]
    assert ids(max_pass_rate=0.5)[0] == ["1", "5", "7"]
    assert ids(min_pass_rate=0.25, max_pass_rate=0.25)[0] == ["1", "5", "7"]
    assert ids(images="absent")[0] == ["1", "3", "5", "6", "7"]


def test_a_trace_that_disagrees_with_the_answer_is_never_handed_out(tmp_path):
    source = MMFineReason(path=write_split(tmp_path, "train", [ROW, ROW | {"id": 2, "is_consistent": False}]))
    assert [source.item(index).privileged.trace for index in range(2)] == [ROW[TRACE], None]


def test_a_text_only_row_has_no_picture(tmp_path):
    row = ROW | {"id": 7, "image": None, "question": "How many sides has a square?", "answer": "4"}
    task = MMFineReason(path=write_split(tmp_path, "train", [ROW, row])).item(1).task
    assert task.images == ()
    assert task.question == "How many sides has a square?"


@pytest.mark.parametrize("bounds", [{"min_pass_rate": 0.6, "max_pass_rate": 0.5}, {"min_pass_rate": -1}])
def test_pass_rates_must_be_a_range(bounds):
    with pytest.raises(ConfigurationError, match="from 0 to 1, the lower first"):
        MMFineReason(path="unread", **bounds)


def test_kinds_of_answers():
    found = doctest.testmod(mmfinereason)
    assert (found.attempted > 0, found.failed) == (True, 0)
    assert [answer_kind(answer) for answer in ("C", "(H).", "c", "K", "No", "5:9")] == [
        AnswerKind.CHOICE, AnswerKind.CHOICE, None, None, AnswerKind.TEXT, None,
    ]  # fmt: skip
    assert not verifiable("nan")
    assert verifiable(r"$$\dfrac{1}{\pi }$$")


def test_values_that_blanks_separate(tmp_path):
    reference = MMFineReason(path=write_split(tmp_path, "train", [ROW | {"answer": "32     24"}])).record(0).reference
    assert rewards(reference, "32, 24", "32", "24, 31") == [1, 0, 0]


def test_a_letter_beyond_the_written_options_is_compared_as_a_letter(tmp_path):
    reference = MMFineReason(path=write_split(tmp_path, "train", [ROW | {"answer": "D"}])).record(0).reference
    assert reference.choices == ()
    assert rewards(reference, "D", "A") == [1, 0]


@pytest.fixture(scope="module")
def sample():
    path = DATA / "mmfinereason" / "sample220.jsonl.gz"
    if not path.is_file():
        pytest.skip("no real rows in ../shared/data/mmfinereason")
    return str(path)


def test_every_real_gold_scores(sample):
    source = MMFineReason(path=sample)
    # 220 rows: 3 have no answer, the 10 of MMR1 no picture, 4 golds are descriptions
    assert dict(source.left_out) == {"no answer": 3, "no image": 10, "answer not verifiable": 4}
    assert len(source) == 203
    verifier = verifiers.make(source.verifier)
    for index in range(len(source)):
        item = source.item(index)
        reference = item.privileged.reference
        assert verifier.verify(f"<answer>{reference.answer}</answer>", reference).reward == 1.0, item.task.id
        assert verifier.verify("<answer>%%%</answer>", reference).reward == 0.0, item.task.id
        assert item.task.question.count("<image>") == len(item.task.images) == 1
        assert (item.privileged.trace is None) == (not item.task.metadata["is_consistent"])


def test_real_traces_conclude_with_their_gold(sample):
    source = MMFineReason(path=sample, consistent_only=True)
    verifier = verifiers.make("answer")
    right = 0
    for index in range(len(source)):
        record = source.record(index)
        right += verifier.verify(record.trace, record.reference).correct
    assert (right, len(source)) == (148, 157)  # the rest: proofs, several questions in one, a letter for its value


RELEASE = {
    "problem": "<image>\n<image>\nWhich?",
    "answer": "<answer>B</answer>",
    "images": ["MMFineReason_images/1.png", "MMFineReason_images/2.png"],
    "problem_type": "multiple choice",
    "options": ["A. red", "B. blue"],
    "data_source": "Raven",
}


@pytest.fixture
def release(tmp_path):
    (tmp_path / "MMFineReason_images").mkdir()
    for name, colour in (("1", "red"), ("2", "blue")):
        (tmp_path / "MMFineReason_images" / f"{name}.png").write_bytes(png(colour))

    def make(*rows):
        file = tmp_path / "MMFineReason_data_with_conclusion.json"
        file.write_text(json.dumps(list(rows)))
        return RLSDRelease(path=str(file))

    return make


def test_the_release(release):
    item = release(RELEASE).item(0)
    assert item.task.id == "train-0"
    assert (item.task.licence, item.task.train_allowed) == ("unknown", True)
    assert item.task.choices == ("red", "blue")
    assert [tuple(image[0, 0]) for image in item.task.images] == [(255, 0, 0), (0, 0, 255)]  # in order
    assert rewards(item.privileged.reference, "B", "blue", "A") == [1, 1, 0]
    inline = release(RELEASE | {"problem": RELEASE["problem"] + "\nA. red\nB. blue"}).item(0)
    assert inline.task.choices == ()
    named = release(RELEASE | {"problem": RELEASE["problem"] + " The red or the blue one?"}).item(0)
    assert named.task.choices == ("red", "blue")


@pytest.mark.parametrize(
    ("problem_type", "gold", "right", "wrong"),
    [
        ("numerical", "0.333", "0.3333", "0.34"),
        ("numerical", "12 cm", "12 cm", "12 kg"),
        ("math", r"\frac{1}{2}", "0.5", "0.51"),
        ("boolean", "Yes", "yes", "no"),
        ("open-ended", "a red kite", "A red kite.", "a kite"),
        ("free form", "(1, 2)", "(1,2)", "(2,1)"),
    ],
)
def test_problem_types(release, problem_type, gold, right, wrong):
    row = {"problem": "Say.", "answer": gold, "images": [], "problem_type": problem_type}
    assert rewards(release(row).item(0).privileged.reference, right, wrong) == [1, 0]


def test_broken_rows_of_the_release(release):
    with pytest.raises(DataError, match=r"row 1 \(id train-0\).* 2 <image> and the row has 1 images"):
        release(RELEASE | {"images": RELEASE["images"][:1]}).item(0)
    with pytest.raises(DataError, match=r"row 1 .*'E' is neither a letter from A to B nor the text"):
        release(RELEASE | {"answer": "E"}).item(0)
    with pytest.raises(DataError, match="no column answer"):
        release({"problem": "Say."})
    video = release({**RELEASE, "videos": ["a.mp4"]}, RELEASE)
    assert (len(video), dict(video.left_out), video.record(0).id) == (1, {"videos": 1}, "train-1")


def test_the_json_lines_of_the_release(tmp_path):
    (tmp_path / "val.jsonl").write_text(json.dumps({"question": "<image>How many?", "answer": 3, "image": "1.png"}))
    (tmp_path / "1.png").write_bytes(png())
    env = gymnasium.make("rlsd/RLSDRelease-val-v0", path=str(tmp_path))
    env.reset(seed=0)
    assert env.step("<answer>3</answer>")[1] == 1.0
