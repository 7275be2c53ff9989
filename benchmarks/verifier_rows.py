"""Rows for the verifiers' benchmark: ordinary answers of every kind, real ones, and random ones for fuzzing."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

REAL = Path("..") / "shared" / "data" / "mathvision"
"""Where real model outputs lie, seen from the project's root; not part of the project."""


class Row(NamedTuple):
    """A gold answer, an answer, and whether it is right (None: nobody has said)."""

    gold: str
    answer: str
    expected: bool | None


def ordinary_rows(count: int, seed: int = 0) -> list[Row]:
    """Answers as models write them, half right and half near misses, from a fixed seed."""
    generator = random.Random(seed)
    return [_made(generator, at % 2 == 0) for at in range(count)]


def _made(generator: random.Random, right: bool) -> Row:
    kind = generator.choice(_KINDS)
    gold, same, other = kind(generator)
    return Row(gold, same if right else other, right)


def _integer(generator: random.Random) -> tuple[str, str, str]:
    value = generator.randrange(-5_000, 50_000)
    return str(value), f"{value:,}", str(value + generator.choice((-10, -1, 1, 10)))


def _decimal(generator: random.Random) -> tuple[str, str, str]:
    value = generator.randrange(1_000, 99_999)
    return f"{value / 1000:.3f}", f"${value / 1000:.3f}$", f"{(value + 7) / 1000:.3f}"


def _fraction(generator: random.Random) -> tuple[str, str, str]:
    value = Fraction(generator.randrange(1, 60), generator.randrange(2, 60))
    top, bottom = value.numerator, value.denominator
    return rf"\frac{{{top}}}{{{bottom}}}", f"{2 * top}/{2 * bottom}", rf"\frac{{{top + 1}}}{{{bottom}}}"


def _surd(generator: random.Random) -> tuple[str, str, str]:
    a, b = generator.randrange(2, 9), generator.choice((2, 3, 5, 7))
    return rf"{a}\sqrt{{{b}}}", rf"\sqrt{{{a * a * b}}}", rf"{a}\sqrt{{{b + 4}}}"


def _polynomial(generator: random.Random) -> tuple[str, str, str]:
    a, b = generator.randrange(1, 9), generator.randrange(1, 9)
    return f"(x+{a})(x-{b})", f"x^2+{a - b}x-{a * b}".replace("+-", "-"), f"x^2+{a + b}x-{a * b}"


def _interval(generator: random.Random) -> tuple[str, str, str]:
    a = generator.randrange(-9, 9)
    b = a + generator.randrange(1, 9)
    return f"[{a},{b})", rf"{a} \le x < {b}", f"({a},{b}]"


def _solutions(generator: random.Random) -> tuple[str, str, str]:
    a, b = generator.sample(range(-9, 9), 2)
    return f"{a}, {b}", rf"x={b} \text{{ or }} x={a}", f"x={a}"


def _point(generator: random.Random) -> tuple[str, str, str]:
    a, b = generator.sample(range(-9, 9), 2)
    return f"({a},{b})", rf"\left({a}, {b}\right)", f"({b},{a})"


def _quantity(generator: random.Random) -> tuple[str, str, str]:
    a = generator.randrange(1, 90)
    return rf"{a}\text{{ cm}}", f"{a * 10} mm", rf"{a}\text{{ m}}"


def _equation(generator: random.Random) -> tuple[str, str, str]:
    a, b = generator.randrange(2, 9), generator.randrange(1, 9)
    return f"y={a}x+{b}", f"{a}x-y+{b}=0", f"y={a}x-{b}"


def _trigonometry(generator: random.Random) -> tuple[str, str, str]:
    a = generator.randrange(2, 9)
    return rf"{a}\sin^2 x", rf"{a}-{a}\cos^2 x", rf"{a}\sin x^2"


def _matrix(generator: random.Random) -> tuple[str, str, str]:
    a, b, c, d = (generator.randrange(-9, 9) for _ in range(4))
    body, turned = rf"{a}&{b}\\{c}&{d + 20}", rf"{a}&{c}\\{b + 1}&{d + 20}"
    return (
        rf"\begin{{pmatrix}}{body}\end{{pmatrix}}",
        rf"\begin{{bmatrix}}{body}\end{{bmatrix}}",
        rf"\begin{{pmatrix}}{turned}\end{{pmatrix}}",
    )


_KINDS = (
    _integer, _integer, _integer, _decimal, _fraction, _surd, _polynomial, _interval, _solutions, _point, _quantity,
    _equation, _trigonometry, _matrix,
)  # fmt: skip


def real_rows(count: int) -> list[Row]:
    """Final answers of real models to MathVision's free-form problems; none where the data are absent."""
    if not (REAL / "official_outputs_dev.jsonl.gz").exists():
        return []
    with gzip.open(REAL / "test.jsonl.gz", "rt", encoding="utf-8") as lines:
        problems = {row["id"]: row for row in map(json.loads, lines)}
    with gzip.open(REAL / "official_outputs_dev.jsonl.gz", "rt", encoding="utf-8") as lines:
        outputs = [row for row in map(json.loads, lines) if not problems[row["id"]]["options"]]
    generator = random.Random(0)
    chosen = generator.sample(outputs, min(count, len(outputs)))
    return [
        Row(problems[row["id"]]["answer"], row["model_answer"][:200], None) for row in chosen if row["model_answer"]
    ]


_PIECES = (
    *"0123456789xyznabcfgeiABCD+-*/^_=<>!%'|:;,.()[]{} $&~",
    *(
        r"\frac{ \sqrt{ \sqrt[3]{ \left( \right) \{ \} \cup \cap \infty \pi \pm \sin \cos \log_ \ln \sum_{k=1}^{"
        r" \prod_{k=1}^{ \int_0^1 \binom{ \begin{pmatrix} \end{pmatrix} \begin{cases} \end{cases} \\ \text{ \boxed{"
        r" \cdot \times \le \ne \in \mathbb{R} \setminus ^\circ \% \$ dx <answer> </answer> <think> </think> and or"
        r" not cm km/h apples percent 10 99 9^9 1e9 0.5 ! ² ½ √ π ≤ ∞ é 中"
    ).split(),
    r"\lim_{x\to 0}", r"\text{ cm}", r"\text{ or }", "answer is ", "\u200b", "\ud800", "\x00", "\n",
)  # fmt: skip


def random_answers(count: int, seed: int = 0) -> Iterator[str]:
    """Random strings out of the pieces that answers are made of; some are whole answers changed in one place."""
    generator = random.Random(seed)
    whole = ordinary_rows(500, seed + 1)
    for at in range(count):
        if at % 3 == 0:
            text = generator.choice(whole).answer
            for _ in range(generator.randrange(1, 4)):
                place = generator.randrange(len(text) + 1)
                text = text[:place] + generator.choice(_PIECES) + text[place + generator.randrange(3) :]
            yield text
        else:
            yield "".join(generator.choice(_PIECES) for _ in range(generator.randrange(1, 25)))
