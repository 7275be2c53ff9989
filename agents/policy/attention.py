"""Attention for packed groups: prompts once, every response against its own prompt, nothing padded.

All tokens of a call lie end to end in one row: first the prompts, then the responses. Linear layers, norms and heads
see no padding and run each prompt once, whatever the number of its responses. Attention alone needs to know who may
see whom: prompt tokens see the earlier ones of their prompt, response tokens their prompt and the earlier ones of
their own response; through a sliding window only the last of them, and in some families the tokens of a picture see
each other both ways. Registered with transformers under `PACKED`, so that its model classes run it as they are; without
a packing it is transformers' own `sdpa`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from agents.policy.block_masks import flex, make_block_mask

PACKED = "rlsd_packed"
PADDING = 0.75
"""Responses are padded together with ones that are longer, but not if they are shorter than this share of those."""
BEYOND = ("softcap", "s_aux", "position_bias", "indexer_scores")
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
        sees_NTK: which keys (of its prompt, then of itself) each response token sees, where there is no window.
        behind_NTK: how many places each key is before the response token.
        masks: what `mask` has made, which is the same in every layer with the same window.

    """

    rows: Rows
    owner_N: Tensor
    sees_NTK: Tensor
    behind_NTK: Tensor
    masks: dict[Any, Tensor] = field(default_factory=dict)

    def mask(self, repeats: int, dtype: torch.dtype, window: int | None) -> Tensor:
        """Return what is added to the scores of queries that come `repeats` times in a row, [N, 1, repeats T, K]."""
        if (repeats, dtype, window) not in self.masks:
            sees_NTK = self.sees_NTK if window is None else self.sees_NTK & (self.behind_NTK < window)
            mask_NTK = torch.zeros(sees_NTK.shape, dtype=dtype, device=sees_NTK.device)
            mask_NTK.masked_fill_(~sees_NTK, -torch.inf)
            self.masks[repeats, dtype, window] = mask_NTK.repeat(1, repeats, 1)[:, None]
        return self.masks[repeats, dtype, window]


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures of prompts whose tokens see each other both ways.

    Attributes:
        number_L: for each token of the prompts, end to end, the number of its picture, -1 where there is none.
        everywhere: whether that holds in all layers, and not in those with a sliding window alone.

    """

    number_L: Tensor
    everywhere: bool

    def of_layer(self, window: int | None) -> Tensor | None:
        """Return the numbers where a layer with that window heeds them."""
        return self.number_L if self.everywhere or window is not None else None


@dataclass(frozen=True, eq=False)
class Packing:
    """Where the tokens of prompts and responses lie in a packed row of L tokens.

    Attributes:
        prompts: the prompts, which come first.
        blocks: the responses.
        pictures: which of the prompts' tokens see each other both ways; None: none.
        make_mask: makes flex attention's mask of layers with a window, or without; None: the portable kernel.
        masks: those that have been made, and those of the prompts.
        calls: attention layers that have run with it so far, by their window.

    """

    prompts: Rows
    blocks: tuple[Block, ...]
    pictures: Pictures | None = None
    make_mask: Callable[[int | None], Any] | None = None
    masks: dict[Any, Any] = field(default_factory=dict)
    calls: Counter[int | None] = field(default_factory=Counter)

    def block_mask(self, window: int | None) -> Any:
        """Return flex attention's mask of a layer; None: the portable kernel."""
        if self.make_mask is not None and window not in self.masks:
            self.masks[window] = self.make_mask(window)
        return self.masks.get(window)

    def prompt_mask(self, window: int | None) -> Tensor | None:
        """Return which keys each token of a padded prompt sees, [P, 1, T, T]; None: all before it."""
        number_L = None if self.pictures is None else self.pictures.of_layer(window)
        longest = self.prompts.places_NT.shape[1]
        if number_L is None and (window is None or window >= longest):
            return None
        if ("prompts", window) not in self.masks:
            place_T = torch.arange(longest, device=self.prompts.places_NT.device)
            behind_TT = place_T[:, None] - place_T
            sees = (behind_TT >= 0)[None]
            if number_L is not None:
                number_PT = number_L[self.prompts.places_NT]
                real_PT = place_T < torch.tensor(self.prompts.lengths, device=place_T.device)[:, None]
                number_PT = torch.where(real_PT, number_PT, -1)
                sees = sees | (number_PT[:, :, None] == number_PT[:, None]) & (number_PT >= 0)[:, :, None]
            if window is not None:
                sees = sees & (behind_TT < window)
            self.masks["prompts", window] = sees[:, None]
        return self.masks["prompts", window]


def make_packing(
    prompt_lengths: Sequence[int],
    response_lengths: Sequence[int],
    owners: Sequence[int],
    device: torch.device,
    pictures: Pictures | None = None,
) -> Packing:
    """Lay prompts and then responses end to end.

    Args:
        prompt_lengths: tokens of each prompt.
        response_lengths: tokens of each response that are run; best in the order of `by_length`.
        owners: number of each response's prompt.
        device: where the indices are wanted; on a GPU the packing has block masks for flex attention.
        pictures: which of the prompts' tokens see each other both ways; None: none.

    """
    prompts = make_rows(prompt_lengths, 0, device)
    if device.type == "cuda":

        def make_mask(window: int | None) -> Any:
            numbers_L = None if pictures is None else pictures.of_layer(window)
            pieces = (prompt_lengths, response_lengths, owners, device)
            return make_block_mask(*pieces, window=window, pictures_L=numbers_L)

        return Packing(prompts, (), pictures, make_mask)
    length_P = torch.tensor(prompt_lengths, device=device)
    place_K = torch.arange(max(prompt_lengths), device=device)
    sees_PK = place_K < length_P[:, None]
    blocks, place = [], prompts.stop
    for first, last in similar(response_lengths):
        rows = make_rows(response_lengths[first:last], place, device)
        owner_N = torch.tensor(owners[first:last], device=device)
        count, tokens = rows.places_NT.shape
        place_T = torch.arange(tokens, device=device)
        behind_TT = (place_T[:, None] - place_T).expand(count, -1, -1)
        sees = sees_PK[owner_N][:, None].expand(-1, tokens, -1)
        behind = length_P[owner_N][:, None, None] + place_T[:, None] - place_K
        sees_NTK = torch.cat([sees, behind_TT >= 0], dim=-1)
        blocks.append(Block(rows, owner_N, sees_NTK, torch.cat([behind, behind_TT], dim=-1)))
        place = rows.stop
    return Packing(prompts, tuple(blocks), pictures)


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
    sliding_window: int | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """Attend within a packed row; the signature is that of transformers' attention functions.

    Args:
        module: the attention layer.
        query: [1, heads, L, D].
        key: [1, key heads, L, D].
        value: [1, key heads, L, E]; E is D but in latent attention.
        attention_mask: used without a packing only.
        packing: who sees whom; None: `sdpa` as transformers has it.
        scaling: factor of the scores; None: 1 / sqrt(D).
        dropout: must be 0.
        sliding_window: the tokens that each one sees at most, itself included; None: all.
        options: what else the architecture passes.

    Returns:
        [1, L, heads, E], and None in place of the weights.

    Raises:
        NotImplementedError: the architecture's attention does more than this one.

    """
    if packing is None:
        return sdpa_attention_forward(
            module,
            query,
            key,
            value,
            attention_mask,
            dropout=dropout,
            scaling=scaling,
            sliding_window=sliding_window,
            **options,
        )
    extra = [name for name in BEYOND if options.get(name) is not None]
    if extra or dropout:
        raise NotImplementedError(
            f"packed scoring knows no {', '.join(extra) or 'dropout'}, which {type(module).__name__} asks for; "
            "use scoring='plain'"
        )
    packing.calls[sliding_window] += 1
    if (mask := packing.block_mask(sliding_window)) is not None:
        # Norms leave queries and keys in float32 where values are bfloat16; autocast does not know flex attention.
        query, key = query.to(value.dtype), key.to(value.dtype)
        out = flex()(query, key, value, block_mask=mask, scale=scaling, enable_gqa=True)
        return out.transpose(1, 2), None
    query_LHD, key_LJD, value_LJE = (x[0].transpose(0, 1) for x in (query, key, value))
    return portable(query_LHD, key_LJD, value_LJE, packing, scaling, sliding_window), None


def portable(
    query_LHD: Tensor,
    key_LJD: Tensor,
    value_LJE: Tensor,
    packing: Packing,
    scaling: float | None,
    window: int | None = None,
) -> Tensor:
    """Attend with `scaled_dot_product_attention` on the prompts and on the responses, padded for this alone.

    Args:
        query_LHD: [L, heads, D].
        key_LJD: [L, key heads, D].
        value_LJE: [L, key heads, E].
        packing: who sees whom.
        scaling: factor of the scores.
        window: the tokens that each one sees at most, itself included; None: all.

    Returns:
        [1, L, heads, E].

    """
    heads_per_key = query_LHD.shape[1] // key_LJD.shape[1]
    query, *of_prompts = (packing.prompts.pad(x) for x in (query_LHD, key_LJD, value_LJE))
    key, value = (x.transpose(1, 2) for x in of_prompts)
    # Padding is on the right, so causality alone keeps it from being seen.
    mask = packing.prompt_mask(window)
    out = functional.scaled_dot_product_attention(
        query.transpose(1, 2),
        key.repeat_interleave(heads_per_key, 1) if heads_per_key > 1 else key,
        value.repeat_interleave(heads_per_key, 1) if heads_per_key > 1 else value,
        attn_mask=mask,
        is_causal=mask is None,
        scale=scaling,
    )
    parts = [packing.prompts.unpad(out.transpose(1, 2))]
    for block in packing.blocks:
        own = [block.rows.pad(x) for x in (query_LHD, key_LJD, value_LJE)]
        parts.append(_attend(block, own, of_prompts, heads_per_key, scaling, window))
    return torch.cat(parts)[None]


def _attend(
    block: Block,
    own: Sequence[Tensor],
    of_prompts: Sequence[Tensor],
    heads_per_key: int,
    scaling: float | None,
    window: int | None,
) -> Tensor:
    query_NTHD, *rest = own
    rows, tokens, heads, _ = query_NTHD.shape
    key, value = (
        torch.cat([of_prompt.index_select(0, block.owner_N), of_response], dim=1).transpose(1, 2)
        for of_prompt, of_response in zip(of_prompts, rest)
    )
    # Query heads that share a key head are further queries of it, so that keys are not copied for them.
    folded = query_NTHD.transpose(1, 2).reshape(rows, heads // heads_per_key, heads_per_key * tokens, -1)
    mask = block.mask(heads_per_key, query_NTHD.dtype, window)
    out = functional.scaled_dot_product_attention(folded, key, value, attn_mask=mask, scale=scaling)
    return block.rows.unpad(out.reshape(rows, heads, tokens, -1).transpose(1, 2))


AttentionInterface.register(PACKED, packed_attention)
AttentionMaskInterface.register(PACKED, sdpa_mask)
