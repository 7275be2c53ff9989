"""TRL's GRPOTrainer and its kin: a data set and a reward function.

    GRPOTrainer(model, reward_funcs=trl.reward, train_dataset=trl.dataset("rlsd/ShapeCount-v0", limit=1000), args=..)

The data set has `prompt` (conversational), `images` (where tasks have pictures) and `task`, which names the task. TRL
leaves a completion whose reward is None out of its group's mean, and its advantage is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import PIL.Image

from rlsd_env.adapters.tasks import reward_of, rows, verdicts
from rlsd_env.extras import require
from rlsd_env.messages import said, user_message

if TYPE_CHECKING:
    from datasets import Dataset


def dataset(env: str, *, fold: str = "train", limit: int | None = None, **env_kwargs: Any) -> Dataset:
    """Return the tasks of an environment as a `datasets.Dataset`; the arguments are those of `tasks.rows`.

    Pictures are kept in memory, as PNG. Of an environment in which some tasks have pictures, the others have none in
    `images`.
    """
    require("TRL's data set", "data", "datasets")
    from datasets import Dataset, Features, Image, List, Value

    found = list(rows(env, fold=fold, limit=limit, **env_kwargs))
    seen = any(row.images for row in found)
    content = List({"type": Value("string"), "text": Value("string")}) if seen else Value("string")
    features = {"prompt": List({"role": Value("string"), "content": content}), "task": Value("string")}
    table: dict[str, list[Any]] = {"prompt": [], "task": []}
    if seen:
        features["images"], table["images"] = List(Image()), []
    for row in found:
        message = user_message(row.question)
        if seen:
            parts = message["content"]
            parts = [{"type": "text", "text": parts}] if isinstance(parts, str) else parts
            message["content"] = [{"text": None, **part} for part in parts]
            table["images"].append([PIL.Image.fromarray(image) for image in row.images])
        table["prompt"].append([message])
        table["task"].append(row.key)
    return Dataset.from_dict(table, features=Features(features))


def reward(completions: Sequence[Any], task: Sequence[str], **kwargs: Any) -> list[float | None]:
    """Judge completions, as TRL calls a reward function.

    Args:
        completions: texts, or lists of messages.
        task: the data set's column, one per completion.
        kwargs: what else TRL hands over; of it `log_metric` is told how many verdicts failed and were right.

    Returns:
        A reward per completion; None where the verifier failed.

    """
    judged = verdicts(task, [said(completion) for completion in completions])
    if (log := kwargs.get("log_metric")) is not None and judged:
        log("verifier_failures", sum(verdict.status.failed for verdict in judged) / len(judged))
        log("accuracy", sum(verdict.correct for verdict in judged) / len(judged))
    return [reward_of(verdict) for verdict in judged]
