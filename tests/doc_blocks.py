"""The blocks of code in Markdown, and what a comment above one says of it.

A comment `<!-- MARK -->` or `<!-- MARK: DETAIL -->` right above a block says what it is; readers do not see it:

    file: NAME            Python that is saved as NAME beside being run; of another language it is saved only
    output                what the last command above prints
    output: REASON        the same, not compared since REASON
    not run: needs WHAT   WHAT is one of `NEEDS`
    shown                 a drawing, a layout, what a model writes: nothing to run
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

NEEDS = (
    "Docker", "OpenEnv", "Slurm", "TRL", "TextArena", "a browser", "hours", "ms-swift", "several machines", "the hub",
    "vLLM",
)  # fmt: skip
"""What a block may need that no machine of the tests has."""
MARKS = ("file", "output", "not run", "shown")
LANGUAGES = {"python": "python", "bash": "console", "console": "console", "toml": "toml"}
COMMAND = re.compile(r"(\w+=\S+ )*(python|make|pip|torchrun|docker|wandb|srun|tensorboard) ")
_FENCE = re.compile(r"(```+)(\w*)")
_MARK = re.compile(r"<!-- ([\w ]+?)(?:: (.*?))? -->")


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        line: number of its first line, from 1.
        kind: python, console, options (of agents.compare), toml, text, or "" where nothing tells.
        text: its lines without fence and indentation.
        mark, detail: what the comment above it says; "" each where there is none.

    """

    line: int
    kind: str
    text: str
    mark: str = ""
    detail: str = ""


def blocks(page: str, marks: Mapping[str, str] | None = None) -> list[Block]:
    """Return the blocks of a page.

    Args:
        page: its Markdown.
        marks: comments for blocks that have none, by their first lines.

    Raises:
        ValueError: a block is of no known kind, or a comment of no known form.

    """
    found = []
    for line, language, text, comment in _raw(page):
        first = text.lstrip("\n").partition("\n")[0].strip()
        match = _MARK.fullmatch(comment or (marks or {}).get(first, ""))
        mark, detail = (match[1], match[2] or "") if match and match[1] in MARKS else ("", "")
        block = Block(line, _kind(language, text), text, mark, detail)
        if not block.kind and not mark:
            raise ValueError(f"line {line}: {first!r} is of no known kind; say what it is in a comment above it")
        if mark == "not run" and detail.removeprefix("needs ") not in NEEDS:
            raise ValueError(f"line {line}: not run: {detail!r}; allowed are {', '.join('needs ' + n for n in NEEDS)}")
        found.append(block)
    return found


def _kind(language: str, text: str) -> str:
    if language:
        return LANGUAGES.get(language, "text")
    starts = [line for line in joined(text) if line]
    if all(COMMAND.match(line) for line in starts):
        return "console"
    if all(line.startswith("--") for line in starts):
        return "options"
    if text.startswith(("gymnasium.", "import ", "from ")):
        return "python"
    try:
        return "toml" if tomllib.loads(text) else ""
    except tomllib.TOMLDecodeError:
        return ""


def joined(text: str) -> list[str]:
    """Return the lines of a console, those that end in a backslash with the next.

    >>> joined("a b \\\\\\n   c\\nd")
    ['a b c', 'd']
    """
    return re.sub(r"\s*\\\n\s*", " ", text).strip().split("\n")


def _raw(page: str) -> Iterator[tuple[int, str, str, str]]:
    """Yield the blocks with first line, language, text and the comment above."""
    lines = page.split("\n")
    comment, n = "", 0
    while n < len(lines):
        line = lines[n]
        if fence := _FENCE.match(line):
            end = next(i for i in range(n + 1, len(lines)) if lines[i].startswith(fence[1]))
            yield n + 2, fence[2], "\n".join(lines[n + 1 : end]), comment
            comment, n = "", end + 1
        elif line.startswith("    ") and not (lines[n - 1].strip() and n):
            end = n
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                end += 1
            if not _inside_list(lines[:n]):
                text = "\n".join(one[4:] for one in lines[n:end]).rstrip()
                yield n + 1, "", text, comment
                comment = ""
            n = end
        else:
            if line.startswith("<!-- "):
                comment = line.strip()
            elif line.strip():
                comment = ""
            n += 1


def _inside_list(above: list[str]) -> bool:
    """Tell whether an indented line goes on with an item of a list."""
    last = next((line for line in reversed(above) if line.strip() and not line.startswith("    ")), "")
    return bool(re.match(r"(- |\d+\. )", last))
