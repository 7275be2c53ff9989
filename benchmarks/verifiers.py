"""Verifications per CPU-second, beside Math-Verify and MathRuler: `python -m benchmarks.verifiers`.

The same rows go through every grader in one process; what a grader keeps between answers is cleared before each
pass, so that no answer is ever seen twice. Peers are measured where they are installed (`pip install rlsd[peers]`).
`--fuzz 100000` gives random answers to our verifier instead and reports exceptions and the slowest.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

import verifiers
from agents.terminal import terminal
from benchmarks.verifier_rows import Row, ordinary_rows, random_answers, real_rows
from verifiers import answers, mathematics
from verifiers.expressions import units

_FUZZED = (
    "7",
    "0.75",
    r"\frac{3}{7}",
    r"2\sqrt3",
    "x^2-1",
    "(1,2)",
    r"\{1,2\}",
    "[0,1)",
    "x>2",
    "y=2x+1",
    "5 cm",
    "odd",
)
Grade = Callable[[str, str], bool]


@dataclasses.dataclass(frozen=True)
class Options:
    """What to measure."""

    rows: int = 1_000
    """Ordinary answers."""
    real: int = 1_000
    """Answers of real models, where ../shared/data is there."""
    passes: int = 3
    """Passes over the rows; the median counts, the first is left out."""
    fuzz: int = 0
    """Random answers to try instead of measuring."""
    out: Path | None = None
    """Where the numbers go as JSON."""


def ours() -> Grade:
    """Our verifier, on boxed answers."""
    verifier = verifiers.AnswerVerifier()
    verifier.warm_up()

    def grade(gold: str, answer: str) -> bool:
        return verifier.verify(rf"\boxed{{{answer}}}", verifiers.Reference(gold)).correct

    return grade


def math_verify() -> Grade:
    """Math-Verify as its best user calls it, the gold answer in a box."""
    from math_verify import parse, verify

    def grade(gold: str, answer: str) -> bool:
        return verify(parse(rf"\boxed{{{gold}}}"), parse(rf"\boxed{{{answer}}}"))

    return grade


def mathruler() -> Grade:
    """MathRuler's grader of answers."""
    from mathruler.grader import grade_answer

    return lambda gold, answer: grade_answer(answer, gold)


GRADERS: dict[str, tuple[str, Callable[[], Grade]]] = {
    "ours": ("rlsd", ours),
    "Math-Verify": ("math-verify", math_verify),
    "MathRuler": ("mathruler", mathruler),
}


def forget() -> None:
    """Clear what our verifier keeps between answers."""
    mathematics.read.cache_clear()
    answers._comparer.cache_clear()
    units.read_unit.cache_clear()


def measure(grade: Grade, rows: list[Row], passes: int) -> dict[str, float]:
    """CPU time and latencies of one grader."""
    rates: list[float] = []
    latencies: list[float] = []
    right = failed = 0
    for at in range(passes + 1):
        forget()
        latencies, right, failed = [], 0, 0
        began = time.process_time()
        for row in rows:
            start = time.perf_counter()
            try:
                verdict = grade(row.gold, row.answer)
                right += row.expected is not None and verdict is row.expected
            except Exception:  # a grader that raises is what is measured here
                failed += 1
            latencies.append(time.perf_counter() - start)
        if at:
            rates.append(len(rows) / (time.process_time() - began))
    latencies.sort()
    labelled = sum(row.expected is not None for row in rows)
    return {
        "per_cpu_second": statistics.median(rates),
        "p50_ms": 1e3 * latencies[len(latencies) // 2],
        "p99_ms": 1e3 * latencies[int(len(latencies) * 0.99)],
        "slowest_ms": 1e3 * latencies[-1],
        "agreement": right / labelled if labelled else float("nan"),
        "exceptions": failed,
    }


def import_seconds(module: str) -> float:
    """What importing a module adds to a fresh interpreter's start; the median of five."""

    def started(code: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return time.perf_counter() - began

    return statistics.median(started(f"import {module}") - started("pass") for _ in range(5))


def fuzz(count: int) -> dict[str, object]:
    """Random answers against golds of every kind."""
    verifier = verifiers.AnswerVerifier()
    verifier.warm_up()
    references = [verifiers.Reference(gold) for gold in _FUZZED] + [verifiers.Reference("B", choices=("1", "2", "red"))]
    statuses: Counter[str] = Counter()
    raised: dict[str, tuple[str, str]] = {}
    correct = late = 0
    slowest = (0.0, "", "")
    for at, answer in enumerate(random_answers(count)):
        reference = references[at % len(references)]
        response = answer if at % 10 == 0 else rf"<answer>{answer}</answer>"
        began = time.perf_counter()
        try:
            verdict = verifier.verify(response, reference)
        except Exception as error:  # what fuzzing looks for
            raised.setdefault(f"{type(error).__name__}: {error}"[:200], (answer, reference.answer))
            continue
        seconds = time.perf_counter() - began
        slowest = max(slowest, (seconds, answer, reference.answer))
        late += seconds > 1.0
        statuses[str(verdict.status)] += 1
        if verdict.status.failed:
            raised.setdefault(verdict.feedback[:200], (answer, reference.answer))
        correct += verdict.correct
    return {
        "answers": count,
        "statuses": dict(statuses),
        "correct": correct,
        "over_1_s": late,
        "slowest": slowest,
        "raised": raised,
    }


def main() -> None:
    """Measure and print."""
    options = tyro.cli(Options, description=__doc__)
    console = terminal(120)
    if options.fuzz:
        found: dict[str, object] = {"fuzz": fuzz(options.fuzz)}
        print(json.dumps(found, indent=2))
    else:
        sets = {"ordinary": ordinary_rows(options.rows), "real": real_rows(options.real)}
        found = {"import_seconds": import_seconds("verifiers"), "python": platform.python_version()}
        found["cores"] = os.cpu_count()
        for name, rows in sets.items():
            if rows:
                found[name] = _compared(console, name, rows, options.passes)
            else:
                console.print(f"No {name} rows: the data are not there.")
        console.print(f"import verifiers: {found['import_seconds']:.3f} s")
    if options.out is not None:
        options.out.write_text(json.dumps(found, indent=2) + "\n")


def _compared(console: Console, name: str, rows: list[Row], passes: int) -> dict[str, dict[str, float]]:
    table = Table(title=f"{len(rows)} {name} answers, one process", title_justify="left")
    for column in (
        "grader",
        "version",
        "per CPU-s",
        "ours / it",
        "p50, ms",
        "p99, ms",
        "slowest, ms",
        "agreement",
        "raised",
    ):
        table.add_column(column, justify="left" if column in ("grader", "version") else "right")
    results: dict[str, dict[str, float]] = {}
    for grader, (package, make) in GRADERS.items():
        try:
            version = importlib.metadata.version(package)
            grade = make()
        except ImportError as error:
            console.print(f"{grader} is not measured: {error}. Install it with: pip install 'rlsd[peers]'")
            continue
        with contextlib.redirect_stderr(open(os.devnull, "w")):
            result = results[grader] = measure(grade, rows, passes)
        ratio = results["ours"]["per_cpu_second"] / result["per_cpu_second"]
        table.add_row(
            grader, version, f"{result['per_cpu_second']:,.0f}", f"{ratio:.1f}", f"{result['p50_ms']:.3f}",
            f"{result['p99_ms']:.2f}", f"{result['slowest_ms']:.1f}", f"{result['agreement']:.3f}",
            f"{result['exceptions']:.0f}",
        )  # fmt: skip
    console.print(table)
    return results


if __name__ == "__main__":
    main()
