"""What an estimate assumes and arithmetic cannot know; every number can be given."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from rlsd_env.errors import ConfigurationError, one_of

H100_TFLOPS = {"bfloat16": 989.0, "float32": 67.0}
"""Peak of an NVIDIA H100 SXM by precision, without sparsity and without TF32 (data sheet)."""


@dataclass(frozen=True)
class Assumptions:
    """Hardware, how much of it is achieved, and how long texts are.

    The shares are guesses that suit dense models of this size; measure one step and put its numbers in their place.
    """

    gpus: int = 0
    """GPUs that train one model together; 0: as many as torchrun started processes, else 1."""
    gpu_memory_gib: float = 0.0
    """Memory of each, GiB; 0: that of the GPU that is here, else 80."""
    peak_tflops: float = 0.0
    """Dense matrix products of each at the precision, TFLOP/s; 0: of an H100 SXM, 989 in bfloat16, 67 in float32."""
    compute_share: float = 0.35
    """Share of that peak which scoring, updates and prompts achieve."""
    memory_gb_s: float = 3350.0
    """Memory bandwidth of each, GB/s (H100 SXM)."""
    memory_share: float = 0.5
    """Share of that bandwidth which sampling achieves."""
    link_gb_s: float = 50.0
    """Bandwidth between GPUs, GB/s for each (a network of 400 Gbit/s per GPU)."""
    decode_ms: float = 0.0
    """What sampling one token takes beside matrix products, ms; 0: 5 for vLLM, 1 per layer for transformers."""
    text_tokens: int = 256
    """Tokens of a prompt's text, on average."""
    image_tokens: int = 512
    """Tokens of a prompt's pictures, on average; 0 for a model without a vision tower."""
    hint_tokens: int = 64
    """Tokens that a teacher reads beyond the student's prompt, on average; thousands where it reads whole traces."""
    response_tokens: float = 0.0
    """Tokens of a completion, on average; 0: half of max_tokens."""
    active_share: float = 1.0
    """Share of groups that are trained on; groups without advantage are not run."""
    helped_share: float = 1.0
    """Share of groups that are helped, of methods with attempts with help; such a group is played a second time."""
    sampler_gpus: int = 0
    """GPUs of a vLLM server, beside those that train; 0: as many as train."""
    engine_gib: float = 3.0
    """What vLLM needs of its share beside weights and cache, GiB of each GPU."""
    reserve_gib: float = 4.0
    """Context, communication buffers and fragmentation, GiB of each GPU."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not 0 <= value < float("inf"):
                raise ConfigurationError(f"assumption {field.name} is {value}; it must be a finite number from 0 on")
        for name in ("compute_share", "memory_share"):
            if not 0 < getattr(self, name) <= 1:
                raise ConfigurationError(
                    f"assumption {name} is {getattr(self, name)}; it must be above 0 and at most 1"
                )
        for name in ("active_share", "helped_share"):
            if getattr(self, name) > 1:
                raise ConfigurationError(f"assumption {name} is {getattr(self, name)}; it must be at most 1")
        for name in ("memory_gb_s", "link_gb_s", "text_tokens"):
            if not getattr(self, name):
                raise ConfigurationError(f"assumption {name} is 0; it must be above 0")


def read_assumptions(given: Mapping[str, Any], max_tokens: int) -> Assumptions:
    """Read KEY=VALUE pairs over the defaults.

    Args:
        given: some fields of `Assumptions`.
        max_tokens: the longest completion.

    Raises:
        ConfigurationError: there is no such assumption, or its value is unusable.

    """
    hints = get_type_hints(Assumptions)
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in hints:
            raise ConfigurationError(one_of("assumption", name, hints))
        if isinstance(value, bool) or not isinstance(value, int | hints[name]):
            kind = "a whole number" if hints[name] is int else "a number"
            raise ConfigurationError(f"assumption {name} is {value!r}; it must be {kind}")
        values[name] = hints[name](value)
    assumptions = Assumptions(**values)
    if assumptions.response_tokens > max_tokens:
        raise ConfigurationError(
            f"assumption response_tokens is {assumptions.response_tokens}; it must be at most max_tokens, {max_tokens}"
        )
    return assumptions


def resolve(assumptions: Assumptions, precision: str, layers: int, max_tokens: int, vllm: bool) -> Assumptions:
    """Write what 0 stands for into assumptions.

    Args:
        assumptions: as they were given.
        precision: of matrix products.
        layers: of the language model.
        max_tokens: the longest completion.
        vllm: whether vLLM samples.

    """
    gpus = assumptions.gpus or int(os.environ.get("WORLD_SIZE", "1"))
    return dataclasses.replace(
        assumptions,
        gpus=gpus,
        gpu_memory_gib=assumptions.gpu_memory_gib or _memory_here() or 80.0,
        peak_tflops=assumptions.peak_tflops or H100_TFLOPS[precision],
        decode_ms=assumptions.decode_ms or (5.0 if vllm else float(layers)),
        response_tokens=assumptions.response_tokens or max_tokens / 2,
        sampler_gpus=assumptions.sampler_gpus or gpus,
    )


def _memory_here() -> float:
    import torch

    return torch.cuda.get_device_properties(0).total_memory / 2**30 if torch.cuda.is_available() else 0.0
