"""The whole of training: the gradient that the learner leaves in a tabular policy, over every response once."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from agents.algorithms import Algorithm
from agents.algorithms.grpo import GRPO
from agents.algorithms.opsd import OPSD
from agents.algorithms.rlsd import RLSD
from agents.diagnostics.theory.credit import algorithm_1, policy_gradient
from agents.diagnostics.theory.policy import as_policy, everything
from agents.diagnostics.theory.statement import Statement, equal
from agents.diagnostics.theory.tabular import Tabular
from agents.learner.learner import Learner
from agents.options.learner import LearnerOptions

SINGLE = 1e-6
"""What the learner's advantages and coefficients, which are in float32, may make of a gradient."""


def trained(world: Tabular, algorithm: Algorithm) -> Tensor:
    """Return the learner's gradient, [X, P, V]."""
    learner = Learner(as_policy(world), algorithm, LearnerOptions())
    learner.gradient(everything(world))
    found = learner.parameters[0].grad
    assert found is not None
    return found


def learner(world: Tabular) -> Iterator[Statement]:
    """GRPO, RLSD and OPSD, from prompts and rewards to the gradient."""
    source, student_XPV = "the learner", world.logits_XPV.log_softmax(-1)
    ratio_XRYT = (world.along(world.teacher_XRPV) - world.along(student_XPV)[:, None]).exp()
    weights_XRY = torch.full_like(world.joint_XRY, 1 / world.joint_XRY.numel())
    A_XY = (world.reward_XY - world.reward_XY.mean(-1, keepdim=True)) / (world.reward_XY.std(-1, keepdim=True) + 1e-6)
    A_XRYT = A_XY[:, None, :, None].expand_as(ratio_XRYT)
    says = "its gradient of {} is -mean Ahat_t grad log P_S(y_t)"
    for algorithm, lam in ((GRPO(), 0.0), (RLSD(), 0.5)):
        expected_XPV = policy_gradient(world, algorithm_1(A_XRYT, ratio_XRYT, lam, 0.2), weights_XRY)
        found_XPV = trained(world, algorithm)
        yield equal(source, says.format(algorithm.name), found_XPV, expected_XPV, within=SINGLE)

    pull_XRPV = student_XPV[:, None].exp() - world.teacher_XRPV.exp()
    visits_XRPV = world.gathered(weights_XRY[..., None].expand_as(ratio_XRYT) / ratio_XRYT.shape[-1])
    expected_XPV = (visits_XRPV.sum(-1, keepdim=True) * pull_XRPV).sum(1)
    says = "its gradient of opsd with beta 0 is mean (P_S - P_T)"
    yield equal(source, says, trained(world, OPSD(beta=0.0)), expected_XPV, within=SINGLE)
