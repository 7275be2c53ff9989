"""Given responses through a model: packed, each prompt once and no padding, or as plain padded rows.

Both return the hidden states that the responses' tokens are predicted from, in the same order; `tests/agents/
test_packing.py` holds them to each other, values and gradients.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from agents.episodes import Prompt
from agents.policy.attention import PACKED, Pictures, by_length, make_packing
from agents.policy.inputs import PromptEncoder, kinds_argument
from agents.policy.linear_attention import gated_layers, make_pieces
from agents.policy.picture_attention import EVERYWHERE, numbered, picture_rule

T = TypeVar("T")


def supports_packing(model: Any) -> bool:
    """Tell whether each layer is gated and linear, or its attention, full or in windows, is the registry's."""
    config = model.config.get_text_config()
    kinds, gated = getattr(config, "layer_types", None) or (), gated_layers(model)
    known = all(kind in ("full_attention", "sliding_attention") or number in gated for number, kind in enumerate(kinds))
    both_ways = getattr(config, "use_bidirectional_attention", None) not in (None, False, "vision")
    softcap = getattr(config, "attn_logit_softcapping", None) is not None
    dropout = getattr(config, "attention_dropout", 0.0) or 0.0
    # Hybrid models do not declare it, nor do some around a language model that does; all of them ask the registry.
    declared = any(getattr(type(one), "_supports_attention_backend", False) for one in (model, model.get_decoder()))
    backend = declared or gated
    # Without a packing it is `sdpa`, which drops what it does not know: attention sinks.
    sdpa = getattr(type(model), "_supports_sdpa", False)
    return bool(
        backend and sdpa and known and not both_ways and not softcap and not dropout and picture_rule(model) is not None
    )


def use_packed_attention(model: Any) -> None:
    """Let the language model of `model` use packed attention; without a packing it does as transformers does."""
    text = model.config.get_text_config()
    model.set_attn_implementation(PACKED if text is model.config else {"text_config": PACKED})


def distinct(
    owners: Sequence[int], responses: Sequence[Sequence[int]]
) -> tuple[list[int], list[Sequence[int]], list[int]]:
    """Keep one of equal responses to a prompt: they have the same states, and gradients of the states add up.

    Args:
        owners: for each of the N responses the number of its prompt.
        responses: their token ids.

    Returns:
        The owners and the responses that are left, in their order, and for each of the N the number of its like.

    >>> distinct([0, 0, 1, 0], [[5, 6], [7], [7], [5, 6]])
    ([0, 0, 1], [[5, 6], [7], [7]], [0, 1, 2, 0])

    """
    kept, places = distinct_by((owner, *ids) for owner, ids in zip(owners, responses))
    return [owners[number] for number in kept], [responses[number] for number in kept], places


def distinct_by(keys: Iterable[Hashable]) -> tuple[list[int], list[int]]:
    """Return the number of the first of each distinct key, and for every key which of those it is like.

    >>> distinct_by("abac")
    ([0, 1, 3], [0, 1, 0, 2])
    """
    numbers: dict[Hashable, int] = {}
    kept: list[int] = []
    places = []
    for number, key in enumerate(keys):
        place = numbers.setdefault(key, len(kept))
        if place == len(kept):
            kept.append(number)
        places.append(place)
    return kept, places


def score_each(
    score: Callable[..., T], prompts: Sequence[Prompt], responses: Sequence[Sequence[int]], temperature: float
) -> T:
    """Score responses with a prompt for each, of which equal ones are run once.

    Args:
        score: as `agents.policy.base.Policy.score`.
        prompts: N.
        responses: N, their token ids.
        temperature: as of `score`.

    """
    kept, owners = distinct_by(prompt.key for prompt in prompts)
    return score([prompts[number] for number in kept], owners, responses, temperature=temperature)


def states_of_tokens(lengths: Sequence[int], places: Sequence[int]) -> Tensor:
    """Return the number of each token's state, [M], where response n is the one at `places[n]` of given lengths.

    >>> states_of_tokens([2, 1], [0, 1, 0]).tolist()
    [0, 1, 2, 0, 1]
    """
    lengths_K, places_N = torch.tensor(lengths), torch.tensor(places)
    first_K = lengths_K.cumsum(0) - lengths_K
    count_N = lengths_K[places_N]
    start_M = (first_K[places_N] - (count_N.cumsum(0) - count_N)).repeat_interleave(count_N)
    return start_M + torch.arange(len(start_M))


def packed_states(
    model: Any,
    encoder: PromptEncoder,
    prompts: Sequence[Prompt],
    owners: Sequence[int],
    responses: Sequence[Sequence[int]],
) -> Tensor:
    """Run prompts and responses end to end, each prompt once; see `agents.policy.attention`.

    Args:
        model: a model that uses packed attention.
        encoder: turns prompts into its inputs.
        prompts: P distinct prompts.
        owners: for each of the N responses the number of its prompt.
        responses: token ids, not empty.

    Returns:
        The state before each of the M response tokens, [M, H], row by row.

    """
    encoded = encoder.encode(prompts, model)
    inputs = dict(encoded.model_inputs)
    device = model.device
    mask_PL = inputs["attention_mask"].bool()
    lengths = mask_PL.sum(1).tolist()
    order = by_length([len(ids) for ids in responses])
    run = [responses[number][:-1] for number in order]  # the last token predicts nothing that is scored
    run_owners = [owners[number] for number in order]
    ids_R = torch.tensor([token for ids in run for token in ids], dtype=torch.long, device=device)
    owner_N = torch.tensor(run_owners, device=device)
    count_N = torch.tensor([len(ids) for ids in run], device=device)
    owner_R = owner_N.repeat_interleave(count_N)
    first_N = count_N.cumsum(0) - count_N
    place_R = torch.arange(len(ids_R), device=device) - first_N.repeat_interleave(count_N)
    position_R = encoded.next_position_P[owner_R] + place_R
    position = inputs["position_ids"][..., mask_PL]
    kinds_PL = inputs.pop(kinds_argument(model) or "", None)
    pictures = None
    if kinds_PL is not None and (rule := picture_rule(model)):
        number_L = numbered(kinds_PL)[mask_PL]
        pictures = Pictures(number_L, everywhere=rule == EVERYWHERE)
    counts = count_N.tolist()
    packing = make_packing(lengths, counts, run_owners, device, pictures)
    inputs |= {
        "input_ids": torch.cat([inputs["input_ids"][mask_PL], ids_R])[None],
        "position_ids": torch.cat([position, position_R.expand(*position.shape[:-1], -1)], dim=-1)[..., None, :],
        # Four axes keep transformers from making a mask; the packing says who sees whom.
        "attention_mask": torch.ones(1, 1, 1, 1, dtype=torch.bool, device=device),
    }
    if gated_layers(model):
        inputs["pieces"] = make_pieces(lengths, counts, run_owners, device)
    hidden_LH = model.model(**inputs, packing=packing, use_cache=False).last_hidden_state[0]
    check_calls(model, packing.calls)
    if encoded.idle is not None:
        hidden_LH = hidden_LH + encoded.idle
    return hidden_LH[_before(lengths, owners, order, [len(ids) for ids in responses]).to(device)]


def check_calls(model: Any, calls: Counter[int | None]) -> None:
    """Refuse what has been scored where layers did not attend as they should have.

    Raises:
        NotImplementedError: attention layers did not get the packing, or did not say their window.

    """
    config = model.config.get_text_config()
    kinds = getattr(config, "layer_types", None)
    windows = sum(count for window, count in calls.items() if window is not None)
    if not calls or (kinds and windows != kinds.count("sliding_attention")):
        raise NotImplementedError(
            f"{type(model).__name__} does not hand packing and windows to its attention layers; use scoring='plain'"
        )


def _before(lengths: Sequence[int], owners: Sequence[int], order: Sequence[int], counts: Sequence[int]) -> Tensor:
    """Say where in the packed row the state before each response token is, [M], response by response."""
    ends_P = torch.tensor(lengths).cumsum(0) - 1
    counts_N, order_N = torch.tensor(counts), torch.tensor(order)
    run_N = counts_N[order_N] - 1  # the last token is not run
    start_N = torch.empty_like(counts_N)
    start_N[order_N] = sum(lengths) + run_N.cumsum(0) - run_N
    first_N = counts_N.cumsum(0) - counts_N
    place_M = (start_N - 1 - first_N).repeat_interleave(counts_N) + torch.arange(int(counts_N.sum()))
    place_M[first_N] = ends_P[torch.tensor(owners)]  # a first token is predicted from its prompt
    return place_M


def plain_states(
    model: Any,
    encoder: PromptEncoder,
    prompts: Sequence[Prompt],
    owners: Sequence[int],
    responses: Sequence[Sequence[int]],
) -> Tensor:
    """Run one padded row per response, prompt included, as transformers itself would; as `packed_states`."""
    encoded = encoder.encode([prompts[owner] for owner in owners], model)
    inputs = dict(encoded.model_inputs)
    device = model.device
    longest = max(len(ids) for ids in responses) - 1
    pad = encoder.pad_id
    ids_NT = torch.tensor([[*ids[:-1], *[pad] * (longest + 1 - len(ids))] for ids in responses], device=device)
    ids_NT = ids_NT.to(torch.long).reshape(len(responses), longest)
    counts = torch.tensor([len(ids) for ids in responses], device=device)
    mask_NT = torch.arange(longest, device=device) < counts[:, None] - 1
    position_NT = encoded.next_position_P[:, None] + torch.arange(longest, device=device)
    position = inputs["position_ids"]
    prompt_mask = inputs["attention_mask"]
    if (name := kinds_argument(model)) in inputs:  # responses are text
        kinds_NL = inputs[name]
        inputs[name] = torch.cat([kinds_NL, kinds_NL.new_zeros(len(kinds_NL), longest)], dim=1)
    inputs |= {
        "input_ids": torch.cat([inputs["input_ids"], ids_NT], dim=1),
        "position_ids": torch.cat([position, position_NT.expand(*position.shape[:-1], -1)], dim=-1),
        "attention_mask": torch.cat([prompt_mask, mask_NT.to(prompt_mask.dtype)], dim=1),
    }
    hidden = model.model(**inputs, use_cache=False).last_hidden_state
    if encoded.idle is not None:
        hidden = hidden + encoded.idle
    # Prompts are padded on the left, so the last prompt token of every row is in one column.
    hidden_NTH = hidden[:, prompt_mask.shape[1] - 1 :]
    return hidden_NTH[torch.arange(longest + 1, device=device) < counts[:, None]]
