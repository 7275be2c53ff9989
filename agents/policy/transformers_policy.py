"""A policy over transformers' own model classes: Qwen3-VL and, without pictures, any causal language model.

A prompt is run once, whatever the number of its responses: its key/value cache is repeated and the responses
run against it, in sampling and, with gradients through the cache, in training.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
    DynamicCache,
)

from agents.episodes import Completion, Prompt
from agents.policy.base import OnCompletion, Sampling
from agents.policy.inputs import PromptEncoder
from agents.policy.sampling import sample
from agents.policy.scores import TokenScores, score_tokens

NEVER = -1e30
"""The logit of ids that are never sampled: probability exactly 0, and differences of two are 0, not NaN."""


@dataclass
class _Prefix:
    """Prompts that have been run: their cache, the last hidden states, and where responses continue."""

    cache: DynamicCache
    mask_PL: Tensor
    last_PH: Tensor
    next_position_P: Tensor


class TransformersPolicy:
    """Samples from and scores with a transformers model.

    Args:
        model: a `...ForConditionalGeneration` or `...ForCausalLM` with `model.model` and `lm_head`.
        processor: its processor (or tokenizer, for text only).

    """

    def __init__(self, model: Any, processor: Any) -> None:
        self.model = model
        self.processor = processor
        self.encoder = PromptEncoder(processor, model.config)
        stop = model.generation_config.eos_token_id
        self.stop_ids = frozenset([stop] if isinstance(stop, int) else stop or [])
        if not self.stop_ids:
            raise ValueError("the model's generation_config has no eos_token_id; set it, or sampling cannot stop")
        # Sampling a placeholder would break the next forward, so no distribution here has one.
        self.never_ids = torch.tensor(self.encoder.vision_ids, dtype=torch.long, device=model.device)

    @classmethod
    def from_pretrained(cls, path: str, device: str = "cpu") -> TransformersPolicy:
        """Load a float32 model and its processor (its tokenizer, for a text-only one) from a folder or a hub id."""
        sees = hasattr(AutoConfig.from_pretrained(path), "vision_config")
        loader: Any = AutoModelForImageTextToText if sees else AutoModelForCausalLM
        reader: Any = AutoProcessor if sees else AutoTokenizer
        model = loader.from_pretrained(path, dtype=torch.float32).to(device)
        return cls(model.eval(), reader.from_pretrained(path))

    def save(self, folder: Path) -> None:
        """Write model and processor so that `from_pretrained` reads them."""
        self.model.save_pretrained(folder)
        self.processor.save_pretrained(folder)

    @property
    def vocabulary_size(self) -> int:
        """The number of token ids."""
        return self.model.get_output_embeddings().weight.shape[0]

    def count_tokens(self, prompt: Prompt) -> int:
        """Count the tokens that a prompt is run as, those of its pictures included."""
        return len(self.encoder.token_ids(prompt))

    def weights(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the weights as a checkpoint of the model has them; see `Policy.weights`."""
        yield from self.model.state_dict().items()

    def weights_changed(self) -> None:
        """Forget what was computed from the weights: nothing is kept yet."""

    # -- sampling ------------------------------------------------------------------------------------------

    def generate(
        self,
        prompts: Sequence[Prompt],
        n: int,
        sampling: Sampling,
        seeds: Sequence[int],
        *,
        limits: Sequence[int] | None = None,
        on_completion: OnCompletion | None = None,
    ) -> list[list[Completion]]:
        """Sample `n` completions of each prompt; see `Sampler.generate`."""
        return sample(
            self.model,
            self.encoder,
            lambda hidden: self._logits(self.model, hidden, sampling.temperature),
            self.stop_ids,
            prompts,
            n,
            sampling,
            seeds,
            limits,
            on_completion,
        )

    # -- scoring -------------------------------------------------------------------------------------------

    def score(
        self,
        prompts: Sequence[Prompt],
        owners: Sequence[int],
        responses: Sequence[Sequence[int]],
        *,
        temperature: float = 1.0,
        model: nn.Module | None = None,
    ) -> TokenScores:
        """Score responses; gradients flow where they are enabled. See `Policy.score`."""
        if len(owners) != len(responses) or not responses or not all(len(ids) for ids in responses):
            raise ValueError(f"{len(owners)} owners, {len(responses)} responses: one owner each, none empty")
        model = self.model if model is None else model
        device = self.model.device
        owner_N = torch.tensor(owners, device=device)
        lengths = torch.tensor([len(ids) for ids in responses], device=device)
        longest = int(lengths.max())
        pad = self.encoder.pad_id
        ids_NT = torch.tensor([[*ids, *[pad] * (longest - len(ids))] for ids in responses], device=device)
        mask_NT = torch.arange(longest, device=device)[None] < lengths[:, None]

        if torch.isin(ids_NT[mask_NT], self.never_ids).any():
            raise ValueError("a response has vision placeholder tokens, which are never sampled and have no log-prob")

        prefix = self._run_prompts(model, prompts)
        hidden_NTH = prefix.last_PH[owner_N][:, None]
        if longest > 1:
            self._repeat(prefix.cache, len(prompts), owner_N)
            mask = torch.cat([prefix.mask_PL[owner_N], mask_NT[:, 1:].to(prefix.mask_PL.dtype)], dim=1)
            position = prefix.next_position_P[owner_N][:, None] + torch.arange(longest - 1, device=device)
            hidden = self._run(model, ids_NT[:, :-1], mask, position, prefix.cache)
            hidden_NTH = torch.cat([hidden_NTH, hidden], dim=1)

        def head(hidden_CH: Tensor) -> Tensor:
            return self._logits(model, hidden_CH, temperature).log_softmax(-1)

        return score_tokens(mask_NT, ids_NT[mask_NT], hidden_NTH[mask_NT], head, self.vocabulary_size)

    # -- the model -----------------------------------------------------------------------------------------

    def _run_prompts(self, model: Any, prompts: Sequence[Prompt]) -> _Prefix:
        inputs = self.encoder.encode(prompts, model)
        cache = DynamicCache(config=model.config.get_text_config())
        output = model.model(**inputs.model_inputs, past_key_values=cache, use_cache=True)
        # Prompts are padded on the left, so the last column is the last token of each.
        return _Prefix(
            cache,
            inputs.model_inputs["attention_mask"],
            output.last_hidden_state[:, -1],
            inputs.next_position_P,
        )

    def _run(self, model: Any, ids: Tensor, mask: Tensor, position: Tensor, cache: DynamicCache) -> Tensor:
        if self.encoder.three_axes:
            position = position[None].expand(3, -1, -1)
        output = model.model(
            input_ids=ids, attention_mask=mask, position_ids=position, past_key_values=cache, use_cache=True
        )
        return output.last_hidden_state

    @staticmethod
    def _repeat(cache: DynamicCache, rows: int, owner_N: Tensor) -> None:
        times, rest = divmod(len(owner_N), rows)
        regular = not rest and torch.equal(owner_N, torch.arange(rows, device=owner_N.device).repeat_interleave(times))
        if not regular:
            cache.batch_select_indices(owner_N)
        elif times > 1:  # the same, and its backward is a plain sum
            cache.batch_repeat_interleave(times)

    def _logits(self, model: Any, hidden: Tensor, temperature: float) -> Tensor:
        logits = model.lm_head(hidden).float()
        if temperature not in (0.0, 1.0):  # greedy sampling is scored at temperature 1
            logits = logits / temperature
        return logits.index_fill_(-1, self.never_ids, NEVER)
