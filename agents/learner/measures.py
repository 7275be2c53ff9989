"""What is measured of a part's evidence and credit; `docs/metrics.md` has the formula of each name.

All are sums of tokens or ratios of such sums, so that they depend neither on how a batch is split into parts nor on
the number of processes.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from agents.algorithms import Credit, Signals
from agents.credit import CLIPPED
from agents.learner.meter import Meter
from agents.losses import jsd_estimate, k3_kl, reverse_kl_estimate

OF_CONTEXTS = (
    "kl_student_teacher", "kl_teacher_student", "jsd_student_teacher", "information_gain", "wrong_direction_share",
    "teacher_entropy",
)  # fmt: skip
"""Names of what is measured of every context: of the first one as they stand, of others with theirs behind."""
RESERVED = (
    "student", "credit", "evidence", "loss", "entropy", "clip_low", "clip_high", "distillation_loss", "repeated_share",
    "sampler_difference", "sampler_ratio", "sampler_ratio_largest", "sampler_corrected_share", "step",
    "credit_mass_net", "distillation_negative_share", *OF_CONTEXTS,
)  # fmt: skip
"""Names of metrics and of evidence that an algorithm's quantities cannot have."""
ROUNDING = 1e-5
"""A distillation loss that is below 0 by no more may be rounding: of equal distributions it is not quite 0."""

TakeTokens = Callable[[Tensor], Tensor]
"""From values of rows, [N, T], to those of their tokens end to end, [M]."""


def measure_evidence(meter: Meter, signals: Signals, first: str, at: TakeTokens) -> None:
    """Measure what scorers say of the tokens, in a step's first update: they were sampled from the student of then.

    Args:
        meter: where it is added.
        signals: of the rows.
        first: name of the first context.
        at: takes the tokens out of rows that were sampled without help.

    """
    A_M = at(signals.A_N1.expand_as(signals.S_NT))
    if not len(A_M):
        return
    S_M = at(signals.S_NT)
    for name, logp_NT in signals.logp.items():
        behind = "" if name == first else f"_{name}"
        gain_M, logp_M = at(signals.gain(name)), at(logp_NT)
        meter.add(f"kl_student_teacher{behind}", k3_kl(S_M, logp_M), of_step=True)
        # Of tokens that the student finds rare and a scorer does not, these are exponentials of large numbers.
        meter.add(f"kl_teacher_student{behind}", reverse_kl_estimate(S_M.double(), logp_M.double()), of_step=True)
        meter.add(f"jsd_student_teacher{behind}", jsd_estimate(S_M.double(), logp_M.double()), of_step=True)
        meter.add(f"information_gain{behind}", gain_M, of_step=True)
        size_M = gain_M.abs() * (A_M > 0)
        meter.add_ratio(f"wrong_direction_share{behind}", size_M * (gain_M < 0), size_M, of_step=True)
        if name in signals.entropy:
            meter.add(f"teacher_entropy{behind}", at(signals.entropy[name]), of_step=True)
        if name == first:
            meter.add_logs("evidence_weight", A_M.sign() * gain_M, A_M != 0)


def measure_credit(meter: Meter, credit: Credit, signals: Signals, at: TakeTokens) -> None:
    """Measure how much of the advantage the tokens were given, and what the algorithm logs of its credit."""
    A_M, credit_M = at(signals.A_N1.expand_as(signals.S_NT)), at(credit.total.expand_as(signals.S_NT))
    for sign, of_M in (("positive", A_M > 0), ("negative", A_M < 0)):
        meter.add_ratio(f"credit_mass_{sign}", credit_M * of_M, A_M * of_M)
    meter.add_ratio("credit_mass_net", credit_M, A_M.abs())
    for name, value_NT in credit.per_token.items():
        meter.add(name, at(value_NT))
        if name in CLIPPED:
            add_by_sign(meter, name, at(value_NT), A_M)


def add_by_sign(meter: Meter, name: str, values_M: Tensor, A_M: Tensor) -> None:
    """Add values to means over the tokens of positive and of negative advantage."""
    meter.add_ratio(f"{name}_positive", values_M * (A_M > 0), A_M > 0)
    meter.add_ratio(f"{name}_negative", values_M * (A_M < 0), A_M < 0)
