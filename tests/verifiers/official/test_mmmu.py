"""MMMU and MMMU-Pro: the official parsers case by case, and against stored outputs and problems."""

import random

import pytest

from verifiers import Status
from verifiers.official import mmmu_pro
from verifiers.official.mmmu import MMMUVerifier
from verifiers.official.mmmu_pro import MMMUProVerifier
from verifiers.official.mmmu_rules import (
    DOMAINS,
    eval_open,
    extract_numbers,
    key_responses,
    normalize_str,
    parse_multi_choice_response,
    parse_open_response,
)

LETTERS = "ABCD"
OPTIONS = {"A": "red wine", "B": "blue", "C": "green", "D": "$6"}


@pytest.mark.parametrize(
    ("response", "letter"),
    [
        ("B", "B"),
        ("B.", "B"),
        ("'B',", "B"),
        ("(B)", "B"),
        ("(A) is wrong, so (C)", "C"),
        ("(C) beats (A)", "A"),
        ("B then C then B", "B"),
        ("A dog", "A"),  # an article
        ("(B) or A", "B"),  # brackets go first
        ("B) blue", None),
        ("b", None),
        ("It is blue", None),  # too short for a text
        ("I would say that it is Blue", "B"),
        ("first green, and then it turned blue again", "B"),
        ("", None),
        ("E", None),
    ],
)
def test_multiple_choice(response, letter):
    assert parse_multi_choice_response(response, LETTERS, OPTIONS) == letter


@pytest.mark.parametrize(
    ("response", "letter"),
    [
        ("Answer: B", "B"),
        ("Answer: A\nAnswer: $C$", "C"),
        ("Answer: Both", "B"),  # a letter within a word
        ("Answer: A or B", "B"),  # two letters: MMMU's rule, the last " X "
        ("answer: B", "B"),
        ("(A) or (D)", "D"),
        ("I choose B.", "B"),
        ("The letter is D. Or C.", "C"),
        ("Answer:", None),
        ("none", None),
    ],
)
def test_multiple_choice_of_the_pro_version(response, letter):
    assert mmmu_pro.parse_multi_choice_response(response, LETTERS, OPTIONS) == letter


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1,234 and -5.5", ["1,234", "234", "-5.5"]),
        ("1.5e-3", ["1.5e-3", "1", "-3"]),
        ("3cm .5 7", [".5", "7"]),
        ("1.234e5", ["1.234e5", "1", "5"]),
        ("12,34", ["34"]),
        ("x2y", []),
    ],
)
def test_numbers_in_a_text(text, numbers):
    assert sorted(extract_numbers(text)) == sorted(numbers)


@pytest.mark.parametrize(
    ("response", "keys"),
    [
        ("Tampa", ["tampa"]),
        ("The answer is 5.", ["5"]),
        ("It is so, thus x = 4", ["4"]),
        ("x = 3\nThe result is 4", ["4"]),  # "=" counts in the last line alone
        ("the sum is : 7\nand y = 8", [": 7", "8"]),
        ("is :\nfive", ["is :\nfive"]),
        ("", [""]),
    ],
)
def test_key_responses(response, keys):
    assert key_responses(response) == keys


def test_normal_forms():
    assert normalize_str(" 1,234.567 ") == [1234.57]
    assert normalize_str("MgS") == ["mgs"]
    assert normalize_str("C") == [" c", "c "]


@pytest.mark.parametrize(
    ("gold", "response", "correct"),
    [
        ("4", "1 2 3 4 5", True),
        ("Tampa", "tampa bay", True),
        ("A", "abc d", False),
        ("C", "the class c airport", True),
        ("C", "C", True),
        ("C", "<answer>C</answer>", False),
        (["24/7", "3.429"], "The result is 3.4291", True),
        ("2.83", "about 2.84", False),
    ],
)
def test_open_questions(gold, response, correct):
    assert eval_open(gold, parse_open_response(response)) is correct


def choice_row(**columns):
    row = {
        "id": "validation_Art_1",
        "question_type": "multiple-choice",
        "answer": "B",
        "options": list(OPTIONS.values()),
    }
    return row | columns


def open_row(answer):
    return {"id": "validation_Math_2", "question_type": "open", "answer": answer, "options": "[]"}


def test_references_from_either_schema():
    verifier = MMMUVerifier()
    reference = verifier.reference(choice_row())
    row = choice_row(index2ans=OPTIONS, all_choices=list(LETTERS))
    del row["options"]
    assert verifier.reference(row) == reference
    assert verifier.reference(open_row("['24/7', '3.429']")).extras["golds"] == ("24/7", "3.429")
    assert verifier.reference(open_row("[24, 7)")).answer == "[24, 7)"
    assert verifier.reference(open_row(["a", "b"])).choices == ()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"answer": "E"}, r"column 'answer' is \('E',\), not a letter from A to D"),
        ({"answer": "?"}, "not a letter from A to D"),
        ({"options": "a, b"}, "column 'options' is 'a, b', not a list"),
    ],
)
def test_rows_that_cannot_be(columns, message):
    with pytest.raises(ValueError, match=message):
        MMMUVerifier().reference(choice_row(**columns))


def test_a_guess_says_so_and_can_be_repeated():
    random.seed(1)
    before = random.getstate()
    reference = MMMUVerifier().reference(choice_row())
    verdicts = [MMMUVerifier("official").verify("no idea", reference) for _ in range(3)]
    assert random.getstate() == before
    assert verdicts[0] == verdicts[1] == verdicts[2]
    assert verdicts[0].method == "random_guess"
    assert verdicts[0].extracted in LETTERS
    right = 0
    for number in range(400):
        reference = MMMUVerifier().reference(choice_row(id=f"validation_Art_{number}"))
        right += MMMUVerifier("official").verify("no idea", reference).correct
    assert 70 < right < 130


def test_a_guess_can_be_worth_nothing():
    verdict = MMMUVerifier("official", guesses="zero").verify("no idea", MMMUVerifier().reference(choice_row()))
    assert (verdict.reward, verdict.extracted, verdict.method) == (0.0, None, "random_guess")
    assert verdict.status is Status.NO_ANSWER


def test_strict_mode_guesses_nothing_and_takes_no_substring():
    strict, official = MMMUVerifier(), MMMUVerifier("official")
    tampa = strict.reference(open_row("['Tampa', 'Florida']"))
    four = strict.reference(open_row("4"))
    letter = strict.reference(open_row("C"))
    choice = strict.reference(choice_row())
    for reference, response, by_rule, by_reward in (
        (tampa, "Florida", True, True),
        (tampa, "The answer is Tampa.", True, True),
        (tampa, "Tampa Bay", True, False),
        (four, "4", True, True),
        (four, "1 2 3 4 5", True, False),
        (letter, "<answer>C</answer>", False, True),
        (choice, "B) blue", False, True),
        (choice, "(B)", True, True),
        (choice, "Because B is next to A or so", False, False),
    ):
        assert strict.verify(response, reference).correct is by_reward, response
        if official.verify(response, reference).method != "random_guess":
            assert official.verify(response, reference).correct is by_rule, response


@pytest.mark.parametrize(
    ("response", "correct", "method"),
    [
        ("Answer: A might be, but no.\n\nAnswer: B", True, "answer_line"),
        ("So it is blue.\n**Answer: B**\n", True, "answer_line"),
        ("**Answer:** (B) blue", True, "answer_line"),
        ("Answer: A\nAnswer: B is wrong", False, "answer_line"),
        ("Answer: B, but \\boxed{A}\nAnswer: B", False, "answer_line"),
        ("<think>Answer: B</think>", False, ""),
        ("B", True, "last_line"),
        ("Answer: Both", False, "answer_line"),
    ],
)
def test_strict_mode_of_the_pro_version_reads_the_last_line(response, correct, method):
    verifier = MMMUProVerifier()
    verdict = verifier.verify(response, verifier.reference(choice_row()))
    assert verdict.correct is correct
    assert verdict.method == method or (not correct and verdict.method == "answer_tag")


def test_metrics_by_subject_and_domain():
    verifier = MMMUVerifier()
    rows = [choice_row(id="validation_Art_Theory_3"), choice_row(id="dev_Math_1"), choice_row(id="x", subject="Music")]
    verdicts = [verifier.verify(letter, verifier.reference(choice_row())) for letter in "BBC"]
    numbers = verifier.metrics(rows, verdicts)
    assert numbers["accuracy/subject/Art_Theory"] == numbers["accuracy/domain/Science"] == 1.0
    assert numbers["accuracy/domain/Art and Design"] == 0.5
    with pytest.raises(ValueError, match="row 'x' of mmmu: the id names no subject"):
        verifier.metrics([choice_row(id="x")], verdicts[:1])
    assert sum(len(subjects) for subjects in DOMAINS.values()) == 30


def test_stored_outputs_of_mmmu(load):
    rows = load("mmmu/official_outputs_dev.jsonl.gz")
    verifier = MMMUVerifier("official")
    verdicts = [verifier.verify(verifier.response(row), verifier.reference(row)) for row in rows]
    guesses = 0
    for row, verdict in zip(rows, verdicts, strict=True):
        if row["question_type"] == "multiple-choice":
            parsed = parse_multi_choice_response(row["response"], row["all_choices"], row["index2ans"])
        else:
            parsed = parse_open_response(row["response"])
        assert (verdict.method == "random_guess") is row["parse_is_random_guess"]
        if row["parse_is_random_guess"]:
            assert parsed is None
            guesses += 1
        else:
            assert parsed == row["parsed_pred"] or set(parsed) == set(row["parsed_pred"])
            assert verdict.correct is (row["judge"] == "Correct")
    assert (len(rows), guesses) == (900, 2)
    numbers = verifier.metrics(rows, verdicts)
    assert 0.365 < numbers["accuracy"] < 0.368
    assert sum(name.startswith("accuracy/subject/") for name in numbers) == 30
    assert sum(name.startswith("accuracy/domain/") for name in numbers) == 6


def test_strict_mode_on_the_stored_outputs_of_mmmu(load):
    verifier = MMMUVerifier()
    differ = set()
    for row in load("mmmu/official_outputs_dev.jsonl.gz"):
        verdict = verifier.verify(row["response"], verifier.reference(row))
        if verdict.correct != (row["judge"] == "Correct"):
            differ.add(row["response"].partition("\n")[0])
    # a substring, and a list of all the options
    assert differ == {"Step b", "(A) 20.0%,0.50 mol,0.05 mol,20.0%"}


@pytest.mark.parametrize("mode", ["official", "strict"])
def test_stored_problems_of_mmmu_pro(load, mode):
    verifier = MMMUProVerifier(mode)
    problems = load("mmmu_pro/problems_standard10.jsonl.gz")
    verdicts = []
    for problem in problems:
        reference = verifier.reference(problem)
        for letter, _ in zip("ABCDEFGHIJKL", reference.choices):
            verdict = verifier.verify(f"Step by step.\n\nAnswer: {letter}", reference)
            assert verdict.correct is (letter == problem["answer"]), problem["id"]
            if letter == problem["answer"]:
                verdicts.append(verdict)
    numbers = verifier.metrics(problems, verdicts)
    assert numbers["accuracy"] == 1.0
    assert sum(name.startswith("accuracy/subject/") for name in numbers) == 30
