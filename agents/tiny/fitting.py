"""Supervised training of the bundled models: rows of a prompt, perhaps a picture, and the response to learn."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from tqdm import tqdm
from transformers import Qwen3VLForConditionalGeneration, Qwen3VLProcessor

from rlsd_env.task import Image


@dataclass(frozen=True)
class Row:
    """One supervised example: a prompt with its picture, if it has one, and the response to learn."""

    messages: list[dict[str, Any]]
    image: Image | None
    response: str


R = TypeVar("R", bound=Row)


def collate(processor: Qwen3VLProcessor, rows: Sequence[Row]) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Tokenise rows, right-padded; the labels are -100 outside the response.

    All of the rows have a picture, or none.
    """
    prompts = [processor.apply_chat_template(r.messages, add_generation_prompt=True, tokenize=False) for r in rows]
    texts = [prompt + row.response + "<|im_end|>" for prompt, row in zip(prompts, rows)]
    images = None if rows[0].image is None else [[row.image] for row in rows]
    batch = processor(text=texts, images=images, return_tensors="pt", padding=True, padding_side="right")
    labels = batch["input_ids"].clone()
    labels[batch["attention_mask"] == 0] = -100
    lengths = [len(ids) for ids in processor.tokenizer([r.response + "<|im_end|>" for r in rows])["input_ids"]]
    for i, length in enumerate(lengths):
        end = int(batch["attention_mask"][i].sum())
        labels[i, : end - length] = -100
    return dict(batch), labels


def cross_entropy(
    model: Qwen3VLForConditionalGeneration, processor: Qwen3VLProcessor, rows: Sequence[Row]
) -> tuple[torch.Tensor, int]:
    """Return the summed loss of the rows' responses and how many tokens they have."""
    inputs, labels = collate(processor, rows)
    hidden = model.model(**inputs).last_hidden_state
    targets = labels[:, 1:]
    chosen = targets != -100
    logits = model.lm_head(hidden[:, :-1][chosen])
    return torch.nn.functional.cross_entropy(logits, targets[chosen], reduction="sum"), int(chosen.sum())


def adamw(parameters: Iterable[torch.nn.Parameter], lr: float) -> torch.optim.Optimizer:
    """Return the optimiser of whole models, and of what `torch.optim.Muon` does not take."""
    return torch.optim.AdamW(parameters, lr=lr, betas=(0.9, 0.98), weight_decay=0.01)


def fit(
    model: Qwen3VLForConditionalGeneration,
    loss_of: Callable[[Sequence[R]], tuple[torch.Tensor, int]],
    draw: Callable[[int], Sequence[Sequence[R]]],
    optimizers: Sequence[torch.optim.Optimizer],
    steps: int,
    name: str,
) -> None:
    """Train a model in place: 100 steps of warm-up, then a cosine to a tenth of the learning rate.

    Args:
        model: the model.
        loss_of: the summed loss of some rows, and the number of tokens that it is divided by.
        draw: the rows of a step, in parts that are run one after another.
        optimizers: of all that is trained, with their peak learning rates.
        steps: optimiser steps.
        name: what the progress bar says.

    """
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(
            one, lambda s: min(1.0, (s + 1) / 100) * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * s / steps)))
        )
        for one in optimizers
    ]
    trained = [parameter for one in optimizers for group in one.param_groups for parameter in group["params"]]
    progress = tqdm(range(steps), desc=name, mininterval=10)
    model.train()
    for step in progress:
        for one in optimizers:
            one.zero_grad(set_to_none=True)
        losses, tokens = 0.0, 0
        for part in draw(step):
            loss, number = loss_of(part)
            loss.backward()
            losses += loss.item()
            tokens += number
        for parameter in trained:
            if parameter.grad is not None:
                parameter.grad /= tokens
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        for optimizer, schedule in zip(optimizers, schedules):
            optimizer.step()
            schedule.step()
        if step % 50 == 0:
            progress.set_postfix(loss=f"{losses / tokens:.3f}")
    model.eval()


def by_length(rows: Sequence[R]) -> list[R]:
    """Sort rows by the length of their prompts, so that parts have little padding."""

    def length(row: Row) -> int:
        content = row.messages[0]["content"]
        return len(content if isinstance(content, str) else content[-1]["text"])

    return sorted(rows, key=length)


def split(rows: Sequence[R], *cuts: int) -> list[Sequence[R]]:
    """Split rows in parts at some places."""
    return [rows[first:last] for first, last in itertools.pairwise((0, *cuts, len(rows)))]
