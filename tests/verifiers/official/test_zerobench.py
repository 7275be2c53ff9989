"""ZeroBench: the last braces, by the official rule and as a reward."""

import pytest

from verifiers.official.zerobench import ZeroBenchVerifier, last_braces, last_group


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ("so {11.90}", "11.90"),
        ("{a} then { B }", "b"),
        (r"{\frac{1}{2}}", "2"),
        (r"x {\frac{1}", r"\frac{1"),
        ("{{5}}", "{5"),
        ("{5\n}", None),
        ("{1} {\n2", "1"),
        ("{}", ""),
        ("5", None),
        ("}{", None),
    ],
)
def test_the_official_rule_reads_the_last_braces(response, answer):
    assert last_braces(response) == answer


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("so {11.90}.", "11.90"),
        (r"{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"it is {7}, since x = \frac{14}{2}", "7"),
        ("{a} then {b}", "b"),
        (r"x^{2} and y_{3} and \sqrt[3]{8}", None),
        (r"\{1, 2\}", None),
        (r"{\{1, 2\}}", r"\{1, 2\}"),
        ("open { and {5}", "5"),
        ("{5} {}", "5"),
        (r"{5} and \boxed{6}", None),
        ("", None),
    ],
)
def test_strict_mode_reads_the_last_free_standing_braces(text, content):
    span = last_group(text)
    assert (None if span is None else text[span[0] + 1 : span[1]]) == content


def reference(answer, **columns):
    return ZeroBenchVerifier().reference({"question_id": "1", "question_answer": answer} | columns)


@pytest.mark.parametrize(
    ("gold", "response", "by_rule", "by_reward"),
    [
        ("11.90", "{11.90}", True, True),
        ("11.90", "{11.9}", False, True),
        ("11.90", "The final answer is 11.90", False, True),
        ("11.90", "{111.90}", False, False),
        ("5", "{15}", False, False),
        ("1/2", r"{\frac{1}{2}}", False, True),
        ("Cat", "{cat}", True, True),
        ("Cat", "{a cat}", False, True),
        ("7", r"\boxed{7}", True, True),
        ("7", r"\boxed{8} so {7}", True, False),  # two answers
        ("7", "<think>{7}</think> hm", True, False),
        ("7", "<think>{8}</think> {7}", True, True),
    ],
)
def test_both_modes(gold, response, by_rule, by_reward):
    assert ZeroBenchVerifier("official").verify(response, reference(gold)).correct is by_rule
    assert ZeroBenchVerifier().verify(response, reference(gold)).correct is by_reward


def test_the_method_says_that_braces_were_read():
    assert ZeroBenchVerifier().verify("{7}", reference("7")).method == "curly_braces"
    assert ZeroBenchVerifier().verify("<answer>7</answer>", reference("7")).method == "answer_tag"


def test_the_gold_may_stand_in_either_column():
    verifier = ZeroBenchVerifier()
    assert verifier.reference({"question_id": "1_0", "answer": "7"}).answer == "7"
    with pytest.raises(ValueError, match="row '1_0' of zerobench has no column 'question_answer'"):
        verifier.reference({"question_id": "1_0"})


def score(samples):
    verifier = ZeroBenchVerifier("official")
    rows = [{"question_id": question} for question, _ in samples]
    verdicts = [verifier.verify("{7}" if right else "{8}", reference("7")) for _, right in samples]
    return verifier.metrics(rows, verdicts)


def test_metrics_of_one_sample_each():
    assert score([("1", 1), ("2", 0)]) == {"accuracy": 0.5, "count": 2, "failed": 0, "pass@1": 0.5}


def test_metrics_of_five_samples_each():
    numbers = score([("1", right) for right in (1, 1, 1, 1, 1)] + [("2", right) for right in (0, 1, 0, 0, 0)])
    assert numbers["pass@1"] == pytest.approx(0.6)  # (5 + 1) / 10
    assert numbers["pass@5"] == 1.0
    assert numbers["5/5"] == 0.5


def test_all_questions_need_the_same_number_of_samples():
    with pytest.raises(ValueError, match="question '2' has 1 samples but '1' has 2"):
        score([("1", 1), ("1", 0), ("2", 1)])
