"""One small batch that stays the same, and what each algorithm pays the tokens of two responses in it.

The pages of docs/algorithms/ show it. The responses are such as `lab-q0` samples; they are fixed here, so that a
picture changes only where a method or the model does.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from agents.algorithms import Algorithm, make
from agents.episodes import Completion, EpisodeBatch, EpisodeGroup, Message, StopReason
from agents.evidence import EvidenceSink, TokenEvidence
from agents.lab.remember import RememberingPolicy
from agents.lab.sources import learner_of
from agents.policy.base import OnCompletion, Request, Sampling
from agents.policy.loading import load_policy
from agents.policy.scoring import score_each
from agents.policy.token_kinds import token_texts
from agents.rollouts.collect import collect
from agents.rollouts.environments import make_group_env

MODEL = "lab-q0"
RIGHT, WRONG = 0, 1
"""Numbers of the two members that are shown, in the first group."""
TASKS: Mapping[str, tuple[tuple[int, str, str], ...]] = {
    "rlsd/Chain-v0": (
        (6, "1 * 4 - 3 + 4", "415 448 077 445 448 448 448 004"),
        (8, "7 - 2 - 3 - 1", "521 521 526 521 526 521 527 526"),
    ),
    "rlsd/PictureChain-v0": ((1, "7 + 1 - 3 - 1", "854 855 854 854 855 855 855 854"),),
}
"""Held-out tasks by their places, the chain of each, and the three results that each of eight attempts states."""
VISUAL = "rlsd-visual"
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "opd": {"teacher": "external(lab-q0.3)"},
    "npo": {"guide": "external(lab-q0.3)"},
    "antisd": {"warmup_steps": 1},
}
"""What algorithms are given that have no default for it, or would say nothing at their first step."""


@dataclass(frozen=True)
class Paid:
    """What an algorithm says of a response of T tokens.

    Attributes:
        advantage: A of the episode.
        credit: what each token earns; None: the method has no policy gradient.
        evidence: what it knew of each token before it was clipped or added, by default D of the first context; None:
            nothing.

    """

    advantage: float
    credit: tuple[float, ...] | None
    evidence: tuple[float, ...] | None


@dataclass(frozen=True)
class Seen:
    """What a scorer reads before a response that the student has sampled.

    Attributes:
        context: name of the context.
        scorer: whose weights score, as a rule such as `ema(0.05)`.
        prompt: the text, with an `<image>` for each picture.

    """

    context: str
    scorer: str
    prompt: str


class Reciting:
    """Says what it is told to, with the log-probabilities that a policy gives it.

    Args:
        policy: the policy.
        texts: a completion for each environment.

    """

    def __init__(self, policy: RememberingPolicy, texts: Sequence[str]) -> None:
        self._policy, self._texts = policy, texts

    def generate(self, request: Request, on_completion: OnCompletion | None = None) -> list[list[Completion]]:
        """Return the completions; see `Sampler.generate`."""
        tokenizer = self._policy.tokenizer
        ids = [(*tokenizer(text)["input_ids"], tokenizer.eos_token_id) for text in self._texts]
        prompts = [prompt for prompt in request.prompts for _ in range(request.n)]
        with torch.no_grad():
            logp_NT = score_each(self._policy.score, prompts, ids, 1.0).logp_NT
        said = [
            Completion(one, tuple(logp_T[: len(one)]), text, StopReason.STOP)
            for one, logp_T, text in zip(ids, logp_NT.tolist(), self._texts)
        ]
        return [said[start : start + request.n] for start in range(0, len(said), request.n)]


def written(chain: str, results: str) -> str:
    """Write a response to a chain.

    Args:
        chain: its operands and signs.
        results: the result that each step states, a digit each.

    >>> written("1 * 4 - 3", "41")
    '<think> 1 * 4 = 4. 4 - 3 = 1. </think> <answer> 1 </answer>'
    """
    first, *rest = chain.split()
    steps = [f"{left} {sign} {operand} = {result}." for left, sign, operand, result in
             zip((first, *results), rest[::2], rest[1::2], results)]  # fmt: skip
    return f"<think> {' '.join(steps)} </think> <answer> {results[-1]} </answer>"


def example(policy: RememberingPolicy, env: str) -> EpisodeBatch:
    """Return the attempts at the tasks of an environment of `TASKS`."""
    texts = [written(chain, results) for _, chain, attempts in TASKS[env] for results in attempts.split()]
    made = make_group_env(env, {"difficulty": 2, "fold": "heldout"}, len(TASKS[env]), len(texts) // len(TASKS[env]))
    indices = [int(made.task_indices[place]) for place, _, _ in TASKS[env]]
    return collect(made, Reciting(policy, texts), indices, Sampling(1.0, 64), range(made.num_envs), 0)


class Example:
    """The batch of an algorithm, and what the algorithm makes of it, through a learner and before any update.

    Args:
        name: of a registered algorithm.
        policy: what scores, and stands for every copy of itself.

    """

    def __init__(self, name: str, policy: RememberingPolicy) -> None:
        self.algorithm: Algorithm = make(name, OPTIONS.get(name))
        self.batch = example(policy, "rlsd/PictureChain-v0" if name == VISUAL else "rlsd/Chain-v0")
        self._texts = token_texts(policy.tokenizer, policy.vocabulary_size)
        self._learner = learner_of(policy, self.algorithm, self.batch)

    @property
    def group(self) -> EpisodeGroup:
        """The group that is shown."""
        return self.batch.groups[0]

    @functools.cached_property
    def evidence(self) -> dict[int, TokenEvidence]:
        """What the learner keeps of the group's members; those without a gradient are left out."""
        sink = EvidenceSink({self.group.item.task.id})
        self._learner.gradient(self.batch, keep=sink)
        return {one.member: one for one in sink.kept}

    def paid(self, member: int) -> Paid | None:
        """Return what the tokens of a member earn; None: it is left out, having no gradient."""
        found = self.evidence.get(member)
        if found is None:
            return None
        first = next(iter(self._contexts()), "")
        known = found.basis(first)
        return Paid(found.advantage, found.values.get("credit"), known)

    def tokens(self, member: int) -> list[str]:
        """Return the T tokens of a member's response."""
        (turn,) = self.group.episodes[member].turns
        return [self._texts[token] for token in turn.action.token_ids]

    def seen(self, member: int) -> Iterator[Seen]:
        """Yield what scorers read before the response of a member, context by context."""
        scorers = self.algorithm.scorers()
        for name, context in self._contexts().items():
            show: Any = context.show
            shown = show(self.batch, 0, member) if context.across else show(self.group, member)
            if shown is not None:
                yield Seen(name, scorers[context.scorer], text(shown.prompts[0].messages))

    def _contexts(self) -> Mapping[str, Any]:
        return self.algorithm.contexts(self.batch.step, self._learner.state)


def text(messages: Sequence[Message]) -> str:
    """Write messages as text.

    >>> text([{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What?"}]}])
    'user: <image>What?'
    """
    lines = []
    for message in messages:
        parts = message["content"]
        said = parts if isinstance(parts, str) else "".join(p.get("text", f"<{p['type']}>") for p in parts)
        lines.append(f"{message['role']}: {said}")
    return "\n".join(lines)


def load() -> RememberingPolicy:
    """Load the model."""
    return RememberingPolicy(load_policy(MODEL, "cpu"))
