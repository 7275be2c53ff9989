"""The layout of weights in checkpoints, where transformers would save another than it has read."""

from __future__ import annotations

import copy
from typing import Any

from transformers.core_model_loading import Transpose, WeightConverter


def save_as_published(model: Any) -> None:
    """Have a model's weights saved, and sent to engines, as its family's checkpoints are published.

    The experts of Qwen3-VL's mixtures are published transposed. transformers reads them either way, by their shapes,
    and for the same shapes writes them as it holds them, which vLLM does not read.

    Args:
        model: from `from_pretrained`; changed in place.

    """
    conversions = getattr(model, "_weight_conversions", None) or []
    if any(one.check_dims for converter in conversions for one in _transpositions(converter)):
        model._weight_conversions = copy.deepcopy(conversions)
        for converter in model._weight_conversions:
            for one in _transpositions(converter):
                one.check_dims = False


def _transpositions(converter: Any) -> list[Any]:
    operations = converter.operations if isinstance(converter, WeightConverter) else []
    return [one for one in operations if isinstance(one, Transpose)]
