"""A conversation with a policy: questions of a person's own, and tasks of an environment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from transformers import TextStreamer

from agents.episodes import Completion, Prompt, StopReason
from agents.messages import first_prompt, next_prompt
from agents.policy.base import Request, Sampling
from agents.policy.transformers_policy import TransformersPolicy
from agents.rollouts.collect import completion_seeds
from rlsd_env import Action
from rlsd_env.env import ReasoningEnv
from rlsd_env.errors import ConfigurationError
from rlsd_env.task import IMAGE_PLACEHOLDER, Image, escaped

Write = Callable[[str], None]
"""Takes pieces of text as they come."""
STREAM_CHAT = 5
"""Of completion seeds, beside those of `agents.experiment` and `agents.rollouts`."""


class Streamer(TextStreamer):
    """Writes a response while it is sampled, whole words at a time.

    Args:
        tokenizer: the policy's.
        write: takes the text.

    """

    def __init__(self, tokenizer: Any, write: Write) -> None:
        super().__init__(tokenizer, skip_special_tokens=False)
        self._write = write

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Write a piece that no later token changes."""
        if text:
            self._write(text)


class Conversation:
    """What has been said, and how it goes on.

    Args:
        policy: what answers.
        sampling: how.
        seed: of the sampling; each answer has its own seed, by its number.
        write: takes what the policy says, as it says it.

    """

    def __init__(self, policy: TransformersPolicy, sampling: Sampling, seed: int, write: Write) -> None:
        self.policy, self.sampling, self.seed, self.write = policy, sampling, seed, write
        self.number = 0
        self._last: tuple[Prompt, Completion] | None = None

    @property
    def begun(self) -> bool:
        """Whether anything has been said."""
        return self._last is not None

    def new(self) -> None:
        """Forget what has been said."""
        self._last = None

    def ask(self, text: str, images: Sequence[Image] = ()) -> Completion:
        """Have a question answered, in the light of what was said before.

        Args:
            text: the question; where it has as many `<image>` as there are pictures, they stand there, else before it.
            images: pictures that it is about.

        Raises:
            ConfigurationError: the policy reads no pictures, or the conversation is too long for it.

        """
        self.check_sees(len(images))
        text = with_placeholders(text, len(images))
        if self._last is None:
            return self._say(first_prompt({"question": text, "images": tuple(images), "videos": ()}))
        return self._say(next_prompt(*self._last, {"feedback": text, "images": tuple(images)}))

    def play(self, env: ReasoningEnv, task_index: int) -> Iterator[tuple[str, Completion, dict[str, Any]]]:
        """Have a task done, over all its turns; a new conversation, which may be gone on with.

        Args:
            env: the environment.
            task_index: number of the task.

        Yields:
            What the environment said of each answer, "" where nothing, with the answer and `info`, of which the last
            has the verdict, `reward` and `truncated`.

        Raises:
            ConfigurationError: see `ask`.

        """
        observation, _ = env.reset(options={"task_index": task_index})
        self.check_sees(len(observation["images"]) + len(observation["videos"]))
        budget, spent, over = env.desk.config.token_budget, 0, False
        prompt = first_prompt(observation)
        while not over:
            said = self._say(prompt, None if budget is None else budget - spent)
            spent += len(said.token_ids)
            action = Action(said.text, tokens=len(said.token_ids))
            observation, reward, terminated, truncated, info = env.step(action)
            over = terminated or truncated
            yield observation["feedback"], said, {**info, "reward": reward, "truncated": truncated, "over": over}
            if not over:
                prompt = next_prompt(prompt, said, observation)

    def check_sees(self, media: int) -> None:
        """Refuse pictures where the policy reads text only.

        Raises:
            ConfigurationError: there are some.

        """
        if media and self.policy.encoder.image_id is None:
            kind = self.policy.model.config.model_type
            raise ConfigurationError(f"the policy ({kind}) reads text only; take one with a vision_config for pictures")

    def _say(self, prompt: Prompt, budget: int | None = None) -> Completion:
        limit = min(self.sampling.max_tokens, self._room(prompt))
        limit = limit if budget is None else min(limit, budget)
        sampling = Sampling(self.sampling.temperature, limit)
        seeds = completion_seeds(self.seed, (STREAM_CHAT, self.number), 1)
        streamer = Streamer(self.policy.tokenizer, self.write)

        def on_token(_: int, id: int) -> None:
            if id not in self.policy.stop_ids:
                streamer.put(torch.tensor([id]))

        ((said,),) = self.policy.generate(Request([prompt], 1, sampling, seeds), on_token=on_token)
        streamer.end()
        self.write(f" [cut after {limit} tokens]\n" if said.stop_reason is StopReason.LENGTH else "\n")
        self.number += 1
        self._last = prompt, said
        return said

    def _room(self, prompt: Prompt) -> int:
        """Return how many tokens the model can still say."""
        longest = getattr(self.policy.model.config.get_text_config(), "max_position_embeddings", None)
        try:
            tokens = self.policy.count_tokens(prompt)
        except ValueError as error:  # of a chat template that leaves something out
            raise ConfigurationError(str(error)) from error
        if longest is None:
            return self.sampling.max_tokens
        if tokens >= longest:
            raise ConfigurationError(
                f"the conversation is {tokens:,} tokens long and the model reads {longest:,}; /new begins another"
            )
        return int(longest - tokens)


def with_placeholders(text: str, count: int) -> str:
    """Write a question with a placeholder for each of its pictures.

    >>> with_placeholders("What is <image> here?", 1), with_placeholders("What is this?", 2)
    ('What is <image> here?', '<image><image>What is this?')
    >>> with_placeholders("What does <image> mean in HTML?", 0)
    'What does <!image> mean in HTML?'
    """
    if count and text.count(IMAGE_PLACEHOLDER) == count and "<video>" not in text:
        return text
    return IMAGE_PLACEHOLDER * count + escaped(text)
