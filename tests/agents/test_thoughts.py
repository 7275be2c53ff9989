from __future__ import annotations

import pytest

from agents.policy.thoughts import thought_tokens


@pytest.mark.parametrize(
    ("pieces", "inside"),
    [
        (["<think>", " a", " b", "</think>", " c"], [0, 1, 1, 0, 0]),
        (["<thi", "nk>", " a", " b</th", "ink>", " c"], [0, 0, 1, 0, 0, 0]),  # tags in several tokens
        (["a", " b", "</think>", " c"], [1, 1, 0, 0]),  # the prompt has opened it
        (["x", "<think>", " a"], [0, 0, 1]),  # not closed
        (["a", " b"], [0, 0]),
        (["<think>", "a", "</think>", "b", "<think>", "c", "</think>", "d"], [0, 1, 0, 0, 0, 1, 0, 0]),
        (["<think>", "a", "</think>", "b", "</think>", "c"], [0, 1, 0, 0, 0, 0]),  # closed twice
        (["<think>", "<think>", "a", "</think>"], [0, 1, 1, 0]),  # opened twice: the first counts
        (["<THOUGHT>", "a", "</Thought>"], [0, 1, 0]),
        ([], []),
    ],
)
def test_thoughts_are_between_their_tags(pieces, inside):
    assert thought_tokens(range(len(pieces)), pieces) == [bool(one) for one in inside]
