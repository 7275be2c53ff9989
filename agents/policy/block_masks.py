"""Flex attention over a packed row, for GPUs: which blocks of keys a block of queries sees, and the kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

BLOCK = 128
"""Tokens of a block of flex attention's mask."""


def make_block_mask(
    prompt_lengths: Sequence[int],
    response_lengths: Sequence[int],
    owners: Sequence[int],
    device: torch.device,
    *,
    window: int | None = None,
    pictures_L: Tensor | None = None,
) -> Any:
    """Make flex attention's mask of a packed row.

    Which blocks of keys a block of queries sees follows from where the pieces lie; `create_block_mask` would find out
    from a mask of [L, L].

    Args:
        prompt_lengths: tokens of each prompt.
        response_lengths: tokens of each response.
        owners: number of each response's prompt.
        device: where the mask is wanted.
        window: the tokens that each one sees at most, itself included; None: all.
        pictures_L: for each token of the prompts the number of its picture, whose tokens see each other both ways, and
            -1 where there is none; None: there are none.

    """
    from torch.nn.attention.flex_attention import BlockMask

    prompts, shared = len(prompt_lengths), -1
    lengths = torch.tensor([*prompt_lengths, *response_lengths])
    total = int(lengths.sum())
    prompt_L = torch.tensor([*range(prompts), *owners]).repeat_interleave(lengths).to(device)
    row_L = torch.tensor([*[shared] * prompts, *range(len(owners))]).repeat_interleave(lengths).to(device)
    before = torch.tensor([*[0] * prompts, *(prompt_lengths[owner] for owner in owners)], dtype=torch.long)
    start = lengths.cumsum(0) - lengths
    place_L = (torch.arange(total) + (before - start).repeat_interleave(lengths)).to(device)

    def causal(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        mine = (row_L[key] == shared) | (row_L[key] == row_L[query])
        return (query >= key) & (prompt_L[query] == prompt_L[key]) & mine

    sees, spans = causal, []
    if pictures_L is not None:
        spans = _spans(pictures_L.tolist())
        picture_L = torch.full((total,), -1, device=device)
        picture_L[: len(pictures_L)] = pictures_L

        def sees(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
            together = (picture_L[query] == picture_L[key]) & (picture_L[key] >= 0)
            return causal(batch, head, query, key) | together

    mask_mod = sees
    if window is not None:

        def mask_mod(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
            return sees(batch, head, query, key) & (place_L[query] - place_L[key] < window)

    blocks = _blocks(lengths.tolist(), prompts, owners, window, spans)
    partial, full = (_indices(some, device) for some in blocks)
    return BlockMask.from_kv_blocks(*partial, *full, BLOCK_SIZE=BLOCK, mask_mod=mask_mod, seq_lengths=(total, total))


def _spans(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Return where each number that is not negative begins and ends."""
    spans: dict[int, tuple[int, int]] = {}
    for place, number in enumerate(numbers):
        if number >= 0:
            spans[number] = (spans.get(number, (place, place))[0], place + 1)
    return list(spans.values())


def _blocks(
    lengths: Sequence[int],
    prompts: int,
    owners: Sequence[int],
    window: int | None = None,
    pictures: Sequence[tuple[int, int]] = (),
) -> tuple[Tensor, Tensor]:
    """Say which blocks of keys each block of queries sees in part and as a whole, [blocks, blocks] each."""
    count = -(-sum(lengths) // BLOCK)
    some, whole = torch.zeros(2, count, count, dtype=torch.bool)
    spans: list[tuple[int, int]] = []
    for number, length in enumerate(lengths):
        start = spans[-1][1] if spans else 0
        stop = start + length
        spans.append((start, stop))
        if not length:
            continue
        touched, inside = range(start // BLOCK, -(-stop // BLOCK)), range(-(-start // BLOCK), stop // BLOCK)
        first, last = spans[owners[number - prompts]] if number >= prompts else (start, start)
        for block in touched:
            place = max(start, block * BLOCK)  # of the first query, which sees farthest back
            earliest = start if window is None else max(start, place - window + 1)
            some[block, earliest // BLOCK : block + 1] = True
            reach = first if window is None else max(first, last + place - start - window + 1)
            if reach < last:
                some[block, reach // BLOCK : -(-last // BLOCK)] = True
        if window is None:  # within a window no block is taken for whole
            whole[inside.start : inside.stop, -(-first // BLOCK) : last // BLOCK] = True
            for block in inside:
                whole[block, inside.start : block] = True
    for start, stop in pictures:  # what lies ahead
        for block in range(start // BLOCK, -(-stop // BLOCK)):
            some[block, block : -(-stop // BLOCK)] = True
    return some & ~whole, whole


def _indices(blocks: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
    """Write blocks as flex attention wants them: how many there are in a row, and their numbers first."""
    numbers = blocks.int().argsort(dim=-1, descending=True, stable=True)
    return blocks.sum(-1)[None, None].int().to(device), numbers[None, None].int().to(device)


_compiled: Any = None


def flex() -> Any:
    """Return flex attention, compiled: without compilation it would hold all scores."""
    global _compiled
    if _compiled is None:
        from torch.nn.attention.flex_attention import flex_attention

        _compiled = torch.compile(flex_attention, dynamic=True)
    return _compiled
