"""The estimate of one run, and what speaks against it."""

from __future__ import annotations

from dataclasses import dataclass

from agents.estimate.memory import GIB, Memory, memory
from agents.estimate.timing import Timing, timing
from agents.estimate.workload import Workload, make_workload
from agents.options.commands import TrainOptions
from agents.options.model import missing_packages


@dataclass(frozen=True)
class Estimate:
    """What a run would need.

    Attributes:
        work: what it asks.
        memory: of each GPU.
        timing: of a step and of the run.
        problems: why it would not run as it is.
        notes: what a user should know besides.

    """

    work: Workload
    memory: Memory
    timing: Timing
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def estimate(options: TrainOptions) -> Estimate:
    """Estimate a run without loading anything but a `config.json`.

    Raises:
        ConfigurationError: the policy's shape is not known here, or an option does not fit it.

    """
    work = make_workload(options)
    held = memory(work)
    return Estimate(work, held, timing(work, held), tuple(_problems(work, held)), tuple(_notes(work)))


def _problems(work: Workload, held: Memory) -> list[str]:
    options, assumptions = work.options, work.assumptions
    found = []
    room = assumptions.gpu_memory_gib
    if held.peak > room * GIB:
        found.append(f"does not fit: {held.peak / GIB:.1f} GiB of {room:g} GiB; {'; '.join(_remedies(work))}")
    if work.vllm and held.cache_tokens < work.longest:
        found.append(
            f"vLLM's cache has room for {held.cache_tokens:,.0f} tokens and the longest row has {work.longest:,}; "
            "raise gpu_memory_utilization or tensor_parallel_size in sampler_kwargs"
        )
    if options.prompts_per_step % assumptions.gpus:
        found.append(
            f"prompts_per_step is {options.prompts_per_step}, which {assumptions.gpus} GPUs cannot share evenly; use a "
            "multiple"
        )
    gpus = assumptions.sampler_gpus if work.serves else assumptions.gpus
    if gpus % work.tensor_parallel:
        found.append(f"tensor_parallel_size is {work.tensor_parallel}, which does not divide {gpus} GPUs")
    return found


def _remedies(work: Workload) -> list[str]:
    """Name options that need less memory, the ones that change nothing else first."""
    options = work.options
    found = []
    if not options.gradient_checkpointing:
        found.append("set gradient_checkpointing")
    if work.assumptions.gpus > 1 and not options.shard:
        found.append("set shard")
    if options.micro_batch_tokens > work.longest:
        found.append(f"lower micro_batch_tokens (to {work.longest} at the least)")
    if options.sampler == "vllm":
        found.append("lower sampler_kwargs gpu_memory_utilization")
    elif not work.vllm:
        found.append("sample with vllm, or lower prompts_per_step or max_tokens")
    if options.precision == "float32":
        found.append("use precision bfloat16")
    if work.whole:
        found.append("train adapters (lora_rank)")
    if options.optimizer == "adamw" and work.whole:
        found.append("use optimizer adamw8bit")
    return found or ["use more GPUs or larger ones"]


def _notes(work: Workload) -> list[str]:
    options = work.options
    found = [f"before the run: {message}" for message in missing_packages(options)]
    if work.longest > options.micro_batch_tokens:
        found.append(
            f"a completion that runs to the limit makes a row of {work.longest:,} tokens, more than micro_batch_tokens "
            f"({options.micro_batch_tokens:,}); it is run by itself"
        )
    if options.rollouts_ahead and not work.serves:
        found.append("rollouts_ahead samples on the GPUs that train; no time is taken off for it here")
    return found
