"""Where things are in a text: the answer region, the last tag or box, and last lines that are no answer."""

from __future__ import annotations

import ast
import re
import threading
from typing import Any

_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)


def region(response: str) -> tuple[str, str]:
    """The response up to its last `</think>`, and what comes after it, where an answer counts."""
    thought, end, rest = response.rpartition("</think>")
    return thought + end, rest


def last_tag(text: str) -> str | None:
    """The content of the last `<answer>..</answer>`; None for none."""
    before, end, _ = text.rpartition("</answer>")
    _, start, content = before.rpartition("<answer>")
    return content if end and start else None


def last_box(text: str) -> str | None:
    r"""The content of the last `\boxed{..}` with balanced braces; None for none."""
    start = text.rfind(r"\boxed{") + len(r"\boxed{")
    depth = 1
    for match in _BRACE.finditer(text, start) if start >= len(r"\boxed{") else ():
        depth += {"{": 1, "}": -1}.get(match.group(), 0)
        if depth == 0:
            return text[start : match.start()]
    return None


_PARSING = threading.Lock()


def literal(text: str) -> Any:
    """The Python literal that a text spells, as `ast.literal_eval`, which CPython cannot run in two threads at a time.

    Its count of nesting belongs to the interpreter: two threads make it raise SystemError, "recursion depth mismatch".
    """
    with _PARSING:
        return ast.literal_eval(text)


def list_literal(text: str) -> list[Any]:
    """The list that a text spells, as some copies of a data set store it; never evaluated as code.

    Raises:
        ValueError: it spells no list.

    """
    try:
        value = literal(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise ValueError(f"{text[:80]!r} is no list literal") from error
    if not isinstance(value, list):
        raise ValueError(f"{text[:80]!r} is no list literal")
    return value
