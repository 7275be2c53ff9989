"""MathVista: extraction by rules, the official normalisation, and the stored problems."""

import pytest

from tests.cpu import cpu_time
from verifiers.official.mathvista import (
    MathVistaVerifier,
    edit_distance,
    extract_answer,
    normalize_extracted_answer,
)

CHOICES = ("Yes", "No", "Cannot be determined")


@pytest.mark.parametrize(
    ("left", "right", "distance"),
    [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("flaw", "lawn", 2), ("a", "b", 1)],
)
def test_edit_distance(left, right, distance):
    assert edit_distance(left, right) == distance


@pytest.mark.parametrize(
    ("extraction", "choice"),
    [
        ("A", "Yes"),
        (" B ", "No"),
        ("(C) something", "Cannot be determined"),
        ("the answer is (b)", "No"),
        ("(A) or (B)", "Yes"),
        ("No", "No"),
        ("Cannot be", "No"),  # 8 edits; 11 to the choice that it begins
        ("Cannot be deter", "Cannot be determined"),
        ("N", "No"),
        ("D", "No"),  # out of range: the nearest, and the first of several
        ("a", "No"),  # a lower-case letter is no letter
        ("", "No"),  # even nothing is near something
    ],
)
def test_choices_by_letter_and_by_distance(extraction, choice):
    assert normalize_extracted_answer(extraction, "text", CHOICES) == choice


@pytest.mark.parametrize(
    ("extraction", "answer_type", "precision", "answer"),
    [
        ("7", "integer", None, "7"),
        ("7.9", "integer", None, "7"),
        ("-0.5", "integer", None, "0"),
        ("seven", "integer", None, None),
        ("", "integer", None, None),
        ("1e999", "integer", None, None),
        ("nan", "integer", None, None),
        ("1.26", "float", 1, "1.3"),
        ("5", "float", 1, "5.0"),
        ("1.234", "float", 2, "1.23"),
        ("1.234", "float", None, None),
        ("1,234.5", "float", 1, None),
        ("[1, 2]", "list", None, "[1, 2]"),
        ("[1,2]", "list", None, "[1,2]"),
    ],
)
def test_numbers_and_lists(extraction, answer_type, precision, answer):
    assert normalize_extracted_answer(extraction, answer_type, (), precision) == answer


@pytest.mark.parametrize(
    ("response", "answer_type", "choices", "extraction"),
    [
        ("", "integer", (), ""),
        (" 7 ", "integer", (), "7"),
        ("1_000", "integer", (), "1000"),
        ("7.50", "float", (), "7.5"),
        ("There are 3 red and 4 blue ones, so 7.", "integer", (), "7"),
        ("The answer is 1,234 because 5 < 6.\nDone with 9", "integer", (), "1234"),
        ("So \\boxed{12}, not 13.", "integer", (), "12"),
        ("<think>99</think><answer>5 g</answer> or 6", "integer", (), "5"),
        ("Final answer: $-2.5$", "float", (), "-2.5"),
        ("between 2010-2014", "integer", (), "2014"),
        ("nothing", "integer", (), ""),
        ("They are [2014, 2016].", "list", (), "[2014, 2016]"),
        ("No", "text", CHOICES, "No"),
        ("The answer is (B) No.", "text", CHOICES, "B"),
        ("Answer: B", "text", CHOICES, "B"),
        ("\\boxed{\\text{(C)}}", "text", CHOICES, "C"),
        ("I say it cannot be determined, sorry.", "text", CHOICES, "Cannot be determined"),
        ("(C) is it, not (A).", "text", CHOICES, "C"),
        ("Not (A), it is (C).", "text", CHOICES, "C"),
        ("It is nothing that I know", "text", CHOICES, "It is nothing that I know"),
        ("A close look says:\nyes", "text", CHOICES, "Yes"),
        ("Hmm", "text", CHOICES, "Hmm"),
    ],
)
def test_extraction(response, answer_type, choices, extraction):
    assert extract_answer(response, answer_type, choices) == extraction


YES_NO, NO_YES = ("Yes", "No"), ("No", "Yes")
CHANGES = ("decrease", "remain the same", "increase")
LETTERED = ("(c)", "(a)", "(e)", "(d)", "(b)")


def chosen(response, choices, question=""):
    return normalize_extracted_answer(extract_answer(response, "text", choices, question), "text", choices)


@pytest.mark.parametrize(
    ("sentence", "answer"),
    [
        ("The function is not convex.", "No"),
        ("The function isn't convex.", "No"),
        ("The function is convex.", "Yes"),
        ("The graph never reaches zero.", "No"),
        ("None of the bars is above 50.", "No"),
        ("Neither curve is periodic.", "No"),
        ("There are no red cubes in front of the sphere.", "No"),
        ("The curve fails to cross the axis.", "No"),
        ("It is not true that the lines do not meet.", "Yes"),
        ("Not only is it convex, it is smooth.", "Yes"),
        ("The bars are equal because no bar is higher.", "Yes"),
        ("The answer is that the function is not convex.", "No"),
        ("The function is not convex.\nIt has a bump in the middle.", "No"),
        ("The lines look close.\nSo the lines do not meet.", "No"),
        ("No. The bars are equal.", "No"),
        ("Yes.\nThe bars are not equal.", "Yes"),
        ("The windows are not square, so the answer is no.", "No"),
        ("A: No", "No"),
        ("A: no, the bars differ.", "No"),
        ("A: Yes", "Yes"),
    ],
)
def test_sentences_that_say_yes_or_no(sentence, answer):
    assert chosen(sentence, YES_NO) == chosen(sentence, NO_YES) == answer


@pytest.mark.parametrize(
    ("question", "sentence", "answer"),
    [
        ("Is Dark Violet the smoothest?", "Dark Violet is the smoothest.", "Yes"),
        ("Is Dark Violet the smoothest?", "It varies. Dark Violet is not the smoothest. It is rough.", "No"),
        ("Is Web Purple less than Coral?", "Web Purple is greater than Coral.", "No"),
        ("Is Web Purple less than Coral?", "Coral is less than Web Purple.", "No"),
        ("Is Web Purple less than Coral?", "Coral is greater than Web Purple.", "Yes"),
        ("Are there fewer cars than planes?", "There are more cars than planes.", "No"),
        ("Is the function odd?", "The function is even.", "No"),
        ("Is the function not odd?", "The function is not odd.", "Yes"),
    ],
)
def test_the_question_tells_what_a_sentence_affirms(question, sentence, answer):
    assert chosen(sentence, YES_NO, question) == answer
    columns = row(question_type="multi_choice", answer_type="text", choices=list(YES_NO), question=question)
    verifier = MathVistaVerifier("official")
    for gold in YES_NO:
        assert verifier.verify(sentence, verifier.reference(columns | {"answer": gold})).correct is (gold == answer)


def test_sentences_that_say_neither_are_left_to_the_nearest_choice():
    for refusal in (
        "I'm sorry, but I cannot see the picture.",
        "It cannot be determined.",
        "There is not enough data.",
    ):
        assert extract_answer(refusal, "text", YES_NO) == refusal
    assert extract_answer("The sky is not blue.", "text", YES_NO, "Is Coral minimum?") == "The sky is not blue."


@pytest.mark.parametrize(
    ("response", "choices", "choice"),
    [
        ("A", YES_NO, "Yes"),
        ("A: 5", ("3", "5"), "5"),
        ("A: it looks right", ("3", "5"), "3"),
        ("My answer is:\n\nB\n\nThe windows are not square.", YES_NO, "No"),
        ("The answer is:\n\n**A**\n\nThey do not differ.", YES_NO, "Yes"),
        ("The correct option letter is:\n(C)\nBecause (A) is too small.", ("1", "2", "3"), "3"),
        ("B\n\n1 is too small and 3 too large.", ("1", "2", "3"), "2"),
        (
            "The correct answer to the question is:\n\n(B) remain the same\n\nExplanation: they do not decrease.",
            CHANGES,
            "remain the same",
        ),
        ("(B) remain the same\n\nIf it were heated, it would decrease.", CHANGES, "remain the same"),
        ("They remain the same. They do not decrease.", CHANGES, "remain the same"),
        ("They would remain the same rather than increase.", CHANGES, "remain the same"),
        ("They remain the same.\n\nExplanation: if it were heated, they would increase.", CHANGES, "remain the same"),
        ("They remain the same. This means that others increase.", CHANGES, "remain the same"),
        ("They seem to decrease.\nReasoning: it is hot.\nSo they increase.", CHANGES, "increase"),
        ("The answer is increase, as they decrease elsewhere.", CHANGES, "increase"),
        ("(A) decrease: wrong.\n(B) remain the same: wrong.\n(C) increase: right.", CHANGES, "increase"),
        ("Since (A) is too small, I take (B).", ("1", "2", "3"), "2"),
        ("The correct option is (E) (b).", LETTERED, "(b)"),
        ("E. (b)", LETTERED, "(b)"),
        ("The answer is (A) (c), because (b) is too big.", LETTERED, "(c)"),
        ("Option (D) (d) is right.", LETTERED, "(d)"),
        ("It is \\boxed{2\\pi}.", ("$\\pi$", "$2 \\pi$"), "$2 \\pi$"),
    ],
)
def test_the_choice_that_is_stated(response, choices, choice):
    assert chosen(response, choices) == choice


@pytest.mark.parametrize(
    ("response", "number"),
    [
        ("There are 3 groups of bars smaller than 40.", "3"),
        ("There were 5 peaks in 2010.", "5"),
        ("There are 3 red ones and 4 blue ones.", "4"),
        ("There are 8 objects. Subtracting 2 leaves 6.", "6"),
        ("There are no cubes left.", "0"),
        ("No objects are left.", "0"),
        ("One object is left.", "1"),
        ("There are six objects left: 2 cubes, 1 ball and 3 cylinders.", "6"),
        ("There are 4 bars.\n\nExplanation: they are at 10, 20, 30 and 40.", "4"),
        ("I count 4 lines that pass through 50 and 100.", "4"),
        ("There are 5 bars with a value of 20.", "5"),
        ("The number of bars above 70 is 2.", "2"),
        ("He is 4 years older than the 30-year-old.", "4"),
        ("The lowest was in 2012.", "2012"),
        ("KLA is highest in **2019**, with 25.8%.", "2019"),
        ("**5** people are in the picture, 2 of whom sit.", "5"),
        ("From **8** and **3** we get 5.", "5"),
        ("**Step 1:** 5\n**Answer:** 8", "8"),
        ("There are three objects left.", "3"),
        ("Two of the lines pass 40.", "2"),
        ("There are twenty-one dots.", "21"),
        ("There is only one object left.", "1"),
        ("The tallest one is 5.", "5"),
        ("three", "3"),
        ("So the answer is 4 (9 - 5).", "4"),
        ("The answer is 7 (since 12 - 5 = 7).", "7"),
        ("The answer is 9 - 5 = 4.", "4"),
        ("The answer is 3.\n\nI looked at 10 bars.", "3"),
        ("Answer:\n1. Count the bars: 5.\n2. Subtract 2, so 3.", "3"),
    ],
)
def test_the_number_that_is_stated(response, number):
    assert extract_answer(response, "integer") == number


@pytest.mark.parametrize(
    "unit", ["\n", "x", "one ", "one hundred and ", "**1", "a because ", "there are ", "(", "1 and "]
)
def test_extraction_takes_time_in_proportion(unit):
    response = unit * (1_000_000 // len(unit))
    for answer_type, choices in (("integer", ()), ("text", YES_NO), ("text", CHANGES)):
        with cpu_time() as spent:
            extract_answer(response, answer_type, choices, "Is a less than b?")
        assert spent.seconds < 1.0


def row(**columns):
    base = {"pid": "1", "question_type": "free_form", "answer_type": "integer", "choices": None, "precision": None}
    return base | {"answer": "7", "unit": None} | columns


@pytest.mark.parametrize("column", ["answer", "question_type", "answer_type"])
def test_missing_columns(column):
    columns = row()
    del columns[column]
    with pytest.raises(ValueError, match=f"row '1' of mathvista has no column '{column}'"):
        MathVistaVerifier().reference(columns)


def test_values_that_cannot_be():
    with pytest.raises(ValueError, match="column 'question_type' is 'mc'; it must be one of"):
        MathVistaVerifier().reference(row(question_type="mc"))
    with pytest.raises(ValueError, match="column 'answer' is '7', which is none of"):
        MathVistaVerifier().reference(row(question_type="multi_choice", choices=["1", "2"]))


def test_the_reference_is_a_letter_unless_two_choices_read_the_same():
    verifier = MathVistaVerifier()
    columns = {"question_type": "multi_choice", "answer_type": "text"}
    assert verifier.reference(row(choices=["9", "7"], **columns)).answer == "B"
    reference = verifier.reference(row(choices="['9', '7', '7']", **columns))
    for mode in ("official", "strict"):
        judge = MathVistaVerifier(mode)
        assert [judge.verify(letter, reference).correct for letter in "ABC"] == [False, True, True]


def test_precision_and_unit():
    verifier = MathVistaVerifier()
    reference = verifier.reference(row(answer="1.2", answer_type="float", precision=1.0, unit="g"))
    assert (reference.precision, reference.unit) == (1, "g")
    assert verifier.reference(row(precision=float("nan"))).precision is None
    official = MathVistaVerifier("official")
    for response, correct in (("1.24", True), ("It is 1.16 g", True), ("1.3", False)):
        assert official.verify(response, reference).correct is correct
        assert verifier.verify(response.removeprefix("It is "), reference).correct is correct


def test_strict_mode_takes_no_nearest_choice():
    columns = row(question_type="multi_choice", answer_type="text", choices=list(CHOICES), answer="No")
    reference = MathVistaVerifier().reference(columns)
    for response, by_rule, by_reward in (
        ("(B)", True, True),
        ("The answer is No.", True, True),
        ("N", True, False),
        ("", True, False),
        ("I cannot see it", False, False),
        ("I do not know", True, False),
        ("Yes", False, False),
    ):
        assert MathVistaVerifier("official").verify(response, reference).correct is by_rule, response
        assert MathVistaVerifier().verify(response, reference).correct is by_reward, response


def test_metrics():
    metadata = {"language": "english", "source": "CLEVR", "category": "vqa", "task": "figure", "context": "scene"}
    metadata |= {"grade": "college", "skills": ["algebraic reasoning", "logical reasoning"]}
    verifier = MathVistaVerifier()
    rows = [row(metadata=metadata), row(pid="2", **metadata | {"skills": ["logical reasoning"], "grade": "school"})]
    verdicts = [verifier.verify(text, verifier.reference(rows[0])) for text in ("7", "8")]
    numbers = verifier.metrics(rows, verdicts)
    assert (
        numbers["accuracy"]
        == numbers["accuracy/language/english"]
        == numbers["accuracy/question_type/free_form"]
        == 0.5
    )
    assert numbers["accuracy/grade/college"] == numbers["accuracy/skills/algebraic reasoning"] == 1.0
    assert numbers["accuracy/skills/logical reasoning"] == 0.5
    with pytest.raises(ValueError, match="has no column 'language'"):
        verifier.metrics([row()], verdicts[:1])


FORMS = (
    "{}",
    "The answer is {}.",
    "<think>(A) 5</think>So \\boxed{{{}}}",
    "I see 4 of them.\n\n{}",
    "<answer>{}</answer>",
)


def test_gold_answers_of_the_stored_problems(load):
    problems = load("mathvista/testmini_problems.jsonl.gz")
    official, strict = MathVistaVerifier("official"), MathVistaVerifier()
    missed = set()
    for problem in problems:
        reference = strict.reference(problem)
        texts = [problem["answer"]]
        if problem["choices"]:
            letter = "ABCDEFGH"[problem["choices"].index(problem["answer"])]
            texts += [letter, f"({letter})", f"({letter}) {problem['answer']}"]
        for form in FORMS:
            for text in texts:
                response = form.format(text)
                assert strict.verify(response, reference).correct, (problem["pid"], response)
                if not official.verify(response, reference).correct:
                    missed.add((problem["pid"], text))
    # "(b)" is the text of a choice that is not B; with the letter in front the first "(X)" counts
    assert missed == {("168", "(b)"), ("849", "(b)")}


def test_other_choices_of_the_stored_problems_are_wrong(load):
    official, strict = MathVistaVerifier("official"), MathVistaVerifier()
    for problem in load("mathvista/testmini_problems.jsonl.gz"):
        reference = strict.reference(problem)
        for letter, choice in zip("ABCDEFGH", problem["choices"] or ()):
            if choice != problem["answer"]:
                assert not strict.verify(f"({letter})", reference).correct
                assert not official.verify(f"({letter})", reference).correct


def test_accuracy_by_group_on_the_stored_problems(load):
    problems = load("mathvista/testmini_problems.jsonl.gz")
    verifier = MathVistaVerifier("official")
    verdicts = [verifier.verify(problem["answer"], verifier.reference(problem)) for problem in problems]
    numbers = verifier.metrics(problems, verdicts)
    assert numbers["accuracy"] == 0.998  # pids 168 and 849
    assert numbers["accuracy/answer_type/integer"] == numbers["accuracy/answer_type/list"] == 1.0
    assert sum(name.startswith("accuracy/task/") for name in numbers) == 5
    assert sum(name.startswith("accuracy/skills/") for name in numbers) == 7
