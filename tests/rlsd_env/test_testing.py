"""`check_source` accepts sound sources, and names each promise that one breaks."""

import dataclasses
import doctest
import itertools
import random

import numpy as np
import pytest

import rlsd_env.testing
from rlsd_env import Item, Privileged, Task, TaskSource
from rlsd_env.procedural.bounce_count import BounceCount
from rlsd_env.procedural.shape_count import ShapeCount
from rlsd_env.sources.mathvision import MathVision
from rlsd_env.testing import check_source
from verifiers import Reference


class Sound(TaskSource):
    """Ten tasks; a test breaks one promise at a time."""

    def __len__(self):
        return 10

    def item(self, index):
        picture = np.full((2, 3, 3), index, np.uint8)
        return Item(Task(f"n-{index}", "<image>?", (picture,)), Privileged(Reference(str(index)), extras={"x": np.nan}))

    def index_of(self, task_id):
        return int(task_id.removeprefix("n-"))

    def fold(self, name):
        return {"all": range(10), "train": [0, 2, 4, 6, 8], "tuning": [1], "heldout": [3, 5, 7, 9]}[name]


@pytest.mark.parametrize("make", [Sound, ShapeCount, BounceCount])
def test_sound_sources(make):
    check_source(make(), again=make(), limit=4)
    check_source(make(), limit=1)


def test_real_rows_are_loaded_anew(mathvision_dir, monkeypatch):
    loaded = []
    source = MathVision(path=mathvision_dir, split="testmini")
    load = MathVision._load
    monkeypatch.setattr(MathVision, "_load", lambda self, index: loaded.append(self is source) or load(self, index))
    check_source(source, limit=3)
    assert loaded.count(False) == 3


def with_fold(name, numbers):
    return type("Folded", (Sound,), {"fold": lambda self, asked: numbers if asked == name else Sound().fold(asked)})()


def with_item(change):
    """A source whose item number 3 is changed by `change(item, how often it was asked for)`."""
    calls = itertools.count()
    item = lambda self, i: change(Sound().item(i), next(calls)) if i == 3 else Sound().item(i)  # noqa: E731
    return type("Changed", (Sound,), {"item": item, "privileged": lambda self, i: Sound().privileged(i)})()


def other_task(item, **changes):
    return dataclasses.replace(item, task=dataclasses.replace(item.task, **changes))


class Wandering(Sound):
    """Draws from a generator that goes on, so that a task depends on those before it."""

    def __init__(self):
        self._last = None

    def item(self, index):
        item, before = super().item(index), self._last
        self._last = index
        return item if before in (None, index) else other_task(item, question="<image>again?")


class Random(Sound):
    """Draws from an unseeded generator when it is made."""

    def __init__(self):
        self._shift = random.SystemRandom().random()

    def item(self, index):
        item = super().item(index)
        return Item(item.task, dataclasses.replace(item.privileged, trace=str(self._shift)))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (with_fold("heldout", [0, 1]), "task number 0 is in both folds"),
        (with_fold("tuning", [8]), "task number 8 is in both folds, train and tuning"),
        (with_fold("tuning", [9]), "task number 9 is in both folds, tuning and heldout"),
        (with_fold("heldout", range(8, 10)), "task number 8 is in both folds"),
        (with_fold("all", range(11)), "fold 'all' has 10; task numbers here are whole, from 0 to 9"),
        (with_fold("train", [-2]), "fold 'train' has -2"),
        (with_fold("train", [0.0]), "fold 'train' has 0.0"),
        (with_fold("train", [[1]]), "fold 'train' has [1]"),
        (with_fold("train", None), "fold('train') raises TypeError"),
        (with_fold("train", [2, 2]), "fold 'train' has a task more than once"),
        (type("Empty", (Sound,), {"__len__": lambda self: 0})(), "the source has no tasks"),
        (type("Folds", (Sound,), {"fold": lambda self, name: {}[name]})(), "fold('all') raises KeyError: 'all'"),
        (type("Ids", (Sound,), {"index_of": lambda self, task_id: 0})(), "'n-1' of task number 1 leads to number 0"),
        (type("NoIds", (Sound,), {"index_of": lambda self, id: [][0]})(), "'n-0' of task number 0 leads nowhere: Ind"),
        (with_item(lambda item, call: item.task), "item(3) is a Task; it must be an Item"),
        (with_item(lambda item, call: 1 / 0), "item(3) raises ZeroDivisionError: division by zero"),
        (
            with_item(lambda item, call: other_task(item, images=(item.task.images[0] + call,))),
            "item(3) has another images when it is asked for again",
        ),
        (
            with_item(lambda item, call: Item(item.task, Privileged(Reference("no"), extras={"x": np.nan}))),
            "privileged(3) is not the privileged part of item(3)",
        ),
    ],
)
def test_a_broken_promise_is_named(source, message):
    with pytest.raises(AssertionError) as error:
        check_source(source)
    assert message in str(error.value)


def test_what_changes_after_another_task_and_from_source_to_source():
    with pytest.raises(AssertionError, match=r"item\(\d\) has another question after item\(\d\)"):
        check_source(Wandering())
    check_source(source := Random())
    with pytest.raises(AssertionError, match=r"item\(0\) has another trace in a second source made with the same"):
        check_source(source, again=Random())


def test_ranges_too_long_to_go_through_are_sampled():
    class Shared(ShapeCount):
        def fold(self, name):
            tuning = range(2**31, 3 * 2**30)
            folds = {"all": range(2**31), "train": range(2**30 + 1), "tuning": tuning, "heldout": range(2**30, 2**31)}
            return folds[name]

    with pytest.raises(AssertionError, match=f"task number {2**30} is in both folds"):
        check_source(Shared(), limit=1)


def test_a_limit_of_nothing_is_refused():
    with pytest.raises(ValueError, match="limit is 0; it must be 1 or more"):
        check_source(Sound(), limit=0)


def test_example():
    found = doctest.testmod(rlsd_env.testing)
    assert found.attempted
    assert not found.failed
