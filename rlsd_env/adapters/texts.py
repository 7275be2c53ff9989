"""Wrappers that have a `gymnasium.Env` say and be told its part in text: observations, and actions read from answers.

>>> import gymnasium
>>> lake = gymnasium.make("FrozenLake-v1", desc=["SG"], is_slippery=False, render_mode="ansi")
>>> env = DiscreteToText(ObservationToText(lake), names=("left", "down", "right", "up"))
>>> print(env.reset(seed=0)[0]["text"])
[S]G
Actions: left, down, right, up.
Think in <think> </think>, then answer in <answer> </answer>.
>>> observation, reward, *_, info = env.step("<think> .. </think> <answer> right </answer>")
>>> reward, info["action"]
(1.0, 'right')
>>> env.close()
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

import gymnasium
import numpy as np
from gymnasium import spaces

from rlsd_env.adapters.protocol import Stepped, invalid_status, reset, step
from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.prompts import FORMATS
from rlsd_env.spaces import RGBImage, UnicodeText
from rlsd_env.task import IMAGE_PLACEHOLDER, Image, escaped
from verifiers import Status
from verifiers.extraction import ExtractionPolicy

INVALID = ("stay", "end")
"""What an invalid action does: nothing, but that it is told of and takes a turn; or it ends the episode."""
POLICY = ExtractionPolicy(("answer_tag", "boxed"))
_HIGHLIGHT = re.compile(r"\x1b\[[\d;]+m(.*?)\x1b\[0?m", re.DOTALL)
_CODE = re.compile(r"\x1b\[[\d;]*[A-Za-z]")


class Seen(TypedDict):
    """An observation in text: `text`, with one `<image>` for each of `images`, uint8 height x width x 3."""

    text: str
    images: tuple[Image, ...]


SPACE = spaces.Dict({"text": UnicodeText(), "images": spaces.Sequence(RGBImage(), stack=False)})
"""The space of `Seen`."""


def seen(observation: Any, advice: str = "wrap the environment in ObservationToText") -> Seen:
    """Return an observation that is made of texts and pictures, in order, as one text with its pictures.

    Args:
        observation: a text, a picture, or a dictionary or sequence of such; `Seen` as it is.
        advice: what to do about one that is something else.

    Raises:
        ConfigurationError: it has something else in it.

    """
    if isinstance(observation, Mapping) and observation.keys() == Seen.__annotations__.keys():
        return Seen(text=observation["text"], images=tuple(observation["images"]))
    if isinstance(observation, str):
        return Seen(text=escaped(observation), images=())
    if isinstance(observation, np.ndarray) and observation.dtype == np.uint8 and observation.shape[2:] == (3,):
        return Seen(text=IMAGE_PLACEHOLDER, images=(observation.copy(),))
    if isinstance(observation, Mapping | tuple | list):
        parts = [
            seen(part, advice) for part in (observation.values() if isinstance(observation, Mapping) else observation)
        ]
        text = "\n".join(part["text"] for part in parts if part["text"])
        return Seen(text=text, images=tuple(image for part in parts for image in part["images"]))
    raise ConfigurationError(
        f"an observation has {observation!r:.80}, a {type(observation).__name__}; it must be text, pictures (uint8, "
        f"height x width x 3) or a dictionary of such: {advice}"
    )


def plain(rendered: str) -> str:
    r"""Write what is drawn for a terminal without its codes; what is highlighted stands in brackets.

    >>> plain("S\x1b[41mF\x1b[0mG")
    'S[F]G'
    """
    return _CODE.sub("", _HIGHLIGHT.sub(r"[\1]", rendered))


class ObservationToText(gymnasium.ObservationWrapper):
    """Has an environment say what it shows.

    Args:
        env: any environment.
        describe: from an observation to a text; None: what the environment renders as "ansi".

    Raises:
        ConfigurationError: there is no `describe`, and the environment was not made with render_mode="ansi"; or it is
            one in text already, whose list of actions would be lost.

    """

    def __init__(self, env: gymnasium.Env[Any, Any], describe: Callable[[Any], str] | None = None) -> None:
        super().__init__(env)
        if (inner := answers_of(env)) is not None:
            name = type(inner).__name__
            raise ConfigurationError(
                f"ObservationToText goes inside {name}, not around it: write {name}(ObservationToText(env, ..), ..)"
            )
        if describe is None and env.render_mode != "ansi":
            raise ConfigurationError(
                f"{env} was made with render_mode={env.render_mode!r}; make it with render_mode='ansi', or give "
                "describe, from an observation to a text"
            )
        self.describe = describe
        self.observation_space = SPACE

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Seen, dict[str, Any]]:
        """Begin an episode."""
        observation, info = reset(self.env, seed, options)
        return self.observation(observation), info

    def step(self, action: Any) -> Stepped:
        """Take an action of the environment's."""
        observation, reward, terminated, truncated, info = step(self.env, action)
        return self.observation(observation), reward, terminated, truncated, info

    def observation(self, observation: Any) -> Seen:
        """Describe an observation."""
        text = plain(str(self.env.render())).strip("\n") if self.describe is None else self.describe(observation)
        return seen(text)


class AnswerToAction(gymnasium.Wrapper):
    """Takes what stands in `<answer>` tags (or a box) for the action, of an environment that acts on text.

    A response with no answer, or several different ones, is an invalid action: the wrapped environment is not stepped.
    It is counted: `info["invalid"]` says how it was invalid (a `Status`; "ok" of a valid one, unless the environment's
    own names another `Status`), and `info["action"]` is its text. With `invalid="stay"` the same observation is
    shown again with a sentence that says what is wrong, which takes a turn; with "end" the episode ends there.

    Args:
        env: acts on text.
        invalid: "stay" or "end".
        invalid_reward: the reward of an invalid action.
        answer_format: which sentence asks for an answer, a key of `rlsd_env.prompts.FORMATS`.

    """

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        *,
        invalid: str = "stay",
        invalid_reward: float = 0.0,
        answer_format: str = "tags",
    ) -> None:
        super().__init__(env)
        if invalid not in INVALID:
            raise ConfigurationError(one_of("way with invalid actions", invalid, INVALID))
        if answer_format not in FORMATS:
            raise ConfigurationError(one_of("answer format", answer_format, FORMATS))
        self.invalid, self.invalid_reward, self.answer_format = invalid, invalid_reward, answer_format
        self.action_space = UnicodeText()
        self.observation_space = SPACE
        self._last = Seen(text="", images=())

    @property
    def asks(self) -> str:
        """What is said below the first observation."""
        return FORMATS[self.answer_format]

    def read(self, answer: str) -> Any:
        """Return the action that an answer stands for; None: it stands for none."""
        return answer

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Seen, dict[str, Any]]:
        """Begin an episode; below the first observation stands how to act."""
        observation, info = reset(self.env, seed, options)
        self._last = self._seen(observation)
        return Seen(text=f"{self._last['text']}\n{self.asks}".strip(), images=self._last["images"]), info

    def step(self, action: Any) -> tuple[Seen, float, bool, bool, dict[str, Any]]:
        """Take a response."""
        found = POLICY.extract(str(action))
        read = None if found.text is None else self.read(found.text)
        status = Status.UNPARSABLE if found.status is Status.OK and read is None else found.status
        told = {"action": found.text or ""}
        if status is not Status.OK:
            shown = Seen(text=f"{self._told(found.text)}\n{self._last['text']}", images=self._last["images"])
            return shown, self.invalid_reward, self.invalid == "end", False, {**told, "invalid": str(status)}
        observation, reward, terminated, truncated, info = step(self.env, read)
        self._last = self._seen(observation)
        told["invalid"] = str(invalid_status(info) or status)
        return self._last, reward, terminated, truncated, {**info, **told}

    def _seen(self, observation: Any) -> Seen:
        name = type(self).__name__
        return seen(observation, f"write {name}(ObservationToText(env, ..), ..), {name} being the outer one")

    def _told(self, answer: str | None) -> str:
        return f"{'No action was found' if answer is None else 'That is no action'}. {self.asks}"


def answers_of(env: gymnasium.Env[Any, Any]) -> AnswerToAction | None:
    """Return the wrapper that takes actions from answers; None: the environment has none, and gets what is said."""
    while isinstance(env, gymnasium.Wrapper):
        if isinstance(env, AnswerToAction):
            return env
        env = env.env
    return None


class DiscreteToText(AnswerToAction):
    """Names the actions of a `Discrete` space, lists the names in the prompt, and reads one from the answer.

    The answer must be a name, in any case; what else stands in the tags is an invalid action. See `AnswerToAction`.

    Args:
        env: acts on a `Discrete` space.
        names: of its actions, in order.
        options: as for `AnswerToAction`.

    Raises:
        ConfigurationError: the action space is another one, or the names are not one for each action.

    """

    def __init__(self, env: gymnasium.Env[Any, Any], names: Sequence[str], **options: Any) -> None:
        space = env.action_space
        if not isinstance(space, spaces.Discrete):
            raise ConfigurationError(f"the action space of {env} is {space}; DiscreteToText needs a Discrete one")
        self._numbers = {name.strip().casefold(): number for number, name in enumerate(names, int(space.start))}
        if len(names) != space.n or len(self._numbers) != space.n:
            raise ConfigurationError(
                f"names is {tuple(names)!r}; {env} has {space.n} actions: give each a name of its own"
            )
        self.names = tuple(names)
        super().__init__(env, **options)

    @property
    def asks(self) -> str:
        """What is said below the first observation: the actions, and how to answer."""
        return f"Actions: {', '.join(self.names)}.\n{super().asks}"

    def read(self, answer: str) -> int | None:
        """Return the number of the action that an answer names; None: it names none."""
        return self._numbers.get(answer.strip().casefold())
