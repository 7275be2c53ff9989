"""Make every mistake of a list and print what it cost to be told of it: `python -m benchmarks.first_hour`.

Seconds are CPU time of the command and its processes, which a busy machine changes little; lines are all that it
printed. With --root another checkout of the project is measured. A command that ends well, or prints a traceback, is
marked.
"""

from __future__ import annotations

import dataclasses
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from agents import command_line
from agents.options.types import Names
from benchmarks.first_hour.mistakes import MISTAKES, Mistake, prepare

ROOT = Path(__file__).parent.parent.parent


@dataclasses.dataclass(frozen=True)
class FirstHourOptions:
    """Options of `python -m benchmarks.first_hour`."""

    root: Path = ROOT
    """The checkout that is measured, by the packages of this one's environment."""
    only: Names = ()
    """Mistakes whose names contain one of these; all by default."""
    limit: int = 180
    """Seconds after which a command counts as hanging."""
    out: Path | None = None
    """JSON file for the figures."""
    config: Path | None = None
    """TOML file with any of these options."""


@dataclasses.dataclass(frozen=True)
class Told:
    """What a mistake cost.

    Attributes:
        name: of the mistake.
        seconds: of CPU.
        lines: printed.
        code: exit code; None: it was stopped after the limit.
        traceback: whether one was printed.
        message: its error, else the last line.

    """

    name: str
    seconds: float
    lines: int
    code: int | None
    traceback: bool
    message: str


def make(mistake: Mistake, root: Path, limit: float) -> Told:
    """Make a mistake in a folder of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        command = [sys.executable, *(word.replace("{}", name) for word in mistake.command)]
        paths = os.pathsep.join((str(root), name))
        env = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
        before = _seconds()
        try:
            done = subprocess.run(
                command, cwd=name, env=env, capture_output=True, text=True, timeout=limit, check=False
            )
            code, text = done.returncode, done.stdout + done.stderr
        except subprocess.TimeoutExpired as stopped:
            code, text = None, f"{(stopped.stderr or b'').decode()}\n(hangs)"
        lines = [line for line in text.splitlines() if line.strip()]
        told = [line for line in lines if line.startswith("error: ")] or lines[-1:]
        message = told[0].replace(name, "..") if told else ""
        return Told(mistake.name, _seconds() - before, len(lines), code, "Traceback" in text, message)


def _seconds() -> float:
    """Return the CPU seconds of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(options: FirstHourOptions) -> list[Told]:
    """Make the mistakes and print a line for each as it is told."""
    from agents.runs.storage import write_json

    chosen = [one for one in MISTAKES if not options.only or any(word in one.name for word in options.only)]
    found = []
    for mistake in chosen:
        told = make(mistake, options.root.absolute(), options.limit)
        marks = [word for word, holds in (("TRACEBACK", told.traceback), ("ENDS WELL", told.code == 0)) if holds]
        marks += ["HANGS"] if told.code is None else []
        print(
            f"{told.seconds:6.2f} s {told.lines:4} lines  {told.name}: {' '.join((*marks, told.message))}", flush=True
        )
        found.append(told)
    quick = [told for told, mistake in zip(found, chosen) if not mistake.model]
    print(
        f"{len(found)} mistakes, {len(quick)} of them told without a model: at most "
        f"{max((told.seconds for told in quick), default=0.0):.2f} s of CPU, "
        f"{max((told.lines for told in found), default=0)} lines"
    )
    if options.out is not None:
        write_json(options.out, {told.name: dataclasses.asdict(told) for told in found})
    return found


def main(argv: Sequence[str]) -> None:
    """Read the arguments and run."""
    run(command_line.parse(FirstHourOptions, argv, "python -m benchmarks.first_hour", __doc__ or ""))


if __name__ == "__main__":
    command_line.main(main)
