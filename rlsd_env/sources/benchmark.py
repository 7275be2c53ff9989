"""What the benchmarks share: `BenchmarkSource`, and the official prompts' parts."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from rlsd_env.prompts import choice_letter
from rlsd_env.sources.dataset import DataSource
from rlsd_env.task import IMAGE_PLACEHOLDER
from verifiers import AnswerKind, Reference, official

OFFICIAL: Mapping[str, Any] = {"mode": "official"}
"""The benchmark's own rules, for numbers that can be compared with papers."""
STRICT: Mapping[str, Any] = {"mode": "strict"}
"""A reward fit to train on: no guess, no nearest choice, no substring."""

_NUMBERED = re.compile(r"<image (\d+)>")


def prompt_template(body: str, instruction: str = "") -> str:
    """Write a benchmark's prompt as a template.

    Args:
        body: the prompt up to how to answer.
        instruction: the benchmark's own sentence on how to answer; an answer format other than "none" is written
            in its place, on a line of its own.

    """
    tools = "{% if tools %}\n{{ tools }}{% endif %}"
    return body + tools + "{% if instruction %}\n{{ instruction }}{% else %}" + instruction + "{% endif %}"


def option_lines(line: str) -> str:
    """Write the part of a template that lists the options, letters drawn in the picture too.

    Args:
        line: one option, with "{letter}" and "{choice}".

    """
    listed = line.format(letter="{{ letter }}", choice="{{ choice }}")
    drawn = line.format(letter="{{ letter }}", choice="{{ letter }}")
    letters = "'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[:metadata.choice_count]"
    return (
        f"{{% for letter, choice in choices %}}{listed}{{% endfor %}}"
        f"{{% if drawn_choices %}}{{% for letter in {letters} %}}{drawn}{{% endfor %}}{{% endif %}}"
    )


class BenchmarkSource(DataSource):
    """A benchmark whose scorer is `verifiers.official.make(verifier)` and whose prompt is the official one."""

    answer_format: ClassVar[str] = "none"

    def reference(self, row: Mapping[str, Any]) -> Reference:
        """Return the scorer's reference of a row.

        Raises:
            ValueError: a column is missing or holds what it cannot, or the gold is none of the choices.

        """
        reference = _scorer(self.verifier).reference(row)
        letters = tuple(choice_letter(index) for index in range(len(reference.choices)))
        if reference.kind is AnswerKind.CHOICE and reference.answer not in (*letters, *reference.choices):
            listed = f" (there are A to {letters[-1]})" if letters else ""
            raise ValueError(f"the answer is {reference.answer!r}, and the row lists no such choice{listed}")
        return reference


@functools.cache
def _scorer(name: str) -> official.BenchmarkVerifier:
    return official.make(name)


def place_numbered(question: str, choices: Sequence[str]) -> tuple[str, tuple[str, ...], tuple[int, ...]]:
    """Turn the marks "<image 3>" of MMMU into placeholders.

    The first mark of a picture becomes its placeholder, further ones "(picture n)", n counting the placeholders.

    Returns:
        Question, choices, and the numbers of the marks in the order of the placeholders.

    """
    order: dict[str, int] = {}

    def place(match: re.Match[str]) -> str:
        if match[1] in order:
            return f"(picture {order[match[1]]})"
        order[match[1]] = len(order) + 1
        return IMAGE_PLACEHOLDER

    question = _NUMBERED.sub(place, question)
    placed = tuple(_NUMBERED.sub(place, choice) for choice in choices)
    return question, placed, tuple(map(int, order))
