"""Runs as they lie in folders: of comparisons, of single trainings, of several machines, finished or not."""

from __future__ import annotations

import csv
import dataclasses
import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.evidence import FOLDER as EVIDENCE
from agents.evidence import TokenEvidence, read_evidence
from agents.runs.kept import METRICS, RESULT
from agents.runs.storage import CONFIG, RESULTS, read_json, read_toml
from agents.runs.versions import VERSIONS
from rlsd_env.errors import ConfigurationError

Table = list[dict[str, float]]
"""Rows of a file of numbers; what is absent from a row is not in it."""


@dataclass(frozen=True)
class Run:
    """One agent with one seed.

    Attributes:
        agent: its name in the report.
        seed: its seed.
        folder: where its files are.
        options: of its config.toml.

    """

    agent: str
    seed: int
    folder: Path
    options: Mapping[str, Any]

    @functools.cached_property
    def result(self) -> dict[str, Any] | None:
        """What result.json holds; None: the run has not ended."""
        path = self.folder / RESULT
        return read_json(path) if path.exists() else None

    @functools.cached_property
    def metrics(self) -> Table:
        """Rows of metrics.csv; none where the run has not come to its first checkpoint."""
        return read_table(self.folder / METRICS)

    @functools.cached_property
    def timing(self) -> Table:
        """Rows of timing.csv."""
        return read_table(self.folder / "timing.csv")

    @functools.cached_property
    def evaluations(self) -> Table:
        """Rows of evaluations.csv."""
        return read_table(self.folder / "evaluations.csv")

    @functools.cached_property
    def versions(self) -> dict[str, str]:
        """What the run was made with; empty: not recorded."""
        path = self.folder / VERSIONS
        return read_json(path) if path.exists() else {}

    @functools.cached_property
    def evidence(self) -> list[TokenEvidence]:
        """What was kept of tokens at the first step that has some, and at the last."""
        steps = sorted({int(path.stem.split("-")[1]) for path in (self.folder / EVIDENCE).glob("step-*.parquet")})
        return [one for step in sorted({*steps[:1], *steps[-1:]}) for one in read_evidence(self.folder, step)]


@dataclass(frozen=True)
class Found:
    """All runs that a report is of.

    Attributes:
        folders: those that were given.
        runs: in the order of the comparisons' agents, then seeds.
        untrained: records of the untrained model by seed.
        missing: agents and seeds that a comparison was to have and that have not even begun.
        comparisons: folders of comparisons among those given.

    """

    folders: tuple[Path, ...]
    runs: tuple[Run, ...]
    untrained: Mapping[int, Mapping[str, Any]]
    missing: tuple[tuple[str, int], ...]
    comparisons: tuple[Path, ...]

    @property
    def agents(self) -> list[str]:
        """Names of the agents, in order."""
        return list(dict.fromkeys(run.agent for run in self.runs))

    @property
    def unfinished(self) -> list[Run]:
        """Runs that have begun and not ended."""
        return [run for run in self.runs if run.result is None]

    def of(self, agent: str) -> list[Run]:
        """Return an agent's runs, by seed."""
        return [run for run in self.runs if run.agent == agent]


def read_table(path: Path) -> Table:
    """Read a CSV file of numbers; of none that is there nothing."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [{k: float(v) for k, v in row.items() if k and v} for row in csv.DictReader(file)]


def find_runs(folders: Sequence[Path]) -> Found:
    """Find all runs in folders of comparisons and trainings.

    The same run in two of them (copied from another machine, say) is there once. Two that differ but have the same
    agent and seed, as of two comparisons with other options, are told apart by their folders' names.

    Raises:
        ConfigurationError: a folder is not there or holds no run.

    """
    found: list[Run] = []
    untrained: dict[int, Mapping[str, Any]] = {}
    expected: list[tuple[str, int]] = []
    comparisons = []
    for folder in folders:
        of_comparison = _comparison(folder)
        runs = of_comparison if of_comparison is not None else _training(folder)
        if of_comparison is not None:
            comparisons.append(folder)
            for path in sorted(folder.glob("untrained/seed*.json")):
                record = read_json(path)
                untrained.setdefault(record["seed"], record)
            if not any(run.agent.count("@") for run in runs):  # a sweep's agents have names made of their values
                expected += _expected(folder)
        found += runs
    if not found and not comparisons:
        raise ConfigurationError(f"{', '.join(map(repr, map(str, folders)))}: no run there; give a run's --out")
    named = _apart(found)
    have = {(run.agent, run.seed) for run in named}
    order = list(dict.fromkeys([agent for agent, _ in expected] + [run.agent for run in named]))
    named.sort(key=lambda run: (order.index(run.agent), run.seed))
    missing = [one for one in dict.fromkeys(expected) if one not in have]
    return Found(tuple(folders), tuple(named), untrained, tuple(missing), tuple(comparisons))


def _comparison(folder: Path) -> list[Run] | None:
    """Return the runs of a comparison that have begun, None where the folder is of none."""
    if not folder.is_dir():
        raise ConfigurationError(f"run {str(folder)!r} is not there; give the --out of a training or a comparison")
    config = folder / CONFIG
    if not (folder / "runs").is_dir() and "agents" not in (read_toml(config) if config.exists() else {}):
        return None
    begun = sorted(path.parent for path in folder.glob(f"runs/*/seed*/{CONFIG}"))
    return [_run(path, path.parent.name) for path in begun]


def _training(folder: Path) -> list[Run]:
    """Return the one run of a training, or those in the folders below."""
    if (folder / CONFIG).exists():
        return [_run(folder, "")]
    below = sorted(path.parent for path in folder.glob(f"*/{CONFIG}"))
    if not below:
        raise ConfigurationError(f"run {str(folder)!r} holds no run; give the --out of a training or a comparison")
    return [run for path in below for run in (_comparison(path) or [_run(path, "")])]


def _run(folder: Path, agent: str) -> Run:
    options = read_toml(folder / CONFIG)
    if "samples" in options and "agent" not in options:
        raise ConfigurationError(
            f"{str(folder)!r} is an evaluation, whose tables are in its {RESULTS}; give the --out of a training or a "
            "comparison"
        )
    return Run(
        agent or options.get("label") or options.get("agent", folder.name), options.get("seed", 0), folder, options
    )


def _expected(folder: Path) -> list[tuple[str, int]]:
    """Return the agents and seeds that a comparison was to have."""
    config = folder / CONFIG
    if not config.exists():
        return []
    options = read_toml(config)
    if options.get("sweep"):
        return []
    labels = [name.partition("=")[0] for name in options.get("agents", [])]
    return [(label, seed) for label in labels for seed in options.get("seeds", [])]


def _apart(runs: Iterable[Run]) -> list[Run]:
    """Give runs that have an agent and a seed in common, and are not the same, names that tell them apart."""
    by_key: dict[tuple[str, int], list[Run]] = {}
    for run in runs:
        alike = by_key.setdefault((run.agent, run.seed), [])
        known = next((i for i, other in enumerate(alike) if _same(run, other)), None)
        if known is None:
            alike.append(run)
        elif _progress(run) > _progress(alike[known]):
            alike[known] = run
    twice = {agent for (agent, _), alike in by_key.items() if len(alike) > 1}
    named = []
    for alike in by_key.values():
        for run in alike:
            name = f"{run.agent} ({_of(run)})" if run.agent in twice else run.agent
            named.append(dataclasses.replace(run, agent=name))
    return named


def _of(run: Run) -> str:
    """Name the folder of a run's comparison, or its own."""
    parents = run.folder.resolve().parents
    inside = len(parents) > 2 and parents[1].name == "runs"
    return parents[2].name if inside else run.folder.resolve().name


def _same(one: Run, other: Run) -> bool:
    """Tell whether two folders hold the same run: equal options, and metrics as far as both go."""
    rows = min(len(one.metrics), len(other.metrics))
    return one.options == other.options and one.metrics[:rows] == other.metrics[:rows]


def _progress(run: Run) -> tuple[bool, int]:
    """Say how far a run has come, as something to compare by."""
    return run.result is not None, len(run.metrics)


def mean(values: Iterable[float]) -> float:
    """Average what is known; NaN of nothing."""
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan
