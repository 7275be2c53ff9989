"""Do tasks of a test set stand in a training set? `overlaps` compares pictures and questions of two sources.

Pictures are compared by the 64-bit perceptual hash of `imagehash.phash`: two are the same up to re-encoding and
scaling where few bits differ. `DISTANCE` was measured on 632 real pictures (304 of MathVision, 118 of We-Math, 210 of
MMFineReason), each against nine copies of its own (JPEG at quality 75 and 30, WebP at 60, half, a quarter and twice the
size, at most 512 pixels on a side, half the size and JPEG at 50, grey):

    bits that may differ                                   2       4       6       8       10
    copies found, worst of the nine kinds                .953    .989    .994    .998    .998
    different pictures taken for the same, across sets     0       0       0       0        1   of 124,492 pairs
    different pictures taken for the same, within a set   13      21      36      56       77   of  74,836 pairs

The pairs within a set are near twins, such as puzzles of one generator. A copy with a new margin of 5 % is found in
44 % of the cases at 4 bits. Questions are compared as words, without case and punctuation; shared questions are often
templates ("What is the age gap between these two people?"), so only for tasks without pictures are they proof.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from rlsd_env.errors import ConfigurationError
from rlsd_env.fingerprints import SHORTEST_QUESTION, Fingerprints, fingerprints, near
from rlsd_env.sources.base import TaskSource

DISTANCE = 4
"""The default number of hash bits that may differ; see the module."""
PER_TASK = 20
"""How many matches of one test task are listed, the closest first."""
_SHARED = 1000
"""Of tasks that share the very same picture, at most so many are put in order for the list; all are counted."""

KINDS = ("pixels", "picture", "question")
"""How two tasks can match: identical pixels, the same picture up to encoding and scale, the question alone."""


@dataclass(frozen=True)
class Match:
    """Two tasks that share a picture or a question.

    Attributes:
        id_a: the task of the first source.
        id_b: the task of the second source.
        kind: one of `KINDS`, the first that holds.
        distance: hash bits that differ between the two closest pictures; None where none is close.
        same_question: whether the questions are the same words.

    """

    id_a: str
    id_b: str
    kind: str
    distance: int | None
    same_question: bool


@dataclass(frozen=True)
class OverlapReport:
    """What `overlaps` found.

    Attributes:
        matches: for each task of the second source the closest matches, at most `PER_TASK`.
        counts: by kind, how many tasks of the second source have a match of that kind as their closest;
            "tasks_a" and "tasks_b": how many tasks of each source have any match.
        compared: how many tasks and pictures of either source were compared.
        distance: the hash bits that were allowed to differ.

    """

    matches: tuple[Match, ...]
    counts: Mapping[str, int]
    compared: Mapping[str, int]
    distance: int

    def as_json(self) -> str:
        """Write the report as a JSON object."""
        return json.dumps(asdict(self), indent=1)

    def as_table(self, rows: int = 40) -> str:
        """Write counts and the first matches as text, one match a line."""
        compared = self.compared
        lines = [
            f"{compared['tasks_a']:,} tasks with {compared['pictures_a']:,} pictures against {compared['tasks_b']:,} "
            f"with {compared['pictures_b']:,}, hashes within {self.distance} bits",
            f"{self.counts['tasks_b']:,} tasks of the second stand in the first: "
            + ", ".join(f"{self.counts[kind]:,} by {kind}" for kind in KINDS),
        ]
        sides = (("first", compared["pictures_a"]), ("second", compared["pictures_b"]))
        if without := [name for name, pictures in sides if not pictures]:
            lines.append(
                f"no pictures in the {' and the '.join(without)}: only questions were compared, those of "
                f"{SHORTEST_QUESTION} characters or more"
            )
        shown = self.matches[:rows]
        if shown:
            width = max(len("first"), *(len(match.id_a) for match in shown))
            other = max(len("second"), *(len(match.id_b) for match in shown))
            lines.append(f"{'first':{width}}  {'second':{other}}  kind      bits  same question")
        for match in shown:
            bits = "-" if match.distance is None else str(match.distance)
            same = "yes" if match.same_question else "no"
            lines.append(f"{match.id_a:{width}}  {match.id_b:{other}}  {match.kind:8}  {bits:>4}  {same}")
        if len(self.matches) > rows:
            lines.append(f".. and {len(self.matches) - rows:,} more")
        return "\n".join(lines)


def overlaps(
    a: TaskSource,
    b: TaskSource,
    *,
    distance: int = DISTANCE,
    limit: int | None = None,
    per_task: int = PER_TASK,
    folds: tuple[str, str] = ("all", "all"),
) -> OverlapReport:
    """Find the tasks of `b` that stand in `a`, by picture or by question.

    Hashing decodes every picture once, in threads; the hashes of a source are kept as long as the source.

    Args:
        a: the source that is trained on.
        b: the source that is tested on.
        distance: hash bits that may differ, 0 to 16.
        limit: compare the first tasks of each source only; None: all, and `GENERATED` of a source that makes them.
        per_task: how many matches of one task of `b` are listed.
        folds: which fold of `a` is compared, and which of `b`; they may be one source.

    Raises:
        ConfigurationError: an argument is out of range, or a fold has no tasks.
        DataError: a picture cannot be read.

    """
    for name, value, most in (("distance", distance, 16), ("per_task", per_task, None), ("limit", limit, None)):
        least = 0 if name == "distance" else 1
        if value is not None and (not isinstance(value, int) or value < least or (most is not None and value > most)):
            allowed = f"from {least} to {most}" if most is not None else f"{least} or more"
            raise ConfigurationError(f"{name} is {value!r}; it must be a whole number, {allowed}")
    prints_a, prints_b = fingerprints(a, limit, folds[0]), fingerprints(b, limit, folds[1])
    found_a = np.zeros(len(prints_a.ids), dtype=np.bool_)
    close = _close_tasks(prints_a, prints_b, distance, found_a)
    asked = _tasks_by_question(prints_a)
    matches: list[Match] = []
    counts = dict.fromkeys(KINDS, 0)
    for task_b, text in enumerate(prints_b.texts):
        same_text = asked.get(text, []) if text else []
        found_a[same_text] = True
        bits = close.get(task_b, {})
        best = sorted(bits, key=lambda task: (bits[task], not text or prints_a.texts[task] != text, task))[:per_task]
        best += [task for task in same_text[: per_task + len(best)] if task not in bits][: per_task - len(best)]
        found = [
            _match(
                prints_a.ids[task], prints_b.ids[task_b], bits.get(task), text != "" and prints_a.texts[task] == text
            )
            for task in best
        ]
        if found:
            counts[found[0].kind] += 1
            matches += found
    tasks = {"tasks_a": int(found_a.sum()), "tasks_b": sum(counts.values())}
    compared = {
        "tasks_a": len(prints_a.ids),
        "tasks_b": len(prints_b.ids),
        "pictures_a": len(prints_a.hashes),
        "pictures_b": len(prints_b.hashes),
    }
    return OverlapReport(tuple(matches), counts | tasks, compared, distance)


def _match(id_a: str, id_b: str, bits: int | None, same_question: bool) -> Match:
    if bits is None:
        return Match(id_a, id_b, "question", None, same_question)
    return Match(id_a, id_b, "pixels" if bits < 0 else "picture", max(bits, 0), same_question)


def _tasks_by_question(prints: Fingerprints) -> dict[str, list[int]]:
    tasks: defaultdict[str, list[int]] = defaultdict(list)
    for task, text in enumerate(prints.texts):
        if text:
            tasks[text].append(task)
    return tasks


def _close_tasks(
    a: Fingerprints, b: Fingerprints, distance: int, found_a: NDArray[np.bool_]
) -> dict[int, dict[int, int]]:
    """For each task of b, the tasks of a with a close picture: the fewest bits that differ, -1 for equal pixels.

    Args:
        a: fingerprints of the one source.
        b: fingerprints of the other.
        distance: bits that may differ.
        found_a: set to true for each task of `a` that has a close picture.

    """
    close: defaultdict[int, dict[int, int]] = defaultdict(dict)

    def note(pictures_a: NDArray[np.int64], pictures_b: NDArray[np.int64], bits: int) -> None:
        tasks_a = np.unique(a.tasks[pictures_a])
        found_a[tasks_a] = True
        for task_b in np.unique(b.tasks[pictures_b]).tolist():
            tasks = close[task_b]
            for task_a in tasks_a[:_SHARED].tolist():
                tasks[task_a] = min(bits, tasks.get(task_a, bits))

    telling_a, telling_b = np.flatnonzero(~a.flat), np.flatnonzero(~b.flat)
    for some_a, some_b, bits in near(a.hashes[telling_a], b.hashes[telling_b], distance):
        note(telling_a[some_a], telling_b[some_b], bits)
    for some_a, some_b, _ in near(a.digests, b.digests, 0):
        note(some_a, some_b, -1)
    return close
