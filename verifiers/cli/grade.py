"""`python -m verifiers grade FILE`: judges the rows of a file."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from verifiers.cli import report
from verifiers.cli.common import RunError, UsageError
from verifiers.cli.grading import BAD_GOLD, BAD_ROW, Graded, Grader
from verifiers.cli.rows import opened
from verifiers.cli.summary import Summary
from verifiers.cli.workers import grade_apart, grade_here
from verifiers.types import Status, Verdict

STDOUT = "-"
"""The name of standard output, for `Options.out`."""


@dataclass(frozen=True)
class Options:
    """What to grade, and how.

    Attributes:
        file: JSON lines, gzipped where the name ends in ".gz".
        verifier: the verifier's name; None for the default.
        mode: its mode; None where it has none.
        out: where the rows go with their results; "-" for standard output, None for nowhere.
        workers: how many processes grade.
        summary_json: where the summary goes as JSON; None for nowhere.
        errors: how many rows that disagree with their label the summary names.

    """

    file: Path
    verifier: str | None = None
    mode: str | None = None
    out: str | None = None
    workers: int = 1
    summary_json: Path | None = None
    errors: int = 0


def run(options: Options) -> int:
    """Grade a file.

    Returns:
        0, or 1 where a line was no row or the verifier failed on one.

    Raises:
        UsageError: an option cannot be used; nothing has been written then.
        RunError: the run cannot go on.

    """
    grader = Grader(options.verifier, options.mode)
    verifier = grader.verifier
    summary = Summary({"name": verifier.name, "version": verifier.version, "mode": options.mode}, options.errors)
    scored: list[Graded] = []
    with opened(options.file) as lines, _writable(options) as (out, summary_file):
        alone = options.workers == 1
        if alone:
            verifier.warm_up()
        results = grade_here(lines, grader) if alone else grade_apart(lines, options.workers, grader)
        for row in results:
            summary.add(row)
            if out is not None:
                out.write(f"{row.line}\n")
            if row.columns is not None and row.status not in (BAD_ROW, BAD_GOLD):
                scored.append(replace(row, line=""))
        failure = _add_metrics(summary, verifier, scored)
        if summary_file is not None:
            summary_file.write(f"{json.dumps(summary.data(), indent=2)}\n")
    print(report.text(summary.data()), file=sys.stderr if options.out == STDOUT else sys.stdout)
    if failure:
        raise RunError(failure)
    return int(any(summary.statuses[status] for status in (BAD_ROW, str(Status.ERROR))))


def _add_metrics(summary: Summary, verifier: Any, scored: list[Graded]) -> str:
    """Add a benchmark's own numbers; "", or why there are none."""
    if not hasattr(verifier, "metrics"):
        return ""
    verdicts = [row.verdict or Verdict(0.0, False, None, Status.ERROR, row.error) for row in scored]
    try:
        summary.metrics = verifier.metrics([row.columns for row in scored], verdicts)
    except Exception as error:  # any verifier may be named here
        return f"the metrics of {verifier.name!r} failed: {type(error).__name__}: {error}"
    return ""


@contextlib.contextmanager
def _writable(options: Options) -> Iterator[tuple[IO[str] | None, IO[str] | None]]:
    """The files for the rows and for the summary; both are looked at before either is emptied."""
    rows = None if options.out in (None, STDOUT) else Path(options.out)
    for path in (rows, options.summary_json):
        if path is not None:
            _check_writable(path, options.file)
    with contextlib.ExitStack() as stack:
        out = sys.stdout if options.out == STDOUT else None if rows is None else _open(rows, stack)
        yield out, None if options.summary_json is None else _open(options.summary_json, stack)


def _check_writable(path: Path, read: Path) -> None:
    if path.is_dir() or not path.parent.is_dir():
        raise UsageError(f"{str(path)!r} cannot be written: it is a folder, or there is no folder to hold it")
    if path.exists() and path.samefile(read):
        raise UsageError(f"{str(path)!r} is the file that is read; write to another one")


def _open(path: Path, stack: contextlib.ExitStack) -> IO[str]:
    try:
        file = stack.enter_context(path.open("wb"))
    except OSError as error:
        raise UsageError(f"{str(path)!r} cannot be written: {error.strerror}") from error
    binary = stack.enter_context(gzip.GzipFile("", "wb", fileobj=file, mtime=0)) if path.suffix == ".gz" else file
    # a plain file has every row as soon as it is graded; flushing each would spoil the compression of a gzipped one
    return stack.enter_context(io.TextIOWrapper(binary, "ascii", newline="\n", line_buffering=binary is file))
