"""Train the family of methods in the laboratory and show what they do: `python -m benchmarks.lab --out FOLDER`.

Every method is trained on chains of arithmetic (rlsd/Chain-v0) from base models whose informed selves are honest
(they never cite what they are shown) or lazy (they cite it 30 % of the time instead of reasoning), each with the
learning rate that `python -m benchmarks.lab.tuning` chose for it on the tuning fold, where it has, else with 1e-3.
docs/laboratory.md says what is measured.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agents import command_line
from agents.options.cluster import ClusterOptions
from agents.options.types import Names, Numbers
from benchmarks.lab.plan import DEFAULT, FAMILY, TEACHERS, plan, stored_rates

SHARED: dict[str, Any] = {
    "env": "rlsd/Chain-v0",
    "env_kwargs": {"difficulty": 2},
    "prompts_per_step": 16,
    "group_size": 8,
    "max_tokens": 40,
    "lr": 1e-3,
    "eval_tasks": 256,
    "eval_samples": 4,
    "checkpoint_every": 1000,
}
"""What all comparisons have in common; a learning rate that was chosen for a method takes the place of `lr`."""


CREDITED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "honest": ("honest", "rlsd/Chain-v0", {}),
    "lazy": ("lazy", "rlsd/Chain-v0", {}),
    "lazy, pictures": ("lazy", "rlsd/PictureChain-v0", {"cell": 16}),
}
"""On what credit is measured: the teacher, the environment and what its arguments are beside those of all."""


@dataclasses.dataclass(frozen=True)
class LabOptions(ClusterOptions):
    """Options of `python -m benchmarks.lab`."""

    out: Path = Path("runs/lab")
    """Folder for all runs, lab.json and the pictures; must be new unless --resume."""
    parts: Names = DEFAULT
    """table: all methods with the honest and the lazy teacher. axis: some of them with the teachers between. credit:
    how well each method's credit finds wrong steps. Beside these: controls: wrong and blank hints. poison: wrong hints
    and a canary in a tenth of the tasks. forms: OPSD on single tokens, and OPD from what GRPO trained. ours: does
    credit that finds wrong steps make learning faster? With an oracle, surprise and a critic, whatever --agents
    says."""
    agents: Names = FAMILY
    """Methods to train."""
    seeds: Numbers = (0, 1, 2, 3)
    """Seeds; every method is trained once with each."""
    credit_tasks: int = 256
    """Held-out tasks that credit is measured on, eight attempts at each."""
    steps: int = 32
    """Training steps of 16 x 8 rollouts."""
    jobs: int = 0
    """Runs at the same time; 0: as many as there are cores."""
    resume: bool = False
    """Continue what --out holds."""
    config: Path | None = None
    """TOML file with any of these options."""


def run(options: LabOptions) -> None:
    """Run every comparison of the plan, then summarise them all."""
    from agents import compare
    from agents.runs.storage import write_json
    from agents.terminal import terminal
    from benchmarks.lab.show import draw, print_comparison
    from benchmarks.lab.summary import of_comparison

    own = {field.name: getattr(options, field.name) for field in dataclasses.fields(ClusterOptions)}
    own |= {name: getattr(options, name) for name in ("seeds", "steps", "jobs", "resume")}
    comparisons = plan(options.parts, options.agents)
    rates = stored_rates()
    found = {}
    for one in comparisons:
        chosen = one.options({**SHARED, **own}, options.out, rates)
        if options.resume and not chosen.out.exists():
            chosen = dataclasses.replace(chosen, resume=False)
        compare.run(chosen)
        found[one.name] = of_comparison(chosen.out)
    console = terminal(width=160)
    for name, comparison in found.items():
        print_comparison(name, comparison, console)
        draw(name, comparison, options.out / f"{file_name(name)}.png")
    credit = {f"credit, {name}": _credit(name, options) for name in CREDITED if "credit" in options.parts}
    write_json(options.out / "lab.json", found | credit)
    print(f"results and curves: {options.out}")


def _credit(name: str, options: LabOptions) -> dict[str, Any]:
    """Measure credit precision, or read it where it is there."""
    from agents.lab import precision
    from agents.lab.options import PrecisionOptions

    path = options.out / f"credit_{file_name(name)}.json"
    if options.resume and path.exists():
        return json.loads(path.read_text("utf-8"))
    teacher, env, env_kwargs = CREDITED[name]
    env_kwargs = SHARED["env_kwargs"] | env_kwargs
    return precision.run(PrecisionOptions(TEACHERS[teacher], env, env_kwargs, tasks=options.credit_tasks, out=path))


def file_name(name: str) -> str:
    """Return the name of a comparison as files have it."""
    return name.replace(", ", "_").replace(" ", "_").replace("%", "percent")


def main(argv: Sequence[str]) -> None:
    """Read the arguments and run."""
    options = command_line.parse(LabOptions, argv, "python -m benchmarks.lab", __doc__ or "")
    with command_line.resumable(options.out, "python -m benchmarks.lab", argv):
        run(options)


if __name__ == "__main__":
    command_line.main(main)
