"""The contract of a task source as a test: `check_source`, as `verifiers.testing.check_verifier` is of a verifier."""

from __future__ import annotations

import copy
import dataclasses
import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from rlsd_env.sources.base import FOLDS, PARTS, TaskSource
from rlsd_env.task import Item

ITEMS = 50
"""How many tasks `check_source` looks at by default."""
_WHOLE = 1_000_000
"""Folds with more numbers are sampled."""
_SAMPLE = 1_000


def check_source(source: TaskSource, *, limit: int | None = ITEMS, again: TaskSource | None = None) -> None:
    """Check that a source keeps what `TaskSource` promises.

    Folds are within range, and "train", "tuning" and "heldout" have nothing in common. A task is the same, pixels and
    reference included, when it is asked for again, after another one, and from a second source. Its id leads back to
    it, and `privileged` says what `item` says.

    >>> from rlsd_env.procedural.dot_sum import DotSum
    >>> check_source(DotSum(), again=DotSum(), limit=5)

    Args:
        source: the source to check.
        limit: how many tasks are loaded, evenly spread over all; None: every one. Folds of more than a million
            numbers are sampled too.
        again: a second source made with the same arguments, which finds what depends on the moment when a source is
            made; None: a copy, which of a `DataSource` has none of the decoded pictures.

    Raises:
        AssertionError: a promise is not kept; the message says which.
        ValueError: `limit` is below 1.

    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit is {limit}; it must be 1 or more, or None for all tasks")
    _raise(fold_problems(source))
    again = copy.copy(source) if again is None else again
    chosen = _spread(len(source), limit)
    for other, index in zip([chosen[-1], *chosen], chosen):
        _raise(item_problems(source, index, other, again))


def _raise(problems: Iterator[str]) -> None:
    if found := list(problems):
        raise AssertionError("; ".join(found))


def fold_problems(source: TaskSource) -> Iterator[str]:
    """Say what is wrong with a source's folds."""
    count = len(source)
    if count < 1:
        yield "the source has no tasks"
        return
    folds: dict[str, Sequence[int]] = {}
    sampled: dict[str, Sequence[int]] = {}
    for name in FOLDS:
        try:
            folds[name] = source.fold(name)
            sampled[name] = _sampled(folds[name])
        except Exception as error:  # any source of the user's
            yield f"fold({name!r}) raises {type(error).__name__}: {error}; there must be {', '.join(FOLDS)}"
            return
    for name, numbers in sampled.items():
        outside = [n for n in numbers if not isinstance(n, int | np.integer) or not 0 <= n < count]
        if outside:
            yield f"fold {name!r} has {outside[0]!r}; task numbers here are whole, from 0 to {count - 1}"
            return
        if len(set(numbers)) < len(numbers):
            yield f"fold {name!r} has a task more than once"
    for name, other in itertools.permutations(PARTS, 2):
        members: Collection[int] = folds[other] if isinstance(folds[other], range) else frozenset(sampled[other])
        if shared := [n for n in sampled[name] if n in members]:
            yield f"task number {shared[0]} is in both folds, {name} and {other}; they must have no task in common"
            return


def item_problems(source: TaskSource, index: int, other: int, again: TaskSource) -> Iterator[str]:
    """Say what is wrong with one task.

    Args:
        source: the source.
        index: the task's number.
        other: the number of a sound task that is asked for in between.
        again: a second source made with the same arguments.

    """
    try:
        first = _item(source, index)
        for when, advice, item in _repeated(source, index, other, again):
            if changed := _differences(first, item):
                yield f"item({index}) has another {', '.join(changed)} {when}; {advice}"
                return
        yield from _identity(source, index, first)
    except AssertionError as error:
        yield str(error)


def _item(source: TaskSource, index: int) -> Item:
    try:
        item = source.item(index)
    except Exception as error:  # any source of the user's
        raise AssertionError(f"item({index}) raises {type(error).__name__}: {error}") from error
    if not isinstance(item, Item):
        raise AssertionError(f"item({index}) is a {type(item).__name__}; it must be an Item")
    return item


def _identity(source: TaskSource, index: int, item: Item) -> Iterator[str]:
    task_id = item.task.id
    try:
        found = source.index_of(task_id)
        privileged = source.privileged(index)
    except Exception as error:  # any source of the user's
        yield f"the id {task_id!r} of task number {index} leads nowhere: {type(error).__name__}: {error}"
        return
    if found != index:
        yield f"the id {task_id!r} of task number {index} leads to number {found}; ids must be unique and lead back"
    if not _same(privileged, item.privileged):
        yield f"privileged({index}) is not the privileged part of item({index}); override both or none"


def _repeated(source: TaskSource, index: int, other: int, again: TaskSource) -> Iterator[tuple[str, str, Item]]:
    """Yield a task again: when, what would mend a difference, and the task."""
    seeded = "what is drawn at random must come from the number alone, numpy.random.default_rng([SEED, index])"
    yield "when it is asked for again", seeded, _item(source, index)
    _item(source, other)
    yield f"after item({other})", seeded, _item(source, index)
    second = "it may depend on the source's arguments and the number alone, on nothing of the moment it is made"
    yield "in a second source made with the same arguments", second, _item(again, index)


def _differences(a: Item, b: Item) -> list[str]:
    """Name the fields of two items that differ."""
    pairs = ((a.task, b.task), (a.privileged, b.privileged))
    return [
        field.name
        for one, two in pairs
        for field in dataclasses.fields(one)
        if not _same(getattr(one, field.name), getattr(two, field.name))
    ]


def _same(a: object, b: object) -> bool:
    """Compare values of any depth; arrays by type, shape and content, and NaN is the same as NaN."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)  # type: ignore[attr-defined, arg-type]
    if dataclasses.is_dataclass(a):
        return all(_same(getattr(a, field.name), getattr(b, field.name)) for field in dataclasses.fields(a))
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b or (a != a and b != b))


def _sampled(fold: Sequence[int]) -> Sequence[int]:
    return fold if len(fold) <= _WHOLE else [fold[place] for place in _spread(len(fold), _SAMPLE)]


def _spread(count: int, limit: int | None) -> list[int]:
    """At most `limit` numbers below `count`, evenly spread, the first and the last among them."""
    if limit is None or count <= limit:
        return list(range(count))
    return [place * (count - 1) // max(1, limit - 1) for place in range(limit)]
