"""`ReasoningEnv`: one task at a time as a `gymnasium.Env`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
from gymnasium import spaces
from gymnasium.error import ResetNeeded

from rlsd_env.core import Desk, Observation, observation_space
from rlsd_env.sources import TaskSource
from rlsd_env.spaces import UnicodeText
from rlsd_env.task import Item, Privileged
from verifiers import Verdict, Verifier


class ReasoningEnv(gymnasium.Env[Observation, str]):
    """A reasoning task with pictures: read, answer in text, be verified.

    ## Description
    Each episode is one task of a `TaskSource`. The source's class docstring describes its tasks.

    ## Action Space
    `UnicodeText`: the raw completion. Token ids and log-probabilities belong to the trajectory, not here.

    ## Observation Space
    `Dict`: `question` (the prompt, one `<image>` per picture), `images` (a tuple of uint8 H x W x 3 arrays),
    `choices` (a tuple of strings), `feedback` (text, "" on the first turn), `turn`.

    ## Rewards
    The verdict's reward, 1.0 or 0.0 unless the verifier shapes it.

    ## Starting State
    A task drawn from the fold by the seed; `reset(options={"task_id": ...})` or `{"task_index": ...}` picks one.

    ## Episode End
    Terminates after one completion. A further `step` raises `ResetNeeded`.

    ## Information
    `task_id`, `task` (a frozen `TaskInfo`); after a step `verdict` (a frozen `Verdict`) and one float
    `reward/<part>` per part of the reward. Never the reference.

    ## Arguments
    See `rlsd_env.core.Desk`; every further keyword goes to the source.

    ## Version History
    v0: first version.
    """

    metadata = {  # noqa: RUF012 - declared so by gymnasium.Env
        "render_modes": ["ansi", "rgb_array"],
        "render_fps": 1,
    }

    def __init__(
        self,
        source: str | TaskSource,
        *,
        verifier: str | Verifier | None = None,
        verifier_kwargs: Mapping[str, Any] | None = None,
        answer_format: str | None = None,
        fold: str = "all",
        expose_privileged: bool = False,
        render_mode: str | None = None,
        **source_kwargs: Any,
    ) -> None:
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ValueError(f"render_mode {render_mode!r}: it must be None or one of {self.metadata['render_modes']}")
        self.desk = Desk(source, verifier, verifier_kwargs, answer_format, fold, expose_privileged, source_kwargs)
        self.observation_space: spaces.Space[Observation] = observation_space()
        self.action_space: spaces.Space[str] = UnicodeText()
        self.render_mode = render_mode
        self._item: Item | None = None
        self._verdict: Verdict | None = None
        self._response = ""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode; see "Starting State" above for the options."""
        super().reset(seed=seed)
        chosen = self.desk.chosen(options)
        self._item = self.desk.source.item(self.desk.draw(self.np_random) if chosen is None else chosen)
        self._verdict, self._response = None, ""
        return self.desk.observe(self._item, copy=True), self._info(self._item)

    def step(self, action: str) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Judge a completion and end the episode.

        Raises:
            ResetNeeded: there is no episode, or it has ended.
            TypeError: the action is not text.

        """
        if self._item is None or self._verdict is not None:
            raise ResetNeeded("the episode has ended or not begun; call reset() before step()")
        if not isinstance(action, str):
            raise TypeError(f"the action is a {type(action).__name__}; it must be the completion's text")
        self._response = action
        (self._verdict,) = self.desk.grade([action], [self._item])
        info = self._info(self._item) | verdict_info(self._verdict)
        return self.desk.observe(self._item, copy=True), float(self._verdict.reward), True, False, info

    @staticmethod
    def _info(item: Item) -> dict[str, Any]:
        return {"task_id": item.task.id, "task": item.task.info}

    @property
    def privileged(self) -> Privileged:
        """The current task's privileged part; through wrappers: `env.get_wrapper_attr("privileged")`.

        Raises:
            PermissionError: the environment was made without `expose_privileged=True`.
            ResetNeeded: no episode has begun.

        """
        if self._item is None:
            raise ResetNeeded("no episode has begun; call reset() first")
        return self.desk.reveal([self._item])[0]

    def render(self) -> Any:
        """Show question, pictures, answer and verdict: text for "ansi", one picture for "rgb_array"."""
        if self.render_mode is None:
            gymnasium.logger.warn("render() was called without a render_mode; pass it to gymnasium.make")
            return None
        if self._item is None:
            raise ResetNeeded("there is nothing to render yet; call reset() first")
        from rlsd_env.rendering import as_picture, as_text

        question = self.desk.observe(self._item, copy=False)["question"]
        text = as_text(question, self._response, self._verdict)
        return text if self.render_mode == "ansi" else as_picture(text, self._item.task.images)


def verdict_info(verdict: Verdict) -> dict[str, Any]:
    """Write a verdict as the entries of an `info` dictionary."""
    return {"verdict": verdict} | {f"reward/{name}": float(value) for name, value in verdict.parts.items()}
