"""We-Math: the official letter, the four-dimensional metrics, and the golden numbers of the official code."""

import math

import pytest

from verifiers import AnswerKind
from verifiers.official.wemath import WeMathVerifier, four_dimensions, official_letter, split_options


@pytest.mark.parametrize(
    ("response", "letter"),
    [
        ("<Thought process>: <<..>> <Answer>: <<B>>", "B"),
        ("Answer: B", "B"),
        ("Answer: B. 400", "B"),
        ("Answer A then Answer C", "C"),
        ("B", "B"),
        ("A square", "A"),
        ("Answer: (B)", None),
        ("**Answer: B**", "B"),
        ("**Answer:** B", None),
        ("answer: B", None),
        (r"\boxed{B}", None),
        ("Answer: b", None),
        ("Answer: I", None),
        ("", None),
    ],
)
def test_the_official_letter(response, letter):
    assert official_letter(response) == letter


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("A. 300, 400;B. 400, 300; E. No", ("300, 400", "400, 300; E. No")),
        ("A. 300;B. 400;C. 5; D. No correct answer", ("300", "400", "5", "No correct answer")),
        ("A. 4 B. 3 C. 2 ;D. 1", ("4", "3", "2", "1")),
        ("A. ①;B．②;C. ③", ("①", "②", "③")),
        ("A. x;y;B. z", ("x;y", "z")),
        ("A. 3.B. ;B. 4", ("3.B.", "4")),
        ("no options", ()),
        ("", ()),
    ],
)
def test_options(text, options):
    assert split_options(text) == options


def row(**columns):
    return {"ID": "2steps_1", "key": "2steps_1", "option": "A. 30;B. 40;C. 50", "answer": "B"} | columns


def test_the_reference():
    reference = WeMathVerifier().reference(row())
    assert (reference.answer, reference.kind, reference.choices) == ("B", AnswerKind.CHOICE, ("30", "40", "50"))
    assert WeMathVerifier().reference(row(option="see the picture")).choices == ()
    with pytest.raises(
        ValueError, match="row '2steps_1' of wemath: column 'answer' is 'K'; it must be a letter from A to H"
    ):
        WeMathVerifier().reference(row(answer="K"))


@pytest.mark.parametrize(
    ("response", "by_rule", "by_reward", "method"),
    [
        ("<Thought process>: <<a>> <Answer>: <<B>>", True, True, "template"),
        ("<Thought process>: <<a>> <Answer>: <<B. 40>>", True, True, "template"),
        ("<Thought process>: <<a>> <Answer>: B", True, True, "template"),
        ("Answer: <<B. some text>>", True, True, "template"),
        ("Answer: B", True, True, "statement"),
        ("The answer is (B).", False, True, "statement"),
        (r"\boxed{B}", False, True, "boxed"),
        ("<answer>40</answer>", False, True, "answer_tag"),
        ("<Answer>: <<A>> <Answer>: <<B>>", True, False, "template"),
        ("<Answer>: <<your option>>", False, False, ""),
        ("B square", True, False, "last_line"),
        ("<think><Answer>: <<B>></think>", True, False, ""),
        ("<Answer>: <<C>>", False, False, "template"),
    ],
)
def test_both_modes(response, by_rule, by_reward, method):
    reference = WeMathVerifier().reference(row())
    assert WeMathVerifier("official").verify(response, reference).correct is by_rule
    verdict = WeMathVerifier().verify(response, reference)
    assert verdict.correct is by_reward
    assert verdict.method in (method, "answer_tag" if not by_reward else method)


def test_four_dimensions_of_a_few_groups():
    groups = [
        ([True, True], True),  # mastered
        ([True, False], True),  # strict: memorized, loose: mastered
        ([False, False], True),  # memorized
        ([True, True], False),  # not generalized
        ([False, True], False),  # not known
    ]
    numbers = four_dimensions(groups)
    assert (numbers["IK"], numbers["IG"], numbers["CM_strict"], numbers["CM_loose"]) == (0.2, 0.2, 0.2, 0.4)
    assert numbers["RM_strict"] == pytest.approx(2 / 3)  # 2 / (1 + 2)
    assert numbers["RM_loose"] == pytest.approx(1 / 3)  # 1 / (2 + 1)
    assert numbers["score_strict"] == pytest.approx(0.3)  # (5 - .5 - 2 - 1) / 5
    assert numbers["score_loose"] == pytest.approx(0.5)  # (5 - .5 - 1 - 1) / 5


def test_nothing_solved_is_no_division_by_zero():
    numbers = four_dimensions([([False, False], False)])
    assert math.isnan(numbers["RM_strict"])
    assert numbers["score_strict"] == 0.0
    assert math.isnan(four_dimensions([])["score_loose"])


def test_only_whole_groups_are_scored():
    verifier = WeMathVerifier()
    rows = [row(key=f"2steps_{step}") for step in ("1", "2", "multi")] + [row(ID="2steps_2")]
    verdicts = [verifier.verify("Answer: B", verifier.reference(one)) for one in rows]
    numbers = verifier.metrics(rows, verdicts)
    assert (numbers["groups"], numbers["CM_strict"], numbers["S1"], numbers["S2"]) == (1, 1.0, 1.0, 1.0)
    assert math.isnan(numbers["S3"])
    with pytest.raises(ValueError, match="is there twice with key '2steps_1'"):
        verifier.metrics([row(), row()], verdicts[:2])
    with pytest.raises(ValueError, match="column 'key' is '4steps_1'"):
        verifier.metrics([row(key="4steps_1")], verdicts[:1])


@pytest.mark.parametrize("seed", [0, 1])
def test_the_golden_numbers(load, seed):
    problems = {(problem["ID"], problem["key"]): problem for problem in load("wemath/testmini.jsonl.gz")}
    rows = [problems[row["ID"], row["key"]] | row for row in load(f"wemath/golden_responses_seed{seed}.jsonl.gz")]
    golden = load("wemath/golden_metrics.json")[seed]
    verifier = WeMathVerifier("official")
    verdicts = [verifier.verify(row["response"], verifier.reference(row)) for row in rows]
    for row, verdict in zip(rows, verdicts, strict=True):
        assert (verdict.extracted, verdict.correct) == (row["official_extracted"], row["official_correct"])
    numbers = verifier.metrics(rows, verdicts)
    assert numbers["accuracy"] == golden["row_acc"]
    assert (numbers["score_strict"], numbers["score_loose"]) == (golden["score_strict"], golden["score_loose"])
    assert (numbers["S1"], numbers["S2"], numbers["S3"]) == (
        golden["one_step"],
        golden["two_step"],
        golden["three_step"],
    )
    assert numbers["groups"] == 525
    names = {"IK": "InsufficientKnowledge", "IG": "InadequateGeneralization"}
    names |= {f"CM_{how}": f"CompleteMastery_{how}" for how in ("strict", "loose")}
    names |= {f"RM_{how}": f"RoteMemorization_{how}" for how in ("strict", "loose")}
    for ours, theirs in names.items():
        assert numbers[f"{ours}_count"] == golden["total_counts"][theirs]
        assert f"{numbers[ours]:.2%}" == golden["rates"][f"{theirs}_rate"]


@pytest.mark.parametrize("seed", [0, 1])
def test_strict_mode_agrees_on_the_golden_responses(load, seed):
    problems = {(problem["ID"], problem["key"]): problem for problem in load("wemath/testmini.jsonl.gz")}
    verifier = WeMathVerifier()
    for row in load(f"wemath/golden_responses_seed{seed}.jsonl.gz"):
        reference = verifier.reference(problems[row["ID"], row["key"]])
        assert len(reference.choices) >= 3
        assert verifier.verify(row["response"], reference).correct == row["official_correct"], row
