"""A world small enough to count: every task, hint and response of one joint distribution, in float64.

The environment is `P(x)`, `P(r | x)` and a reward of each response; the teacher is `P_T(y_t | x, r, y_<t)`, and the
student `P_S(y_t | x, y_<t)` the same joint with r summed out. All that is asked of it is a sum, never an estimate.

Shape suffixes: `_X` tasks, `_R` hints, `_Y` responses, all V^T of them, `_T` their tokens, `_V` vocabulary, `_P`
prefixes `y_<t` of every length, the empty one first; `_N` rows (x, r, y), as algorithms see them.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from agents.algorithms import Signals
from agents.losses import group_advantages
from rlsd_env.errors import ConfigurationError

MOST = 200_000
"""The most numbers of a joint distribution."""


@dataclass(frozen=True, eq=False)
class Tabular:
    """A joint distribution of tasks, hints and responses.

    Attributes:
        tasks_X: P(x).
        prior_XR: P(r | x).
        teacher_XRPV: log P_T(v | x, r, y_<t), finite.
        reward_XY: reward of each response, whatever the hint.
        logits_XPV: of some other student, no marginal of the teacher's.

    """

    tasks_X: Tensor
    prior_XR: Tensor
    teacher_XRPV: Tensor
    reward_XY: Tensor
    logits_XPV: Tensor

    @classmethod
    def draw(
        cls, seed: int, tasks: int = 2, hints: int = 3, entries: int = 3, tokens: int = 3, spread: float = 1.0
    ) -> Tabular:
        """Draw one.

        Args:
            seed: of everything that is drawn.
            tasks: how many, X.
            hints: how many of each task, R.
            entries: of the vocabulary, V.
            tokens: of each response, T.
            spread: deviation of all logits.

        Raises:
            ConfigurationError: a size is too small, or the whole is too large.

        """
        for name, value, least in (
            ("tasks", tasks, 1),
            ("hints", hints, 2),
            ("entries", entries, 3),
            ("tokens", tokens, 2),
        ):
            if value < least:
                raise ConfigurationError(f"{name} is {value}; it must be at least {least}")
        if (size := tasks * hints * tokens * entries**tokens) > MOST:
            raise ConfigurationError(
                f"{tasks} tasks x {hints} hints x {tokens} tokens x {entries}^{tokens} responses are {size:,} numbers; "
                f"take smaller ones, for at most {MOST:,}"
            )
        generator = torch.Generator().manual_seed(seed)

        def logits(*shape: int) -> Tensor:
            return spread * torch.randn(*shape, generator=generator, dtype=torch.float64)

        prefixes = sum(entries**t for t in range(tokens))
        reward_XY = (logits(tasks, entries**tokens) > 0).double()
        reward_XY[:, 0], reward_XY[:, -1] = 1.0, 0.0  # some of both
        return cls(
            tasks_X=logits(tasks).softmax(-1),
            prior_XR=logits(tasks, hints).softmax(-1),
            teacher_XRPV=logits(tasks, hints, prefixes, entries).log_softmax(-1),
            reward_XY=reward_XY,
            logits_XPV=logits(tasks, prefixes, entries),
        )

    # -- what there is ---------------------------------------------------------------------------------------

    @cached_property
    def ids_YT(self) -> Tensor:
        """All responses."""
        entries, count = self.teacher_XRPV.shape[-1], self.reward_XY.shape[-1]
        tokens = next(t for t in itertools.count(1) if entries**t == count)
        return torch.tensor(list(itertools.product(range(entries), repeat=tokens)))

    @cached_property
    def prefix_YT(self) -> Tensor:
        """Number of the prefix in front of each token: 0 is empty, and p with v behind it is `p V + 1 + v`."""
        found = torch.zeros_like(self.ids_YT)
        for t in range(1, found.shape[1]):
            found[:, t] = found[:, t - 1] * self.teacher_XRPV.shape[-1] + 1 + self.ids_YT[:, t - 1]
        return found

    def along(self, table_PV: Tensor) -> Tensor:
        """Read a table [.., P, V] at each token of each response, [.., Y, T]."""
        return table_PV[..., self.prefix_YT, self.ids_YT]

    def gathered(self, values_YT: Tensor) -> Tensor:
        """Add values [.., Y, T] up where `along` reads them, [.., P, V]."""
        entries = self.teacher_XRPV.shape[-1]
        sums = values_YT.new_zeros(*values_YT.shape[:-2], self.teacher_XRPV.shape[-2] * entries)
        sums.index_add_(-1, (self.prefix_YT * entries + self.ids_YT).flatten(), values_YT.flatten(-2))
        return sums.unflatten(-1, (-1, entries))

    # -- probabilities ---------------------------------------------------------------------------------------

    @cached_property
    def joint_XRY(self) -> Tensor:
        """P(r, y | x)."""
        return self.prior_XR[..., None] * self.along(self.teacher_XRPV).sum(-1).exp()

    @cached_property
    def table_XRPV(self) -> Tensor:
        """P(r, y_<t, y_t | x), the joint summed over the tokens that follow."""
        return self.gathered(self.joint_XRY[..., None].expand(*self.joint_XRY.shape, self.ids_YT.shape[1]))

    @cached_property
    def posterior_XRP(self) -> Tensor:
        """P(r | x, y_<t)."""
        return self.table_XRPV.sum(-1) / self.table_XRPV.sum((1, 3))[:, None]

    @cached_property
    def student_XPV(self) -> Tensor:
        """log P_S(v | x, y_<t), the marginal."""
        return (self.table_XRPV.sum(1) / self.table_XRPV.sum((1, 3))[..., None]).log()

    def reached_XP(self, student_XPV: Tensor) -> Tensor:
        """P(x) P(y_<t | x) of a student: how often it is asked for a token behind each prefix."""
        logp_XYT = self.along(student_XPV)
        found = torch.zeros_like(student_XPV[..., 0])
        found[:, self.prefix_YT] = (logp_XYT.cumsum(-1) - logp_XYT).exp()
        return self.tasks_X[:, None] * found

    # -- what algorithms are given ---------------------------------------------------------------------------

    @cached_property
    def advantage_XY(self) -> Tensor:
        """A of each response, its group being all responses."""
        return group_advantages(self.reward_XY, torch.ones_like(self.reward_XY, dtype=torch.bool))

    def rows(self, values: Tensor) -> Tensor:
        """Give each row (x, r, y) its value: from [X, R, Y, ..], or [X, 1, Y, ..] that is the same for every hint."""
        shape = (*self.joint_XRY.shape, *values.shape[3:])
        return values.expand(shape).flatten(0, 2)

    def signals(self, student_XPV: Tensor, teacher_XRPV: Tensor) -> Signals:
        """Return what an algorithm is given of all rows, with every hint as an answer and as a solution."""
        S_NT = self.rows(self.along(student_XPV)[:, None])
        Q_NT, task_X = self.rows(self.along(teacher_XRPV)), torch.arange(len(self.tasks_X))
        everywhere = torch.ones_like(S_NT, dtype=torch.bool)
        return Signals(
            A_N1=self.rows(self.advantage_XY[:, None])[:, None],
            S_NT=S_NT,
            S_old_NT=S_NT.detach(),
            mask_NT=everywhere,
            step=0,
            logp={"answer": Q_NT, "solution": Q_NT},
            shown={"answer": everywhere[:, :1], "solution": everywhere[:, :1]},
            group_N1=self.rows(task_X[:, None, None])[:, None],
        )
