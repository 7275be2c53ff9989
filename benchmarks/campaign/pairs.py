"""Pairs of an equal form and of a near miss, as rows that a verifier judges: `pairs`."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator

from benchmarks.campaign import shape_mistakes, shapes, words
from benchmarks.campaign.grammar import VALUES
from benchmarks.campaign.meaning import same
from benchmarks.campaign.notation import Writer
from benchmarks.campaign.rewriting import rewritten
from benchmarks.campaign.structures import write
from benchmarks.campaign.trees import Node

TREES = VALUES | shapes.STRUCTURES
WORDS = {"text": words.text, "letters": words.letter}
KINDS = (*TREES, *WORDS)
ONLY_LATEX = ("matrices", "determinants", "factorials and binomials")
"""Kinds without a common plain notation."""
_ATTEMPTS = 50
_FORMULAS = (
    r"\boxed{{{}}}",
    r"$\boxed{{{}}}$",
    r"$$\boxed{{{}}}$$",
    r"\[\boxed{{{}}}\]",
    "<answer>{}</answer>",
    "<answer>${}$</answer>",
    r"<answer>\({}\)</answer>",
    r"<answer>\boxed{{{}}}</answer>",
    "The final answer is ${}$.",
    "Therefore, the answer is ${}$.",
    r"Thus the final answer is $\boxed{{{}}}$.",
    "<think>Let me see.</think>\n<answer>{}</answer>",
    "**Final answer:** ${}$",
    r"\fbox{{{}}}",
)
_TEXTS = (
    "<answer>{}</answer>",
    "<answer> {} </answer>",
    r"\boxed{{{}}}",
    "The final answer is {}.",
    "<think>Let me see.</think>\n<answer>{}</answer>",
)


@dataclasses.dataclass(frozen=True)
class Row:
    """What a verifier judges.

    Attributes:
        kind: of answer, one of `KINDS`.
        gold: the gold answer.
        answer: the other one, as written.
        response: the response with it.
        expected: whether it is right.
        steps: how the two were made from one another.
        choices: the options, of multiple choice.

    """

    kind: str
    gold: str
    answer: str
    response: str
    expected: bool
    steps: tuple[str, ...]
    choices: tuple[str, ...] = ()


def pairs(count: int, seed: int, kinds: tuple[str, ...] = KINDS) -> Iterator[list[Row]]:
    """Draw pairs, the kinds in turn, as many equal forms as near misses of each.

    Yields:
        The rows of a pair: both directions where both are certain, one, or none where none was found.

    """
    for number in range(count):
        kind = kinds[number // 2 % len(kinds)]
        generator = random.Random(f"{seed} {number}")
        yield _worded(kind, number % 2 == 0, generator) if kind in WORDS else _drawn(kind, number % 2 == 0, generator)


def _worded(kind: str, equal: bool, generator: random.Random) -> list[Row]:
    made = WORDS[kind](generator, equal)
    response = generator.choice(_TEXTS).format(made.answer)
    return [Row(kind, made.gold, made.answer, response, equal, tuple(made.steps), made.choices)]


def _drawn(kind: str, equal: bool, generator: random.Random) -> list[Row]:
    for _ in range(_ATTEMPTS):
        first, second = TREES[kind](generator)
        changes: list[str] = []
        if not equal:
            second, changes = shape_mistakes.mutated(second, generator)
            if not changes:
                continue
        sides = [rewritten(first, generator), rewritten(second, generator)]
        if not all(shapes.valid(node) for node, _ in sides):
            continue
        (gold, gold_steps), (answer, answer_steps) = sides
        marked = tuple(f"{change}!" for change in changes)
        rows = [
            _row(kind, gold, answer, equal, (*gold_steps, "|", *marked, *answer_steps), generator),
            _row(kind, answer, gold, equal, (*marked, *answer_steps, "|", *gold_steps), generator),
        ]
        if found := [row for row in rows if row is not None]:
            return found
    return []


def _row(
    kind: str, gold: Node, answer: Node, equal: bool, steps: tuple[str, ...], generator: random.Random
) -> Row | None:
    try:
        if same(gold, answer) is not equal:
            return None
    except (ArithmeticError, ValueError, TypeError):
        return None
    manner = "latex" if kind in ONLY_LATEX else None
    gold_writer, writer = Writer(generator, manner), Writer(generator, manner)
    gold_text, text = write(gold, gold_writer), write(answer, writer)
    if gold_writer.latex and generator.random() < 0.15:
        gold_text = f"${gold_text}$"
    forms = _FORMULAS if writer.latex else _TEXTS
    return Row(kind, gold_text, text, generator.choice(forms).format(text), equal, steps)
