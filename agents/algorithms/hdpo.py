"""HDPO: GRPO, and distillation from the informed policy where no attempt is right (arXiv 2603.23871).

`L = L_GRPO + lam (1/N_tok) sum_t JSD_k(P_T(. | x, y*, y_<t) || P_S(. | x, y_<t))` over T, the attempts that the policy
makes when it is shown the solution y* at the prompts whose own attempts are all wrong, and that the verifier calls
right; N_tok are their tokens, of all processes. JSD_k: `agents.losses.top_k_jsd`.

1. Attempts of T take the place of wrong ones, which still count in the mean of L_GRPO. That changes it only with a
   reward that tells wrong attempts apart, where those that are replaced lose their gradient.
2. L_GRPO is GRPO of this package; Algorithm 1 of the paper has leave-one-out advantages.
3. `teacher` is "live" or "frozen" (the paper's drifting and frozen); T is always made by the policy as it is.
4. The paper's lam are .01 (no loss of greedy accuracy) and .1 (more coverage, 2 to 3 points less accuracy).
5. Inferred: as many attempts are made with help as without, and all right ones are learned from; the paper gives no
   number. Inferred: the factor 1/2 on the student's mass outside the k entries, from the definition of JSD.
6. The paper shows the worked solution; where a task has none the answer is shown. Responses that speak of it are kept
   by default, as nothing is said of them; `mentions=False` leaves them out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from agents.algorithms.base import Context, Guidance, Signals, State
from agents.algorithms.contexts import only_guided, show_solution
from agents.algorithms.grpo import GRPO
from agents.episodes import EpisodeGroup
from agents.losses import generalised_jsd, top_k_jsd
from agents.policy.scores import TopK
from rlsd_env.errors import ConfigurationError


def all_where_none_is_right(group: EpisodeGroup) -> range:
    """Return all members of a group without a right one, else none."""
    return range(len(group.episodes) if group.success == 0 else 0)


@dataclass(frozen=True)
class HDPO(GRPO):
    """Match the informed policy on its own right attempts at what the policy cannot do."""

    name: ClassVar[str] = "hdpo"

    teacher: str = "live"
    lam: float = 0.01
    """Weight of the divergence; 0 is GRPO."""
    top_k: int = 64
    """The teacher's entries that are compared; 0: the whole vocabulary."""
    attempts: int = 0
    """Attempts that are made with help where none is right, no more than the group has; 0: as many."""
    mentions: bool = True
    """Whether a response that speaks of the solution it was shown is learned from."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, value in (("lam", self.lam), ("top_k", self.top_k), ("attempts", self.attempts)):
            if value < 0:
                raise ConfigurationError(f"{name} of hdpo is {value}; it must be 0 or more")

    def guidance(self, step: int, state: State) -> Guidance | None:
        """Have the policy try again with the solution before it."""
        if not self.lam:
            return None
        members = all_where_none_is_right
        return Guidance(members, show_solution, attempts=self.attempts, apart=True, mentions=self.mentions)

    def contexts(self, step: int, state: State) -> Mapping[str, Context]:
        """Show the solution, of the attempts that were made with it."""
        if not self.lam:
            return {}
        return {"solution": Context(only_guided(show_solution), full=not self.top_k, top_k=self.top_k)}

    def active(self, advantages_N: Tensor, shown: Mapping[str, Tensor]) -> Tensor:
        """Train where either term has a gradient."""
        contrast_N = advantages_N != 0
        return shown["solution"] | contrast_N if "solution" in shown else contrast_N

    def auxiliary(self, student_MV: Tensor, others: Mapping[str, Tensor | TopK], signals: Signals) -> Tensor:
        """Return the weighted divergence."""
        teacher = others["solution"]
        if isinstance(teacher, TopK):
            return self.lam * top_k_jsd(student_MV, teacher.ids_MK, teacher.logp_MK)
        return self.lam * generalised_jsd(student_MV, torch.as_tensor(teacher), 0.5)
