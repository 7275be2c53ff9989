"""OPSD: on-policy self-distillation from a teacher that has read the reference trace (arXiv 2601.18734).

`L = mean_t JSD_beta(P_T(. | x, r, y_<t), P_S(. | x, y_<t))` on the student's own responses, in one of these forms:

- full: over the whole vocabulary, beta as in `agents.losses.generalised_jsd`.
- top_k: over the likeliest entries of the teacher or of the student, with one bucket for the rest or by themselves.
- sampled: the policy gradient with `Ahat_t = D_t`, D detached (Thinking Machines' estimator of the reverse KL).
- teacher_top1: `-log P_S(argmax P_T)`. student_top1: the divergence of (p, 1 - p) at the entry argmax P_S.

1. The default is the whole vocabulary with beta = .5, as in the first published scripts; later ones use beta = 0, a
   clip of each entry (`entry_clip` .05, then 1e-6) and, for top_k, the teacher's entries without a bucket.
2. `entry_clip` is applied before the sum over entries, as in the published code; the "KL" can then be negative.
3. The other published shortcut, the mean of `Q - S` with a gradient through S, does not depend on the teacher and is
   not offered.
4. The reward is never used: groups without contrast train as well.

Inferred: Self-Distilled RLVR (arXiv 2604.03128, Fig. 3) has baselines called Teacher-top1 and Student-top1, whose
formulas we have not found. Here the first is cross entropy on the teacher's likeliest token; the second has the
support of TRL's reverse KL for one entry, the student's likeliest, and a bucket, without which nothing is compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from agents.algorithms.base import Algorithm, Context, Credit, Signals, State
from agents.algorithms.contexts import show_solution
from agents.algorithms.forms import check_form
from agents.divergences import clipped_divergence, on_support, top_entries
from rlsd_env.errors import ConfigurationError, one_of

FORMS = {
    "full": ("beta", "entry_clip"),
    "top_k": ("beta", "entry_clip", "top_k", "support", "tail"),
    "sampled": (),
    "teacher_top1": (),
    "student_top1": ("beta", "entry_clip"),
}
"""The options that each form uses."""
SUPPORTS = ("teacher", "student")


@dataclass(frozen=True)
class OPSD(Algorithm):
    """Match the informed teacher's next-token distribution on the student's own responses."""

    name: ClassVar[str] = "opsd"

    teacher: str = "frozen"
    form: str = "full"
    """full, top_k, sampled, teacher_top1 or student_top1."""
    beta: float = 0.5
    """0: forward KL(T || S). 1: reverse KL(S || T). Between: JSD. Of forms full, top_k and student_top1."""
    top_k: int = 100
    """Entries that form top_k compares one by one."""
    support: str = "teacher"
    """Whose likeliest entries those are: teacher or student."""
    tail: bool = True
    """Whether form top_k has one bucket for the rest; otherwise its entries are made to sum to 1 in both."""
    entry_clip: float = 0.0
    """The most that one entry may add to the divergence; 0: as much as it does. Of the forms with beta."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_form(self, FORMS)
        if not 0 <= self.beta <= 1:
            raise ConfigurationError(f"beta of opsd is {self.beta}; it must be between 0 and 1")
        if self.support not in SUPPORTS:
            raise ConfigurationError(one_of("support of opsd", self.support, SUPPORTS))
        least = 1 if self.tail else 2  # one entry by itself has probability 1 in both
        if self.top_k < least or not self.entry_clip >= 0:
            raise ConfigurationError(
                f"top_k {self.top_k} and entry_clip {self.entry_clip} of opsd: top_k must be at least {least} with "
                f"tail {self.tail}, entry_clip at least 0"
            )

    def contexts(self, step: int, state: State) -> Mapping[str, Context]:
        """Show the reference trace or solution."""
        return {"solution": Context(show_solution, full=self.form != "sampled")}

    def active(self, advantages_N: Tensor, shown: Mapping[str, Tensor]) -> Tensor:
        """Train on every episode that has a teacher."""
        return shown["solution"]

    def credit(self, signals: Signals) -> Credit | None:
        """Return D for the sampled form, nothing for the others."""
        return Credit(signals.gain("solution")) if self.form == "sampled" else None

    def auxiliary(self, student_MV: Tensor, others: Mapping[str, Tensor], signals: Signals) -> Tensor:
        """Return what the other forms compare."""
        teacher_MV = others["solution"]
        if self.form == "teacher_top1":
            return -student_MV.gather(-1, top_entries(teacher_MV, 1))[:, 0]
        if self.form != "full":
            whose = teacher_MV if self.form == "top_k" and self.support == "teacher" else student_MV
            index_MK = top_entries(whose, self.top_k if self.form == "top_k" else 1)
            student_MV, teacher_MV = (on_support(one, index_MK, tail=self.tail) for one in (student_MV, teacher_MV))
        return clipped_divergence(student_MV, teacher_MV, self.beta, self.entry_clip)
