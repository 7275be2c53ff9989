"""Prompts as model inputs: chat template, pictures and videos, M-RoPE positions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from agents.episodes import Prompt
from agents.policy.media import MediaProcessor, Processed
from agents.policy.vision_cache import FeatureCache

VISION_TOKENS = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
BLANK = 64
"""Side of the picture that stands in where there is none."""
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
        processor: a Qwen-VL processor, or a tokenizer for text-only models.
        config: the model's configuration; its vision token ids are used as they stand.

    """

    def __init__(self, processor: Any, config: Any) -> None:
        self.processor = processor
        self.tokenizer = getattr(processor, "tokenizer", processor)
        self.media = MediaProcessor(processor, config)
        self.image_id: int | None = getattr(config, "image_token_id", None)
        self.video_id: int | None = getattr(config, "video_token_id", None)
        self.vision_ids = [getattr(config, name) for name in VISION_TOKENS if getattr(config, name, None) is not None]
        pad = self.tokenizer.pad_token_id
        self.pad_id: int = self.tokenizer.eos_token_id if pad is None else pad
        self.three_axes = self.image_id is not None
        self.kept = FeatureCache()
        self.keeps_step = False
        """Whether the vision tower is run in every call, since its weights are sharded over processes."""
        self._ids: WeakKeyDictionary[Prompt, list[int]] = WeakKeyDictionary()
        specials = sorted(map(re.escape, self.tokenizer.all_special_tokens), key=len, reverse=True)
        self._specials = re.compile("|".join(["[\ue000\ue001]", *specials]))
        tokens = {name: re.escape(getattr(processor, f"{name}_token", "") or "") for name in ("image", "video")}
        self._media_tokens = re.compile("|".join(f"(?P<{name}>{token})" for name, token in tokens.items() if token))

    def encode(self, prompts: Sequence[Prompt], model: Any) -> EncodedPrompts:
        """Build the inputs of `model`; its vision tower runs once per distinct picture and video of the call.

        Raises:
            ValueError: a prompt has pictures or videos and the model reads none.

        """
        device = model.device
        images = self.media.images([image for prompt in prompts for image in prompt.images])
        videos = self.media.videos([video for prompt in prompts for video in prompt.videos])
        ids = [self.token_ids(prompt) for prompt in prompts]

        longest = max(len(row) for row in ids)
        ids_PL = torch.tensor([[self.pad_id] * (longest - len(row)) + row for row in ids], device=device)
        mask_PL = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in ids], device=device)
        inputs: dict[str, Any] = {"input_ids": ids_PL, "attention_mask": mask_PL}
        if not images and not videos:
            position_PL = (mask_PL.cumsum(-1) - 1).clamp(min=0)
            next_position_P = position_PL[:, -1] + 1
            inputs["position_ids"] = position_PL[None].expand(3, -1, -1) if self.three_axes else position_PL
            idle = self._run_idly(model) if self.keeps_step and self.three_axes else None
            return EncodedPrompts(inputs, next_position_P, idle)

        kinds_PL = torch.eq(ids_PL, self.image_id or 0).int()
        if videos:
            kinds_PL = kinds_PL + 2 * torch.eq(ids_PL, self.video_id or 0).int()
        grids = {
            f"{name}_grid_thw": torch.stack([one.grid for one in media]).to(device)
            for name, media in (("image", images), ("video", videos))
            if media
        }
        positions_3PL, _ = model.model.get_rope_index(
            input_ids=ids_PL, mm_token_type_ids=kinds_PL, attention_mask=mask_PL, **grids
        )
        features = self._features(images, videos, model)
        inputs |= {"position_ids": positions_3PL, "mm_encoder_outputs": features}
        return EncodedPrompts(inputs, positions_3PL.amax(dim=(0, 2)) + 1)

    def _run_idly(self, model: Any) -> Tensor:
        """Run the vision tower on nothing much, as the other processes that share its shards run it."""
        blank = np.zeros((BLANK, BLANK, 3), np.uint8)
        features = self.kept.features(self.media.images([blank]), model.model.get_image_features, model)
        levels = [embedding for level in features.deepstack or () for embedding in level]
        return sum((embedding.sum() for embedding in (*features.embeddings, *levels)), torch.tensor(0.0)) * 0.0

    def token_ids(self, prompt: Prompt) -> list[int]:
        """Return the token ids that a prompt is run as, vision tokens expanded.

        What the policy said in earlier turns are the very tokens that it sampled.
        """
        if prompt not in self._ids:
            self._ids[prompt] = self._tokenise(prompt)
        return self._ids[prompt]

    def text_ids(self, text: str) -> list[int]:
        """Return the token ids that a text of a message is written as, by itself."""
        return self._tokens(self._defuse(text))

    def _tokenise(self, prompt: Prompt) -> list[int]:
        sampled: list[Sequence[int]] = []
        messages = []
        for message in prompt.messages:
            if (ids := message.get("token_ids")) is None:
                messages.append({**message, "content": self._defuse(message["content"])})
            else:
                messages.append({"role": message["role"], "content": f"\ue000{len(sampled)}\ue001"})
                sampled.append(ids)
        text = self.processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        if self.three_axes:
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
