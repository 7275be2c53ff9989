"""`NumericView`: a text environment seen through a picture of fixed size, and answered with numbers.

The text environment inside chooses the task and its verifier judges the answer, so that a view has the same tasks,
seeds and rewards as the language agents' environment.
"""

from __future__ import annotations

from typing import Any, TypeVar

import gymnasium
import numpy as np
from gymnasium import spaces
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

from rlsd_env.env import ReasoningEnv
from rlsd_env.errors import ConfigurationError
from rlsd_env.task import IMAGE_PLACEHOLDER, Image, Task
from rlsd_env.views.answers import answers

LETTER_WIDTH, LETTER_HEIGHT = 6, 11
QUESTION_LETTERS = 80
"""Room for the longest question, so that all pictures are of one size."""

Observed = TypeVar("Observed")


class NumericView(gymnasium.Env[Observed, np.int64]):
    """What the views share.

    Args:
        text_env: the id of the text environment.
        render_mode: None, "ansi" or "rgb_array", as for the text environment.
        options: arguments of the text environment, e.g. `fold`, `difficulty`, `cell`.

    Attributes:
        text: the text environment.
        largest: the largest answer that a task can have; the smallest is 0.
        picture_space: the space of the pictures, uint8 height x width x 3.

    Raises:
        ConfigurationError: the environment is no reasoning environment of single turns, or its answers are no
            whole numbers within known bounds.

    """

    metadata = ReasoningEnv.metadata

    def __init__(self, text_env: str, *, render_mode: str | None = None, **options: Any) -> None:
        made = gymnasium.make(text_env, render_mode=render_mode, disable_env_checker=True, **options).unwrapped
        if not isinstance(made, ReasoningEnv):
            raise ConfigurationError(f"text_env {text_env!r} is not a reasoning environment; see rlsd_env.register")
        if made.desk.config.max_turns != 1:
            raise ConfigurationError(
                f"max_turns is {made.desk.config.max_turns}; a numeric view answers once, so it must be 1"
            )
        if made.desk.config.feedback != "none":
            raise ConfigurationError(
                f"feedback is {made.desk.config.feedback!r}; a numeric view shows none, so it must be 'none'"
            )
        self.text = made
        self.render_mode = render_mode
        facts = answers(made.desk.source)
        self.largest = facts.largest
        self._shows_question = facts.question_varies
        self._picture = self._draw(made.desk.source.item(0).task)
        self.picture_space = spaces.Box(0, 255, self._picture.shape, np.uint8)

    def _begin(self, seed: int | None, options: dict[str, Any] | None) -> dict[str, Any]:
        """Begin a task, draw it and return its info."""
        super().reset(seed=seed)
        _, info = self.text.reset(seed=seed, options=options)
        source = self.text.desk.source
        self._picture = self._draw(source.item(source.index_of(info["task_id"])).task)
        if self._picture.shape != self.picture_space.shape:
            raise ConfigurationError(
                f"the picture of task {info['task_id']!r} is {self._picture.shape}, others {self.picture_space.shape}; "
                "a numeric view takes families whose pictures are all of one size"
            )
        return info

    def _draw(self, task: Task) -> Image:
        (picture,) = task.images
        return np.concatenate([picture, question_strip(task, picture.shape[1])]) if self._shows_question else picture

    def _answer(self, text: str) -> tuple[float, dict[str, Any]]:
        """Hand the answer to the text environment's verifier; return reward and info."""
        _, reward, _, _, info = self.text.step(text)
        return float(reward), info

    def _require(self, action: object) -> int:
        if not self.action_space.contains(action):
            raise ValueError(f"action {action!r} is not in {self.action_space}")
        return int(action)  # type: ignore[call-overload]

    def render(self) -> Any:
        """Show the episode as the text environment does."""
        return self.text.render()

    def close(self) -> None:
        """Close the text environment."""
        self.text.close()


def question_strip(task: Task, width: int) -> Image:
    """Write a task's question on a white strip, letter by letter on a grid; equal widths give equal sizes.

    Args:
        task: the public part of a task.
        width: pixels.

    Returns:
        uint8 height x width x 3.

    Raises:
        ConfigurationError: the question is longer than `QUESTION_LETTERS`.

    """
    question = task.question.replace(IMAGE_PLACEHOLDER, "")
    if len(question) > QUESTION_LETTERS:
        raise ConfigurationError(
            f"the question of task {task.id!r} has {len(question)} letters; a numeric view has room for "
            f"{QUESTION_LETTERS}"
        )
    columns = max(1, width // LETTER_WIDTH)
    rows = -(-QUESTION_LETTERS // columns)
    strip = PILImage.new("RGB", (width, rows * LETTER_HEIGHT), "white")
    draw, font = ImageDraw.Draw(strip), ImageFont.load_default(size=LETTER_HEIGHT - 1)
    for number, letter in enumerate(question):
        row, column = divmod(number, columns)
        centre = ((column + 0.5) * LETTER_WIDTH, (row + 0.5) * LETTER_HEIGHT)
        draw.text(centre, letter, fill="black", font=font, anchor="mm")
    return np.asarray(strip).copy()
