"""What there is to compare: every algorithm's formula, source, options, and what of it is inferred.

python -m agents.algorithms               a table of all
python -m agents.algorithms rlsd          that one
python -m agents.algorithms --markdown    docs/algorithms.md; its pages: python -m agents.lab.pages
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from agents import command_line
from agents.algorithms.catalogue import describe, index, sources
from agents.algorithms.registry import find, names


def _text(name: str) -> str:
    found = describe(name)
    inferred = f"\n\nInferred: {found.inferred}" if found.inferred else ""
    options = "".join(f"  {field.name} = {field.default!r}\n" for field in dataclasses.fields(find(name)))
    return f"{found.title}\n\n{found.body}{inferred}\n\n{options}"


def _table() -> None:
    from rich.table import Table

    from agents.terminal import terminal

    table = Table("algorithm", "", "from")
    for name in names():
        table.add_row(name, describe(name).title, sources(name))
    terminal(width=140).print(table)


def main(argv: Sequence[str]) -> None:
    """Print what was asked for."""
    command_line.reference(argv, __doc__ or "", "algorithm", _table, _text, index)


if __name__ == "__main__":
    command_line.main(main)
