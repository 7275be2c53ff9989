"""Ways of new weights into a running vLLM: a checkpoint folder, or the memory of a GPU that both use."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers.core_model_loading import WeightConverter, revert_weight_conversion

SHARD_BYTES = 2 * 2**30
"""Weights are written in files of about this size, so that no more than one of them is held twice."""
MEMORY = Path("/dev/shm")
"""Where folders are memory."""


def write_weights(weights: Iterable[tuple[str, Tensor]], folder: Path, dtype: torch.dtype) -> int:
    """Write weights as safetensors files and return their bytes.

    Args:
        weights: (name as in a checkpoint, value) pairs.
        folder: an existing folder.
        dtype: what floating-point values are written as.

    """
    shard: dict[str, Tensor] = {}
    total = size = number = 0
    for name, value in weights:
        value = value.detach().to("cpu", dtype if value.is_floating_point() else value.dtype)
        shard[name] = value.clone(memory_format=torch.contiguous_format)
        size += value.nbytes
        total += value.nbytes
        if size >= SHARD_BYTES:
            save_file(shard, folder / f"model-{number:05d}.safetensors")
            shard, size, number = {}, 0, number + 1
    if shard:
        save_file(shard, folder / f"model-{number:05d}.safetensors")
    return total


def tied_weights(model: nn.Module) -> dict[str, str]:
    """Return for each further name of a weight the first one, such as the head's for a tied embedding."""
    names: dict[int, str] = {}
    tied = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        first = names.setdefault(id(parameter), name)
        if first != name:
            tied[name] = first
    return tied


def untied(weights: Iterable[tuple[str, Tensor]], tied: Mapping[str, str]) -> Iterator[tuple[str, Tensor]]:
    """Yield weights under all their names.

    vLLM on a CPU keeps a copy of the head's matrix in another order, which follows under the head's own name only.

    Args:
        weights: (name, value) pairs.
        tied: see `tied_weights`.

    """
    for name, value in weights:
        yield name, value
        for further, first in tied.items():
            if first == name:
                yield further, value


def as_loaded(model: Any, weights: Iterable[tuple[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
    """Yield weights under the names, and in the pieces, of the checkpoint that a model was loaded from.

    transformers renames its modules from version to version; vLLM reads the names of published checkpoints.

    Args:
        model: from `from_pretrained`; of another the weights stay as they are.
        weights: (name, value) pairs.

    """
    conversions = getattr(model, "_weight_conversions", None)
    if not conversions:
        yield from weights
    elif any(isinstance(one, WeightConverter) and len(one.target_patterns) > 1 for one in conversions):
        yield from revert_weight_conversion(model, dict(weights)).items()  # several weights become one
    else:
        for name, value in weights:
            yield from revert_weight_conversion(model, {name: value}).items()


@contextmanager
def weights_folder(parent: Path | None = None) -> Iterator[Path]:
    """Make a folder for one transfer and remove it afterwards.

    Args:
        parent: where, such as a disk that the server's machine reads too; None: in memory where there is such a place.

    """
    if parent is None and MEMORY.is_dir() and os.access(MEMORY, os.W_OK):
        parent = MEMORY
    folder = Path(tempfile.mkdtemp(prefix="rlsd-weights-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class SharedMemoryTransfer:
    """Hands weights over in GPU memory, by vLLM's weight-transfer interface and its CUDA IPC backend.

    Args:
        llm: a `vllm.LLM` made with `weight_transfer_config={"backend": "ipc"}`, on the GPU of the trained model.
        dtype: what floating-point values are sent as.

    """

    def __init__(self, llm: Any, dtype: torch.dtype) -> None:
        from vllm.distributed.weight_transfer import WeightTransferTrainerFactory
        from vllm.distributed.weight_transfer.ipc_engine import IPCTrainerInitInfo

        self.dtype = dtype
        self.weights: Iterable[tuple[str, Tensor]] = ()
        self.sender: Any = WeightTransferTrainerFactory.trainer_init(
            IPCTrainerInitInfo(rank=0, packed=True), client=_Client(llm), source=_source(self)
        )

    def send(self, weights: Iterable[tuple[str, Tensor]]) -> None:
        """Send all weights."""
        self.weights = weights
        try:
            self.sender.send_weights()
        finally:
            self.weights = ()


class _Client:
    """Passes the steps of a transfer on to an engine in this process."""

    def __init__(self, llm: Any) -> None:
        self.llm = llm

    def init_weight_transfer_engine(self, init_info: dict[str, Any]) -> None:
        self.llm.init_weight_transfer_engine({"init_info": init_info})

    def start_weight_update(self) -> None:
        self.llm.start_weight_update()

    def update_weights(self, update_info: Any) -> None:
        self.llm.update_weights({"update_info": update_info})

    def finish_weight_update(self, weight_version: str | None = None) -> None:
        self.llm.finish_weight_update(weight_version)


def _source(transfer: SharedMemoryTransfer) -> Any:
    from vllm.distributed.weight_transfer import ParamMeta, WeightSource

    class Source(WeightSource):
        def metadata(self) -> list[Any]:
            return [ParamMeta(name, value.dtype, tuple(value.shape)) for name, value in self]

        def __iter__(self) -> Iterator[tuple[str, Tensor]]:
            for name, value in transfer.weights:
                yield name, value.to(transfer.dtype) if value.is_floating_point() else value

    return Source()
