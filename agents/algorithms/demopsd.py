"""DemoPSD: distil from a teacher less where it disagrees more (arXiv 2607.02502).

`L = mean_t KL(P_S || sg(target))`, `target = P_T^(1-a) P_R^a / Z`, `a_t = 2 a_max (sigmoid(b d_t) - 1/2)`,
`d_t = JSD(P_R, P_T)`: P_T and P_R are one averaged copy of the student with and without a successful sibling in its
prompt. What only the teacher finds likely has little mass in the geometric mean (`agents.divergences.barycentre`).

1. Defaults are the paper's: a_max = .15, rate of the average .05, the student's top 100 with a bucket, the ratio
   bounded by 2, probabilities of the copy at least 1e-8. b is tuned there for each domain, 25 to 100; here it is 50.
2. A prompt whose attempts all failed is skipped, and is out of the denominator; the only success of its group is
   skipped as well, since what is shown is another attempt.
3. `reference="student"` takes P_R from the student itself, as equation 7 does; the paper's runs take the copy.
4. The bucket is summed from its own entries. See `agents.algorithms.demonstration` for success and demonstrations.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from agents.algorithms.base import Context, Shown, Signals, State
from agents.algorithms.contexts import show_question
from agents.algorithms.demonstration import Demonstrated
from agents.divergences import attenuation, barycentre
from agents.episodes import EpisodeGroup
from agents.losses import kl_divergence
from rlsd_env.errors import ConfigurationError, one_of

REFERENCES = ("teacher", "student")


@dataclass(frozen=True)
class DemoPSD(Demonstrated):
    """Match a geometric mean of the informed and of the uninformed teacher, nearer the latter where they disagree."""

    name: ClassVar[str] = "demopsd"

    sharpness: float = 50.0
    """b: how fast the target leaves the informed teacher as the two disagree, per nat."""
    most: float = 0.15
    """a_max: how far it can go towards the uninformed one, 0 to 1; 0: reverse KL to the informed teacher."""
    least: float = 1e-8
    """What both teachers' probabilities count as at least; 0: as they are."""
    reference: str = "teacher"
    """Whose distribution without a demonstration: teacher (the averaged copy) or student."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.reference not in REFERENCES:
            raise ConfigurationError(one_of("reference of demopsd", self.reference, REFERENCES))
        if not (self.sharpness > 0 and 0 <= self.most <= 1 and 0 <= self.least < 1):
            raise ConfigurationError(
                f"sharpness {self.sharpness}, most {self.most} and least {self.least} of demopsd: sharpness must be "
                "above 0, most between 0 and 1, least from 0 on and below 1"
            )

    def contexts(self, step: int, state: State) -> Mapping[str, Context]:
        """Show a successful sibling, and to the same attempts their own question."""
        informed = self.show("never", successes=True)

        def plain(group: EpisodeGroup, i: int) -> Shown | None:
            return show_question(group, i) if informed(group, i) else None

        found = {"sibling": Context(informed, full=True)}
        return found | ({"question": Context(plain, full=True)} if self.reference == "teacher" else {})

    def episode_weights(self, advantages_N: Tensor, shown: Mapping[str, Tensor]) -> Tensor:
        """Leave out episodes without a demonstration."""
        return shown["sibling"].to(advantages_N.dtype)

    def active(self, advantages_N: Tensor, shown: Mapping[str, Tensor]) -> Tensor:
        """Train on every episode that has a demonstration."""
        return shown["sibling"]

    def credit(self, signals: Signals) -> None:
        """There is no policy-gradient term."""

    def auxiliary(self, student_MV: Tensor, others: Mapping[str, Tensor], signals: Signals) -> Tensor:
        """Return the reverse KL to the target, times the bounded ratio."""
        reference_MV = others["question"] if self.reference == "teacher" else student_MV.detach()
        student_MV, informed_MV, plain_MV = self.reduced(student_MV, others["sibling"], reference_MV)
        if self.least:
            informed_MV, plain_MV = (one.clamp(min=math.log(self.least)) for one in (informed_MV, plain_MV))
        target_MV = barycentre(informed_MV, plain_MV, attenuation(plain_MV, informed_MV, self.sharpness, self.most))
        return self.ratio_NT(signals)[signals.mask_NT] * kl_divergence(student_MV, target_MV)
