"""`python -m rlsd_env reverify FILE`: grades stored rollouts again, with another verifier."""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlsd_env.cli.common import add_pairs, at_least, check_reserved, columns, make_env
from rlsd_env.desk import Desk
from rlsd_env.errors import ConfigurationError, DataError
from rlsd_env.fingerprints import Recorded
from rlsd_env.sources import TaskSource
from verifiers import Reference, Verdict
from verifiers.official.base import BenchmarkVerifier

SUMMARY = "grade stored rollouts again, with another verifier, and compare"
EPILOG = """\
Each line of FILE is a JSON object with task_id, response and correct, as in the responses.jsonl that `python -m
agents.evaluate --out FOLDER` writes; other columns stay as they are. The new file has the new extracted, status,
correct and reward in each row, the old ones under "previous", and the verifier's name and version.
A column greedy, true or false, splits the accuracy. The numbers that a benchmark itself reports need one response to a
task: those of the greedy rows, where there is that column."""

TEXTS = ("task_id", "response")
VERDICT = ("extracted", "status", "correct", "reward")
_BATCH = 256


@dataclass(frozen=True)
class Rollout:
    """A stored rollout.

    Attributes:
        line: its line in the file, from 1.
        row: all its columns.

    """

    line: int
    row: dict[str, Any]

    @property
    def greedy(self) -> bool | None:
        """Whether it was decoded greedily; None where the file does not say."""
        return self.row.get("greedy")

    @property
    def correct(self) -> bool:
        """What the old verdict was."""
        return self.row["correct"]


def read_rollouts(path: Path) -> list[Rollout]:
    """Read a file of rollouts, gzipped where its name ends in ".gz".

    Raises:
        ConfigurationError: the file cannot be read.
        DataError: a line is no rollout; the message names it.

    """
    if path.is_dir():
        raise ConfigurationError(f"{str(path)!r} is a folder; give a file in it, such as {path}/responses.jsonl")
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8") as file:
            return [_rollout(path, number, line) for number, line in enumerate(file, 1) if line.strip()]
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{str(path)!r} cannot be read: {error}") from error


def _rollout(path: Path, number: int, line: str) -> Rollout:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataError(f"{path}, line {number}: not JSON ({error})") from error
    if not isinstance(row, dict):
        raise DataError(f"{path}, line {number}: a JSON {type(row).__name__}; it must be an object")
    for name, kind in (*((name, str) for name in TEXTS), ("correct", bool)):
        if name not in row:
            raise DataError(f"{path}, line {number}: no column {name!r}; it has {', '.join(row) or 'none'}")
        if not isinstance(row[name], kind):
            what = "a text" if kind is str else "true or false"
            raise DataError(f"{path}, line {number}: {name} is {row[name]!r}; it must be {what}")
    if not isinstance(row.get("greedy"), bool | None):
        raise DataError(f"{path}, line {number}: greedy is {row['greedy']!r}; it must be true or false, or left out")
    return Rollout(number, row)


def numbers_of(desk: Desk, rollouts: list[Rollout], path: Path) -> list[int]:
    """Look the rollouts' tasks up.

    Raises:
        DataError: the environment has no such task; the message names the line and the closest ids.

    """
    indices = []
    for rollout in rollouts:
        try:
            indices.append(desk.source.index_of(rollout.row["task_id"]))
        except ConfigurationError as error:
            raise DataError(f"{path}, line {rollout.line}: {error}") from error
    return indices


def regrade(desk: Desk, rollouts: list[Rollout], indices: list[int]) -> Iterator[tuple[Rollout, Verdict]]:
    """Grade rollouts, in order; `indices` are the numbers of their tasks."""
    for start in range(0, len(rollouts), _BATCH):
        some = rollouts[start : start + _BATCH]
        references = [_reference(desk.source, index) for index in indices[start : start + _BATCH]]
        yield from zip(some, desk.grade([rollout.row["response"] for rollout in some], references))


def _reference(source: TaskSource, index: int) -> Reference:
    """Return a task's gold answer, without decoding its pictures where the source can do so."""
    return source.record(index).reference if isinstance(source, Recorded) else source.item(index).privileged.reference


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("file", metavar="FILE", type=Path, help="JSON lines; gzipped where the name ends in .gz")
    parser.add_argument("--env", metavar="ID", required=True, help="the environment whose tasks these are")
    add_pairs(parser, "--env-kwargs", "its arguments, e.g. path=FOLDER")
    parser.add_argument(
        "--verifier", metavar="NAME", help="a registered name, or package.module:Name; left out: its own"
    )
    add_pairs(parser, "--verifier-kwargs", "arguments of the verifier, e.g. mode=official")
    parser.add_argument(
        "--out", metavar="FILE", type=Path, help="where the rows go with their new verdicts; must be new"
    )
    parser.add_argument(
        "--changed", metavar="N", type=at_least(0), default=20, help="how many changed rows to show (20)"
    )


def run(options: argparse.Namespace) -> int:
    """Grade again, print the agreement, and write the new file."""
    if options.out is not None and options.out.exists():
        raise ConfigurationError(f"out {str(options.out)!r} exists already; give another file")
    env_kwargs = dict(options.env_kwargs)
    check_reserved(env_kwargs, ("verifier", "verifier_kwargs"))
    rollouts = read_rollouts(options.file)
    if options.verifier is not None:
        env_kwargs["verifier"] = options.verifier
    if options.verifier_kwargs:
        env_kwargs["verifier_kwargs"] = dict(options.verifier_kwargs)
    with contextlib.closing(make_env(options.env, env_kwargs)) as env:
        verifier = env.desk.verifier
        indices = numbers_of(env.desk, rollouts, options.file)
        graded = list(regrade(env.desk, rollouts, indices))
        own_numbers = _own_numbers(env.desk, graded, indices)
    print(f"{options.file} by {verifier.name}, version {verifier.version}")
    print(_accuracy(graded))
    print(_comparison(graded, options.changed))
    if own_numbers:
        print(own_numbers)
    if options.out is not None:
        grader = {"verifier": verifier.name, "verifier_version": verifier.version}
        _write(options.out, graded, grader)
        print(f"rows: {options.out}")
    return 0


def _accuracy(graded: list[tuple[Rollout, Verdict]]) -> str:
    """Write the shares of right answers before and after, of the rows that were judged."""
    judged = [(rollout, verdict) for rollout, verdict in graded if not verdict.status.failed]
    parts = [("all", judged)]
    for name, greedy in (("greedy", True), ("sampled", False)):
        if part := [pair for pair in judged if pair[0].greedy is greedy]:
            parts.append((name, part))
    table = [("accuracy", "rows", "before", "after")]
    for name, part in parts:
        before = sum(rollout.correct for rollout, _ in part)
        after = sum(verdict.correct for _, verdict in part)
        table.append((name, f"{len(part):,}", _percent(before, len(part)), _percent(after, len(part))))
    return columns(table, right=(1, 2, 3))


def _percent(count: int, total: int) -> str:
    return f"{100 * count / total:.1f} %" if total else "-"


def _own_numbers(desk: Desk, graded: list[tuple[Rollout, Verdict]], indices: list[int]) -> str:
    """Write what the benchmark itself reports, after; "" where the verifier is not the scorer of these tasks."""
    if not isinstance(desk.verifier, BenchmarkVerifier) or desk.verifier.name != desk.source.verifier:
        return ""
    chosen = [number for number, (rollout, _) in enumerate(graded) if rollout.greedy]
    chosen = chosen or list(range(len(graded)))
    tasks = [indices[number] for number in chosen]
    if len(set(tasks)) < len(tasks):
        return "the benchmark's own numbers need one response to a task, and some tasks have several here"
    if not (numbers := desk.benchmark_numbers(tasks, [graded[number][1] for number in chosen])):
        return ""
    lines = [f"the benchmark's own numbers, after, on {len(tasks):,} of {len(desk.source):,} tasks:"]
    rows = [(name, f"{value:.3f}".removesuffix(".000")) for name, value in numbers.items()]
    return "\n".join([*lines, columns(rows, right=[1])])


def _comparison(graded: list[tuple[Rollout, Verdict]], shown: int) -> str:
    """Write agreement, the table of old against new, and the first changed rows."""
    judged = [(rollout, verdict) for rollout, verdict in graded if not verdict.status.failed]
    pairs = Counter((rollout.correct, verdict.correct) for rollout, verdict in judged)
    agreed = pairs[True, True] + pairs[False, False]
    share = f" ({_percent(agreed, len(judged))})" if judged else ""
    lines = [f"agreement: {agreed:,} of {len(judged):,}{share}"]
    if failed := len(graded) - len(judged):
        lines.append(f"not judged, for the verifier failed: {failed:,}")
    table = [("", "new right", "new wrong")]
    for name, old in (("old right", True), ("old wrong", False)):
        table.append((name, f"{pairs[old, True]:,}", f"{pairs[old, False]:,}"))
    lines.append(columns(table, right=(1, 2)))
    changed = [(rollout, verdict) for rollout, verdict in judged if rollout.correct != verdict.correct]
    if rows := [_changed(rollout, verdict) for rollout, verdict in changed[:shown]]:
        lines.append(columns([("line", "task", "new", "status", "extracted"), *rows], right=[0]))
    if len(changed) > len(rows):
        lines.append(f".. and {len(changed) - len(rows):,} more changed")
    return "\n".join(lines)


def _changed(rollout: Rollout, verdict: Verdict) -> tuple[str, ...]:
    word = "right" if verdict.correct else "wrong"
    return str(rollout.line), rollout.row["task_id"], word, str(verdict.status), f"{verdict.extracted!r:.60}"


def _write(path: Path, graded: list[tuple[Rollout, Verdict]], grader: dict[str, str]) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            for rollout, verdict in graded:
                previous = {name: rollout.row[name] for name in (*VERDICT, *grader) if name in rollout.row}
                new = {
                    "extracted": verdict.extracted,
                    "status": str(verdict.status),
                    "correct": verdict.correct,
                    "reward": float(verdict.reward),
                    **grader,
                    "previous": previous,
                }
                file.write(json.dumps({**rollout.row, **new}, ensure_ascii=False) + "\n")
    except OSError as error:
        raise ConfigurationError(f"{str(path)!r} cannot be written: {error}") from error
