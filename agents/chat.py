"""Ask a checkpoint something: about a picture, or a task of an environment, and see the verdict.

    python -m agents.chat "How many dots are there?" --image dots.png --policy FOLDER
    python -m agents.chat --env rlsd/PictureChain-v0 --policy lab-q0.3 --seed 1

QUESTION is asked alone; without one, questions are read from the terminal or a pipe, a line each, and the conversation
goes on until its end (Ctrl-D), Ctrl-C or /quit. A line may also be a command:

    /image FILE     the next question is about this picture too
    /task [TASK]    with --env: the next task, or that with this number or id
    /new            forget what has been said
    /quit           end
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import itertools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import Positional

from agents import command_line
from agents.bundled import checkpoint_of
from agents.foresight import check_sees, check_source, check_verifier, policy_config
from agents.options.model import DEVICES, PRECISIONS, ModelOptions
from agents.options.types import Pairs, at_least
from rlsd_env.cli.common import chosen_tasks, facts_text, make_env
from rlsd_env.desk import Desk
from rlsd_env.env import ReasoningEnv
from rlsd_env.errors import ConfigurationError, DataError, one_of
from rlsd_env.sources.pictures import FORMATS, MAX_PIXELS, Picture
from rlsd_env.task import Image, Item, Task
from verifiers import Status, Verdict
from verifiers.answers import AnswerVerifier, comparer_for
from verifiers.cli.explain import comparison_steps

if TYPE_CHECKING:
    from agents.conversation import Conversation

MOST_ASPECT = 200
"""How many times a picture's longer side may be its shorter one: processors of the Qwen-VL families take no more."""
COMMANDS = ("/image", "/new", "/quit", "/task")


@dataclasses.dataclass(frozen=True)
class ChatOptions:
    """Options of `python -m agents.chat`."""

    question: Positional[str] = ""
    """What is asked; left out: what is read."""
    policy: str = "tiny"
    """A bundled model (tiny, lab-q0.3, ..), a checkpoint folder, a run's folder, or a hub id such as
    Qwen/Qwen3-VL-2B-Instruct."""
    image: Path | None = None
    """A picture that the first question is about."""
    env: str = ""
    """Begin with a task of this environment, such as rlsd/ShapeCount-v0 or module:namespace/Name-v0."""
    env_kwargs: Pairs = dataclasses.field(default_factory=dict)
    """Arguments of the environment, e.g. difficulty=3 or path=FOLDER."""
    index: int | None = None
    """Number of the task, of any fold; without it, task_id and seed it is the fold's first."""
    task_id: str = ""
    """Id of the task, of any fold."""
    seed: int | None = None
    """Seed of the sampling (0) and, where neither index nor task_id is given, of the tasks that are drawn."""
    temperature: float = 1.0
    """Sampling temperature; 0: the likeliest token each time."""
    max_tokens: int = 512
    """Longest answer in tokens."""
    device: str = "auto"
    """auto, cpu or cuda."""
    precision: str = "float32"
    """float32, or bfloat16: weights and matrix products in bfloat16."""
    threads: int = 0
    """CPU threads of torch; 0: as many as it takes by itself."""

    def __post_init__(self) -> None:
        for name, allowed in (("device", DEVICES), ("precision", PRECISIONS)):
            if getattr(self, name) not in allowed:
                raise ConfigurationError(one_of(name, getattr(self, name), allowed))
        at_least("temperature", self.temperature, 0)
        at_least("max_tokens", self.max_tokens, 1)
        at_least("threads", self.threads, 0)
        for name in ("index", "seed"):
            if (value := getattr(self, name)) is not None:
                at_least(name, value, 0)
        of_tasks = {"env_kwargs": self.env_kwargs, "index": self.index is not None, "task_id": self.task_id}
        if not self.env and (given := [name for name, value in of_tasks.items() if value]):
            raise ConfigurationError(f"{given[0]} is of an environment; give --env as well")
        if self.env and (self.question or self.image):
            name = "a question" if self.question else "an image"
            raise ConfigurationError(f"env and {name} are both given; give one, and ask on when the task is done")
        if self.index is not None and self.task_id:
            raise ConfigurationError("index and task_id are both given; give one")


def read_picture(path: Path) -> Image:
    """Read a picture, [H, W, 3] uint8.

    Raises:
        ConfigurationError: there is none, or it cannot be read.

    """
    allowed = f"give a picture in one of {', '.join(FORMATS)}"
    if not path.is_file():
        raise ConfigurationError(f"image {str(path)!r} is no file; {allowed}")
    try:
        image = Picture(path=path, name=str(path)).decode()
    except DataError as error:
        raise ConfigurationError(
            f"{str(error).partition('; ')[0]}; {allowed}, of at most {MAX_PIXELS:,} pixels"
        ) from error
    height, width, _ = image.shape
    if max(height, width) > MOST_ASPECT * min(height, width):
        raise ConfigurationError(
            f"image {str(path)!r} is {width} x {height}; one side may be {MOST_ASPECT} times the other at most: pad it"
        )
    return image


class Tasks:
    """The tasks of an environment in the order in which they are asked.

    Args:
        env: the environment.
        options: which comes first.

    Raises:
        ConfigurationError: there is no such task, or a source or verifier of the user's own is broken.

    """

    def __init__(self, env: ReasoningEnv, options: ChatOptions) -> None:
        self.env = env
        if (options.index, options.task_id, options.seed) == (None, "", None):
            self._numbers: Iterator[int] = map(int, env.desk.indices)
        else:
            self._numbers = self._chosen(options.index, options.task_id or None, options.seed)
        first = next(self._numbers)
        self.first = env.desk.item(first).task
        self._numbers = itertools.chain([first], self._numbers)
        check_source(env.desk, options.env, options.env_kwargs)
        check_verifier(env.desk, env.desk.item(first), options.env, options.env_kwargs)

    def _chosen(self, index: int | None, task_id: str | None, seed: int | None) -> Iterator[int]:
        drawn = None if index is not None or task_id is not None else seed
        return chosen_tasks(self.env, argparse.Namespace(index=index, task_id=task_id, seed=drawn))

    def next(self, which: str = "") -> int:
        """Return the number of the next task, or of the one with a number or an id.

        Raises:
            ConfigurationError: there is no such task, or none is left.

        """
        if which:
            index = int(which) if which.isdecimal() else None
            return next(self._chosen(index, which if index is None else None, None))
        number = next(self._numbers, None)
        if number is None:
            raise ConfigurationError("no task is left; /task NUMBER asks one again")
        return number


class Session:
    """What a person types, and what it does.

    Args:
        conversation: with the policy.
        tasks: of the environment, where there is one.
        image: a picture that the first question is about.

    """

    def __init__(self, conversation: Conversation, tasks: Tasks | None, image: Image | None) -> None:
        self.conversation, self.tasks = conversation, tasks
        self._images = [] if image is None else [image]

    def take(self, line: str) -> bool:
        """Do what a line says; False: it ends the conversation.

        Raises:
            ConfigurationError: that cannot be done.

        """
        command, _, rest = line.partition(" ")
        if not line.startswith("/"):
            self.conversation.ask(line, self._images)
            self._images = []
        elif command == "/quit":
            return False
        elif command == "/new":
            self.conversation.new()
            self._images = []
            print("[a new conversation]")
        elif command == "/image":
            image = read_picture(Path(rest.strip()).expanduser())
            self.conversation.check_sees(1)
            self._images.append(image)
            print(f"[{_size(image)}, for the next question]")
        elif command == "/task":
            self.play(rest.strip())
        else:
            raise ConfigurationError(one_of("command", command, COMMANDS))
        return True

    def play(self, which: str = "") -> None:
        """Have the next task done, or the one with a number or an id, and say what became of it.

        Raises:
            ConfigurationError: there is no environment, or no such task.

        """
        if self.tasks is None:
            raise ConfigurationError("/task is of an environment; start with --env ID")
        env, number = self.tasks.env, self.tasks.next(which)
        item = env.desk.item(number)
        print(f"--- {item.task.id}, number {number}\n{env.desk.prompt(item.task)}")
        print("".join(f"[{seen}]\n" for seen in _media(item.task)), end="")
        print("---", flush=True)
        for said, _, info in self.conversation.play(env, number):
            print(f"--- {said}" if said else "---")
            if info["over"]:
                facts = verdict_facts(env.desk, item, info["verdict"], info["reward"], truncated=info["truncated"])
                print(facts_text(facts))


def verdict_facts(
    desk: Desk, item: Item, verdict: Verdict, reward: float, *, truncated: bool
) -> Iterator[tuple[str, str]]:
    """Say in two columns what became of an attempt at a task, and why.

    Args:
        desk: what graded it, of an environment that was made with `expose_privileged=True`.
        item: the task.
        verdict: on the last answer.
        reward: of the attempt.
        truncated: whether turns or tokens were used up.

    """
    parts = ", ".join(f"{name} {value:g}" for name, value in verdict.parts.items()) if len(verdict.parts) > 1 else ""
    yield "verdict", verdict.outcome + ("; no turns or tokens were left" if truncated else "")
    yield "reward", f"{reward:g}" + (f" ({parts})" if parts else "")
    if verdict.extracted is None:
        yield "read", f"no answer ({verdict.status})"
    else:
        how = f", by {verdict.method}" if verdict.method else ""
        not_ok = "" if verdict.status is Status.OK else f" ({verdict.status})"
        yield "read", f"{verdict.extracted!r}{how}{not_ok}"
    reference = item.privileged.reference
    yield "right is", reference.answer
    if isinstance(desk.verifier, AnswerVerifier) and verdict.extracted is not None and not verdict.status.failed:
        comparer = comparer_for(reference, desk.verifier.equality)
        yield from (("compared", text.strip()) for text in comparison_steps(comparer, verdict.extracted))
    if verdict.feedback:
        yield "why", verdict.feedback


def _media(task: Task) -> Iterator[str]:
    yield from map(_size, task.images)
    for video in task.videos:
        count, height, width, _ = video.frames.shape
        yield f"video, {count} frames of {width} x {height}"


def _size(image: Image) -> str:
    height, width, _ = image.shape
    return f"picture, {width} x {height}"


def typed() -> Iterator[str]:
    """Yield the lines that a person types, or that come through a pipe, which are shown as if they had been typed."""
    asked = sys.stdin.isatty()
    if asked:
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401 - lines may be edited and called back
    while True:
        line = input("> " if asked else "").strip()
        if line and not asked:
            print(f"> {line}", flush=True)
        if line:
            yield line


def run(options: ChatOptions) -> None:
    """Talk until the end.

    Raises:
        ConfigurationError: an option is unusable; or, of a question that is asked alone, it cannot be answered.

    """
    policy = checkpoint_of(options.policy)
    config = policy_config(policy)
    image = None if options.image is None else read_picture(options.image)
    if image is not None:
        check_sees(policy, config, f"{str(options.image)!r} is a picture")
    with contextlib.ExitStack() as stack:
        tasks = None
        if options.env:
            env = make_env(options.env, options.env_kwargs, expose_privileged=True)
            tasks = Tasks(stack.enter_context(contextlib.closing(env)), options)
            if tasks.first.images or tasks.first.videos:
                check_sees(policy, config, f"tasks of {options.env} have pictures")
        print(f"loading {policy} ..", file=sys.stderr)
        session = Session(_conversation(options, policy), tasks, image)
        if image is not None:
            session.conversation.check_sees(1)
        with contextlib.suppress(EOFError, KeyboardInterrupt):
            if options.question:
                session.take(options.question)
                return
            if tasks is not None:
                session.play()
            _talk(session)
            return
        print("\nthe end")


def _talk(session: Session) -> None:
    """Take lines until one ends it; what cannot be done is told of, and the conversation goes on."""
    for line in typed():
        try:
            if not session.take(line):
                return
        except ConfigurationError as error:
            print(f"error: {error}", flush=True)


def _conversation(options: ChatOptions, policy: str) -> Conversation:
    import torch

    from agents.conversation import Conversation
    from agents.policy.base import Sampling
    from agents.policy.loading import load_policy

    if options.threads:
        torch.set_num_threads(options.threads)
    loaded = load_policy(policy, options.device, ModelOptions(precision=options.precision))
    sampling = Sampling(options.temperature, options.max_tokens)
    return Conversation(loaded, sampling, options.seed or 0, lambda text: print(text, end="", flush=True))


def main(argv: Sequence[str]) -> None:
    """Read the arguments and talk."""
    run(command_line.parse(ChatOptions, argv, "python -m agents.chat", __doc__ or ""))


def entry() -> None:
    """Console script."""
    command_line.main(main)


if __name__ == "__main__":
    entry()
