"""What a teacher's evidence is, and what becomes of it as credit: Theorems 4 and 5, Eq. 16, and the sum of credit."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from agents import credit, losses
from agents.algorithms import Algorithm
from agents.algorithms.grpo import GRPO
from agents.algorithms.opsd import OPSD
from agents.algorithms.rlsd import RLSD
from agents.diagnostics import bayes
from agents.diagnostics.theory.distillation import divergences
from agents.diagnostics.theory.statement import Statement, at_most, equal
from agents.diagnostics.theory.tabular import Tabular


def theorem_4(world: Tabular) -> Iterator[Statement]:
    """The evidence of a token is how much likelier it makes the hint."""
    source, signals = "Theorem 4", world.signals(world.student_XPV, world.teacher_XRPV)
    gain_NT, mask_NT = signals.gain("answer"), signals.mask_NT
    after_XRPV = world.table_XRPV / world.table_XRPV.sum(1, keepdim=True)  # P(r | x, y_<=t)
    prior_N1 = world.rows(world.prior_XR[..., None])[:, None]
    posterior_N = world.rows(world.joint_XRY / world.joint_XRY.sum(1, keepdim=True))
    whole_N = (posterior_N / prior_N1[:, 0]).log()
    yield equal(source, "sum_t D_t = log P(r | x, y) - log P(r | x)", gain_NT.sum(-1), whole_N)
    so_far_NT = gain_NT.cumsum(-1).exp() * prior_N1
    says = "P(r | x) prod_s<=t P_T(y_s) / P_S(y_s) = P(r | x, y_<=t), at every token"
    yield equal(source, says, so_far_NT, world.rows(world.along(after_XRPV)))
    line = torch.tensor(bayes.slope_and_correlation(whole_N, gain_NT.sum(-1)) or (0.0, 0.0))
    yield equal(source, "slope and correlation of the two, as --diagnose bayes measures them, are 1", line, 1.0)
    says = "sum_t D_t <= -log P(r | x), which rlsd-capped caps it at: nothing is cut"
    yield equal(source, says, credit.capped_gain(gain_NT, mask_NT, -prior_N1.log()), gain_NT)


def algorithm_1(advantage: Tensor, ratio: Tensor, lam: float, epsilon: float) -> Tensor:
    """`A ((1 - lam) + lam clip((P_T / P_S)^sign(A), 1 - e, 1 + e))`, written out in probabilities."""
    weight = torch.where(advantage > 0, ratio, torch.where(advantage < 0, 1 / ratio, 1.0))
    return advantage * (1 - lam + lam * weight.clip(1 - epsilon, 1 + epsilon))


def gradient(world: Tabular, algorithm: Algorithm, weights_N: Tensor, teacher_XRPV: Tensor | None = None) -> Tensor:
    """Return the gradient of an algorithm's loss in the logits of the world's other student, [X, P, V].

    Args:
        world: where.
        algorithm: whose credit.
        weights_N: how often each row (x, r, y) comes.
        teacher_XRPV: another teacher than the world's own.

    """
    logits_XPV = world.logits_XPV.clone().requires_grad_()
    signals = world.signals(logits_XPV.log_softmax(-1), world.teacher_XRPV if teacher_XRPV is None else teacher_XRPV)
    found = algorithm.credit(signals)
    assert found is not None
    Ahat_NT = found.advantages.expand_as(signals.S_NT)
    loss_NT = losses.clipped_surrogate(signals.S_NT, signals.S_old_NT, Ahat_NT, 0.2, 0.28)
    coefficients_N1 = losses.row_coefficients(weights_N, signals.mask_NT.sum(-1), "sequence_mean")[:, None]
    return torch.autograd.grad((coefficients_N1 * loss_NT).sum(), logits_XPV)[0]


def sampled(world: Tabular) -> Tensor:
    """`P(x) P(r | x) P_S(y | x)` of the world's other student, [X, R, Y]: hints are drawn whatever is said."""
    said_XY = world.along(world.logits_XPV.log_softmax(-1)).sum(-1).exp()
    return world.tasks_X[:, None, None] * world.prior_XR[..., None] * said_XY[:, None]


def policy_gradient(world: Tabular, Ahat_XRYT: Tensor, weights_XRY: Tensor) -> Tensor:
    """`-E[mean_t Ahat_t (onehot(y_t) - P_S(. | x, y_<t))]`, the gradient of Eq. 17's template in logits, [X, P, V]."""
    credit_XPV = world.gathered((weights_XRY[..., None] * Ahat_XRYT / Ahat_XRYT.shape[-1]).sum(1))
    return world.logits_XPV.softmax(-1) * credit_XPV.sum(-1, keepdim=True) - credit_XPV


def template_of_rlsd(world: Tabular) -> Iterator[Statement]:
    """RLSD's gradient is that of `sum_t Ahat_t log P_S(y_t)` with the Ahat of Algorithm 1."""
    algorithm, weights_XRY = RLSD(), sampled(world)
    student_X1PV = world.logits_XPV.log_softmax(-1)[:, None]
    ratio_XRYT = (world.along(world.teacher_XRPV) - world.along(student_X1PV)).exp()
    Ahat_XRYT = algorithm_1(world.advantage_XY[:, None, :, None], ratio_XRYT, algorithm.lam, algorithm.epsilon)
    found_XPV = gradient(world, algorithm, world.rows(weights_XRY))
    expected_XPV = policy_gradient(world, Ahat_XRYT, weights_XRY)
    yield equal("Algorithm 1, Eq. 17", "grad L_RLSD = -E[mean_t Ahat_t grad log P_S(y_t)]", found_XPV, expected_XPV)


def theorem_5(world: Tabular) -> Iterator[Statement]:
    """Direction, support and magnitude are out of the hint's reach, token by token."""
    algorithm, signals = RLSD(), world.signals(world.logits_XPV.log_softmax(-1), world.teacher_XRPV)
    Ahat_NT, A_N1, reach = algorithm.credit(signals).advantages, signals.A_N1, algorithm.lam * algorithm.epsilon
    yield equal("Theorem 5 (i)", "sign(Ahat_t) = sign(A), whatever r", Ahat_NT.sign(), A_N1.sign())

    entries = sum(context.full + context.top_k for context in algorithm.contexts(0, {}).values())
    yield equal("Theorem 5 (ii)", "entries of the teacher's distributions that rlsd asks for: none", entries, 0)
    # One response, and a teacher that says otherwise of two entries that are not in it.
    first_XRY = torch.zeros_like(world.joint_XRY)
    first_XRY[0, 0, 1] = 1.0
    other_XRPV = world.teacher_XRPV.clone()
    for prefix, id in zip(world.prefix_YT[1].tolist(), world.ids_YT[1].tolist()):
        a, b = [v for v in range(other_XRPV.shape[-1]) if v != id][:2]
        other_XRPV[0, 0, prefix, [a, b]] = world.teacher_XRPV[0, 0, prefix, [b, a]]
    here, there = (gradient(world, algorithm, world.rows(first_XRY), one) for one in (world.teacher_XRPV, other_XRPV))
    says = "what the teacher says of tokens that were not sampled is not in the gradient"
    yield equal("Theorem 5 (ii)", says, here, there)
    of_opsd = []
    for teacher_XRPV in (world.teacher_XRPV, other_XRPV):
        logits_XPV = world.logits_XPV.clone().requires_grad_()
        each_XRP = divergences(logits_XPV.log_softmax(-1)[:, None], teacher_XRPV, OPSD(beta=0.0))
        of_opsd.append(torch.autograd.grad(each_XRP[0, 0, world.prefix_YT[1]].mean(), logits_XPV)[0])
    yield equal("Theorem 5 (ii)", "nor is it in opsd's", *of_opsd, true=False)

    yield at_most("Theorem 5 (iii)", "abs(Ahat_t) <= (1 + lam e) abs(A)", Ahat_NT.abs(), (1 + reach) * A_N1.abs())
    yield at_most("Theorem 5 (iii)", "(1 - lam e) abs(A) <= abs(Ahat_t)", (1 - reach) * A_N1.abs(), Ahat_NT.abs())


def parameters(world: Tabular) -> Iterator[Statement]:
    """Of all parameters together the direction does depend on the hint, within a bound."""
    algorithm, weights_XRY = RLSD(), sampled(world)
    student_XPV = world.logits_XPV.softmax(-1)
    norm_XPV = (1 - 2 * student_XPV + student_XPV.square().sum(-1, keepdim=True)).sqrt()  # of onehot(v) - P_S
    moved_XY = (world.advantage_XY.abs()[..., None] * world.along(norm_XPV)).mean(-1)
    bound = algorithm.lam * algorithm.epsilon * (weights_XRY.sum(1) * moved_XY).sum()
    distance, cosine = [], []
    for r in range(weights_XRY.shape[1]):
        only_XRY = torch.zeros_like(weights_XRY)
        only_XRY[:, r] = weights_XRY.sum(1)
        ours, plain = (gradient(world, one, world.rows(only_XRY)) for one in (algorithm, GRPO()))
        distance.append((ours - plain).norm())
        cosine.append((ours * plain).sum() / (ours.norm() * plain.norm()))
    says = "norm(g_RLSD - g_GRPO) <= lam e E[mean_t abs(A) norm(grad log P_S)], whatever r"
    yield at_most("ours", says, torch.stack(distance), bound)
    says = "the gradient of all parameters has GRPO's direction whatever r: cosine 1"
    yield equal("Theorem 5 (i)", says, torch.stack(cosine), 1.0, true=False)


def eq_16(advantage: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """`min(w A, clip(w, 1 - e, 1 + e) A)`, as the paper prints it."""
    return torch.minimum(weight * advantage, weight.clip(1 - epsilon, 1 + epsilon) * advantage)


def equation_16(world: Tabular) -> Iterator[Statement]:
    """Eq. 16 as printed is not Algorithm 1."""
    blame, far = (torch.tensor([value], dtype=torch.float64) for value in (-1.0, -2.0))
    of_algorithm = credit.rlsd_advantages(blame, far, 1.0, 0.2)
    printed = eq_16(blame, credit.evidence_weight(blame, far), 0.2)
    yield equal("Algorithm 1", "A = -1, D = -2, e = .2, lam = 1: Ahat = -1.2", of_algorithm, -1.2)
    yield equal("Eq. 16", "the same numbers: -e^2", printed, -math.exp(2))
    yield equal("Eq. 16", "Eq. 16 gives what Algorithm 1 gives", printed, of_algorithm, true=False)
    printed = eq_16(blame, credit.evidence_weight(blame, 5 * far), 0.2)
    yield at_most("Eq. 16", "its blame is at most (1 + e) abs(A): at D = -10", printed.abs(), 1.2, true=False)

    logits_XPV = world.logits_XPV.clone().requires_grad_()
    signals = world.signals(logits_XPV.log_softmax(-1), world.teacher_XRPV)
    gain_NT = credit.information_gain(signals.S_NT, signals.logp["answer"])
    objective = eq_16(signals.A_N1, credit.evidence_weight(signals.A_N1, gain_NT), 0.2).sum()
    nothing = torch.zeros_like(logits_XPV)
    found = torch.autograd.grad(objective, logits_XPV)[0] if objective.requires_grad else nothing
    yield equal("Eq. 16", "its gradient is 0, since w is without one", found, nothing)


def sum_of_credit(world: Tabular) -> Iterator[Statement]:
    """Evidence moves credit from token to token, and makes and loses some on the way."""
    student_X1PV, teacher_XRPV = world.student_XPV.exp()[:, None], world.teacher_XRPV.exp()
    gain_XRPV = credit.information_gain(world.student_XPV[:, None], world.teacher_XRPV)
    one = torch.ones((), dtype=torch.float64)
    up, down = ((student_X1PV * credit.evidence_weight(A, gain_XRPV)).sum(-1) for A in (one, -one))
    yield equal("Eq. 14", "A > 0: E_{y_t ~ P_S} w = 1", up, 1.0)
    chi2_XRP = ((student_X1PV - teacher_XRPV).square() / teacher_XRPV).sum(-1)
    yield equal("Eq. 14", "A < 0: E_{y_t ~ P_S} w = 1 + chi2(P_S || P_T)", down, 1 + chi2_XRP)
    reverse_XRP = losses.kl_divergence(world.student_XPV[:, None], world.teacher_XRPV)
    yield equal("Eq. 13", "E_{y_t ~ P_S} D = -KL(P_S || P_T)", (student_X1PV * gain_XRPV).sum(-1), -reverse_XRP)

    signals = world.signals(world.student_XPV, world.teacher_XRPV)
    A_N, T = signals.A_N1[:, 0], signals.S_NT.shape[1]
    says = "sum_t Ahat_t = abs(y) A, of every response"
    yield equal("Algorithm 1", says, RLSD().credit(signals).advantages.sum(-1), T * A_N, true=False)
    kept_NT = RLSD(conserving="response").credit(signals).advantages
    yield equal('conserving="response"', says, kept_NT.sum(-1), T * A_N)
    sides_NS = torch.nn.functional.one_hot(2 * signals.group_N1[:, 0] + (A_N > 0)).double()
    kept_N = RLSD(conserving="group").credit(signals).advantages.sum(-1)
    says = "sum Ahat = sum A, of either sign of a group"
    yield equal('conserving="group"', says, kept_N @ sides_NS, T * A_N @ sides_NS)
    kept_NT = RLSD(lam=1.0, conserving="response").credit(signals).advantages
    says = "abs(Ahat_t) <= (1 + e) / (1 - e) abs(A), at lam = 1"
    yield at_most('conserving="response"', says, kept_NT.abs(), 1.2 / 0.8 * A_N[:, None].abs())
