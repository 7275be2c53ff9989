"""NPO: GRPO with a right attempt of a later checkpoint of the same run where a group does badly (arXiv 2604.20733).

`G(x) = {o_1, .., o_(n-1), o'_n}` where the group's success rate is at most `gate`, with o'_n an attempt of the guide
that the verifier calls right; else the policy's own. Advantages are those of the group as it is then, and the loss is
GRPO's own.

1. The paper trains ahead, goes back and replays; here the guide is a folder that an earlier, longer run left, e.g.
   `runs/scout/model`. AutoNPO, which decides by itself when to go back and how far, is not offered.
2. The guide tries at each group that does badly when it comes, and the first right attempt is taken; the paper keeps
   one right attempt per prompt for a whole segment, out of several. Inferred: as many as the group has members.
3. The last member is replaced, right or wrong, as in the paper.
4. The ratio of the guide's tokens is against the student's before the first update, as if they were its own: the
   paper's ablation finds that as good as `off_policy=True`, the ratio against the guide's probabilities.
5. gate .6 is the paper's, as a summary of it has it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from agents.algorithms.base import Guidance, State
from agents.algorithms.grpo import GRPO
from agents.algorithms.rules import parse_rule
from agents.episodes import EpisodeGroup
from rlsd_env.errors import ConfigurationError


def last_where_few_are_right(group: EpisodeGroup, gate: float, slots: int) -> range:
    """Return the last members of a group whose success rate is at most `gate`, else none."""
    size = len(group.episodes)
    return range(size - slots, size) if group.success <= gate else range(0)


@dataclass(frozen=True)
class NPO(GRPO):
    """Learn from what a later self already can."""

    name: ClassVar[str] = "npo"

    guide: str = ""
    """The later checkpoint: external(FOLDER); must be given."""
    gate: float = 0.6
    """Success rate up to which a group is helped."""
    slots: int = 1
    """Members that are replaced at most; no more than the group has."""
    attempts: int = 0
    """Attempts of the guide at a group that is helped, no more than the group has; 0: as many."""
    until: int = 10**9
    """Training step from which on nothing is helped any more."""
    off_policy: bool = False
    """Whether the ratio of the guide's tokens is against the guide's probabilities."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.guide or parse_rule(self.guide).kind != "external":
            raise ConfigurationError(
                f"guide of npo is {self.guide!r}; give a later checkpoint of the same model, external(FOLDER), e.g. "
                "--agent-kwargs 'guide=external(runs/scout/model)' (agents.compare: npo.guide=..)"
            )
        if not 0 <= self.gate < 1:
            raise ConfigurationError(f"gate of npo is {self.gate}; it must be 0 or more and below 1")
        if self.slots < 1 or self.attempts < 0 or self.until < 0:
            raise ConfigurationError(
                f"slots {self.slots}, attempts {self.attempts} and until {self.until} of npo: slots must be at least "
                "1, the others 0 or more"
            )

    def scorers(self) -> Mapping[str, str]:
        """Return the guide."""
        return {"guide": self.guide} if self.guide else {}

    def guidance(self, step: int, state: State) -> Guidance | None:
        """Have the guide try where the policy does badly."""
        if step >= self.until:
            return None
        members = functools.partial(last_where_few_are_right, gate=self.gate, slots=self.slots)
        attempts, slots = self.attempts, self.slots
        return Guidance(members, scorer="guide", attempts=attempts, slots=slots, off_policy=self.off_policy)
