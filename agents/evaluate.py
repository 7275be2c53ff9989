"""Evaluate a policy on environments: accuracies by official and strict rules, with intervals."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents import command_line

if TYPE_CHECKING:
    from agents.evaluation.asking import Subject
    from agents.evaluation.responses import Store
    from agents.options.commands import EvaluateOptions
    from rlsd_env import GroupEnv

PROG = "python -m agents.evaluate"
WIDTH = 150
"""Columns of the tables where the output is no terminal."""


def run(options: EvaluateOptions) -> dict[str, Any]:
    """Evaluate, print tables and return what results.json holds.

    Raises:
        ConfigurationError: an option is unusable, or what is stored is of other options or data.

    """
    from agents.foresight import foresee_evaluation

    envs = foresee_evaluation(options)
    from agents.options.model import check_packages
    from agents.report.evaluations import evaluation_results
    from agents.runs.kept import nothing_to_resume
    from agents.runs.storage import RESULTS, claimed, write_json

    check_packages(options)
    if options.resume and options.out is not None and (told := nothing_to_resume(options.out)):
        print(told, file=sys.stderr)
    claim = contextlib.nullcontext() if options.out is None else claimed(options.out, options, options.resume)
    with claim:
        found, asked = _evaluated(options, envs)
        results = evaluation_results(found, options)
        if options.out is not None:
            write_json(options.out / RESULTS, results)
    _print(options, found, asked)
    if options.out is not None:
        print(f"results and responses: {options.out}")
    return results


def _evaluated(
    options: EvaluateOptions, envs: Mapping[str, GroupEnv]
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Ask what is not kept yet, have it judged, and return results and what a judge was asked, by label."""
    from agents.evaluation.asking import ask
    from agents.evaluation.benchmarks import benchmark_of
    from agents.evaluation.grading import make_judge, own_mode
    from agents.evaluation.judging import CACHE, judge_rows
    from agents.evaluation.units import counted_units
    from agents.pictures import check_pictures
    from agents.report.evaluations import environment_results
    from agents.setup import prepare

    subjects = [_subject(options, label, spec, envs[label]) for label, spec in options.specs()]
    folders = {subject.label: options.folder(subject.label) for subject in subjects}
    stores = {subject.label: _store(envs[subject.label], folders[subject.label]) for subject in subjects}
    left = [subject for subject in subjects if stores[subject.label].done < len(subject.tasks)]
    if left:
        seen_by = options.policy if options.pictures == "stop" else None
        for one in left:
            name = one.env if one.env == one.label else f"{one.env} ({one.label})"
            check_pictures(seen_by, {name: envs[one.label]}, one.env, options.kwargs_of(one.label))
        print(f"loading {options.policy} ..", file=sys.stderr)
        with prepare(options) as actor:
            for subject in left:
                ask(actor, subject, options, stores[subject.label])
    asked = {}
    if options.judge:
        cache = None if options.out is None else options.out / CACHE
        judge = make_judge(options.judge, options.judge_url, options.judge_kwargs, cache)
        for label, store in stores.items():
            asked[label] = judge_rows(judge, envs[label], store.rows, folders[label], options.judge_audit)
    found = {}
    for subject in subjects:
        env, store = envs[subject.label], stores[subject.label]
        ids = [row["task_id"] for row in store.rows if row["greedy"]]
        counted = counted_units(env, subject.tasks, ids, benchmark_of(subject.env))
        own = own_mode(env)
        found[subject.label] = environment_results(subject.env, env, own, store, options.samples, counted)
        if subject.label in asked:
            told = asked[subject.label].record(options.judge_prices)
            found[subject.label]["judge"] = {"judge": judge.version, **told}
    return found, asked


def _subject(options: EvaluateOptions, label: str, spec: str, env: GroupEnv) -> Subject:
    from agents.evaluation.asking import Subject
    from agents.evaluation.grading import in_modes
    from agents.evaluation.units import chosen

    kwargs = {**options.kwargs_of(label), "fold": options.fold}
    return Subject(label, spec, kwargs, chosen(env, options.limit), env.verifier_id, in_modes(env))


def _store(env: GroupEnv, folder: Path | None) -> Store:
    from agents.evaluation.responses import Store

    source = getattr(getattr(env, "desk", None), "source", None)
    return Store(folder, env.verifier_id, getattr(source, "revision", None))


def _print(options: EvaluateOptions, found: Mapping[str, dict[str, Any]], asked: Mapping[str, Any]) -> None:
    from agents.evaluation.table import details, published_table, remarks, score_table
    from agents.terminal import counted, terminal

    console = terminal(WIDTH)
    tasks = counted(sum(one["tasks"] for one in found.values()), "task")
    on = options.env if len(found) == 1 else counted(len(found), "environment")
    console.print(score_table(f"{options.policy} on {tasks} of {on}, fold {options.fold}", found))
    for line in remarks(found, asked, options.judge):
        print(line)
    if len(found) == 1:
        details(console, *found.values())
    table = published_table(found, always=bool(options.suite))
    if table is not None:
        console.print(table)


def main(argv: Sequence[str]) -> None:
    """Read the arguments and evaluate."""
    from agents.evaluation.benchmarks import of_suite
    from agents.options.commands import EvaluateOptions

    options = command_line.parse(EvaluateOptions, argv, PROG, __doc__ or "", of_suite, "suite")
    with command_line.resumable(options.out, PROG, argv) if options.out is not None else contextlib.nullcontext():
        run(options)


def entry() -> None:
    """Console script."""
    command_line.main(main)


if __name__ == "__main__":
    entry()
