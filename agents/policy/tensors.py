"""Tensors that may be sharded over several processes (torch's DTensor, which is not imported here)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def is_sharded(tensor: Tensor) -> bool:
    """Tell whether a tensor is spread over processes."""
    return hasattr(tensor, "to_local")


def local(tensor: Any) -> Tensor:
    """Return this process's part of a sharded tensor, and any other tensor as it is."""
    return tensor.to_local() if is_sharded(tensor) else tensor


def whole(tensor: Any) -> Tensor:
    """Gather a sharded tensor; all processes must ask for it. Others are returned as they are."""
    return tensor.full_tensor() if is_sharded(tensor) else tensor


def narrowed(tensors: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    """Return tensors with those of floating point in another precision; what was one under two names stays one."""
    made: dict[int, Tensor] = {}
    return {
        name: made.setdefault(value.data_ptr(), value.to(dtype)) if value.is_floating_point() else value
        for name, value in tensors.items()
    }
