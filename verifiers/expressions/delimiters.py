r"""Brackets with a size: what `\left`, `\bigr` and the like say of the delimiter behind them.

A bar that is said to open or to close is written as `\lvert` or `\rvert`, so that bars can be nested; one whose
partner is invisible ("\left. .. \right|") stays a plain bar.
"""

from __future__ import annotations

import re

_SIZED = re.compile(
    r"\\(?P<size>m?left|m?right|[bB]igg?[lr])(?![A-Za-z])\s*(?P<mark>\\[A-Za-z]+|\\[^A-Za-z]|[^\sA-Za-z0-9\\])?"
)
_OPENING = {
    "|": r"\lvert ",
    r"\vert": r"\lvert ",
    r"\|": r"\lVert ",
    r"\Vert": r"\lVert ",
    "<": r"\langle ",
    r"\lt": r"\langle ",
}
_CLOSING = {
    "|": r"\rvert ",
    r"\vert": r"\rvert ",
    r"\|": r"\rVert ",
    r"\Vert": r"\rVert ",
    ">": r"\rangle ",
    r"\gt": r"\rangle ",
}


def without_sizes(text: str) -> str:
    r"""The text with its sized delimiters as plain ones: `\left|x\right|` as `\lvert x\rvert `."""
    matches = list(_SIZED.finditer(text))
    if not matches:
        return text
    parts, end, opened = [], 0, list[int]()
    for match in matches:
        mark = match["mark"] or ""
        opens = match["size"][-1] == "l" or match["size"].endswith("left")
        parts.append(text[end : match.start()])
        end = match.end()
        if opens:
            opened.append(len(parts))
            parts.append(" " if mark == "." else _OPENING.get(mark, mark))
            continue
        partner = opened.pop() if opened else None
        if mark == "." and partner is not None and parts[partner] in (r"\lvert ", r"\lVert "):
            parts[partner] = "|" if parts[partner] == r"\lvert " else r"\|"
        is_alone = partner is None or parts[partner] == " "
        parts.append(" " if mark == "." else mark if is_alone else _CLOSING.get(mark, mark))
    return "".join((*parts, text[end:]))
