"""Any string at all gets a verdict within a second, in both modes of every scorer."""

import pytest

from tests.cpu import cpu_time
from verifiers import Verdict, official
from verifiers.testing import check_verifier

MEGABYTE = 1_000_000
ROWS = {
    "mathvista": {"pid": "1", "answer": "7", "question_type": "free_form", "answer_type": "integer"},
    "mmmu": {"id": "validation_Art_1", "answer": "B", "question_type": "multiple-choice", "options": ["red", "blue"]},
    "mmmu_pro": {"id": "test_Art_1", "answer": "B", "options": "['red', 'blue', 'green']"},
    "mathvision": {"id": "1", "answer": "7", "options": []},
    "zerobench": {"question_id": "1", "question_answer": "7"},
    "wemath": {"ID": "2steps_1", "key": "2steps_1", "answer": "B", "option": "A. 3;B. 4"},
}
EXAMPLES = {
    "mathvista": ("7", "8"),
    "mmmu": ("B", "A"),
    "mmmu_pro": ("Thus.\nAnswer: B", "Answer: C"),
    "mathvision": (r"\boxed{7}", r"\boxed{8}"),
    "zerobench": ("So {7}", "So {8}"),
    "wemath": ("<Answer>: <<B>>", "<Answer>: <<A>>"),
}
CHOICES = ["x" * 120, "y" * 121, *(f"{letter * 100}" for letter in "zabcdef")]
MORE_ROWS = {
    "mathvista": {
        "pid": "2",
        "answer": CHOICES[1],
        "question_type": "multi_choice",
        "answer_type": "text",
        "choices": CHOICES,
    },
    "mmmu": {"id": "validation_Art_2", "answer": ["7.25", "cat"], "question_type": "open", "options": "[]"},
    "mathvision": {"id": "2", "answer": "(3,-4)", "options": []},
}


def filled(unit):
    return (unit * (MEGABYTE // len(unit) + 1))[:MEGABYTE]


HOSTILE = {
    "braces": filled("{"),
    "pairs of braces": filled("{}"),
    "upper-case boxes": filled("BOXED{"),
    "boxes": filled(r"\boxed{"),
    "fractions": filled(r"\frac{"),
    "roots": filled(r"\sqrt"),
    "sines": filled(r"\sin"),
    "tuples": filled("(1,"),
    "digits and a letter": "9" * MEGABYTE + "a",
    "an exponent": "1e" + filled("9"),
    "groups of digits": filled("1,234"),
    "answers": filled("Answer: "),
    "templates": filled("<Answer>: <<"),
    "an answer and spaces": "<Answer>" + filled(" "),
    "lines": "\n".join(f"is {number}" for number in range(150_000)),
    "short lines": filled("\n{"),
    "numbers": " ".join(map(str, range(150_000))),
    "a boxed tuple": "\\boxed{(" + filled("1,") + ")}",
    "a tuple of powers": r"\boxed{(9^{5000},9^{5000})}",
    "statements": filled("The answer is "),
    "lone surrogates": filled("\ud800"),
    "NULs": filled("\0"),
    "dotted capitals": filled("İ"),
    "a tower": r"\boxed{9^{9^{9^9}}}",
    "a factorial": r"\boxed{((9!)!)!}",
    "a binomial": r"\boxed{\binom{1000000000}{500000000}}",
    "a long product": "\\boxed{" + "9^{999}" * 500 + "}",
    "deep brackets": "\\boxed{" + "(" * 5_000 + "1" + ")" * 5_000 + "}",
    "a boxed megabyte": "\\boxed{" + filled("9") + "}",
}


def made(name, mode):
    arguments = {"guesses": "zero"} if name.startswith("mmmu") else {}
    return official.make(name, mode=mode, **arguments)


@pytest.mark.parametrize("mode", ["official", "strict"])
@pytest.mark.parametrize("name", official.CLASSES)
def test_the_contract(name, mode):
    verifier = made(name, mode)
    right, wrong = EXAMPLES[name]
    check_verifier(verifier, verifier.reference(ROWS[name]), right, wrong, max_seconds=5.0)


@pytest.mark.parametrize("mode", ["official", "strict"])
@pytest.mark.parametrize("name", official.CLASSES)
def test_hostile_strings(name, mode):
    verifier = made(name, mode)
    rows = [ROWS[name], MORE_ROWS[name]] if mode == "official" and name in MORE_ROWS else [ROWS[name]]
    for reference in map(verifier.reference, rows):
        for what, response in HOSTILE.items():
            with cpu_time() as spent:
                verdict = verifier.verify(response, reference)
            assert spent.seconds < 3.0, (what, spent.seconds)
            assert isinstance(verdict, Verdict)
            assert not verdict.status.failed, what
            if (name, mode, what) != ("wemath", "official", "upper-case boxes"):  # begin with a B
                # the nearest choice gives credit to anything: the official rule of MathVista
                assert not verdict.correct or reference.choices == tuple(CHOICES), what
