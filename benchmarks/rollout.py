"""How fast completions are sampled: `python -m benchmarks.rollout`.

The same prompts, with pictures, and G completions of each, sampled by this library's transformers loop, by vLLM where
it is installed (`make test-vllm` makes an environment with it), and by transformers' `generate` on the padded batch of
every prompt repeated G times, which is how TRL's trainers sample without vLLM. Each repetition has new prompts, so that
no cache knows them, and each sampler is run in it; pictures are processed before the clock starts. Lengths differ from
sampler to sampler as their random numbers do. The median of the repetitions counts.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import tyro
from rich.table import Table

from agents.episodes import Prompt
from agents.options.model import ModelOptions
from agents.options.types import Pairs, at_least
from agents.policy.base import Request, Sampler, Sampling
from agents.policy.loading import find_policy, load_policy
from agents.policy.transformers_policy import TransformersPolicy
from agents.policy.vllm.sampler import VLLMSampler
from agents.rollouts.collect import completion_seeds, prompts_of
from agents.rollouts.environments import make_group_env
from agents.terminal import terminal
from benchmarks.workloads import facts, write_json
from rlsd_env.cli.bench import machine
from rlsd_env.errors import ConfigurationError, one_of

SAMPLERS = ("transformers", "vllm", "generate")
Sample = Callable[[Sequence[Prompt], Sequence[int]], int]
"""From prompts and seeds to the number of tokens sampled."""


@dataclasses.dataclass(frozen=True)
class Options:
    """What to measure."""

    samplers: tuple[str, ...] = SAMPLERS
    """transformers (this library's loop), vllm, generate (transformers' own, as TRL calls it); vllm is left out where
    it is not installed."""
    policy: str = "tiny"
    """As in agents.train."""
    device: str = "auto"
    """auto, cpu or cuda."""
    precision: str = "float32"
    """float32 or bfloat16."""
    threads: int = 1
    """CPU threads of each sampler."""
    env: str = "rlsd/ShapeCount-v0"
    """Where prompts are from."""
    env_kwargs: Pairs = dataclasses.field(default_factory=dict)
    """Its arguments."""
    prompts: int = 16
    """Prompts."""
    group_size: int = 8
    """Completions of each."""
    max_tokens: int = 48
    """Longest completion."""
    repetitions: int = 5
    """Measurements of each sampler."""
    sampler_kwargs: Pairs = dataclasses.field(default_factory=dict)
    """Arguments of vLLM's engine."""
    json: Path | None = None
    """File for the figures, with versions and machine."""

    def __post_init__(self) -> None:
        for name in self.samplers:
            if name not in SAMPLERS:
                raise ConfigurationError(one_of("sampler", name, SAMPLERS))
        for name in ("threads", "prompts", "group_size", "max_tokens", "repetitions"):
            at_least(name, getattr(self, name), 1)


@dataclasses.dataclass
class Figures:
    """Measurements of one sampler.

    Attributes:
        sampler: which.
        seconds: of each repetition.
        tokens: sampled in each.
        completions: of each.
        start_seconds: until it was ready.
        weights_seconds: to take over new weights; None where it samples from the trained ones.

    """

    sampler: str
    completions: int
    start_seconds: float
    weights_seconds: float | None = None
    seconds: list[float] = dataclasses.field(default_factory=list)
    tokens: list[int] = dataclasses.field(default_factory=list)

    @property
    def rollouts_per_second(self) -> float:
        """The median."""
        return statistics.median(self.completions / s for s in self.seconds)

    @property
    def tokens_per_second(self) -> float:
        """The median."""
        return statistics.median(n / s for n, s in zip(self.tokens, self.seconds))


def generate(policy: TransformersPolicy, options: Options) -> Sample:
    """Return transformers' `generate` on a padded batch of repeated prompts."""

    def sample(prompts: Sequence[Prompt], seeds: Sequence[int]) -> int:
        repeated = [prompt for prompt in prompts for _ in range(options.group_size)]
        ids = [policy.encoder.token_ids(prompt) for prompt in repeated]
        longest = max(map(len, ids))
        pad = policy.encoder.pad_id
        inputs: dict[str, Any] = {
            "input_ids": torch.tensor([[pad] * (longest - len(row)) + row for row in ids]),
            "attention_mask": torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in ids]),
        }
        images = policy.encoder.media.images([image for prompt in repeated for image in prompt.images])
        if images:
            inputs["pixel_values"] = torch.cat([image.pixels for image in images])
            inputs["image_grid_thw"] = torch.stack([image.grid for image in images])
            inputs["mm_token_type_ids"] = torch.eq(inputs["input_ids"], policy.encoder.image_id or 0).int()
        with torch.random.fork_rng(), torch.inference_mode(), policy.autocast():
            torch.manual_seed(seeds[0] % 2**63)
            out = policy.model.generate(
                **{name: value.to(policy.model.device) for name, value in inputs.items()},
                do_sample=True,
                temperature=1.0,
                top_k=0,
                top_p=1.0,
                max_new_tokens=options.max_tokens,
                suppress_tokens=policy.encoder.vision_ids or None,
                pad_token_id=pad,
            )
        new = out[:, longest:].tolist()
        ends = ([k for k, id in enumerate(row) if id in policy.stop_ids] for row in new)
        return sum(end[0] + 1 if end else len(row) for end, row in zip(ends, new))

    return sample


def measure(options: Options) -> list[Figures]:
    """Measure all samplers, one after the other in each repetition."""
    torch.set_num_threads(options.threads)
    policy = load_policy(options.policy, options.device, ModelOptions(precision=options.precision))
    path, device = find_policy(options.policy, options.device)
    sampling = Sampling(1.0, options.max_tokens)
    count = options.prompts * options.group_size
    samples: dict[str, Sample] = {}
    figures: dict[str, Figures] = {}
    vllm: VLLMSampler | None = None
    for name in options.samplers:
        if name == "vllm" and importlib.util.find_spec("vllm") is None:
            continue
        began = time.perf_counter()
        if name == "vllm":
            vllm = VLLMSampler(
                path,
                policy,
                device=device,
                precision=options.precision,
                threads=options.threads,
                arguments=options.sampler_kwargs,
            )
        samples[name] = (
            generate(policy, options)
            if name == "generate"
            else by(vllm if name == "vllm" and vllm is not None else policy, options, sampling)
        )
        figures[name] = Figures(name, count, time.perf_counter() - began)
    env = make_group_env(options.env, options.env_kwargs, options.prompts, 1)
    indices = env.task_indices
    try:
        for repetition in range(options.repetitions + 1):
            first = repetition * options.prompts
            tasks = [int(indices[k % len(indices)]) for k in range(first, first + options.prompts)]
            prompts = prompts_of(env, env.reset(options={"task_index": tasks})[0])
            for prompt in prompts:
                policy.count_tokens(prompt)  # processes its pictures
            seeds = completion_seeds(0, (9, repetition), count)
            for name, sample in samples.items():
                began = time.perf_counter()
                tokens = sample(prompts, seeds)
                if policy.model.device.type == "cuda":
                    torch.cuda.synchronize()
                seconds = time.perf_counter() - began
                if repetition:  # the first one warms up
                    figures[name].seconds.append(seconds)
                    figures[name].tokens.append(tokens)
        if vllm is not None:
            began = time.perf_counter()
            vllm.load_weights(policy.weights())
            figures["vllm"].weights_seconds = time.perf_counter() - began
    finally:
        if vllm is not None:
            vllm.close()
    return list(figures.values())


def by(sampler: Sampler, options: Options, sampling: Sampling) -> Sample:
    """Return a sampler of this library."""

    def sample(prompts: Sequence[Prompt], seeds: Sequence[int]) -> int:
        groups = sampler.generate(Request(prompts, options.group_size, sampling, seeds))
        return sum(len(completion.token_ids) for group in groups for completion in group)

    return sample


def main() -> None:
    """Measure, print and write."""
    options = tyro.cli(Options, description=__doc__)
    figures = measure(options)
    shape = f"{options.prompts} prompts x {options.group_size}, up to {options.max_tokens} tokens"
    table = Table(title=f"{options.policy}: {shape}, {options.threads} thread(s), {machine()}", title_justify="left")
    for column in ("sampler", "rollouts/s", "tokens/s", "mean length", "start, s", "new weights, s"):
        table.add_column(column, justify="left" if column == "sampler" else "right")
    for one in figures:
        length = sum(one.tokens) / (one.completions * len(one.tokens))
        weights = "-" if one.weights_seconds is None else f"{one.weights_seconds:.2f}"
        rates = (f"{one.rollouts_per_second:,.0f}", f"{one.tokens_per_second:,.0f}", f"{length:.1f}")
        table.add_row(one.sampler, *rates, f"{one.start_seconds:.1f}", weights)
    terminal().print(table)
    rows = [
        dataclasses.asdict(one)
        | {"rollouts_per_second": one.rollouts_per_second, "tokens_per_second": one.tokens_per_second}
        for one in figures
    ]
    given = {name: str(v) if isinstance(v, Path) else v for name, v in dataclasses.asdict(options).items()}
    write_json(options.json, facts(options=given, figures=rows))


if __name__ == "__main__":
    main()
