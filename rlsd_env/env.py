"""`ReasoningEnv`: one task at a time as a `gymnasium.Env`."""

from __future__ import annotations

from typing import Any

import gymnasium
from gymnasium import spaces
from gymnasium.error import ResetNeeded

from rlsd_env.attempt import Attempt
from rlsd_env.desk import Desk, Observation, observation_space, split_options
from rlsd_env.errors import ConfigurationError
from rlsd_env.sources import TaskSource
from rlsd_env.spaces import UnicodeText
from rlsd_env.task import Privileged


class ReasoningEnv(gymnasium.Env[Observation, str]):
    """A reasoning task with pictures: read, answer in text, be verified.

    ## Description
    Each episode is one task of a `TaskSource`. The source's class docstring describes its tasks.

    ## Action Space
    `UnicodeText`: the raw completion. Token ids and log-probabilities belong to the trajectory, not here; an
    `rlsd_env.Action` tells how many tokens there were. A completion that ends with tool calls
    (`rlsd_env.tools`) calls them, every other one is an answer.

    ## Observation Space
    `Dict`: `question` (the prompt, one `<image>` or `<video>` per picture or clip of the task), `images` (a tuple
    of uint8 H x W x 3 arrays), `videos` (a tuple of `Video`), `choices` (a tuple of strings), `feedback` (what
    was said of the previous action, the last one too; "" in the first turn), `turn`. See
    `rlsd_env.desk.observation_space`.

    ## Rewards
    At the end of the episode the verdict's reward, 1.0 or 0.0 unless the verifier shapes it; 0.0 before.

    ## Starting State
    A task drawn from the fold by the seed; `reset(options={"task_id": ...})` or `{"task_index": ...}` picks one.

    ## Episode End
    Terminates with the first answer; with `feedback`, with the first right one or the one in the last turn.
    Truncates when the last turn is a tool call or the token budget is used up. A further `step` raises
    `ResetNeeded`.

    ## Information
    `task_id`, `task` (a frozen `TaskInfo`); from the first answer on `verdict` (a frozen `Verdict`) and one float
    `reward/<part>` per part of the reward; with tools `tool_calls`. Never the reference.

    ## Arguments
    See `rlsd_env.desk.EnvConfig`; every further keyword goes to the source.

    ## Version History
    v0: first version.
    """

    metadata = {  # noqa: RUF012 - declared so by gymnasium.Env
        "render_modes": ["ansi", "rgb_array"],
        "render_fps": 1,
    }

    def __init__(self, source: str | TaskSource, *, render_mode: str | None = None, **options: Any) -> None:
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ValueError(f"render_mode {render_mode!r}: it must be None or one of {self.metadata['render_modes']}")
        config, source_kwargs = split_options(options)
        for name in ("grade_early", "group_size", "num_envs"):
            if options.get(name) is not None:
                raise ConfigurationError(f"{name} is for groups (gymnasium.make_vec); leave it out")
        self.desk = Desk(source, config, source_kwargs)
        self.observation_space: spaces.Space[Observation] = observation_space(config.max_turns)
        self.action_space: spaces.Space[str] = UnicodeText()
        self.render_mode = render_mode
        self._attempt: Attempt | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode; see "Starting State" above for the options."""
        super().reset(seed=seed)
        chosen = self.desk.chosen(options)
        item = self.desk.item(self.desk.draw(self.np_random) if chosen is None else chosen[0])
        self._attempt = Attempt(self.desk, item)
        return self._attempt.observation(copy=True), self._attempt.info()

    def step(self, action: str) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Take a completion: judge the answer, or call the tools that it ends with.

        Raises:
            ResetNeeded: there is no episode, or it has ended.
            TypeError: the action is not text.

        """
        attempt = self._current("call reset() before step()")
        answer = attempt.act(action)
        if answer is not None:
            (verdict,) = self.desk.grade([answer], [attempt.item.privileged.reference], [attempt.item.task.id])
            attempt.judge(answer, verdict)
        observation = attempt.observation(copy=True)
        return observation, attempt.reward, attempt.terminated, attempt.truncated, attempt.info()

    def _current(self, advice: str) -> Attempt:
        if self._attempt is None:
            raise ResetNeeded(f"no episode has begun; {advice}")
        return self._attempt

    @property
    def privileged(self) -> Privileged:
        """The current task's privileged part; through wrappers: `env.get_wrapper_attr("privileged")`.

        Raises:
            PermissionError: the environment was made without `expose_privileged=True`.
            ResetNeeded: no episode has begun.

        """
        return self.desk.reveal([self._current("call reset() first").item])[0]

    def render(self) -> Any:
        """Show question, pictures, actions and verdict: text for "ansi", one picture for "rgb_array"."""
        if self.render_mode is None:
            gymnasium.logger.warn("render() was called without a render_mode; pass it to gymnasium.make")
            return None
        from rlsd_env.rendering import as_picture, as_text

        attempt = self._current("call reset() before render()")
        return as_text(attempt) if self.render_mode == "ansi" else as_picture(attempt)

    def close(self) -> None:
        """Stop the processes that verify, where this environment has its own."""
        self.desk.close()
