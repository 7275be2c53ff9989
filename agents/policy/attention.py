"""Attention for packed groups: prompts once, every response against its own prompt, nothing padded.

All tokens of a call lie end to end in one row: first the prompts, then the responses. Linear layers, norms and heads
see no padding and run each prompt once, whatever the number of its responses. Attention alone needs to know who may
see whom: prompt tokens see the earlier ones of their prompt, response tokens their prompt and the earlier ones of
their own response. Registered with transformers under `PACKED`, so that its model classes run it as they are; without
a packing it is transformers' own `sdpa`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

PACKED = "rlsd_packed"
UNSUPPORTED = ("sliding_window", "softcap", "s_aux", "position_bias", "indexer_scores")
"""Arguments of other architectures' attention that would have to be honoured."""


@dataclass(frozen=True, eq=False)
class Packing:
    """Where the tokens of prompts and responses lie in a packed row of L tokens.

    Attributes:
        prompt_PK: place of each prompt token, padded on the right with 0.
        response_NT: place of each response token, padded on the right with 0; T may be 0.
        prompt_lengths: tokens of each prompt.
        response_lengths: tokens of each response that are run.
        owner_N: number of each response's prompt.
        per_prompt: responses of each prompt, where all have as many, one prompt after the other; else None.
        prompt_kept: where the prompts' tokens are among the padded ones; None: there is no padding.
        response_kept: where the responses' are.
        block_mask: for flex attention; None: the portable kernel.
        calls: attention layers that have run with it so far, in a list of one number.

    """

    prompt_PK: Tensor
    response_NT: Tensor
    prompt_lengths: tuple[int, ...]
    response_lengths: tuple[int, ...]
    owner_N: Tensor
    per_prompt: int | None
    prompt_kept: Tensor | None
    response_kept: Tensor | None
    block_mask: Any = None
    calls: list[int] = field(default_factory=lambda: [0])
    masks: dict[int, Tensor] = field(default_factory=dict, repr=False)

    def response_mask(self, heads_per_key: int) -> Tensor:
        """Tell which keys (of the prompt, then of the response) each response token sees, [N, 1, heads x T, K + T]."""
        if heads_per_key not in self.masks:
            self.masks[heads_per_key] = self._make_mask(heads_per_key)
        return self.masks[heads_per_key]

    def _make_mask(self, heads_per_key: int) -> Tensor:
        device = self.prompt_PK.device
        tokens = self.response_NT.shape[1]
        lengths_P = torch.tensor(self.prompt_lengths, device=device)
        sees_PK = torch.arange(self.prompt_PK.shape[1], device=device) < lengths_P[:, None]
        before_TT = torch.ones(tokens, tokens, dtype=torch.bool, device=device).tril()
        sees_NTK = sees_PK[self.owner_N][:, None].expand(-1, tokens, -1)
        mask_NTK = torch.cat([sees_NTK, before_TT.expand(len(sees_NTK), -1, -1)], dim=-1)
        return mask_NTK.repeat(1, heads_per_key, 1)[:, None]


def make_packing(
    prompt_lengths: Sequence[int], response_lengths: Sequence[int], owners: Sequence[int], device: torch.device
) -> Packing:
    """Lay prompts and then responses end to end.

    Args:
        prompt_lengths: tokens of each prompt.
        response_lengths: tokens of each response that are run.
        owners: number of each response's prompt.
        device: where the indices are wanted; on a GPU the packing has a block mask for flex attention.

    """
    prompt_PK = _places(prompt_lengths, 0, device)
    response_NT = _places(response_lengths, sum(prompt_lengths), device)
    times, rest = divmod(len(owners), len(prompt_lengths))
    even = not rest and list(owners) == [number for number in range(len(prompt_lengths)) for _ in range(times)]
    block_mask = None
    if device.type == "cuda":
        block_mask = make_block_mask(prompt_lengths, response_lengths, owners, device)
    return Packing(
        prompt_PK, response_NT, tuple(prompt_lengths), tuple(response_lengths),
        torch.tensor(owners, device=device), times if even else None,
        _kept(prompt_lengths, device), _kept(response_lengths, device), block_mask,
    )  # fmt: skip


def _places(lengths: Sequence[int], start: int, device: torch.device) -> Tensor:
    places = torch.zeros(len(lengths), max(lengths, default=0), dtype=torch.long)
    for row, length in zip(places, lengths):
        row[:length] = torch.arange(start, start + length)
        start += length
    return places.to(device)


def _kept(lengths: Sequence[int], device: torch.device) -> Tensor | None:
    longest = max(lengths, default=0)
    if len(set(lengths)) <= 1:
        return None
    kept = [torch.arange(row * longest, row * longest + length) for row, length in enumerate(lengths)]
    return torch.cat(kept).to(device)


def make_block_mask(
    prompt_lengths: Sequence[int], response_lengths: Sequence[int], owners: Sequence[int], device: torch.device
) -> Any:
    """Make flex attention's mask of a packed row."""
    from torch.nn.attention.flex_attention import create_block_mask

    prompts, shared = len(prompt_lengths), -1
    numbers = torch.tensor([*range(prompts), *owners])
    rows = torch.tensor([*[shared] * prompts, *range(len(owners))])
    lengths = torch.tensor([*prompt_lengths, *response_lengths])
    prompt_L = numbers.repeat_interleave(lengths).to(device)
    row_L = rows.repeat_interleave(lengths).to(device)
    total = len(prompt_L)

    def sees(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        mine = (row_L[key] == shared) | (row_L[key] == row_L[query])
        return (query >= key) & (prompt_L[query] == prompt_L[key]) & mine

    return create_block_mask(sees, None, None, total, total, device=str(device))


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
    split = sum(packing.prompt_lengths)
    even = packing.prompt_kept is None
    prompt = [_pad(x, packing.prompt_PK, even, 0, split) for x in (query_LHD, key_LJD, value_LJD)]
    query, key, value = (x.transpose(1, 2) for x in prompt)
    # Padding is on the right, so causality alone keeps it from being seen.
    out = functional.scaled_dot_product_attention(
        query,
        key.repeat_interleave(heads_per_key, 1) if heads_per_key > 1 else key,
        value.repeat_interleave(heads_per_key, 1) if heads_per_key > 1 else value,
        is_causal=True,
        scale=scaling,
    )
    parts = [_unpad(out.transpose(1, 2), packing.prompt_kept)]
    if packing.response_NT.shape[1]:
        even = packing.response_kept is None
        own = [_pad(x, packing.response_NT, even, split, len(x)) for x in (query_LHD, key_LJD, value_LJD)]
        parts.append(_responses(own[0], own[1:], prompt[1:], packing, heads_per_key, scaling))
    return torch.cat(parts)[None]


def _responses(
    query_NTHD: Tensor,
    own: Sequence[Tensor],
    prompt: Sequence[Tensor],
    packing: Packing,
    heads_per_key: int,
    scaling: float | None,
) -> Tensor:
    rows, tokens, heads, width = query_NTHD.shape
    key, value = (
        torch.cat([_of_owners(of_prompt, packing), of_response], dim=1).transpose(1, 2)
        for of_prompt, of_response in zip(prompt, own)
    )
    # Query heads that share a key head are further queries of it, so that keys are not copied for them.
    folded = query_NTHD.transpose(1, 2).reshape(rows, heads // heads_per_key, heads_per_key * tokens, width)
    mask = packing.response_mask(heads_per_key)
    out = functional.scaled_dot_product_attention(folded, key, value, attn_mask=mask, scale=scaling)
    return _unpad(out.reshape(rows, heads, tokens, width).transpose(1, 2), packing.response_kept)


def _pad(x_LHD: Tensor, places: Tensor, even: bool, start: int, stop: int) -> Tensor:
    """Bring [start, stop) of a packed row into padded rows, [rows, longest, heads, D]."""
    if even:
        return x_LHD[start:stop].unflatten(0, places.shape)
    return x_LHD.index_select(0, places.flatten()).unflatten(0, places.shape)


def _unpad(x_RTHD: Tensor, kept: Tensor | None) -> Tensor:
    flat = x_RTHD.flatten(0, 1)
    return flat if kept is None else flat.index_select(0, kept)


def _of_owners(x_PKJD: Tensor, packing: Packing) -> Tensor:
    if packing.per_prompt is None:
        return x_PKJD.index_select(0, packing.owner_N)
    return x_PKJD[:, None].expand(-1, packing.per_prompt, -1, -1, -1).flatten(0, 1)


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
