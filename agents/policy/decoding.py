"""Token by token after prompts that are run and held once, whatever the number of their completions.

Keys and values of P prompts stay as the prompts' forward pass left them; those of the N completions are written in
place into memory that is there already. Attention reads the two apart: the queries of all completions of a prompt
meet its keys in one matrix product, so a prompt with 8 completions costs the memory and the reading of one. A layer
with a sliding window holds what is in the window alone; a layer without keys of its own reads those that it is given.
What a layer of linear attention knows of a prompt is a state of fixed size, of which each completion gets a copy.
Registered with transformers under `SHARED`; an architecture whose attention does more (sinks, soft caps) or does not
ask the registry goes on with transformers' own cache, repeated for each completion.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from transformers import AttentionInterface, DynamicCache
from transformers.cache_utils import LinearAttentionLayer

from agents.policy.attention import BEYOND
from agents.policy.shared_prompts import HELD_ONCE, SharedPrompts, repeated

SHARED = "rlsd_shared_prompts"
_can_share: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()


class Decoder(Protocol):
    """Runs one more token of each completion that still goes on."""

    def step(self, token_N: Tensor, position_N: Tensor) -> Tensor:
        """Run a token of each completion and return the states that follow, [N, H]."""
        ...

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all completions but those in these rows, in order."""
        ...


def decoder(model: Any, cache: DynamicCache, mask_PL: Tensor, n: int, most: int, three_axes: bool) -> Decoder:
    """Return what continues prompts with `n` completions each.

    Args:
        model: a transformers model.
        cache: what it left of the prompts.
        mask_PL: 1 on tokens of the prompts, 0 on padding.
        n: completions of each.
        most: the most tokens of a completion.
        three_axes: whether positions have three axes (M-RoPE).

    """
    if model not in _can_share:
        _can_share[model] = _try_to_share(model, cache, mask_PL, three_axes)
    kind = SharedDecoder if _can_share[model] else RepeatedDecoder
    return kind(model, cache, mask_PL, n, most, three_axes)


def _try_to_share(model: Any, cache: DynamicCache, mask_PL: Tensor, three_axes: bool) -> bool:
    """Run a token after each prompt, and see whether every layer of attention asks for the one below and no other."""
    held: list[Any] = list(cache.layers)
    linear = sum(type(layer) is LinearAttentionLayer for layer in held)
    # Keys that were never written are kept somewhere else, by the model itself.
    if linear + sum(type(layer) in HELD_ONCE and layer.is_initialized for layer in held) < len(held):
        return False
    trial = SharedDecoder(model, cache, mask_PL, 1, 1, three_axes)
    zeros = torch.zeros(len(mask_PL), dtype=torch.long, device=mask_PL.device)
    try:
        trial.step(zeros, zeros)
    except (NotImplementedError, TypeError):  # what `shared_attention` refuses; a forward without further arguments
        return False
    # Not the layers of the cache: those that take the keys of others have none there.
    return trial.prompts.calls == model.config.get_text_config().num_hidden_layers - linear > 0


class RepeatedDecoder:
    """A `Decoder` by transformers' own cache and attention; see `decoder` for the arguments."""

    def __init__(self, model: Any, cache: DynamicCache, mask_PL: Tensor, n: int, most: int, three_axes: bool) -> None:
        self.model, self.cache, self.three_axes = model, cache, three_axes
        self.length = mask_PL.shape[1]
        if n > 1:  # by `reorder_cache`, which caches of every kind have
            cache.reorder_cache(repeated(len(mask_PL), n, mask_PL.device))
        mask_NL = mask_PL.repeat_interleave(n, dim=0)
        self.mask = torch.cat([mask_NL, mask_NL.new_ones(len(mask_NL), most)], dim=1)

    def step(self, token_N: Tensor, position_N: Tensor) -> Tensor:
        """Run a token of each completion; see `Decoder`."""
        self.length += 1
        inputs = {"attention_mask": self.mask[:, : self.length], "past_key_values": self.cache}
        return _forward(self.model, token_N, position_N, self.three_axes, inputs)

    def keep(self, rows: Sequence[int]) -> None:
        """Drop completions; see `Decoder`."""
        kept: Any = torch.tensor(rows, device=self.mask.device)
        self.cache.reorder_cache(kept)
        self.mask = self.mask[kept]


class SharedDecoder:
    """A `Decoder` that holds each prompt once; see `decoder` for the arguments."""

    def __init__(self, model: Any, cache: DynamicCache, mask_PL: Tensor, n: int, most: int, three_axes: bool) -> None:
        self.model, self.three_axes = model, three_axes
        self.prompts = SharedPrompts(cache, mask_PL, n, most)

    def step(self, token_N: Tensor, position_N: Tensor) -> Tensor:
        """Run a token of each completion; see `Decoder`."""
        inputs = {"past_key_values": self.prompts, "shared_prompts": self.prompts}
        with _attention(self.model):
            return _forward(self.model, token_N, position_N, self.three_axes, inputs)

    def keep(self, rows: Sequence[int]) -> None:
        """Drop completions; see `Decoder`."""
        self.prompts.keep(rows)


def _forward(model: Any, token_N: Tensor, position_N: Tensor, three_axes: bool, inputs: dict[str, Any]) -> Tensor:
    position_N1 = position_N[:, None]
    position = position_N1[None].expand(3, -1, -1) if three_axes else position_N1
    output = model.model(input_ids=token_N[:, None], position_ids=position, use_cache=True, **inputs)
    return output.last_hidden_state[:, 0]


@contextmanager
def _attention(model: Any) -> Iterator[None]:
    config = model.config.get_text_config()
    usual = config._attn_implementation
    config._attn_implementation = SHARED
    try:
        yield
    finally:
        config._attn_implementation = usual


def shared_attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    shared_prompts: SharedPrompts | None = None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """Attend from one new token of each completion to its prompt and to what was sampled before it.

    The signature is that of transformers' attention functions.

    Args:
        module: the attention layer.
        query: [N, heads, 1, D].
        key: of the completions so far, [N, key heads, T, D], as `shared_prompts` handed them out.
        value: of the completions so far, [N, key heads, T, E]; E is D but in latent attention.
        attention_mask: not used.
        shared_prompts: the prompts.
        scaling: factor of the scores; None: 1 / sqrt(D).
        dropout: must be 0.
        sliding_window: the tokens that each one sees at most, itself included; None: all.
        options: what else the architecture passes.

    Returns:
        [N, 1, heads, E], and None in place of the weights.

    Raises:
        NotImplementedError: the architecture's attention does more than this one.

    """
    if shared_prompts is None or dropout or any(options.get(name) is not None for name in BEYOND):
        raise NotImplementedError(f"{type(module).__name__} asks for more than attention to shared prompts")
    layer = shared_prompts.layer_of(key)
    if layer is None or layer.window != sliding_window:
        raise NotImplementedError(f"{type(module).__name__} reads other keys than those of its layer and window")
    shared_prompts.calls += 1
    (prompts, places), place_N = shared_prompts.grid, shared_prompts.place_N
    rows, heads, _, width = query.shape
    key_heads, length = key.shape[1], layer.prompt_keys.shape[2]
    query_NJRD = query.reshape(rows, key_heads, heads // key_heads, width)
    query_NJRD = query_NJRD * (width**-0.5 if scaling is None else scaling)

    def to_grid(x_NJRX: Tensor) -> Tensor:  # [P, J, G * R, X]: what is of one prompt and key head together
        if place_N is not None:
            x_NJRX = x_NJRX.new_zeros(prompts * places, *x_NJRX.shape[1:]).index_copy_(0, place_N, x_NJRX)
        return x_NJRX.unflatten(0, (prompts, places)).transpose(1, 2).flatten(2, 3)

    def to_rows(x_PJGX: Tensor) -> Tensor:
        x_NJRX = x_PJGX.unflatten(2, (places, -1)).transpose(1, 2).flatten(0, 1)
        return x_NJRX if place_N is None else x_NJRX.index_select(0, place_N)

    to_prompt = to_grid(query_NJRD) @ layer.prompt_keys.transpose(-1, -2)
    if shared_prompts.padded_PL is not None:
        unseen = shared_prompts.padded_PL.shape[1] - length
        to_prompt.masked_fill_(shared_prompts.padded_PL[:, None, None, unseen:], -torch.inf)
    scores = torch.cat([to_rows(to_prompt), query_NJRD @ key.transpose(-1, -2)], dim=-1)
    weights = scores.softmax(-1, dtype=torch.float32).to(value.dtype)
    from_prompt = to_rows(to_grid(weights[..., :length]) @ layer.prompt_values)
    out = from_prompt + weights[..., length:] @ value
    return out.reshape(rows, 1, heads, -1), None


AttentionInterface.register(SHARED, shared_attention)
