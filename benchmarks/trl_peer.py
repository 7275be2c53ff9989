"""TRL's trainers on given rollouts: their own loss, optimiser and batching, through their own public arguments.

`GRPOTrainer` is given the rollouts through `rollout_func` and their rewards through a reward function, so nothing of it
is replaced: it makes its advantages, pads, runs the model, back-propagates, clips and steps as it does for any user.
The subclasses only look at the clock and write the loss down. An update is everything between two `on_step` events
but the time in `_prepare_inputs`, where rollouts come from.
"""

from __future__ import annotations

import importlib.util
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor, TrainerCallback

from agents.algorithms.contexts import PHRASES, REQUEST
from agents.episodes import EpisodeBatch
from agents.policy.transformers_policy import TransformersPolicy

LR = 1e-6
"""TRL's default for GRPO; both sides use it."""
CLIP_LOW, CLIP_HIGH, MAX_GRAD_NORM = 0.2, 0.28, 1.0
NEVER = -1e30


def available() -> bool:
    """Tell whether TRL is installed."""
    return importlib.util.find_spec("trl") is not None


@dataclass
class Measured:
    """What was seen of some updates, one entry each.

    Attributes:
        seconds: time of the update without its rollouts.
        losses: the loss.
        grad_norms: the gradient's norm before it is scaled down.

    """

    seconds: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    grad_norms: list[float] = field(default_factory=list)


class _Watch(TrainerCallback):
    """Times the steps of a trainer, keeps its first gradient, and lets another side run around the steps."""

    def __init__(self, before: Callable[[], None] | None, after: Callable[[int], None] | None) -> None:
        self.measured = Measured()
        self.before, self.after = before, after
        self.first_gradient: list[torch.Tensor | None] = []
        self.preparing = 0.0
        self.loss = 0.0
        self.step = 0

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.preparing = self.loss = 0.0
        self.began = time.perf_counter()

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if not self.first_gradient:
            began = time.perf_counter()
            parameters = kwargs["model"].parameters()
            self.first_gradient = [None if p.grad is None else p.grad.clone() for p in parameters]
            self.preparing += time.perf_counter() - began

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.measured.seconds.append(time.perf_counter() - self.began - self.preparing)
        self.measured.losses.append(self.loss)
        if self.after is not None:
            self.after(self.step)
        self.step += 1

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if "grad_norm" in kwargs["logs"]:
            self.measured.grad_norms.append(float(kwargs["logs"]["grad_norm"]))


@dataclass
class Outcome:
    """What TRL's updates were like.

    Attributes:
        measured: time, loss and gradient norm of each.
        first_gradient: the first update's gradient as the optimiser got it, in the order of the parameters.

    """

    measured: Measured
    first_gradient: list[torch.Tensor | None]


def _watched(base: Any, watch: _Watch) -> Any:
    class Watched(base):
        def _prepare_inputs(self, generation_batch: Any) -> Any:
            began = time.perf_counter()
            inputs = super()._prepare_inputs(generation_batch)
            if watch.before is not None:
                watch.before()
            watch.preparing += time.perf_counter() - began
            return inputs

        def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            loss = super().compute_loss(model, inputs, *args, **kwargs)
            watch.loss += float(loss.detach())
            return loss

    return Watched


def _arguments(folder: str, rows: int, group_size: int, splits: int, updates: int, longest: int) -> dict[str, Any]:
    return {
        "output_dir": folder,
        "use_cpu": not torch.cuda.is_available(),
        "bf16": False,
        "gradient_checkpointing": False,
        "per_device_train_batch_size": rows // splits,
        "gradient_accumulation_steps": splits,
        "num_generations": group_size,
        "max_completion_length": longest,
        "max_steps": updates,
        "learning_rate": LR,
        "lr_scheduler_type": "constant",
        "max_grad_norm": MAX_GRAD_NORM,
        "shuffle_dataset": False,
        "dataloader_pin_memory": False,
        "logging_steps": 1,
        "logging_strategy": "steps",
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "log_level": "error",
    }


def rows_of(batch: EpisodeBatch) -> list[dict[str, Any]]:
    """Write the prompts of a batch as rows of a data set that TRL reads."""
    rows = []
    for group in batch.groups:
        prompt = group.episodes[0].turns[0].prompt
        content = prompt.messages[0]["content"]
        text = content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
        row: dict[str, Any] = {"prompt": [{"role": "user", "content": text}]}
        if prompt.images:
            row["image"] = Image.fromarray(prompt.images[0])
        rows.append(row)
    return rows


def grpo(
    checkpoint: str,
    policy: TransformersPolicy,
    batch: EpisodeBatch,
    *,
    updates: int,
    splits: int = 1,
    before: Callable[[], None] | None = None,
    after: Callable[[int], None] | None = None,
    never: Sequence[int] = (),
    **more: Any,
) -> Outcome:
    """Run updates of TRL's GRPO on one and the same batch of rollouts.

    Args:
        checkpoint: folder of the model.
        policy: the same model on our side; says which token ids a prompt has.
        batch: the rollouts.
        updates: optimiser steps.
        splits: micro-batches of each (gradient accumulation).
        before: is called when the rollouts of a micro-batch are ready.
        after: is called after each update with its number.
        never: ids to give probability 0, as our policies do to vision placeholders and TRL does not; for checks of
            equality, since it costs TRL a little time.
        more: further arguments of `GRPOConfig`, e.g. gradient_checkpointing.

    """
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    model = AutoModelForImageTextToText.from_pretrained(checkpoint, dtype=torch.float32)
    if never:
        bias = torch.zeros(policy.vocabulary_size).index_fill_(0, torch.tensor(never), NEVER)
        model.lm_head.bias = torch.nn.Parameter(bias, requires_grad=False)
    episodes = [episode for _, _, episode in batch]
    size = len(batch.groups[0].episodes)
    prompt_ids = [policy.encoder.token_ids(episode.turns[0].prompt) for episode in episodes]
    responses = [list(episode.turns[0].action.token_ids) for episode in episodes]

    def rollouts(prompts: list[Any], trainer: Any) -> dict[str, Any]:
        assert len(prompts) == len(episodes)
        return {"prompt_ids": prompt_ids, "completion_ids": responses, "logprobs": None}

    def rewards(completion_ids: list[list[int]], **columns: Any) -> list[float]:
        assert completion_ids == responses
        return [episode.reward for episode in episodes]

    watch = _Watch(before, after)
    with tempfile.TemporaryDirectory() as folder:
        longest = max(map(len, responses))
        arguments = _arguments(folder, len(episodes), size, splits, updates, longest) | {
            "steps_per_generation": splits,
            "loss_type": "grpo",
            "epsilon": CLIP_LOW,
            "epsilon_high": CLIP_HIGH,
            "beta": 0.0,
        }
        trainer = _watched(GRPOTrainer, watch)(
            model=model,
            reward_funcs=rewards,
            args=GRPOConfig(**arguments | more),
            train_dataset=Dataset.from_list(rows_of(batch)),
            processing_class=AutoProcessor.from_pretrained(checkpoint, truncation_side="left", padding_side="left"),
            rollout_func=rollouts,
            callbacks=[watch],
        )
        trainer.train()
    return Outcome(watch.measured, watch.first_gradient)


def sdpo(
    checkpoint: str,
    policy: TransformersPolicy,
    batch: EpisodeBatch,
    *,
    updates: int,
    splits: int = 1,
    after: Callable[[int], None] | None = None,
) -> Outcome:
    """Run updates of TRL's SDPO on one and the same batch of rollouts without pictures, which it does not read.

    Its teacher is shown the same sentence as ours. Arguments as for `grpo`; `rollout_func` is not among the arguments
    of this trainer, so its method that samples is replaced by one that returns the given responses.
    """
    from datasets import Dataset
    from trl.experimental.sdpo import SDPOConfig, SDPOTrainer

    episodes = [episode for _, _, episode in batch]
    responses = [list(episode.turns[0].action.token_ids) for episode in episodes]

    class Given(SDPOTrainer):
        def _generate(self, prompt_ids: list[list[int]]) -> tuple[list[list[int]], list[list[int]]]:
            assert prompt_ids == [policy.encoder.token_ids(episode.turns[0].prompt) for episode in episodes]
            return prompt_ids, responses

    def rewards(completion_ids: list[list[int]], **columns: Any) -> list[float]:
        return [episode.reward for episode in episodes]

    watch = _Watch(None, after)
    with tempfile.TemporaryDirectory() as folder:
        size = len(batch.groups[0].episodes)
        arguments = _arguments(folder, len(episodes), size, splits, updates, max(map(len, responses)))
        trainer = _watched(Given, watch)(
            model=AutoModelForImageTextToText.from_pretrained(checkpoint, dtype=torch.float32),
            reward_funcs=rewards,
            args=SDPOConfig(
                **arguments,
                steps_per_generation=splits,
                distillation_mode="topk_logits",
                distillation_topk=100,
                distillation_add_tail=True,
                distillation_alpha=0.5,
                distillation_is_clip=2.0,
                teacher_model_kind="ema",
                teacher_update_rate=0.05,
                reprompt_template="{prompt}{solution}{feedback}",
                solution_template=f"\n{PHRASES['sibling'].format('{successful_previous_attempt}')}\n{REQUEST}",
            ),
            train_dataset=Dataset.from_list(rows_of(batch)),
            processing_class=AutoProcessor.from_pretrained(checkpoint, truncation_side="left", padding_side="left"),
            callbacks=[watch],
        )
        trainer.train()
    return Outcome(watch.measured, watch.first_gradient)
