"""Pure functions: how a teacher's evidence turns a sequence's advantage into token advantages.

`A` is the advantage of a whole response, `S` and `Q` the log-probabilities of its sampled tokens under the
student and under the teacher, `D = Q - S` the privileged information gain, without gradient. All are [N, T]
or broadcast to it.
"""

from __future__ import annotations

import torch
from torch import Tensor


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


def linear_decay(initial: float, step: int, steps: int) -> float:
    """Fall linearly from `initial` at step 0 to 0 at `steps`, and stay there."""
    if steps < 1:
        raise ValueError(f"decay steps are {steps}; they must be at least 1")
    return initial * max(0.0, 1 - step / steps)
