"""Tensors that may be sharded over several processes."""

from __future__ import annotations

from torch import Tensor
from torch.distributed.tensor import DTensor


def local(tensor: Tensor) -> Tensor:
    """Return this process's part of a sharded tensor, and any other tensor as it is."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def whole(tensor: Tensor) -> Tensor:
    """Gather a sharded tensor; all processes must ask for it. Others are returned as they are."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
