"""Pictures and videos as a model's inputs; each is processed once and remembered within a bound."""

from __future__ import annotations

import dataclasses
import functools
import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers.video_utils import VideoMetadata

from agents.episodes import Fit
from agents.policy.padding import padded
from rlsd_env.errors import ConfigurationError
from rlsd_env.task import Image, Video

MOST_BYTES = 512 * 2**20
"""Memory for what was processed; the least recently used go first."""
VIDEO_MODELS = ("qwen3_vl", "qwen3_vl_moe")
GRID = "image_grid_thw"
"""What the families that read patches call the numbers of them in time, height and width."""
COMPANY = "batch_num_images"
"""What families call the number of pictures in a prompt, where pictures are read otherwise in company."""
AXES = "channels_last"
"""Where a picture's colours are; transformers would guess it, wrongly of one that is as narrow as it has colours."""
BLANK = 64
"""Side of the picture that stands in where there is none."""
OF_TEXT = ("input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids")
"""What a processor returns of the text that a picture stands in."""


@dataclass(frozen=True, eq=False)
class Processed:
    """A picture or video as the vision tower reads it.

    Attributes:
        inputs: the tower's arguments by name; those of several of one `kind` may lie end to end along the first axis.
        placeholder: what stands in the prompt where the chat template writes one vision token.
        tokens: tokens of the placeholder that the tower's features stand for, one each.
        instead: the picture that was processed in the place of one that is refused; None: it is the picture itself.
        fit: what became of it.

    """

    inputs: Mapping[str, Tensor]
    placeholder: str
    tokens: int
    instead: Image | None = None
    fit: Fit = Fit.TAKEN

    @property
    def pixels(self) -> Tensor:
        """Patches of the families that read patches, [number of patches, values of each]."""
        return self.inputs["pixel_values"]

    @property
    def grid(self) -> Tensor:
        """Patches in time, height and width, [3], of those families."""
        return self.inputs[GRID][0]

    @property
    def kind(self) -> Hashable:
        """What is equal where the tower can read them in one call."""
        company = self.inputs[COMPANY].tolist() if COMPANY in self.inputs else None
        return str(company), *((name, value.shape[1:]) for name, value in self.inputs.items())

    @property
    def nbytes(self) -> int:
        """Memory of the tensors."""
        return sum(value.nbytes for value in self.inputs.values())


class MediaProcessor:
    """Runs a processor's picture and video parts; threads may share it.

    Args:
        processor: a processor of transformers, or a tokenizer for text-only models.
        config: the model's configuration.
        pictures: what becomes of a picture that the processor refuses, see `agents.options.model.ModelOptions`.

    """

    def __init__(self, processor: Any, config: Any, pictures: str = "stop") -> None:
        self.processor = processor
        self.pictures = pictures
        self.sees = getattr(config, "image_token_id", None) is not None
        self.model_type = config.model_type
        named = getattr(getattr(processor, "image_processor", None), "model_input_names", ())
        self._grids, self._by_company = GRID in named, COMPANY in named
        if self.sees:
            self._image_token = processor.tokenizer.convert_ids_to_tokens(config.image_token_id)
        self._lock = threading.RLock()  # one at a time: two would process the same picture twice
        self._done: OrderedDict[Hashable, tuple[NDArray[np.uint8], Processed]] = OrderedDict()
        self._bytes = 0

    def images(self, images: Sequence[Image]) -> list[Processed]:
        """Process the pictures of a prompt; see `images_of`."""
        return self.images_of([images])[0]

    def images_of(self, prompts: Sequence[Sequence[Image]]) -> list[list[Processed]]:
        """Process the pictures of several prompts, those that are not remembered in as few calls as can be.

        Raises:
            ValueError: the model reads text only.
            ConfigurationError: its processor refuses a picture, and such pictures are to stop a run, or no border
                makes it take any.

        """
        if not any(map(len, prompts)):
            return [[] for _ in prompts]
        if not self.sees:
            raise ValueError("the prompt has pictures; this model reads text only")
        with self._lock:
            return self._images(prompts)

    def _images(self, prompts: Sequence[Sequence[Image]]) -> list[list[Processed]]:
        keys = [[self._key(image, place, len(images)) for place, image in enumerate(images)] for images in prompts]
        wanted = {key: image for row, images in zip(keys, prompts) for key, image in zip(row, images)}
        found = {key: self._recall(key) for key in wanted}
        new = {key: image for key, image in wanted.items() if found[key] is None}
        if new:
            made = self._made(new)
            found |= {key: self._remember(key, image, one) for (key, image), one in zip(new.items(), made)}
        return [[one for key in row if (one := found[key]) is not None] for row in keys]

    def _made(self, new: Mapping[tuple[Any, ...], Image]) -> list[Processed]:
        if self.pictures == "stop":
            return self._read(new)
        try:
            return self._read(new)
        except ConfigurationError:
            if len(new) > 1:
                return [one for key, image in new.items() for one in self._made({key: image})]
        ((key, image),) = new.items()

        def takes(shown: Image) -> bool:
            try:
                self._read({key: shown})
            except ConfigurationError:
                return False
            return True

        found, fit = padded(image, takes) if self.pictures == "pad" else None, Fit.PADDED
        if found is None:
            found, fit = blank(), Fit.LEFT_OUT
        (made,) = self._read({key: found})
        return [dataclasses.replace(made, instead=found, fit=fit)]

    def _read(self, new: Mapping[tuple[Any, ...], Image]) -> list[Processed]:
        """Process pictures as they are; an error is of one picture and has one line."""
        try:
            return self._patches(list(new.values())) if self._grids else [self._alone(*one) for one in new.items()]
        except (ValueError, ZeroDivisionError, RuntimeError) as error:
            if len(new) > 1:  # which of them it is
                return [one for key, image in new.items() for one in self._read({key: image})]
            ((height, width, _),) = (image.shape for image in new.values())
            raise ConfigurationError(
                f"{type(self.processor).__name__} refuses a picture of {width} x {height} pixels "
                f"({' '.join(str(error).split())[:200]}); pad the picture, or leave its task out (--pictures pad, skip)"
            ) from error

    def refusal(self, image: Image) -> str:
        """Say why the model does not take a picture as it is; "" where it does."""
        if not self.sees:
            return "this model reads text only"
        try:
            with self._lock:
                self._read({self._key(image): image})
        except ConfigurationError as error:
            return str(error)
        return ""

    def fit(self, images: Sequence[Image]) -> Fit:
        """Say what becomes of the pictures of a prompt, the worst of it."""
        found = {one.fit for one in self.images(images)}
        return max(found, key=list(Fit).index, default=Fit.TAKEN)

    def _key(self, image: Image, place: int = 0, count: int = 1) -> tuple[Any, ...]:
        """Identify a picture with what else decides how it is read: company, and its place among `count`."""
        numbered = place > 0 and self._numbers
        return *identity(image), count > 1 and self._by_company, place if numbered else 0

    @functools.cached_property
    def _numbers(self) -> bool:
        """Whether what is written for a picture has its place in the prompt in it, as in MiniCPM-V."""
        if self._grids:
            return False
        first, second = self._shown([blank()] * 2)[1]
        return first != second

    def _patches(self, images: Sequence[Image]) -> list[Processed]:
        """Process pictures that become lists of patches, all in one call."""
        # Copies: the arrays are read-only, which torch warns of.
        shown = [image.copy() for image in images]
        output = self.processor.image_processor(images=shown, return_tensors="pt", input_data_format=AXES)
        counts = output[GRID].prod(-1).tolist()
        parts = {
            name: value.split(counts if name == "pixel_values" else 1)
            for name, value in output.items()
            if isinstance(value, Tensor)
        }
        written = [self.processor.replace_image_token(output, number) for number in range(len(images))]
        return [
            Processed({name: part[number] for name, part in parts.items()}, text, text.count(self._image_token))
            for number, text in enumerate(written)
        ]

    def _alone(self, key: tuple[Any, ...], image: Image) -> Processed:
        """Process a picture by itself, as the processor would in a prompt of its own or in company."""
        *_, company, place = key
        output, (written, *_) = self._shown([image] * (1 + company))
        if place:
            written = self._shown([image] * (1 + place))[1][place]
        # A second one is there for company alone; what the processor says of the company is kept.
        inputs = {
            name: value[:1] if company else value
            for name, value in output.items()
            if isinstance(value, Tensor) and name not in OF_TEXT
        }
        return Processed(inputs, written, written.count(self._image_token))

    def _shown(self, images: Sequence[Image]) -> tuple[Any, list[str]]:
        """Run the processor on pictures alone: what it makes of them, and what it writes for each."""
        output = self.processor(
            text=[self.processor.image_token * len(images)],
            images=[[image.copy() for image in images]],
            return_tensors="pt",
            return_text_replacement_offsets=True,
            add_special_tokens=False,
            input_data_format=AXES,
        )
        if "text_replacement_offsets" in output:
            (offsets,) = output.pop("text_replacement_offsets")
            return output, [one["replacement"] for one in offsets]
        # Some older processors do not say what they write (Gemma 3n): it is read, in pieces of one length.
        ids, tokenizer = output["input_ids"][0].tolist(), self.processor.tokenizer
        text = tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        size, rest = divmod(len(text), len(images))
        if rest or tokenizer(text, add_special_tokens=False)["input_ids"] != ids:
            raise TypeError(f"{type(self.processor).__name__} does not say what it writes for a picture")
        return output, [text[start : start + size] for start in range(0, len(text), size)]

    def videos(self, videos: Sequence[Video]) -> list[Processed]:
        """Process videos, all frames of each, with the times at which they are seen.

        Raises:
            ValueError: the model reads no videos, or a video has fewer frames than the model joins into one.

        """
        if videos and self.model_type not in VIDEO_MODELS:
            raise ValueError(
                f"the prompt has videos; {self.model_type} models do not read them here, {VIDEO_MODELS} do"
            )
        with self._lock:
            return [self._video(video) for video in videos]

    @property
    def video_options(self) -> dict[str, Any]:
        """How the video processor is called, beside the checkpoint's own options."""
        capped = self.processor.video_processor.cap_pixels_per_frame
        # Without an answer of the checkpoint's own, pixels per frame are capped as the reference implementation does.
        return {"cap_pixels_per_frame": True if capped is None else capped}

    def _video(self, video: Video) -> Processed:
        key = (*identity(video.frames), video.fps)
        if (known := self._recall(key)) is not None:
            return known
        part = self.processor.video_processor
        count = len(video.frames)
        if count < part.temporal_patch_size:
            raise ValueError(
                f"a video has {count} frame; the model joins {part.temporal_patch_size}, so give that many"
            )
        metadata = VideoMetadata(total_num_frames=count, fps=video.fps, frames_indices=list(range(count)))
        output = part(
            videos=[torch.from_numpy(video.frames.copy()).permute(0, 3, 1, 2)],
            video_metadata=[metadata],
            do_sample_frames=False,
            **self.video_options,
            return_metadata=True,
            return_tensors="pt",
        )
        placeholder = self.processor.replace_video_token(output, 0)
        inputs = {"pixel_values": output["pixel_values_videos"], GRID: output["video_grid_thw"]}
        done = Processed(inputs, placeholder, placeholder.count(self.processor.video_token))
        return self._remember(key, video.frames, done)

    def _recall(self, key: Hashable) -> Processed | None:
        if key not in self._done:
            return None
        self._done.move_to_end(key)
        return self._done[key][1]

    def _remember(self, key: Hashable, array: NDArray[np.uint8], done: Processed) -> Processed:
        if array.flags.writeable:  # what may change is not remembered
            return done
        self._done[key] = (array, done)
        self._bytes += done.nbytes
        while self._bytes > MOST_BYTES:
            _, (_, oldest) = self._done.popitem(last=False)
            self._bytes -= oldest.nbytes
        return done


def identity(array: NDArray[np.uint8]) -> tuple[Any, ...]:
    """Identify pixels by where they lie; what remembers them holds the array, so the address stays taken."""
    return array.__array_interface__["data"][0], array.shape, array.strides


def blank() -> Image:
    """Return a picture of nothing, which every processor takes."""
    return np.zeros((BLANK, BLANK, 3), np.uint8)
