"""Games of TextArena that one player plays by rules alone, as environments for `rlsd_env.adapters.foreign`.

    foreign.register("mine/Mind-v0", make="rlsd_env.adapters.textarena:make", make_kwargs={"game": "Mastermind-v0"})

A game draws from the global generators of `random` and NumPy, in `reset` and in turns. Here each environment has a
state of its own for both, which is theirs while the game runs; they are then as they were. Other threads must not draw
from them meanwhile.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np

from rlsd_env.adapters.texts import AnswerToAction
from rlsd_env.errors import ConfigurationError
from rlsd_env.extras import require
from rlsd_env.spaces import UnicodeText
from verifiers import Status


def make(game: str, answer_format: str = "tags", **kwargs: Any) -> gymnasium.Env[Any, Any]:
    """Make a game that takes what stands in `<answer>` tags (or a box) for the action; see `TextArenaGame`."""
    return AnswerToAction(TextArenaGame(game, **kwargs), answer_format=answer_format)


class TextArenaGame(gymnasium.Env[str, str]):
    """A game of TextArena as a `gymnasium.Env` in text.

    An observation is what the game has said since the last action. The reward is the game's own, at its end; what it
    then says of the outcome is the last observation. `info["invalid"]` is "unparsable" for a move against the rules.
    `reset(seed=i)` is TextArena's `reset(seed=i)`.

    Args:
        game: TextArena's id, such as "GuessTheNumber-v0".
        kwargs: the game's own arguments.

    Attributes:
        game: TextArena's environment, with its wrappers: of actions they are used, of observations not.

    Raises:
        ConfigurationError: TextArena is not installed, or the game cannot be played by one player here: it is for
            several, or asks for a language model or for files that are not there.

    """

    def __init__(self, game: str, **kwargs: Any) -> None:
        require("a game of TextArena", "textarena", "textarena")
        import textarena

        self.action_space, self.observation_space = UnicodeText(), UnicodeText()
        self._begin_draws(0)
        try:
            with self._drawing():
                self.game = textarena.make(game, **kwargs)
                self.game.reset(num_players=1, seed=0)
            if not isinstance(self.game.state, textarena.SinglePlayerState):
                raise ValueError("it is for several players")
        except Exception as error:  # whatever a game of anybody's does without a second player, a key or its words
            reason = " ".join(str(error).replace("*", "").split())
            raise ConfigurationError(
                f"TextArena's {game!r} cannot be played by one player here ({type(error).__name__}: {reason[:160]}); "
                "take a game of one player, such as GuessTheNumber-v0"
            ) from error

    def _begin_draws(self, seed: int) -> None:
        self._draws = random.Random(seed).getstate(), np.random.RandomState(seed).get_state()

    @contextlib.contextmanager
    def _drawing(self) -> Iterator[None]:
        """Lend the global generators to the game."""
        others = random.getstate(), np.random.get_state()
        try:
            random.setstate(self._draws[0])
            np.random.set_state(self._draws[1])
            yield
        finally:
            self._draws = random.getstate(), np.random.get_state()
            random.setstate(others[0])
            np.random.set_state(others[1])

    @property
    def game_state(self) -> dict[str, Any]:
        """All that the game knows, the answer too: for what a teacher is shown."""
        return self.game.state.game_state

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Begin a game."""
        super().reset(seed=seed)
        begun = int(self.np_random.integers(2**31)) if seed is None else seed
        self._begin_draws(begun)
        with self._drawing():
            self.game.reset(num_players=1, seed=begun)
        return self._said(), {}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Make a move."""
        state = self.game.state
        errors = state.error_count
        with self._drawing():
            done, _ = self.game.step(action)
        texts, reward, invalid = [self._said()], 0.0, state.error_count > errors
        if done:
            rewards, told = self.game.close()
            reward, invalid = float(rewards[0]), invalid or told[0]["invalid_move"]
            texts.append(told[0].get("reason") or "")
        info = {"invalid": str(Status.UNPARSABLE if invalid else Status.OK)}
        return "\n".join(filter(None, texts)), reward, bool(done), False, info

    def _said(self) -> str:
        from textarena import ObservationType, Wrapper

        inner = self.game
        while isinstance(inner, Wrapper):
            inner = inner.env
        _, messages = inner.get_observation()
        others = (text for _, text, kind in messages if kind is not ObservationType.PLAYER_ACTION)
        return "\n".join(text for text in others if isinstance(text, str))  # some games mix up the parts of an action
