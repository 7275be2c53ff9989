"""What there is to run: `python -m agents`."""

from __future__ import annotations

import ast
from pathlib import Path

COMMANDS = (
    "compare", "train", "evaluate", "report", "inspect", "chat", "samples", "export", "algorithms", "presets",
    "lab.precision", "lab.card", "lab.make", "lab.pages", "tiny.card", "tiny.make", "diagnostics.theory",
)  # fmt: skip
"""The modules of this package that are commands."""


def summary(command: str) -> str:
    """Return the first line of a command's docstring, without importing it, less what it says of the command line."""
    path = Path(__file__).parent.joinpath(*command.split("."))
    path = path.with_suffix(".py") if not path.is_dir() else path / "__main__.py"
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return text.splitlines()[0].partition(": `python")[0].rstrip(".")


def main() -> None:
    """Print the commands."""
    width = max(map(len, COMMANDS))
    print("python -m agents.COMMAND, each with --help:\n")
    for command in COMMANDS:
        print(f"  {command:<{width}}  {summary(command)}")
    print("\nA first look: python -m agents.compare --steps 10 --out runs/first")


if __name__ == "__main__":
    main()
