"""Architectures by the name of a policy, without a network: published configurations, folders, the hub's cache."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from agents.bundled import folder_of, whole_model
from agents.estimate.architecture import MODEL_TYPES, Architecture, from_config
from rlsd_env.errors import ConfigurationError, one_of

_VISION = {"patch_size": 16, "temporal_patch_size": 2, "spatial_merge_size": 2, "num_position_embeddings": 2304}
_SMALL = {"depth": 24, "hidden_size": 1024, "intermediate_size": 4096, "deepstack_visual_indexes": [5, 11, 17]}
_LARGE = {"depth": 27, "hidden_size": 1152, "intermediate_size": 4304, "deepstack_visual_indexes": [8, 16, 24]}
_TEXT = {"num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936}


def _published(text: dict[str, int], vision: dict[str, Any], tied: bool) -> dict[str, Any]:
    return {
        "model_type": "qwen3_vl",
        "tie_word_embeddings": tied,
        "text_config": {**_TEXT, **text},
        "vision_config": {**_VISION, **vision, "out_hidden_size": text["hidden_size"]},
    }


PUBLISHED: dict[str, dict[str, Any]] = {
    "2B": _published(
        {"hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 28, "num_attention_heads": 16},
        _SMALL,
        tied=True,
    ),
    "4B": _published(
        {"hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36, "num_attention_heads": 32},
        _SMALL,
        tied=True,
    ),
    "8B": _published(
        {"hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36, "num_attention_heads": 32},
        _LARGE,
        tied=False,
    ),
}
"""What the `config.json` of Qwen3-VL's dense models says of their shapes; Instruct and Thinking have the same."""
_QWEN3_VL = re.compile(r"Qwen/Qwen3-VL-(\w+)-(?:Instruct|Thinking)")


def find_architecture(policy: str) -> Architecture:
    """Return the architecture of a bundled model, a checkpoint folder, or a hub id that is cached or built in.

    Raises:
        ConfigurationError: there is no configuration to be had without a network, or its kind of model is not one of
            `MODEL_TYPES`.

    """
    config = _find_config(policy)
    kind = config.get("model_type", "")
    if kind not in MODEL_TYPES:
        raise ConfigurationError(f"policy {policy!r}: no estimate for it; {one_of('model_type', kind, MODEL_TYPES)}")
    try:
        return from_config(config)
    except KeyError as error:
        raise ConfigurationError(f"policy {policy!r}: its config.json has no {error}") from None


def _find_config(policy: str) -> dict[str, Any]:
    policy = whole_model(folder_of(policy))
    path = Path(policy) / "config.json"
    if path.is_file():
        return _read(path)
    match = _QWEN3_VL.fullmatch(policy)
    if match and match[1] in PUBLISHED:
        return PUBLISHED[match[1]]
    if policy.count("/") == 1:
        from huggingface_hub import try_to_load_from_cache

        cached = try_to_load_from_cache(policy, "config.json")
        if isinstance(cached, str):
            return _read(Path(cached))
    known = ", ".join(f"Qwen/Qwen3-VL-{size}-Instruct" for size in PUBLISHED)
    raise ConfigurationError(
        f"policy {policy!r}: no config.json without a network; name a folder that has one, tiny, a model in the hub's "
        f"cache, or one of {known}"
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} is no readable JSON: {error}") from None
    if not isinstance(config, dict):
        raise ConfigurationError(f"{path} is no configuration; it must be a JSON object")
    return config
