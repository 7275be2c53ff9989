"""What matching a teacher that knows more comes to: Theorem 1, the budget, Proposition 1, and OPSD in Eq. 17."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from agents import losses
from agents.algorithms import Signals
from agents.algorithms.opsd import OPSD
from agents.diagnostics import information
from agents.diagnostics.theory.statement import Statement, at_most, equal
from agents.diagnostics.theory.tabular import Tabular


def divergences(student_XRPV: Tensor, teacher_XRPV: Tensor, algorithm: OPSD) -> Tensor:
    """OPSD's loss of each task, hint and prefix, [X, R, P]; the student may have R = 1."""
    teacher_MV, shape = teacher_XRPV.flatten(0, 2), teacher_XRPV.shape
    student_MV = student_XRPV.expand(shape).flatten(0, 2)
    nothing_M1 = student_MV.new_zeros(len(student_MV), 1)
    signals = Signals(nothing_M1, nothing_M1, nothing_M1, nothing_M1 == 0, step=0)
    return algorithm.auxiliary(student_MV, {"solution": teacher_MV}, signals).unflatten(0, shape[:3])


def relative_entropy(p: Tensor, q: Tensor) -> Tensor:
    """`sum_v p log (p / q)` of probabilities, written out."""
    return (p * (p / q).log()).sum(-1)


def marginal(weights_XRP: Tensor, teacher_XRPV: Tensor) -> Tensor:
    """`sum_r w_r P_T(v | r)`, of probabilities, [X, 1, P, V]."""
    return (weights_XRP[..., None] * teacher_XRPV).sum(1, keepdim=True)


def told(world: Tabular) -> Tensor:
    """Return `I(Y_t; R | x, y_<t)` behind each prefix, hints as likely as they are there, [X, P]."""
    shape = world.posterior_XRP.shape
    teachers_MV = [teacher_XPV.flatten(0, 1) for teacher_XPV in world.teacher_XRPV.unbind(1)]
    weights_RM = world.posterior_XRP.transpose(0, 1).flatten(1)
    return information.mutual_information(*teachers_MV, weights_KM=weights_RM).view(shape[0], shape[2])


def theorem_1(world: Tabular) -> Iterator[Statement]:
    """`L_OPSD = L* + I`; the student can do nothing about I, whose gradient is 0."""
    source, posterior_XRP, teacher_XRPV = "Theorem 1", world.posterior_XRP, world.teacher_XRPV.exp()
    logits_XPV = world.logits_XPV.clone().requires_grad_()
    student_XPV = logits_XPV.log_softmax(-1)
    reached_XP = world.reached_XP(student_XPV.detach())
    each_XRP = divergences(student_XPV[:, None], world.teacher_XRPV, OPSD(beta=0.0))
    loss = (reached_XP * (posterior_XRP * each_XRP).sum(1)).sum()

    mean_X1PV = marginal(posterior_XRP, teacher_XRPV)
    ideal_XP = relative_entropy(mean_X1PV, student_XPV.detach()[:, None].exp())[:, 0]
    gap_XP = (posterior_XRP * relative_entropy(teacher_XRPV, mean_X1PV)).sum(1)
    yield equal(source, "L_OPSD = L* + I(Y_t; R | X, Y_<t)", loss, (reached_XP * (ideal_XP + gap_XP)).sum())

    gradient_XPV = torch.autograd.grad(loss, logits_XPV)[0]
    expected_XPV = reached_XP[..., None] * (student_XPV.exp() - mean_X1PV[:, 0])
    yield equal(source, "grad L_OPSD = grad L* = P(y_<t) (P_S - mean_r P_T), in logits", gradient_XPV, expected_XPV)

    best_XPV = world.student_XPV.clone().requires_grad_()
    reached_XP = world.reached_XP(best_XPV.detach())
    each_XRP = divergences(best_XPV.log_softmax(-1)[:, None], world.teacher_XRPV, OPSD(beta=0.0))
    loss = (reached_XP * (posterior_XRP * each_XRP).sum(1)).sum()
    yield equal(source, "where the student is mean_r P_T what is left is I ..", loss, (reached_XP * gap_XP).sum())
    yield equal(source, ".. and has no gradient", torch.autograd.grad(loss, best_XPV)[0], 0.0)

    # An entry of the student's and one bucket for the rest are two outcomes: the theorem is of them as it is of V.
    top_X1PV = world.student_XPV[:, None] == world.student_XPV[:, None].amax(-1, keepdim=True)
    two_XRP2 = torch.stack([(teacher_XRPV * on_X1PV).sum(-1) for on_X1PV in (top_X1PV, ~top_X1PV)], -1)
    narrow_XP = (posterior_XRP * relative_entropy(two_XRP2, marginal(posterior_XRP, two_XRP2))).sum(1)
    each_XRP = divergences(world.student_XPV[:, None], world.teacher_XRPV, OPSD(form="student_top1", beta=0.0))
    left_XP = (posterior_XRP * each_XRP).sum(1)
    yield equal(source, "what is left of Student-top1 is I of its entry and a bucket", left_XP, narrow_XP)
    yield at_most("data processing", "I of Student-top1 <= I of the whole vocabulary", narrow_XP, gap_XP)

    # Training draws r with the task, and the student speaks without it: P(r | x) whatever was said.
    unread_XRP = world.prior_XR[..., None].expand_as(posterior_XRP)
    each_XRP = divergences(world.student_XPV[:, None], world.teacher_XRPV, OPSD(beta=0.0))
    drawn_XP = (unread_XRP * each_XRP).sum(1)
    says = "r drawn from P(r | x) in L_OPSD, from P(r | x, y_<t) in L*: L_OPSD = L* + I"
    yield equal("Eq. 7, 9", says, drawn_XP, gap_XP, true=False)
    mean_X1PV = marginal(unread_XRP, teacher_XRPV)
    ideal_XP = relative_entropy(mean_X1PV, world.student_XPV[:, None].exp())[:, 0]
    spread_XP = (unread_XRP * relative_entropy(teacher_XRPV, mean_X1PV)).sum(1)
    says = "r drawn from P(r | x) in all terms: L_OPSD = L* + E_r KL(P_T || mean_r P_T)"
    yield equal("Theorem 1", says, drawn_XP, ideal_XP + spread_XP)


def budget(world: Tabular) -> Iterator[Statement]:
    """What all tokens tell of the hint is at most what there is to tell."""
    by_token = (world.reached_XP(world.student_XPV) * told(world)).sum()
    apart_XRY = world.prior_XR[..., None] * world.joint_XRY.sum(1, keepdim=True)
    whole = (world.tasks_X * (world.joint_XRY * (world.joint_XRY / apart_XRY).log()).sum((1, 2))).sum()
    there_is = -(world.tasks_X[:, None] * world.prior_XR * world.prior_XR.log()).sum()
    yield equal("chain rule", "sum_t I(Y_t; R | X, Y_<t) = I(Y; R | X)", by_token, whole)
    yield at_most("chain rule", "I(Y; R | X) <= H(R | X)", by_token, there_is)

    # Two hints, two entries, and a teacher that says the hint at each of three tokens: each tells it anew.
    says_RV = torch.tensor([[0.99, 0.01], [0.01, 0.99]], dtype=torch.float64).log()
    anew = 3 * information.mutual_information(says_RV[:1], says_RV[1:])
    says = "sum_t I <= H(R | X) where r is drawn from P(r | x), whatever was said before"
    yield at_most("Eq. 9", says, anew, math.log(2), true=False)


def proposition_1(world: Tabular) -> Iterator[Statement]:
    """How far one hint's gradient is from the mean, in the student's logits."""
    source, posterior_XRP, teacher_XRPV = "Proposition 1", world.posterior_XRP, world.teacher_XRPV.exp()
    logits_XRPV = world.logits_XPV[:, None].repeat(1, world.teacher_XRPV.shape[1], 1, 1).requires_grad_()
    loss = divergences(logits_XRPV.log_softmax(-1), world.teacher_XRPV, OPSD(beta=0.0)).sum()
    gradient_XRPV = torch.autograd.grad(loss, logits_XRPV)[0]
    delta_XRPV = gradient_XRPV - marginal(posterior_XRP, gradient_XRPV)
    off_XRPV = teacher_XRPV - marginal(posterior_XRP, teacher_XRPV)
    yield equal(source, "delta = -(P_T(. | r) - mean_r P_T)", delta_XRPV, -off_XRPV)

    spread_XP = (posterior_XRP * delta_XRPV.square().sum(-1)).sum(1)
    variance_XP = (posterior_XRP[..., None] * off_XRPV.square()).sum((1, 3))
    yield equal(source, "E_r norm(delta)^2 = sum_v Var_r P_T(v | r)", spread_XP, variance_XP)

    yield at_most("Pinsker", "E_r norm(delta)^2 <= 2 I", spread_XP, 2 * told(world))
    yield at_most("ours", "E_r norm(delta)^2 <= I, since a delta sums to 0", spread_XP, told(world))

    # P_T = (.75, .15, .1) or (.15, .75, .1): Var = (.09, .09, 0), sum .18. P_S = (.05, .05, .9): norm(P_S)^2 = .815 and
    # norm(grad log P_S(v))^2 = 1 - 2 P_S(v) + .815 = (1.715, 1.715, .015): .09 x 2 x 1.715 = .3087.
    teacher_RV = torch.tensor([[0.75, 0.15, 0.1], [0.15, 0.75, 0.1]], dtype=torch.float64)
    logits_RV = torch.tensor([[0.05, 0.05, 0.9]], dtype=torch.float64).log().repeat(2, 1).requires_grad_()
    loss = losses.generalised_jsd(logits_RV.log_softmax(-1), teacher_RV.log(), 0.0).sum()
    gradient_RV = torch.autograd.grad(loss, logits_RV)[0]
    true = (gradient_RV - gradient_RV.mean(0)).square().sum(-1).mean()
    says = "(ii): sum_v Var_r P_T(v | r) norm(grad log P_S(v))^2 <= E_r norm(delta)^2"
    yield at_most(source, says, 0.3087, true, true=False)


def template_of_opsd(world: Tabular) -> Iterator[Statement]:
    """`Ahat_t = D_t` is the gradient of the reverse KL."""
    student_X1PV, teacher_XRPV = world.logits_XPV.log_softmax(-1)[:, None], world.teacher_XRPV
    ratio_XRPV = student_X1PV - teacher_XRPV
    reverse_XRP1 = (student_X1PV.exp() * ratio_XRPV).sum(-1, keepdim=True)
    expected_XRPV = student_X1PV.exp() * (ratio_XRPV - reverse_XRP1)

    logits_XRPV = world.logits_XPV[:, None].expand_as(teacher_XRPV).clone().requires_grad_()
    each_XRP = divergences(logits_XRPV.log_softmax(-1), world.teacher_XRPV, OPSD(beta=1.0))
    found_XRPV = torch.autograd.grad(each_XRP.sum(), logits_XRPV)[0]
    yield equal("OPSD", "grad KL(S || T) = P_S (log P_S / P_T - KL(S || T)), in logits", found_XRPV, expected_XRPV)

    S_NT = logits_XRPV.log_softmax(-1).flatten(0, 2)  # every entry is sampled, and counts as often as it would be
    Q_NT = teacher_XRPV.flatten(0, 2)
    signals = Signals(S_NT[:, :1] * 0, S_NT, S_NT.detach(), S_NT < 0, step=0, logp={"solution": Q_NT})
    credit = OPSD(form="sampled").credit(signals)
    assert credit is not None
    loss_NT = losses.clipped_surrogate(S_NT, S_NT.detach(), credit.advantages, 0.2, 0.28)
    loss = (S_NT.detach().exp() * loss_NT).sum()
    says = "E_{y_t ~ P_S} -D_t grad log P_S(y_t) = grad KL(S || T)"
    yield equal("Eq. 17, OPSD", says, torch.autograd.grad(loss, logits_XRPV)[0], expected_XRPV)
