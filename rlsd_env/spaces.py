"""Spaces that real questions and pictures fit into; Gymnasium's own `Text` rejects most characters."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from gymnasium.vector.utils import batch_space

from rlsd_env.errors import ConfigurationError
from rlsd_env.task import Image, Video

MOST_SIDE = 16384
"""Pixels of a picture's longer side, at most."""


class UnicodeText(spaces.Text):
    """Any string of at most `max_length` characters, whatever its script.

    `sample` draws from `spaces.Text`'s default characters: enough for checkers, which must not need a
    table of all of Unicode.
    """

    def __init__(self, max_length: int = 2**20, seed: int | np.random.Generator | None = None) -> None:
        super().__init__(max_length=max_length, min_length=0, seed=seed)

    def sample(self, mask: Any = None, probability: Any = None) -> str:
        """Draw a string of at most 256 characters."""
        if mask is None and probability is None:
            mask = (int(self.np_random.integers(0, min(256, self.max_length) + 1)), None)
        return super().sample(mask=mask, probability=probability)

    def contains(self, x: Any) -> bool:
        """Tell whether `x` is a string that is short enough."""
        return isinstance(x, str) and len(x) <= self.max_length

    def __repr__(self) -> str:
        return f"UnicodeText(max_length={self.max_length})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UnicodeText) and self.max_length == other.max_length


@batch_space.register(UnicodeText)
def _without_autoreset(space: UnicodeText, n: int = 1) -> spaces.Tuple:
    """Batch the space for a vector environment of Gymnasium's own, unless that resets by itself.

    What resets by itself after an episode of one step throws every second completion away, or hands out the next
    task's info beside the last one's reward. `gymnasium.make_vec` does not say how it makes environments, so the
    vector environment that asks is looked for among the callers.

    Raises:
        ConfigurationError: it resets by itself.

    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not isinstance(frame.f_locals.get("self"), SyncVectorEnv | AsyncVectorEnv):
        frame = frame.f_back
    vector = frame.f_locals["self"] if frame is not None else None
    if vector is not None and vector.autoreset_mode is not AutoresetMode.DISABLED:
        raise ConfigurationError(
            f"{type(vector).__name__} resets by itself, which throws every second completion of a "
            "one-step episode away; make groups with gymnasium.make_vec(id, num_envs=B*G, group_size=G), without a "
            "vectorization_mode, or turn it off with autoreset_mode=AutoresetMode.DISABLED"
        )
    return spaces.Tuple((space,) * n)


class RGBImage(spaces.Space[Image]):
    """A picture of any size: uint8, height x width x 3, at most `max_side` pixels on each side."""

    def __init__(self, max_side: int = MOST_SIDE, seed: int | np.random.Generator | None = None) -> None:
        self.max_side = max_side
        super().__init__(shape=None, dtype=np.uint8, seed=seed)

    @property
    def is_np_flattenable(self) -> bool:
        """False: pictures differ in size."""
        return False

    def sample(self, mask: Any = None, probability: Any = None) -> Image:
        """Draw a small noise picture."""
        if mask is not None or probability is not None:
            raise ValueError("RGBImage.sample takes neither a mask nor a probability")
        height, width = self.np_random.integers(1, min(32, self.max_side) + 1, size=2)
        return self.np_random.integers(0, 256, size=(height, width, 3), dtype=np.uint8)

    def contains(self, x: Any) -> bool:
        """Tell whether `x` is an RGB picture within the size limit."""
        return (
            isinstance(x, np.ndarray)
            and x.dtype == np.uint8
            and x.ndim == 3
            and x.shape[2] == 3
            and 0 < max(x.shape[:2]) <= self.max_side
            and min(x.shape[:2]) > 0
        )

    def to_jsonable(self, sample_n: Any) -> list[Any]:
        """Turn pictures into nested lists."""
        return [image.tolist() for image in sample_n]

    def from_jsonable(self, sample_n: list[Any]) -> list[Image]:
        """Turn nested lists back into pictures."""
        return [np.asarray(image, dtype=np.uint8) for image in sample_n]

    def __repr__(self) -> str:
        return f"RGBImage(max_side={self.max_side})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RGBImage) and self.max_side == other.max_side


class VideoClip(spaces.Space[Video]):
    """A `Video` of any length, size and rate, at most `max_side` pixels on each side."""

    def __init__(self, max_side: int = MOST_SIDE, seed: int | np.random.Generator | None = None) -> None:
        self.max_side = max_side
        super().__init__(shape=None, dtype=None, seed=seed)

    @property
    def is_np_flattenable(self) -> bool:
        """False: videos differ in size."""
        return False

    def sample(self, mask: Any = None, probability: Any = None) -> Video:
        """Draw a short clip of noise."""
        if mask is not None or probability is not None:
            raise ValueError("VideoClip.sample takes neither a mask nor a probability")
        count, height, width = self.np_random.integers(1, min(16, self.max_side) + 1, size=3)
        frames = self.np_random.integers(0, 256, size=(count, height, width, 3), dtype=np.uint8)
        return Video(frames, fps=float(self.np_random.integers(1, 31)))

    def contains(self, x: Any) -> bool:
        """Tell whether `x` is a video within the size limit."""
        return isinstance(x, Video) and max(x.frames.shape[1:3]) <= self.max_side

    def to_jsonable(self, sample_n: Any) -> list[Any]:
        """Turn videos into dictionaries of nested lists."""
        return [{"frames": video.frames.tolist(), "fps": video.fps} for video in sample_n]

    def from_jsonable(self, sample_n: list[Any]) -> list[Video]:
        """Turn dictionaries back into videos."""
        return [Video(np.asarray(value["frames"], dtype=np.uint8), value["fps"]) for value in sample_n]

    def __repr__(self) -> str:
        return f"VideoClip(max_side={self.max_side})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VideoClip) and self.max_side == other.max_side
