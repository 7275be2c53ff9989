"""The agents of a comparison, each with every default written out, and what their budgets have in common."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.baselines import Baseline
from agents.methods import hyperparameters, learner_options, make_method, method_name
from agents.options.commands import CompareOptions, TrainOptions
from rlsd_env.errors import ConfigurationError


@dataclass(frozen=True)
class Entrant:
    """An agent of a comparison.

    Attributes:
        label: what it is called in the options.
        name: what it is called in folders and results.
        agent: which agent it is.
        kwargs: all its hyperparameters.
        options: the options of learner and batch that it has for itself.
        steps: how many steps a run of it reports.
        language_model: whether it is a language model, and not a baseline.

    """

    label: str
    name: str
    agent: str
    kwargs: Mapping[str, Any]
    options: Mapping[str, Any]
    steps: int
    language_model: bool

    def train_options(self, options: CompareOptions, seed: int, out: Path) -> TrainOptions:
        """Return the options of one run of it.

        Raises:
            ConfigurationError: an option of its own is out of range.

        """
        shared = options.train_options(self.label, self.name, seed, out)
        return dataclasses.replace(shared, agent_kwargs=dict(self.kwargs), **self.options)


def resolve(options: CompareOptions) -> tuple[CompareOptions, list[Entrant]]:
    """Write every default into the options, and name each agent for folders and results.

    Raises:
        ConfigurationError: an agent or an option of it is unknown, a name is no folder name or stands for two agents,
            or budgets differ.

    """
    entrants: dict[str, Entrant] = {}
    kwargs: dict[str, Any] = {}
    for label, spec in options.specs():
        method = make_method(spec, options.kwargs_of(label))
        own = {**learner_options(spec), **options.options_of(label)}
        language_model = not isinstance(method, Baseline)
        if own and not language_model:
            raise ConfigurationError(
                f"agent_options has {label}.{next(iter(own))}; {label} is no language model and has hyperparameters "
                "only: --agent-kwargs"
            )
        name = method_name(spec, method) if label == spec else label
        if not re.fullmatch(r"\w[\w+.-]*", name) or name == "untrained":
            raise ConfigurationError(f"agent name {name!r}: letters, digits, _ + . - only, and not 'untrained'")
        if name in entrants:
            raise ConfigurationError(f"two agents are called {name!r}; give one a label: LABEL={spec}")
        steps = method.updates if isinstance(method, Baseline) else options.steps
        entrants[name] = Entrant(label, name, spec, hyperparameters(method), own, steps, language_model)
        kwargs |= {f"{label}.{key}": value for key, value in hyperparameters(method).items()}
    options = dataclasses.replace(options, agent_kwargs=kwargs)
    if options.cluster != "local":
        options = dataclasses.replace(options, out=options.out.absolute())
    found = list(entrants.values())
    check_budgets(options, found)
    return options, found


def rollouts_per_step(options: CompareOptions, entrants: Sequence[Entrant]) -> dict[str, tuple[int, int]]:
    """Return tasks per step and attempts at each, by name, of the language models."""
    return {
        entrant.name: (
            entrant.options.get("prompts_per_step", options.prompts_per_step),
            entrant.options.get("group_size", options.group_size),
        )
        for entrant in entrants
        if entrant.language_model
    }


def check_budgets(options: CompareOptions, entrants: Sequence[Entrant]) -> None:
    """Refuse agents that would have other numbers of rollouts than the first.

    Raises:
        ConfigurationError: there is one.

    """
    shapes = rollouts_per_step(options, entrants)
    for name, (prompts, size) in shapes.items():
        first, (first_prompts, first_size) = next(iter(shapes.items()))
        if prompts * size != first_prompts * first_size:
            raise ConfigurationError(
                f"budgets differ: {first} has {first_prompts} x {first_size} = {first_prompts * first_size} rollouts "
                f"per step (prompts_per_step x group_size), {name} {prompts} x {size} = {prompts * size}; give both "
                "the same product"
            )


def own_options(options: CompareOptions, entrants: Sequence[Entrant]) -> dict[str, dict[str, Any]]:
    """Return by name the values of the options that some agent has for itself; a baseline has none."""
    names = sorted({name for entrant in entrants for name in entrant.options})
    return {
        entrant.name: {name: entrant.options.get(name, getattr(options, name)) for name in names}
        for entrant in entrants
        if entrant.language_model
    }
