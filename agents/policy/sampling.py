"""The sampling loop: prompts once, then one token at a time for all completions that still go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache

from agents.episodes import Completion, Prompt
from agents.policy.base import OnCompletion, OnToken, Request, make_completion
from agents.policy.decoding import Decoder, decoder
from agents.policy.inputs import PromptEncoder

KEEP_RUNNING = 0.75
"""Completions that have ended are dropped from the running batch once no more than this share still goes on."""


@torch.no_grad()
def sample(
    model: Any,
    encoder: PromptEncoder,
    head: Callable[[Tensor], Tensor],
    stop_ids: frozenset[int],
    request: Request,
    on_completion: OnCompletion | None = None,
    on_token: OnToken | None = None,
) -> list[list[Completion]]:
    """Sample completions; see `agents.policy.base.Sampler.generate`.

    Args:
        model: a transformers model; `model.model` is run.
        encoder: turns prompts into its inputs.
        head: from hidden states, [N, H], to logits at the sampling temperature, [N, V].
        stop_ids: token ids that end a completion.
        request: what is sampled.
        on_completion: is told of each completion when it ends.
        on_token: is told of each token when it is sampled.

    """
    if not request.count:
        return []
    prompts, n, sampling = request.prompts, request.n, request.sampling
    limits = [request.limit(number) for number in range(request.count)]
    uniform_NT = torch.from_numpy(
        np.stack([np.random.default_rng(seed).random(sampling.max_tokens) for seed in request.seeds])
    ).to(model.device)
    running, state_PH, position_P = _after(prompts, model, encoder, n, max(limits))
    position = position_P.repeat_interleave(n)
    logits = head(state_PH).repeat_interleave(n, dim=0)
    ids: list[list[int]] = [[] for _ in limits]
    logprobs: list[list[float]] = [[] for _ in limits]
    alive = list(range(request.count))  # which completion each row of the running batch is
    uniform = uniform_NT
    completions: dict[int, Completion] = {}
    for t in range(max(limits)):
        logp = logits.log_softmax(-1)
        greedy = sampling.temperature == 0
        token = logp.argmax(-1) if greedy else inverse_cdf(logp.exp(), uniform[:, t])
        chosen = logp.gather(-1, token[:, None])[:, 0]
        # Both in one transfer from the device; float64 holds either exactly.
        for number, (token_id, value) in zip(alive, torch.stack([token.double(), chosen.double()], dim=1).tolist()):
            if number not in completions:
                ids[number].append(int(token_id))
                logprobs[number].append(value)
                if on_token is not None:
                    on_token(number, int(token_id))
                if ids[number][-1] in stop_ids or len(ids[number]) == limits[number]:
                    done = make_completion(encoder.tokenizer, stop_ids, ids[number], logprobs[number])
                    completions[number] = done
                    if on_completion is not None:
                        on_completion(number, done)
        going = [row for row, number in enumerate(alive) if number not in completions]
        if not going:
            break
        if len(going) <= KEEP_RUNNING * len(alive):  # dropping rows copies what is kept of the others
            running.keep(going)
            alive = [alive[row] for row in going]
            keep = torch.tensor(going, device=model.device)
            uniform, position, token = uniform[keep], position[keep], token[keep]
        logits = head(running.step(token, position))
        position = position + 1
    return request.groups(completions)


def _after(
    prompts: Sequence[Prompt], model: Any, encoder: PromptEncoder, n: int, most: int
) -> tuple[Decoder, Tensor, Tensor]:
    """Run prompts, and return what goes on from them, their last states and the positions after them.

    Inputs, features of pictures and what the cache has beyond the windows are not kept while it goes on.
    """
    encoded = encoder.encode(prompts, model)
    cache = DynamicCache(config=model.config.get_text_config())
    output = model.model(**encoded.model_inputs, past_key_values=cache, use_cache=True)
    mask_PL = encoded.model_inputs["attention_mask"]
    running = decoder(model, cache, mask_PL, n, most, encoder.three_axes)
    # Prompts are padded on the left, so the last column is the last token of each.
    return running, output.last_hidden_state[:, -1].clone(), encoded.next_position_P


def inverse_cdf(probabilities: Tensor, uniform: Tensor) -> Tensor:
    """Draw one index per row: the first whose cumulative probability exceeds the row's uniform number.

    Args:
        probabilities: [N, V].
        uniform: [N] in [0, 1), float64.

    """
    cdf = probabilities.double().cumsum(-1)
    target = (uniform * cdf[:, -1])[:, None]
    return torch.searchsorted(cdf, target, right=True)[:, 0].clamp(max=cdf.shape[-1] - 1)
