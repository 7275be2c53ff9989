"""Format and weighted rewards."""

import pytest

from verifiers import AnswerVerifier, FormatVerifier, Reference, Status, Verdict, Verifier, WeightedVerifier
from verifiers.testing import check_verifier

SEVEN = Reference("7", solution="3 + 4")
FITS = "<think> 3 + 4 </think> <answer> 7 </answer>"


def weighted():
    return WeightedVerifier({"accuracy": (AnswerVerifier(), 0.9), "format": (FormatVerifier(), 0.1)})


@pytest.mark.parametrize(
    ("response", "fits"),
    [
        (FITS, True),
        (f"\n{FITS}\n", True),
        ("<think></think><answer>7</answer>", True),
        ("<think>a\nb</think>\n<answer>7</answer>", True),
        ("<answer>7</answer>", False),
        ("<think> a </think>", False),
        ("<think> a </think> so <answer>7</answer>", False),
        (f"Well. {FITS}", False),
        (f"{FITS} Done.", False),
        (f"{FITS} {FITS}", False),
        ("<answer>7</answer> <think> a </think>", False),
        ("<think> a <answer>7</answer> </think>", False),
        ("<think> <think> a </think> <answer>7</answer>", False),
        ("<answer><think> a </think>7</answer>", False),
        ("<think><answer></think></answer>", False),
        ("", False),
    ],
)
def test_format(response, fits):
    verdict = FormatVerifier().verify(response, SEVEN)
    assert (verdict.reward, verdict.correct) == (float(fits), fits)
    assert (verdict.feedback == "Correct.") is fits


@pytest.mark.parametrize(
    ("response", "reward", "correct", "parts"),
    [
        (FITS, 1.0, True, {"accuracy": 1.0, "format": 1.0}),  # 0.9 + 0.1
        ("<answer>7</answer>", 0.9, True, {"accuracy": 1.0, "format": 0.0}),
        ("<think> a </think> <answer>8</answer>", 0.1, False, {"accuracy": 0.0, "format": 1.0}),
        ("7", 0.0, False, {"accuracy": 0.0, "format": 0.0}),
    ],
)
def test_weighted_sum(response, reward, correct, parts):
    verdict = weighted().verify(response, SEVEN)
    assert verdict.reward == pytest.approx(reward)
    assert (verdict.correct, verdict.parts) == (correct, parts)


def test_the_rest_comes_from_the_accuracy():
    verdict = weighted().verify("<answer>8</answer>", SEVEN)
    assert (verdict.extracted, verdict.status, verdict.method) == ("8", Status.OK, "answer_tag")
    assert verdict.feedback.startswith("Your answer 8 is wrong. Write exactly <think>")
    assert weighted().verify("7", SEVEN).status is Status.NO_ANSWER
    assert weighted().privileged(SEVEN, "solution") == "3 + 4"


def test_a_failed_part_fails_the_whole():
    class Slow(Verifier):
        def verify(self, response, reference):
            return Verdict(0.0, False, None, Status.TIMEOUT, "Too slow.")

    both = WeightedVerifier({"accuracy": (AnswerVerifier(), 1.0), "style": (Slow(), 1.0)})
    assert both.verify(FITS, SEVEN).status is Status.TIMEOUT


def test_keeps_the_contract():
    check_verifier(weighted(), SEVEN, right=FITS, wrong="<think> a </think> <answer>8</answer>", full=1.0, zero=0.1)


def test_the_version_names_the_parts():
    assert weighted().version == "accuracy:1+format:1"


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"format": (FormatVerifier(), 1.0)}, "'accuracy'"),
        ({"accuracy": (AnswerVerifier(), float("nan"))}, "must be finite"),
    ],
)
def test_bad_parts_are_refused(parts, message):
    with pytest.raises(ValueError, match=message):
        WeightedVerifier(parts)
