"""What the commands share: environments by id, their arguments, and text in columns."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils import seeding

from rlsd_env.adapters.foreign import advice, is_foreign
from rlsd_env.env import ReasoningEnv
from rlsd_env.errors import ConfigurationError
from rlsd_env.pairs import read_value
from rlsd_env.plugins import import_module
from rlsd_env.registration import VECTOR


def reasoning_ids() -> list[str]:
    """Return the ids of all registered reasoning environments, the project's own and the user's, sorted."""
    return sorted(id for id, spec in gymnasium.registry.items() if spec.vector_entry_point == VECTOR)


def view_ids() -> dict[str, str]:
    """Return the ids of the numeric views with the text environments that they show."""
    return {id: spec.kwargs["text_env"] for id, spec in sorted(gymnasium.registry.items()) if "text_env" in spec.kwargs}


def find_foreign(name: str) -> EnvSpec | None:
    """Look an environment of others up, named as for `find`; None: it is none, or there is no such id."""
    module, colon, id = name.rpartition(":")
    if colon:
        import_module(module, name)
    spec = gymnasium.registry.get(id)
    return spec if spec is not None and is_foreign(spec) else None


def find(name: str) -> EnvSpec:
    """Look a reasoning environment up.

    Args:
        name: "namespace/Name-v0", or "module:namespace/Name-v0" to import what registers it.

    Raises:
        ConfigurationError: there is none, and the message has the closest id, or it is an environment of others.

    """
    module, colon, id = name.rpartition(":")
    if (spec := find_foreign(name)) is not None:
        raise ConfigurationError(
            f"{spec.id!r} is an environment of others, which has no gold answers, and this is for reasoning "
            "environments; agents.train, agents.compare and agents.evaluate take it, and python -m rlsd_env show, play "
            "and validate"
        )
    if (shown := view_ids().get(id)) is not None:
        raise ConfigurationError(f"{id!r} is a view of numbers for classical agents; use the environment {shown!r}")
    if id not in reasoning_ids() and id in gymnasium.registry:
        raise ConfigurationError(
            f"{id!r} is no reasoning environment; {advice(gymnasium.registry[id])} makes it one that agents.train "
            "takes, and python -m rlsd_env show, play and validate"
        )
    if id not in reasoning_ids():
        ids = [id for id, spec in gymnasium.registry.items() if is_foreign(spec)] + reasoning_ids()
        write = "for one of your own write module:namespace/Name-v0, or --import module"
        own = f"importing {module} registers no such id" if colon else write
        close = difflib.get_close_matches(id, ids, n=5, cutoff=0.4)
        raise ConfigurationError(
            f"unknown environment {id!r}; {'did you mean ' + ', '.join(map(repr, close)) + '? ' if close else ''}"
            f"`python -m rlsd_env list` has them all; {own}"
        )
    return gymnasium.registry[id]


def make_env(name: str, env_kwargs: Mapping[str, Any], **own: Any) -> ReasoningEnv:
    """Make an environment, without wrappers.

    Args:
        name: as for `find`.
        env_kwargs: the arguments that a user gave.
        own: arguments of the command's own, which a user may not give.

    Raises:
        ConfigurationError: the id or an argument cannot be used.

    """
    check_reserved(env_kwargs, ("source", "render_mode", *own))
    spec = find(name)
    env = gymnasium.make(spec, disable_env_checker=True, **{**env_kwargs, **own}).unwrapped
    assert isinstance(env, ReasoningEnv)
    return env


def check_reserved(env_kwargs: Mapping[str, Any], reserved: Iterable[str]) -> None:
    """Refuse arguments of an environment that a command sets itself.

    Raises:
        ConfigurationError: there is one.

    """
    if taken := sorted(set(reserved) & set(env_kwargs)):
        raise ConfigurationError(f"--env-kwargs has {', '.join(taken)}; this command sets that itself")


def pair(word: str) -> tuple[str, Any]:
    """Read KEY=VALUE; a value is read as `rlsd_env.pairs.read_value` does.

    >>> pair("difficulty=3"), pair("split=testmini"), pair("tools=['crop']")
    (('difficulty', 3), ('split', 'testmini'), ('tools', ['crop']))

    Raises:
        argparse.ArgumentTypeError: the word has another form.

    """
    key, equals, text = word.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{word!r} is not of the form KEY=VALUE")
    return key, read_value(text)


def at_least(least: int) -> Callable[[str], int]:
    """Return a reader of whole numbers for argparse."""

    def integer(text: str) -> int:
        number = int(text)
        if number < least:
            raise ValueError
        return number

    integer.__name__ = f"integer of {least} or more"  # argparse says "invalid .. value"
    return integer


def add_pairs(parser: argparse.ArgumentParser, flag: str, what: str) -> None:
    """Add an option that takes KEY=VALUE words; what is read is a list of pairs."""
    parser.add_argument(flag, metavar="KEY=VALUE", nargs="+", type=pair, action="extend", default=[], help=what)


def add_environment(parser: argparse.ArgumentParser) -> None:
    """Add the id and the arguments of an environment."""
    parser.add_argument("env", metavar="ID", help="an id that `list` shows, or module:namespace/Name-v0")
    add_pairs(parser, "--env-kwargs", "arguments of the environment, e.g. difficulty=3 or path=FOLDER")


def add_choice(parser: argparse.ArgumentParser, about: str) -> None:
    """Add the ways of choosing tasks.

    Args:
        parser: of the command.
        about: what the command does with them, and with none.

    """
    group = parser.add_argument_group("which task", about)
    which = group.add_mutually_exclusive_group()
    which.add_argument("--index", metavar="N", type=at_least(0), help="the task's number, of any fold")
    which.add_argument("--task-id", metavar="X", help="the task's id, of any fold")
    which.add_argument(
        "--seed", metavar="N", type=at_least(0), help="draw from the fold, the same as every time with N"
    )


def chosen_tasks(env: ReasoningEnv, options: argparse.Namespace) -> Iterator[int]:
    """Return the numbers of tasks: from the one that was chosen on in their order, or as they are drawn.

    Raises:
        ConfigurationError: there is no such task.

    """
    given = {"task_index": options.index, "task_id": options.task_id}
    chosen = env.desk.chosen({name: value for name, value in given.items() if value is not None})
    if chosen is not None:
        return iter(range(chosen[0], len(env.desk.source)))
    rng, _ = seeding.np_random(options.seed)  # as `reset` draws
    return iter(lambda: env.desk.draw(rng), None)


def columns(rows: Sequence[Sequence[str]], *, right: Iterable[int] = ()) -> str:
    """Set rows of text in columns, two spaces apart, those of `right` to the right.

    >>> print(columns([("name", "n"), ("a", "10")], right=[1]))
    name   n
    a     10
    """
    widths = [max(map(len, column)) for column in zip(*rows)]
    flush = set(right)
    lines = (
        "  ".join(f"{cell:{'>' if number in flush else '<'}{widths[number]}}" for number, cell in enumerate(row))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def facts_text(facts: Iterable[tuple[str, object]]) -> str:
    """Set names and values in two columns; a value of several lines stays in its column."""
    rows = []
    for name, value in facts:
        first, *more = str(value).splitlines() or [""]
        rows += [(name, first), *(("", line) for line in more)]
    return columns(rows)
