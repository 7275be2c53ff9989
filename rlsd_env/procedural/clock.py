"""`rlsd/Clock-v0`: read an analogue clock, reckon from it, or compare two."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rlsd_env.procedural.base import Draft, ProceduralSource, operand
from rlsd_env.procedural.drawing import Canvas
from rlsd_env.task import Image
from verifiers import AnswerKind, AnswerVerifier, Reference, Step, Verdict

ROUND = 12 * 60
"""Minutes in which a clock comes round."""
SIDE = 8
"""Cells along the side of the square around one clock."""
HAND_COLOURS = ("red", "blue", "green", "purple")
"""What colours the minute hand has; the hour hand is black."""
LEADING_ZERO = re.compile(r"(?<![\d:])0(?=\d:\d\d(?!\d))")


@dataclass(frozen=True)
class Level:
    """What a difficulty means: minutes between the times that occur, what is asked, the most minutes of a delay,
    and whether the hours are written on the face."""

    step: int
    questions: tuple[str, ...]
    delay: int = 0
    numerals: bool = True


LEVELS = (
    Level(30, ("read",)),
    Level(5, ("read", "later"), delay=55),
    Level(1, ("read", "later", "earlier"), delay=120),
    Level(1, ("later", "earlier"), delay=600, numerals=False),
    Level(1, ("difference",), numerals=False),
)


class ClockVerifier(AnswerVerifier):
    """Judges as `AnswerVerifier` does, but takes 03:05 for 3:05.

    A time is compared as it is written, in hours and minutes with a colon: 3/5, 3.05 and 15:05 are wrong for 3:05.

    >>> verdict = ClockVerifier().verify("<answer> 03:05 </answer>", Reference("3:05", AnswerKind.TEXT))
    >>> verdict.correct, verdict.extracted
    (True, '3:05')
    """

    name = "clock"
    version = "1"

    def verify(self, response: str, reference: Reference) -> Verdict:
        """Judge one response; as for `AnswerVerifier`."""
        return super().verify(_without_leading_zeros(response), reference)

    def verify_batch(self, responses: Sequence[str], references: Sequence[Reference]) -> list[Verdict]:
        """Judge responses[i] against references[i]; as for `AnswerVerifier`."""
        return super().verify_batch([_without_leading_zeros(response) for response in responses], references)


def _without_leading_zeros(response: str) -> str:
    return LEADING_ZERO.sub("", response) if isinstance(response, str) else response  # others get Status.ERROR


class Clock(ProceduralSource):
    """Read a clock, say what time it will be or was, or how far two clocks are apart.

    ## Description
    A clock face with a short black hour hand and a long minute hand in a colour; at the higher levels with marks but no
    numerals. The answer is a time on a twelve-hour clock such as 3:05, or a number of minutes at difficulty 5. The
    worked solution reckons in minutes past 12.

    ## Action Space
    Text: the completion, with the answer in `<answer> </answer>`.

    ## Observation Space
    `question` (text with one `<image>`), `images` (one picture), `choices` (empty), `feedback`, `turn`.

    ## Rewards
    1 for the exact time in hours and minutes with a colon (03:05 is 3:05) or number of minutes, else 0.

    ## Starting State
    A task drawn from the fold by the seed, or the one that `options={"task_index": n}` names.

    ## Episode End
    After one completion.

    ## Information
    `task`, `task_id`; after a step `verdict` and `reward/<part>`.

    ## Arguments
    `difficulty` (default 2): 1: read full and half hours. 2: multiples of 5 minutes, also up to 55 minutes later.
    3: any minute, up to 120 later or earlier. 4: up to 600, without numerals. 5: the minutes from one clock to
    another.
    `cell` (default 16): an eighth of the width of a clock in pixels.

    ## Version History
    v0: first version.
    """

    family = "clock"
    verifier = "rlsd_env.procedural.clock:ClockVerifier"
    levels = len(LEVELS)

    def make(self, task_id: str, rng: np.random.Generator) -> Draft:
        """Draw the question, the time or times, and the delay."""
        level = LEVELS[self.difficulty - 1]
        question = level.questions[int(rng.integers(len(level.questions)))]
        count = 2 if question == "difference" else 1
        times = [int(n) * level.step for n in rng.choice(ROUND // level.step, size=count, replace=False)]
        kind = AnswerKind.TEXT
        if question == "read":
            what, steps = "What time does the clock show?", [Step("time on the clock", clock_text(times[0]))]
        elif question == "difference":
            what = "How many minutes after the time on the left clock is the time on the right clock next shown?"
            steps, kind = _difference_steps(*times), AnswerKind.INTEGER
        else:
            delay = int(rng.integers(1, level.delay // level.step + 1)) * level.step
            verb, sign = ("will it be", 1) if question == "later" else ("was it", -1)
            what = f"What time {verb} {delay} minutes {question} than the clock shows?"
            steps = _delay_steps(times[0], sign * delay)
        if kind is AnswerKind.TEXT:
            what += " Answer in the form 9:05."
        colour = HAND_COLOURS[int(rng.integers(len(HAND_COLOURS)))]

        def show() -> Image:
            return self._draw(times, colour, level.numerals)

        return self.compose(
            task_id, f"<image>{what}", steps, kind, content=[times, colour], show=show, operation=question
        )

    def _draw(self, times: list[int], colour: str, numerals: bool) -> Image:
        cell = self.cell
        canvas = Canvas(SIDE * cell * len(times), SIDE * cell)
        for number, time in enumerate(times):
            centre = ((number + 0.5) * SIDE * cell, SIDE / 2 * cell)

            def at(turn: float, radius: float, centre: tuple[float, float] = centre) -> tuple[float, float]:
                """Return the point at a part of a whole turn from twelve o'clock and a radius in cells."""
                angle = 2 * math.pi * turn
                return centre[0] + radius * cell * math.sin(angle), centre[1] - radius * cell * math.cos(angle)

            canvas.arc(centre, 3.8 * cell, 0.15 * cell)
            for mark in range(60):
                inner, thickness = (3.5, 0.06) if mark % 5 else (3.3, 0.15)
                canvas.line([at(mark / 60, inner), at(mark / 60, 3.7)], thickness * cell)
            for hour in range(1, 13) if numerals else ():
                canvas.text(at(hour / 12, 2.8), str(hour), 0.8 * cell)
            canvas.line([centre, at(time % 60 / 60, 2.3 if numerals else 3.2)], 0.16 * cell, colour)
            canvas.line([centre, at(time / ROUND, 1.5)], 0.34 * cell)
            canvas.shape("circle", "black", centre, 0.25 * cell)
        return canvas.array()


def clock_text(minutes: int) -> str:
    """Write minutes past 12 as a time.

    >>> clock_text(0), clock_text(185)
    ('12:00', '3:05')
    """
    return f"{minutes // 60 or 12}:{minutes % 60:02d}"


def _delay_steps(time: int, delay: int) -> list[Step]:
    steps = [Step("time on the clock", clock_text(time)), Step("minutes past 12", str(time))]
    sign = "+" if delay > 0 else "-"
    steps.append(Step(f"{time} {sign} {abs(delay)}", str(time + delay)))
    return [*steps, *_wrapped(time + delay), Step("time asked for", clock_text((time + delay) % ROUND))]


def _difference_steps(left: int, right: int) -> list[Step]:
    steps = []
    for name, time in (("left", left), ("right", right)):
        steps.append(Step(f"time on the {name} clock", clock_text(time)))
        steps.append(Step(f"minutes past 12 on the {name} clock", str(time)))
    return [*steps, Step(f"{right} - {left}", str(right - left)), *_wrapped(right - left)]


def _wrapped(minutes: int) -> list[Step]:
    """Bring a number of minutes into one round of the clock, in a step if it takes one."""
    if 0 <= minutes < ROUND:
        return []
    sign = "+" if minutes < 0 else "-"
    return [Step(f"{operand(minutes)} {sign} {ROUND}", str(minutes % ROUND))]
