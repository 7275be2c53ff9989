"""Evaluate a policy on an environment: sampled and greedy accuracy with intervals over tasks."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agents import command_line

if TYPE_CHECKING:
    from agents.options.commands import EvaluateOptions
    from agents.rollouts.evaluation import Evaluation

RESPONSES = "responses.jsonl"


def run(options: EvaluateOptions) -> dict[str, float]:
    """Evaluate, print a table and return the accuracies and metrics.

    Raises:
        ConfigurationError: an option is unusable; nothing has been written then.

    """
    from agents.foresight import foresee_evaluation

    env = foresee_evaluation(options)
    from rich.table import Table

    from agents.options.model import check_packages
    from agents.policy.base import Sampling
    from agents.report.failures import failures, partial_reward
    from agents.report.results import evaluation_results
    from agents.report.statistics import accuracy_interval
    from agents.rollouts.evaluation import evaluate
    from agents.runs.storage import RESULTS, claimed, write_json
    from agents.setup import prepare
    from agents.terminal import counted, terminal

    check_packages(options)
    env_kwargs = {**options.env_kwargs, "fold": options.fold}
    tasks = [int(env.task_indices[k]) for k in range(min(options.limit, len(env.task_indices)))]
    print(f"loading {options.policy} ..", file=sys.stderr)
    sampling = Sampling(options.temperature, options.max_tokens)
    with prepare(options) as actor:
        evaluation = evaluate(actor, options.env, env_kwargs, tasks, options.samples, sampling, options.seed)
    console = terminal()
    on = f"{counted(len(tasks), 'task')} of {options.env}, fold {options.fold}"
    table = Table(title=f"{options.policy} on {on}", title_justify="left")
    table.add_column("measure")
    table.add_column("value", justify="right")
    results: dict[str, float] = {}
    for kind, values in (("sampled", evaluation.sampled_K), ("greedy", evaluation.greedy_K)):
        interval = accuracy_interval(values)
        results[f"{kind}_accuracy"] = interval.mean
        table.add_row(f"{kind} accuracy", f"{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]")
    for name, value in sorted(evaluation.metrics.items()):
        if name == "accuracy" or (name == "reward" and partial_reward(evaluation.metrics) is None):
            continue
        results[name] = value
        table.add_row(name.replace("_", " "), f"{value:.3f}")
    console.print(table)
    if told := failures("the sampled responses", evaluation.metrics, evaluation.metrics.get("accuracy")):
        print(told)
    verdicts = [episode.verdict for batch in evaluation.greedy for _, _, episode in batch]
    numbers = env.benchmark_numbers(tasks, verdicts)
    if numbers:
        console.print(f"The benchmark's own numbers, greedy, scored by {env.verifier_id}:")
        own = Table()
        own.add_column("measure")
        own.add_column("value", justify="right")
        for name, value in numbers.items():
            results[f"benchmark/{name}"] = value
            counts = name in ("count", "failed", "groups") or name.endswith("_count")
            own.add_row(name, f"{value:.0f}" if counts else f"{value:.3f}")
        console.print(own)
        if len(tasks) < env.task_count:
            print(f"{len(tasks)} of {env.task_count} tasks: not the benchmark's number; for it, --fold all --limit N")
    if options.out is not None:
        with claimed(options.out, options, resume=None):
            _write_responses(options.out / RESPONSES, evaluation, options, env.verifier_id)
            write_json(options.out / RESULTS, evaluation_results(evaluation, options, env.verifier_id, numbers))
        print(f"results and responses: {options.out}")
    return results


def _write_responses(path: Path, evaluation: Evaluation, options: EvaluateOptions, verifier: str) -> None:
    from agents.messages import transcript

    with path.open("w", encoding="utf-8") as file:
        played = [(False, batch) for batch in evaluation.sampled] + [(True, batch) for batch in evaluation.greedy]
        for greedy, batch in played:
            for group, number, episode in batch:
                row = {
                    "env": options.env,
                    "task_id": group.item.task.id,
                    "greedy": greedy,
                    "sample": number,
                    "seed": options.seed,
                    "policy": options.policy,
                    "verifier": verifier,
                    "response": episode.response,
                    "extracted": episode.verdict.extracted,
                    "status": str(episode.verdict.status),
                    "correct": episode.verdict.correct,
                    "reward": float(episode.reward),
                }
                if len(episode.turns) > 1:
                    row["transcript"] = transcript(episode)
                file.write(json.dumps(row, ensure_ascii=False) + "\n")


def main(argv: Sequence[str]) -> None:
    """Read the arguments and evaluate."""
    from agents.options.commands import EvaluateOptions

    run(command_line.parse(EvaluateOptions, argv, "python -m agents.evaluate", __doc__ or ""))


def entry() -> None:
    """Console script."""
    command_line.main(main)


if __name__ == "__main__":
    entry()
