"""Many methods on the same rollouts: what each says of tokens under each kind of hint, and how well it finds mistakes.

What is sampled and judged once is the same for all. A method is asked through a fresh learner; see
`agents.lab.sources`. Figures and their names are those of `agents.lab.blame`.
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
from agents.lab.sources import AGENTS, CONTROLS, Found, Key, Says, ask, learner_of, make_agent, shown_first, with_hints
from agents.lab.steps import Steps, locate
from agents.policy.base import Sampling
from agents.policy.token_kinds import token_texts
from agents.report.statistics import Interval
from agents.rollouts.collect import collect, completion_seeds
from agents.rollouts.environments import make_group_env
from agents.tiny.teachers import sample_informed
from rlsd_env.errors import ConfigurationError

STREAM = 7
"""What seeds of the rollouts are derived with."""
AT_ONCE = 64
"""Tasks that are played at once."""


@dataclass(frozen=True)
class Row:
    """What is found of a source under one kind of hint.

    Attributes:
        source: its label.
        agent: the algorithm's name; "" of a control.
        options: its hyperparameters.
        hints: right, wrong or blank; "" where nothing is shown.
        responses: wrong responses of mixed groups with a wrong step of which it says something, by what it says:
            evidence and credit.
        figures: by what it says, then by name.
        all_wrong: the same two, of groups without a right response.
        predicts: how well the sum of evidence tells right responses from wrong ones, in mixed groups.
        accuracy: of what is sampled with what the method's first context shows.
        cites: how much of that speaks of it.

    """

    source: str
    agent: str
    options: Mapping[str, Any]
    hints: str
    responses: Mapping[str, int]
    figures: Mapping[str, Mapping[str, Interval]]
    all_wrong: Mapping[str, tuple[int, Mapping[str, Interval]]]
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

    Raises:
        ConfigurationError: no response states a step, or no group has right and wrong ones.

    """

    def __init__(self, policy: RememberingPolicy, options: PrecisionOptions) -> None:
        self.policy, self.options = policy, options
        self._env_kwargs = {**options.env_kwargs, "fold": "heldout"}
        self._sampling = Sampling(1.0, options.max_tokens)
        self.batch = self._play()
        texts = token_texts(policy.tokenizer, policy.vocabulary_size)
        self.steps: dict[Key, Steps] = {
            (g, i): locate([texts[id] for id in episode.turns[-1].action.token_ids])
            for g, group in enumerate(self.batch.groups)
            for i, episode in enumerate(group.episodes)
            if len(episode.turns) == 1
        }
        if not any(steps.right for steps in self.steps.values()):
            raise ConfigurationError(
                f"no response of {options.policy} to {options.env} states a step such as '3 + 4 = 7'; precision is for "
                "models of agents.lab.make on rlsd/Chain-v0 and rlsd/PictureChain-v0"
            )
        self.mixed = [g for g, group in enumerate(self.batch.groups) if 0 < group.success < 1]
        self.hopeless = [g for g, group in enumerate(self.batch.groups) if group.success == 0]
        if not self.mixed:
            raise ConfigurationError(
                f"none of {options.tasks} tasks has right and wrong responses of {options.policy}; give more tasks or "
                "another difficulty"
            )
        self._bootstraps = {name: Bootstrap(len(of)) for name, of in self._subsets().items() if of}
        self._informed: dict[Any, tuple[float, float]] = {}

    def _subsets(self) -> dict[str, list[int]]:
        return {"mixed": self.mixed, "all_wrong": self.hopeless}

    def _play(self) -> EpisodeBatch:
        options = self.options
        first = make_group_env(options.env, self._env_kwargs, 1, 1)
        tasks = [int(first.task_indices[k]) for k in range(min(options.tasks, len(first.task_indices)))]
        groups: list[EpisodeGroup] = []
        for start in range(0, len(tasks), AT_ONCE):
            part = tasks[start : start + AT_ONCE]
            env = make_group_env(options.env, self._env_kwargs, len(part), options.group_size)
            seeds = completion_seeds(options.seed, (STREAM, start), env.num_envs)
            groups += collect(env, self.policy, part, self._sampling, seeds, 0).groups
            env.close()
        return EpisodeBatch(tuple(groups), 0)

    def described(self) -> dict[str, Any]:
        """Say what was sampled."""
        wrong = [self.steps[key] for key in self._wrong(self.mixed) if key in self.steps]
        found = [steps for steps in wrong if steps.first_wrong is not None]
        return {
            "tasks": len(self.batch.groups),
            "responses": sum(len(group.episodes) for group in self.batch.groups),
            "accuracy": float(np.nanmean([group.success for group in self.batch.groups])),
            "mixed_groups": len(self.mixed),
            "all_wrong_groups": len(self.hopeless),
            "wrong_responses_of_mixed_groups": len(wrong),
            "of_those_with_a_wrong_step": len(found),
            "of_those_not_the_last": sum(steps.first_wrong != steps.last for steps in found),
            "wrong_steps_each": float(np.mean([steps.right.count(False) for steps in found])) if found else None,
        }

    def _wrong(self, groups: Sequence[int]) -> list[Key]:
        episodes = ((g, i, one) for g in groups for i, one in enumerate(self.batch.groups[g].episodes))
        return [(g, i) for g, i, one in episodes if one.valid and not one.verdict.correct]

    # -- what is measured ----------------------------------------------------------------------------------

    def rows(self) -> Iterator[Row]:
        """Measure every source under every kind of hint; where two kinds come to the same, the first has both names."""
        given = self.options.specs()
        pictures = any(group.item.task.images for group in self.batch.groups)
        everything = [label for label in AGENTS if pictures or label != "rlsd-visual"]
        specs = given or [(label, "") for label in (*CONTROLS, *everything)]
        own = {label: agent for label, agent in given if agent}
        agents = {}
        for label, agent in specs:
            kwargs = self.options.kwargs_of(label)
            if (agent or label) in CONTROLS:
                if kwargs:
                    raise ConfigurationError(f"agent_kwargs has {label}.{next(iter(kwargs))}; {label} has no options")
                continue
            agents[label] = make_agent(label, kwargs, own)
        for label, agent in specs:
            if label not in agents:
                yield self._row(label, "", {}, "", Found({}, CONTROLS[agent or label](self.policy, self.batch)))
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
        said = {name: says for name, says in zip(("evidence", "credit"), (found.evidence, found.credit)) if says}
        measured = {
            subset: {
                name: measure_blame(self._judged(of, says, wrong=True), self._bootstraps[subset])
                for name, says in said.items()
            }
            for subset, of in self._subsets().items()
            if of
        }
        mixed, hopeless = measured["mixed"], measured.get("all_wrong", {})
        predicts = None
        if found.evidence:
            predicts = prediction(self._judged(self.mixed, found.evidence, wrong=False), self._bootstraps["mixed"])
        return Row(
            source=label,
            agent=agent,
            options=options,
            hints=hints,
            responses={name: one.responses for name, one in mixed.items()},
            figures={name: one.figures for name, one in mixed.items() if one.responses},
            all_wrong={name: (one.responses, one.figures) for name, one in hopeless.items() if one.responses},
            predicts=predicts,
            accuracy=None,
            cites=None,
        )

    def _judged(self, groups: Sequence[int], says: Says, *, wrong: bool) -> list[Judged]:
        """Put together what is said of the episodes of some groups, of all or of the wrong ones."""
        place = {g: number for number, g in enumerate(groups)}
        keys = self._wrong(groups) if wrong else [(g, i) for g in groups for i in range(self.options.group_size)]
        return [
            Judged(
                place[key[0]], self.batch.groups[key[0]].episodes[key[1]].verdict.correct, self.steps[key], says[key]
            )
            for key in keys
            if key in says and key in self.steps
        ]

    def _with_teacher(self, row: Row, shown: Sequence[tuple[Prompt, EpisodeGroup]]) -> Row:
        if not shown:
            return row
        key = tuple(prompt.key for prompt, _ in shown)
        if key not in self._informed:
            answers = sample_informed(self.policy, self.options.env, self._env_kwargs, shown, self._sampling)
            right, cites = ([a.verdict.correct for a in answers], [a.cites for a in answers])
            self._informed[key] = float(np.mean(right)), float(np.mean(cites))
        accuracy, cites = self._informed[key]
        return dataclasses.replace(row, accuracy=accuracy, cites=cites)


def _equal(one: Found, other: Found) -> bool:
    return all(
        mine.keys() == theirs.keys() and all(np.array_equal(mine[key], theirs[key]) for key in mine)
        for mine, theirs in zip(one, other)
    )
