"""References and verdicts cannot change, and can travel between processes and into logs."""

import copy
import dataclasses
import json
import pickle

import pytest

from verifiers import Reference, Status, Verdict

VERDICT = Verdict(0.5, True, "7", Status.OK, "Correct.", {"accuracy": 1.0, "format": 0.0}, "boxed")
REFERENCE = Reference("7", extras={"unit": "cm"})


@pytest.mark.parametrize("value", [VERDICT, REFERENCE, Verdict(0.0, False, None, Status.NO_ANSWER)])
def test_survives_pickling_copying_and_hashing(value):
    for twin in (pickle.loads(pickle.dumps(value)), copy.deepcopy(value)):
        assert twin == value
        assert hash(twin) == hash(value)


def test_a_verdict_can_be_written_as_json():
    assert json.loads(json.dumps(dataclasses.asdict(VERDICT)))["parts"] == {"accuracy": 1.0, "format": 0.0}


def test_a_recorded_verdict_cannot_be_changed():
    parts = {"accuracy": 1.0}
    verdict = Verdict(1.0, True, "7", Status.OK, parts=parts)
    parts["accuracy"] = 0.0
    assert verdict.parts["accuracy"] == 1.0
    with pytest.raises(TypeError, match="cannot be changed"):
        verdict.parts["accuracy"] = 0.0
    with pytest.raises(TypeError, match="cannot be changed"):
        verdict.parts.update(accuracy=0.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        verdict.reward = 0.0


@pytest.mark.parametrize("arguments", [{"answer": ""}, {"answer": "  "}, {"answer": "7", "precision": -1}])
def test_a_broken_reference_is_refused(arguments):
    with pytest.raises(ValueError, match="must be"):
        Reference(**arguments)


def test_an_outcome_in_words():
    assert VERDICT.outcome == "right"
    assert dataclasses.replace(VERDICT, correct=False).outcome == "partly right"
    assert Verdict(0.1, False, None, Status.NO_ANSWER).outcome == "wrong"
    assert Verdict(0.0, False, None, Status.ERROR).outcome == "not judged (error)"


def test_only_verifier_failures_count_as_failed():
    assert [status.name for status in Status if status.failed] == ["TIMEOUT", "ERROR"]
