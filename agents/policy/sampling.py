"""The sampling loop: prompts once, then one token at a time for all completions that still go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache

from agents.episodes import Completion, Prompt, StopReason
from agents.policy.base import OnCompletion, Sampling
from agents.policy.inputs import PromptEncoder

KEEP_RUNNING = 0.75
"""Completions that have ended are dropped from the running batch once no more than this share still goes on."""


@torch.no_grad()
def sample(
    model: Any,
    encoder: PromptEncoder,
    head: Callable[[Tensor], Tensor],
    stop_ids: frozenset[int],
    prompts: Sequence[Prompt],
    n: int,
    sampling: Sampling,
    seeds: Sequence[int],
    limits: Sequence[int] | None = None,
    on_completion: OnCompletion | None = None,
) -> list[list[Completion]]:
    """Sample `n` completions of each prompt; see `agents.policy.base.Sampler.generate`.

    Args:
        model: a transformers model; `model.model` is run.
        encoder: turns prompts into its inputs.
        head: from hidden states, [N, H], to logits at the sampling temperature, [N, V].
        stop_ids: token ids that end a completion.
        prompts: see `Sampler.generate`, as what follows.
        n: completions of each prompt.
        sampling: how.
        seeds: one per completion.
        limits: the most tokens of each.
        on_completion: is told of each completion when it ends.

    """
    rows = len(prompts) * n
    if len(seeds) != rows:
        raise ValueError(f"{len(seeds)} seeds for {len(prompts)} prompts x {n}; give one per completion")
    limits = [sampling.max_tokens] * rows if limits is None else limits
    if len(limits) != rows or not all(1 <= limit <= sampling.max_tokens for limit in limits):
        raise ValueError(f"limits {list(limits)}: one per completion, each 1 to {sampling.max_tokens} tokens")
    if not rows:
        return []
    uniform_NT = torch.from_numpy(
        np.stack([np.random.default_rng(seed).random(sampling.max_tokens) for seed in seeds])
    ).to(model.device)
    encoded = encoder.encode(prompts, model)
    cache = DynamicCache(config=model.config.get_text_config())
    output = model.model(**encoded.model_inputs, past_key_values=cache, use_cache=True)
    if n > 1:
        cache.batch_repeat_interleave(n)
    owner_N = torch.arange(len(prompts), device=model.device).repeat_interleave(n)
    mask = encoded.model_inputs["attention_mask"][owner_N]
    position = encoded.next_position_P[owner_N]
    # Prompts are padded on the left, so the last column is the last token of each.
    logits = head(output.last_hidden_state[:, -1][owner_N])
    ids: list[list[int]] = [[] for _ in range(rows)]
    logprobs: list[list[float]] = [[] for _ in range(rows)]
    alive = list(range(rows))  # which completion each row of the running batch is
    ended = [False] * rows
    completions: list[Completion | None] = [None] * rows
    for t in range(sampling.max_tokens):
        logp = logits.log_softmax(-1)
        greedy = sampling.temperature == 0
        token = logp.argmax(-1) if greedy else inverse_cdf(logp.exp(), uniform_NT[alive, t])
        chosen = logp.gather(-1, token[:, None])[:, 0].tolist()
        for number, token_id, value in zip(alive, token.tolist(), chosen):
            if not ended[number]:
                ids[number].append(token_id)
                logprobs[number].append(value)
                if token_id in stop_ids or len(ids[number]) == limits[number]:
                    ended[number] = True
                    completions[number] = done = _completion(encoder, stop_ids, ids[number], logprobs[number])
                    if on_completion is not None:
                        on_completion(number, done)
        going = [row for row, number in enumerate(alive) if not ended[number]]
        if not going:
            break
        if len(going) <= KEEP_RUNNING * len(alive):  # dropping rows copies the cache of the others
            keep = torch.tensor(going, device=model.device)
            cache.batch_select_indices(keep)
            alive = [alive[row] for row in going]
            mask, position, token = mask[keep], position[keep], token[keep]
        mask = torch.cat([mask, mask.new_ones(len(alive), 1)], dim=1)
        positions = position[:, None]
        output = model.model(
            input_ids=token[:, None],
            attention_mask=mask,
            position_ids=positions[None].expand(3, -1, -1) if encoder.three_axes else positions,
            past_key_values=cache,
            use_cache=True,
        )
        logits = head(output.last_hidden_state[:, 0])
        position = position + 1
    whole = [completion for completion in completions if completion is not None]
    return [whole[i : i + n] for i in range(0, rows, n)]


def _completion(
    encoder: PromptEncoder, stop_ids: frozenset[int], ids: Sequence[int], logprobs: Sequence[float]
) -> Completion:
    stopped = ids[-1] in stop_ids
    text = encoder.tokenizer.decode(ids[:-1] if stopped else ids, skip_special_tokens=False)
    reason = StopReason.STOP if stopped else StopReason.LENGTH
    return Completion(tuple(ids), tuple(logprobs), text, reason)


def inverse_cdf(probabilities: Tensor, uniform: Tensor) -> Tensor:
    """Draw one index per row: the first whose cumulative probability exceeds the row's uniform number.

    Args:
        probabilities: [N, V].
        uniform: [N] in [0, 1), float64.

    """
    cdf = probabilities.double().cumsum(-1)
    target = (uniform * cdf[:, -1])[:, None]
    return torch.searchsorted(cdf, target, right=True)[:, 0].clamp(max=cdf.shape[-1] - 1)
