"""Ask a checkpoint something: about a picture, or a task of an environment, and see the verdict.

    python -m agents.chat "How many dots are there?" --image dots.png --policy FOLDER
    python -m agents.chat --env rlsd/PictureChain-v0 --policy lab-q0.3 --seed 1

A policy is a bundled model, a checkpoint folder, a run's folder (its trained model), or a hub id. Without a question,
questions are read until the input ends; /image FILE adds a picture to the next one, /new forgets what was said, /task
draws another task, /quit ends.
"""

from __future__ import annotations

import dataclasses
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL.Image
from tyro.conf import Positional

from agents import command_line
from agents.options.model import ModelOptions
from agents.options.types import Pairs
from rlsd_env.errors import ConfigurationError, one_of

if TYPE_CHECKING:
    from agents.episodes import Completion, Prompt
    from agents.policy.transformers import TransformersPolicy
    from rlsd_env.env import ReasoningEnv
    from rlsd_env.task import Image

COMMANDS = ("/image", "/new", "/task", "/quit")
Ask = Callable[[str], str]
"""Reads a line after a mark; raises EOFError where the input has ended."""


@dataclasses.dataclass(frozen=True)
class ChatOptions(ModelOptions):
    """Options of `python -m agents.chat`."""

    question: Positional[str] = ""
    """What to ask; "": questions are read from the terminal or a pipe. Of a task of an environment it is the answer's
    place: leave it out."""
    policy: str = "tiny"
    """A bundled model, a checkpoint folder, the folder of a training, or a hub id."""
    device: str = "auto"
    """auto, cpu or cuda."""
    image: tuple[Path, ...] = ()
    """Pictures that the first question is about."""
    env: str = ""
    """Environment whose tasks are asked instead, by id or module:namespace/Name-v0."""
    env_kwargs: Pairs = dataclasses.field(default_factory=dict)
    """Arguments of the environment, e.g. difficulty=3 or path=FOLDER."""
    index: int | None = None
    """Number of the task; without any of these three it is drawn."""
    task_id: str | None = None
    """Id of the task."""
    seed: int = 0
    """Of drawing tasks, and of sampling."""
    temperature: float = 0.0
    """0: always the likeliest token."""
    max_tokens: int = 512
    """Longest answer in tokens."""
    threads: int = 1
    """CPU threads of torch."""
    config: Path | None = None
    """TOML file with any of these options; the command line overrides it."""

    def __post_init__(self) -> None:
        self.check_model()
        for name, least in (("temperature", 0), ("max_tokens", 1), ("threads", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ConfigurationError(f"{name} is {getattr(self, name)}; it must be {least} or more")
        if self.env and (self.question or self.image):
            raise ConfigurationError("env asks its own tasks; leave the question and --image out, or --env")
        if not self.env and (self.index is not None or self.task_id is not None or self.env_kwargs):
            raise ConfigurationError("index, task_id and env_kwargs are of an environment's task; give --env as well")


def weights(policy: str) -> str:
    """Return where a policy's weights are: of a training's folder its model.

    Raises:
        ConfigurationError: the folder is a comparison's, or a training's that has not ended.

    """
    folder = Path(policy)
    if (folder / "config.toml").exists():
        if (folder / "model").is_dir():
            return str(folder / "model")
        inside = sorted(str(path.parent) for path in folder.glob("runs/*/*/model"))
        advice = f"it is a comparison; give one of its runs, such as {inside[0]}" if inside else "the run has not ended"
        raise ConfigurationError(f"policy {policy!r} has no model: {advice}")
    return policy


def read_image(path: Path) -> Image:
    """Read a picture as RGB.

    Raises:
        ConfigurationError: there is none.

    """
    try:
        with PIL.Image.open(path) as file:
            return np.asarray(file.convert("RGB"))
    except (OSError, SyntaxError) as error:
        raise ConfigurationError(f"image {str(path)!r} cannot be read as a picture: {error}") from error


class Chat:
    """A conversation with a policy.

    Args:
        policy: which.
        options: how it samples.

    """

    def __init__(self, policy: TransformersPolicy, options: ChatOptions) -> None:
        from agents.policy.base import Sampling

        self.policy = policy
        self.sampling = Sampling(options.temperature, options.max_tokens)
        self.sees = getattr(policy.model.config, "vision_config", None) is not None
        self._seeds = iter(np.random.SeedSequence([options.seed]).generate_state(10_000, np.uint64).tolist())
        self.prompt: Prompt | None = None

    def forget(self) -> None:
        """Forget what was said."""
        self.prompt = None

    def say(self, prompt: Prompt) -> Completion:
        """Have the policy answer."""
        from agents.policy.base import Request

        self.prompt = prompt
        ((completion,),) = self.policy.generate(Request([prompt], 1, self.sampling, [next(self._seeds)]))
        return completion

    def ask(self, question: str, images: Sequence[Image] = ()) -> str:
        """Ask in the conversation so far and return the answer.

        Raises:
            ConfigurationError: the model reads text only and there are pictures.

        """
        from agents.episodes import Prompt, StopReason
        from agents.messages import IMAGE_PLACEHOLDER, escaped, user_message

        if images and not self.sees:
            raise ConfigurationError("this model reads text only; leave the picture out, or take another policy")
        before = self.prompt
        message = user_message(IMAGE_PLACEHOLDER * len(images) + escaped(question))
        messages = (message,) if before is None else (*before.messages, message)
        pictures = (*(() if before is None else before.images), *images)
        completion = self.say(Prompt(messages, pictures))
        ids = completion.token_ids
        ids = ids[:-1] if completion.stop_reason is StopReason.STOP else ids
        said = {"role": "assistant", "content": completion.text, "token_ids": ids}
        self.prompt = Prompt((*messages, said), pictures)
        return completion.text + ("" if completion.stop_reason is StopReason.STOP else " [..]")


def play(chat: Chat, env: ReasoningEnv, index: int) -> None:
    """Ask a task of an environment, all its turns, and print what is said and the verdict."""
    from agents.messages import first_prompt, next_prompt
    from rlsd_env import Action

    observation, _ = env.reset(options={"task_index": index})
    item = env.desk.item(index)
    sizes = "".join(f", picture {image.shape[1]} x {image.shape[0]}" for image in item.task.images)
    print(f"task {item.task.id}{sizes}\n{env.desk.prompt(item.task)}")
    prompt = first_prompt(observation)
    ended = False
    while not ended:
        completion = chat.say(prompt)
        print(f"\n{completion.text}")
        action = Action(completion.text, tokens=len(completion.token_ids))
        observation, reward, terminated, truncated, info = env.step(action)
        ended = terminated or truncated
        if not ended:
            print(f"\n{observation['feedback']}")
            prompt = next_prompt(prompt, completion, observation)
    verdict = info["verdict"]
    found = "no answer was found" if verdict.extracted is None else f"answer read: {verdict.extracted}"
    told = [verdict.outcome, f"reward {float(reward):g}", found]
    told += [f"status {verdict.status}"] if verdict.status != "ok" else []
    told += [verdict.feedback] if verdict.feedback else []
    told.append(f"right is: {item.privileged.reference.answer}")
    print(f"\n{'; '.join(told)}")


def converse(chat: Chat, options: ChatOptions, ask: Ask, play_next: Callable[[], None] | None) -> None:
    """Answer lines until the input ends, or /quit.

    Args:
        chat: the conversation.
        options: what was asked for.
        ask: reads a line.
        play_next: plays another task; None: there is no environment.

    """
    waiting = [read_image(path) for path in options.image]
    while True:
        try:
            line = ask("> ").strip()
        except EOFError:
            return
        word, _, rest = line.partition(" ")
        if word == "/quit":
            return
        try:
            if word == "/new":
                chat.forget()
                waiting = []
            elif word == "/image":
                waiting.append(read_image(Path(rest.strip())))
            elif word == "/task":
                if play_next is None:
                    raise ConfigurationError("there are no tasks without --env")
                play_next()
            elif word.startswith("/"):
                raise ConfigurationError(one_of("command", word, COMMANDS))
            elif line:
                print(chat.ask(line, waiting))
                waiting = []
        except ConfigurationError as error:
            print(f"error: {error}", file=sys.stderr)


def run(options: ChatOptions, ask: Ask = input) -> None:
    """Load the policy and talk.

    Raises:
        ConfigurationError: the policy, the picture or the task is unusable; nothing has been loaded then.

    """
    from agents.foresight import policy_config

    place = weights(options.policy)
    config = policy_config(place)
    pictures = [read_image(path) for path in options.image]
    env, tasks = _tasks(options)
    first = next(tasks) if tasks is not None else 0
    task = env.desk.item(first).task if env is not None else None
    seen = pictures or (task is not None and (task.images or task.videos))
    if config is not None and "vision_config" not in config and seen:
        kind = config.get("model_type", "model")
        raise ConfigurationError(
            f"policy {options.policy!r} ({kind}) reads text only; leave pictures out, or take another"
        )
    print(f"loading {options.policy} ..", file=sys.stderr)
    import torch

    from agents.policy.loading import load_policy

    torch.set_num_threads(options.threads)
    chat = Chat(load_policy(place, options.device, options), options)
    if options.question:
        print(chat.ask(options.question, pictures))
        return
    if env is None or tasks is None:
        converse(chat, options, ask, None)
        return
    made, numbers = env, tasks
    play(chat, made, first)
    if options.index is None and options.task_id is None and sys.stdin.isatty():
        converse(chat, options, ask, lambda: play(chat, made, next(numbers)))


def _tasks(options: ChatOptions) -> tuple[ReasoningEnv | None, Iterator[int] | None]:
    """Return the environment with the numbers of tasks to ask, where there is one."""
    if not options.env:
        return None, None
    from rlsd_env.cli.common import chosen_tasks, make_env

    kwargs: dict[str, Any] = dict(options.env_kwargs)
    env = make_env(options.env, kwargs)
    return env, chosen_tasks(env, Namespace(index=options.index, task_id=options.task_id, seed=options.seed))


def main(argv: Sequence[str]) -> None:
    """Read the arguments and talk."""
    run(command_line.parse(ChatOptions, argv, "python -m agents.chat", __doc__ or ""))


def entry() -> None:
    """Console script."""
    command_line.main(main)


if __name__ == "__main__":
    entry()
