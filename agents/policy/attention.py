"""Attention for packed groups: prompts once, every response against its own prompt, nothing padded.

All tokens of a call lie end to end in one row: first the prompts, then the responses. Linear layers, norms and heads
see no padding and run each prompt once, whatever the number of its responses. Attention alone needs to know who may
see whom: prompt tokens see the earlier ones of their prompt, response tokens their prompt and the earlier ones of
their own response. Registered with transformers under `PACKED`, so that its model classes run it as they are; without
a packing it is transformers' own `sdpa`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

PACKED = "rlsd_packed"
PADDING = 0.75
"""Responses are padded together with ones that are longer, but not if they are shorter than this share of those."""
BLOCK = 128
"""Tokens of a block of flex attention's mask."""
UNSUPPORTED = ("sliding_window", "softcap", "s_aux", "position_bias", "indexer_scores")
"""Arguments of other architectures' attention that would have to be honoured."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Pieces of a packed row that lie one after the other, and how they are padded for attention.

    Attributes:
        places_NT: place of each token in the packed row, padded with 0.
        lengths: tokens of each piece.
        start: place of the first token.
        kept: where the tokens are among the padded ones; None: there is no padding.

    """

    places_NT: Tensor
    lengths: tuple[int, ...]
    start: int
    kept: Tensor | None

    @property
    def stop(self) -> int:
        """The place after the last token."""
        return self.start + sum(self.lengths)

    def pad(self, x_LHD: Tensor) -> Tensor:
        """Bring tokens of a packed row into padded rows, [N, T, heads, D]."""
        if self.kept is None:
            return x_LHD[self.start : self.stop].unflatten(0, self.places_NT.shape)
        return x_LHD.index_select(0, self.places_NT.flatten()).unflatten(0, self.places_NT.shape)

    def unpad(self, x_NTHD: Tensor) -> Tensor:
        """Take the tokens out of padded rows, end to end."""
        flat = x_NTHD.flatten(0, 1)
        return flat if self.kept is None else flat.index_select(0, self.kept)


def make_rows(lengths: Sequence[int], start: int, device: torch.device, *, left: bool = False) -> Rows:
    """Lay pieces end to end from a place on, and pad them on the right or on the left."""
    lengths_N = torch.tensor(lengths)
    padding_N = max(lengths) - lengths_N if left else torch.zeros_like(lengths_N)
    offset_NT = torch.arange(max(lengths)) - padding_N[:, None]
    inside_NT = (offset_NT >= 0) & (offset_NT < lengths_N[:, None])
    first_N = start + lengths_N.cumsum(0) - lengths_N
    places_NT = torch.where(inside_NT, first_N[:, None] + offset_NT, 0)
    kept = None if inside_NT.all() else inside_NT.flatten().nonzero()[:, 0].to(device)
    return Rows(places_NT.to(device), tuple(lengths), start, kept)


@dataclass(frozen=True, eq=False)
class Block:
    """Responses of similar length, which attention pads to the longest of them.

    Attributes:
        rows: the responses.
        owner_N: number of each one's prompt.
        sees_NTK: which keys (of its prompt, then of itself) each response token sees.
        masks: what `mask` has made, which is the same in every layer.

    """

    rows: Rows
    owner_N: Tensor
    sees_NTK: Tensor
    masks: dict[Any, Tensor] = field(default_factory=dict)

    def mask(self, repeats: int, dtype: torch.dtype) -> Tensor:
        """Return what is added to the scores of queries that come `repeats` times in a row, [N, 1, repeats T, K]."""
        if (repeats, dtype) not in self.masks:
            mask_NTK = torch.zeros(self.sees_NTK.shape, dtype=dtype, device=self.sees_NTK.device)
            mask_NTK.masked_fill_(~self.sees_NTK, -torch.inf)
            self.masks[repeats, dtype] = mask_NTK.repeat(1, repeats, 1)[:, None]
        return self.masks[repeats, dtype]


@dataclass(frozen=True, eq=False)
class Packing:
    """Where the tokens of prompts and responses lie in a packed row of L tokens.

    Attributes:
        prompts: the prompts, which come first.
        blocks: the responses.
        block_mask: for flex attention; None: the portable kernel.
        calls: attention layers that have run with it so far, in a list of one number.

    """

    prompts: Rows
    blocks: tuple[Block, ...]
    block_mask: Any = None
    calls: list[int] = field(default_factory=lambda: [0])


def make_packing(
    prompt_lengths: Sequence[int], response_lengths: Sequence[int], owners: Sequence[int], device: torch.device
) -> Packing:
    """Lay prompts and then responses end to end.

    Args:
        prompt_lengths: tokens of each prompt.
        response_lengths: tokens of each response that are run; best in the order of `by_length`.
        owners: number of each response's prompt.
        device: where the indices are wanted; on a GPU the packing has a block mask for flex attention.

    """
    if device.type == "cuda":
        mask = make_block_mask(prompt_lengths, response_lengths, owners, device)
        return Packing(make_rows(prompt_lengths, 0, device), (), mask)
    prompts = make_rows(prompt_lengths, 0, device)
    sees_PK = torch.arange(max(prompt_lengths), device=device) < torch.tensor(prompt_lengths, device=device)[:, None]
    blocks, place = [], prompts.stop
    for first, last in similar(response_lengths):
        rows = make_rows(response_lengths[first:last], place, device)
        owner_N = torch.tensor(owners[first:last], device=device)
        count, tokens = rows.places_NT.shape
        before_TT = torch.ones(tokens, tokens, dtype=torch.bool, device=device).tril()
        sees = sees_PK[owner_N][:, None].expand(-1, tokens, -1)
        blocks.append(Block(rows, owner_N, torch.cat([sees, before_TT.expand(count, -1, -1)], dim=-1)))
        place = rows.stop
    return Packing(prompts, tuple(blocks))


def by_length(lengths: Sequence[int]) -> list[int]:
    """Return the numbers of responses with the longest first."""
    return sorted(range(len(lengths)), key=lambda number: -lengths[number])


def similar(lengths: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Cut lengths into stretches, (first, last + 1), none of which is padded by more than `PADDING`; empty ones go.

    >>> list(similar([100, 90, 80, 40, 40, 0]))
    [(0, 3), (3, 5)]
    """
    first = 0
    for number, length in enumerate(lengths):
        if length < PADDING * lengths[first] or length > lengths[first]:
            if lengths[first]:
                yield first, number
            first = number
    if lengths and lengths[first]:
        yield first, len(lengths)


def make_block_mask(
    prompt_lengths: Sequence[int], response_lengths: Sequence[int], owners: Sequence[int], device: torch.device
) -> Any:
    """Make flex attention's mask of a packed row.

    Which blocks of keys a block of queries sees follows from where the pieces lie; `create_block_mask` would find out
    from a mask of [L, L].
    """
    from torch.nn.attention.flex_attention import BlockMask

    prompts, shared = len(prompt_lengths), -1
    lengths = torch.tensor([*prompt_lengths, *response_lengths])
    prompt_L = torch.tensor([*range(prompts), *owners]).repeat_interleave(lengths).to(device)
    row_L = torch.tensor([*[shared] * prompts, *range(len(owners))]).repeat_interleave(lengths).to(device)

    def sees(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        mine = (row_L[key] == shared) | (row_L[key] == row_L[query])
        return (query >= key) & (prompt_L[query] == prompt_L[key]) & mine

    total = int(lengths.sum())
    partial, full = (_indices(blocks, device) for blocks in _blocks(lengths.tolist(), prompts, owners))
    return BlockMask.from_kv_blocks(*partial, *full, BLOCK_SIZE=BLOCK, mask_mod=sees, seq_lengths=(total, total))


def _blocks(lengths: Sequence[int], prompts: int, owners: Sequence[int]) -> tuple[Tensor, Tensor]:
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
        if number >= prompts:
            first, last = spans[owners[number - prompts]]
            some[touched.start : touched.stop, first // BLOCK : -(-last // BLOCK)] = True
            whole[inside.start : inside.stop, -(-first // BLOCK) : last // BLOCK] = True
        for block in touched:
            some[block, touched.start : block + 1] = True
        for block in inside:
            whole[block, inside.start : block] = True
    return some & ~whole, whole


def _indices(blocks: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
    """Write blocks as flex attention wants them: how many there are in a row, and their numbers first."""
    numbers = blocks.int().argsort(dim=-1, descending=True, stable=True)
    return blocks.sum(-1)[None, None].int().to(device), numbers[None, None].int().to(device)


def packed_attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    packing: Packing | None = None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **options: Any,
) -> tuple[Tensor, None]:
    """Attend within a packed row; the signature is that of transformers' attention functions.

    Args:
        module: the attention layer.
        query: [1, heads, L, D].
        key: [1, key heads, L, D].
        value: [1, key heads, L, D].
        attention_mask: used without a packing only.
        packing: who sees whom; None: `sdpa` as transformers has it.
        scaling: factor of the scores; None: 1 / sqrt(D).
        dropout: must be 0.
        options: what else the architecture passes.

    Returns:
        [1, L, heads, D], and None in place of the weights.

    Raises:
        NotImplementedError: the architecture's attention does more than this one.

    """
    if packing is None:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **options
        )
    extra = [name for name in UNSUPPORTED if options.get(name) is not None]
    if extra or dropout:
        raise NotImplementedError(
            f"packed scoring knows no {', '.join(extra) or 'dropout'}, which {type(module).__name__} asks for; "
            "use scoring='plain'"
        )
    packing.calls[0] += 1
    if packing.block_mask is not None:
        # Norms leave queries and keys in float32 where values are bfloat16; autocast does not know flex attention.
        query, key = query.to(value.dtype), key.to(value.dtype)
        out = flex()(query, key, value, block_mask=packing.block_mask, scale=scaling, enable_gqa=True)
        return out.transpose(1, 2), None
    return portable(query[0].transpose(0, 1), key[0].transpose(0, 1), value[0].transpose(0, 1), packing, scaling), None


def portable(query_LHD: Tensor, key_LJD: Tensor, value_LJD: Tensor, packing: Packing, scaling: float | None) -> Tensor:
    """Attend with `scaled_dot_product_attention` on the prompts and on the responses, padded for this alone.

    Args:
        query_LHD: [L, heads, D].
        key_LJD: [L, key heads, D].
        value_LJD: [L, key heads, D].
        packing: who sees whom.
        scaling: factor of the scores.

    Returns:
        [1, L, heads, D].

    """
    heads_per_key = query_LHD.shape[1] // key_LJD.shape[1]
    query, *of_prompts = (packing.prompts.pad(x) for x in (query_LHD, key_LJD, value_LJD))
    key, value = (x.transpose(1, 2) for x in of_prompts)
    # Padding is on the right, so causality alone keeps it from being seen.
    out = functional.scaled_dot_product_attention(
        query.transpose(1, 2),
        key.repeat_interleave(heads_per_key, 1) if heads_per_key > 1 else key,
        value.repeat_interleave(heads_per_key, 1) if heads_per_key > 1 else value,
        is_causal=True,
        scale=scaling,
    )
    parts = [packing.prompts.unpad(out.transpose(1, 2))]
    for block in packing.blocks:
        own = [block.rows.pad(x) for x in (query_LHD, key_LJD, value_LJD)]
        parts.append(_attend(block, own, of_prompts, heads_per_key, scaling))
    return torch.cat(parts)[None]


def _attend(
    block: Block, own: Sequence[Tensor], of_prompts: Sequence[Tensor], heads_per_key: int, scaling: float | None
) -> Tensor:
    query_NTHD, *rest = own
    rows, tokens, heads, width = query_NTHD.shape
    key, value = (
        torch.cat([of_prompt.index_select(0, block.owner_N), of_response], dim=1).transpose(1, 2)
        for of_prompt, of_response in zip(of_prompts, rest)
    )
    # Query heads that share a key head are further queries of it, so that keys are not copied for them.
    folded = query_NTHD.transpose(1, 2).reshape(rows, heads // heads_per_key, heads_per_key * tokens, width)
    mask = block.mask(heads_per_key, query_NTHD.dtype)
    out = functional.scaled_dot_product_attention(folded, key, value, attn_mask=mask, scale=scaling)
    return block.rows.unpad(out.reshape(rows, heads, tokens, width).transpose(1, 2))


_compiled: Any = None


def flex() -> Any:
    """Return flex attention, compiled: without compilation it would hold all scores."""
    global _compiled
    if _compiled is None:
        from torch.nn.attention.flex_attention import flex_attention

        _compiled = torch.compile(flex_attention, dynamic=True)
    return _compiled


AttentionInterface.register(PACKED, packed_attention)
AttentionMaskInterface.register(PACKED, sdpa_mask)
