"""`Algorithm`: everything that differs between methods, and nothing else.

An algorithm is a frozen dataclass whose fields are its hyperparameters. It declares scorers (whose weights score the
responses again), contexts (what they are shown) and what becomes of the evidence; the learner calls these hooks and
knows no method's name.

Shape suffixes: `_N` rows, each a turn of an episode (with `scope = "batch"`: a whole episode, its turns end to end),
`_T` their response tokens, `_M` response tokens laid end to end, `_V` vocabulary, `_B` groups, `_G` members of one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from agents.algorithms.hooks import check_hooks
from agents.algorithms.rules import parse_rule
from agents.credit import information_gain
from agents.episodes import EpisodeBatch, EpisodeGroup, Prompt
from agents.losses import group_advantages
from agents.policy.thoughts import thought_tokens
from rlsd_env.errors import ConfigurationError, one_of

SCOPES = ("part", "batch")
State = Mapping[str, float]
"""What an algorithm remembers from step to step; stored with checkpoints."""


@dataclass(frozen=True)
class Shown:
    """What a scorer is shown of one episode: a prompt per turn, before the action of that turn."""

    prompts: tuple[Prompt, ...]


Show = Callable[[EpisodeGroup, int], Shown | None]
"""From a group and the number of an episode in it to what a scorer is shown; None: nothing, for this episode. Pure."""
ShowAcross = Callable[[EpisodeBatch, int, int], Shown | None]
"""The same from a batch, the number of a group in it and that of an episode in the group. Of several processes each has
a batch of its own groups."""


@dataclass(frozen=True)
class Context:
    """One way in which the responses are scored again, by the same token ids.

    Attributes:
        show: what the scorer is shown.
        scorer: name of the scorer.
        full: whether whole distributions over the vocabulary are needed, and not only the sampled tokens' probability.
        top_k: how many of the scorer's likeliest entries are needed, where those are enough; 0: none.
        entropy: whether the entropy of its distributions is needed.
        across: whether `show` looks at the whole batch, and not only at the episode's group.

    """

    show: Show | ShowAcross
    scorer: str = "teacher"
    full: bool = False
    top_k: int = 0
    entropy: bool = False
    across: bool = False

    def __post_init__(self) -> None:
        if self.top_k < 0 or (self.full and self.top_k):
            raise ConfigurationError(
                f"a context with full={self.full} and top_k={self.top_k}: whole distributions or some entries, not both"
            )


@dataclass(frozen=True)
class Guidance:
    """Attempts that are made again with help once a batch has been graded, at the same tasks.

    Attributes:
        members: from a group to the numbers of its members that right ones among those attempts may take the place of,
            in order; none: the group is not helped. Pure.
        show: what is read in the place of the student's prompts; None: those.
        scorer: name of the scorer whose weights act, which is live or external; None: the policy as it samples.
        attempts: how many are made in a group that is helped, at most as many as it has members; 0: as many.
        slots: how many members of a group `members` names at most; 0: any number.
        apart: whether they are no part of their group's advantages, which are those of the policy's own attempts, and
            have a mean of the loss of their own, over their tokens, that is added to that of the policy's own attempts.
            False: members like the others.
        off_policy: whether the ratio of their tokens is against the probability that these were sampled with, and not
            against the student's before the first update.
        mentions: whether one may take a place though it speaks of what only its prompt said, by
            `agents.diagnostics.leakage`.

    """

    members: Callable[[EpisodeGroup], Sequence[int]]
    show: Show | None = None
    scorer: str | None = None
    attempts: int = 0
    slots: int = 0
    apart: bool = False
    off_policy: bool = False
    mentions: bool = True

    def __post_init__(self) -> None:
        if self.attempts < 0:
            raise ConfigurationError(f"guidance with attempts {self.attempts}; it must be 0 (as members) or more")

    def check_size(self, group_size: int) -> None:
        """Refuse more attempts or slots than a group has members.

        Raises:
            ConfigurationError: there are more.

        """
        for name, value in (("attempts", self.attempts), ("slots", self.slots)):
            if value > group_size:
                raise ConfigurationError(
                    f"{name} is {value} and group_size {group_size}; {name} must be at most group_size"
                )


@dataclass(frozen=True)
class Signals:
    """What a method may use for N rows of T tokens; nothing carries a gradient.

    Attributes:
        A_N1: advantage of each row's episode, [N, 1].
        S_NT: student log-probabilities of the sampled tokens.
        S_old_NT: those before the step's first update, where they are the same numbers.
        mask_NT: true on response tokens; M of them.
        step: training step, from 0.
        logp: log-probabilities of the same tokens by context, [N, T]; one that these rows are not shown is absent.
        entropy: entropy of a context's distributions, where it asks for it, [N, T].
        shown: whether each row's episode is shown a context, [N, 1]; all true unless `scope` is "batch", where those
            that are not have the student's own log-probability, which is a gain of 0.
        success_N1: share of correct answers among the valid episodes of each row's group.
        group_N1: number of each row's group among this process's, from 0.
        turn_NT: number of the turn that each token belongs to, from 0.
        ids_NT: the tokens.
        kinds_V: kind of each token of the vocabulary, see `agents.policy.token_kinds`.
        texts_V: text of each token of the vocabulary.
        state: the algorithm's state.

    """

    A_N1: Tensor
    S_NT: Tensor
    S_old_NT: Tensor
    mask_NT: Tensor
    step: int
    logp: Mapping[str, Tensor] = field(default_factory=dict)
    entropy: Mapping[str, Tensor] = field(default_factory=dict)
    shown: Mapping[str, Tensor] = field(default_factory=dict)
    success_N1: Tensor = field(default_factory=lambda: torch.full((1, 1), torch.nan))
    group_N1: Tensor = field(default_factory=lambda: torch.zeros(1, 1, dtype=torch.long))
    turn_NT: Tensor = field(default_factory=lambda: torch.zeros(1, 1, dtype=torch.long))
    ids_NT: Tensor = field(default_factory=lambda: torch.zeros(1, 1, dtype=torch.long))
    kinds_V: Callable[[], Tensor] = field(default=lambda: torch.zeros(1, dtype=torch.long))
    texts_V: Callable[[], Sequence[str]] = field(default=tuple)
    state: State = field(default_factory=dict)

    def gain(self, name: str) -> Tensor:
        """`D = log-probability in a context - S`, without gradient, [N, T]."""
        return information_gain(self.S_NT, self.logp[name])

    @property
    def kind_NT(self) -> Tensor:
        """Kind of each token: a number of `agents.policy.token_kinds.TokenKind`."""
        return self.kinds_V()[self.ids_NT]

    @property
    def thought_NT(self) -> Tensor:
        """True on the tokens of thoughts, see `agents.policy.thoughts`; to be asked for by `credit`, in whole rows."""
        texts, found = self.texts_V(), torch.zeros_like(self.mask_NT)
        for n, (ids, turns, lengths) in enumerate(
            zip(self.ids_NT.tolist(), self.turn_NT.tolist(), self.mask_NT.sum(1).tolist())
        ):
            inside: list[bool] = []
            for turn in sorted(set(turns[:lengths])):
                inside += thought_tokens([id for id, of in zip(ids[:lengths], turns) if of == turn], texts)
            found[n, : len(inside)] = torch.tensor(inside, device=found.device)
        return found


@dataclass(frozen=True)
class Credit:
    """Token advantages, and what they were made from.

    Attributes:
        advantages: [N, T] or [N, 1], within PPO's clipped surrogate.
        unclipped: token advantages u of a term beside the surrogate, [N, T]: `-u_t S_t` is added to the loss; None:
            there is no such term.
        per_token: quantities by metric name, [N, T] each; their token means are logged, and they are kept as evidence.
        evidence: what was known of each token before it was clipped or added to A, larger where the token is
            supported, [N, T]; it is kept, and not logged. None: D of the first context, where there is one.

    """

    advantages: Tensor
    per_token: Mapping[str, Tensor] = field(default_factory=dict)
    unclipped: Tensor | None = None
    evidence: Tensor | None = None

    @property
    def total(self) -> Tensor:
        """What a token earns in all, [N, T] or [N, 1]."""
        return self.advantages if self.unclipped is None else self.advantages + self.unclipped


@dataclass(frozen=True)
class Algorithm:
    """The interface of a method; as it stands, REINFORCE with a group baseline and the learner's clipping."""

    name: ClassVar[str] = "algorithm"
    """What the method is called in results; the registry's key."""
    scope: ClassVar[str] = "part"
    """part: `credit` is asked for some rows at a time, while they are run. batch: once per step, before the loss, for
    all of this process's episodes at once, whose student log-probabilities are then those before the step's first
    update, as they were recorded where the policy sampled itself."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        check_hooks(cls, Algorithm)

    def __post_init__(self) -> None:
        if self.scope not in SCOPES:
            raise ConfigurationError(one_of(f"scope of {self.name}", self.scope, SCOPES))
        for rule in self.scorers().values():
            parse_rule(rule)

    # -- evidence ------------------------------------------------------------------------------------------

    def scorers(self) -> Mapping[str, str]:
        """Return whose weights score, by name; see `parse_rule`.

        By default there is one, "teacher", of an algorithm that has an option of that name.
        """
        return {"teacher": self.teacher} if hasattr(self, "teacher") else {}

    def contexts(self, step: int, state: State) -> Mapping[str, Context]:
        """Return the contexts that are asked for at a step, by name; with none no token is scored again.

        An episode that could have no gradient is shown nothing.

        The first one is what metrics such as `information_gain` are of.
        """
        return {}

    # -- attempts with help --------------------------------------------------------------------------------

    def guidance(self, step: int, state: State) -> Guidance | None:
        """Return which attempts of a step's batch are made again with help; None: none are."""
        return None

    @property
    def guides(self) -> bool:
        """Whether attempts may be made with help."""
        return type(self).guidance is not Algorithm.guidance

    # -- what is run ---------------------------------------------------------------------------------------

    def group_advantages(self, rewards_BG: Tensor, valid_BG: Tensor) -> Tensor:
        """Turn the rewards of all groups into advantages, [B, G]; invalid episodes get 0."""
        return group_advantages(rewards_BG, valid_BG)

    def active(self, advantages_N: Tensor, shown: Mapping[str, Tensor]) -> Tensor:
        """Tell which episodes can have a gradient at all, [N] boolean; the others are not even run.

        Args:
            advantages_N: of each episode.
            shown: for each context whether an episode is shown it, [N] boolean.

        """
        return advantages_N != 0

    def episode_weights(self, advantages_N: Tensor, shown: Mapping[str, Tensor]) -> Tensor:
        """Weigh the valid episodes in the mean of the loss, [N]; 0 leaves an episode out altogether."""
        return torch.ones_like(advantages_N)

    # -- what becomes of it --------------------------------------------------------------------------------

    def credit(self, signals: Signals) -> Credit | None:
        """Return token advantages; None: no policy-gradient term."""
        return Credit(signals.A_N1)

    def auxiliary(self, student_MV: Tensor, others: Mapping[str, Any], signals: Signals) -> Tensor:
        """Return a further loss per token, [M].

        Called for rows with a context that needs distributions, for some of their tokens at a time, and again in the
        backward pass. A token's value may depend on that token's row of the arguments alone, and on no chance.

        Args:
            student_MV: student log-probabilities over the vocabulary, with gradient.
            others: for each context that needs them its log-probabilities, [M, V], or with `top_k` a
                `agents.policy.scores.TopK`, without gradient.
            signals: the tokens' signals, each token a row of its own: N = M and T = 1.

        """
        raise NotImplementedError(
            f"{self.name} has a context that needs distributions and no `auxiliary` that uses them"
        )

    # -- state ---------------------------------------------------------------------------------------------

    def initial(self) -> State:
        """Return the state before the first step."""
        return {}

    def statistics(self, signals: Signals) -> Mapping[str, Tensor]:
        """Return sums over the episodes of a step, by name, each of no dimension.

        Not called where this process runs none of its episodes. The sums of all processes are added up.

        Called after the step's first update with a row per episode that was run. The student's log-probabilities are
        those before that update, so the sums do not depend on the micro-batches.
        """
        return {}

    def observe(self, state: State, statistics: Mapping[str, float]) -> State:
        """Return the state after a step from the one before and the sums of all processes; numbers by name.

        Where `statistics` counts, a step in which no process ran an episode is not observed.
        """
        return state
