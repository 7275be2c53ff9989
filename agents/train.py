"""Train one agent on an environment and evaluate it on held-out tasks.

On several GPUs or nodes: torchrun --nproc-per-node GPUS -m agents.train ... --shard
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from agents import command_line


def main(argv: Sequence[str]) -> None:
    """Read the arguments and train."""
    from agents.options.commands import TrainOptions

    options = command_line.parse(TrainOptions, argv, "python -m agents.train", __doc__ or "", _of_agent)
    if options.dry_run:
        from agents.estimate.table import print_estimate

        print_estimate(options)
        return
    from agents.foresight import foresee_training

    foresee_training(options, [(options.agent, options.agent_kwargs)])
    from agents.methods import make_method

    make_method(options.agent, options.agent_kwargs)
    from agents.experiment import train
    from agents.runs.progress import Bar
    from agents.setup import check

    check([options])
    bar = Bar(options.steps, quiet=not command_line.prints())
    try:
        result = train(options, bar)
    finally:
        bar.close()
    if not command_line.prints():
        return
    tasks = "held-out tasks" if options.eval_fold == "heldout" else f"tasks of fold {options.eval_fold}"
    evaluations = {"": result["evaluation"]}
    if "best" in result:
        evaluations[f", weights of step {result['best']['step']} (best on fold tuning)"] = result["best"]["evaluation"]
    for weights, evaluation in evaluations.items():
        for kind in ("sampled", "greedy"):
            values = np.array([np.nan if value is None else value for value in evaluation[kind]])
            print(f"{kind} accuracy on {len(values)} {tasks}{weights}: {np.nanmean(values):.3f}")
    if result["training"].get("active_share") == 0:
        print("warning: nothing was learned: in no step did a group's attempts differ in reward")
    print(f"metrics, checkpoint and model: {options.out}")


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
