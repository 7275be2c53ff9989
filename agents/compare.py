"""Train several agents under equal budgets and compare them.

Every language agent gets the same number of rollouts, the same sampling and the same held-out tasks; unless it has
options for itself, also the same tasks in the same order and as many updates. The untrained model is evaluated beside
them. A baseline such as ppo has the held-out tasks in common with them and a budget of its own. With --sweep each
combination of values is an agent. Interrupted runs continue with --resume as if they had never stopped.

Without --env, --env-kwargs, --policy and --config it is the laboratory's comparison (agents/lab/compare.toml): pictured
chains of arithmetic from a base model whose informed self cites its hint 30 % of the time. The defaults below hold
where one of these is given.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents import command_line
from agents.runs.kept import RESULT, steps_done
from agents.runs.progress import run_name
from agents.terminal import counted
from agents.trials import server
from agents.trials.local import LocalPool, Pool
from agents.trials.trial import train_trial, untrained_trial
from rlsd_env.errors import ConfigurationError
from rlsd_env.extras import require

if TYPE_CHECKING:
    from agents.entrants import Entrant
    from agents.options.commands import CompareOptions


LABORATORY = Path(__file__).parent / "lab" / "compare.toml"
CHOOSING = {"--env", "--env-kwargs", "--policy", "--config"}
"""Options that say what is compared on."""


def run(options: CompareOptions) -> dict[str, Any]:
    """Run the whole comparison and return what results.json holds.

    Raises:
        ConfigurationError: an option is unusable; nothing has been written then.

    """
    require("a comparison's report", "report", "matplotlib", "jinja2")
    from agents.foresight import foresee_training
    from agents.runs.finished import finished
    from agents.runs.kept import nothing_to_resume

    foresee_training(options, [(spec, options.kwargs_of(label)) for label, spec in options.specs()])
    if options.resume and (stored := finished(options)) is not None:
        _show(stored, options)
        return stored
    if options.resume and (told := nothing_to_resume(options.out)):
        print(told, file=sys.stderr)
    if options.cluster == "local":
        server.start(options.device)
    from agents.entrants import resolve

    options, entrants = resolve(options)
    from agents.report.__main__ import ReportOptions
    from agents.report.__main__ import run as report
    from agents.report.budget import budget_lines
    from agents.report.results import summarise
    from agents.runs.display import display
    from agents.runs.links import link_equal
    from agents.runs.storage import RESULTS, claimed, write_json
    from agents.setup import check

    here = options
    if options.cluster != "local" and options.device == "cuda":  # the nodes may have the GPU that is not here
        here = dataclasses.replace(options, device="auto")
    check([entrant.train_options(here, here.seeds[0], here.out) for entrant in entrants])
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(_pool(options))
        options = dataclasses.replace(options, device=pool.device)
        stack.enter_context(claimed(options.out, options, options.resume))
        print("\n".join(budget_lines(options, entrants)), flush=True)
        if options.cluster == "local":
            at_once = min(options.parallel_jobs(pool.device), len(options.seeds) * len(entrants))
            print(f"  at the same time: {counted(at_once, 'run')} (--jobs)", flush=True)
        started = time.monotonic()
        tasks: dict[str, Any] = {}
        runs: dict[str, tuple[int, int]] = {}
        if any(entrant.language_model for entrant in entrants):
            for seed in options.seeds:
                path = options.out / "untrained" / f"seed{seed}.json"
                name = run_name("untrained", seed)
                tasks[name] = (untrained_trial, (options, seed, path))
                runs[name] = (0, 0)
        for seed in options.seeds:
            for entrant in entrants:
                folder = options.out / "runs" / entrant.name / f"seed{seed}"
                one = dataclasses.replace(entrant.train_options(options, seed, folder), resume=True)
                name = run_name(entrant.name, seed)
                tasks[name] = (train_trial, (one,))
                runs[name] = (entrant.steps, _steps_done(folder, entrant))
        with display(runs, options.log) as board:
            outcome = pool.run_all(tasks, board)
        results = summarise(outcome.results.values(), options, entrants)
        results["timing"]["seconds_total"] = round(time.monotonic() - started, 1)
        results["timing"]["lost_workers"] = outcome.lost
        write_json(options.out / RESULTS, results)
        report(ReportOptions((options.out,)))
        models = (path for path in options.out.glob("runs/*/*/*/*") if path.parent.name in ("model", "best"))
        link_equal(path for path in models if path.suffix != ".safetensors")
        _show(results, options)
        return results


def _show(results: dict[str, Any], options: CompareOptions) -> None:
    """Print the results as tables."""
    from agents.report.sweep import print_sweep
    from agents.report.table import print_table
    from agents.runs.kept import PAGE

    (print_sweep if options.sweep else print_table)(results)
    print(f"\nresults, metrics, figures and models: {options.out}")
    print(f"to look at next: {options.out / PAGE}")
    if next(options.out.glob("runs/*/*/samples"), None) is not None:
        print(f"                 python -m agents.samples {options.out} --wrong")
    print("                 docs/results.md, what each number and file is")


def _pool(options: CompareOptions) -> contextlib.AbstractContextManager[Pool]:
    """Return what runs the trials, with the device that they run on."""
    from agents.policy.loading import find_policy

    if options.cluster != "local":
        from agents.trials.ray import connected

        return connected(options)
    device = find_policy(options.policy, options.device)[1]
    return contextlib.nullcontext(LocalPool(options.parallel_jobs(device), options.retries, device))


def _steps_done(folder: Path, entrant: Entrant) -> int:
    """Count the steps that a resumed run need not do again; an interrupted baseline does all."""
    if (folder / RESULT).exists():
        return entrant.steps
    return steps_done(folder) if entrant.language_model else 0


def with_laboratory(argv: Sequence[str]) -> Sequence[str]:
    """Take the laboratory's comparison where no argument says what to compare on.

    >>> with_laboratory(["--env", "rlsd/Clock-v0"])
    ['--env', 'rlsd/Clock-v0']
    """
    flags = {word.partition("=")[0].replace("_", "-") for word in argv}
    return argv if flags & CHOOSING else ["--config", str(LABORATORY), *argv]


def main(argv: Sequence[str]) -> None:
    """Read the arguments and compare."""
    from agents.options.commands import CompareOptions

    options = command_line.parse(CompareOptions, with_laboratory(argv), "python -m agents.compare", __doc__ or "")
    if options.dry_run:
        from agents.estimate.table import print_comparison

        print_comparison(options)
        return
    if "RANK" in os.environ:
        raise ConfigurationError(
            "a comparison starts its own processes and was started by torchrun; use agents.train with torchrun"
        )
    with command_line.resumable(options.out, "python -m agents.compare", argv):
        run(options)


def entry() -> None:
    """Console script."""
    command_line.main(main)


if __name__ == "__main__":
    entry()
