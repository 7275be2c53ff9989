"""`Action`: a completion that knows how many tokens it took."""

from __future__ import annotations

import re
from typing import Self

_PIECES = re.compile(r"[A-Za-z0-9_]{1,4}|[^A-Za-z0-9_\s]")


class Action(str):
    """The text of a completion with its number of tokens, for environments with a token budget.

    >>> Action("<answer> 5 </answer>", tokens=6).tokens
    6

    Args:
        text: the completion.
        tokens: how many tokens the policy sampled for it.

    Raises:
        ValueError: `tokens` is negative.

    """

    tokens: int

    def __new__(cls, text: str, tokens: int) -> Self:  # noqa: D102 - the class says it
        if tokens < 0:
            raise ValueError(f"tokens is {tokens}; a completion has 0 or more")
        made = super().__new__(cls, text)
        made.tokens = tokens
        return made

    def __getnewargs__(self) -> tuple[str, int]:  # type: ignore[override]
        return str(self), self.tokens


def count_tokens(action: str) -> int:
    """Return the tokens of an `Action`; of a plain string an estimate, four Latin letters or one other sign to a token.

    >>> count_tokens("<answer> 12 </answer>")
    10
    """
    return action.tokens if isinstance(action, Action) else len(_PIECES.findall(action))
