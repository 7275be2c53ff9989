"""Choose every method's learning rate on the tuning fold, by teacher: `python -m benchmarks.lab.tuning --out FOLDER`.

The rate of the highest mean accuracy after the last step is written to benchmarks/lab/rates.json, which
`python -m benchmarks.lab` reads. Neither the tasks nor the seeds are those that are reported.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from agents import command_line
from agents.options.types import Names, Numbers
from benchmarks.lab.plan import FAMILY, OURS, RATES, TEACHERS, specs_of, stored_rates


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
    """Sweep, choose and write."""
    from agents import compare
    from agents.options.commands import CompareOptions
    from agents.runs.storage import write_json
    from benchmarks.lab.__main__ import SHARED

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
        best: dict[str, tuple[float, float]] = {}
        for name, found in results["agents"].items():
            agent, accuracy = name.partition("@")[0], found["sampled_accuracy"]["mean"]
            best[agent] = max(best.get(agent, (-1.0, 0.0)), (accuracy, found["swept"]["lr"]))
        rates = stored_rates()
        rates[teacher] = {**rates.get(teacher, {}), **{agent: rate for agent, (_, rate) in best.items()}}
        write_json(RATES, rates)


def main(argv: Sequence[str]) -> None:
    """Read the arguments and tune."""
    prog = "python -m benchmarks.lab.tuning"
    options = command_line.parse(TuningOptions, argv, prog, __doc__ or "")
    with command_line.resumable(options.out, prog, argv):
        run(options)


if __name__ == "__main__":
    command_line.main(main)
