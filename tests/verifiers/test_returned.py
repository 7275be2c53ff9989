"""A verifier that keeps no contract is named in one line, wherever it runs; one that raises is said once."""

from __future__ import annotations

import dataclasses
import logging

import gymnasium
import numpy as np
import pytest

import verifiers
from rlsd_env import ConfigurationError
from verifiers import BrokenVerifierError, IsolatedVerifier, Reference, Status, Verdict, Verifier

GOOD = Verdict(1.0, True, "7", Status.OK)


class Returns(Verifier):
    """Returns what it was made with."""

    def __init__(self, value=GOOD):
        self.value = value

    def verify(self, response, reference):
        return self.value


class Raises(Verifier):
    """Raises, of every response something else if it is asked to."""

    def verify(self, response, reference):
        raise KeyError(reference.answer)


class Batches(Returns):
    """Has a batch of its own."""

    def verify_batch(self, responses, references):
        return self.value


def but(**changes):
    return dataclasses.replace(GOOD, **changes)


BROKEN = [
    (1.0, r"Returns.verify returned 1.0 \(float\); it must return a verifiers.Verdict, such as Verdict\("),
    (None, r"returned None \(NoneType\); it must return"),
    ((1.0, True), r"returned \(1.0, True\) \(tuple\)"),
    (but(reward=float("nan")), r"a Verdict whose reward is nan \(float\); it must be a finite number"),
    (but(reward="1"), r"whose reward is '1' \(str\)"),
    (but(correct=1), r"whose correct is 1 \(int\); it must be True or False"),
    (but(extracted=7), r"whose extracted is 7 \(int\); it must be a string or None"),
    (but(status="ok"), r"whose status is 'ok' \(str\); it must be a verifiers.Status"),
    (but(feedback=None), r"whose feedback is None"),
    (but(parts={"accuracy": float("inf")}), r"whose parts is .*finite numbers"),
]


@pytest.mark.parametrize(("value", "message"), BROKEN)
def test_what_is_no_verdict_is_named(value, message):
    with pytest.raises(BrokenVerifierError, match=message) as caught:
        Returns(value).verify_batch(["a", "b"], [Reference("7")] * 2)
    assert caught.value.position == 0
    env = gymnasium.make("rlsd/Arithmetic-v0", verifier=Returns(value))
    env.reset(options={"task_index": 3})
    with pytest.raises(ConfigurationError, match=message) as shown:
        env.step("7")
    assert str(shown.value).endswith(f"task {env.unwrapped.desk.source.item(3).task.id!r}")
    assert "\n" not in str(shown.value)


def test_numpy_numbers_are_numbers():
    fine = but(reward=np.float32(1), correct=np.True_, parts={"accuracy": np.int64(1)})
    assert Returns(fine).verify_batch(["a"], [Reference("7")]) == [fine]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (GOOD, r"Batches.verify_batch returned Verdict.* \(Verdict\); it must return a list of verdicts"),
        ([GOOD] * 3, r"returned 3 verdicts for 1 responses"),
        ([1.0], r"Batches.verify_batch returned 1.0 \(float\); it must return a verifiers.Verdict"),
    ],
)
def test_a_batch_is_checked_too(value, message):
    env = gymnasium.make("rlsd/Arithmetic-v0", verifier=Batches(value))
    env.reset(seed=0)
    with pytest.raises(ConfigurationError, match=message):
        env.step("7")


def test_the_contract_holds_in_a_worker_process():
    with (
        IsolatedVerifier(Returns(1.0), workers=1) as isolated,
        pytest.raises(BrokenVerifierError, match=r"Returns.verify returned 1.0 \(float\)"),
    ):
        isolated.verify_batch(["a"], [Reference("7")])


@pytest.mark.parametrize("isolated", [False, True])
def test_the_same_exception_is_said_once(isolated, caplog, monkeypatch):
    monkeypatch.setattr(verifiers.base, "_SEEN", set())
    verifier = IsolatedVerifier(Raises(), workers=1) if isolated else Raises()
    with caplog.at_level(logging.WARNING):
        found = verifier.verify_batch(["a"] * 4, [Reference("7"), Reference("7"), Reference("7"), Reference("8")])
    assert [one.status for one in found] == [Status.ERROR] * 4
    assert [record.getMessage().splitlines()[0] for record in caplog.records] == [
        f"Raises.verify raised KeyError: '{answer}'; its verdict is left out of rewards. This is said once."
        for answer in "78"
    ]
