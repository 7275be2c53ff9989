"""Pure functions: group advantages, the clipped surrogate and divergences between token distributions.

Shape suffixes: `_B` prompts, `_G` samples of one prompt, `_N` episodes or rows (B x G), `_T` response tokens,
`_M` the response tokens of a batch laid end to end (where the mask is true), `_V` vocabulary. Log-probabilities
are natural logarithms; divergences are in nats per token.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

NEVER = -1e30
"""Logarithm of a probability of 0, and the logit that gives it: finite, so that differences of two are 0, not NaN."""


def group_advantages(rewards_BG: Tensor, valid_BG: Tensor, *, divide_by_std: bool = True) -> Tensor:
    """Compare each sample with its group: `A = (R - mean) / (std + 1e-6)` (GRPO; Self-Distilled RLVR, Eq. 2).

    Args:
        rewards_BG: rewards, [B, G].
        valid_BG: false where the verifier failed; such a sample counts neither in the mean nor in the
            deviation and has advantage 0.
        divide_by_std: False leaves out the division (Dr. GRPO).

    Returns:
        [B, G] advantages; exactly 0 for a whole group whose valid rewards are equal or fewer than two.

    >>> group_advantages(torch.tensor([[1.0, 0.0, 0.0, 0.0]]), torch.ones(1, 4, dtype=torch.bool))
    tensor([[ 1.5000, -0.5000, -0.5000, -0.5000]])

    """
    if rewards_BG.ndim != 2 or rewards_BG.shape != valid_BG.shape or valid_BG.dtype != torch.bool:
        raise ValueError(
            f"rewards {tuple(rewards_BG.shape)} and valid {tuple(valid_BG.shape)} {valid_BG.dtype}: "
            "both must be [B, G], valid boolean"
        )
    count_B1 = valid_BG.sum(1, keepdim=True)
    kept_BG = torch.where(valid_BG, rewards_BG, 0.0)
    mean_B1 = kept_BG.sum(1, keepdim=True) / count_B1.clamp(min=1)
    centred_BG = torch.where(valid_BG, rewards_BG - mean_B1, 0.0)
    highest = torch.where(valid_BG, rewards_BG, -math.inf).amax(1, keepdim=True)
    lowest = torch.where(valid_BG, rewards_BG, math.inf).amin(1, keepdim=True)
    informative_B1 = (count_B1 >= 2) & (highest > lowest)
    if divide_by_std:
        variance_B1 = centred_BG.square().sum(1, keepdim=True) / (count_B1 - 1).clamp(min=1)
        centred_BG = centred_BG / (variance_B1.sqrt() + 1e-6)
    return torch.where(informative_B1 & valid_BG, centred_BG, 0.0)


def batch_advantages(rewards_BG: Tensor, valid_BG: Tensor, *, divide_by_std: bool = True) -> Tensor:
    """Compare each sample with all of the step: `A = (R - mean) / (std + 1e-6)` (REINFORCE++, arXiv 2501.03262).

    Args:
        rewards_BG: as of `group_advantages`.
        valid_BG: as of `group_advantages`.
        divide_by_std: False leaves out the division.

    >>> batch_advantages(torch.tensor([[1.0, 1.0], [1.0, 0.0]]), torch.ones(2, 2, dtype=torch.bool))
    tensor([[ 0.5000,  0.5000],
            [ 0.5000, -1.5000]])

    """
    everyone = rewards_BG.reshape(1, -1), valid_BG.reshape(1, -1)
    return group_advantages(*everyone, divide_by_std=divide_by_std).view(rewards_BG.shape)


def importance_ratio(logp: Tensor, old_logp: Tensor, mask_NT: Tensor | None = None) -> Tensor:
    """`rho_t = exp(S_t - S_old_t)`, or for whole rows GSPO's `s = exp(mean_t (S_t - S_old_t))` (arXiv 2507.18071).

    Each token of a row has the row's s, and the gradient of its own log-probability: `sg(s) exp(S_t - sg(S_t))`, the
    paper's GSPO-token. Where the tokens of a row have one advantage the gradient is GSPO's, `A s mean_t grad S_t`;
    where they have several, each stays with its token.

    Args:
        logp: current log-probabilities of the sampled tokens, any shape; with a mask [N, T].
        old_logp: those under the policy that sampled, same shape.
        mask_NT: true on the tokens of each row; None: a ratio for each token.

    >>> importance_ratio(torch.tensor([[0.5, 0.1]]), torch.zeros(1, 2), torch.ones(1, 2, dtype=torch.bool))
    tensor([[1.3499, 1.3499]])

    """
    if old_logp.requires_grad:
        raise ValueError("old_logp carries a gradient; detach it")
    if mask_NT is None:
        return torch.exp(logp - old_logp)
    now = logp.detach()
    count_N1 = mask_NT.sum(-1, keepdim=True).clamp(min=1)
    mean_N1 = torch.where(mask_NT, now - old_logp, 0.0).sum(-1, keepdim=True) / count_N1
    return torch.exp(mean_N1) * torch.exp(logp - now)


def clipped_surrogate(
    logp: Tensor,
    old_logp: Tensor,
    advantages: Tensor,
    low: float,
    high: float,
    *,
    negative_cap: float = 0.0,
    mask_NT: Tensor | None = None,
) -> Tensor:
    """PPO's surrogate as a loss, per token: `-min(rho A, clip(rho, 1 - low, 1 + high) A)` (DAPO's two bounds).

    Args:
        logp: current log-probabilities of the sampled tokens, any shape, with gradient.
        old_logp: those under the policy that sampled, same shape.
        advantages: token advantages, same shape, without gradient.
        low: how far the ratio may fall below 1.
        high: how far it may rise above 1.
        negative_cap: c of dual-clip PPO (Ye et al. 2020, arXiv 1912.09729): where A < 0 the loss is at most `-c A`;
            0: no such bound.
        mask_NT: as of `importance_ratio`.

    >>> old, five_times = torch.zeros(1), torch.tensor([5.0]).log()
    >>> clipped_surrogate(five_times, old, torch.tensor([-1.0]), 0.2, 0.28, negative_cap=3.0)
    tensor([3.])

    """
    if advantages.requires_grad:
        raise ValueError("advantages carry a gradient; detach them")
    if negative_cap and not negative_cap > 1:
        raise ValueError(f"negative_cap is {negative_cap}; it must be 0 or above 1")
    ratio = importance_ratio(logp, old_logp, mask_NT)
    loss = -torch.minimum(ratio * advantages, ratio.clamp(1 - low, 1 + high) * advantages)
    if not negative_cap:
        return loss
    return torch.where(advantages < 0, torch.minimum(loss, -negative_cap * advantages), loss)


def kl_divergence(logp_MV: Tensor, logq_MV: Tensor) -> Tensor:
    """KL(p || q) of log-probabilities over the last axis, in nats; [M].

    >>> kl_divergence(torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.25, 0.75]]).log())
    tensor([0.1438])
    """
    return (logp_MV.exp() * (logp_MV - logq_MV)).sum(-1)


def log_mixture(log_a: Tensor, log_b: Tensor, weight_b: float) -> Tensor:
    """Return `log((1 - w) a + w b)` from the logarithms of a and b, w above 0 and below 1."""
    return torch.logaddexp(log_a + math.log1p(-weight_b), log_b + math.log(weight_b))


def generalised_jsd(student_MV: Tensor, teacher_MV: Tensor, beta: float) -> Tensor:
    """OPSD's and SDPO's divergence: `beta KL(T||M) + (1-beta) KL(S||M)`, `M = (1-beta) S + beta T`.

    OPSD (arXiv 2601.18734) calls the weight beta, SDPO (arXiv 2601.20802) calls the same weight alpha.

    beta = 0 is the forward KL(T || S), beta = 1 the reverse KL(S || T), by the papers' convention (the limits
    of the formula itself, divided by beta or 1 - beta).

    Args:
        student_MV: student log-probabilities, [M, V].
        teacher_MV: teacher log-probabilities, [M, V].
        beta: between 0 and 1.

    Returns:
        [M] divergences in nats.

    """
    if not 0 <= beta <= 1:
        raise ValueError(f"beta is {beta}; it must be between 0 and 1")
    if beta == 0:
        return kl_divergence(teacher_MV, student_MV)
    if beta == 1:
        return kl_divergence(student_MV, teacher_MV)
    mixture_MV = log_mixture(student_MV, teacher_MV, beta)
    return beta * kl_divergence(teacher_MV, mixture_MV) + (1 - beta) * kl_divergence(student_MV, mixture_MV)


def top_k_jsd(student_MV: Tensor, ids_MK: Tensor, teacher_MK: Tensor) -> Tensor:
    """JSD of the student and the teacher's likeliest entries alone (HDPO, arXiv 2603.23871).

    `1/2 KL(P || M) + 1/2 KL(S || M)`, M the mean of both, with P the teacher's K entries made to sum to 1. Elsewhere P
    is 0, so that the student's mass there, r, adds `1/2 r ln 2`.

    Args:
        student_MV: student log-probabilities, [M, V].
        ids_MK: the entries, [M, K], distinct within a row.
        teacher_MK: the teacher's log-probabilities of them.

    """
    teacher_MK = teacher_MK.log_softmax(-1)
    student_MK = student_MV.gather(-1, ids_MK)
    mixture_MK = log_mixture(student_MK, teacher_MK, 0.5)
    rest_M = 1 - student_MK.exp().sum(-1)
    inside_M = kl_divergence(teacher_MK, mixture_MK) + kl_divergence(student_MK, mixture_MK)
    return 0.5 * (inside_M + rest_M * math.log(2))


def with_tail(logp_MV: Tensor, index_MK: Tensor) -> Tensor:
    """Keep some entries of a distribution and put the rest into one bucket (SDPO's top-k plus tail).

    Args:
        logp_MV: log-probabilities, [M, V].
        index_MK: the entries to keep, [M, K], distinct within a row.

    Returns:
        [M, K + 1] log-probabilities that sum to 1; the last is the log of what the others sum to, however little.

    """
    others_M1 = logp_MV.scatter(-1, index_MK, NEVER).logsumexp(-1, keepdim=True)
    return torch.cat([logp_MV.gather(-1, index_MK), others_M1], dim=-1)


def tail(kept_MK: Tensor) -> Tensor:
    """`log(1 - sum of the kept)`: the log-probability of all other entries, [M, 1], where only some are known.

    What is left is as exact as the kept entries are; where they leave nothing, it counts as their precision.

    >>> tail(torch.tensor([[0.5, 0.25]]).log())
    tensor([[-1.3863]])
    """
    # 1 - exp(x) through expm1 keeps its digits where x is close to 0.
    left_M1 = -torch.expm1(kept_MK.double().logsumexp(-1, keepdim=True))
    least = torch.finfo(kept_MK.dtype).eps
    return torch.log(torch.where(left_M1 > 0, left_M1, least)).to(kept_MK.dtype)


def entropy(logp_MV: Tensor) -> Tensor:
    """Entropy over the last axis, in nats; [M]."""
    return -(logp_MV.exp() * logp_MV).sum(-1)


def k3_kl(logp: Tensor, reference_logp: Tensor) -> Tensor:
    """Estimate KL(p || q) from tokens sampled from p: `exp(d) - 1 - d` with `d = log q - log p`, never negative."""
    difference = reference_logp - logp
    return torch.expm1(difference) - difference


def reverse_kl_estimate(logp: Tensor, reference_logp: Tensor) -> Tensor:
    """Estimate KL(q || p) from tokens sampled from p: `w d - (w - 1)` with `d = log q - log p`, `w = exp(d)`.

    Unbiased and never negative, as `k3_kl` is; where q has mass that p hardly has, rarely large.

    >>> reverse_kl_estimate(torch.tensor(0.5).log(), torch.tensor(0.25).log())  # .5 ln .5 - (.5 - 1)
    tensor(0.1534)
    """
    difference = reference_logp - logp
    return difference.exp() * difference - torch.expm1(difference)


def jsd_estimate(logp: Tensor, reference_logp: Tensor) -> Tensor:
    """Estimate `JSD(p, q) = KL(p || m) / 2 + KL(q || m) / 2`, `m = (p + q) / 2`, from tokens sampled from p.

    `(w ln w - (1 + w) ln((1 + w) / 2)) / 2` with `w = q / p`: unbiased, and never negative.

    >>> jsd_estimate(torch.tensor(0.5).log(), torch.tensor(0.25).log())  # (.5 ln .5 - 1.5 ln .75) / 2
    tensor(0.0425)
    """
    difference = reference_logp - logp
    softplus = torch.nn.functional.softplus
    to_mixture, reference_to_mixture = (math.log(2) - softplus(d) for d in (difference, -difference))
    return (to_mixture + difference.exp() * reference_to_mixture) / 2


def row_coefficients(
    weights_N: Tensor,
    lengths_N: Tensor,
    aggregation: str,
    add_up: Callable[[Tensor], Tensor] = lambda total: total,
    *,
    constant_length: int = 0,
) -> Tensor:
    """What each row's summed token loss is multiplied by, so that the parts of a batch add up to its loss.

    Args:
        weights_N: weight of each episode in the mean; 0 leaves it out of numerator and denominator.
        lengths_N: response tokens of each episode.
        aggregation: "sequence_mean" (mean over episodes of the mean over tokens; the paper), "token_mean" (mean over
            all tokens of the batch) or "constant" (mean over episodes of the sum over tokens divided by
            `constant_length`: Dr. GRPO, arXiv 2503.20783, where no response weighs more for being short).
        add_up: from this process's part of the mean's denominator to that of all processes.
        constant_length: what "constant" divides by.

    Returns:
        [N] coefficients, all 0 where every weight is.

    """
    lengths_N = lengths_N.clamp(min=1).to(weights_N.dtype)
    if aggregation == "sequence_mean":
        total = weights_N.sum()
        shares_N = weights_N / lengths_N
    elif aggregation == "token_mean":
        total = (weights_N * lengths_N).sum()
        shares_N = weights_N
    elif aggregation == "constant":
        if constant_length < 1:
            raise ValueError(f"constant_length is {constant_length}; aggregation constant needs one of at least 1")
        total = weights_N.sum()
        shares_N = weights_N / constant_length
    else:
        raise ValueError(f"unknown aggregation {aggregation!r}; allowed: sequence_mean, token_mean, constant")
    total = add_up(total)
    return shares_N / total if total > 0 else torch.zeros_like(weights_N)


def sampler_weight(ratio: Tensor, correction: str, cap: float) -> Tensor:
    """Weigh tokens that another distribution sampled, by `r = pi_learner / pi_sampler` (truncated or masked).

    Args:
        ratio: r of each sampled token, any shape, without gradient.
        correction: "none": 1; "truncate": `min(r, cap)` (truncated importance sampling, as in TRL and verl); "mask":
            r within `1/cap` and `cap`, else 0 (IcePop).
        cap: above 1.

    >>> sampler_weight(torch.tensor([0.25, 1.0, 4.0]), "mask", 2.0)
    tensor([0., 1., 0.])

    """
    if correction == "none":
        return torch.ones_like(ratio)
    if correction == "truncate":
        return ratio.clamp(max=cap)
    if correction == "mask":
        return torch.where((ratio >= 1 / cap) & (ratio <= cap), ratio, 0.0)
    raise ValueError(f"unknown correction {correction!r}; allowed: none, truncate, mask")
