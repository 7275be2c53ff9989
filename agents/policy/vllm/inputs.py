"""What vLLM is given and gives back: prompts, sampling parameters, completions."""

from __future__ import annotations

import base64
import io
from collections.abc import Collection, Sequence
from typing import Any

from PIL import Image

from agents.episodes import Completion, Prompt
from agents.losses import NEVER
from agents.policy.base import Request, make_completion
from agents.policy.inputs import PromptEncoder
from rlsd_env.errors import ConfigurationError, one_line

COLDEST = 0.01
"""vLLM samples at this temperature where a lower one above 0 is asked for."""


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


def blindness(model_config: Any, device: str) -> str:
    """Say why an engine does not see pictures as the learner does; "" where nothing speaks against it.

    On a GPU vLLM takes a kernel that has what the model asks for, or does not start; on a CPU it takes the one it has.

    Args:
        model_config: the engine's.
        device: cpu or cuda.

    """
    if device != "cpu" or not model_config.is_mm_prefix_lm:
        return ""
    from vllm.v1.attention.backends.cpu_attn import CPUAttentionBackend

    if CPUAttentionBackend.supports_mm_prefix():
        return ""
    return "has on a CPU no attention in which the tokens of a picture see each other both ways"


def fixedness(model_config: Any, device: str) -> str:
    """Say why an engine is given no new weights; "" where it may be. See `blindness`."""
    if device == "cpu" and model_config.is_moe:
        return "on a CPU computes a mixture of experts wrongly once it has been given new weights"
    return ""


def engine_inputs(
    encoder: PromptEncoder, prompt: Prompt, renderer: Any, blind: str = ""
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a prompt as vLLM's engine takes it.

    Pictures and videos are processed by vLLM's own code for the family, and what it writes for them must be the
    learner's token ids.

    Args:
        encoder: the learner's.
        prompt: the prompt.
        renderer: of the engine.
        blind: why the engine is given no pictures, see `blindness`.

    Returns:
        The input, and the same without pixels, for requests that follow the first one of a prompt.

    Raises:
        ConfigurationError: vLLM does not read the prompt as the learner does.

    """
    from vllm.inputs import tokens_input

    ids = list(encoder.token_ids(prompt))
    if not prompt.images and not prompt.videos:
        whole = dict(tokens_input(ids))
        return whole, whole
    check_sight(encoder, prompt, blind)
    media: dict[str, list[Any]] = {
        "image": [Image.fromarray(image) for image in shown(encoder, prompt)],
        "video": [(video.frames, _frames(len(video.frames), video.fps)) for video in prompt.videos],
    }
    written = {
        "prompt_token_ids": encoder.written_ids(prompt),
        "multi_modal_data": {kind: found for kind, found in media.items() if found},
        "mm_processor_kwargs": {"videos_kwargs": encoder.media.video_options} if prompt.videos else {},
    }
    try:
        (first,) = renderer.render_cmpl([written], skip_mm_cache=True)
    except Exception as error:  # whatever vLLM's code for a family raises of what it was not written for
        raise _unlike(encoder, f"does not take them ({one_line(error, 300)})") from error
    if first["prompt_token_ids"] != ids:
        raise _unlike(encoder, difference(first["prompt_token_ids"], ids))
    later = first | {"mm_kwargs": {kind: [None] * len(found) for kind, found in first["mm_kwargs"].items()}}
    return dict(first), later


def _frames(count: int, fps: float) -> dict[str, Any]:
    """Say of a video's frames that they are all to be run, and when they are seen."""
    return {"total_num_frames": count, "fps": fps, "frames_indices": list(range(count)), "do_sample_frames": False}


def shown(encoder: PromptEncoder, prompt: Prompt) -> list[Any]:
    """Return a prompt's pictures as they are run, with what stands in for those that the model refuses."""
    made = encoder.media.images(prompt.images)
    return [image if one.instead is None else one.instead for image, one in zip(prompt.images, made)]


def difference(theirs: Sequence[int], ours: Sequence[int]) -> str:
    """Say where vLLM's token ids of a prompt part from the learner's."""
    place = next((k for k, (a, b) in enumerate(zip(theirs, ours)) if a != b), min(len(theirs), len(ours)))
    return f"makes {len(theirs)} tokens of the prompt where the learner has {len(ours)}, other ones from {place} on"


def check_sight(encoder: PromptEncoder, prompt: Prompt, blind: str) -> None:
    """Refuse a prompt with pictures or videos to an engine that does not see them as the learner does.

    Raises:
        ConfigurationError: `blind` says why; "" where it sees them.

    """
    if blind and (prompt.images or prompt.videos):
        raise _unlike(encoder, blind)


def _unlike(encoder: PromptEncoder, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"vLLM would not see the pictures of a prompt as this {encoder.media.model_type} is scored: it {what}; "
        "use --sampler transformers"
    )


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
    ids = encoder.written_ids(prompt)
    body: dict[str, Any] = {"token_ids": [*ids, *response], "return_token_ids": True}
    if prompt.images:
        body["content_parts"] = [{"type": "image_url", "url": _data_url(image)} for image in shown(encoder, prompt)]
    return body


def _data_url(image: Any) -> str:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
