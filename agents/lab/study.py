"""Many methods on the same rollouts: what each says of tokens under each kind of hint, and how well it finds mistakes.

What is sampled and judged once is the same for all. A method is asked through a fresh learner; see
`agents.lab.sources`. Figures and their names are those of `agents.lab.blame`, of the responses of mixed groups, those
with right and wrong ones: in others methods that compare attempts say nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.algorithms.registry import hyperparameters
from agents.episodes import EpisodeBatch, EpisodeGroup, Prompt
from agents.lab.blame import Bootstrap, Judged, measure_blame, prediction
from agents.lab.options import PrecisionOptions
from agents.lab.remember import RememberingPolicy
from agents.lab.rollouts import Key, Says, play, steps_of, with_hints
from agents.lab.sources import AGENTS, CONTROLS, Found, ask, learner_of, make_agent, shown_first
from agents.policy.base import Sampling
from agents.report.statistics import Interval
from agents.rollouts.environments import make_group_env
from agents.tiny.teachers import mean, sample_informed
from rlsd_env.errors import ConfigurationError
from rlsd_env.procedural.chain import Chain, PictureChain


@dataclass(frozen=True)
class Row:
    """What is found of a source under one kind of hint.

    Attributes:
        source: its label.
        agent: the algorithm's name; "" of a control.
        options: its hyperparameters.
        hints: right, wrong or blank; "" where nothing is shown.
        responses: wrong responses with a wrong step of which it says something, by what it says: evidence and credit.
        figures: by what it says, then by name.
        predicts: how well the sum of evidence tells right responses from wrong ones.
        accuracy: of what is sampled with what the method's first context shows.
        cites: how much of that speaks of it.

    """

    source: str
    agent: str
    options: Mapping[str, Any]
    hints: str
    responses: Mapping[str, int]
    figures: Mapping[str, Mapping[str, Interval]]
    predicts: Interval | None
    accuracy: float | None
    cites: float | None

    @property
    def sharpest(self) -> float:
        """How often the first wrong step is the most blamed where it is not the last, by evidence or else by credit."""
        found = [
            self.figures[kind]["most_first_wrong_earlier"].mean
            for kind in ("evidence", "credit")
            if kind in self.figures
        ]
        return found[0] if found and not np.isnan(found[0]) else -1.0


class Study:
    """Rollouts of a policy, and what is measured on them.

    Args:
        policy: what samples, scores and stands for every teacher.
        options: see there.

    Attributes:
        batch: the rollouts.
        steps: where each episode's steps are.
        mixed: numbers of the groups with right and wrong responses.

    Raises:
        ConfigurationError: no response states a step, or no group has right and wrong ones.

    """

    def __init__(self, policy: RememberingPolicy, options: PrecisionOptions) -> None:
        self.policy, self.options = policy, options
        self._env_kwargs = {**options.env_kwargs, "fold": "heldout"}
        self._sampling = Sampling(1.0, options.max_tokens)
        self.batch = play(
            policy, options.env, self._env_kwargs, options.tasks, options.group_size, self._sampling, options.seed
        )
        self.steps = steps_of(policy, self.batch)
        if not any(steps.right for steps in self.steps.values()):
            raise ConfigurationError(
                f"no response of {options.policy} to {options.env} states a step such as '3 + 4 = 7'; precision is for "
                "models of agents.lab.make on rlsd/Chain-v0 and rlsd/PictureChain-v0"
            )
        self.mixed = [g for g, group in enumerate(self.batch.groups) if 0 < group.success < 1]
        if not self.mixed:
            raise ConfigurationError(
                f"none of {options.tasks} tasks has right and wrong responses of {options.policy}; give more tasks or "
                "another difficulty"
            )
        self._bootstrap = Bootstrap(len(self.mixed))
        self._informed: dict[Any, tuple[float, float]] = {}

    def described(self) -> dict[str, Any]:
        """Say what was sampled."""
        wrong = [self.steps[key] for key in self._keys() if not self._right(key)]
        found = [steps for steps in wrong if steps.first_wrong is not None]
        return {
            "tasks": len(self.batch.groups),
            "responses": sum(len(group.episodes) for group in self.batch.groups),
            "accuracy": float(np.nanmean([group.success for group in self.batch.groups])),
            "mixed_groups": len(self.mixed),
            "wrong_responses_of_mixed_groups": len(wrong),
            "of_those_with_a_wrong_step": len(found),
            "of_those_not_the_last": sum(steps.first_wrong != steps.last for steps in found),
            "wrong_steps_each": float(np.mean([steps.right.count(False) for steps in found])) if found else None,
        }

    def _keys(self) -> list[Key]:
        """Return the episodes of mixed groups that are looked at: those of one turn that the verifier judged."""
        size = self.options.group_size
        keys = [(g, i) for g in self.mixed for i in range(size) if self.batch.groups[g].episodes[i].valid]
        return [key for key in keys if key in self.steps]

    def _right(self, key: Key) -> bool:
        return self.batch.groups[key[0]].episodes[key[1]].verdict.correct

    # -- what is measured ----------------------------------------------------------------------------------

    def rows(self) -> Iterator[Row]:
        """Measure every source under every kind of hint; where two kinds come to the same, the first has both names."""
        given = self.options.specs()
        items = [group.item for group in self.batch.groups]
        unfit = set() if any(item.task.images for item in items) else {"rlsd-visual"}
        if not all(item.task.id.startswith((Chain.family, PictureChain.family)) for item in items):
            unfit.add("exact")
        if unfit & {agent for _, agent in given} & CONTROLS.keys():
            raise ConfigurationError("agents has exact; it is for rlsd/Chain-v0 and rlsd/PictureChain-v0 only")
        specs = given or [(label, label) for label in (*CONTROLS, *AGENTS) if label not in unfit]
        own = {label: agent for label, agent in given if agent != label}
        agents = {}
        for label, agent in specs:
            kwargs = self.options.kwargs_of(label)
            if agent in CONTROLS:
                if kwargs:
                    raise ConfigurationError(f"agent_kwargs has {label}.{next(iter(kwargs))}; {label} has no options")
                continue
            agents[label] = make_agent(label, kwargs, own)
        for label, agent in specs:
            if label not in agents:
                yield self._row(label, "", {}, "", Found({}, CONTROLS[agent](self.policy, self.batch)))
        students = [group.episodes[0].turns[0].prompt for group in self.batch.groups]
        done: dict[str, list[tuple[Found, str]]] = {label: [] for label in agents}
        made: dict[tuple[str, str], Row] = {}
        for hints in self.options.hints:
            batch = self._with(hints)
            for label, algorithm in agents.items():
                told = bool(algorithm.contexts(0, algorithm.initial()))
                if not told and done[label]:
                    continue
                learner = learner_of(self.policy, algorithm, batch)
                found = ask(learner, batch)
                same = next((name for other, name in done[label] if _equal(other, found)), None)
                if same is None:
                    done[label].append((found, hints))
                    row = self._row(label, algorithm.name, hyperparameters(algorithm), hints if told else "", found)
                    made[label, hints] = self._with_teacher(row, shown_first(learner, batch))
                else:
                    row = made[label, same]
                    made[label, same] = dataclasses.replace(row, hints=f"{row.hints}, {hints}")
            self.policy.forget(but=students)
        yield from made.values()

    def _with(self, hints: str) -> EpisodeBatch:
        source = make_group_env(self.options.env, {**self._env_kwargs, "hints": hints}, 1, 1)
        return with_hints(self.batch, lambda group: source.hints(group.item))

    def _row(self, label: str, agent: str, options: Mapping[str, Any], hints: str, found: Found) -> Row:
        said = {name: self._judged(says) for name, says in zip(("evidence", "credit"), (found.evidence, found.credit))}
        measured = {
            name: measure_blame([one for one in judged if not one.right], self._bootstrap)
            for name, judged in said.items()
        }
        return Row(
            source=label,
            agent=agent,
            options=options,
            hints=hints,
            responses={name: one.responses for name, one in measured.items() if one.responses},
            figures={name: one.figures for name, one in measured.items() if one.responses},
            predicts=prediction(said["evidence"], self._bootstrap) if said["evidence"] else None,
            accuracy=None,
            cites=None,
        )

    def _judged(self, says: Says) -> list[Judged]:
        """Put together what is said of episodes."""
        place = {g: number for number, g in enumerate(self.mixed)}
        keys = (key for key in self._keys() if key in says)
        return [Judged(place[key[0]], self._right(key), self.steps[key], says[key]) for key in keys]

    def _with_teacher(self, row: Row, shown: Sequence[tuple[Prompt, EpisodeGroup]]) -> Row:
        if not shown:
            return row
        key = tuple(prompt.key for prompt, _ in shown)
        if key not in self._informed:
            answers = sample_informed(self.policy, self.options.env, self._env_kwargs, shown, self._sampling)
            self._informed[key] = mean([a.verdict.correct for a in answers]), mean([a.cites for a in answers])
        accuracy, cites = self._informed[key]
        return dataclasses.replace(row, accuracy=accuracy, cites=cites)


def _equal(one: Found, other: Found) -> bool:
    return all(
        mine.keys() == theirs.keys() and all(np.array_equal(mine[key], theirs[key]) for key in mine)
        for mine, theirs in zip(one, other)
    )
