"""The agents of a comparison, variants of a sweep among them, with every default written out and equal budgets."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents import baselines
from agents.baselines import Baseline
from agents.methods import hyperparameters, learner_options, make_method, method_name, option_names
from agents.options.commands import CompareOptions, TrainOptions
from agents.options.learner import LearnerOptions
from agents.options.per_agent import PER_AGENT, fitted
from agents.options.sweep import sweep_of
from rlsd_env.errors import ConfigurationError, one_of


@dataclass(frozen=True)
class Entrant:
    """An agent of a comparison.

    Attributes:
        label: what it is called in the options.
        name: what it is called in folders and results.
        agent: which agent it is.
        kwargs: all its hyperparameters.
        options: the options of learner and batch that it has for itself.
        swept: those of both that a sweep chose.
        steps: how many steps a run of it reports.
        language_model: whether it is a language model, and not a baseline.

    """

    label: str
    name: str
    agent: str
    kwargs: Mapping[str, Any]
    options: Mapping[str, Any]
    swept: Mapping[str, Any]
    steps: int
    language_model: bool

    def train_options(self, options: CompareOptions, seed: int, out: Path) -> TrainOptions:
        """Return the options of one run of it.

        Raises:
            ConfigurationError: an option of its own is out of range.

        """
        own = dict(self.options)
        if own.get("aggregation", "constant") != "constant":  # whose divisor the others may have
            own.setdefault("constant_length", 0)
        run = options.train_options(self.label, self.name, seed, out, own)
        return dataclasses.replace(run, agent_kwargs=dict(self.kwargs))


def resolve(options: CompareOptions) -> tuple[CompareOptions, list[Entrant]]:
    """Write every default into the options, and name each agent for folders and results.

    Raises:
        ConfigurationError: an agent or an option of it is unknown, a name is no folder name or stands for two agents,
            or budgets differ.

    """
    entrants: dict[str, Entrant] = {}
    kwargs: dict[str, Any] = {}
    for label, spec in options.specs():
        for entrant in _variants(options, label, spec):
            if entrant.name in entrants:
                raise ConfigurationError(f"two agents are called {entrant.name!r}; give one a label: LABEL={spec}")
            entrants[entrant.name] = entrant
            fixed = {key: value for key, value in entrant.kwargs.items() if key not in entrant.swept}
            kwargs |= {f"{label}.{key}": value for key, value in fixed.items()}
    options = dataclasses.replace(options, agent_kwargs=kwargs)
    if options.cluster != "local":
        options = dataclasses.replace(options, out=options.out.absolute())
    found = list(entrants.values())
    check_budgets(options, found)
    return options, found


def _variants(options: CompareOptions, label: str, spec: str) -> Iterator[Entrant]:
    """Yield an agent once, or once for each combination of the values that are swept.

    Raises:
        ConfigurationError: an option of it is unknown or unusable, or its name is no folder name.

    """
    known = option_names(spec)
    baseline = baselines.is_baseline(spec)
    given = options.options_of(label)
    own = {**_of_preset(options, label, spec, given), **given}
    if own and baseline:
        raise ConfigurationError(
            f"agent_options has {label}.{next(iter(own))}; {label} is no language model and has hyperparameters "
            "only: --agent-kwargs"
        )
    swept = sweep_of(options.sweep, label, shared=not baseline)
    for option in swept:
        if option not in known and (baseline or option not in PER_AGENT):
            raise ConfigurationError(one_of(f"option of {label} in sweep", option, (*known, *PER_AGENT)))
        if option in known and option in PER_AGENT and not baseline:
            raise ConfigurationError(f"sweep has {label}.{option}, a hyperparameter and an option; use --agent-kwargs")
    for values in itertools.product(*swept.values()):
        chosen = dict(zip(swept, values))
        given = {name: value for name, value in chosen.items() if name in known}
        method = make_method(spec, options.kwargs_of(label) | given)
        mine = {k: fitted(k, value, f"sweep {label}.{k}") for k, value in chosen.items() if k not in known}
        kwargs = hyperparameters(method)
        chosen = {name: kwargs[name] if name in known else mine[name] for name in chosen}
        name = method_name(spec, method) if label == spec else label
        if not re.fullmatch(r"\w[\w+.-]*", name) or name == "untrained":
            raise ConfigurationError(f"agent name {name!r}: letters, digits, _ + . - only, and not 'untrained'")
        name += f"@{','.join(f'{option}={_word(value)}' for option, value in chosen.items())}" if chosen else ""
        steps = method.updates if isinstance(method, Baseline) else options.steps
        entrant = Entrant(label, name, spec, kwargs, own | mine, chosen, steps, not baseline)
        try:
            entrant.train_options(options, 0, options.out)
        except ConfigurationError as error:
            raise ConfigurationError(f"{name}: {error}") from None
        yield entrant


def _of_preset(options: CompareOptions, label: str, spec: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the learner's options that belong to a preset.

    Raises:
        ConfigurationError: all agents were given another value of one, and this agent none.

    """
    own = learner_options(spec)
    defaults = LearnerOptions()
    for name, value in own.items():
        shared = getattr(options, name)
        if name not in given and shared not in (value, getattr(defaults, name)):
            raise ConfigurationError(
                f"{name} is {shared} for all agents and {value} in the preset {spec}; say which with "
                f"--agent-options {label}.{name}={value}"
            )
    return own


def _word(value: Any) -> str:
    """Write a value such that it can be part of a folder's name."""
    return re.sub(r"[^\w+.-]+", "-", str(value)).rstrip("-")


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
