"""Gated linear attention for packed groups: each prompt's state once, handed to its responses, gradients and all.

A layer of gated linear attention (the gated delta rule of Qwen3.5 and its relatives) knows of earlier tokens by a
recurrent state and by the last inputs of a short convolution. On a packed row (see `attention.py`) transformers' own
forward of the layer is run on the prompts, from nothing, and then on the responses, from what their prompts left. In
place of its cache it gets one that hands states over as they are; transformers' own copies them in place, through which
no gradient flows.
"""

from __future__ import annotations

import types
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.cache_utils import Cache, LinearAttentionLayer

from agents.policy.attention import Rows, make_rows, similar

CHUNK = 32
"""Most tokens that the rule takes at once on a CPU: forward and backward took 1.2 to 1.5 times as long with the 64 that
transformers takes, and 1.7 to 3.2 times as long on responses of 20 tokens, which it pads to them."""


def gated_layers(model: Any) -> dict[int, nn.Module]:
    """Return the layers of gated linear attention of a model, by the number of the decoder's layer."""
    layers = getattr(model.get_decoder(), "layers", ())
    found = {number: getattr(layer, "linear_attn", None) for number, layer in enumerate(layers)}
    return {
        number: module
        for number, module in found.items()
        if isinstance(module, nn.Module) and type(module).__name__.endswith("GatedDeltaNet")
    }


def use_packed_recurrence(model: Any) -> None:
    """Let layers of gated linear attention run packed rows, and others in chunks that fit them."""
    for module in gated_layers(model).values():
        module.forward = types.MethodType(_forward, module)


def chunk_options(tokens: int, device: torch.device) -> dict[str, int]:
    """Return the rule's options for rows of so many tokens: chunks of about one size, none beyond `CHUNK`.

    Kernels of a GPU choose themselves.

    >>> chunk_options(60, torch.device("cpu")), chunk_options(5, torch.device("cpu"))
    ({'chunk_size': 30}, {'chunk_size': 5})
    """
    if device.type != "cpu":
        return {}
    chunks = -(-tokens // CHUNK)
    return {"chunk_size": -(-tokens // chunks)}


@dataclass(frozen=True, eq=False)
class Pieces:
    """Where prompts and responses lie in a packed row, as a recurrence wants them.

    Attributes:
        prompts: padded on the left, so that a prompt's state is that after the last column.
        mask_PL: false on the padding; None: there is none.
        responses: those of similar length together, padded on the right, and the numbers of their prompts.

    """

    prompts: Rows
    mask_PL: Tensor | None
    responses: tuple[tuple[Rows, Tensor], ...]


def make_pieces(
    prompt_lengths: Sequence[int], response_lengths: Sequence[int], owners: Sequence[int], device: torch.device
) -> Pieces:
    """Lay prompts and then responses end to end; arguments as of `attention.make_packing`."""
    prompts = make_rows(prompt_lengths, 0, device, left=True)
    lengths_P = torch.tensor(prompt_lengths, device=device)
    mask_PL = torch.arange(max(prompt_lengths) - 1, -1, -1, device=device) < lengths_P[:, None]
    responses, place = [], prompts.stop
    for first, last in similar(response_lengths):
        rows = make_rows(response_lengths[first:last], place, device)
        responses.append((rows, torch.tensor(owners[first:last], device=device)))
        place = rows.stop
    return Pieces(prompts, None if prompts.kept is None else mask_PL, tuple(responses))


class _States(LinearAttentionLayer):
    """States of one layer that are read and replaced, and never written into.

    Args:
        conv: the last inputs of the convolution, [N, channels, kernel - 1]; None: nothing came before.
        recurrent: [N, heads, key width, value width].

    """

    def __init__(self, conv: Tensor | None = None, recurrent: Tensor | None = None) -> None:
        super().__init__()
        self.record_past = True  # or the layer would write the convolution's state in place
        self.conv_states[0], self.recurrent_states[0] = conv, recurrent
        self.has_previous_state[0] = conv is not None

    def update_conv_state(
        self, conv_states: Tensor, state_idx: int = 0, conv_kernel_size: int | None = None, **options: Any
    ) -> Tensor:
        """Return what the convolution runs on: these inputs, after those that came before."""
        assert conv_kernel_size is not None  # the layer says it
        known, kept = self.conv_states[state_idx], conv_kernel_size - 1
        inputs = conv_states if known is None else torch.cat([known, conv_states], dim=-1)
        missing = max(0, kept - inputs.shape[-1])
        self.conv_states[state_idx] = functional.pad(inputs[..., -kept:], (missing, 0))
        return inputs

    def update_recurrent_state(self, recurrent_states: Tensor, state_idx: int = 0, **options: Any) -> Tensor:
        """Keep the state after these tokens."""
        self.recurrent_states[state_idx] = recurrent_states
        return recurrent_states

    def handed_to(self, owner_N: Tensor) -> _States:
        """Return the states of some rows."""
        conv, recurrent = self.conv_states[0], self.recurrent_states[0]
        assert conv is not None  # it has been run
        assert recurrent is not None
        return _States(conv.index_select(0, owner_N), recurrent.index_select(0, owner_N))


def _forward(
    self: Any,
    hidden_states: Tensor,
    cache_params: Cache | None = None,
    attention_mask: Tensor | None = None,
    *,
    pieces: Pieces | None = None,
    **options: Any,
) -> Tensor:
    forward = types.MethodType(type(self).forward, self)

    def run(x_NTH: Tensor, cache: Cache | None, mask_NT: Tensor | None) -> Tensor:
        chunks = chunk_options(x_NTH.shape[1], x_NTH.device)
        return forward(x_NTH, cache_params=cache, attention_mask=mask_NT, **chunks, **options)

    def run_rows(rows: Rows, states: _States, mask_NT: Tensor | None) -> Tensor:
        cache = Cache(layers=[states] * (self.layer_idx + 1))  # the layer looks for its states under its own number
        return rows.unpad(run(rows.pad(hidden_states[0]), cache, mask_NT))

    if pieces is None:
        return run(hidden_states, cache_params, attention_mask)
    of_prompts = _States()
    parts = [run_rows(pieces.prompts, of_prompts, pieces.mask_PL)]
    parts += [run_rows(rows, of_prompts.handed_to(owner_N), None) for rows, owner_N in pieces.responses]
    return torch.cat(parts)[None]
