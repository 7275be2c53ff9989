"""Whose weights a scorer has, of the model that is trained."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from agents.algorithms.rules import Rule
from agents.policy.tensors import is_sharded, local


class OwnWeights:
    """Whose weights the teacher has: those of the student as it is, or a copy that follows them by a rule.

    Only weights that are trained are copied, so that a teacher of a model with adapters costs no second model; to
    score, they change places with the student's.

    Args:
        rule: "live" (the student as it is), "frozen" (as it was at the start), "ema(RATE)" (moves by RATE of
            the difference after every optimiser step, 0 < RATE <= 1) or "synced(EVERY)" (a copy renewed after
            every EVERY training steps, frozen in between).
        student: the model that is trained.

    """

    def __init__(self, rule: Rule, student: nn.Module) -> None:
        self.kind, self.number = rule.kind, rule.number
        self.age = 0
        """Training steps since the teacher last changed; 0 for a live teacher."""
        self._model = student
        self._student = {name: p for name, p in student.named_parameters() if p.requires_grad}
        self._copy: dict[str, Tensor] | None = None
        if rule.copies:
            self._copy = {name: p.detach().clone() for name, p in self._student.items()}

    @property
    def weights(self) -> dict[str, Tensor]:
        """The teacher's values of the trained weights, by name."""
        return dict(self._student) if self._copy is None else self._copy

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Give the student's model the teacher's weights for the length of the context; no gradient may need them."""
        if self._copy is None:
            yield
            return
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    @torch.no_grad()
    def _exchange(self) -> None:
        assert self._copy is not None
        if any(is_sharded(p) for p in self._student.values()):
            from agents.policy.sharding import reshard

            reshard(self._model)
        for name, parameter in self._student.items():
            mine = self._copy[name]
            if type(parameter.data) is Tensor:
                parameter.data, self._copy[name] = mine, parameter.data
            else:  # shards of a distributed tensor stay where they are, their values change places
                here, there = local(parameter), local(mine)
                kept = here.clone()
                here.copy_(there)
                there.copy_(kept)

    @torch.no_grad()
    def after_update(self) -> None:
        """Follow the student after one of its optimiser steps (ema)."""
        if self._copy is not None and self.kind == "ema":
            mine, theirs = self._pairs()
            torch._foreach_lerp_(mine, theirs, self.number)
            self.age = -1

    @torch.no_grad()
    def after_step(self) -> None:
        """Follow the student after a training step, one in which nothing was updated included (synced)."""
        if self._copy is None:
            return
        self.age += 1
        if self.kind == "synced" and self.age >= self.number:
            mine, theirs = self._pairs()
            torch._foreach_copy_(mine, theirs)
            self.age = 0

    def _pairs(self) -> tuple[list[Tensor], list[Tensor]]:
        assert self._copy is not None
        names = list(self._student)
        return [local(self._copy[name]) for name in names], [local(self._student[name].detach()) for name in names]

    def state_dict(self) -> dict[str, Any]:
        """Return all that a resumed run needs: the weights, which no rule can rebuild, and their age."""
        return {"age": self.age, "weights": None if self._copy is None else dict(self._copy)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        if (state["weights"] is None) != (self._copy is None):
            raise ValueError(f"the stored teacher does not fit the rule {self.kind!r}; resume with the stored options")
        self.age = state["age"]
        if self._copy is not None:
            if state["weights"].keys() != self._copy.keys():
                raise ValueError(
                    "the stored teacher has other weights than those trained; resume with the stored options"
                )
            for name, value in state["weights"].items():
                local(self._copy[name]).copy_(local(value))
