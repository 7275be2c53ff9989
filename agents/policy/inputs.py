"""Prompts as model inputs: chat template, pictures, M-RoPE positions; each distinct picture is processed once."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from agents.episodes import Prompt
from rlsd_env.task import Image

PICTURE_BYTES = 512 * 2**20
"""Memory for processed pictures; the least recently used go first."""
_Key = tuple[int, tuple[int, ...], tuple[int, ...]]
VISION_TOKENS = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")


@dataclass(frozen=True)
class EncodedPrompts:
    """P prompts, padded on the left to L tokens.

    Attributes:
        model_inputs: keyword arguments for the inner model's forward.
        next_position_P: the position of the first response token, [P].

    """

    model_inputs: dict[str, Any]
    next_position_P: Tensor


class PromptEncoder:
    """Turns prompts into the inputs of a transformers model.

    Args:
        processor: a Qwen-VL processor, or a tokenizer for text-only models.
        config: the model's configuration; its vision token ids are used as they stand.

    """

    def __init__(self, processor: Any, config: Any) -> None:
        self.processor = processor
        self.tokenizer = getattr(processor, "tokenizer", processor)
        self.config = config
        self.image_id: int | None = getattr(config, "image_token_id", None)
        self.vision_ids = [getattr(config, name) for name in VISION_TOKENS if getattr(config, name, None) is not None]
        pad = self.tokenizer.pad_token_id
        self.pad_id: int = self.tokenizer.eos_token_id if pad is None else pad
        self.three_axes = self.image_id is not None
        self._pictures: OrderedDict[_Key, tuple[Image, Tensor, Tensor]] = OrderedDict()
        self._picture_bytes = 0
        self._ids: WeakKeyDictionary[Prompt, list[int]] = WeakKeyDictionary()
        specials = sorted(map(re.escape, self.tokenizer.all_special_tokens), key=len, reverse=True)
        self._specials = re.compile("|".join(specials) or r"(?!)")

    def encode(self, prompts: Sequence[Prompt], model: Any) -> EncodedPrompts:
        """Build the inputs of `model`; its vision tower runs once per distinct picture of the call.

        Raises:
            ValueError: a prompt has pictures and the model reads none.

        """
        device = model.device
        images = [image for prompt in prompts for image in prompt.images]
        unique = list({_key(image): image for image in images}.values())
        pictures = self._process(unique)
        grids = {_key(image): grid for image, (_, grid) in zip(unique, pictures)}
        ids = [self.token_ids(prompt) for prompt in prompts]

        longest = max(len(row) for row in ids)
        ids_PL = torch.tensor([[self.pad_id] * (longest - len(row)) + row for row in ids], device=device)
        mask_PL = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in ids], device=device)
        inputs: dict[str, Any] = {"input_ids": ids_PL, "attention_mask": mask_PL}
        if not images:
            position_PL = (mask_PL.cumsum(-1) - 1).clamp(min=0)
            next_position_P = position_PL[:, -1] + 1
            inputs["position_ids"] = position_PL[None].expand(3, -1, -1) if self.three_axes else position_PL
            return EncodedPrompts(inputs, next_position_P)

        order = {key: number for number, key in enumerate(grids)}
        occurrences = [order[_key(image)] for image in images]
        features = model.model.get_image_features(
            torch.cat([pixels for pixels, _ in pictures]).to(device),
            torch.stack([grid for _, grid in pictures]).to(device),
            return_dict=True,
        )
        features.pooler_output = tuple(features.pooler_output[number] for number in occurrences)
        deepstack = getattr(features, "deepstack_features", None)
        if deepstack is not None:
            features.deepstack_features = [tuple(level[number] for number in occurrences) for level in deepstack]
        positions_3PL, _ = model.model.get_rope_index(
            input_ids=ids_PL,
            mm_token_type_ids=torch.eq(ids_PL, self.image_id or 0).int(),
            image_grid_thw=torch.stack([grids[_key(image)] for image in images]).to(device),
            attention_mask=mask_PL,
        )
        inputs |= {"position_ids": positions_3PL, "mm_encoder_outputs": {"image": features}}
        return EncodedPrompts(inputs, positions_3PL.amax(dim=(0, 2)) + 1)

    def token_ids(self, prompt: Prompt) -> list[int]:
        """Return the token ids that a prompt is run as, picture tokens expanded."""
        if prompt not in self._ids:
            self._ids[prompt] = self._tokenise(prompt, [grid for _, grid in self._process(list(prompt.images))])
        return self._ids[prompt]

    def _tokenise(self, prompt: Prompt, grids: Sequence[Tensor]) -> list[int]:
        messages = [{**message, "content": self._defuse(message["content"])} for message in prompt.messages]
        text = self.processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        if self.image_id is None:
            return ids
        if ids.count(self.image_id) != len(grids):
            raise ValueError(
                f"the rendered prompt has {ids.count(self.image_id)} picture tokens for {len(grids)} pictures; "
                "the chat template must write one for each"
            )
        merge = self.processor.image_processor.merge_size**2
        counts = iter([int(grid.prod()) // merge for grid in grids])
        return [token for id in ids for token in ([id] * next(counts) if id == self.image_id else [id])]

    def _defuse(self, content: Any) -> Any:
        """Break up special tokens that a text spells out: a question or a response must not forge a turn."""
        if isinstance(content, str):
            return self._specials.sub(lambda match: f"{match[0][0]} {match[0][1:]}", content)
        return [{**part, "text": self._defuse(part["text"])} if part["type"] == "text" else part for part in content]

    def _process(self, images: Sequence[Image]) -> list[tuple[Tensor, Tensor]]:
        """Return (pixel patches, grid) of each picture; the latest stay in memory, known by their pixels' address."""
        if images and self.image_id is None:
            raise ValueError("the prompt has pictures; this model reads text only")
        found = {}
        for image in images:
            if (key := _key(image)) in self._pictures:
                self._pictures.move_to_end(key)
                found[key] = self._pictures[key]
        new = list({_key(image): image for image in images if _key(image) not in found}.values())
        if new:
            # Copies: the arrays are read-only, which torch warns of.
            output = self.processor.image_processor(images=[image.copy() for image in new], return_tensors="pt")
            sizes = output["image_grid_thw"].prod(-1).tolist()
            for image, pixels, grid in zip(new, output["pixel_values"].split(sizes), output["image_grid_thw"]):
                found[_key(image)] = (image, pixels, grid)
                if not image.flags.writeable:  # a picture that may change is not remembered
                    self._pictures[_key(image)] = (image, pixels, grid)
                    self._picture_bytes += pixels.nbytes
        while self._picture_bytes > PICTURE_BYTES:
            _, (_, pixels, _) = self._pictures.popitem(last=False)
            self._picture_bytes -= pixels.nbytes
        return [found[_key(image)][1:] for image in images]


def _key(image: Image) -> _Key:
    """Identify a picture by where its pixels lie; the cache holds the array, so the address stays taken."""
    return image.__array_interface__["data"][0], image.shape, image.strides
