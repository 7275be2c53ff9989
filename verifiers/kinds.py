"""What kind of answer a gold answer is, where a reference does not say: `infer_kind`."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from verifiers.errors import BadReference
from verifiers.golds import held_answer
from verifiers.letters import is_letter
from verifiers.lists import split_list
from verifiers.mathematics import read
from verifiers.numeric import Form, parse_number
from verifiers.types import AnswerKind

_KIND_OF_FORM = {
    Form.INTEGER: AnswerKind.INTEGER,
    Form.DECIMAL: AnswerKind.DECIMAL,
    Form.FRACTION: AnswerKind.FRACTION,
}


def infer_kind(answer: str, choices: Sequence[str] = ()) -> AnswerKind:
    """The kind of a gold answer.

    With choices it is `CHOICE`; else a number by how it is written; else an `EXPRESSION` where it can be
    read as mathematics; else a `LIST` where it has brackets and commas; else, and for a single capital letter, `TEXT`.
    Of a gold that is a whole text, it is the kind of the answer in it.
    """
    if choices:
        return AnswerKind.CHOICE
    with contextlib.suppress(BadReference):
        answer = held_answer(answer)
    number = parse_number(answer)
    if number is not None:
        return _KIND_OF_FORM[number.form]
    if not is_letter(answer) and read(answer) is not None:
        return AnswerKind.EXPRESSION
    brackets, elements = split_list(answer)
    if len(elements) > 1 and all(elements) and brackets:
        return AnswerKind.LIST
    return AnswerKind.TEXT
