"""Tasks of different folds that ask the same: what is learned on one is no news in the other."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator

from rlsd_env.sources import TaskSource
from rlsd_env.sources.base import PARTS
from rlsd_env.task import Task


class Twins:
    """Finds tasks with the same question, choices and pictures in different folds, one task after the other.

    Args:
        source: what the tasks are of; its folds must be sound.

    """

    def __init__(self, source: TaskSource) -> None:
        folds = {name: source.fold(name) for name in PARTS}
        self._folds: dict[str, Collection[int]] = {
            name: fold if isinstance(fold, range) else frozenset(fold) for name, fold in folds.items()
        }
        self._alike: dict[bytes, dict[str, list[str]]] = {}

    def add(self, index: int, task: Task) -> None:
        """Look at task number `index`."""
        fold = next((name for name, numbers in self._folds.items() if index in numbers), None)
        if fold is not None:
            self._alike.setdefault(_digest(task), {}).setdefault(fold, []).append(task.id)

    def warning(self) -> Iterator[str]:
        """Say how many there are, with two of them; nothing where there are none."""
        found = [alike for alike in self._alike.values() if len(alike) > 1]
        if found:
            count = sum(len(ids) for alike in found for ids in alike.values())
            (fold, (one, *_)), (other_fold, (other, *_)) = list(found[0].items())[:2]
            yield (
                f"warning: {count:,} tasks have the question and pictures of one in another fold, such as {one!r} "
                f"({fold}) and {other!r} ({other_fold}); remove them, or have them in one fold, in a table by a "
                "column in which they agree, named as group (docs/own_tasks.md)"
            )


def _digest(task: Task) -> bytes:
    """Digest what is asked; questions count as the same whatever stands between their words."""
    texts = tuple(" ".join(text.split()) for text in (task.question, *task.choices))
    digest = hashlib.blake2b(repr(texts).encode("utf-8", "surrogatepass"), digest_size=16)
    for pixels in (*task.images, *(video.frames for video in task.videos)):
        digest.update(repr(pixels.shape).encode())
        digest.update(pixels.tobytes())
    return digest.digest()
