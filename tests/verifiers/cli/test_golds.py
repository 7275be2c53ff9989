"""What a row says of the right answer."""

import pytest

from verifiers import AnswerKind, BadReference
from verifiers.cli.golds import references_of
from verifiers.cli.rows import JsonNumber, RowError

ABC = ["red", "green", "blue"]


def found(row):
    references, warning = references_of(row)
    assert warning == ""
    return [(reference.answer, reference.kind, reference.choices) for reference in references]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"gold": "7"}, [("7", None, ())]),
        ({"gold": JsonNumber("0.50")}, [("0.50", None, ())]),
        ({"gold": ["7", JsonNumber("8")]}, [("7", None, ()), ("8", None, ())]),
        ({"gold": "7", "kind": "integer"}, [("7", AnswerKind.INTEGER, ())]),
        ({"gold": "7", "kind": "answer"}, [("7", None, ())]),
        ({"gold": "7", "kind": "response"}, [("7", None, ())]),
        ({"gold": "7", "kind": None}, [("7", None, ())]),
        ({"gold": "B", "choices": ABC}, [("B", None, tuple(ABC))]),
        ({"gold": "B", "options": ["1", JsonNumber("2.0")]}, [("B", None, ("1", "2.0"))]),
        ({"gold": "B", "options": ABC, "choices": ABC}, [("B", None, tuple(ABC))]),
        ({"gold": "7", "choices": []}, [("7", None, ())]),
        ({"gold": "green", "choices": ABC, "gold_letter": "B"}, [("B", None, tuple(ABC))]),
        ({"gold": "B", "choices": ABC, "gold_letter": "b"}, [("b", None, tuple(ABC))]),
        ({"gold": "12", "gold_letter": "C"}, [("12", None, ()), ("C", AnswerKind.CHOICE, ())]),
        ({"gold": "12", "gold_letter": None, "unit": None}, [("12", None, ())]),
    ],
)
def test_references(row, expected):
    assert found(row) == expected


def test_precision_unit_and_question():
    (reference,), _ = references_of(
        {"gold": "5", "precision": JsonNumber("2.0"), "unit": "cm", "question": "How long?"}
    )
    assert (reference.precision, reference.unit, reference.extras) == (2, "cm", {"question": "How long?"})


@pytest.mark.parametrize("kind", ["no such kind", 7, ["integer"]])
def test_an_unknown_kind_is_a_warning(kind):
    references, warning = references_of({"gold": "7", "kind": JsonNumber("7") if kind == 7 else kind})
    assert references[0].kind is None
    assert warning.endswith("is unknown, the kind is inferred")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, "the row has no 'gold'"),
        ({"gold": ""}, "non-empty"),
        ({"gold": None}, "holds a NoneType"),
        ({"gold": True}, "holds a bool"),
        ({"gold": []}, "is empty"),
        ({"gold": ["7", None]}, "holds a NoneType"),
        ({"gold": ["7", " "]}, "non-empty"),
        ({"gold": "red", "choices": ABC, "gold_letter": "B"}, "not that of gold_letter 'B'"),
    ],
)
def test_bad_golds(row, message):
    with pytest.raises(BadReference, match=message):
        references_of(row)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"choices": "red"}, "must be a list"),
        ({"choices": ["red", None]}, "the choices hold null"),
        ({"choices": ABC, "options": ["x"]}, "differ"),
        ({"precision": JsonNumber("-1")}, "precision is -1; it must be an integer of 0 or more"),
        ({"precision": JsonNumber("1.5")}, "precision is 1.5"),
        ({"precision": "2"}, 'precision is "2"'),
        ({"precision": True}, "precision is true"),
        ({"unit": JsonNumber("5")}, "unit is 5; it must be a text or null"),
        ({"gold_letter": ["B"]}, "gold_letter is"),
    ],
)
def test_fields_of_a_wrong_type(row, message):
    with pytest.raises(RowError, match=message):
        references_of({"gold": "7"} | row)
