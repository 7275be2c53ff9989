"""What the command lines share: parsing with one-line errors, and exit code 2 for what a user got wrong."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import re
import select
import shlex
import signal
import sys
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from agents import faults
from agents.extras import require_agents
from agents.runs.kept import kept
from rlsd_env.errors import ConfigurationError, one_of

Options = TypeVar("Options")
DEBUG = "--debug"
"""An option of every command: exceptions in the user's own code with their tracebacks."""
WORDS = (
    ("^Error parsing ", ""),
    (r"invalid literal for int\(\) with base 10: (.*)", r"\1 is not a whole number"),
    (r"could not convert string to float: (.*)", r"\1 is not a number"),
    (r"^Missing value for argument '([^']*)'\. Expected .*", r"\1 has no value; write \1 VALUE"),
    (r"^Unrecognized options: (.*)", r"\1: not understood; an option is written --NAME VALUE, see --help"),
)
"""What tyro and Python say of arguments that cannot be read, and what we say."""


def parse(
    cls: type[Options],
    argv: Sequence[str],
    prog: str,
    description: str,
    of_choice: Callable[[str], Mapping[str, Any]] | None = None,
    chooser: str = "agent",
) -> Options:
    """Read the options of a command from a TOML file (--config) and its arguments, which override the file.

    Args:
        cls: the options.
        argv: the arguments.
        prog: the command.
        description: what it does.
        of_choice: from the value of `chooser` to options that hold unless the file or an argument says otherwise.
        chooser: the option that stands for others.

    Raises:
        ConfigurationError: an option is unknown or has an unusable value.
        SystemExit: help was asked for.

    """
    import tyro

    from agents.options.commands import ELSEWHERE, from_toml

    flags = set(_kinds(cls))
    defaults: dict[str, Any] = {}
    chosen = ""
    for position, word in enumerate(argv):
        if word.startswith("--"):
            flag = word.partition("=")[0].replace("_", "-")
            if flag not in flags | {"--help"}:
                elsewhere = {_flag(theirs): _flag(ours) for theirs, ours in ELSEWHERE.items()}
                raise ConfigurationError(one_of("option", flag, flags, elsewhere) + _others(flags))
            value = word.partition("=")[2] or (argv[position + 1] if position + 1 < len(argv) else "")
            if flag == "--config":
                defaults = from_toml(cls, Path(value))
            elif flag == f"--{chooser}":
                chosen = value
    chosen = chosen or defaults.get(chooser, "")
    if of_choice is not None and chosen:
        defaults = {**of_choice(chosen), **defaults}
    captured = io.StringIO()
    try:
        with contextlib.redirect_stderr(captured):
            return tyro.cli(
                cls,
                args=_merged(
                    [word for word in argv if not _holds(word, defaults)],
                    {flag for flag, kind in _kinds(cls).items() if kind == dict[str, Any]},
                ),
                prog=prog,
                description=description,
                default=cls(**defaults),
                config=(tyro.conf.FlagCreatePairsOff,),
            )
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        raise ConfigurationError(_first_paragraph(captured.getvalue())) from None


def _others(flags: Collection[str]) -> str:
    """Say where options go that are not the command's own."""
    own = {
        "--env-kwargs": "the environment's",
        "--agent-kwargs": "the algorithm's",
        "--sampler-kwargs": "the sampler's",
    }
    told = [f"{whose} own go into {flag} NAME=VALUE" for flag, whose in own.items() if flag in flags]
    return "; " + ", ".join(told) if told else ""


def _kinds(cls: type[Any]) -> dict[str, Any]:
    """Return the type of each flag's value."""
    hints = get_type_hints(cls)
    return {_flag(f.name): hints[f.name] for f in dataclasses.fields(cls)}


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _holds(word: str, defaults: Mapping[str, Any]) -> bool:
    """Tell whether a word is a switch that a file has set already, for which tyro has no flag then."""
    return word.startswith("--") and defaults.get(word[2:].replace("-", "_")) is True


def _merged(argv: Sequence[str], flags: Collection[str]) -> list[str]:
    """Put the values of flags that may be given several times behind one of each."""
    words: list[str] = []
    values: dict[str, list[str]] = {}
    into = words
    for word in argv:
        flag, equals, value = word.partition("=")
        flag = flag.replace("_", "-")
        if not word.startswith("--"):
            into.append(word)
        elif flag in flags:
            into = values.setdefault(flag, [])
            into.extend([value] if equals else [])
        else:
            into = words
            words.append(word)
    return words + [word for flag, found in values.items() for word in (flag, *found)]


def _first_paragraph(boxed: str) -> str:
    """Take the message out of tyro's box, on one line, in our words.

    Where the output takes ASCII only, the title has a rule below it as well.
    """
    lines = [re.sub(r"^[│╭╰\s]+|[│╮╯\s]+$", "", line) for line in boxed.splitlines()]
    body = []
    for line in lines[1:]:
        if line and not set(line) <= set("─-"):
            body.append(line)
        elif body:
            break
    message = " ".join(body)
    for theirs, ours in WORDS:
        message = re.sub(theirs, ours, message)
    return message or "the arguments cannot be read; see --help"


def reference(
    argv: Sequence[str],
    doc: str,
    kind: str,
    table: Callable[[], None],
    one: Callable[[str], str],
    markdown: Callable[[], str],
) -> None:
    """Run a command that tells of what there is: of all in a table, of one, or as a page.

    Args:
        argv: the arguments.
        doc: its help.
        kind: what it tells of.
        table: prints all.
        one: from a name to its text.
        markdown: returns the page.

    Raises:
        ConfigurationError: there are more arguments than one.

    """
    if {"-h", "--help"} & set(argv) or len(argv) > 1:
        print(doc.strip())
        if len(argv) > 1:
            raise ConfigurationError(f"arguments {' '.join(argv)!r}; give one {kind}, --markdown or nothing")
    elif not argv:
        table()
    else:
        sys.stdout.write(markdown() if argv[0] == "--markdown" else one(argv[0]))


def prints() -> bool:
    """Tell whether this process is the one that prints, of those that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


@contextlib.contextmanager
def resumable(folder: Path, prog: str, argv: Sequence[str]) -> Iterator[None]:
    """Have an interrupt within the context say how to go on, where there is something to go on with.

    Args:
        folder: where the command keeps what is done.
        prog: the command.
        argv: its arguments.

    Raises:
        KeyboardInterrupt: the command was interrupted; its text is for `main` to print.

    """
    try:
        yield
    except KeyboardInterrupt:
        if not folder.is_dir():
            raise
        if not (done := kept(folder)):
            raise KeyboardInterrupt(f"before anything was kept; {folder} may be used again") from None
        again = [*prog.split(), *argv, *([] if "--resume" in argv else ["--resume"])]
        # torchrun's own arguments are not known here
        how = "the same command and --resume" if "RANK" in os.environ else shlex.join(again)
        raise KeyboardInterrupt(f"{folder} holds {done}, go on with: {how}") from None


def main(command: Callable[[Sequence[str]], None]) -> None:
    """Run a command.

    A `ConfigurationError` becomes one line on stderr and exit code 2, an interrupt from the keyboard one and 130. An
    exception in the user's own code is told in two, with exit code 1; --debug shows its traceback. Where nobody reads
    what is printed any more, as behind `| head`, the command ends at once, with 141 as a shell has it.
    """
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    warnings.filterwarnings("ignore", message=".*is not writable.*")
    sys.path.insert(0, os.getcwd())  # "module:Class" of the user's own, also where -P or a console script runs
    debug, argv = DEBUG in sys.argv[1:], [word for word in sys.argv[1:] if word != DEBUG]
    try:
        require_agents("agents")
        command(argv)
        sys.stdout.flush()
    except ConfigurationError as error:
        if prints():
            print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except Exception as error:  # what is not of the user's own code goes on as it came
        if isinstance(error, BrokenPipeError) and _unread():
            sys.exit(128 + signal.SIGPIPE)
        told = None if debug else faults.place(error)
        if told is None:
            raise
        if prints():
            print(f"error: {told}\n({DEBUG} shows the whole traceback)", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt as interrupt:
        if prints():
            print(": ".join(["interrupted", *map(str, interrupt.args)]), file=sys.stderr)
        sys.exit(130)
    end()


def _unread() -> bool:
    """Tell whether the reader of stdout has gone; then what is still to be written goes nowhere."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    gone = any(event & select.POLLERR for _, event in poll.poll(0))
    if gone:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return gone


def end() -> None:
    """End this process where torchrun started it; return where it stands alone."""
    if "RANK" in os.environ and "torch" in sys.modules:
        from agents import distributed

        distributed.end()
