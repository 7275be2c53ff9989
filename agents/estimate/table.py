"""Estimates as text."""

from __future__ import annotations

import dataclasses

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agents.estimate.activations import text_bytes
from agents.estimate.memory import GIB
from agents.estimate.plan import Estimate, estimate
from agents.estimate.timing import operations
from agents.options.assumptions import Assumptions
from agents.options.commands import CompareOptions, TrainOptions
from agents.terminal import counted, terminal

UNITS = {
    "gpu_memory_gib": "GiB",
    "peak_tflops": "TFLOP/s",
    "memory_gb_s": "GB/s",
    "link_gb_s": "GB/s",
    "decode_ms": "ms",
    "engine_gib": "GiB",
    "reserve_gib": "GiB",
}


def print_estimate(options: TrainOptions, console: Console | None = None) -> Estimate:
    """Print what a training run would need and return it.

    Raises:
        ConfigurationError: the policy's shape is not known here, or an option does not fit it.

    """
    console = console or terminal()
    found = estimate(options)
    _print_head(console, f"{options.label or options.agent}", options, found)
    _print_model(console, found)
    _print_memory(console, found)
    _print_step(console, found)
    _print_run(console, found)
    _print_assumptions(console, found)
    _print_remarks(console, found)
    return found


def print_comparison(options: CompareOptions, console: Console | None = None) -> dict[str, Estimate]:
    """Print what the runs of a comparison would need and return the estimates by agent; baselines have none.

    Raises:
        ConfigurationError: see `print_estimate`.

    """
    from agents.entrants import resolve

    console = console or terminal()
    options, entrants = resolve(options)
    found = {
        entrant.name: estimate(entrant.train_options(options, options.seeds[0], options.out))
        for entrant in entrants
        if entrant.language_model
    }
    left_out = [entrant.name for entrant in entrants if entrant.name not in found]
    if not found:
        console.print("no language model among the agents: nothing to estimate")
        return found
    dearest = max(found.values(), key=lambda one: one.memory.peak)
    _print_head(console, f"{counted(len(found), 'agent')} x {counted(len(options.seeds), 'seed')}", options, dearest)
    _print_model(console, dearest)
    _print_memory(console, dearest)
    table = _table("Runs, each on GPUs of its own", "agent", "peak GiB", "s per step", "hours", "GPU-hours, all seeds")
    for label, one in found.items():
        timing = one.timing
        table.add_row(
            label,
            f"{one.memory.peak / GIB:.1f}",
            f"{timing.step(timing.teacher_steps > 0):,.1f}",
            f"{timing.hours:,.2f}",
            f"{timing.gpu_hours * len(options.seeds):,.1f}",
        )
    console.print(table)
    total = sum(one.timing.gpu_hours for one in found.values()) * len(options.seeds)
    console.print(f"all runs: {total:,.1f} GPU-hours, the untrained model's evaluation not included\n")
    _print_assumptions(console, dearest)
    _print_remarks(console, dearest)
    if left_out:
        console.print(f"no estimate for {', '.join(left_out)}: no language model")
    return found


def _print_head(console: Console, what: str, options: TrainOptions | CompareOptions, found: Estimate) -> None:
    assumptions = found.work.assumptions
    gpus = counted(assumptions.gpus, "GPU")
    console.print(f"Estimate: {what}, {options.policy} on {options.env}", style="bold")
    console.print(
        f"{gpus} of {assumptions.gpu_memory_gib:g} GiB, {options.precision}, "
        f"{_kind(found)}; completions by {options.sampler}"
    )
    console.print("Arithmetic from the model's shape and the assumptions below. Nothing was loaded, run or measured.\n")


def _kind(found: Estimate) -> str:
    work = found.work
    if not work.whole:
        return f"LoRA of rank {work.options.lora_rank}"
    trained = "all weights trained" if not work.frozen_vision else "all but the vision tower trained"
    return trained + (", in shards" if work.sharded else "")


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _print_model(console: Console, found: Estimate) -> None:
    work = found.work
    table = _table("Parameters", "part", "all", "trained")
    for name, number in work.architecture.parts.items():
        note = "tied" if name == "head" and not number else f"{number:,}"
        table.add_row(name, note, f"{work.trained_parts.get(name, 0):,}")
    if not work.whole:
        table.add_row("LoRA adapters", f"{work.trained:,}", f"{work.trained:,}")
    table.add_section()
    table.add_row("sum", f"{work.architecture.parameters + (0 if work.whole else work.trained):,}", f"{work.trained:,}")
    console.print(table)


def _print_memory(console: Console, found: Estimate) -> None:
    work, held = found.work, found.memory
    table = _table("Memory of each GPU, GiB", "part", "sampling", "updating")
    for part in held.parts:
        table.add_row(part.name, *(f"{size / GIB:.2f}" if size else "" for size in (part.sampling, part.updating)))
    table.add_section()
    table.add_row("sum", f"{held.sampling / GIB:.2f}", f"{held.updating / GIB:.2f}")
    room = work.assumptions.gpu_memory_gib
    fits = held.peak <= room * GIB
    table.add_row(Text("fits" if fits else "DOES NOT FIT", style="bold"), "", f"of {room:g}")
    console.print(table)
    tokens, text = work.micro_batch, work.architecture.text
    kept, again = (
        text_bytes(text, tokens, work.precision, work.adapters, checkpointing) / GIB for checkpointing in (False, True)
    )
    console.print(
        f"A micro-batch has {tokens:,.0f} tokens; the language model's activations are {kept:,.2f} GiB without and "
        f"{again:,.2f} GiB with gradient_checkpointing."
    )
    if work.packed:
        shared, size = work.group_tokens(work.prompt), work.options.group_size
        console.print(
            f"A group is {shared:,.0f} tokens with its prompt run once, {size * (work.prompt + work.response):,.0f} "
            "with the prompt run for every response."
        )
    if work.vllm:
        console.print(f"An engine's cache has room for {held.cache_tokens:,.0f} tokens.")
    console.print()


def _print_step(console: Console, found: Estimate) -> None:
    work, timing = found.work, found.timing
    cost, groups, assumptions = operations(work), work.options.prompts_per_step, work.assumptions
    table = _table("A training step", "part", "TFLOP", "seconds")
    rollout = timing.rollout
    if rollout.weights:
        table.add_row("weights to the sampler", "", f"{rollout.weights:,.2f}")
    table.add_row("rollout: prompts", f"{cost.prompt * groups / 1e12:,.1f}", f"{rollout.prompts:,.2f}")
    table.add_row("rollout: completions", f"{cost.completions * groups / 1e12:,.1f}", f"{rollout.decoding:,.2f}")
    if timing.helped_steps:
        again = groups * assumptions.helped_share
        completions = cost.completions * work.helped_attempts / work.options.group_size
        share = f"with help, in {timing.helped_steps:,} of {counted(timing.steps, 'step')}"
        table.add_row(share, f"{(cost.prompt + completions) * again / 1e12:,.1f}", f"{timing.helped:,.2f}")
    active = groups * assumptions.active_share
    if timing.teacher_steps:
        share = f"teacher, in {timing.teacher_steps:,} of {counted(timing.steps, 'step')}"
        table.add_row(share, f"{cost.teacher * active / 1e12:,.1f}", f"{timing.teacher:,.2f}")
    updates = work.options.updates_per_batch
    name = "update" if updates == 1 else f"{updates} updates"
    table.add_row(name, f"{cost.update * active * updates / 1e12:,.1f}", f"{timing.update:,.2f}")
    table.add_section()
    if timing.teacher_steps:
        table.add_row("step with the teacher", "", f"{timing.step(True):,.2f}")
    if timing.teacher_steps < timing.steps:
        table.add_row("step without" if timing.teacher_steps else "step", "", f"{timing.step(False):,.2f}")
    console.print(table)
    if timing.update_sent:
        bound = "which takes longer than computing" if timing.update_sent >= timing.update else "beside computing"
        console.print(f"Traffic of an update between GPUs: {timing.update_sent:,.2f} s, {bound}.")
    if timing.overlaps:
        console.print("Sampling runs beside the update, on other GPUs: a step takes the longer of both.")
    console.print("Not in it: grading, pictures, checkpoints, loading, warm-up.\n")


def _print_run(console: Console, found: Estimate) -> None:
    work, timing = found.work, found.timing
    options = work.options
    rollouts = options.steps * options.prompts_per_step * options.group_size
    helped = timing.helped_steps * options.prompts_per_step * work.assumptions.helped_share * work.helped_attempts
    table = _table("The run", "", "")
    table.add_row("steps", f"{options.steps:,}")
    table.add_row("rollouts", f"{rollouts:,}")
    if timing.helped_steps:
        table.add_row("attempts with help", f"{helped:,.0f}")
    table.add_row("sampled tokens", f"{(rollouts + helped) * work.response:,.0f}")
    table.add_row(f"evaluations ({options.evaluations}), minutes", f"{timing.evaluation / 60:,.1f}")
    table.add_row("hours", f"{timing.hours:,.2f}")
    table.add_row(f"GPU-hours, on {timing.gpus} GPU{'s' if timing.gpus > 1 else ''}", f"{timing.gpu_hours:,.1f}")
    console.print(table)


def _print_assumptions(console: Console, found: Estimate) -> None:
    work = found.work
    console.print("Assumed; change any with --assumptions NAME=VALUE NAME=VALUE .. or in a table of the configuration.")
    table = _table("", "assumption", "value", "")
    for field in dataclasses.fields(Assumptions):
        value = getattr(work.assumptions, field.name)
        if field.name == "sampler_gpus" and not work.serves:
            continue
        if field.name == "helped_share" and not work.helped_steps:
            continue
        given = "given" if field.name in work.options.assumptions else ""
        table.add_row(field.name, f"{value:,g} {UNITS.get(field.name, '')}".strip(), given)
    console.print(table)


def _print_remarks(console: Console, found: Estimate) -> None:
    for note in found.notes:
        console.print(f"note: {note}")
    for problem in found.problems:
        console.print(f"WARNING: {problem}", style="bold")
