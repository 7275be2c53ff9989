"""What an answer is cut into."""

from __future__ import annotations

from typing import NamedTuple


class Token(NamedTuple):
    r"""One token.

    Attributes:
        kind: "number", "word" (a run of letters), "letter" (a command that is one), "function", "constant",
            "structure" (\frac and its like), "text", "operator", "relation", "open", "close", "separator",
            "currency" or "end".
        text: its normal form, e.g. "<=" for \leq.
        spaced: whether a space stands before it.

    """

    kind: str
    text: str
    spaced: bool = False
