"""What kind of token each entry of a vocabulary is, so that credit can be looked at by kind."""

from __future__ import annotations

import enum
import re
from typing import Any

import torch
from torch import Tensor


class TokenKind(enum.IntEnum):
    """Kind of a token, by its decoded text; the first that fits."""

    SPECIAL = 0
    """A special token, such as the end of a turn; or an id without text."""
    SPACE = 1
    """White space alone."""
    NUMBER = 2
    """It has a digit."""
    OPERATOR = 3
    """Signs of calculation and relation alone, LaTeX's names for them included."""
    FORMAT = 4
    """What marks an answer or lays out text: boxed, braces, dollar signs, hashes, stars, underscores, tags."""
    PUNCTUATION = 5
    """Other signs without a letter."""
    WORD = 6
    """The rest."""


_OPERATOR = re.compile(r"\s*(?:[-+*/=<>^%×÷·≤≥≠≈±∓√∑∏∫]+|\\(?:times|cdot|div|pm|leq?|geq?|neq?|approx|frac|sqrt))\s*")
_FORMAT = re.compile(r"\s*(?:\\?boxed\{?|[\\{}$#*_`|&~]+|</?\w+>)\s*")
_WORDLESS = re.compile(r"[\W_]+")


def kind_of(text: str) -> TokenKind:
    r"""Tell the kind of a token's text.

    >>> [kind_of(text).name for text in (" 12", " +", "\\boxed", ",", " so", "\n")]
    ['NUMBER', 'OPERATOR', 'FORMAT', 'PUNCTUATION', 'WORD', 'SPACE']
    """
    if not text:
        return TokenKind.SPECIAL
    if text.isspace():
        return TokenKind.SPACE
    if any(sign.isdigit() for sign in text):
        return TokenKind.NUMBER
    if _OPERATOR.fullmatch(text):
        return TokenKind.OPERATOR
    if _FORMAT.fullmatch(text):
        return TokenKind.FORMAT
    return TokenKind.PUNCTUATION if _WORDLESS.fullmatch(text) else TokenKind.WORD


def token_kinds(tokenizer: Any, vocabulary_size: int) -> Tensor:
    """Return the kind of each id, [V]; ids that the tokenizer does not know are special."""
    special = set(tokenizer.all_special_ids)
    texts = token_texts(tokenizer, vocabulary_size)
    return torch.tensor([TokenKind.SPECIAL if id in special else kind_of(text) for id, text in enumerate(texts)])


def token_texts(tokenizer: Any, vocabulary_size: int) -> tuple[str, ...]:
    """Return the text of each id; that of ids which the tokenizer does not know is empty."""
    known = min(vocabulary_size, len(tokenizer))
    return (*tokenizer.batch_decode([[id] for id in range(known)]), *("" for _ in range(known, vocabulary_size)))
