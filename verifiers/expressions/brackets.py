r"""Which brackets are open, and which bare braces are a set's: `Brackets`.

In plain notation "{1, 2}" and "{x | x > 2}" are sets; in LaTeX braces only keep together what a command or a script
takes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from verifiers.expressions.tokens import Token

_STYLE = re.compile(r"\s*\\(?:bf|rm|it|sf|tt|cal|displaystyle|textstyle|scriptstyle|large|Large|color)(?![A-Za-z])")
_LISTING = frozenset({"(", "[", "{", r"\{", "<|"})
_SET_OPERATORS = frozenset("∪∩\\")
_NO_CONDITIONS = frozenset({"in", "notin", "|"})


@dataclass(slots=True)
class _Open:
    """A bracket that is open: the place of its token, whether it is no group of LaTeX, whether it holds a list."""

    at: int
    is_bare: bool
    has_items: bool = False


class Brackets:
    """The brackets that are open at a place of a text."""

    def __init__(self) -> None:
        self._open: list[_Open] = []

    @property
    def is_inside(self) -> bool:
        """Whether a bracket is open that keeps "1,000" from being one number."""
        return any(bracket.is_bare for bracket in self._open)

    def opened(self, tokens: list[Token], text: str, at: int) -> None:
        """Note the bracket that is the last token.

        Args:
            tokens: the tokens so far.
            text: the whole text.
            at: the place behind the bracket.

        """
        is_group = tokens[-1].text == "{" and not (self._begins_value(tokens) and _STYLE.match(text, at) is None)
        is_bare = tokens[-1].text in _LISTING and not is_group
        self._open.append(_Open(len(tokens) - 1, is_bare))

    def separated(self) -> None:
        """Note that a comma or semicolon was read."""
        if self._open:
            self._open[-1].has_items = True

    def closed(self, tokens: list[Token]) -> None:
        r"""Note the closing bracket that is the last token; bare braces of a set are written as `\{` and `\}`."""
        if not self._open:
            return
        bracket = self._open.pop()
        opener, closer = tokens[bracket.at], tokens[-1]
        if not bracket.is_bare or (opener.text, closer.text) != ("{", "}"):
            return
        if bracket.has_items or _is_builder(tokens[bracket.at + 1 : -1]):
            tokens[bracket.at], tokens[-1] = opener._replace(text=r"\{"), closer._replace(text=r"\}")

    def _begins_value(self, tokens: list[Token]) -> bool:
        """Whether the last token stands where a value begins, and belongs to no command or script."""
        if len(tokens) == 1:
            return True
        before = tokens[-2]
        if before.kind == "open":
            return self._open[-1].is_bare
        return before.kind in ("relation", "separator") or (before.kind == "operator" and before.text in _SET_OPERATORS)


def _is_builder(tokens: list[Token]) -> bool:
    """Whether "x | x > 2" or "x in R : x > 2" stands in braces; the bars of an absolute value come in pairs."""
    if len(tokens) < 5 or tokens[0].kind not in ("word", "letter"):
        return False
    bars = sum(token.text == "|" for token in tokens)
    is_marked = tokens[1].text in ("|", ":", "in") and (bars % 2 == 1 or any(token.text == ":" for token in tokens))
    return is_marked and any(token.kind == "relation" and token.text not in _NO_CONDITIONS for token in tokens)
