"""The scorers of an algorithm by name: the trained model, copies of it that follow by a rule, and other models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch

from agents.algorithms import Context
from agents.algorithms.rules import ELSEWHERE, Rule, parse_rule
from agents.episodes import Prompt
from agents.learner.own_weights import OwnWeights
from agents.policy.base import Policy, Sampler
from agents.policy.other_models import Elsewhere, ExternalScorer, Scoring, open_scorer
from agents.policy.scores import GivenScores, TokenScores
from rlsd_env.errors import ConfigurationError, one_of

Scores = TokenScores | GivenScores


class Scorer(Scoring, Protocol):
    """Whose weights score."""

    @property
    def rule(self) -> Rule:
        """Whose they are."""
        ...

    @property
    def age(self) -> int:
        """Training steps since the weights last changed."""
        ...

    def check(self, name: str, context: Context, temperature: float) -> None:
        """Refuse a context that asks for what the scorer does not have."""
        ...

    def after_update(self) -> None:
        """Be told of an optimiser step."""
        ...

    def after_step(self) -> None:
        """Be told of the end of a training step."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return all that a resumed run needs."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        ...


class OwnScorer:
    """The trained model with its own or earlier weights.

    Args:
        rule: live, frozen, ema or synced.
        policy: what is trained.

    """

    def __init__(self, rule: Rule, policy: Policy) -> None:
        self.rule = rule
        self.policy = policy
        self.weights = OwnWeights(rule, policy.model)
        self.after_update = self.weights.after_update
        self.after_step = self.weights.after_step
        self.state_dict = self.weights.state_dict
        self.load_state_dict = self.weights.load_state_dict

    @property
    def age(self) -> int:
        """Training steps since the weights last changed."""
        return self.weights.age

    def check(self, name: str, context: Context, temperature: float) -> None:
        """Refuse more entries than there are."""
        _check_top_k(name, context, self.policy)

    def score(
        self,
        prompts: Sequence[Prompt],
        owners: Sequence[int],
        responses: Sequence[Sequence[int]],
        *,
        temperature: float,
        top_k: int,
    ) -> TokenScores:
        """Score with the weights; see `agents.policy.other_models.Scoring.score`."""
        with torch.no_grad(), self.weights.applied():
            return self.policy.score(prompts, owners, responses, temperature=temperature)


class ElsewhereScorer:
    """Another model, whose weights stay.

    Args:
        rule: external or server.
        policy: what is trained, whose tokenizer the other must have.

    """

    age = 0

    def __init__(self, rule: Rule, policy: Policy) -> None:
        self.rule = rule
        self.engine: Elsewhere = open_scorer(rule.kind, rule.place, policy)
        self.score = self.engine.score
        self._policy = policy

    @property
    def guide(self) -> Sampler | None:
        """What samples with its weights; None: nothing does.

        Raises:
            ConfigurationError: it would say tokens that the trained model does not have.

        """
        if not isinstance(self.engine, ExternalScorer):
            return None
        if self.engine.vocabulary_size > self._policy.vocabulary_size:
            raise ConfigurationError(
                f"guidance by scorer {self.rule.text}: it has {self.engine.vocabulary_size} vocabulary entries and the "
                f"trained model {self._policy.vocabulary_size}; take a checkpoint of the same model"
            )
        return self.engine.policy

    def check(self, name: str, context: Context, temperature: float) -> None:
        """Refuse a context that asks for distributions which the other model cannot give.

        Raises:
            ConfigurationError: it does.

        """
        _check_top_k(name, context, self._policy)
        self.engine.check(temperature, context.top_k)
        size = self.engine.vocabulary_size
        if (context.full or context.entropy) and size is None:
            wanted = "full" if context.full else "entropy"
            raise ConfigurationError(
                f"context {name!r} asks scorer {self.rule.text} for {wanted}; a server gives the sampled tokens' and "
                "the top-k entries' log-probabilities: use top_k, or external(FOLDER)"
            )
        if context.full and size != self._policy.vocabulary_size:
            raise ConfigurationError(
                f"context {name!r} compares whole distributions: scorer {self.rule.text} has {size} vocabulary entries "
                f"and the trained model {self._policy.vocabulary_size}; use top_k"
            )

    def after_update(self) -> None:
        """Do nothing: nothing follows."""

    def after_step(self) -> None:
        """Do nothing: nothing follows."""

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: the model is where it was."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore nothing."""


def _check_top_k(name: str, context: Context, policy: Policy) -> None:
    most = policy.vocabulary_size - len(policy.encoder.vision_ids)
    if context.top_k > most:
        raise ConfigurationError(f"context {name!r} asks for top_k {context.top_k}; the model can say {most} tokens")


class Scorers(Mapping[str, Scorer]):
    """An algorithm's scorers; two of the same rule are one.

    Args:
        rules: by name.
        policy: what is trained.

    Raises:
        ConfigurationError: another model cannot be loaded or reached, or its tokens are not the policy's.

    """

    def __init__(self, rules: Mapping[str, str], policy: Policy) -> None:
        self._by_rule: dict[str, Scorer] = {}
        self._rules = dict(rules)
        for text in rules.values():
            if text not in self._by_rule:
                rule = parse_rule(text)
                other = rule.kind in ELSEWHERE
                self._by_rule[text] = ElsewhereScorer(rule, policy) if other else OwnScorer(rule, policy)

    def __getitem__(self, name: str) -> Scorer:
        return self._by_rule[self._rules[name]]

    def __iter__(self) -> Any:
        return iter(self._rules)

    def __len__(self) -> int:
        return len(self._rules)

    def check(self, contexts: Mapping[str, Context], temperature: float) -> None:
        """Refuse contexts that ask a scorer for what it does not have.

        Args:
            contexts: by name.
            temperature: what logits are divided by.

        Raises:
            ConfigurationError: there is no scorer of that name, or it has no distributions over the same vocabulary.

        """
        for name, context in contexts.items():
            if context.scorer not in self:
                raise ConfigurationError(one_of(f"scorer of context {name!r}", context.scorer, self))
            self[context.scorer].check(name, context, temperature)

    def sampler(self, name: str) -> Sampler | None:
        """Return what samples with a scorer's weights; None: what samples for the trained model.

        Raises:
            ConfigurationError: there is no scorer of that name, or it does not sample.

        """
        if name not in self:
            raise ConfigurationError(one_of("scorer of guidance", name, self))
        scorer = self[name]
        if scorer.rule.kind == "live":
            return None
        guide = scorer.guide if isinstance(scorer, ElsewhereScorer) else None
        if guide is None:
            raise ConfigurationError(
                f"guidance by scorer {scorer.rule.text}: copies of the trained weights and servers score and do not "
                "sample here; use live or external(FOLDER)"
            )
        return guide

    def after_update(self) -> None:
        """Tell all of an optimiser step."""
        for scorer in self._by_rule.values():
            scorer.after_update()

    def after_step(self) -> None:
        """Tell all of the end of a training step."""
        for scorer in self._by_rule.values():
            scorer.after_step()

    def ages(self) -> dict[str, float]:
        """Return each scorer's age as a metric: `teacher_age` of the first, `teacher_age_NAME` of others."""
        return {
            "teacher_age" if number == 0 else f"teacher_age_{name}": float(self[name].age)
            for number, name in enumerate(self)
        } or {"teacher_age": 0.0}

    def state_dict(self) -> dict[str, Any]:
        """Return all that a resumed run needs, by rule."""
        return {rule: scorer.state_dict() for rule, scorer in self._by_rule.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        if state.keys() != self._by_rule.keys():
            raise ValueError(
                f"stored are scorers {', '.join(state) or 'none'}, not {', '.join(self._by_rule) or 'none'}; resume "
                "with the stored options"
            )
        for rule, scorer in self._by_rule.items():
            scorer.load_state_dict(state[rule])
