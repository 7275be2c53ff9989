"""Rows graded in this process, or by several."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from verifiers.cli.common import RunError
from verifiers.cli.grading import Graded, Grader

if TYPE_CHECKING:
    from concurrent.futures import Future

_CHUNK = 16
_CHUNKS_AHEAD = 4
_grader: Grader


def grade_here(lines: Iterable[tuple[int, bytes]], grader: Grader) -> Iterator[Graded]:
    """Grade lines in this process, in order."""
    return (grader.grade(number, line) for number, line in lines)


def grade_apart(lines: Iterable[tuple[int, bytes]], workers: int, grader: Grader) -> Iterator[Graded]:
    """Grade lines in several processes, in order; only a few chunks of lines are held at once.

    Args:
        lines: the lines, with their numbers.
        workers: how many processes.
        grader: what grades; every process makes its own from the same name and mode.

    Raises:
        RunError: a process died.

    """
    import multiprocessing  # these two take as long to import as all verifiers
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    lines = iter(lines)
    running: deque[Future[list[Graded]]] = deque()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _start, (grader.name, grader.mode)) as pool:
        try:
            while chunk := list(itertools.islice(lines, _CHUNK)):
                running.append(pool.submit(_grade, chunk))
                if len(running) > _CHUNKS_AHEAD * workers:
                    yield from running.popleft().result()
            while running:
                yield from running.popleft().result()
        except BrokenProcessPool as error:
            raise RunError(
                "a worker process died; with --workers 1, the last row that is written shows where"
            ) from error


def _start(name: str | None, mode: str | None) -> None:
    global _grader  # one a worker process, made once
    _grader = Grader(name, mode)


def _grade(chunk: list[tuple[int, bytes]]) -> list[Graded]:
    return [_grader.grade(number, line) for number, line in chunk]
