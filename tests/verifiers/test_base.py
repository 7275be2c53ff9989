"""Batches, privileged text, and what becomes of a verifier's own errors."""

import logging

import pytest

from verifiers import AnswerVerifier, BadReference, Reference, Status, Verdict, Verifier


class Fragile(Verifier):
    """Fails on "crash", finds the reference "broken" broken, and is right otherwise."""

    def verify(self, response, reference):
        if response == "crash":
            raise ZeroDivisionError("by zero")
        if reference.answer == "broken":
            raise BadReference("no such answer")
        return Verdict(1.0, True, response, Status.OK, "Correct.")


def test_a_batch_says_what_single_calls_say():
    verifier = AnswerVerifier()
    responses = ["<answer>1</answer>", "<answer>2</answer>", "", "<answer>1 or 2</answer>"]
    references = [Reference("1"), Reference("3"), Reference("1"), Reference("1")]
    verdicts = verifier.verify_batch(responses, references)
    assert verdicts == [verifier.verify(*pair) for pair in zip(responses, references, strict=True)]
    assert [verdict.reward for verdict in verdicts] == [1.0, 0.0, 0.0, 0.0]


def test_a_verifiers_own_error_is_no_wrong_answer(caplog):
    with caplog.at_level(logging.ERROR, logger="verifiers"):
        good, failed, last = Fragile().verify_batch(["a", "crash", "b"], [Reference("1")] * 3)
    assert good.correct
    assert last.correct
    assert failed.status is Status.ERROR
    assert failed.status.failed
    assert "ZeroDivisionError: by zero" in failed.feedback
    assert "ZeroDivisionError" in caplog.text


def test_a_broken_item_stops_the_batch():
    with pytest.raises(BadReference, match="no such answer"):
        Fragile().verify_batch(["a", "b"], [Reference("1"), Reference("broken")])


def test_a_batch_of_uneven_lengths_is_refused():
    with pytest.raises(ValueError, match="2 responses but 1 references"):
        Fragile().verify_batch(["a", "b"], [Reference("1")])


def test_what_a_teacher_may_see():
    verifier = Fragile()
    reference = Reference("7", solution="3 + 4 = 7")
    assert verifier.privileged(reference, "answer") == "7"
    assert verifier.privileged(reference, "solution") == "3 + 4 = 7"
    assert verifier.privileged(Reference("7"), "solution") is None
    with pytest.raises(ValueError, match=r"'solutions'.*'answer', 'solution'"):
        verifier.privileged(reference, "solutions")


def test_a_verifier_is_called_after_its_class_unless_it_has_a_name():
    assert Fragile.name == "Fragile"
    assert AnswerVerifier.name == "answer"


def test_a_verifier_must_verify():
    with pytest.raises(TypeError):
        type("Nothing", (Verifier,), {})()
