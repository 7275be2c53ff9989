"""Updates and rollouts of models of Qwen3-VL's 2B and 8B shapes on a GPU: `python -m benchmarks.gpu` (10 minutes).

The weights are random and made on the GPU; nothing is downloaded. In bfloat16: 2B is trained whole, 8B through LoRA.
First the ceiling is measured, a large bfloat16 matrix product; of an update and of a rollout then tokens per second,
peak memory, and the share of the ceiling: operations that the work needs (each prompt once, nothing recomputed), over
time and ceiling, so that plain scoring is measured by the same yardstick as packed scoring. --tiny does the same with
the bundled model's shape, on whatever there is, in seconds.
"""

from __future__ import annotations

import dataclasses
import gc
import resource
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro
from rich.console import Console
from rich.table import Table
from transformers import AutoConfig, Qwen3VLConfig, Qwen3VLForConditionalGeneration

from agents.agent import make
from agents.bundled import TINY
from agents.episodes import EpisodeBatch
from agents.estimate.architecture import Architecture
from agents.estimate.published import PUBLISHED, find_architecture
from agents.options.learner import LearnerOptions
from agents.options.model import TrainedModelOptions
from agents.options.types import Names
from agents.policy.base import Request, Sampling
from agents.policy.transformers_policy import TransformersPolicy
from agents.terminal import terminal
from benchmarks.workloads import Workload, facts, make_batch, make_processor, response_token_count, write_json
from rlsd_env.errors import ConfigurationError, one_of

ROPE = {"rope_type": "default", "rope_theta": 5e6, "mrope_section": [24, 20, 20], "mrope_interleaved": True}
LORA_RANK = {"2B": 0, "4B": 0, "8B": 64, "tiny": 0}
"""Rank of the adapters by shape; 0: all weights are trained."""


@dataclass(frozen=True)
class Options:
    """What to measure."""

    shapes: Names = ("2B", "8B")
    """Shapes of Qwen3-VL: 2B, 4B, 8B."""
    scorings: Names = ("packed", "plain")
    """Ways of scoring; see agents.train."""
    groups: int = 8
    """Prompts of a batch."""
    group_size: int = 8
    """Responses to each."""
    side: int = 512
    """Pixels of a picture's side; 32 x 32 of them are a token, so 256 tokens."""
    prompt_tokens: int = 128
    """Tokens of a prompt's text."""
    response_tokens: int = 512
    """Mean length of a response, and the limit of the rollout's."""
    micro_batch_tokens: int = 16384
    """Tokens that are run at once."""
    gradient_checkpointing: bool = True
    """Run each layer again in the backward pass."""
    compile: bool = False
    """Compile the layers."""
    repetitions: int = 3
    """Updates that are timed, after one that is not."""
    tiny: bool = False
    """The bundled model's shape and a small batch, on whatever device there is: a check that this runs."""
    json: Path | None = None
    """File for the figures."""


def build(shape: str, side: int, device: str, options: TrainedModelOptions) -> TransformersPolicy:
    """Build a policy with random weights on a device."""
    made = config(shape)
    with torch.random.fork_rng(), torch.device(device):
        torch.manual_seed(0)
        model: Any = Qwen3VLForConditionalGeneration(made)
    processor = make_processor(made.vision_config.patch_size, side)
    model.generation_config.eos_token_id = processor.tokenizer.eos_token_id
    model.generation_config.pad_token_id = processor.tokenizer.pad_token_id
    return TransformersPolicy(model.eval(), processor, options)


def config(shape: str) -> Any:
    """Return the configuration of a shape, with the special ids of the bundled model's tokenizer."""
    tiny = AutoConfig.from_pretrained(TINY)
    if shape == "tiny":
        return tiny
    published = PUBLISHED[shape]
    names = [f"{name}_token_id" for name in ("image", "video", "vision_start", "vision_end")]
    tied = published["tie_word_embeddings"]
    return Qwen3VLConfig(
        text_config={**published["text_config"], "rope_parameters": ROPE, "tie_word_embeddings": tied},
        vision_config={**published["vision_config"], "num_heads": 16},
        tie_word_embeddings=tied,
        **{name: getattr(tiny, name) for name in names},
    )


def ceiling(device: str, size: int) -> float:
    """Return operations per second of a bfloat16 matrix product, the best of ten after two."""
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    times = []
    for _ in range(12):
        began = _now()
        a @ b
        times.append(_now() - began)
    return 2 * size**3 / min(times[2:])


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def needed(architecture: Architecture, batch: EpisodeBatch, prompt_tokens: int, image_tokens: int) -> dict[str, float]:
    """Count the floating-point operations of one forward pass over a batch, each prompt once.

    Returns:
        "language": of the language model, its logits included; "vision": of the vision tower.

    """
    text, vision = architecture.text, architecture.vision
    tokens = pairs = 0.0
    for group in batch.groups:
        tokens += prompt_tokens
        pairs += prompt_tokens * (prompt_tokens + 1) / 2
        for episode in group.episodes:
            tokens += episode.length
            pairs += episode.length * (prompt_tokens + (episode.length + 1) / 2)
    patches = image_tokens * vision.merge**2 if vision is not None else 0
    return {
        "language": text.flops(tokens, pairs) + text.head_flops(response_token_count(batch)),
        "vision": len(batch.groups) * vision.flops(patches) if vision is not None else 0.0,
    }


def peak_gib() -> float:
    """Return the peak of memory: what torch allocated on the GPU, or, without one, this process's so far."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**30
    kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kib / (2**30 if sys.platform == "darwin" else 2**20)


def measure(shape: str, scoring: str, options: Options, device: str, most: float) -> dict[str, Any]:
    """Measure updates with one way of scoring, and, with packed scoring, a rollout."""
    rank = LORA_RANK[shape]
    held = TrainedModelOptions(
        precision="bfloat16",
        scoring=scoring,
        lora_rank=rank,
        gradient_checkpointing=options.gradient_checkpointing,
        compile=options.compile,
    )
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    policy = build(shape, options.side, device, held)
    workload = Workload(
        options.groups, options.group_size, 1, options.prompt_tokens, options.response_tokens, options.side
    )
    batch = make_batch(policy, workload)
    agent = make("grpo", policy=policy, learner=LearnerOptions(micro_batch_tokens=options.micro_batch_tokens))
    prompts = [group.episodes[0].turns[0].prompt for group in batch.groups]
    prompt_tokens = policy.count_tokens(prompts[0])
    name = "tiny" if shape == "tiny" else f"Qwen/Qwen3-VL-{shape}-Instruct"
    image_tokens = policy.encoder.token_ids(prompts[0]).count(policy.encoder.image_id or -1)
    flops = needed(find_architecture(name), batch, prompt_tokens, image_tokens)
    times = []
    for _ in range(options.repetitions + 1):
        began = _now()
        metrics = agent.update(batch)
        times.append(_now() - began)
    seconds = statistics.median(times[1:])
    # Backward: the gradient of inputs costs a forward, that of trained weights another; a frozen tower runs once.
    work = flops["language"] * (2 if rank else 3) + flops["vision"] * (0 if rank else 3)
    found: dict[str, Any] = {
        "shape": shape,
        "scoring": scoring,
        "lora_rank": rank,
        "prompt_tokens": prompt_tokens,
        "image_tokens": image_tokens,
        "response_tokens": response_token_count(batch),
        "update_seconds": times,
        "update_tokens_per_second": response_token_count(batch) / seconds,
        "update_share_of_ceiling": work / seconds / most,
        "update_peak_gib": peak_gib(),
        "grad_norm": metrics["grad_norm"],
    }
    if scoring == options.scorings[0]:
        found |= _rollout(policy, prompts, options, flops["language"] / response_token_count(batch), most)
    return found


def _rollout(policy: TransformersPolicy, prompts: list[Any], options: Options, per_token: float, most: float) -> Any:
    """Sample what an update gets, once for warming up with few tokens and once by the clock."""
    seeds = list(range(len(prompts) * options.group_size))
    policy.generate(Request(prompts, options.group_size, Sampling(1.0, 4), seeds))
    began = _now()
    groups = policy.generate(Request(prompts, options.group_size, Sampling(1.0, options.response_tokens), seeds))
    seconds = _now() - began
    tokens = sum(len(completion.token_ids) for group in groups for completion in group)
    return {
        "rollout_tokens": tokens,
        "rollout_tokens_per_second": tokens / seconds,
        "rollout_share_of_ceiling": tokens * per_token / seconds / most,
    }


def show(found: dict[str, Any], console: Console) -> None:
    """Print a table."""
    title = f"{found['facts']['gpu'] or 'no GPU'}: bfloat16 products reach {found['ceiling'] / 1e12:,.1f} TFLOP/s"
    table = Table(title=title, title_justify="left")
    for column in ("shape", "trained", "scoring", "update, tokens/s", "of ceiling", "peak, GiB", "rollout, tokens/s"):
        table.add_column(column, justify="left" if column in ("shape", "trained", "scoring") else "right")
    for row in found["rows"]:
        rollout = row.get("rollout_tokens_per_second")
        table.add_row(
            row["shape"], f"LoRA {row['lora_rank']}" if row["lora_rank"] else "all", row["scoring"],
            f"{row['update_tokens_per_second']:,.0f}", f"{row['update_share_of_ceiling']:.1%}",
            f"{row['update_peak_gib']:.1f}", "" if rollout is None else f"{rollout:,.0f}",
        )  # fmt: skip
    console.print(table)


def small(options: Options) -> Options:
    """Return options for the bundled model's shape and seconds on a CPU."""
    return dataclasses.replace(
        options, shapes=("tiny",), groups=2, group_size=4, side=64, prompt_tokens=16, response_tokens=12, repetitions=1
    )


def main() -> None:
    """Measure, print and, where asked, store."""
    options = tyro.cli(Options, description=__doc__)
    if options.tiny:
        options = small(options)
    elif not torch.cuda.is_available():
        sys.exit("benchmarks.gpu: torch sees no GPU here; --tiny runs the same with a small model on the CPU")
    for shape in options.shapes:
        if shape not in LORA_RANK:
            raise ConfigurationError(one_of("shape", shape, [name for name in LORA_RANK if name != "tiny"]))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    most = ceiling(device, 8192 if device == "cuda" else 512)
    rows = [measure(shape, way, options, device, most) for shape in options.shapes for way in options.scorings]
    found = {"facts": facts(), "ceiling": most, "rows": rows}
    show(found, terminal(120))
    write_json(options.json, found)


if __name__ == "__main__":
    main()
