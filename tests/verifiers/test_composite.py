"""Format, length, weighted rewards, and verifiers that ask several others."""

import pytest

from verifiers import (
    AnswerVerifier,
    BadReference,
    ExtractionPolicy,
    FormatVerifier,
    Reference,
    Status,
    Verdict,
    Verifier,
    WeightedVerifier,
)
from verifiers.composite import AllOfVerifier, FirstMatchVerifier, LengthVerifier
from verifiers.testing import check_verifier

SEVEN = Reference("7", solution="3 + 4")
FITS = "<think> 3 + 4 </think> <answer> 7 </answer>"


class Says(Verifier):
    """Gives the same verdict on everything, and remembers its batches."""

    def __init__(self, name, reward=0.0, status=Status.OK, version="1"):
        self.name, self.version, self.batches = name, version, []
        self.verdict = Verdict(reward, reward == 1.0, name, status, f"{name} says {status}.", method=name)

    def verify(self, response, reference):
        return self.verdict

    def verify_batch(self, responses, references):
        self.batches.append(list(responses))
        return super().verify_batch(responses, references)


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
    wrong = "<think> a </think> <answer>8</answer>"
    check_verifier(weighted(), SEVEN, right=FITS, wrong=wrong, full=1.0, zero=0.1, max_seconds=5.0)


def test_the_version_names_the_parts():
    assert weighted().version == f"accuracy:{AnswerVerifier.version}+format:1"


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


@pytest.mark.parametrize(
    ("length", "reward"),
    [(0, 1.0), (100, 1.0), (101, 0.98), (125, 0.5), (149, 0.02), (150, 0.0), (151, 0.0), (10_000, 0.0)],
)  # (150 - length) / 50 between 100 and 150
def test_length(length, reward):
    characters = LengthVerifier(100, 150).verify("x" * length, SEVEN)
    words = LengthVerifier(100, 150, "words").verify("two\n " * length, SEVEN)
    assert characters.reward == words.reward == pytest.approx(reward)
    assert characters.correct == words.correct == (length <= 100)
    assert characters.status is Status.OK


def test_length_is_the_punishment_of_dapo_plus_one():
    """Equation 13: 0 up to L_max - L_cache, then ((L_max - L_cache) - |y|) / L_cache, and -1 beyond L_max."""
    l_max, l_cache = 20_480, 4_096
    verifier = LengthVerifier(l_max - l_cache, l_max)
    for length, punishment in ((16_384, 0.0), (17_408, -0.25), (18_432, -0.5), (20_480, -1.0), (20_481, -1.0)):
        assert verifier.verify("x" * length, SEVEN).reward - 1 == pytest.approx(punishment)


def test_length_feedback():
    verifier = LengthVerifier(2, 4, "words")
    assert verifier.verify("one two", SEVEN).feedback == "Correct."
    assert verifier.verify("one two three", SEVEN).feedback == "Write at most 2 words."
    assert verifier.verify(None, SEVEN).status is Status.ERROR


def test_accuracy_format_and_length_together():
    parts = {
        "accuracy": (AnswerVerifier(), 0.8),
        "format": (FormatVerifier(), 0.1),
        "length": (LengthVerifier(50, 100), 0.1),
    }
    padded = f"<think> {'x' * 37} </think> <answer> 7 </answer>"
    assert len(padded) == 75
    verdict = WeightedVerifier(parts).verify(padded, SEVEN)
    assert verdict.reward == pytest.approx(0.95)  # .8 + .1 + .1 * (100 - 75) / 50
    assert verdict.parts == {"accuracy": 1.0, "format": 1.0, "length": 0.5}
    assert verdict.correct
    assert verdict.feedback == "Correct. Write at most 50 characters."


@pytest.mark.parametrize(
    ("response", "correct", "status", "parts"),
    [
        (FITS, True, Status.OK, {"answer": 1.0, "format": 1.0}),
        ("<answer>7</answer>", False, Status.OK, {"answer": 1.0, "format": 0.0}),
        ("<think> a </think> <answer>8</answer>", False, Status.OK, {"answer": 0.0, "format": 1.0}),
        ("<think> a </think> <answer></answer>", False, Status.NO_ANSWER, {"answer": 0.0, "format": 1.0}),
    ],
)
def test_all_of(response, correct, status, parts):
    verifier = AllOfVerifier({"answer": AnswerVerifier(), "format": FormatVerifier()})
    verdict = verifier.verify(response, SEVEN)
    assert (verdict.reward, verdict.correct, verdict.status) == (float(correct), correct, status)
    assert verdict.parts == parts
    assert verifier.verify_batch([response], [SEVEN]) == [verdict]


def test_all_of_tells_what_is_lacking():
    verifier = AllOfVerifier({"answer": AnswerVerifier(), "format": FormatVerifier()})
    assert verifier.verify(FITS, SEVEN).feedback == "Correct."
    assert verifier.verify("<answer>7</answer>", SEVEN).feedback.startswith("Write exactly")
    assert verifier.verify("<answer>8</answer>", SEVEN).feedback.startswith("Your answer 8 is wrong. Write exactly")
    assert verifier.verify("<answer>8</answer>", SEVEN).extracted == "8"


def test_a_failure_of_any_part_fails_all():
    for failure in (Status.TIMEOUT, Status.ERROR):
        parts = {"a": Says("a", 1.0), "b": Says("b", 0.0, Status.NO_ANSWER), "c": Says("c", 0.0, failure)}
        verdict = AllOfVerifier(parts).verify(FITS, SEVEN)
        assert (verdict.reward, verdict.correct, verdict.status) == (0.0, False, failure)


@pytest.mark.parametrize(
    ("first", "second", "decides"),
    [
        ((1.0, Status.OK), (0.0, Status.OK), "first"),
        ((0.0, Status.OK), (1.0, Status.OK), "first"),
        ((0.0, Status.NO_ANSWER), (1.0, Status.OK), "second"),
        ((0.0, Status.UNPARSABLE), (0.0, Status.OK), "second"),
        ((0.0, Status.AMBIGUOUS), (1.0, Status.OK), "first"),
        ((0.0, Status.TIMEOUT), (1.0, Status.OK), "first"),
        ((0.0, Status.ERROR), (1.0, Status.OK), "first"),
        ((0.0, Status.NO_ANSWER), (0.0, Status.TIMEOUT), "second"),
        ((0.0, Status.NO_ANSWER), (0.0, Status.UNPARSABLE), "first"),
        ((0.0, Status.UNPARSABLE), (0.0, Status.NO_ANSWER), "first"),
    ],
)
def test_the_first_that_decides(first, second, decides):
    parts = {"first": Says("first", *first), "second": Says("second", *second)}
    verifier = FirstMatchVerifier(list(parts.values()))
    assert verifier.verify("x", SEVEN) == parts[decides].verdict
    assert verifier.verify_batch(["x", "y"], [SEVEN, SEVEN]) == [parts[decides].verdict] * 2


def test_what_is_undecided_can_be_chosen():
    parts = [Says("first", 0.0, Status.AMBIGUOUS), Says("second", 1.0)]
    assert FirstMatchVerifier(parts, (Status.AMBIGUOUS,)).verify("x", SEVEN).correct
    parts = [Says("first", 0.0, Status.UNPARSABLE), Says("second", 1.0)]
    assert not FirstMatchVerifier(parts, (Status.NO_ANSWER,)).verify("x", SEVEN).correct


def test_later_parts_are_given_only_what_is_open():
    tags, lines = AnswerVerifier(ExtractionPolicy(("answer_tag",))), Says("lines", 1.0)
    verifier = FirstMatchVerifier([tags, lines])
    verdicts = verifier.verify_batch(["<answer>7</answer>", "a", "<answer>8</answer>", "b"], [SEVEN] * 4)
    assert [verdict.method for verdict in verdicts] == ["answer_tag", "lines", "answer_tag", "lines"]
    assert lines.batches == [["a", "b"]]


@pytest.mark.parametrize(
    "make",
    [
        lambda part: WeightedVerifier({"accuracy": (part, 1.0)}),
        lambda part: AllOfVerifier({"answer": part}),
        lambda part: FirstMatchVerifier([part]),
    ],
)
def test_a_batch_reaches_the_parts_as_a_batch(make):
    part = Says("part", 1.0)
    assert [verdict.correct for verdict in make(part).verify_batch(["a", "b"], [SEVEN, SEVEN])] == [True, True]
    assert part.batches == [["a", "b"]]
    assert make(part).verify_batch([], []) == []
    with pytest.raises(ValueError, match="1 responses but 0 references"):
        make(part).verify_batch(["a"], [])
    with pytest.raises(BadReference):
        make(AnswerVerifier()).verify_batch(["a"], [Reference("C", choices=("x", "y"))])


def test_names_and_versions_name_the_parts():
    parts = [Says("rules", version="3"), Says("judge", version="1:m")]
    first, both = FirstMatchVerifier(parts), AllOfVerifier(dict(zip("ab", parts, strict=True)))
    assert (first.name, first.version) == ("first_match(rules, judge)", "rules:3+judge:1:m")
    assert (both.name, both.version) == ("all_of(rules, judge)", "rules:3+judge:1:m")


def test_the_first_part_speaks_for_the_whole():
    strict = AnswerVerifier(ExtractionPolicy(("boxed",)))
    for verifier in (
        FirstMatchVerifier([strict, AnswerVerifier()]),
        AllOfVerifier({"a": strict, "b": FormatVerifier()}),
    ):
        assert verifier.verify("7", SEVEN).feedback.startswith(r"No answer found: put it in \boxed{}.")
        assert verifier.privileged(SEVEN, "solution") == "3 + 4"


def test_composites_keep_the_contract():
    wrong = "<think> a </think> <answer>8</answer>"
    both = AllOfVerifier({"a": AnswerVerifier(), "f": FormatVerifier()})
    check_verifier(both, SEVEN, right=FITS, wrong=wrong, max_seconds=5.0)
    either = FirstMatchVerifier([AnswerVerifier(), AnswerVerifier(ExtractionPolicy(("last_line",)))])
    check_verifier(either, SEVEN, right="It is:\n7", wrong="8", max_seconds=5.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LengthVerifier(0, 5), "soft is 0 and hard is 5; it must be 0 < soft < hard"),
        (lambda: LengthVerifier(5, 5), "0 < soft < hard"),
        (lambda: LengthVerifier(1, 5, "tokens"), "'tokens'; it must be one of 'characters', 'words'"),
        (lambda: AllOfVerifier({}), "one or more"),
        (lambda: FirstMatchVerifier([]), "one or more"),
        (lambda: FirstMatchVerifier([FormatVerifier()], (Status.TIMEOUT,)), "may hold 'no_answer', 'unparsable'"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
