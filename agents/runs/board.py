"""What is known of all runs of a command while they go on, and how long they still take.

Times left come from the steps of this session alone: those before a resume took no time here, and the first step of a
run, in which much happens for the first time, is left out.
"""

from __future__ import annotations

import enum
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

from agents.runs.progress import FAILED, Progress, duration
from agents.terminal import counted

MEASURED = 3
"""Steps that are timed before a time left is shown."""
WINDOW = 20
"""The latest steps, whose mean a run's time left is from."""


class State(enum.Enum):
    """Where a run stands."""

    WAITING = "waiting"
    """It has not begun, or waits to begin again since its worker was lost."""
    RUNNING = "running"
    """It has reported."""
    DONE = "done"
    """It has ended as it should."""
    FAILED = "failed"
    """It has ended with an error."""


class Run:
    """What is known of one run.

    Args:
        name: what it is called.
        steps: steps in all.
        step: steps that were done before.

    """

    def __init__(self, name: str, steps: int = 0, step: int = 0) -> None:
        self.name = name
        self.steps = steps
        self.step = step
        self.state = State.WAITING
        self.latest: Progress | None = None
        self._times: deque[tuple[int, float]] = deque(maxlen=WINDOW + 1)

    def take(self, progress: Progress) -> None:
        """Take a report; the last one may be behind the news that the run has ended."""
        if self.state is State.WAITING:
            self.state = State.RUNNING
        self.step, self.steps, self.latest = progress.step, progress.steps, progress
        if progress.seconds:
            self._times.append((progress.step, progress.seconds))
        else:
            self._times.clear()

    @property
    def left(self) -> float | None:
        """Seconds that its steps still take; None: not known yet."""
        if len(self._times) <= MEASURED:
            return None
        (first, began), (last, ended) = self._times[0], self._times[-1]
        if last == first:  # a baseline of the user's own may report what it likes
            return None
        return (ended - began) / (last - first) * (self.steps - self.step)


class Board:
    """Takes the reports of all runs; as it is, it shows nothing.

    Reports may come from one thread while another reads.

    Args:
        runs: steps in all, and those that were done before, by the name of each run that is to come; runs that are not
            among them are known from their first report on.
        clock: tells the seconds.

    """

    def __init__(
        self, runs: Mapping[str, tuple[int, int]] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.runs = {name: Run(name, steps, step) for name, (steps, step) in (runs or {}).items()}
        self.lock = threading.RLock()
        self.ended: list[Run] = []
        self._clock = clock
        self._lost = 0
        self._told: set[str] = set()  # runs of which it was said that their verifier or environment fails
        self._first: float | None = None
        self._measured = -1  # steps since the first of this session

    def __call__(self, progress: Progress) -> None:
        """Take a report."""
        with self.lock:
            self.runs.setdefault(progress.name, Run(progress.name)).take(progress)
            if progress.seconds:
                self._measured += 1
                self._first = self._clock() if self._first is None else self._first
            fails = FAILED in progress.figures and progress.name not in self._told
            if fails:
                self._told.add(progress.name)
        if fails:
            self.say(
                f"{progress.name}, step {progress.step}: the verifier or environment failed on "
                f"{progress.figures[FAILED]:.1%} of the attempts, which rewards leave out; "
                "see status_*_share of metrics.csv for later steps"
            )

    def done(self, name: str) -> None:
        """Know that a run has ended as it should."""
        with self.lock:
            run = self._end(name, State.DONE)
            run.step = run.steps

    def failed(self, name: str) -> None:
        """Know that a run has ended with an error."""
        self._end(name, State.FAILED)

    def _end(self, name: str, state: State) -> Run:
        with self.lock:
            run = self.runs.setdefault(name, Run(name))
            run.state = state
            self.ended.append(run)
            return run

    def lost(self, name: str) -> None:
        """Know that a run's worker was lost, and that it waits to begin again."""
        with self.lock:
            self.runs.setdefault(name, Run(name)).state = State.WAITING
            self._lost += 1

    def open(self) -> None:
        """Begin to show."""

    def say(self, text: str) -> None:
        """Show a line beside the reports."""

    def close(self) -> None:
        """Show no more."""

    def in_state(self, state: State) -> list[Run]:
        """Return the runs that stand somewhere."""
        with self.lock:
            return [run for run in self.runs.values() if run.state is state]

    @property
    def left(self) -> float | None:
        """Seconds that the steps of all runs still take, with what comes between them; None: not known yet.

        At the pace of all since the first step, however many run at a time, and no less than the slowest run takes.
        """
        with self.lock:
            if self._first is None or self._measured < MEASURED:
                return None
            running = self.in_state(State.RUNNING)
            steps = sum(run.steps - run.step for run in [*running, *self.in_state(State.WAITING)])
            pace = (self._clock() - self._first) / self._measured
            return max([steps * pace, *(run.left or 0.0 for run in running)])

    def summary(self) -> str:
        """Say how far all runs are together, how long they still take, and what failed."""
        with self.lock:
            counts = {state: len(self.in_state(state)) for state in State}
            failed = [run.name for run in self.in_state(State.FAILED)]
            parts = []
            if steps := sum(run.steps for run in self.runs.values()):
                parts.append(f"{sum(run.step for run in self.runs.values()):,}/{steps:,} steps")
            for state in (State.RUNNING, State.DONE, State.WAITING):
                parts += [f"{counts[state]} {state.value}"] if counts[state] else []
            if not failed and counts[State.RUNNING] + counts[State.WAITING]:
                parts.append(f"{duration(self.left)} left")
            parts += [f"{counted(self._lost, 'worker')} lost"] if self._lost else []
            parts += [f"failed: {'; '.join(failed)}"] if failed else []
            return ", ".join(parts)
