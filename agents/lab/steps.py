"""Where the steps of a response stand among its tokens."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from rlsd_env.procedural.chain import stated_links

BEFORE = len("7 * 2 = ")
"""Characters of a stated step before its result."""
NO_STEP = -1


@dataclass(frozen=True)
class Steps:
    """The K steps that a response of T tokens states.

    Attributes:
        of_token: number of the step that each token belongs to, T; `NO_STEP` of what stands before, between and after
            steps.
        results: the token that holds the result of each step, K.
        right: whether each result is right for the operands as they are stated, K.

    """

    of_token: tuple[int, ...]
    results: tuple[int, ...]
    right: tuple[bool, ...]

    @property
    def first_wrong(self) -> int | None:
        """The first step whose result is wrong; None: there is none."""
        return None if all(self.right) else self.right.index(False)

    @property
    def last(self) -> int:
        """The last step; `NO_STEP` of a response that states none."""
        return len(self.right) - 1

    @property
    def after(self) -> int:
        """The first token behind the last step's result."""
        return self.results[-1] + 1 if self.results else 0


def locate(tokens: Sequence[str]) -> Steps:
    """Find the steps of a response, `rlsd_env.procedural.chain.stated_links`, among its tokens.

    A token belongs to a step where it has a character of it, from the left digit to the result: to the first one where
    it has characters of two.

    Args:
        tokens: the text of each.

    >>> steps = locate(["3", " +", " 4", " =", " 7", ".", " 7", " * 2 =", " 5", "."])
    >>> steps.of_token, steps.results, steps.right
    ((0, 0, 0, 0, 0, -1, 1, 1, 1, -1), (4, 8), (True, False))

    """
    ends = list(itertools.accumulate(len(text) for text in tokens))
    of_token = [NO_STEP] * len(tokens)
    results, right = [], []
    for number, link in enumerate(stated_links("".join(tokens))):
        first, last = link.start - BEFORE, link.start
        for t, (text, end) in enumerate(zip(tokens, ends)):
            begins = end - len(text)
            if begins <= last < end:
                results.append(t)
            if begins <= last and first < end and text and of_token[t] == NO_STEP:
                of_token[t] = number
        right.append(link.correct)
    return Steps(tuple(of_token), tuple(results), tuple(right))
