"""EasyR1: a parquet file and `compute_score`, for both of its reward types.

A file for worker.reward.reward_function=FILE:compute_score has one line:

    from rlsd_env.adapters.easyr1 import compute_score

EasyR1 takes numbers only, and a NaN would become every advantage of the group. So with `batch` a response on which the
verifier fails gets the mean of the others to the same task, and with it an advantage of 0; where it fails on all of
them, and with `sequential`, it raises `VerifierFailed`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlsd_env.adapters.parquet import encoded, write_parquet
from rlsd_env.adapters.tasks import known_or_mean, rows, verdicts


def write(env: str, out: str | Path, *, fold: str = "train", limit: int | None = None, **env_kwargs: Any) -> Path:
    """Write a parquet file for `data.train_files` and return it; other arguments as for `tasks.rows`.

    The columns are those of EasyR1's defaults: prompt, images and answer, which names the task and has no answer in it.
    """
    found = rows(env, fold=fold, limit=limit, **env_kwargs)
    lines = ({"prompt": row.words, "images": encoded(row.images), "answer": row.key} for row in found)
    return write_parquet(out, lines)


def compute_score(reward_inputs: Any, **kwargs: Any) -> Any:
    """Judge responses, as EasyR1's reward managers call it.

    Args:
        reward_inputs: with reward_type=batch a list of {"response": .., "ground_truth": .., ..}, with sequential one.
        kwargs: `reward_function_kwargs`; not needed.

    Returns:
        {"overall": reward, "accuracy": ..}, where accuracy is 1.0 of a right answer; a list of them for a list.

    Raises:
        VerifierFailed: see above.

    """
    if isinstance(reward_inputs, Mapping):
        return _scores([reward_inputs])[0]
    return _scores(reward_inputs)


def _scores(reward_inputs: Sequence[Mapping[str, Any]]) -> list[dict[str, float]]:
    keys = [one["ground_truth"] for one in reward_inputs]
    judged = verdicts(keys, [one["response"] for one in reward_inputs])
    rewards = known_or_mean(keys, judged)
    return [
        {"overall": reward, "accuracy": reward if verdict.status.failed else float(verdict.correct)}
        for reward, verdict in zip(rewards, judged)
    ]
