"""Shapes of models: parameters, linear layers, and what a token costs, from a `config.json` alone.

The formulas are those of transformers' Qwen3-VL and Qwen3 classes; tests hold the counts to the classes themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Vision:
    """A vision tower: patches, blocks, and mergers that hand features to the language model."""

    depth: int
    hidden: int
    intermediate: int
    channels: int
    patch: int
    temporal_patch: int
    merge: int
    out: int
    positions: int
    deepstack: int
    """Levels whose features go to the language model as well, each through a merger of its own."""

    @property
    def merged(self) -> int:
        """Width of the patches that become one token of the language model, side by side."""
        return self.hidden * self.merge**2

    @property
    def block(self) -> int:
        """Parameters of a block: two norms, qkv, projection, and the two layers of the MLP, all with biases."""
        h, i = self.hidden, self.intermediate
        return 4 * h + (3 * h * h + 3 * h) + (h * h + h) + (h * i + i) + (i * h + h)

    @property
    def parameters(self) -> int:
        """All parameters."""
        h, m = self.hidden, self.merged
        embeddings = self.channels * self.temporal_patch * self.patch**2 * h + h + self.positions * h
        merger = (m * m + m) + (m * self.out + self.out)
        norms = 2 * h + self.deepstack * 2 * m  # a deepstack merger's norm comes after the patches are put side by side
        return embeddings + self.depth * self.block + (1 + self.deepstack) * merger + norms

    def flops(self, patches: int) -> int:
        """Floating-point operations of a forward pass over one picture; a multiply-add is two."""
        h, i, m = self.hidden, self.intermediate, self.merged
        embeddings = 2 * self.channels * self.temporal_patch * self.patch**2 * h
        block = 2 * (4 * h * h + 2 * h * i) + 4 * h * patches  # each patch sees all patches of the picture
        mergers = (1 + self.deepstack) * 2 * (m * m + m * self.out)
        return patches * (embeddings + self.depth * block) + patches // self.merge**2 * mergers


@dataclass(frozen=True)
class Text:
    """A decoder with grouped-query attention and gated MLPs."""

    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied: bool
    """Whether the head is the embeddings transposed."""
    bias: bool = False
    """Whether the attention's linear layers have biases."""

    @property
    def queries(self) -> int:
        """Width of a token's queries, all heads."""
        return self.heads * self.head_dim

    @property
    def keys(self) -> int:
        """Width of a token's keys, all heads; that of its values is the same."""
        return self.kv_heads * self.head_dim

    @property
    def linears(self) -> dict[str, tuple[int, int]]:
        """Inputs and outputs of a layer's linear layers by name."""
        h, q, k, i = self.hidden, self.queries, self.keys, self.intermediate
        return {
            "q_proj": (h, q),
            "k_proj": (h, k),
            "v_proj": (h, k),
            "o_proj": (q, h),
            "gate_proj": (h, i),
            "up_proj": (h, i),
            "down_proj": (i, h),
        }

    @property
    def matrix(self) -> int:
        """Parameters of a layer's matrices: each is used once per token."""
        return sum(inputs * outputs for inputs, outputs in self.linears.values())

    @property
    def layer(self) -> int:
        """Parameters of a layer: its matrices, two norms, and the norms of queries and keys."""
        biases = sum(self.linears[name][1] for name in ("q_proj", "k_proj", "v_proj", "o_proj")) if self.bias else 0
        return self.matrix + biases + 2 * self.hidden + 2 * self.head_dim

    @property
    def embeddings(self) -> int:
        """Parameters of the embeddings, and of a head that is not tied to them."""
        return self.vocabulary * self.hidden

    def flops(self, tokens: float, pairs: float) -> float:
        """Floating-point operations of the layers in a forward pass.

        Args:
            tokens: tokens that are run.
            pairs: pairs of a token and one that it attends to; each costs a product for its score and one for its
                value.

        """
        return self.layers * (2 * self.matrix * tokens + 4 * self.queries * pairs)

    def head_flops(self, tokens: float) -> float:
        """Floating-point operations of the logits of some tokens."""
        return 2 * self.embeddings * tokens

    def cache_bytes(self, width: int) -> int:
        """Bytes of one token's keys and values in all layers, `width` bytes a number."""
        return self.layers * 2 * self.keys * width

    def adapter(self, targets: tuple[str, ...], rank: int) -> int:
        """Parameters of LoRA adapters on some linear layers of every layer."""
        return self.layers * sum(rank * sum(self.linears[name]) for name in targets)


@dataclass(frozen=True)
class Architecture:
    """A vision-language model, or a language model where `vision` is None."""

    text: Text
    vision: Vision | None

    @property
    def parts(self) -> dict[str, int]:
        """Parameters by part."""
        parts = {"vision tower": self.vision.parameters} if self.vision is not None else {}
        parts["embeddings"] = self.text.embeddings
        parts["language model layers"] = self.text.layers * self.text.layer + self.text.hidden  # the last norm
        parts["head"] = 0 if self.text.tied else self.text.embeddings
        return parts

    @property
    def parameters(self) -> int:
        """All parameters; a tied head has none of its own."""
        return sum(self.parts.values())


MODEL_TYPES = ("qwen3_vl", "qwen3")
"""Values of `model_type` that are understood."""


def from_config(config: Mapping[str, Any]) -> Architecture:
    """Read the contents of a `config.json` whose `model_type` is one of `MODEL_TYPES`.

    Raises:
        KeyError: a size is missing.

    """
    sees = config["model_type"] == "qwen3_vl"
    text = config["text_config"] if sees else config
    language = Text(
        hidden=text["hidden_size"],
        intermediate=text["intermediate_size"],
        layers=text["num_hidden_layers"],
        heads=text["num_attention_heads"],
        kv_heads=text["num_key_value_heads"],
        head_dim=text.get("head_dim") or text["hidden_size"] // text["num_attention_heads"],
        vocabulary=text["vocab_size"],
        tied=config.get("tie_word_embeddings", text.get("tie_word_embeddings", False)),
        bias=text.get("attention_bias", False),
    )
    if not sees:
        return Architecture(language, None)
    tower = config["vision_config"]
    vision = Vision(
        depth=tower["depth"],
        hidden=tower["hidden_size"],
        intermediate=tower["intermediate_size"],
        channels=tower.get("in_channels", 3),
        patch=tower["patch_size"],
        temporal_patch=tower["temporal_patch_size"],
        merge=tower["spatial_merge_size"],
        out=tower["out_hidden_size"],
        positions=tower["num_position_embeddings"],
        deepstack=len(tower["deepstack_visual_indexes"]),
    )
    return Architecture(language, vision)
