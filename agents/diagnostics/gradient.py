"""Where a method's gradient points: beside GRPO's, and how much of it the hints decide."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from agents.algorithms.grpo import GRPO
from agents.diagnostics.references import hints_from
from agents.distributed import World
from agents.episodes import EpisodeBatch
from agents.policy.tensors import local

if TYPE_CHECKING:
    from agents.learner.learner import Learner


def swapped(batch: EpisodeBatch, world: World) -> EpisodeBatch:
    """Give each group the hints of the next one of all processes, and the last those of the first."""
    others = [(own, *rest)[1 % (1 + len(rest))] for own, *rest in hints_from(batch, world)]
    return dataclasses.replace(
        batch, groups=tuple(dataclasses.replace(group, hints=other) for group, other in zip(batch.groups, others))
    )


def cosine_and_change(products: Mapping[str, float]) -> dict[str, float]:
    """Return a cosine and a relative distance from the products of g, GRPO's gradient h and that of other hints k.

    >>> cosine_and_change({"gg": 4.0, "hh": 1.0, "gh": 1.0, "kk": 1.0, "gk": 2.0})
    {'gradient_cosine_grpo': 0.5, 'gradient_hint_sensitivity': 0.5}
    """
    found, gg = {}, products["gg"]
    if gg > 0 and products["hh"] > 0:
        found["gradient_cosine_grpo"] = products["gh"] / (gg * products["hh"]) ** 0.5
    if gg > 0 and "kk" in products:
        found["gradient_hint_sensitivity"] = max(0.0, gg - 2 * products["gk"] + products["kk"]) ** 0.5 / gg**0.5
    return found


def measure(learner: Learner, batch: EpisodeBatch) -> Mapping[str, float]:
    """Compare gradients of the batch's loss before its first update, not scaled down; two more passes of an update.

    GRPO's is of the policy's own attempts, where others are in their place. Without a context at this step hints
    decide nothing, and only the cosine is measured. Contexts made of what the group itself said, as SDPO's sibling
    is, do not change with the hints.
    """
    learner.gradient(batch)
    own = [None if p.grad is None else local(p.grad).clone() for p in learner.parameters]
    products = {"gg": _product(learner, own)}
    learner.gradient(batch.own, GRPO())
    products |= {"hh": _product(learner), "gh": _product(learner, own, once=True)}
    if learner.algorithm.contexts(batch.step, learner.state):
        learner.gradient(swapped(batch, learner.world))
        products |= {"kk": _product(learner), "gk": _product(learner, own, once=True)}
    learner.optimizer.zero_grad(set_to_none=True)
    return cosine_and_change(products)


def _product(learner: Learner, others: Sequence[Tensor | None] | None = None, *, once: bool = False) -> float:
    """Return a scalar product: of others with themselves; with `once`, with the gradient; of that with itself."""
    mine = [None if p.grad is None else local(p.grad) for p in learner.parameters]
    left, right = (mine, mine) if others is None else (others, mine if once else others)
    total = torch.zeros((), dtype=torch.float64, device=learner.parameters[0].device)
    for a, b in zip(left, right):
        if a is not None and b is not None:
            total += (a.double() * b.double()).sum()
    return float(learner.world.sum(total) if learner.sharded else total)
