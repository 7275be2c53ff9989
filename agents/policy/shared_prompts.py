"""What is held of prompts and of the completions that go on from them: keys and values, and recurrent states."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import Cache, DynamicLayer, DynamicSlidingWindowLayer, LinearAttentionLayer

ROOM = 64
"""Tokens per completion that memory is taken for at first; where that is not enough, twice as many."""
HELD_ONCE = (DynamicLayer, DynamicSlidingWindowLayer)
"""Layers of a cache whose keys and values are those of a prompt's last tokens, in order."""


def repeated(prompts: int, n: int, device: Any) -> Any:
    """Return the number of each completion's prompt, [N]."""
    return torch.arange(prompts, device=device).repeat_interleave(n)


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
            Recurrence(layer, len(mask_PL), n)
            if isinstance(layer, LinearAttentionLayer)
            else Completions(layer, n, most)
            for layer in held
        ]
        super().__init__(layers=list(self.completions))
        self.padded_PL = None if bool(mask_PL.all()) else ~mask_PL.bool()
        self.calls, self.device = 0, mask_PL.device
        self._owners = [prompt for prompt in range(len(mask_PL)) for _ in range(n)]
        self.grid = (len(mask_PL), n)
        self.place_N: Tensor | None = None
        """Places of the rows in the grid; None: it is full."""

    def layer_of(self, keys: Tensor) -> Completions | None:
        """Return the layer that handed out these very keys: its own attention may ask, and that of a later one."""
        return next((layer for layer in self.completions if getattr(layer, "shown", None) is keys), None)

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


class Recurrence(LinearAttentionLayer):
    """One layer of linear attention: a copy of its state after each of P prompts for each of their n completions."""

    def __init__(self, layer: LinearAttentionLayer, prompts: int, n: int) -> None:
        super().__init__(layer.number_of_states)
        for name, value in vars(layer).items():
            setattr(self, name, dict(value) if isinstance(value, dict) else value)
        self.reorder_cache(repeated(prompts, n, layer.device))

    def select(self, rows: Any, prompts: Tensor | None) -> None:
        """Keep some completions."""
        self.reorder_cache(rows)


class Completions(DynamicLayer):
    """One layer: prompts' keys and values, [P, J, L, D] for J key heads, and those of completions, [N, J, T, D].

    With a sliding window of W tokens both have those alone that the tokens to come can see. All rows are as far as
    each other and prompts are padded on the left, so what leaves the window is the same for all of them: a prompt's
    first columns, and after those the completions'.
    """

    keys: Tensor
    values: Tensor

    def __init__(self, layer: Any, n: int, most: int) -> None:
        super().__init__()
        self.window: int | None = getattr(layer, "sliding_window", None)
        self.prompt_keys, self.prompt_values = layer.keys, layer.values
        if self.window is not None:  # slices of what the whole prompt's were, whose memory is not needed
            self.prompt_keys, self.prompt_values = layer.keys.clone(), layer.values.clone()
        self.before: int = layer.get_seq_length()
        self.rows, self.most, self.length, self.dropped = len(layer.keys) * n, most, 0, 0
        self.dtype, self.device, self.is_initialized = layer.keys.dtype, layer.keys.device, True
        room = min(ROOM, most)
        self.keys, self.values = (self._space(x, self.rows, room) for x in (layer.keys, layer.values))
        self.shown: Tensor | None = None
        """The keys that `update` returned last."""

    @staticmethod
    def _space(like: Tensor, rows: int, room: int) -> Tensor:
        return like.new_empty(rows, like.shape[1], room, like.shape[3])

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Write the next token in place and return those of all completions so far that it sees."""
        if self.length - self.dropped == self.keys.shape[2]:
            self._keep(slice(None), 2 * self.keys.shape[2])
        place = self.length - self.dropped
        self.keys[:, :, place] = key_states[:, :, 0]
        self.values[:, :, place] = value_states[:, :, 0]
        self.length += 1
        first = 0
        if self.window is not None:
            first = max(0, place + 1 - self.window)
            unseen = max(0, self.prompt_keys.shape[2] - max(0, self.window - self.length))
            self.prompt_keys, self.prompt_values = self.prompt_keys[:, :, unseen:], self.prompt_values[:, :, unseen:]
        self.shown = self.keys[:, :, first : place + 1]
        return self.shown, self.values[:, :, first : place + 1]

    def get_seq_length(self) -> int:
        """Return the tokens so far, the prompt's included."""
        return self.before + self.length

    def select(self, rows: Tensor, prompts: Tensor | None) -> None:
        """Keep some completions and, where given, some prompts."""
        self._keep(rows, self.keys.shape[2])
        if prompts is not None:
            self.prompt_keys, self.prompt_values = self.prompt_keys[prompts], self.prompt_values[prompts]

    def _keep(self, rows: Any, room: int) -> None:
        """Move some rows, and of them what a token to come can see, to where there is room for so many tokens."""
        written = self.length - self.dropped
        first = 0 if self.window is None else max(0, written + 1 - self.window)
        room = min(room, self.most) if self.window is None else min(room, self.most, max(2 * self.window, ROOM))
        self.dropped += first
        self.keys, self.values = (self._moved(x[rows, :, first:written], room) for x in (self.keys, self.values))

    def _moved(self, written: Tensor, room: int) -> Tensor:
        new = self._space(written, len(written), room)
        new[:, :, : written.shape[2]] = written
        return new
