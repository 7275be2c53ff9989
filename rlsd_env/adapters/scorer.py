"""Verdicts on what an evaluation has sampled: functions for lm-eval's task files, and a score of a whole table.

A task file of lm-eval has process_results: !function my_scorer.process_results, doc_to_text: !function .. and so on,
my_scorer.py being `from rlsd_env.adapters.scorer import doc_to_image, doc_to_text, process_results`. A dataset class of
VLMEvalKit returns `evaluate` of its table from its own `evaluate`.

A response on which the verifier fails is in no accuracy: `verifier_failures` is their share.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import PIL.Image

from rlsd_env.adapters.parquet import encoded, write_parquet
from rlsd_env.adapters.tasks import rows, verdicts
from rlsd_env.messages import said


def write(env: str, out: str | Path, *, fold: str = "heldout", limit: int | None = None, **env_kwargs: Any) -> Path:
    """Write a parquet file with the columns question, images and task, and return it; else as for `tasks.rows`."""
    found = rows(env, fold=fold, limit=limit, **env_kwargs)
    return write_parquet(out, ({"question": r.words, "images": encoded(r.images), "task": r.key} for r in found))


def doc_to_text(doc: Mapping[str, Any]) -> str:
    """Return the prompt of a row."""
    return str(doc["question"])


def doc_to_image(doc: Mapping[str, Any]) -> list[PIL.Image.Image]:
    """Return the pictures of a row, in the order of its `<image>` placeholders."""
    images = doc.get("images") or []
    return [PIL.Image.open(io.BytesIO(one["bytes"])) if isinstance(one, Mapping) else one for one in images]


def process_results(doc: Mapping[str, Any], results: Sequence[Any]) -> dict[str, float]:
    """Judge the first response to a row, as lm-eval asks for it.

    Returns:
        "acc", 1.0 or 0.0, and "reward"; both are left out where the verifier failed, so that lm-eval's means are over
        those that were judged; and "verifier_failures", 1.0 or 0.0.

    """
    first = results[0]
    while isinstance(first, list) and first and not isinstance(first[0], Mapping):
        first = first[0]  # several samples of a response come in a list
    (verdict,) = verdicts([doc["task"]], [said(first)])
    if verdict.status.failed:
        return {"verifier_failures": 1.0}
    return {"acc": float(verdict.correct), "reward": float(verdict.reward), "verifier_failures": 0.0}


def evaluate(table: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Score a table of responses.

    Args:
        table: rows with `task`, as `write` has it, and `prediction`.

    Returns:
        "accuracy" and "reward", means over the responses that were judged (left out where there is none);
        "verifier_failures", the share of the others; and "responses", how many there are.

    """
    lines = list(table)
    judged = verdicts([line["task"] for line in lines], [str(line["prediction"]) for line in lines])
    valid = [verdict for verdict in judged if not verdict.status.failed]
    means = {
        "accuracy": sum(verdict.correct for verdict in valid) / len(valid),
        "reward": sum(float(verdict.reward) for verdict in valid) / len(valid),
    } if valid else {}  # fmt: skip
    failures = (len(judged) - len(valid)) / len(judged) if judged else 0.0
    return {**means, "verifier_failures": failures, "responses": float(len(judged))}
