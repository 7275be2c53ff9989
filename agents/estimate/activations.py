"""Bytes that a forward pass keeps for the backward pass, of the operations of transformers' classes as they are.

Numbers in float32 take 4 bytes, those in the precision of matrix products `w`. Norms are computed in float32. Under
autocast (bfloat16 over float32 weights) every linear layer has a copy of its input of its own. Scores of attention are
not kept (flex or flash attention). Small tensors (denominators of norms and of softmax) are left out: 5 % at a width
of 128, nothing at that of large models.
"""

from __future__ import annotations

from dataclasses import dataclass

from agents.estimate.architecture import Text, Vision


@dataclass(frozen=True)
class Precision:
    """How numbers are held.

    Attributes:
        compute: bytes of a number in matrix products.
        residual: bytes of one between layers.
        casts: whether each linear layer casts its input for itself (autocast over float32 weights).

    """

    compute: int
    residual: int
    casts: bool


def precision_of(name: str, whole: bool, sharded: bool) -> Precision:
    """Return how numbers are held in a training run.

    Args:
        name: float32 or bfloat16.
        whole: whether all weights are trained, and so float32.
        sharded: whether layers are gathered in bfloat16 (FSDP2).

    """
    if name == "float32":
        return Precision(4, 4, False)
    autocast = whole and not sharded
    return Precision(2, 4 if autocast else 2, autocast)


def layer_bytes(text: Text, p: Precision, adapters: tuple[str, ...] | None) -> int:
    """Bytes per token that one layer of the language model keeps.

    Args:
        text: the language model.
        p: how numbers are held.
        adapters: linear layers with LoRA adapters, where nothing else is trained; None: all weights are.

    """
    h, q, k, i, w = text.hidden, text.queries, text.keys, text.intermediate, p.compute
    norms = 2 * 4 * h + 4 * q + 4 * k  # inputs in float32: of the layer's two norms, and of queries and keys
    attention = (q + k) * w + k * w + q * w  # queries and keys after rotation, values, outputs
    mlp = 3 * i * w  # gate, its activation, up
    if adapters is None:
        normalised = 2 * h * (4 if p.casts else p.residual) + (q + k) * w  # for the gradient of the norms' weights
        inputs = (5 if p.casts else 2) * h * w  # of q, k, v and of gate, up; that of o is the attention's output
        return norms + attention + mlp + normalised + inputs + i * w  # and that of down
    if w == 2:  # each adapter casts its input to float32 and back
        return norms + attention + mlp + sum(text.linears[name][0] * w for name in adapters)
    first = any(name in adapters for name in ("q_proj", "k_proj", "v_proj"))
    second = any(name in adapters for name in ("gate_proj", "up_proj"))
    return norms + attention + mlp + (first + second) * h * w + ("down_proj" in adapters) * i * w


def block_bytes(vision: Vision, p: Precision) -> int:
    """Bytes per patch that one block of a trained vision tower keeps."""
    h, i, w = vision.hidden, vision.intermediate, p.compute
    norms = 2 * (4 * h + w * h)  # inputs in float32, outputs as inputs of the linear layers
    attention = 2 * h * w + 3 * h * w + h * w  # queries and keys after rotation; values hold all of qkv; outputs
    return norms + attention + 2 * i * w


def merger_bytes(vision: Vision, p: Precision) -> int:
    """Bytes per token that all mergers of a trained vision tower keep."""
    return (1 + vision.deepstack) * vision.merged * (4 + 3 * p.compute)


def text_bytes(text: Text, tokens: float, p: Precision, adapters: tuple[str, ...] | None, checkpointing: bool) -> float:
    """Bytes that the language model keeps of some tokens at most, the layers' inputs only where it is checkpointing."""
    ends = tokens * text.hidden * 8  # the last norm's input and what it makes of it, in float32
    layer = tokens * layer_bytes(text, p, adapters)
    if not checkpointing:
        return ends + text.layers * layer
    return ends + text.layers * tokens * text.hidden * p.residual + layer  # one layer at a time is run again


def vision_bytes(vision: Vision, pictures: float, tokens: float, p: Precision, checkpointing: bool) -> float:
    """Bytes that a trained vision tower keeps of some pictures of `tokens` tokens each."""
    patches = pictures * tokens * vision.merge**2
    pixels = vision.channels * vision.temporal_patch * vision.patch**2 * p.compute
    ends = patches * pixels + pictures * tokens * merger_bytes(vision, p)
    block = patches * block_bytes(vision, p)
    if not checkpointing:
        return ends + vision.depth * block
    return ends + vision.depth * patches * vision.hidden * p.residual + block
