"""Products in float32 with a matrix that is kept in fewer bits: it is widened a block at a time, never as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

BLOCK_NUMBERS = {"cpu": 2**20}
"""Numbers that are widened at once, in a buffer that is used again: 4 MiB, which a CPU's cache holds. With one of
64 MiB products took 1.6 to 6 times as long."""
BLOCK_ELSEWHERE = 2**25
"""The same on other devices, where many small products would cost more than 128 MiB."""


def product(hidden_CH: Tensor, weight_VH: Tensor, bias_V: Tensor | None, dtype: torch.dtype) -> Tensor:
    """Return `hidden weight^T + bias`, [C, V], computed in `dtype` whatever autocast says; gradients flow.

    Args:
        hidden_CH: in any precision.
        weight_VH: in any precision.
        bias_V: in any precision, or None.
        dtype: of the product; that of the matrix, or a wider one.

    """
    with torch.autocast(hidden_CH.device.type, enabled=False):
        hidden_CH, bias_V = hidden_CH.to(dtype), None if bias_V is None else bias_V.to(dtype)
        if weight_VH.dtype == dtype:
            return functional.linear(hidden_CH, weight_VH, bias_V)
        product_CV = _Widened.apply(hidden_CH, weight_VH)
        return product_CV if bias_V is None else product_CV + bias_V


def times(grad_CV: Tensor, weight_VH: Tensor) -> Tensor:
    """Return `grad weight`, [C, H], computed in the precision of `grad`."""
    if weight_VH.dtype == grad_CV.dtype:
        return grad_CV @ weight_VH
    product_CH = grad_CV.new_zeros(len(grad_CV), weight_VH.shape[1])
    for start, wide_RH in _blocks(weight_VH, grad_CV.dtype):
        product_CH.addmm_(grad_CV[:, start : start + len(wide_RH)], wide_RH)
    return product_CH


def _blocks(weight_VH: Tensor, dtype: torch.dtype) -> Iterator[tuple[int, Tensor]]:
    """Widen some rows at a time: the first one's number, and the rows; the next ones take their place in memory."""
    numbers = BLOCK_NUMBERS.get(weight_VH.device.type, BLOCK_ELSEWHERE)
    rows = min(len(weight_VH), max(1, numbers // weight_VH.shape[1]))
    buffer_RH = weight_VH.new_empty(rows, weight_VH.shape[1], dtype=dtype)
    for start in range(0, len(weight_VH), rows):
        some = weight_VH[start : start + rows]
        yield start, buffer_RH[: len(some)].copy_(some)


class _Widened(torch.autograd.Function):
    """`hidden weight^T` in the precision of `hidden`; for its gradient the matrix is kept as it is."""

    @staticmethod
    def forward(ctx: Any, hidden_CH: Tensor, weight_VH: Tensor) -> Tensor:
        ctx.save_for_backward(hidden_CH, weight_VH)
        product_CV = hidden_CH.new_empty(len(hidden_CH), len(weight_VH))
        for start, wide_RH in _blocks(weight_VH, hidden_CH.dtype):
            product_CV[:, start : start + len(wide_RH)] = hidden_CH @ wide_RH.T
        return product_CV

    @staticmethod
    def backward(ctx: Any, grad_CV: Tensor) -> tuple[Tensor | None, ...]:
        hidden_CH, weight_VH = ctx.saved_tensors
        of_hidden = times(grad_CV, weight_VH) if ctx.needs_input_grad[0] else None
        of_weight = (grad_CV.T @ hidden_CH).to(weight_VH.dtype) if ctx.needs_input_grad[1] else None
        return of_hidden, of_weight
