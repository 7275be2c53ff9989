"""A set of tasks with faults, and verifiers with faults, for the commands to find; registers four ids."""

from __future__ import annotations

import itertools

import numpy as np

import rlsd_env
from rlsd_env import Item, Privileged, Task, TaskSource
from rlsd_env.errors import ConfigurationError
from verifiers import AnswerKind, AnswerVerifier, Reference, Status, Verdict, Verifier

ME = "tests.rlsd_env.cli.tasks"


class Sums(TaskSource):
    """Five small sums."""

    def __len__(self):
        return 5

    def ids(self):
        return [f"sum-{index}" for index in range(len(self))]

    def item(self, index):
        question = f"<image>What is {index} + 2?"
        image = np.full((4, 6, 3), 40 * index, np.uint8)
        return Item(
            Task(self.ids()[index], question, (image,)), Privileged(Reference(str(index + 2), AnswerKind.INTEGER))
        )

    def index_of(self, task_id):
        if task_id not in self.ids():
            raise ConfigurationError(f"unknown task id {task_id!r}")
        return self.ids().index(task_id)

    def fold(self, name):
        return {"all": range(5), "train": range(3), "tuning": range(3, 4), "heldout": range(4, 5)}[name]


class Broken(Sums):
    """Of five tasks only the first is sound."""

    def ids(self):
        return ["sound", "no placeholder", "sound", "no such option", "lost"]

    def item(self, index):
        if index == 1:
            return Item(Task("no placeholder", "?", (np.zeros((2, 2, 3), np.uint8),)), Privileged(Reference("1")))
        if index == 3:
            choices = ("x", "y")
            reference = Reference("C", AnswerKind.CHOICE, choices)
            return Item(Task(self.ids()[index], "?", choices=choices), Privileged(reference))
        return super().item(index)

    def index_of(self, task_id):
        return 0 if task_id == "lost" else super().index_of(task_id)


class Moody(Sums):
    """Its answers depend on when it was made, and its folds share a task."""

    _made = itertools.count()

    def __init__(self):
        self._mood = next(self._made)

    def item(self, index):
        item = super().item(index)
        return Item(item.task, Privileged(Reference(str(index + 2 + self._mood), AnswerKind.INTEGER)))

    def fold(self, name):
        return {"tuning": range(0), "heldout": range(3, 5)}.get(name, range(5))


class Bracketed(Sums):
    """Text in square brackets wherever there is text; the last of two tasks has no such option as its answer."""

    licence = "CC [BY]"

    def ids(self):
        return ["[red]-0", "[red]-1"]

    def __len__(self):
        return 2

    def item(self, index):
        choices = ("[bold]x[/bold]", "[/red]")
        task = Task(
            self.ids()[index], "Is [link=a] in [0, 1]?", choices=choices, licence=self.licence, metadata={"m": "[i]"}
        )
        return Item(task, Privileged(Reference(("[/red]", "[none]")[index], AnswerKind.CHOICE, choices)))


class Slow(Verifier):
    """Is never done in time."""

    def verify(self, response: str, reference: Reference) -> Verdict:
        return Verdict(0.0, False, None, Status.TIMEOUT, "not done within 2 s")


class Fickle(Verifier):
    """Says right and wrong in turn."""

    _turn = itertools.count()

    def verify(self, response: str, reference: Reference) -> Verdict:
        right = response != "" and next(self._turn) % 2 == 0
        return Verdict(float(right), right, response, Status.OK)


class Lenient(Verifier):
    """Takes everything."""

    def verify(self, response: str, reference: Reference) -> Verdict:
        return Verdict(1.0, True, response, Status.OK)


class Halves(Verifier):
    """Pays half for everything."""

    def verify(self, response: str, reference: Reference) -> Verdict:
        return Verdict(0.5, False, response, Status.OK)


class OnlyNumbers(Verifier):
    """Takes a number for granted."""

    def verify(self, response: str, reference: Reference) -> Verdict:
        answer = response.rpartition("<answer>")[2].partition("</answer>")[0]
        if not answer:
            return Verdict(0.0, False, None, Status.NO_ANSWER)
        right = int(answer) == int(reference.answer)
        return Verdict(float(right), right, answer, Status.OK)


class Boxed(Verifier):
    """Takes an answer in a box only, whatever the prompt asks for."""

    _answers = AnswerVerifier()

    def verify(self, response: str, reference: Reference) -> Verdict:
        return self._answers.verify(response if "boxed" in response else "", reference)


rlsd_env.register("clitest/Sums-v0", source=f"{ME}:Sums")
rlsd_env.register("clitest/Broken-v0", source=f"{ME}:Broken")
rlsd_env.register("clitest/Moody-v0", source=f"{ME}:Moody")
rlsd_env.register("clitest/Bracketed-v0", source=f"{ME}:Bracketed")
