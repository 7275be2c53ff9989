"""OPD: on-policy distillation from another model with the same tokenizer, a larger one as a rule.

"sampled": the policy gradient with `Ahat_t = log P_T - log P_S` at the sampled token (Thinking Machines 2025).
"top_k", "full": GKD's divergence (arXiv 2306.13649) over the teacher's likeliest entries and one bucket for the rest,
or over the whole vocabulary.

1. "sampled" is the gradient of each token's own reverse KL; MiniLLM's (arXiv 2306.08543) is the whole sequence's, which
   adds what later tokens earn.
2. The teacher sees what the student saw; there is no privileged text.
3. `reward` adds the verifier: `Ahat_t = D_t + reward A` (MiMo-V2-Flash's MOPD, arXiv 2601.02780); 0: unused.
4. A server or an external model is enough for "sampled" and "top_k"; "full" needs a folder or hub id with the same
   number of vocabulary entries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from agents.algorithms.base import Algorithm, Context, Credit, Signals, State
from agents.algorithms.contexts import show_question
from agents.algorithms.forms import check_form
from agents.algorithms.rules import ELSEWHERE, parse_rule
from agents.losses import generalised_jsd, tail, with_tail
from agents.policy.scores import TopK
from rlsd_env.errors import ConfigurationError

FORMS = {"sampled": (), "top_k": ("beta", "top_k"), "full": ("beta",)}


@dataclass(frozen=True)
class OPD(Algorithm):
    """Match another model's next-token distribution on the student's own responses."""

    name: ClassVar[str] = "opd"

    teacher: str = ""
    """Which model: external(FOLDER or hub id) or server(URL); must be given."""
    form: str = "sampled"
    """sampled, top_k or full."""
    top_k: int = 16
    """The teacher's entries that are compared, of form top_k only."""
    beta: float = 0.0
    """0: forward KL(T || S). 1: reverse KL(S || T). Between: JSD. Of forms top_k and full."""
    reward: float = 0.0
    """Weight of the verifier's advantage beside the teacher."""

    def __post_init__(self) -> None:
        if not self.teacher or parse_rule(self.teacher).kind not in ELSEWHERE:
            raise ConfigurationError(
                f"teacher of opd is {self.teacher!r}; give another model: external(FOLDER or hub id) or server(URL), "
                "e.g. --agent-kwargs 'teacher=external(Qwen/Qwen3-VL-8B-Instruct)' (agents.compare: opd.teacher=..)"
            )
        super().__post_init__()
        check_form(self, FORMS)
        if not 0 <= self.beta <= 1 or self.top_k < 1:
            raise ConfigurationError(
                f"beta {self.beta} and top_k {self.top_k} of opd: beta must be between 0 and 1, top_k at least 1"
            )

    def contexts(self, step: int, state: State) -> Mapping[str, Context]:
        """Show the question."""
        top_k = self.top_k if self.form == "top_k" else 0
        return {"question": Context(show_question, full=self.form == "full", top_k=top_k)}

    def active(self, advantages_N: Tensor, shown: Mapping[str, Tensor]) -> Tensor:
        """Train on every episode."""
        return torch.ones_like(advantages_N, dtype=torch.bool)

    def credit(self, signals: Signals) -> Credit | None:
        """Return D for the sampled form, and the verifier's part."""
        if self.form == "sampled":
            return Credit(signals.gain("question") + self.reward * signals.A_N1)
        return Credit(self.reward * signals.A_N1) if self.reward else None

    def auxiliary(self, student_MV: Tensor, others: Mapping[str, Tensor | TopK], signals: Signals) -> Tensor:
        """Return the divergence of the other forms."""
        teacher = others["question"]
        if isinstance(teacher, TopK):
            student_MV = with_tail(student_MV, teacher.ids_MK)
            teacher = torch.cat([teacher.logp_MK, tail(teacher.logp_MK)], dim=-1)
        return generalised_jsd(student_MV, teacher, self.beta)
