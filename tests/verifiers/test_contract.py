"""`check_verifier` accepts our verifiers, and notices each way of breaking the contract."""

import time
from dataclasses import replace

import pytest

from verifiers import AnswerKind, AnswerVerifier, Reference, Status, Verdict
from verifiers.testing import check_verifier

SEVEN = Reference("7")
RIGHT, WRONG = "<answer>7</answer>", "<answer>8</answer>"


@pytest.mark.parametrize(
    ("reference", "right", "wrong"),
    [
        (Reference("7", kind=AnswerKind.INTEGER), "7", "8"),
        (Reference("3.14", kind=AnswerKind.DECIMAL), "3.142", "3.2"),
        (Reference("3/4", kind=AnswerKind.FRACTION), "0.75", "4/3"),
        (Reference("(3,4)", kind=AnswerKind.LIST), "3, 4", "(4,3)"),
        (Reference("red", kind=AnswerKind.TEXT), "Red", "blue"),
        (Reference("B", choices=("red", "blue")), "blue", "A"),
    ],
)
def test_every_kind_keeps_the_contract(reference, right, wrong):
    answers = f"<answer>{right}</answer>", f"<answer>{wrong}</answer>"
    check_verifier(AnswerVerifier(), reference, *answers, max_seconds=5.0)


class Stingy(AnswerVerifier):
    def verify(self, response, reference):
        return replace(super().verify(response, reference), reward=0.5)


class Generous(AnswerVerifier):
    def verify(self, response, reference):
        return Verdict(1.0, True, response, Status.OK, "Correct.")


class PaysForSilence(AnswerVerifier):
    def verify(self, response, reference):
        verdict = super().verify(response, reference)
        return verdict if verdict.extracted else replace(verdict, reward=0.5)


class Moody(AnswerVerifier):
    calls = 0

    def verify(self, response, reference):
        self.calls += 1
        return replace(super().verify(response, reference), feedback=f"call {self.calls}")


class Brittle(AnswerVerifier):
    def verify(self, response, reference):
        response.encode("utf-8")  # fails on a lone surrogate
        return super().verify(response, reference)


class Sleepy(AnswerVerifier):
    def verify(self, response, reference):
        time.sleep(1.0 * (len(response) > 10_000))
        return super().verify(response, reference)


class BareReward(AnswerVerifier):
    def verify(self, response, reference):
        return super().verify(response, reference).reward


class NotANumber(AnswerVerifier):
    def verify(self, response, reference):
        verdict = super().verify(response, reference)
        return verdict if verdict.extracted else replace(verdict, reward=float("nan"))


class Speechless(AnswerVerifier):
    def verify(self, response, reference):
        return replace(super().verify(response, reference), feedback="")


class OtherBatch(AnswerVerifier):
    def verify_batch(self, responses, references):
        return super().verify_batch(responses, references)[::-1]


class TellsAll(AnswerVerifier):
    def privileged(self, reference, level):
        return reference.answer


class Nameless(AnswerVerifier):
    version = ""


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (Stingy, "has reward 0.5, not 1.0"),
        (Generous, "the wrong response .* is correct"),
        (PaysForSilence, "a response of nothing has reward 0.5"),
        (Moody, "not deterministic"),
        (Brittle, "lone surrogate raised UnicodeEncodeError"),
        (Sleepy, "a response of a megabyte of text took 1.* s, more than 0.5 s"),
        (BareReward, "got a float, not a Verdict"),
        (NotANumber, "not a finite number"),
        (Speechless, "has no feedback"),
        (OtherBatch, "verify_batch says"),
        (TellsAll, "unknown level"),
        (Nameless, "version is ''"),
    ],
)
def test_a_broken_verifier_is_caught(broken, message):
    limit = 0.5 if broken is Sleepy else 5.0
    with pytest.raises(AssertionError, match=message):
        check_verifier(broken(), SEVEN, RIGHT, WRONG, max_seconds=limit)


def test_swapped_examples_are_caught():
    with pytest.raises(AssertionError, match=r"the right response .* is not correct"):
        check_verifier(AnswerVerifier(), SEVEN, WRONG, RIGHT)
