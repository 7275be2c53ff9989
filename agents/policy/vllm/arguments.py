"""Arguments of vLLM's engine: what is fixed, what may be given, and the defaults of each device."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

from rlsd_env.errors import ConfigurationError, one_of

TRANSFERS = ("auto", "folder", "ipc")
"""Ways of new weights into the engine: a folder of safetensors in memory; CUDA IPC, where trainer and engine share a
GPU; auto: ipc on a GPU, else folder."""
FIXED = {
    "generation_config": "vllm",  # nothing of the checkpoint's top-k, top-p, penalties
    "logprobs_mode": "processed_logprobs",
    "mm_device_do_normalize": False,  # by the processor, as the learner has it
    "enable_prefix_caching": True,
}
"""Arguments of the engine that samples would be wrong without."""
TAKEN = ("model", "tokenizer", "dtype", "weight_transfer_config", "data_parallel_size")
"""Further arguments that are not a user's to give."""
DEFAULTS: dict[str, Any] = {"use_tqdm_on_load": False}
CPU_DEFAULTS: dict[str, Any] = {"enforce_eager": True, "block_size": 32, "kv_cache_memory_bytes": 2**30}
GPU_DEFAULTS: dict[str, Any] = {"gpu_memory_utilization": 0.3}
"""What is left of the GPU is the trainer's (TRL's default for an engine beside it)."""


def check_arguments(given: Mapping[str, Any], transfer: str, device: str) -> None:
    """Refuse arguments of the engine that are unknown or not to be given.

    Raises:
        ConfigurationError: there is one.

    """
    from vllm import EngineArgs

    known = {field.name for field in dataclasses.fields(EngineArgs)} - {*FIXED, *TAKEN}
    for name in given:
        if name in FIXED or name in TAKEN:
            raise ConfigurationError(
                f"sampler_kwargs has {name}, which follows from the other options; leave it out"
                + (" (dtype follows precision)" if name == "dtype" else "")
            )
        if name not in known:
            raise ConfigurationError(one_of("sampler_kwargs' argument of vLLM", name, sorted(known)))
    if transfer not in TRANSFERS:
        raise ConfigurationError(one_of("sampler_kwargs transfer", transfer, TRANSFERS))
    if transfer == "ipc" and device != "cuda":
        raise ConfigurationError(
            f"sampler_kwargs transfer=ipc shares memory of a GPU and device is {device}; use folder"
        )


def defaults(device: str) -> dict[str, Any]:
    """Return the arguments that a user may change."""
    if device == "cuda":
        return DEFAULTS | GPU_DEFAULTS
    made = DEFAULTS | CPU_DEFAULTS
    if os.environ.get("VLLM_CPU_KVCACHE_SPACE"):
        del made["kv_cache_memory_bytes"]
    return made
