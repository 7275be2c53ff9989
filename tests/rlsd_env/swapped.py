"""A source whose privileged parts are replaced: what a student sees must not notice."""

from __future__ import annotations

import dataclasses

from rlsd_env.sources import TaskSource
from rlsd_env.task import Item, Privileged
from verifiers import AnswerKind, Reference, Step

CANARY = "xq7-canary-93"


class Swapped(TaskSource):
    """Another source with every privileged part replaced; the public parts stay."""

    def __init__(self, base: TaskSource) -> None:
        self.base = base
        self.verifier, self.verifier_kwargs = base.verifier, base.verifier_kwargs
        self.answer_format, self.template = base.answer_format, base.template

    def __len__(self):
        return len(self.base)

    def index_of(self, task_id):
        return self.base.index_of(task_id)

    def fold(self, name):
        return self.base.fold(name)

    def item(self, index):
        item = self.base.item(index)
        reference = item.privileged.reference
        swapped = dataclasses.replace(
            reference,
            answer=other_answer(reference),
            solution=CANARY,
            steps=(Step(CANARY, "1"),),
        )
        return Item(item.task, Privileged(swapped, trace=CANARY, extras={"note": CANARY}))


def other_answer(reference: Reference) -> str:
    """Another answer of the same kind."""
    if reference.choices or reference.kind is AnswerKind.CHOICE:
        return "B" if reference.answer == "A" else "A"
    if reference.kind in (AnswerKind.TEXT, None):
        return CANARY
    return "[123456, 123457]" if reference.kind is AnswerKind.LIST else "123456"
