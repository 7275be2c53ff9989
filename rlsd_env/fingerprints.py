"""What a task's pictures and question are recognised by: `fingerprints`, and `near` for those that are alike."""

from __future__ import annotations

import hashlib
import re
import unicodedata
import weakref
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rlsd_env.extras import require
from rlsd_env.sources.base import TaskSource, fold_of
from rlsd_env.sources.record import Record
from rlsd_env.task import Image

GENERATED = 1000
"""How many tasks of a source that makes its tasks, rather than reads them, are looked at unless `limit` says."""
SHORTEST_QUESTION = 30
"""Questions with fewer characters are not compared: "Find x." is everybody's."""
_FLAT = 1.0
"""Pictures whose grey values deviate less than this are of one colour."""
_BLOCK = 1 << 22
_POPCOUNT = np.array([value.bit_count() for value in range(1 << 16)], dtype=np.uint8)
_PLACEHOLDER = re.compile(r"<image\s?\d*>|<video>|\[(?:image|video)\]")


@dataclass(frozen=True, eq=False)
class Fingerprints:
    """What is kept of a source's tasks.

    Attributes:
        ids: the tasks' ids.
        texts: their questions as words; "" for one that is too short to compare.
        tasks: the number of the task that each picture belongs to.
        hashes: each picture's perceptual hash, uint64.
        flat: which pictures are of one colour, nearly; their hash says nothing.
        digests: a digest of each picture's size and pixels, uint64.

    """

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    tasks: NDArray[np.int64]
    hashes: NDArray[np.uint64]
    flat: NDArray[np.bool_]
    digests: NDArray[np.uint64]


_KEPT: weakref.WeakKeyDictionary[TaskSource, dict[tuple[str, int], Fingerprints]] = weakref.WeakKeyDictionary()


@runtime_checkable
class Recorded(Protocol):
    """A source that reads its tasks, and can give one without decoding its pictures."""

    def record(self, index: int) -> Record:
        """Return task number `index`, its pictures undecoded."""


def fingerprints(source: TaskSource, limit: int | None = None, fold: str = "all") -> Fingerprints:
    """Hash the pictures and questions of a source, in threads; kept as long as the source.

    Args:
        source: the source to hash.
        limit: hash the first tasks only; None: all, and `GENERATED` of a source that makes them.
        fold: of which fold.

    Raises:
        ConfigurationError: there is no such fold, or no task in it.

    """
    indices = range(len(source)) if fold == "all" else fold_of(source, fold)
    if limit is None:
        limit = len(indices) if isinstance(source, Recorded) else GENERATED
    count = min(len(indices), limit)
    kept = _KEPT.setdefault(source, {})
    if (fold, count) not in kept:
        kept[fold, count] = _fingerprints(source, indices[:count])
    return kept[fold, count]


def _fingerprints(source: TaskSource, indices: Sequence[int]) -> Fingerprints:
    with ThreadPoolExecutor(thread_name_prefix="hash") as pool:
        looked = list(pool.map(lambda index: _look(source, int(index)), indices))
    rows = [(task, *picture) for task, (_, _, pictures) in enumerate(looked) for picture in pictures]
    tasks, perceptual, flat, digests = zip(*rows) if rows else ((), (), (), ())
    return Fingerprints(
        ids=tuple(id for id, _, _ in looked),
        texts=tuple(text for _, text, _ in looked),
        tasks=np.array(tasks, dtype=np.int64),
        hashes=np.array(perceptual, dtype=np.uint64),
        flat=np.array(flat, dtype=np.bool_),
        digests=np.array(digests, dtype=np.uint64),
    )


def _look(source: TaskSource, index: int) -> tuple[str, str, list[tuple[int, bool, int]]]:
    """A task's id, question and hashes; not `item`, so that the source's cache stays as it is, where that can be."""
    if isinstance(source, Recorded):
        record = source.record(index)
        return (
            record.id,
            question_key(record.question, record.choices),
            [hashes(picture.decode()) for picture in record.pictures],
        )
    task = source.item(index).task
    return task.id, question_key(task.question, task.choices), [hashes(image) for image in task.images]


def question_key(question: str, choices: tuple[str, ...] = ()) -> str:
    """Write a question and its choices as lower-case words; "" for fewer than `SHORTEST_QUESTION` characters.

    >>> question_key("<image>How long is the side AB of the triangle?", ("3 cm", "4 cm"))
    'how long is the side ab of the triangle 3 cm 4 cm'
    >>> question_key("Find x.")
    ''
    """
    text = unicodedata.normalize("NFKC", _PLACEHOLDER.sub(" ", " ".join((question, *choices)))).casefold()
    key = " ".join(re.findall(r"\w+", text))
    return key if len(key) >= SHORTEST_QUESTION else ""


def hashes(image: Image) -> tuple[int, bool, int]:
    """Hash a picture.

    Returns:
        The 64 bits of its perceptual hash, whether it is of one colour, and 64 bits of a digest of its pixels.

    """
    require("the fingerprint of a picture", "data", "imagehash")
    import imagehash
    from PIL import Image as PILImage

    grey = PILImage.fromarray(image).convert("L")
    bits = imagehash.phash(grey).hash
    digest = hashlib.sha256(repr(image.shape).encode() + image.tobytes()).digest()[:8]
    hashed = int.from_bytes(np.packbits(bits).tobytes(), "big")
    return hashed, bool(np.asarray(grey).std() < _FLAT), int.from_bytes(digest, "big")


def near(
    a: NDArray[np.uint64], b: NDArray[np.uint64], distance: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], int]]:
    """Find the pairs of 64-bit values that differ in few bits, block by block.

    Args:
        a: values, any number.
        b: values, any number.
        distance: how many bits may differ.

    Yields:
        Positions in `a` that hold one value, positions in `b` that hold another, and how many bits of them differ.

    """
    values_a, places_a = _places(a)
    values_b, places_b = _places(b)
    if not len(values_a) or not len(values_b):
        return
    step = max(1, _BLOCK // len(values_b))
    for start in range(0, len(values_a), step):
        different = values_a[start : start + step, None] ^ values_b[None, :]
        words = _POPCOUNT[different.view(np.uint16)].reshape(*different.shape, 4)
        bits = words.sum(axis=-1, dtype=np.uint8)
        for row, column in np.argwhere(bits <= distance).tolist():
            yield places_a[start + row], places_b[column], int(bits[row, column])


def _places(values: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], list[NDArray[np.int64]]]:
    """The different values, and where each stands."""
    if not len(values):
        return values, []
    unique, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return unique, np.split(np.argsort(inverse, kind="stable"), np.cumsum(counts)[:-1])
