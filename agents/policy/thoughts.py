"""Which tokens of a response are its thought: what stands between `<think>` and `</think>`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate

_TAG = re.compile(r"<(/?)(?:think|thought|thinking)>", re.IGNORECASE)


def thought_tokens(ids: Sequence[int], texts: Sequence[str]) -> list[bool]:
    """Tell for each token whether it is within a thought; a token with a part of a tag is not.

    A thought that is not closed goes on to the end. Where the first tag closes one, as after a prompt that opened it,
    the thought begins with the response.

    Args:
        ids: the tokens.
        texts: text of each id.

    >>> thought_tokens([0, 1, 2, 3], ["<think>", "a", "</think>", "b"])
    [False, True, False, False]

    """
    pieces = [texts[id] for id in ids]
    text = "".join(pieces)
    spans, opened = [], None
    for number, tag in enumerate(_TAG.finditer(text)):
        if not tag[1]:
            opened = tag.end() if opened is None else opened
        elif opened is not None or number == 0:
            spans.append((opened or 0, tag.start()))
            opened = None
    if opened is not None:
        spans.append((opened, len(text)))
    places = [(end - len(piece), end) for end, piece in zip(accumulate(map(len, pieces)), pieces)]
    return [any(first <= start and end <= last for first, last in spans) for start, end in places]
