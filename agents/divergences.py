"""Pure functions: what of two token distributions is compared, and targets that lie between them.

All take log-probabilities over the vocabulary, or over some entries and one bucket for the rest; `_M` tokens, `_V`
entries, `_K` kept ones. See `agents.losses` for the divergences themselves.
"""

from __future__ import annotations

import torch
from torch import Tensor

from agents.losses import generalised_jsd, log_mixture, with_tail


def divergence_entries(student_MV: Tensor, teacher_MV: Tensor, beta: float) -> Tensor:
    """What each entry adds to `generalised_jsd`, [M, V]; of either sign, their sum is never negative.

    >>> entries = divergence_entries(torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.25, 0.75]]).log(), 0.0)
    >>> entries  # .25 log .5 and .75 log 1.5
    tensor([[-0.1733,  0.3041]])

    """
    if beta == 0:
        return teacher_MV.exp() * (teacher_MV - student_MV)
    if beta == 1:
        return student_MV.exp() * (student_MV - teacher_MV)
    mixture_MV = log_mixture(student_MV, teacher_MV, beta)
    from_teacher_MV = teacher_MV.exp() * (teacher_MV - mixture_MV)
    return beta * from_teacher_MV + (1 - beta) * student_MV.exp() * (student_MV - mixture_MV)


def clipped_divergence(student_MV: Tensor, teacher_MV: Tensor, beta: float, entry_clip: float) -> Tensor:
    """`sum_v min(entry_v, entry_clip)`, [M]: OPSD's clip of each vocabulary entry; 0: none, `generalised_jsd` itself.

    Only large positive entries are cut, so the sum can be negative, which its author says is meant; a clipped entry has
    no gradient.
    """
    if not entry_clip:
        return generalised_jsd(student_MV, teacher_MV, beta)
    return divergence_entries(student_MV, teacher_MV, beta).clamp(max=entry_clip).sum(-1)


def on_support(logp_MV: Tensor, index_MK: Tensor, *, tail: bool) -> Tensor:
    """Look at some entries: with one bucket for the rest, [M, K + 1], or by themselves, summing to 1, [M, K].

    >>> logp, first = torch.tensor([[0.4, 0.1, 0.5]]).log(), torch.tensor([[0, 1]])
    >>> on_support(logp, first, tail=True).exp()
    tensor([[0.4000, 0.1000, 0.5000]])
    >>> on_support(logp, first, tail=False).exp()
    tensor([[0.8000, 0.2000]])

    """
    return with_tail(logp_MV, index_MK) if tail else logp_MV.gather(-1, index_MK).log_softmax(-1)


def top_entries(logp_MV: Tensor, k: int) -> Tensor:
    """The ids of the k likeliest entries, [M, k], or of all where there are fewer; no gradient."""
    return logp_MV.detach().topk(min(k, logp_MV.shape[-1]), dim=-1).indices


def attenuation(student_MV: Tensor, teacher_MV: Tensor, sharpness: float, most: float) -> Tensor:
    """How far a target moves from the teacher to the student, [M]: `2 most (sigmoid(sharpness JSD) - 1/2)`.

    DemoPSD (arXiv 2607.02502), equations 7 and 8: 0 where both agree, rising to `most` with the Jensen-Shannon
    divergence, which is at most log 2.
    """
    disagreement_M = generalised_jsd(student_MV, teacher_MV, 0.5).clamp(min=0)  # rounding can leave less than 0
    return 2 * most * (torch.sigmoid(sharpness * disagreement_M) - 0.5)


def barycentre(first_MV: Tensor, second_MV: Tensor, weight_M: Tensor) -> Tensor:
    """`log (p^(1 - w) q^w / Z)`, [M, V]: the distribution with the least `(1 - w) KL(. || p) + w KL(. || q)`.

    >>> p, q = torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.9, 0.1]]).log()
    >>> barycentre(p, q, torch.tensor([0.5])).exp()  # odds (1 x 9)^(1/2) = 3
    tensor([[0.7500, 0.2500]])

    """
    weight_M1 = weight_M[:, None]
    return ((1 - weight_M1) * first_MV + weight_M1 * second_MV).log_softmax(-1)
