"""Arguments of command lines and files are of the types that parameters are annotated with."""

from __future__ import annotations

import inspect
from fractions import Fraction
from pathlib import Path
from typing import Optional

import numpy as np
import pytest

from verifiers.arguments import argument_fault


def called(
    on: bool = True,
    maybe: bool | None = None,
    of_default=False,
    count: int = 1,
    limit: int | None = None,
    share: float = 0.5,
    name: str = "",
    path: str | None = None,
    names: list[str] | None = None,
    old: Optional[int] = None,  # noqa: UP045 - as others write it
    free=3,
    late: int = None,  # noqa: RUF013 - as others write it
    both: int | str = 0,
    **others: int,
):
    """Nothing; it is never called."""


BOOLEAN = "true or false (True or False in Python)"
TEXT = "text (a number in two kinds of quotes on a command line, '\"3\"')"


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("on", "False", BOOLEAN),
        ("on", 1, BOOLEAN),
        ("on", None, BOOLEAN),
        ("maybe", "None", f"{BOOLEAN}, or left out"),
        ("of_default", "False", BOOLEAN),
        ("count", "3", "a whole number"),
        ("count", 3.0, "a whole number"),
        ("count", True, "a whole number"),
        ("count", [3], "a whole number"),
        ("limit", "None", "a whole number, or left out"),
        ("old", "None", "a whole number, or left out"),
        ("late", "None", "a whole number, or left out"),
        ("share", "half", "a number"),
        ("share", False, "a number"),
        ("name", 3, TEXT),
        ("path", ["a"], f"{TEXT}, or left out"),
        ("both", 0.5, f"a whole number, or {TEXT}"),
    ],
)
def test_what_is_of_another_type_is_told(name, value, wanted):
    assert argument_fault(called, {name: value}) == f"{name} is {value!r}; it must be {wanted}"
    kinds = inspect.get_annotations(called, eval_str=True)  # as where no annotations are put off
    evaluated = inspect.signature(called).replace(
        parameters=[
            p.replace(annotation=kinds.get(n, p.empty)) for n, p in inspect.signature(called).parameters.items()
        ]
    )

    def other(): ...

    other.__signature__ = evaluated
    assert argument_fault(other, {name: value}) == f"{name} is {value!r}; it must be {wanted}"


@pytest.mark.parametrize(
    "given",
    [
        {"on": False, "maybe": None, "of_default": True},
        {"count": 3, "limit": None, "share": 1, "old": 2},
        {"count": np.int64(3), "share": Fraction(1, 2), "path": Path("a")},  # no command line can say these
        {"names": "a", "free": "x", "other": "not known"},  # no such check
        {"late": None, "both": "a", "name": "3", "path": None},
    ],
)
def test_what_fits_or_is_not_for_us_to_say(given):
    assert argument_fault(called, given) == ""


def of_rest(*args: int, **options: str):
    """Nothing; it is never called."""


def of_place(count: int, /, **others):
    """Nothing; it is never called."""


@pytest.mark.parametrize(
    ("function", "given"), [(of_rest, {"options": ["a"]}), (of_rest, {"args": "x"}), (of_place, {"count": "x"})]
)
def test_what_no_name_reaches_is_not_meant(function, given):
    assert argument_fault(function, given) == ""


def test_what_has_no_signature_is_left_alone():
    assert argument_fault(3, {"a": 1}) == ""
    assert argument_fault(dict.fromkeys, {"a": 1}) == ""


def test_the_first_is_told_in_at_most_a_line():
    fault = argument_fault(called, {"on": True, "count": "9" * 500, "share": "x"})
    assert fault.startswith("count is '999")
    assert len(fault) < 100
