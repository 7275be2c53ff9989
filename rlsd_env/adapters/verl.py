"""verl: a parquet file and `compute_score`.

    reward.custom_reward_function.path=pkg://rlsd_env.adapters.verl reward.custom_reward_function.name=compute_score

verl scores one response at a time and a NaN would become every advantage of the group, so a verifier that fails raises
`VerifierFailed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlsd_env.adapters.parquet import encoded, write_parquet
from rlsd_env.adapters.tasks import failed, reward_of, rows, verdicts


def write(env: str, out: str | Path, *, fold: str = "train", limit: int | None = None, **env_kwargs: Any) -> Path:
    """Write a parquet file for `data.train_files` and return it; other arguments as for `tasks.rows`.

    `reward_model.ground_truth` names the task; the answer is in no column.
    """
    return write_parquet(
        out,
        (
            {
                "data_source": env,
                "prompt": [{"role": "user", "content": row.words}],
                "images": encoded(row.images),
                "ability": "reasoning",
                "reward_model": {"style": "rule", "ground_truth": row.key},
                "extra_info": {"index": number, "task_id": row.task_id, "split": fold},
            }
            for number, row in enumerate(rows(env, fold=fold, limit=limit, **env_kwargs))
        ),
    )


def compute_score(
    data_source: str, solution_str: str, ground_truth: str, extra_info: Mapping[str, Any] | None = None, **kwargs: Any
) -> dict[str, float]:
    """Judge a response, as verl's reward managers call it.

    Args:
        data_source: the row's; not needed.
        solution_str: the response.
        ground_truth: the row's, which names the task.
        extra_info: the row's and verl's own; not needed.
        kwargs: what else verl hands over.

    Returns:
        "score", the reward, and "acc", whether the answer is right; verl logs both.

    Raises:
        VerifierFailed: the verifier failed.

    """
    (verdict,) = verdicts([ground_truth], [solution_str])
    reward = reward_of(verdict)
    if reward is None:
        raise failed(ground_truth, verdict)
    return {"score": reward, "acc": float(verdict.correct)}
