"""What vLLM is given and gives back: prompts, sampling parameters, completions."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Collection, Sequence
from typing import Any

import torch
from PIL import Image

from agents.episodes import Completion, Prompt
from agents.losses import NEVER
from agents.policy.base import Request, make_completion
from agents.policy.inputs import PromptEncoder
from agents.policy.media import GRID, Processed
from rlsd_env.errors import ConfigurationError

COLDEST = 0.01
"""vLLM samples at this temperature where a lower one above 0 is asked for."""
ITEM_FIELDS = {"image": ("pixel_values", "image_grid_thw"), "video": ("pixel_values_videos", "video_grid_thw")}
"""What the Qwen-VL models of vLLM call patches and grids."""


def check_temperature(temperature: float) -> None:
    """Refuse what vLLM would sample at another temperature without a word.

    Raises:
        ConfigurationError: vLLM does not sample at that temperature.

    """
    if 0 < temperature < COLDEST:
        raise ConfigurationError(f"temperature is {temperature}; vLLM samples at 0 (greedy) or at {COLDEST} and more")


def check_length(ids: Sequence[int], limit: int, longest: int) -> None:
    """Refuse what does not fit: vLLM would end the completion early without a word.

    Raises:
        ConfigurationError: prompt and completion together may be longer than the engine's longest sequence.

    """
    if len(ids) + limit > longest:
        raise ConfigurationError(
            f"a prompt of {len(ids)} tokens and a completion of up to {limit} are more than vLLM's max_model_len of "
            f"{longest}; give sampler_kwargs max_model_len={len(ids) + limit} or more (a server: --max-model-len)"
        )


def sampling_parameters(
    request: Request, number: int, stop_ids: Collection[int], never_ids: Collection[int]
) -> dict[str, Any]:
    """Return the arguments of vLLM's `SamplingParams` for one completion."""
    return {
        "temperature": request.sampling.temperature,
        "max_tokens": request.limit(number),
        "seed": request.seeds[number] % 2**63,  # vLLM's seeds are signed, and -1 is none
        "logprobs": 0,  # of the sampled token alone
        "logit_bias": dict.fromkeys(never_ids, NEVER),  # the learner's own value for them: probability exactly 0
        "stop_token_ids": sorted(stop_ids),
        "ignore_eos": True,  # the tokenizer's own end is not the learner's, unless it is among the stop ids
        "detokenize": False,
    }


def completion(
    encoder: PromptEncoder,
    stop_ids: Collection[int],
    ids: Sequence[int],
    logprobs: Sequence[float],
    reason: str | None,
    limit: int,
) -> Completion:
    """Make a completion of what vLLM sampled.

    Raises:
        RuntimeError: vLLM ended it for another reason than a stop token or the limit.

    """
    stopped = bool(ids) and ids[-1] in stop_ids
    if reason != ("stop" if stopped else "length") or not (stopped or len(ids) == limit) or len(logprobs) != len(ids):
        raise RuntimeError(
            f"vLLM ended a completion after {len(ids)} of {limit} tokens with reason {reason!r}; its log says why"
        )
    return make_completion(encoder.tokenizer, stop_ids, ids, logprobs)


def engine_inputs(encoder: PromptEncoder, prompt: Prompt) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a prompt as vLLM's engine takes it: the learner's own token ids, patches and grids.

    Returns:
        The input, and the same without the patches, for requests that follow the first one of a prompt.

    """
    from vllm.inputs import mm_input, tokens_input

    ids = encoder.token_ids(prompt)
    if not prompt.images and not prompt.videos:
        whole = dict(tokens_input(list(ids)))
        return whole, whole
    media: dict[str, list[Any]] = {"image": _images(encoder, prompt)}
    media["video"] = encoder.media.videos(prompt.videos)
    media = {kind: found for kind, found in media.items() if found}
    items = {kind: [_item(kind, one) for one in found] for kind, found in media.items()}
    names = {
        "image": [_name(image) for image in prompt.images],
        "video": [_name(video.frames, video.fps) for video in prompt.videos],
    }
    names = {kind: names[kind] for kind in media}
    ranges = {kind: _ranges(encoder, ids, kind, found) for kind, found in media.items()}
    without = {kind: [None] * len(found) for kind, found in items.items()}
    first, later = (mm_input(list(ids), kept, names, ranges) for kept in (items, without))
    return dict(first), dict(later)


def _images(encoder: PromptEncoder, prompt: Prompt) -> list[Processed]:
    """Process a prompt's pictures.

    Raises:
        ConfigurationError: the model does not read patches on a grid as Qwen-VL models do, which alone is known here.

    """
    images = encoder.media.images(prompt.images)
    if any(GRID not in image.inputs for image in images):
        raise ConfigurationError(
            f"vLLM is given pictures of Qwen-VL models here, and this is {encoder.media.model_type}; "
            "use --sampler transformers"
        )
    return images


def _item(kind: str, media: Any) -> Any:
    from transformers import BatchFeature
    from vllm.multimodal.inputs import MultiModalFieldConfig, MultiModalKwargsItems

    patches, grids = ITEM_FIELDS[kind]
    grid_13 = media.grid[None]
    fields = {
        patches: MultiModalFieldConfig.flat_from_sizes(kind, grid_13.prod(-1)),
        grids: MultiModalFieldConfig.batched(kind, keep_on_cpu=True),
    }
    return MultiModalKwargsItems.from_hf_inputs(BatchFeature({patches: media.pixels, grids: grid_13}), fields)[kind][0]


def _name(array: Any, *more: Any) -> str:
    """Name pixels by their content; vLLM keeps what its vision tower made of them under that name."""
    digest = hashlib.blake2b(repr((array.shape, more)).encode(), digest_size=16)
    digest.update(array.tobytes())
    return digest.hexdigest()


def _ranges(encoder: PromptEncoder, ids: Sequence[int], kind: str, media: Sequence[Any]) -> list[Any]:
    """Say where in the prompt each picture or video is; sampled ids and texts cannot have such tokens."""
    from vllm.multimodal.inputs import PlaceholderRange

    vision_id = encoder.image_id if kind == "image" else encoder.video_id
    merged = getattr(encoder.processor, f"{kind}_processor").merge_size ** 2
    places = [place for place, id in enumerate(ids) if id == vision_id]
    ranges = []
    for one in media:
        count = int(one.grid.prod()) // merged
        own, places = places[:count], places[count:]
        if kind == "image":
            ranges.append(PlaceholderRange(own[0], count))
            continue
        # Between a video's frames are times and boundaries, which keep their own embeddings.
        start = own[0] - 1
        is_embed = torch.zeros(own[-1] + 1 - start, dtype=torch.bool)
        is_embed[torch.tensor(own) - start] = True
        ranges.append(PlaceholderRange(start, len(is_embed), is_embed))
    return ranges


def server_inputs(encoder: PromptEncoder, prompt: Prompt, response: Sequence[int] = ()) -> dict[str, Any]:
    """Return a prompt as vLLM's server takes it: token ids, and pictures as PNG, whose tokens it expands itself.

    Args:
        encoder: the learner's.
        prompt: the prompt.
        response: token ids after it.

    Raises:
        ConfigurationError: the prompt has a video.

    """
    if prompt.videos:
        raise ConfigurationError(
            "the prompt has a video, which a vLLM server would sample frames of by its own rules; "
            "use --sampler vllm (in process) or transformers"
        )
    ids: list[int] = []
    images = _images(encoder, prompt)
    rest = iter([media.placeholder.count(encoder.processor.image_token) for media in images])
    left = 0
    for id in encoder.token_ids(prompt):  # one token stands for each picture
        if id != encoder.image_id:
            ids.append(id)
        elif left:
            left -= 1
        else:
            ids.append(id)
            left = next(rest) - 1
    body: dict[str, Any] = {"token_ids": [*ids, *response], "return_token_ids": True}
    if prompt.images:
        shown = [image if media.instead is None else media.instead for image, media in zip(prompt.images, images)]
        body["content_parts"] = [{"type": "image_url", "url": _data_url(image)} for image in shown]
    return body


def _data_url(image: Any) -> str:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
