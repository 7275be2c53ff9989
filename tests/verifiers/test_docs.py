"""docs/verifiers.md says what is so."""

import dataclasses
import re
from pathlib import Path

import pytest

from verifiers import AnswerKind, AnswerVerifier, Reference, Status, Verdict

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "verifiers.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        ("Verdicts", [field.name for field in dataclasses.fields(Verdict)]),
        ("Verdicts", [status.name for status in Status]),
        ("Kinds of answers", [kind.name for kind in AnswerKind]),
    ],
)
def test_every_value_has_its_row(heading, names):
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = " ".join(line.split("|")[1] for line in section.splitlines() if line.startswith("|"))
    assert set(names) <= set(re.findall(r"`(\w+)`", rows))


@pytest.mark.parametrize(
    ("kind", "gold", "answer", "equal"),
    [
        ("INTEGER", "1024", "1,024", True),
        ("INTEGER", "7", "7.0", True),
        ("INTEGER", "7", "14/2", True),
        ("INTEGER", "7", "seven", True),
        ("FRACTION", "3/4", "6/8", True),
        ("FRACTION", "3/4", "0.75", True),
        ("LIST", "[1, 2]", "1, 2", True),
        ("LIST", "[1, 2]", "[2, 1]", False),
        ("TEXT", "the cat", "The  Cat.", True),
    ],
)
def test_the_table_of_kinds(kind, gold, answer, equal):
    reference = Reference(gold, AnswerKind[kind])
    assert AnswerVerifier().verify(f"<answer>{answer}</answer>", reference).correct is equal


@pytest.mark.parametrize(
    ("gold", "answer", "equal"),
    [
        ("1000", "1,000", True),
        ("7", "seven", True),
        ("1000000", "1000000.5", False),
        ("3.14", "3.1416", True),
        ("2.5", "2.54", False),
        ("1/3", "0.33", False),
        ("50%", "0.5", True),
        ("50%", "50", False),
        ("1 hour", "60 minutes", True),
        ("5 cm", "5 km", False),
        ("$5", "500 cents", True),
        ("€5", "$5", False),
        ("(1,2)", "1, 2", True),
        ("[0,1)", "0 ≤ x < 1", True),
        ("(1,2)", "[1,2]", False),
        (r"\{1,2,2\}", r"\{1,2\}", True),
        ("±3", "3, -3", True),
        ("1, 2", "1, 2, 2", False),
        ("x = 3", "3", True),
        ("1", "7 = 1", False),
        ("204_5", "54", True),
        ("204_5", "204", False),
    ],
)
def test_the_table(gold, answer, equal):
    assert AnswerVerifier().verify(f"<answer>{answer}</answer>", Reference(gold)).correct is equal
