"""Pure functions: how a teacher's evidence turns a sequence's advantage into token advantages.

`A` is the advantage of a whole response, `S` and `Q` the log-probabilities of its sampled tokens under the
student and under the teacher, `D = Q - S` the privileged information gain, without gradient. All are [N, T]
or broadcast to it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rlsd_env.errors import ConfigurationError

CLIPPED = ("weight_clip_low", "weight_clip_high")
"""Metrics of every method that weighs tokens by `weighed_credit`: shares of weights below and above their bounds."""


def information_gain(student_logp: Tensor, teacher_logp: Tensor) -> Tensor:
    """`D = sg(Q - S)` in nats (Self-Distilled RLVR, Eq. 13)."""
    return (teacher_logp - student_logp).detach()


def evidence_weight(advantages: Tensor, gain: Tensor) -> Tensor:
    """`w = exp(sign(A) D)`, never negative (Self-Distilled RLVR, Eq. 14).

    >>> evidence_weight(torch.tensor([1.0, -1.0]), torch.tensor([0.5, 0.5]))
    tensor([1.6487, 0.6065])
    """
    return torch.exp(torch.sign(advantages) * gain)


def rlsd_advantages(advantages: Tensor, gain: Tensor, lam: float, epsilon: float) -> Tensor:
    """`A ((1 - lam) + lam clip(w, 1 - e, 1 + e))` (Self-Distilled RLVR, Algorithm 1).

    The sign of A is kept, the magnitude stays within `[(1 - lam e) |A|, (1 + lam e) |A|]`, and lam = 0 gives
    A itself. Eq. 16 of the paper as printed differs (no clip below, no gradient); it is not used.

    Args:
        advantages: sequence advantages, [N, 1] or [N, T].
        gain: D, [N, T], without gradient.
        lam: share of the teacher, 0 to 1.
        epsilon: bound of the weight around 1, 0 to below 1.

    >>> rlsd_advantages(torch.tensor([-1.0]), torch.tensor([-2.0]), lam=1.0, epsilon=0.2)
    tensor([-1.2000])

    """
    if not 0 <= lam <= 1:
        raise ValueError(f"lam is {lam}; it must be between 0 and 1")
    if not 0 <= epsilon < 1:
        raise ValueError(f"epsilon is {epsilon}; it must be at least 0 and below 1, or a sign could flip")
    if gain.requires_grad or advantages.requires_grad:
        raise ValueError("advantages or gain carry a gradient; credit is a constant of the update")
    weight = evidence_weight(advantages, gain).clamp(1 - epsilon, 1 + epsilon)
    return advantages * ((1 - lam) + lam * weight)


def weighed_credit(advantages: Tensor, gain: Tensor, lam: float, epsilon: float) -> tuple[Tensor, dict[str, Tensor]]:
    """Return `rlsd_advantages` and what they were made from, by metric name.

    Args:
        advantages: sequence advantages, [N, 1].
        gain: D, [N, T], or other evidence in nats in its place.
        lam: share of the evidence, 0 to 1.
        epsilon: bound of the weight around 1, 0 to below 1.

    """
    weight = evidence_weight(advantages, gain)
    return rlsd_advantages(advantages, gain, lam, epsilon), {
        CLIPPED[0]: (weight < 1 - epsilon).float(),
        CLIPPED[1]: (weight > 1 + epsilon).float(),
        "weight": weight.clamp(1 - epsilon, 1 + epsilon),
        "lam": torch.full_like(weight, lam),
    }


def check_share(name: str, lam: float, epsilon: float, decay_steps: int) -> None:
    """Refuse options of a method that weighs tokens by evidence.

    Raises:
        ConfigurationError: a value is out of range.

    """
    if not 0 <= lam <= 1:
        raise ConfigurationError(f"lam of {name} is {lam}; it must be between 0 and 1")
    if not 0 <= epsilon < 1:
        raise ConfigurationError(f"epsilon of {name} is {epsilon}; it must be at least 0 and below 1")
    if decay_steps < 1:
        raise ConfigurationError(f"decay_steps of {name} is {decay_steps}; it must be at least 1")


def contrast(right: Tensor, wrong: Tensor) -> Tensor:
    """`log P(y | r+) - log (1/K sum_k P(y | r-_k))` in nats (CEPO, arXiv 2605.19436; RLCSD, arXiv 2606.11709).

    Args:
        right: log-probabilities under the right hint, any shape.
        wrong: those under K wrong hints, the same shape with K in front; -inf where a token is not shown one.

    >>> contrast(torch.tensor(0.8).log(), torch.tensor([0.2, 0.6]).log())  # .8 / .4
    tensor(0.6931)

    """
    count = torch.isfinite(wrong).sum(0)
    return (right - (wrong.logsumexp(0) - count.log())).detach()


def additive_contrast(
    advantages: Tensor, contrast: Tensor, *, tau: float, scale: float, floor: float, cap: float
) -> Tensor:
    """`A + res`, its sign kept: `res = clip(scale tanh(D_c / tau), -cap, cap)` where |res| > floor (RLCSD, 2606.11709).

    >>> additive_contrast(torch.tensor([1.0, -0.2]), torch.tensor([9.0, 9.0]), tau=0.02, scale=0.5, floor=0.02, cap=2.0)
    tensor([1.5000, 0.0000])

    """
    residue = (scale * torch.tanh(contrast / tau)).clamp(-cap, cap)
    added = advantages + torch.where(residue.abs() > floor, residue, 0.0)
    kept = torch.where(advantages > 0, added.clamp(min=0), added.clamp(max=0))
    return torch.where(advantages == 0, 0.0, kept)


def belief_steps(gain: Tensor, mask: Tensor, prior: Tensor) -> Tensor:
    """How much each token moves belief: `V_t - V_{t-1}`, `logit V_t = logit V_{t-1} + D_t` (OPPO, arXiv 2605.21851).

    The sum over a response telescopes to `V_T - V_0`.

    Args:
        gain: D, [N, T]; what is not on the mask counts as 0.
        mask: true on tokens, [N, T].
        prior: V_0, above 0 and below 1, [N, 1].

    >>> prior, gain = torch.tensor([[0.5]]), torch.tensor([[1.0986, 0.0]])  # to odds of 3
    >>> belief_steps(gain, torch.ones(1, 2, dtype=torch.bool), prior)
    tensor([[0.2500, 0.0000]])

    """
    logits = torch.logit(prior.double()) + torch.where(mask, gain, 0.0).double().cumsum(-1)
    beliefs = torch.sigmoid(torch.cat([torch.logit(prior.double()), logits], dim=-1))
    return beliefs.diff(dim=-1).to(gain.dtype)


def standardised(values: Tensor, mask: Tensor) -> Tensor:
    """Bring each row's values on the mask to mean 0 and deviation 1; 0 where they are all alike or off the mask."""
    count = mask.sum(-1, keepdim=True).clamp(min=1)
    centred = torch.where(mask, values - torch.where(mask, values, 0.0).sum(-1, keepdim=True) / count, 0.0)
    deviation = (centred.square().sum(-1, keepdim=True) / count).sqrt()
    return torch.where(deviation > 1e-8, centred / deviation.clamp(min=1e-8), 0.0)


def linear_decay(initial: float, step: int, steps: int) -> float:
    """Fall linearly from `initial` at step 0 to 0 at `steps`, and stay there."""
    if steps < 1:
        raise ValueError(f"decay steps are {steps}; they must be at least 1")
    return initial * max(0.0, 1 - step / steps)
