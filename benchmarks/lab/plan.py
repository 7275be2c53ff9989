"""What the laboratory compares: comparisons by name, each a run of `agents.compare` in a folder of its own."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agents.options.commands import CompareOptions
from agents.options.types import labelled
from rlsd_env.errors import ConfigurationError, one_of

RATES = Path(__file__).parent / "rates.json"
"""The learning rate of each method by teacher, chosen on the tuning fold; see `benchmarks.lab.tuning`."""
TEACHERS = {"honest": "lab-q0", "3 %": "lab-q0.03", "10 %": "lab-q0.1", "lazy": "lab-q0.3"}
"""Base models by how often their informed self cites what it is shown, 0 to 30 % of the time."""
FAMILY = (
    "grpo", "opsd", "sdpo", "grpo+opsd", "sdar", "srpo", "demopsd", "hdpo", "rlsd", "rlsd-gated", "rlsd-signal",
    "rlsd-clip-target", "rlsd-difficulty", "rlsd-capped", "egrsd", "cepo", "rlcsd", "rlrt", "antisd", "belief",
    "credit",
)  # fmt: skip
"""The methods that need nothing but the policy and text."""
AXIS = ("grpo", "opsd", "sdpo", "rlsd")
"""Those that are run with every teacher."""
CONTROLLED = ("opsd", "sdpo", "rlsd")
"""Those that are run with wrong and blank hints as well."""
POISONED = ("grpo", "opsd", "sdpo", "grpo+opsd", "rlsd", "cepo", "rlcsd", "sdar", "antisd", "rlrt")
"""Those that are run with wrong hints and a canary in a tenth of the tasks."""
FORMS = ("teacher-top1=opsd/teacher-top1", "student-top1=opsd/student-top1", "opd")
"""What the paper's Fig. 3 holds OPSD against; opd's teacher is what GRPO made of the same model."""
ORACLE, SURPRISE = "benchmarks.lab.oracle:Oracle", "benchmarks.lab.surprise:Surprise"
OURS: dict[str, tuple[str, dict[str, Any]]] = {
    "grpo": ("grpo", {}),
    "rlsd": ("rlsd", {}),
    "surprise": (SURPRISE, {}),
    "surprise-blame": (SURPRISE, {"negative_only": True}),
    "oracle-blame": (ORACLE, {"form": "blame"}),
    "oracle-process": (ORACLE, {"form": "process"}),
    "critic": ("rlsd-critic", {}),
    "critic-0.9": ("rlsd-critic", {"trace": 0.9}),
    "critic-0": ("rlsd-critic", {"trace": 0.0}),
    "critic-0-trusted": ("rlsd-critic", {"trace": 0.0, "calibrated": False}),
}
"""Does credit that finds the wrong step make learning faster? By label: the agent and its hyperparameters."""
TAUGHT = ("rlsd", "rlsd-critic")
"""Agents of `OURS` that are shown hints."""
DEFAULT = ("table", "axis", "credit")
PARTS = ("table", "axis", "controls", "poison", "forms", "ours", "credit")


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One run of `agents.compare`.

    Attributes:
        name: of its folder.
        teacher: a key of `TEACHERS`.
        agents: as `--agents` has them.
        hints: right, wrong or blank.
        poison: share of the tasks with wrong hints.
        canary: text that is appended to every hint.
        agent_kwargs: hyperparameters.
        trained: the comparison whose first GRPO run made opd's teacher; "": opd is not there.

    """

    name: str
    teacher: str
    agents: tuple[str, ...]
    hints: str = "right"
    poison: float = 0.0
    canary: str = ""
    agent_kwargs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    trained: str = ""

    def options(self, shared: Mapping[str, Any], out: Path, rates: Mapping[str, Mapping[str, float]]) -> CompareOptions:
        """Return the options of the comparison.

        Args:
            shared: what all comparisons have in common.
            out: the folder of all.
            rates: learning rates by teacher and method.

        """
        env_kwargs = {**shared["env_kwargs"], **({} if self.hints == "right" else {"hints": self.hints})}
        found = {label: rate_of(rates, self.teacher, label, agent) for label, agent in labelled(self.agents)}
        own = {f"{label}.lr": rate for label, rate in found.items() if rate is not None}
        agent_kwargs = dict(self.agent_kwargs)
        if self.trained:
            first = f"seed{shared['seeds'][0]}"
            agent_kwargs["opd.teacher"] = f"external({out / self.trained / 'runs' / 'grpo' / first / 'model'})"
        varied = {
            "policy": TEACHERS[self.teacher],
            "agents": self.agents,
            "agent_kwargs": agent_kwargs,
            "agent_options": own,
            "env_kwargs": env_kwargs,
            "poison": self.poison,
            "canary": self.canary,
            "out": out / self.name,
        }
        return CompareOptions(**{**shared, **varied})


def rate_of(rates: Mapping[str, Mapping[str, float]], teacher: str, label: str, agent: str) -> float | None:
    """Return the learning rate of a label, or else of its method; None: the default.

    That of the lazy teacher stands for those between; a preset has that of its method.
    """
    table = rates.get(teacher, rates.get("lazy", {}))
    return table.get(label, table.get(agent.partition("/")[0]))


def specs_of(labels: Sequence[str]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return methods of `FAMILY` and labels of `OURS` as `--agents` and `--agent-kwargs` have them."""
    given = {label: OURS.get(label, (label, {})) for label in labels}
    agents = tuple(label if label == agent else f"{label}={agent}" for label, (agent, _) in given.items())
    return agents, {f"{label}.{name}": value for label, (_, kwargs) in given.items() for name, value in kwargs.items()}


def stored_rates() -> dict[str, dict[str, float]]:
    """Return the learning rates that were chosen."""
    return json.loads(RATES.read_text("utf-8")) if RATES.exists() else {}


def plan(parts: Sequence[str], agents: Sequence[str]) -> list[Comparison]:
    """Return the comparisons of some parts, restricted to some methods.

    Raises:
        ConfigurationError: a part or a method is unknown.

    """
    for part in parts:
        if part not in PARTS:
            raise ConfigurationError(one_of("part", part, PARTS))
    for agent in agents:
        if agent not in FAMILY:
            raise ConfigurationError(one_of("agent", agent, FAMILY))
    axis, controlled = (tuple(name for name in of if name in agents) for of in (AXIS, CONTROLLED))
    found = []
    if "table" in parts:
        found += [Comparison(teacher, teacher, tuple(agents)) for teacher in ("honest", "lazy")]
    if "axis" in parts:
        found += [Comparison(f"teacher {teacher}", teacher, axis) for teacher in ("3 %", "10 %")]
    if "controls" in parts:
        found += [
            Comparison(f"{teacher}, {hints} hints", teacher, controlled, hints)
            for teacher in ("honest", "lazy")
            for hints in ("wrong", "blank")
        ]
    if "poison" in parts:
        poisoned = tuple(name for name in POISONED if name in agents)
        found.append(Comparison("poisoned", "lazy", poisoned, poison=0.1, canary="zq7"))
    if "forms" in parts and {"table", "opsd", "grpo"} <= {*parts, *agents}:
        found.append(Comparison("forms", "lazy", FORMS, trained="lazy"))
    if "ours" in parts:
        for name, teacher, hints in (
            ("ours, honest", "honest", "right"),
            ("ours, lazy", "lazy", "right"),
            ("ours, lazy, wrong hints", "lazy", "wrong"),
        ):
            chosen = [label for label in OURS if hints == "right" or OURS[label][0] in TAUGHT]
            ours, kwargs = specs_of(chosen)
            found.append(Comparison(name, teacher, ours, hints, agent_kwargs=kwargs))
    return [one for one in found if one.agents]
