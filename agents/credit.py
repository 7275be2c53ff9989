"""Pure functions: how a teacher's evidence turns a sequence's advantage into token advantages.

`A` is the advantage of a whole response, `S` and `Q` the log-probabilities of its sampled tokens under the
student and under the teacher, `D = Q - S` the privileged information gain, without gradient. All are [N, T]
or broadcast to it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

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
    A itself. Eq. 16 of the paper as printed differs and is not used: its min lets a weight through below 1 - e where
    A > 0 and above 1 + e where A < 0, and it has no gradient (`python -m agents.diagnostics.theory`).

    Args:
        advantages: sequence advantages, [N, 1] or [N, T].
        gain: D, [N, T], without gradient.
        lam: share of the teacher, 0 to 1.
        epsilon: bound of the weight around 1, 0 to 1.

    >>> rlsd_advantages(torch.tensor([-1.0]), torch.tensor([-2.0]), lam=1.0, epsilon=0.2)
    tensor([-1.2000])

    """
    return weighed_credit(advantages, gain, lam, epsilon)[0]


def weighed_credit(
    advantages: Tensor,
    gain: Tensor,
    lam: float | Tensor,
    epsilon: float,
    conserve: Callable[[Tensor], Tensor] = lambda weight: weight,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return `rlsd_advantages` and what they were made from, by metric name.

    Args:
        advantages: sequence advantages, [N, 1].
        gain: D, [N, T], or other evidence in nats in its place.
        lam: share of the evidence, 0 to 1; a number, or one per row or token, [N, 1] or [N, T].
        epsilon: bound of the weight around 1, 0 to 1.
        conserve: what is done to the clipped weights, see `conserved`.

    """
    if isinstance(lam, float | int) and not 0 <= lam <= 1:
        raise ValueError(f"lam is {lam}; it must be between 0 and 1")
    if not 0 <= epsilon <= 1:
        raise ValueError(f"epsilon is {epsilon}; it must be between 0 and 1, or a sign could flip")
    if gain.requires_grad or advantages.requires_grad:
        raise ValueError("advantages or gain carry a gradient; credit is a constant of the update")
    unbounded = evidence_weight(advantages, gain)
    weight = conserve(unbounded.clamp(1 - epsilon, 1 + epsilon))
    return advantages * ((1 - lam) + lam * weight), {
        CLIPPED[0]: (unbounded < 1 - epsilon).float(),
        CLIPPED[1]: (unbounded > 1 + epsilon).float(),
        "weight": weight,
        "lam": lam.expand_as(weight) if isinstance(lam, Tensor) else torch.full_like(weight, lam),
    }


def conserved(weight: Tensor, mask: Tensor, advantages: Tensor, segments: Tensor) -> Tensor:
    """Divide weights by their mean over their segment, so that it has `sum |A| w = sum |A|`.

    From weights within `[1 - e, 1 + e]` come some within `[(1 - e) / (1 + e), (1 + e) / (1 - e)]`.

    Args:
        weight: positive weights, [N, T].
        mask: true where a weight counts and is divided, [N, T]; others stay.
        advantages: sequence advantages, [N, 1], whose size a token counts with.
        segments: number of the segment that each row belongs to, [N]: rows of their own, or a group's of one sign.

    >>> weight, everywhere = torch.tensor([[1.2, 0.8, 1.0, 0.6]]), torch.ones(1, 4, dtype=torch.bool)
    >>> conserved(weight, everywhere, torch.tensor([[2.0]]), torch.tensor([0]))  # / .9
    tensor([[1.3333, 0.8889, 1.1111, 0.6667]])

    """
    size = torch.where(mask, advantages.abs(), 0.0).double()
    sums = size.new_zeros(2, int(segments.max()) + 1 if len(segments) else 0)
    sums[0].index_add_(0, segments, size.sum(1))
    sums[1].index_add_(0, segments, (size * weight).sum(1))
    mean = torch.where(sums[0] > 0, sums[1] / sums[0], 1.0)[segments][:, None]
    return torch.where(mask, weight / mean, weight).to(weight.dtype)


def check_share(name: str, lam: float, epsilon: float, decay_steps: int, warmup_steps: int = 0) -> None:
    """Refuse options of a method that weighs tokens by evidence.

    Raises:
        ConfigurationError: a value is out of range.

    """
    if not 0 <= lam <= 1:
        raise ConfigurationError(f"lam of {name} is {lam}; it must be between 0 and 1")
    if not 0 <= epsilon <= 1:
        raise ConfigurationError(f"epsilon of {name} is {epsilon}; it must be between 0 and 1")
    if decay_steps < 1:
        raise ConfigurationError(f"decay_steps of {name} is {decay_steps}; it must be at least 1")
    if warmup_steps < 0:
        raise ConfigurationError(f"warmup_steps of {name} is {warmup_steps}; it must be at least 0")


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


def contrast_residue(contrast: Tensor, *, tau: float, scale: float, floor: float, cap: float) -> Tensor:
    """`clip(scale tanh(D_c / tau), -cap, cap)`, and 0 where it is not above `floor` in size (RLCSD, 2606.11709).

    >>> contrast_residue(torch.tensor([9.0, 0.0]), tau=0.02, scale=0.5, floor=0.02, cap=2.0)
    tensor([0.5000, 0.0000])

    """
    residue = (scale * torch.tanh(contrast / tau)).clamp(-cap, cap)
    return torch.where(residue.abs() > floor, residue, 0.0)


def added_with_sign(advantages: Tensor, residue: Tensor) -> Tensor:
    """`A + res`, at most 0 where A < 0, at least 0 where A > 0, and 0 where it is 0 (RLCSD, arXiv 2606.11709).

    >>> added_with_sign(torch.tensor([1.0, -0.2, 0.0]), torch.tensor([0.5, 0.5, 0.5]))
    tensor([1.5000, 0.0000, 0.0000])

    """
    added = advantages + residue
    kept = torch.where(advantages > 0, added.clamp(min=0), added.clamp(max=0))
    return torch.where(advantages == 0, 0.0, kept)


def two_means(selected: Tensor, mask: Tensor, eta: float) -> Tensor:
    """Weigh tokens so that a row's mean becomes that of those not selected plus `eta` times that of the selected.

    >>> two_means(torch.tensor([[True, False, False, False]]), torch.ones(1, 4, dtype=torch.bool), eta=0.5)
    tensor([[2.0000, 1.3333, 1.3333, 1.3333]])

    """
    chosen, count = selected & mask, mask.sum(-1, keepdim=True)
    number = chosen.sum(-1, keepdim=True)
    return torch.where(chosen, eta * count / number.clamp(min=1), count / (count - number).clamp(min=1))


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


def bayes_values(gain: Tensor, mask: Tensor, prior: Tensor) -> Tensor:
    """How likely success is after each token: `V_t = min(1, p exp(sum_{s<=t} D_s))`, [N, T].

    Bayes' rule for a teacher that is the student, shown what success ends in (arXiv 2604.03128, Theorem 4).

    Args:
        gain: D, [N, T]; what is not on the mask counts as 0.
        mask: true on tokens, [N, T].
        prior: p, the chance of success before the first token, [N, 1].

    >>> bayes_values(torch.tensor([[0.6931, 0.6931]]), torch.ones(1, 2, dtype=torch.bool), torch.tensor([[0.25]]))
    tensor([[0.5000, 0.9999]])

    """
    sums = torch.where(mask, gain, 0.0).double().cumsum(-1)
    return (prior.double().log() + sums).exp().clamp(max=1).to(gain.dtype)


def generalised_advantages(values: Tensor, total: Tensor, mask: Tensor, trace: float) -> Tensor:
    """Generalised advantage estimation with a known end (Schulman et al., arXiv 1506.02438, Eq. 16), [N, T].

    `sum_{l>=0} trace^l delta_{t+l}`, `delta_t = U_t - U_{t-1}`, U_0 = 0, and U at the last token is `total`. At trace 1
    it is `total - U_{t-1}`. What is not on the mask gets 0.

    Args:
        values: U after each token, [N, T]; what it is at the last one does not matter.
        total: of the whole response, [N, 1].
        mask: true on tokens, which come first in each row, [N, T].
        trace: lambda.

    >>> values, mask = torch.tensor([[0.5, -1.0, 9.0]]), torch.ones(1, 3, dtype=torch.bool)
    >>> generalised_advantages(values, torch.tensor([[-2.0]]), mask, 1.0)
    tensor([[-2.0000, -2.5000, -1.0000]])
    >>> generalised_advantages(values, torch.tensor([[-2.0]]), mask, 0.0)
    tensor([[ 0.5000, -1.5000, -1.0000]])

    """
    last = torch.arange(values.shape[-1], device=values.device) == mask.sum(-1, keepdim=True) - 1
    known = torch.where(last, total, values)
    deltas = torch.where(mask, known - torch.nn.functional.pad(known, (1, -1)), 0.0)
    found, running = torch.zeros_like(deltas), torch.zeros_like(deltas[:, 0])
    for t in reversed(range(deltas.shape[-1])):
        running = deltas[:, t] + trace * running
        found[:, t] = running
    return torch.where(mask, found, 0.0)


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


def warmup_decay(initial: float, step: int, warmup: int, steps: int) -> float:
    """Rise linearly from 0 at step 0 to `initial` at step `warmup`, then fall to 0 over `steps` more.

    >>> [warmup_decay(0.5, step, 2, 4) for step in range(7)]
    [0.0, 0.25, 0.5, 0.375, 0.25, 0.125, 0.0]

    """
    return initial * step / warmup if step < warmup else linear_decay(initial, step - warmup, steps)


def anti_distillation(gain: Tensor) -> Tensor:
    """`phi = (softplus(D) - log 2) / 2`, above `-log(2) / 2`: what AntiSD (arXiv 2605.11609) takes from A.

    >>> anti_distillation(torch.tensor([0.0, 1.0986]))  # log(4) - log(2), halved
    tensor([0.0000, 0.3466])

    """
    return (functional.softplus(gain) - math.log(2)) / 2


def switched(on: bool, value: float, low: float, high: float) -> bool:
    """Tell whether a switch with hysteresis is on: off below `low`, on again from `high` on, else as it was."""
    return value >= low if on else value >= high


def highest(values: Tensor, mask: Tensor, share: float) -> Tensor:
    """Tell which of each row's values on the mask are among its highest: a share of them, rounded up; ties are in.

    >>> highest(torch.tensor([[1.0, 4.0, 3.0, 2.0]]), torch.ones(1, 4, dtype=torch.bool), 0.5)
    tensor([[False,  True,  True, False]])

    """
    on = values.masked_fill(~mask, -math.inf)
    wanted = (mask.sum(-1, keepdim=True) * share - 1e-6).ceil().long().clamp(min=1)
    least = on.sort(dim=-1, descending=True).values.gather(-1, wanted - 1)
    return mask & (on >= least)


def histogram_quantile(counts: Sequence[float], low: float, high: float, share: float) -> float:
    """Find the value that a share of all is at most, linear within bins.

    Args:
        counts: how many values lie below `low`, in each bin of equal width between, and above `high`.
        low: where the first bin begins; what is returned where enough lie below it.
        high: where the last bin ends; what is returned where too many lie above it.
        share: above 0, at most 1.

    >>> histogram_quantile([10, 4, 4, 2], 0.0, 1.0, 0.8)  # 16 of 20: 10 + 4 + half of the second bin
    0.75

    """
    below, width = counts[0], (high - low) / (len(counts) - 2)
    wanted = share * sum(counts)
    if below >= wanted:
        return low
    for number, count in enumerate(counts[1:-1]):
        if below + count >= wanted:
            return low + width * (number + (wanted - below) / count)
        below += count
    return high


def capped_gain(gain: Tensor, mask: Tensor, most: Tensor) -> Tensor:
    """Scale down each row's D whose sum on the mask is above `most`, so that it is just that.

    >>> capped_gain(torch.tensor([[1.0, 2.0, -1.0]]), torch.ones(1, 3, dtype=torch.bool), torch.tensor([[0.5]]))
    tensor([[ 0.2500,  0.5000, -0.2500]])

    Args:
        gain: D, [N, T].
        mask: true on tokens, [N, T].
        most: bound of the sum, above 0, [N, 1].

    """
    total = torch.where(mask, gain, 0.0).sum(-1, keepdim=True)
    return gain * torch.where(total > most, most / total.clamp(min=1e-12), 1.0)


def confidence(entropy: Tensor, entries: int, least: float) -> Tensor:
    """`max(least, 1 - H / log V)`: 1 for a distribution that is sure, `least` for one that is not.

    >>> confidence(torch.tensor([0.0, 0.6931, 1.3863]), entries=4, least=0.1)
    tensor([1.0000, 0.5000, 0.1000])

    """
    return (1 - entropy / math.log(entries)).clamp(min=least)


def difficulty(success: Tensor) -> Tensor:
    """`4 p (1 - p)`: 1 where half of a group succeeds, 0 where all or none do."""
    return 4 * success * (1 - success)


def input_contrast(gain: Tensor, others: Tensor, strength: float) -> Tensor:
    """`D - c mean_x' D(x')`: the evidence less what it is for other inputs too (CREDIT, arXiv 2605.11613).

    Args:
        gain: D, any shape.
        others: D of the same hint with K other inputs, the same shape with K in front.
        strength: c.

    >>> input_contrast(torch.tensor(1.0), torch.tensor([0.2, 0.6]), strength=0.5)  # 1 - .5 x .4
    tensor(0.8000)

    """
    return gain - strength * others.mean(0)
