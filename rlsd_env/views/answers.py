"""What a numeric view has to know of a family: which whole numbers its answers can be, and what a task asks."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from rlsd_env.errors import ConfigurationError
from rlsd_env.procedural import bar_chart, dot_sum, shape_count
from rlsd_env.sources import TaskSource


@dataclass(frozen=True)
class Answers:
    """The answers of a family at its difficulty.

    Attributes:
        largest: the answers are whole numbers from 0 to this one.
        question_varies: whether tasks differ in what they ask, so that the picture alone does not tell.

    """

    largest: int
    question_varies: bool


@functools.singledispatch
def answers(source: TaskSource) -> Answers:
    """Return what the answers of a source can be; `answers.register` makes a family of one's own known.

    >>> answers(dot_sum.DotSum(difficulty=1))
    Answers(largest=6, question_varies=False)

    Raises:
        ConfigurationError: the source is not known, or not all of its answers are whole numbers.

    """
    raise ConfigurationError(
        f"{type(source).__name__} has no numeric view: tell rlsd_env.views.answers.answers.register what its answers "
        "can be"
    )


@answers.register
def _(source: dot_sum.DotSum) -> Answers:
    level = dot_sum.LEVELS[source.difficulty - 1]
    return Answers(level.boxes * level.most, question_varies=False)


@answers.register
def _(source: shape_count.ShapeCount) -> Answers:
    level = shape_count.LEVELS[source.difficulty - 1]
    return Answers(level.most**2 if "times" in level.operations else 2 * level.most, question_varies=True)


@answers.register
def _(source: bar_chart.BarChart) -> Answers:
    level = bar_chart.LEVELS[source.difficulty - 1]
    if "ratio" in level.operations:
        whole = [n for n, each in enumerate(bar_chart.LEVELS, start=1) if "ratio" not in each.operations]
        raise ConfigurationError(
            f"difficulty {source.difficulty} of {source.family} has fractions for answers; a numeric view takes "
            f"difficulty {' or '.join(map(str, whole))}"
        )
    return Answers(2 * level.most, question_varies=True)
