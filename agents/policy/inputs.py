"""Prompts as model inputs: chat template, pictures and videos, positions of one axis or three."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from transformers import MODEL_MAPPING

from agents.episodes import Prompt
from agents.policy.chat_template import content_forms, in_form
from agents.policy.media import MediaProcessor, Processed, blank
from agents.policy.vision_cache import FeatureCache

VISION_TOKENS = ("image_token_id", "video_token_id", "audio_token_id", "vision_start_token_id", "vision_end_token_id")
VISION_LISTS = ("visual_indicator_token_ids",)
"""Names of those that a configuration has lists of."""
KINDS = ("token_type_ids", "mm_token_type_ids")
"""What models call an argument that tells text (0), pictures (1) and videos (2) apart."""
_SAMPLED = re.compile("\ue000([0-9]+)\ue001")
"""Stands for the sampled tokens of an earlier turn while the chat template is rendered."""


@dataclass(frozen=True)
class EncodedPrompts:
    """P prompts, padded on the left to L tokens.

    Attributes:
        model_inputs: keyword arguments for the inner model's forward.
        next_position_P: the position of the first response token, [P].
        idle: 0, where the vision tower was run for the sake of other processes alone; to be added to the states.

    """

    model_inputs: dict[str, Any]
    next_position_P: Tensor
    idle: Tensor | None = None


class PromptEncoder:
    """Turns prompts into the inputs of a transformers model.

    Args:
        processor: a processor of transformers, or a tokenizer for text-only models.
        config: the model's configuration; its vision token ids are used as they stand.
        pictures: what becomes of pictures that the processor refuses, see `MediaProcessor`.

    Attributes:
        vision_ids: tokens that stand for pictures, videos and their like, which no response has.
        three_axes: whether positions have three axes (M-RoPE).

    """

    def __init__(self, processor: Any, config: Any, pictures: str = "stop") -> None:
        self.processor = processor
        self.tokenizer = getattr(processor, "tokenizer", processor)
        self.media = MediaProcessor(processor, config, pictures)
        self.image_id: int | None = getattr(config, "image_token_id", None)
        self.video_id: int | None = getattr(config, "video_token_id", None)
        ids = [getattr(config, name, None) for name in VISION_TOKENS]
        ids += [id for name in VISION_LISTS for id in getattr(config, name, None) or ()]
        size = getattr(config.get_text_config(), "vocab_size", None)
        self.vision_ids = [id for id in ids if id is not None and (size is None or id < size)]
        pad = self.tokenizer.pad_token_id
        self.pad_id: int = self.tokenizer.eos_token_id if pad is None else pad
        self.three_axes = hasattr(MODEL_MAPPING.get(type(config), None), "get_rope_index")
        self.kept = FeatureCache()
        self.keeps_step = False
        """Whether the vision tower is run in every call, since its weights are sharded over processes."""
        self._forms = content_forms(processor) if self.media.sees else {}
        self._ids: WeakKeyDictionary[Prompt, list[int]] = WeakKeyDictionary()
        tokens = {name: re.escape(getattr(processor, f"{name}_token", "") or "") for name in ("image", "video")}
        specials = {*map(re.escape, self.tokenizer.all_special_tokens), *filter(None, tokens.values())}
        longest_first = sorted(specials, key=lambda token: (-len(token), token))
        self._specials = re.compile("|".join(["[\ue000\ue001]", *longest_first]))
        self._media_tokens = re.compile("|".join(f"(?P<{name}>{token})" for name, token in tokens.items() if token))

    def encode(self, prompts: Sequence[Prompt], model: Any) -> EncodedPrompts:
        """Build the inputs of `model`; its vision tower runs once per distinct picture and video of the call.

        Raises:
            ValueError: a prompt has pictures or videos and the model reads none.

        """
        device = model.device
        images = [one for made in self.media.images_of([prompt.images for prompt in prompts]) for one in made]
        videos = self.media.videos([video for prompt in prompts for video in prompt.videos])
        ids = [self.token_ids(prompt) for prompt in prompts]

        longest = max(len(row) for row in ids)
        ids_PL = torch.tensor([[self.pad_id] * (longest - len(row)) + row for row in ids], device=device)
        mask_PL = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in ids], device=device)
        inputs: dict[str, Any] = {"input_ids": ids_PL, "attention_mask": mask_PL}
        position_PL = (mask_PL.cumsum(-1) - 1).clamp(min=0)
        positions = position_PL[None].expand(3, -1, -1) if self.three_axes else position_PL
        if not images and not videos:
            inputs["position_ids"] = positions
            idle = self._run_idly(model) if self.keeps_step and self.media.sees else None
            return EncodedPrompts(inputs, position_PL[:, -1] + 1, idle)

        kinds_PL = torch.eq(ids_PL, self.image_id or 0).int()
        if videos:
            kinds_PL = kinds_PL + 2 * torch.eq(ids_PL, self.video_id or 0).int()
        if self.three_axes:
            grids = {
                f"{name}_grid_thw": torch.stack([one.grid for one in media]).to(device)
                for name, media in (("image", images), ("video", videos))
                if media
            }
            positions, _ = model.model.get_rope_index(
                input_ids=ids_PL, mm_token_type_ids=kinds_PL, attention_mask=mask_PL, **grids
            )
        elif (name := kinds_argument(model)) is not None:
            inputs[name] = kinds_PL
        inputs |= {"position_ids": positions, "mm_encoder_outputs": self._features(images, videos, model)}
        over_axes = positions.amax(dim=0) if self.three_axes else positions
        return EncodedPrompts(inputs, over_axes.amax(dim=-1) + 1)

    def _run_idly(self, model: Any) -> Tensor:
        """Run the vision tower on nothing much, as the other processes that share its shards run it."""
        features = self.kept.features(self.media.images([blank()]), model.model.get_image_features, model)
        levels = [embedding for level in features.deepstack or () for embedding in level]
        return sum((embedding.sum() for embedding in (*features.embeddings, *levels)), torch.tensor(0.0)) * 0.0

    def token_ids(self, prompt: Prompt) -> list[int]:
        """Return the token ids that a prompt is run as, vision tokens expanded.

        What the policy said in earlier turns are the very tokens that it sampled.
        """
        if prompt not in self._ids:
            self._ids[prompt] = self._tokenise(prompt, expanded=True)
        return self._ids[prompt]

    def written_ids(self, prompt: Prompt) -> list[int]:
        """Return the token ids of a prompt as the chat template writes it, each picture or video in one token.

        Engines take them so, and expand them by their own rules.
        """
        return self._tokenise(prompt, expanded=False)

    def text_ids(self, text: str) -> list[int]:
        """Return the token ids that a text of a message is written as, by itself."""
        return self._tokens(self._defuse(text))

    def rendered(self, prompt: Prompt) -> str:
        """Return what the chat template writes of a prompt, with a mark for what was sampled in each earlier turn."""
        shown, earlier = [], 0
        for message in prompt.messages:
            if message.get("token_ids") is None:
                said = {**message, "content": self._defuse(message["content"])}
            else:
                said = {"role": message["role"], "content": f"\ue000{earlier}\ue001"}
                earlier += 1
            shown.append(in_form(said, self._forms))
        return str(self.processor.apply_chat_template(shown, add_generation_prompt=True, tokenize=False))

    def _tokenise(self, prompt: Prompt, *, expanded: bool) -> list[int]:
        sampled: list[Sequence[int]] = [
            ids for message in prompt.messages if (ids := message.get("token_ids")) is not None
        ]
        text = self.rendered(prompt)
        if self.media.sees and expanded:
            text = self._expand(text, prompt)
        pieces = _SAMPLED.split(text)
        if pieces[1::2] != [str(number) for number in range(len(sampled))]:
            raise ValueError(
                f"the chat template wrote {len(pieces) // 2} of {len(sampled)} earlier answers; "
                "several turns need one that keeps all messages in their order"
            )
        ids = self._tokens(pieces[0])
        for earlier, piece in zip(sampled, pieces[2::2]):
            ids += [*earlier, *self._tokens(piece)]
        return ids

    def _tokens(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _expand(self, text: str, prompt: Prompt) -> str:
        """Write each picture's and video's tokens where the template wrote one."""
        media = {"image": self.media.images(prompt.images), "video": self.media.videos(prompt.videos)}
        written = dict.fromkeys(media, 0)
        for match in self._media_tokens.finditer(text):
            written[str(match.lastgroup)] += 1
        for name, found in media.items():
            if written[name] != len(found):
                raise ValueError(
                    f"the rendered prompt has {written[name]} {name} tokens for {len(found)} {name}s; "
                    "the chat template must write one for each"
                )
        rest = {name: iter(found) for name, found in media.items()}
        return self._media_tokens.sub(lambda match: next(rest[str(match.lastgroup)]).placeholder, text)

    def _defuse(self, content: Any) -> Any:
        """Break up special tokens that a text spells out: a question or a response must not forge a turn."""
        if isinstance(content, str):
            return self._specials.sub(lambda match: f"{match[0][0]} {match[0][1:]}", content)
        return [{**part, "text": self._defuse(part["text"])} if part["type"] == "text" else part for part in content]

    def _features(self, images: Sequence[Processed], videos: Sequence[Processed], model: Any) -> dict[str, Any]:
        """Run the vision tower, once, on all distinct pictures and videos and hand features to every occurrence."""
        unique = list({id(one): one for one in (*images, *videos)}.values())
        features = self.kept.features(unique, model.model.get_image_features, model)
        order = {id(one): number for number, one in enumerate(unique)}
        return {
            name: features.of([order[id(one)] for one in media])
            for name, media in (("image", images), ("video", videos))
            if media
        }


def kinds_argument(model: Any) -> str | None:
    """Return what the inner model calls the argument that tells pictures from text, where its attention asks for it."""
    taken = inspect.signature(model.model.forward).parameters
    return next((name for name in KINDS if name in taken), None)
