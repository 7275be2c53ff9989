"""Token by token after prompts that are run and held once, whatever the number of their completions.

Keys and values of P prompts stay as the prompts' forward pass left them; those of the N completions are written in
place into memory that is there already. Attention reads the two apart: the queries of all completions of a prompt
meet its keys in one matrix product, so a prompt with 8 completions costs the memory and the reading of one. What a
layer of linear attention knows of a prompt is a state of fixed size, of which each completion gets a copy. Registered
with transformers under `SHARED`; an architecture whose attention does more (windows, sinks, soft caps) or does not
ask the registry goes on with transformers' own cache, repeated for each completion.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from transformers import AttentionInterface, DynamicCache
from transformers.cache_utils import Cache, DynamicLayer, LinearAttentionLayer

from agents.policy.attention import UNSUPPORTED

SHARED = "rlsd_shared_prompts"
ROOM = 64
"""Tokens per completion that memory is taken for at first; where that is not enough, twice as many."""

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
    if any(type(layer) not in (DynamicLayer, LinearAttentionLayer) for layer in cache.layers):
        return False
    trial = SharedDecoder(model, cache, mask_PL, 1, 1, three_axes)
    zeros = torch.zeros(len(mask_PL), dtype=torch.long, device=mask_PL.device)
    try:
        trial.step(zeros, zeros)
    except (NotImplementedError, TypeError):  # what `shared_attention` refuses; a forward without further arguments
        return False
    return trial.prompts.calls == sum(type(layer) is DynamicLayer for layer in cache.layers) > 0


class RepeatedDecoder:
    """A `Decoder` by transformers' own cache and attention; see `decoder` for the arguments."""

    def __init__(self, model: Any, cache: DynamicCache, mask_PL: Tensor, n: int, most: int, three_axes: bool) -> None:
        self.model, self.cache, self.three_axes = model, cache, three_axes
        self.length = mask_PL.shape[1]
        if n > 1:  # by `reorder_cache`, which caches of every kind have
            cache.reorder_cache(_repeated(len(mask_PL), n, mask_PL.device))
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


def _repeated(prompts: int, n: int, device: Any) -> Any:
    """Return the number of each completion's prompt, [N]."""
    return torch.arange(prompts, device=device).repeat_interleave(n)


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


class SharedPrompts(Cache):
    """Keys and values of prompts, once each, and of what has been sampled after them; states of linear attention.

    The N completions that go on are rows in the order of their prompts. For the matrix products with the prompts'
    keys and values they have places in a grid of P prompts x G places, which are full as long as no completion has
    been dropped.

    Args:
        cache: of the prompts.
        mask_PL: 1 on tokens of the prompts, 0 on padding.
        n: completions of each prompt.
        most: the most tokens of a completion.

    """

    def __init__(self, cache: DynamicCache, mask_PL: Tensor, n: int, most: int) -> None:
        held: list[Any] = list(cache.layers)
        self.completions: list[Any] = [
            _Recurrence(layer, len(mask_PL), n)
            if isinstance(layer, LinearAttentionLayer)
            else _Completions(layer.keys, layer.values, n, most)
            for layer in held
        ]
        super().__init__(layers=list(self.completions))
        self.padded_PL = None if bool(mask_PL.all()) else ~mask_PL.bool()
        self.calls, self.device = 0, mask_PL.device
        self._owners = [prompt for prompt in range(len(mask_PL)) for _ in range(n)]
        self.grid = (len(mask_PL), n)
        self.place_N: Tensor | None = None
        """Places of the rows in the grid; None: it is full."""

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all completions but those in these rows, and the prompts that none of them is of."""
        owners = [self._owners[row] for row in rows]
        prompts = list(dict.fromkeys(owners))
        number = {prompt: i for i, prompt in enumerate(prompts)}
        self._owners = [number[owner] for owner in owners]
        counts = Counter(self._owners)
        width = max(counts.values())
        seen: Counter[int] = Counter()
        places = []
        for owner in self._owners:
            places.append(owner * width + seen[owner])
            seen[owner] += 1
        some = torch.tensor(prompts, device=self.device) if len(prompts) < self.grid[0] else None
        self.grid = (len(prompts), width)
        self.place_N = None if len(places) == len(prompts) * width else torch.tensor(places, device=self.device)
        if some is not None and self.padded_PL is not None:
            self.padded_PL = self.padded_PL[some]
        kept = torch.tensor(rows, device=self.device)
        for layer in self.completions:
            layer.select(kept, some)


class _Recurrence(LinearAttentionLayer):
    """One layer of linear attention: a copy of its state after each of P prompts for each of their n completions."""

    def __init__(self, layer: LinearAttentionLayer, prompts: int, n: int) -> None:
        super().__init__(layer.number_of_states)
        for name, value in vars(layer).items():
            setattr(self, name, dict(value) if isinstance(value, dict) else value)
        self.reorder_cache(_repeated(prompts, n, layer.device))

    def select(self, rows: Any, prompts: Tensor | None) -> None:
        """Keep some completions."""
        self.reorder_cache(rows)


class _Completions(DynamicLayer):
    """One layer: prompts' keys and values, [P, J, L, D] for J key heads, and those of completions, [N, J, T, D]."""

    keys: Tensor
    values: Tensor

    def __init__(self, prompt_keys: Tensor, prompt_values: Tensor, n: int, most: int) -> None:
        super().__init__()
        self.prompt_keys, self.prompt_values = prompt_keys, prompt_values
        self.rows, self.most, self.length = len(prompt_keys) * n, most, 0
        self.dtype, self.device, self.is_initialized = prompt_keys.dtype, prompt_keys.device, True
        room = min(ROOM, most)
        self.keys, self.values = (self._space(x, self.rows, room) for x in (prompt_keys, prompt_values))

    @staticmethod
    def _space(like: Tensor, rows: int, room: int) -> Tensor:
        return like.new_empty(rows, like.shape[1], room, like.shape[3])

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Write the next tokens in place and return those of all completions so far."""
        stop = self.length + key_states.shape[2]
        if stop > self.keys.shape[2]:
            self.keys, self.values = (self._moved(x, slice(None), 2 * x.shape[2]) for x in (self.keys, self.values))
        self.keys[:, :, self.length : stop] = key_states
        self.values[:, :, self.length : stop] = value_states
        self.length = stop
        return self.keys[:, :, :stop], self.values[:, :, :stop]

    def get_seq_length(self) -> int:
        """Return the tokens so far, the prompt's included."""
        return self.prompt_keys.shape[2] + self.length

    def select(self, rows: Tensor, prompts: Tensor | None) -> None:
        """Keep some completions and, where given, some prompts."""
        self.keys, self.values = (self._moved(x, rows, x.shape[2]) for x in (self.keys, self.values))
        if prompts is not None:
            self.prompt_keys, self.prompt_values = self.prompt_keys[prompts], self.prompt_values[prompts]

    def _moved(self, old: Tensor, rows: Any, room: int) -> Tensor:
        written = old[rows, :, : self.length]
        new = self._space(old, len(written), min(room, self.most))
        new[:, :, : self.length] = written
        return new


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
    **options: Any,
) -> tuple[Tensor, None]:
    """Attend from one new token of each completion to its prompt and to what was sampled before it.

    The signature is that of transformers' attention functions.

    Args:
        module: the attention layer.
        query: [N, heads, 1, D].
        key: of the completions so far, [N, key heads, T, D].
        value: of the completions so far, [N, key heads, T, D].
        attention_mask: not used.
        shared_prompts: the prompts.
        scaling: factor of the scores; None: 1 / sqrt(D).
        dropout: must be 0.
        options: what else the architecture passes.

    Returns:
        [N, 1, heads, D], and None in place of the weights.

    Raises:
        NotImplementedError: the architecture's attention does more than this one.

    """
    if shared_prompts is None or dropout or any(options.get(name) is not None for name in UNSUPPORTED):
        raise NotImplementedError(f"{type(module).__name__} asks for more than attention to shared prompts")
    shared_prompts.calls += 1
    layer = shared_prompts.completions[module.layer_idx]
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
        to_prompt.masked_fill_(shared_prompts.padded_PL[:, None, None], -torch.inf)
    scores = torch.cat([to_rows(to_prompt), query_NJRD @ key.transpose(-1, -2)], dim=-1)
    weights = scores.softmax(-1, dtype=torch.float32).to(value.dtype)
    from_prompt = to_rows(to_grid(weights[..., :length]) @ layer.prompt_values)
    out = from_prompt + weights[..., length:] @ value
    return out.reshape(rows, 1, heads, width), None


AttentionInterface.register(SHARED, shared_attention)
