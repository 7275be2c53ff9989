"""All statements, in the paper's order."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from agents.diagnostics.theory import credit, distillation, training
from agents.diagnostics.theory.statement import Statement
from agents.diagnostics.theory.tabular import Tabular

PROOFS: tuple[Callable[[Tabular], Iterator[Statement]], ...] = (
    distillation.theorem_1,
    distillation.budget,
    distillation.proposition_1,
    credit.theorem_4,
    distillation.template_of_opsd,
    credit.template_of_rlsd,
    credit.theorem_5,
    credit.parameters,
    credit.equation_16,
    credit.sum_of_credit,
    training.learner,
)


def prove(world: Tabular) -> list[Statement]:
    """Work all statements out."""
    return [statement for proof in PROOFS for statement in proof(world)]
