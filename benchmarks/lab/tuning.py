"""Choose every method's learning rate on the tuning fold, by teacher: `python -m benchmarks.lab.tuning --out FOLDER`.

The rate of the highest mean accuracy after the last step is written to benchmarks/lab/rates.json, which
`python -m benchmarks.lab` reads. A rate is left out at which more than one run in twenty ends below the untrained
model. Two seeds of one method cannot tell a rate that fails now and then, so that this is counted over all methods that
follow the reward, and over all that only imitate their teacher, and with the honest teacher, which gives no reason to
fall. Neither the tasks nor the seeds are those that are reported.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from agents import command_line
from agents.options.types import Names, Numbers
from benchmarks.lab.plan import FAMILY, OURS, RATES, TEACHERS, specs_of, stored_rates
from rlsd_env.errors import ConfigurationError

IMITATING = ("opsd", "sdpo", "demopsd")
"""Methods whose loss is their distance from a teacher, whatever the reward."""
HONEST = "honest"
MOST_FALLEN = 0.05


@dataclasses.dataclass(frozen=True)
class TuningOptions:
    """Options of `python -m benchmarks.lab.tuning`."""

    out: Path = Path("runs/lab-tuning")
    """Folder for the runs; must be new unless --resume."""
    teachers: Names = ("honest", "lazy")
    """For which base models."""
    agents: Names = tuple(dict.fromkeys((*FAMILY, *OURS)))
    """For which methods, those of the part ours by label; the rates of others stay as they are."""
    rates: Names = ("5e-4", "1e-3", "2e-3")
    """What is tried."""
    seeds: Numbers = (100, 101)
    """Seeds, not among those that are reported."""
    steps: int = 40
    """Training steps."""
    jobs: int = 0
    """Runs at the same time; 0: as many as there are cores."""
    resume: bool = False
    """Continue what --out holds."""
    config: Path | None = None
    """TOML file with any of these options."""


def run(options: TuningOptions) -> None:
    """Sweep, choose and write.

    Raises:
        ConfigurationError: the honest teacher is not the first.

    """
    from agents import compare
    from agents.options.commands import CompareOptions
    from agents.runs.storage import write_json
    from benchmarks.lab.__main__ import SHARED

    if options.teachers[0] != HONEST:
        raise ConfigurationError(f"teachers begin with {options.teachers[0]!r}; {HONEST} must be the first")
    risky: set[Kind] = set()
    for teacher in options.teachers:
        out = options.out / teacher
        own = {name: getattr(options, name) for name in ("seeds", "steps", "jobs")}
        agents, agent_kwargs = specs_of(options.agents)
        resume = options.resume and out.exists()
        policy, sweep = TEACHERS[teacher], {"lr": [float(rate) for rate in options.rates]}
        sweeping = CompareOptions(
            **{**SHARED, **own},
            agents=agents,
            agent_kwargs=agent_kwargs,
            policy=policy,
            sweep=sweep,
            eval_fold="tuning",
            out=out,
            resume=resume,
        )
        results = compare.run(sweeping)
        rates = stored_rates()
        if teacher == HONEST:
            risky = risks(results)
        rates[teacher] = {**rates.get(teacher, {}), **chosen(results, risky)}
        write_json(RATES, rates)


Kind = tuple[bool, float]
"""Whether methods only imitate their teacher, and a rate."""


def risks(results: Mapping[str, Any]) -> set[Kind]:
    """Return the rates at which more than `MOST_FALLEN` of the runs of a kind end below the untrained model.

    Args:
        results: of the sweep with the honest teacher, as results.json has them.

    """
    untrained = results["untrained"]["sampled_accuracy"]["mean"]
    fallen: dict[Kind, list[bool]] = {}
    for name, found in results["agents"].items():
        runs = fallen.setdefault(_kind(name, found), [])
        runs.extend(run["sampled_accuracy"] < untrained for run in found["runs"])
    return {kind for kind, runs in fallen.items() if sum(runs) > MOST_FALLEN * len(runs)}


def chosen(results: Mapping[str, Any], risky: Collection[Kind]) -> dict[str, float]:
    """Choose each method's rate: the highest mean accuracy, of those that are not risky."""
    best: dict[str, tuple[float, float]] = {}
    for name, found in results["agents"].items():
        agent, rate = name.partition("@")[0], found["swept"]["lr"]
        if _kind(name, found) not in risky:
            best[agent] = max(best.get(agent, (-1.0, 0.0)), (found["sampled_accuracy"]["mean"], rate))
    return {agent: rate for agent, (_, rate) in best.items()}


def _kind(name: str, found: Mapping[str, Any]) -> Kind:
    return name.partition("@")[0] in IMITATING, found["swept"]["lr"]


def main(argv: Sequence[str]) -> None:
    """Read the arguments and tune."""
    prog = "python -m benchmarks.lab.tuning"
    options = command_line.parse(TuningOptions, argv, prog, __doc__ or "")
    with command_line.resumable(options.out, prog, argv):
        run(options)


if __name__ == "__main__":
    command_line.main(main)
