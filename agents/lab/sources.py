"""Where what is said of tokens comes from: algorithms, by way of the learner, and controls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from agents import algorithms
from agents.algorithms import Algorithm
from agents.episodes import EpisodeBatch, EpisodeGroup, Prompt
from agents.evidence import EvidenceSink, TokenEvidence
from agents.lab.beliefs import beliefs
from agents.lab.data import gold
from agents.lab.fitness import exact_gains
from agents.lab.remember import RememberingPolicy
from agents.lab.rollouts import Key, Says, steps_of
from agents.learner.learner import Learner
from agents.options.learner import LearnerOptions
from agents.policy.scoring import score_each
from rlsd_env.errors import ConfigurationError, one_of

AGENTS: dict[str, tuple[str, Mapping[str, Any]]] = {
    "rlsd": ("rlsd", {}),
    "rlsd-solution": ("rlsd", {"hint": "solution"}),
    "rlsd-sibling": ("rlsd", {"hint": "sibling"}),
    "rlsd-visual": ("rlsd-visual", {}),
    "egrsd": ("egrsd", {}),
    "cepo": ("cepo", {}),
    "rlcsd": ("rlcsd", {}),
    "belief": ("belief", {}),
    "rlrt": ("rlrt", {}),
    "antisd": ("antisd", {"warmup_steps": 1}),
    "credit": ("credit", {}),
    "sdar": ("sdar", {}),
    "opsd": ("opsd", {"form": "sampled"}),
    "sdpo": ("sdpo", {"form": "sampled"}),
    "grpo": ("grpo", {}),
}
"""Agents that are measured unless others are named, with their options: of opsd and sdpo the form that gives each token
a credit, antisd with as few steps without its term as there may be."""
RATE = 1e-30
"""A learning rate that changes no float32 weight."""


class Found(NamedTuple):
    """What a source says of the episodes that it says anything of.

    Attributes:
        credit: each token's advantage.
        evidence: what it was made from; of controls what they say.

    """

    credit: Says
    evidence: Says


def make_agent(label: str, kwargs: Mapping[str, Any], agents: Mapping[str, str]) -> Algorithm:
    """Make the algorithm that a label stands for.

    Args:
        label: a key of `AGENTS`, an agent's name, or one of `agents`.
        kwargs: its options; of a key of `AGENTS` they override those.
        agents: agents by labels of the user's own.

    Raises:
        ConfigurationError: there is none, or an option does not fit it.

    """
    spec, own = (agents[label], {}) if label in agents else AGENTS.get(label, (label, {}))
    known = (*algorithms.names(), *AGENTS, *CONTROLS)
    if not {":", "/"} & set(spec) and spec not in algorithms.names():
        raise ConfigurationError(one_of("agent", spec, known) + ", or module:Class of your own")
    return algorithms.make(spec, {**own, **kwargs})


def learner_of(policy: RememberingPolicy, algorithm: Algorithm, batch: EpisodeBatch) -> Learner:
    """Return a fresh learner; one that remembers something has seen the batch once, and kept its weights."""
    learner = Learner(policy, algorithm, LearnerOptions(lr=RATE))
    if type(algorithm).statistics is not Algorithm.statistics:
        learner.update(batch)
    return learner


def ask(learner: Learner, batch: EpisodeBatch) -> Found:
    """Return what a learner's algorithm says of a batch in its next update, which is not made."""
    sink = EvidenceSink()
    learner.gradient(batch, keep=sink)
    first = next(iter(learner.algorithm.contexts(batch.step, learner.state)), None)
    turns: dict[Key, list[TokenEvidence]] = {}
    for one in sorted(sink.kept, key=lambda one: one.turn):
        turns.setdefault((one.group, one.member), []).append(one)
    return Found(
        _joined({key: [one.values.get("credit") for one in kept] for key, kept in turns.items()}),
        _joined({key: [one.basis(first) for one in kept] for key, kept in turns.items()}),
    )


def _joined(turns: Mapping[Key, Sequence[Sequence[float] | None]]) -> Says:
    """Put the turns of each episode end to end; an episode with a turn of which nothing is said is left out."""
    return {
        key: np.concatenate([np.asarray(values, dtype=np.float64) for values in said if values is not None])
        for key, said in turns.items()
        if all(values is not None for values in said)
    }


def shown_first(learner: Learner, batch: EpisodeBatch) -> list[tuple[Prompt, EpisodeGroup]]:
    """Return what the first context shows of the first episode of each group that it shows anything of."""
    contexts = learner.algorithm.contexts(batch.step, learner.state)
    found: list[tuple[Prompt, EpisodeGroup]] = []
    for context in list(contexts.values())[:1]:
        show: Any = context.show
        for g, group in enumerate(batch.groups):
            episodes = range(len(group.episodes))
            seen = (show(batch, g, i) if context.across else show(group, i) for i in episodes)
            shown = next((one for one in seen if one is not None), None)
            if shown is not None:
                found.append((shown.prompts[0], group))
    return found


# -- controls ----------------------------------------------------------------------------------------------


def surprise(policy: RememberingPolicy, batch: EpisodeBatch) -> Says:
    """Say of each token its log-probability: the student's own surprise blames the unlikely ones."""
    logp_NT = _scores(policy, batch).logp_NT.double().numpy(force=True)
    return {key: logp_T[:length] for (key, length), logp_T in zip(_lengths(batch).items(), logp_NT)}


def doubt(policy: RememberingPolicy, batch: EpisodeBatch) -> Says:
    """Say of each token minus the entropy of the student's distribution there: blame where it was in doubt."""
    entropy_M = _scores(policy, batch).entropy_M.double().numpy(force=True)
    lengths = _lengths(batch)
    pieces = np.split(-entropy_M, np.cumsum(list(lengths.values()))[:-1])
    return dict(zip(lengths, pieces))


def chance(policy: RememberingPolicy, batch: EpisodeBatch) -> Says:
    """Say of each token a number drawn from a normal distribution."""
    rng = np.random.default_rng(0)
    return {key: rng.normal(size=length) for key, length in _lengths(batch).items()}


def exact(policy: RememberingPolicy, batch: EpisodeBatch) -> Says:
    """Say of each result D of a teacher that is shown the right answer and knows all that the base model believes.

    It is exact by the table that the models of `agents.lab.make` come from; other tokens get 0, and responses that the
    expert could not have written nothing.
    """
    table = beliefs()
    found = {}
    for (g, i), steps in steps_of(policy, batch).items():
        group = batch.groups[g]
        gains_K = exact_gains(gold(group.item), group.episodes[i].response, table)
        if gains_K is not None:
            found[g, i] = np.zeros(len(steps.of_token))
            found[g, i][list(steps.results)] = gains_K
    return found


CONTROLS: dict[str, Callable[[RememberingPolicy, EpisodeBatch], Says]] = {
    "surprise": surprise,
    "entropy": doubt,
    "random": chance,
    "exact": exact,
}
"""By name: what says something of tokens without an algorithm; the first three without a teacher too."""


def _lengths(batch: EpisodeBatch) -> dict[Key, int]:
    return {(g, i): one.length for g, group in enumerate(batch.groups) for i, one in enumerate(group.episodes)}


@torch.no_grad()
def _scores(policy: RememberingPolicy, batch: EpisodeBatch) -> Any:
    turns = [turn for _, _, episode in batch for turn in episode.turns]
    prompts, responses = [turn.prompt for turn in turns], [turn.action.token_ids for turn in turns]
    return score_each(policy.score, prompts, responses, 1.0)
