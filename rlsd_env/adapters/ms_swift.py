"""ms-swift: rows for --dataset and an ORM class for --reward_funcs.

A plug-in file for --external_plugins registers it:

    from swift.rewards import orms
    from rlsd_env.adapters.ms_swift import Reward
    orms["rlsd"] = Reward

ms-swift sums rewards with `nansum`, which makes None and NaN a reward of 0. So a response on which the verifier fails
gets the mean of the others to the same task in the same call, and with it an advantage of 0 where the call has the
whole group; where it fails on all of them it raises.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import PIL.Image

from rlsd_env.adapters.tasks import known_or_mean, rows, verdicts


def write(env: str, out: str | Path, *, fold: str = "train", limit: int | None = None, **env_kwargs: Any) -> Path:
    """Write FOLD.jsonl and the pictures into a folder and return the file; other arguments as for `tasks.rows`."""
    folder = Path(out)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    target = folder / f"{fold}.jsonl"
    with target.open("w", encoding="utf-8") as file:
        for number, row in enumerate(rows(env, fold=fold, limit=limit, **env_kwargs)):
            images = [folder / "images" / f"{fold}-{number}-{place}.png" for place in range(len(row.images))]
            for path, image in zip(images, row.images):
                PIL.Image.fromarray(image).save(path)
            line = {"messages": [{"role": "user", "content": row.words}], "task": row.key}
            if images:
                line["images"] = [str(path.absolute()) for path in images]
            file.write(json.dumps(line) + "\n")
    return target


class Reward:
    """An outcome reward (ORM) of ms-swift, made as `orms[NAME](args=..)`.

    Args:
        args: ms-swift's, which are not needed.
        kwargs: as `args`.

    """

    def __init__(self, args: Any = None, **kwargs: Any) -> None:
        self.args = args

    def __call__(self, completions: Sequence[str], task: Sequence[str], **kwargs: Any) -> list[float]:
        """Judge completions.

        Args:
            completions: texts.
            task: the rows' column, one per completion.
            kwargs: the rows' other columns and what ms-swift adds.

        Raises:
            VerifierFailed: the verifier failed on all completions of a task in this call.

        """
        return known_or_mean(task, verdicts(task, completions))
