"""Every gold answer of a real data set is right; no answer is not."""

import gzip
import json
from pathlib import Path

import pytest

from verifiers import AnswerVerifier, Reference, Status

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "mathvision"


def rows(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path} is absent: real data are not part of the project")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.mark.parametrize(("name", "count"), [("testmini.jsonl.gz", 304), ("test.jsonl.gz", 3040)])
def test_mathvision_golds_are_right(name, count):
    verifier = AnswerVerifier()
    problems = rows(name)
    assert len(problems) == count
    for problem in problems:
        reference = Reference(problem["answer"], choices=tuple(problem["options"]))
        response = f"<think> x </think> <answer>{problem['answer']}</answer>"
        assert verifier.verify(response, reference).reward == 1.0, problem
        assert verifier.verify("", reference).reward == 0.0, problem


def test_another_options_letter_is_wrong():
    verifier = AnswerVerifier()
    for problem in rows("test.jsonl.gz"):
        options = problem["options"]
        for letter, option in zip("ABCDE", options):
            if letter != problem["answer"] and option != problem["answer"]:
                reference = Reference(problem["answer"], choices=tuple(options))
                assert not verifier.verify(f"<answer>{letter}</answer>", reference).correct, problem


def test_real_model_outputs_agree_with_their_official_labels():
    """Official labels come from string equality, so they miss "(B) 12 cm"; they rarely reward wrongly."""
    verifier = AnswerVerifier()
    problems = {row["id"]: row for row in rows("test.jsonl.gz")}
    marked = [row for row in rows("official_outputs_dev.jsonl.gz") if "boxed" in row["response"]]
    agreed = rewarded = 0
    for row in marked:
        problem = problems[row["id"]]
        reference = Reference(problem["answer"], choices=tuple(problem["options"]))
        verdict = verifier.verify(row["response"], reference)
        assert not verdict.status.failed
        agreed += verdict.correct == row["correct"]
        rewarded += verdict.correct and row["correct"]
    assert agreed / len(marked) > 0.97
    assert rewarded / sum(row["correct"] for row in marked) > 0.95
    assert verifier.verify("", Reference("7")).status is Status.NO_ANSWER
