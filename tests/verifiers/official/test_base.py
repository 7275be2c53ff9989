"""What the benchmarks' scorers share: modes, rows, metrics, guesses, and being imported late."""

import doctest
import importlib
import random
import subprocess
import sys

import pytest

from verifiers import Status
from verifiers import official as package
from verifiers.official.base import guess
from verifiers.official.mathvision import MathVisionVerifier
from verifiers.official.mmmu import MMMUVerifier
from verifiers.official.texts import last_box, last_tag, list_literal

ROW = {"id": "12", "answer": "C", "options": ["1", "2", "3"], "level": 2, "subject": "algebra"}
NAMES = tuple(package.CLASSES)


@pytest.mark.parametrize("name", NAMES)
def test_both_modes_have_a_name_and_a_version(name):
    strict, official = package.make(name), package.make(name, mode="official")
    assert strict.name == official.name == name
    assert strict.mode == "strict"
    assert strict.version.startswith(f"strict-{strict.revision} ")
    assert official.version.startswith(f"official-{official.revision}")


def test_a_version_says_what_is_not_official():
    assert package.make("mathvista", mode="official").version == "official-2 (rule extraction instead of GPT)"
    assert package.make("mmmu", mode="official").version == "official-1 (guesses: seed 42)"
    assert package.make("mmmu_pro", mode="official", guesses="zero").version == "official-1 (guesses: zero)"


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_mode_is_refused(name):
    with pytest.raises(ValueError, match=r"mode is 'oficial'.*'official', 'strict'; did you mean 'official'\?"):
        package.make(name, mode="oficial")


def test_an_unknown_benchmark_or_way_of_guessing_is_refused():
    with pytest.raises(ValueError, match="no benchmark is called 'mathvisat'"):
        package.make("mathvisat")
    with pytest.raises(ValueError, match="guesses is 'none'"):
        package.make("mmmu", guesses="none")


def test_benchmarks_are_imported_when_they_are_made():
    code = "import sys, verifiers.official as o; before = set(sys.modules); o.make('wemath'); "
    code += "print('verifiers.official.wemath' in before, 'verifiers.official.wemath' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["False", "True"]


@pytest.mark.parametrize("name", NAMES)
def test_factories_make_the_benchmarks_classes(name):
    verifier = package.FACTORIES[name](mode="official")
    assert type(verifier).__name__ == package.CLASSES[name]


@pytest.mark.parametrize("module", ["verifiers.official", "verifiers.official.mathvista"])
def test_the_examples_in_the_documentation_run(module):
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_column_is_named_with_its_row(name):
    verifier = package.make(name)
    with pytest.raises(ValueError, match=f"row 'x7' of {name} has no column"):
        verifier.reference({verifier.id_column: "x7"})


@pytest.mark.parametrize("answer", [None, "", "  "])
def test_a_row_without_a_gold_answer_is_refused(answer):
    with pytest.raises(ValueError, match=r"row '12' of mathvision: column 'answer' is .*cannot be scored"):
        MathVisionVerifier().reference(ROW | {"answer": answer})


@pytest.mark.parametrize("options", [["1", "2", "3"], ("1", "2", "3"), "['1', '2', '3']", [1, 2, 3]])
def test_lists_come_in_several_forms(options):
    assert MathVisionVerifier().reference(ROW | {"options": options}).choices == ("1", "2", "3")


@pytest.mark.parametrize("options", ["1, 2", "__import__('os')", "[" * 5_000, 7])
def test_what_is_no_list_is_refused(options):
    with pytest.raises(ValueError, match=r"column 'options' is .* not a list of texts"):
        MathVisionVerifier().reference(ROW | {"options": options})


def test_a_list_in_a_list_is_taken_out_of_it():
    assert MathVisionVerifier().reference(ROW | {"options": "[['1', '2', '3']]"}).choices == ("1", "2", "3")


def test_list_literals():
    assert list_literal("['a', 1]") == ["a", 1]
    with pytest.raises(ValueError, match="no list literal"):
        list_literal("{'a': 1}")


def test_responses_come_from_the_row():
    verifier = MathVisionVerifier()
    assert verifier.response({"response": "x", "prediction": "y"}) == "x"
    assert verifier.response({"prediction": "y"}) == "y"
    assert verifier.response({"response": None}) == ""
    with pytest.raises(ValueError, match="no column 'response' or 'prediction'"):
        verifier.response({"id": "12"})


def test_a_response_that_is_no_string_is_the_callers_error():
    for mode in ("official", "strict"):
        verifier = MathVisionVerifier(mode)
        verdict = verifier.verify(None, verifier.reference(ROW))
        assert verdict.status is Status.ERROR
        assert "NoneType" in verdict.feedback


def test_metrics_count_rows_and_failures():
    verifier = MathVisionVerifier()
    rows = [ROW, ROW | {"level": 3}, ROW]
    verdicts = [verifier.verify(text, verifier.reference(ROW)) for text in (r"\boxed{C}", "B", None)]
    numbers = verifier.metrics(rows, verdicts)
    assert numbers["accuracy"] == pytest.approx(1 / 3)
    assert (numbers["count"], numbers["failed"]) == (3, 1)
    with pytest.raises(ValueError, match="3 rows but 1 verdicts"):
        verifier.metrics(rows, verdicts[:1])


def test_metrics_of_nothing_are_not_numbers():
    assert MathVisionVerifier().metrics([], [])["accuracy"] != 0


def test_a_guess_depends_on_its_keys_alone():
    random.seed(5)
    before = random.getstate()
    letters = [guess("ABCD", 42, str(row), "no idea") for row in range(400)]
    assert random.getstate() == before
    assert letters == [guess("ABCD", 42, str(row), "no idea") for row in range(400)]
    assert letters != [guess("ABCD", 43, str(row), "no idea") for row in range(400)]
    assert all(70 < letters.count(letter) < 130 for letter in "ABCD")
    assert guess("AB", 1, "\ud800") in "AB"


def test_tags_and_boxes():
    assert last_tag("<answer>1</answer> <answer>2</answer>") == "2"
    assert last_tag("<answer>1") is None
    assert last_box(r"\boxed{1} and \boxed{\frac{1}{2}}.") == r"\frac{1}{2}"
    assert last_box(r"\boxed{1") is None
    assert last_box("5}") is None


@pytest.mark.parametrize(
    ("response", "correct"),
    [
        ("I think\n(C) 3", True),
        ("(A) 1\n(B) 2\n(C) 3", False),
        ("(A) 1\n(C) 3", False),
        ("The options are\n\nA. 1\n\n**C. 3**", False),
        ("<answer>C</answer>\n(A) 1\n(B) 2", True),
    ],
)
def test_the_last_of_several_options_is_no_answer(response, correct):
    verifier = MMMUVerifier()
    row = {"id": "validation_Art_1", "question_type": "multiple-choice", "answer": "C", "options": ["1", "2", "3"]}
    verdict = verifier.verify(response, verifier.reference(row))
    assert verdict.correct is correct
    assert correct or verdict.status is Status.AMBIGUOUS


@pytest.mark.parametrize(
    ("response", "correct"),
    [
        ("I think\nit is B", True),
        ("B", True),
        ("It cannot be B", False),
        ("None of these is B", False),
        ("A is wrong, and so is B", False),
        ("The incorrect option is B.", False),
        ("I'm not sure it is B", False),
        ("not red", True),
    ],
)
def test_the_end_of_a_denial_is_no_answer(response, correct):
    verifier = MMMUVerifier()
    row = {"id": "validation_Art_1", "question_type": "multiple-choice", "answer": "B", "options": ["red", "not red"]}
    assert verifier.verify(response, verifier.reference(row)).correct is correct


def test_feedback_asks_where_the_prompt_asks():
    verifier = package.make("zerobench")
    verdict = verifier.verify("<think>", verifier.reference({"question_id": "1", "question_answer": "3"}))
    assert "curly braces" in verdict.feedback
