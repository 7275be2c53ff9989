"""Train one agent on an environment and evaluate it on held-out tasks.

On several GPUs or nodes: torchrun --nproc-per-node GPUS -m agents.train ... --shard
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agents import command_line

if TYPE_CHECKING:
    from agents.options.commands import TrainOptions


def main(argv: Sequence[str]) -> None:
    """Read the arguments and train."""
    from agents.options.commands import TrainOptions

    options = command_line.parse(TrainOptions, argv, "python -m agents.train", __doc__ or "", _of_agent)
    if options.dry_run:
        from agents.estimate.table import print_estimate

        print_estimate(options)
        return
    with command_line.resumable(options.out, "python -m agents.train", argv):
        run(options)


def run(options: TrainOptions) -> dict[str, Any]:
    """Train, print how it went, and return what result.json holds.

    Raises:
        ConfigurationError: an option is unusable; nothing has been written then.

    """
    from agents.foresight import foresee_training

    foresee_training(options, [(options.agent, options.agent_kwargs)])
    from agents.methods import make_method

    # ranges of hyperparameters, before transformers is imported
    make_method(options.agent, options.agent_kwargs)
    from agents.experiment import train
    from agents.runs.display import display
    from agents.runs.kept import RESULT, nothing_to_resume, steps_done
    from agents.runs.progress import run_name
    from agents.setup import check

    check([options])
    ended = (options.out / RESULT).exists()
    if options.resume and not ended and command_line.prints():
        done = steps_done(options.out)
        goes_on = f"{options.out}: goes on after step {done} of {options.steps}"
        print(goes_on if done else nothing_to_resume(options.out), file=sys.stderr)
    with display(log=options.log, quiet=not command_line.prints()) as board:
        result = train(options, board)
        board.done(run_name(result["agent"], result["seed"]))
    if command_line.prints():
        _print(options, result)
    return result


def _print(options: TrainOptions, result: Mapping[str, Any]) -> None:
    """Print accuracies and where things are, and draw the curves where there is something to draw with."""
    from agents.report.failures import failures, odd_pictures, other_sampler, partial_reward
    from agents.rollouts.environments import what_tells
    from agents.runs.records import accuracies

    tasks = "held-out tasks" if options.eval_fold == "heldout" else f"tasks of fold {options.eval_fold}"
    evaluations = {"": result["evaluation"]}
    if "best" in result:
        evaluations[f", weights of step {result['best']['step']} (best on fold tuning)"] = result["best"]["evaluation"]
    for weights, evaluation in evaluations.items():
        for kind in ("sampled", "greedy"):
            accuracy = accuracies({"evaluation": evaluation}).get(f"{kind}_accuracy")
            told = "no response was judged" if accuracy is None else f"{accuracy:.3f}"
            print(f"{kind} accuracy on {len(evaluation[kind])} {tasks}{weights}: {told}")
    sampled = evaluations[""]["metrics"]
    if (reward := partial_reward(sampled)) is not None:
        print(f"reward of the sampled responses to {tasks}, partial rewards included: {reward:.3f}")
    for told in (
        failures(f"the sampled responses to {tasks}", sampled, sampled.get("accuracy")),
        failures("the training attempts", result["training"]),
        odd_pictures(f"the sampled responses to {tasks}", sampled),
        odd_pictures("the training attempts", result["training"]),
        other_sampler("the training attempts", result["training"]),
    ):
        if told:
            print(told)
    if result["training"].get("active_share") == 0:
        print(
            "warning: nothing was learned: in no step did a group's attempts differ in reward; "
            f"{what_tells(options.env, options.env_kwargs, str(options.out))}"
        )
    kept = ["metrics"]
    if all(map(importlib.util.find_spec, ("matplotlib", "jinja2"))):  # of the extra "report"; a training does without
        from agents.report.__main__ import ReportOptions
        from agents.report.__main__ import run as report

        report(ReportOptions((options.out,)))
        kept.append("report.html")
    kept += [] if options.keep == "figures" else ["model"]
    print(f"{', '.join(kept)}: {options.out}")


def _of_agent(agent: str) -> Mapping[str, Any]:
    """Return the learner's options of a preset."""
    from agents.names import check_agent

    check_agent(agent)
    if "/" not in agent or ":" in agent:
        return {}
    from agents.methods import learner_options

    return learner_options(agent)


def entry() -> None:
    """Console script."""
    command_line.main(main)


if __name__ == "__main__":
    entry()
