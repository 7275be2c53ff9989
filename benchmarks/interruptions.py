"""Interrupt comparisons at random moments and see them end the same: `python -m benchmarks.interruptions`.

A small comparison is run undisturbed. Then it is begun again and again, in a folder of its own each time, and gets
Ctrl-C or is killed outright (SIGKILL, workers included) once it has stored a drawn number of training steps; a report
is made of what is there, and the comparison resumed, now and then after a second interruption. It must end with the
same bytes of metrics, models and results as the undisturbed one, and every report must be whole.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agents import command_line
from agents.runs.kept import steps_done
from rlsd_env.errors import ConfigurationError

COMPARISON = "--agents grpo,rlsd --seeds 0,1 --steps 6 --prompts-per-step 4 --group-size 4 --checkpoint-every 1".split()
COMPARISON += "--eval-tasks 6 --eval-samples 2 --eval-every 3 --jobs 2".split()
STEPS = 2 * 2 * 6
"""Training steps of all its runs."""


@dataclasses.dataclass(frozen=True)
class InterruptionOptions:
    """Options of `python -m benchmarks.interruptions`."""

    out: Path = Path("runs/interruptions")
    """Folder for all comparisons; must be new."""
    times: int = 20
    """Comparisons that are interrupted."""
    seed: int = 0
    """Of the moments."""
    config: Path | None = None
    """TOML file with any of these options."""


def comparison(out: Path, *more: str) -> subprocess.Popen[str]:
    """Start a comparison in a process group of its own."""
    command = [sys.executable, "-m", "agents.compare", *COMPARISON, "--out", str(out), *more]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def stop(started: subprocess.Popen[str], how: signal.Signals) -> None:
    """Send a signal to a comparison and wait for its end: Ctrl-C to all of its group, as a terminal does."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(started.pid, how)
    started.communicate(timeout=300)


def stored(folder: Path) -> int:
    """Count the training steps that a comparison's runs have stored."""
    return sum(steps_done(path.parent) for path in folder.glob("runs/*/*/metrics.csv"))


def reached(started: subprocess.Popen[str], folder: Path, steps: int) -> bool:
    """Wait until so many steps are stored and the comparison's folder is claimed; False: it ended before."""
    while started.poll() is None:
        if (folder / "config.toml").exists() and stored(folder) >= steps:
            return True
        time.sleep(0.02)
    return False


def outcome(folder: Path) -> dict[str, bytes]:
    """Return what must be the same bytes: metrics, models, and results without the seconds."""
    found: dict[str, bytes] = {}
    for pattern in ("metrics.csv", "evaluations.csv", "*.safetensors"):
        found |= {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob(pattern))}
    for path in sorted([*folder.rglob("result.json"), folder / "results.json"]):
        record = json.loads(path.read_text("utf-8"))
        for name in ("seconds", "timing", "versions"):
            record.pop(name, None)
        found[str(path.relative_to(folder))] = json.dumps(record).encode()
    return found


def report(folder: Path, out: Path) -> str:
    """Make a report of what is there, and return its notice; "": there was nothing to report on yet."""
    if not (folder / "config.toml").exists():
        return ""
    command = [sys.executable, "-m", "agents.report", str(folder), "--out", str(out), "--no-figures"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"no report of {folder}: {done.stderr}")
    page = (out / "report.html").read_text("utf-8")
    if not page.rstrip().endswith("</html>"):
        raise RuntimeError(f"the report of {folder} is not whole")
    return next((line for line in (out / "report.md").read_text("utf-8").splitlines() if line.startswith("> ")), "all")


def run(options: InterruptionOptions) -> dict[str, Any]:
    """Interrupt, resume, compare and print a line for each time.

    Raises:
        ConfigurationError: the folder is there already.

    """
    if options.out.exists():
        raise ConfigurationError(f"out {str(options.out)!r} exists already; give another folder")
    options.out.mkdir(parents=True)
    whole = comparison(options.out / "undisturbed")
    _, errors = whole.communicate()
    if whole.returncode:
        raise RuntimeError(errors)
    wanted = outcome(options.out / "undisturbed")
    rng = np.random.default_rng(options.seed)
    same = interrupted = 0
    for number in range(options.times):
        folder = options.out / f"time{number}"
        told: list[str] = []
        for moment in sorted(rng.integers(0, STEPS, rng.integers(1, 3))):
            started = comparison(folder, *(["--resume"] if told else []))
            if not reached(started, folder, int(moment)):
                break
            time.sleep(float(rng.uniform(0, 0.3)))
            how = signal.SIGINT if rng.random() < 0.5 else signal.SIGKILL
            stop(started, how)
            interrupted += 1
            notice = report(folder, options.out / f"report{number}")
            told.append(f"{how.name} after {stored(folder)} of {STEPS} steps, report: {notice or 'none yet'}")
        started = comparison(folder, "--resume")
        started.communicate()
        equal = started.returncode == 0 and outcome(folder) == wanted
        same += equal
        report(folder, options.out / f"report{number}")
        print(f"{number}: {'; '.join(told)}: {'the same' if equal else 'NOT the same'}", flush=True)
    print(
        f"{interrupted} interruptions of {options.times} comparisons: {same} ended as the undisturbed one; all reports "
        "were whole"
    )
    return {"times": options.times, "interrupted": interrupted, "same": same}


def main(argv: Sequence[str]) -> None:
    """Read the arguments and interrupt."""
    found = run(command_line.parse(InterruptionOptions, argv, "python -m benchmarks.interruptions", __doc__ or ""))
    if found["same"] < found["times"]:
        sys.exit(1)


if __name__ == "__main__":
    command_line.main(main)
