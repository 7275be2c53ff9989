"""What there is to compare: every algorithm's formula, source, options, and what of it is inferred.

python -m agents.algorithms               a table of all
python -m agents.algorithms rlsd          that one
python -m agents.algorithms --markdown    docs/algorithms.md
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from agents import command_line
from agents.algorithms.registry import find, names

PAGE = """\
# Algorithms

<!-- made by `python -m agents.algorithms --markdown`; change the docstrings in agents/algorithms/ instead -->

Each is one file in `agents/algorithms/`. What stands in its description is from its source, and the numbered points are
where it differs; what the source does not say and we had to decide is under "Inferred". D is the information gain
`Q - S` of a scorer's log-probability Q over the student's S, A the advantage, H a scorer's entropy. Published settings:
[presets.md](presets.md).

"""


@dataclass(frozen=True)
class Description:
    """What a module's docstring says of its algorithm.

    Attributes:
        title: its first line.
        body: the formula and the differences.
        inferred: what the source does not say; empty: nothing.

    """

    title: str
    body: str
    inferred: str


def describe(name: str) -> Description:
    """Read the description of a registered algorithm.

    Raises:
        ConfigurationError: there is none of that name.

    """
    text = inspect.cleandoc(sys.modules[find(name).__module__].__doc__ or "")
    told, _, inferred = text.partition("\n\nInferred: ")
    title, _, body = told.partition("\n\n")
    return Description(" ".join(title.split()), body.strip(), inferred.strip())


def sources(name: str) -> str:
    """Return the arXiv numbers that a description names, or that it is ours."""
    found = describe(name)
    numbers = re.findall(r"\b\d{4}\.\d{5}\b", f"{found.title} {found.body} {found.inferred}")
    ours = "(ours)" in found.title
    return ", ".join((["ours"] if ours else []) + list(dict.fromkeys(numbers))) or "-"


def markdown() -> str:
    """Return docs/algorithms.md."""
    lines = [PAGE, "| name | | from | inferred |\n|---|---|---|---|\n"]
    for name in names():
        found = describe(name)
        inferred = "yes" if found.inferred else ""
        lines.append(
            f"| [`{name}`](#{re.sub(r'[^a-z0-9-]', '', name)}) | {found.title} | {sources(name)} | {inferred} |\n"
        )
    for name in names():
        found = describe(name)
        lines.append(f"\n## {name}\n\n{found.title}\n\n{found.body}\n")
        if found.inferred:
            lines.append(f"\n**Inferred**: {found.inferred}\n")
        lines.append(f"\n{_options(name)}")
    return "".join(lines)


def _options(name: str) -> str:
    cls = find(name)
    rows = ["| option | default |\n|---|---|\n"]
    rows += [f"| `{field.name}` | `{field.default!r}` |\n" for field in dataclasses.fields(cls)]
    return "".join(rows)


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
    command_line.reference(argv, __doc__ or "", "algorithm", _table, _text, markdown)


if __name__ == "__main__":
    command_line.main(main)
