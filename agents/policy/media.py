"""Pictures and videos as a model's inputs; each is processed once and remembered within a bound."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers.video_utils import VideoMetadata

from rlsd_env.task import Image, Video

MOST_BYTES = 512 * 2**20
"""Memory for what was processed; the least recently used go first."""
VIDEO_MODELS = ("qwen3_vl", "qwen3_vl_moe")


@dataclass(frozen=True, eq=False)
class Processed:
    """A picture or video as the vision tower reads it.

    Attributes:
        pixels: patches, [number of patches, values of each].
        grid: patches in time, height and width, [3].
        placeholder: what stands in the prompt where the chat template writes one vision token.

    """

    pixels: Tensor
    grid: Tensor
    placeholder: str


class MediaProcessor:
    """Runs a processor's picture and video parts; threads may share it.

    Args:
        processor: a Qwen-VL processor, or a tokenizer for text-only models.
        config: the model's configuration.

    """

    def __init__(self, processor: Any, config: Any) -> None:
        self.processor = processor
        self.sees = getattr(config, "image_token_id", None) is not None
        self.model_type = config.model_type
        self._lock = threading.RLock()  # one at a time: two would process the same picture twice
        self._done: OrderedDict[Hashable, tuple[NDArray[np.uint8], Processed]] = OrderedDict()
        self._bytes = 0

    def images(self, images: Sequence[Image]) -> list[Processed]:
        """Process pictures, those that are not remembered in one call.

        Raises:
            ValueError: the model reads text only.

        """
        if not images:
            return []
        if not self.sees:
            raise ValueError("the prompt has pictures; this model reads text only")
        with self._lock:
            return self._images(images)

    def _images(self, images: Sequence[Image]) -> list[Processed]:
        found = {identity(image): self._recall(identity(image)) for image in images}
        new = list({identity(image): image for image in images if found[identity(image)] is None}.values())
        if new:
            part = self.processor.image_processor
            # Copies: the arrays are read-only, which torch warns of.
            output = part(images=[image.copy() for image in new], return_tensors="pt")
            grids = output["image_grid_thw"]
            for image, pixels, grid in zip(new, output["pixel_values"].split(grids.prod(-1).tolist()), grids):
                placeholder = self.processor.image_token * (int(grid.prod()) // part.merge_size**2)
                found[identity(image)] = self._remember(identity(image), image, Processed(pixels, grid, placeholder))
        return [done for image in images if (done := found[identity(image)]) is not None]

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
        # Without an answer of the checkpoint's own, pixels per frame are capped as the reference implementation does.
        capped = True if part.cap_pixels_per_frame is None else part.cap_pixels_per_frame
        output = part(
            videos=[torch.from_numpy(video.frames.copy()).permute(0, 3, 1, 2)],
            video_metadata=[metadata],
            do_sample_frames=False,
            cap_pixels_per_frame=capped,
            return_metadata=True,
            return_tensors="pt",
        )
        placeholder = self.processor.replace_video_token(output, 0)
        done = Processed(output["pixel_values_videos"], output["video_grid_thw"][0], placeholder)
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
        self._bytes += done.pixels.nbytes
        while self._bytes > MOST_BYTES:
            _, (_, oldest) = self._done.popitem(last=False)
            self._bytes -= oldest.pixels.nbytes
        return done


def identity(array: NDArray[np.uint8]) -> tuple[Any, ...]:
    """Identify pixels by where they lie; what remembers them holds the array, so the address stays taken."""
    return array.__array_interface__["data"][0], array.shape, array.strides
