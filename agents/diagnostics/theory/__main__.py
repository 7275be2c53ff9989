"""Work out the statements of Self-Distilled RLVR where everything can be counted, by the functions that train models.

python -m agents.diagnostics.theory

prints both sides of each, where they are furthest from what is stated, and by how much, relative to the right side
where that is above 1. What is false has a counter-example, which must not hold. The exit status is 1 if one does not
come out as it should.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from agents import command_line
from agents.diagnostics.theory.proofs import prove
from agents.diagnostics.theory.tabular import Tabular


@dataclass(frozen=True)
class TheoryOptions:
    """The world that is counted; its logits have deviation 1."""

    seed: int = 0
    """Of the distributions and rewards."""
    tasks: int = 2
    """Tasks."""
    hints: int = 3
    """Hints that a task may have."""
    entries: int = 3
    """Entries of the vocabulary."""
    tokens: int = 3
    """Tokens of a response: there are entries ^ tokens of them."""


def main(argv: Sequence[str]) -> None:
    """Print all statements."""
    from rich.table import Table

    from agents.terminal import terminal

    options = command_line.parse(TheoryOptions, argv, "python -m agents.diagnostics.theory", __doc__ or "")
    world = Tabular.draw(options.seed, options.tasks, options.hints, options.entries, options.tokens)
    found = prove(world)
    table = Table("from", "statement", "left", "right", "difference", "", box=None)
    for one in found:
        table.add_row(one.source, one.says, f"{one.left:.6g}", f"{one.right:.6g}", f"{one.excess:.1e}", one.verdict)
    terminal(width=160).print(table)
    wrong = sum(not one.as_expected for one in found)
    print(f"{len(found)} statements, {wrong} of them not as they should be")
    if wrong:
        sys.exit(1)


if __name__ == "__main__":
    command_line.main(main)
