"""Random and hostile answers: `answers`, and what they cost a verifier: `fuzz`."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.campaign.pairs import KINDS, pairs
from verifiers import Reference, Status, Verifier
from verifiers.service import shared_pool

_PIECES = (
    *"0123456789xyabnefgiCABD+-*/^_=<>!%'|:;,.()[]{} $&~\\\"#@?",
    *(
        r"\frac{ \dfrac{ \sqrt{ \sqrt[3]{ \left( \right) \mleft[ \bigl\{ \{ \} \cup \cap \infty \pi \pm \sin \cos \log_"
        r" \ln \sum_{k=1}^{ \prod_{k=1}^{ \int_0^1 \lim_{x\to0} \binom{ \begin{pmatrix} \end{pmatrix} \begin{cases}"
        r" \end{cases} \\ \text{ \mathrm{ \operatorname{ \boxed{ \cdot \times \le \ne \in \mathbb{R} \setminus ^\circ"
        r" \% \$ dx ! !! ' ** <answer> </answer> <think> </think> and or not if cm km/h apples percent 10 99 9^9 1e9"
        " 1e999999 0.5 ² ½ √ π ≤ ∞ ∑ é 中 ٣ ０ 𝟙 \u200b \u202e \ud800 \x00 \x7f \ufeff \n"
    ).split(" "),
)
_TOWERS = (
    "9^{9^{9^{9^{9}}}}",
    "9**9**9**9",
    "((9!)!)!",
    "100000000!",
    r"\binom{10^9}{5 \cdot 10^8}",
    "10^{10^{9}}",
    "(a+b+c+d)^{300}",
    "x^{10^{12}}-1",
    r"\sum_{k=1}^{10^{9}} k^{k}",
    r"\prod_{k=1}^{10^{8}} k!",
    r"\int_0^{10^9} \sin(x^{x^x}) \, dx",
    r"\lim_{n \to \infty} (1+\frac{1}{n})^{n^{n}}",
    r"\sqrt[10^{9}]{2^{10^{9}}}",
    r"\log_{1.0000000001}(10^{1000})",
    "1e999999999",
    "0.(142857)^{99999}",
    "(2^{99999}) \\bmod 1000007",
    r"\gcd(10^{5000}+1, 10^{4999}+3)",
    r"\{x \mid x^{100}-x^{99}+1=0\}",
    r"\left|\sin(10^{10^{5}})\right| < x^{x} < 10",
)
_PAYLOADS = (
    "__import__('pathlib').Path('{0}').touch()",
    "open('{0}','w')",
    "exec(\"open('{0}','w')\")",
    "eval(compile(\"open('{0}','w')\",'','exec'))",
    r"\pi**__import__('pathlib').Path('{0}').touch()",
    r"\begin{{pmatrix}} [open('{0}','w')] \end{{pmatrix}}",
    "[x for x in [open('{0}','w')]]",
    "(lambda: open('{0}','w'))()",
    "Symbol('x').func(open('{0}','w'))",
    "{{open('{0}','w')}}",
    'f\'{{open("{0}","w")}}\'',
    "$(touch {0})",
    "`touch {0}`",
    "; touch {0} #",
    r"\input{{|touch {0}}}",
    r"\write18{{touch {0}}}",
    "().__class__.__base__.__subclasses__()[0](open('{0}','w'))",
    "1 if open('{0}','w') else 2",
    "!!python/object/apply:os.system ['touch {0}']",
    "x=open('{0}','w')",
    r"\sqrt{{open('{0}','w')}}",
)
_WRAPPED = (
    "<answer>{}</answer>",
    "<answer>{}</answer>",
    r"\boxed{{{}}}",
    "The final answer is ${}$.",
    "{}",
    "<think>{}</think><answer>{}</answer>",
    "<answer>{}",
)
BATCH = 10_000
LATE = 1.0
"""Seconds of CPU above which a verdict is late."""
STOP_S = 5.0
"""Seconds of CPU after which a verdict is stopped; it counts with as many."""
TIMEOUT_S = 0.8
"""Seconds that a worker has worked which was stopped at its limit, that of `AnswerVerifier`."""


def answers(count: int, seed: int, mark: str) -> Iterator[tuple[str, Reference]]:
    """Draw responses: answers of the grammar changed in a few places, pieces in a row, nests, towers and payloads.

    Args:
        count: how many.
        seed: of the draws.
        mark: a file that a payload makes where it is run.

    """
    generator = random.Random(f"fuzz {seed}")
    rows = [row for found in pairs(4 * len(KINDS) * 4, seed + 1) for row in found]
    for _ in range(count):
        row, other = generator.choice(rows), generator.choice(rows)
        how = generator.random()
        if how < 0.5:
            text = changed(row.answer, generator)
        elif how < 0.7:
            text = "".join(generator.choice(_PIECES) for _ in range(generator.randrange(1, 40)))
        elif how < 0.8:
            text = _nested(other.answer if generator.random() < 0.5 else "x", generator)
        elif how < 0.9:
            text = _combined(generator.choice(_TOWERS), generator)
        else:
            text = _combined(generator.choice(_PAYLOADS).format(mark), generator)
        gold, choices = (row.gold, row.choices) if generator.random() < 0.95 else ("B", ("1", "2", "red"))
        wrapped = generator.choice(_WRAPPED)
        yield wrapped.replace("{}", text).replace("{{", "{").replace("}}", "}"), Reference(gold, choices=choices)


def changed(text: str, generator: random.Random) -> str:
    """Change a text in up to four places: leave out, double, insert, exchange."""
    for _ in range(generator.randrange(1, 5)):
        start = generator.randrange(len(text) + 1)
        end = min(len(text), start + generator.randrange(4))
        middle = generator.choice(("", text[start:end] * 2, generator.choice(_PIECES), text[start:end][::-1]))
        text = text[:start] + middle + text[end:]
    return text


def _nested(text: str, generator: random.Random) -> str:
    opener, closer = generator.choice(
        (
            ("(", ")"),
            ("{", "}"),
            (r"\frac{1}{1+", "}"),
            (r"\sqrt{", "}"),
            ("[", "]"),
            ("|", "|"),
            ("-", ""),
            ("x^{", "}"),
            (r"\left(", r"\right)"),
            (r"\text{", "}"),
            (r"\boxed{", "}"),
            ("sin(", ")"),
            ("2(", ")!"),
        )
    )
    depth = generator.choice((5, 30, 39, 41, 100, 1_000, 20_000))
    return opener * depth + text + closer * (depth - (generator.random() < 0.2))


def _combined(text: str, generator: random.Random) -> str:
    """Put a text beside or into something ordinary."""
    form = generator.choice(
        (
            "{}",
            "{}",
            "7+{}",
            "({})",
            r"\frac{{1}}{{{}}}",
            "[{}, 2]",
            "x = {}",
            "{} = 7",
            r"\sqrt{{{}}}",
            "-{}",
            "{}-{}",
            "{} cm",
        )
    )
    made = form.replace("{{", "\0").replace("}}", "\1").replace("{}", text).replace("\0", "{").replace("\1", "}")
    return changed(made, generator) if generator.random() < 0.3 else made


@dataclasses.dataclass
class Found:
    """What fuzzing found.

    Attributes:
        answers: judged so far.
        statuses: how many of each.
        correct: how many were right.
        raised: what the verifier raised or reported as its own failure, with a response.
        executed: responses after whose batch the file of the payloads was there.
        late: (seconds, response, gold) of verdicts above `LATE`.
        seconds: CPU of each verdict, the workers' included.
        slowest: (seconds, response, gold).

    """

    answers: int = 0
    statuses: Counter[str] = dataclasses.field(default_factory=Counter)
    correct: int = 0
    raised: dict[str, tuple[str, str]] = dataclasses.field(default_factory=dict)
    executed: int = 0
    late: list[tuple[float, str, str]] = dataclasses.field(default_factory=list)
    seconds: list[float] = dataclasses.field(default_factory=list)
    slowest: tuple[float, str, str] = (0.0, "", "")

    def figures(self) -> dict[str, Any]:
        """Return what the file holds."""
        ordered = sorted(self.seconds)
        return {
            "answers": self.answers,
            "statuses": dict(sorted(self.statuses.items())),
            "correct": self.correct,
            "raised": self.raised,
            "executed": self.executed,
            "over_1_s": len(self.late),
            "late": self.late[:20],
            "mean_ms": 1e3 * sum(ordered) / len(ordered),
            "p99_ms": 1e3 * ordered[int(len(ordered) * 0.99)],
            "max_ms": 1e3 * ordered[-1],
            "slowest": self.slowest,
        }


def fuzz(verifier: Verifier, count: int, seed: int, told: Callable[[Found], None]) -> Found:
    """Judge random and hostile answers.

    Args:
        verifier: judges them.
        count: how many.
        seed: of the answers.
        told: is called after every `BATCH` of them, and at the end.

    """
    verifier.warm_up()
    found, meter = Found(), WorkerMeter()
    meter.settle()
    with tempfile.TemporaryDirectory() as folder:
        mark = Path(folder) / "mark"
        for response, reference in answers(count, seed, str(mark)):
            _judge(verifier, response, reference, found, meter)
            if mark.exists():
                found.executed += 1
                mark.unlink()
            if found.answers % BATCH == 0 or found.answers == count:
                told(found)
    return found


def _judge(verifier: Verifier, response: str, reference: Reference, found: Found, meter: WorkerMeter) -> None:
    found.answers += 1
    calls, began = meter.calls(), time.thread_time()
    try:
        with stopped(STOP_S):
            verdict = verifier.verify(response, reference)
    except TooLate:
        found.statuses["stopped"] += 1
        found.late.append((STOP_S, response[:300], reference.answer))
        found.seconds.append(STOP_S)
        found.slowest = max(found.slowest, found.late[-1])
        return
    except Exception as error:  # what fuzzing looks for
        found.raised.setdefault(f"{type(error).__name__}: {error}"[:200], (response[:300], reference.answer))
        found.statuses["raised"] += 1
        return
    seconds = time.thread_time() - began
    if verdict.status is Status.TIMEOUT:
        seconds += TIMEOUT_S
        meter.settle()
    elif meter.calls() > calls:
        seconds += meter.spent()
    found.seconds.append(seconds)
    told = (seconds, response[:300], reference.answer)
    found.slowest = max(found.slowest, told)
    if seconds > LATE:
        found.late.append(told)
    found.statuses[verdict.status.value] += 1
    found.correct += verdict.correct
    if verdict.status is Status.ERROR:
        found.raised.setdefault(verdict.feedback[:200], (response[:300], reference.answer))


class TooLate(BaseException):
    """A verdict was stopped; no `Exception`, so that no verifier takes it for a failure of its own."""


@contextlib.contextmanager
def stopped(seconds: float) -> Iterator[None]:
    """Stop what runs within after so many seconds of this process's CPU. In the main thread only.

    Raises:
        TooLate: it was stopped.

    """

    def stop(*_: object) -> None:
        raise TooLate

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


class WorkerMeter:
    """CPU seconds of this process's worker processes (Linux; elsewhere none are seen)."""

    def __init__(self) -> None:
        self._seen: dict[int, float] = {}

    def calls(self) -> int:
        """Return how many calls workers have done."""
        return shared_pool().stats()["calls"]

    def spent(self) -> float:
        """Return the seconds since the last call of the processes that were there then and are still."""
        now = _children()
        spent = sum(seconds - self._seen[pid] for pid, seconds in now.items() if pid in self._seen)
        self._seen = now
        return spent

    def settle(self) -> None:
        """Wait, for at most 20 s, until all workers have started and none works."""
        for _ in range(40):
            self.spent()
            time.sleep(0.5)
            if self.spent() < 0.02:
                break


def _children() -> dict[int, float]:
    """Return the CPU seconds of the direct children, by process."""
    found: dict[int, float] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[1]) == os.getpid():
            found[int(entry.parent.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found
