"""Run what a page has its reader type, in this process: whole where that is cheap, else up to where work begins."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import itertools
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import gymnasium
import pytest

from agents import command_line
from rlsd_env.cli import main as environments
from rlsd_env.cli.listing import source_class
from rlsd_env.registration import IDS
from rlsd_env.sources.dataset import DataSource
from tests.agents import commands
from tests.conftest import ROOT
from verifiers.cli import main as verifying

TRAINING = "--prompts-per-step 3 --group-size 4 --eval-tasks 2 --eval-samples 1 --steps".split()
SMALLER: Mapping[str, Sequence[str]] = {
    "agents.train": (*TRAINING, "1"),
    "agents.compare": (*TRAINING, "1", "--seeds", "0", "--jobs", "1"),
    "agents.evaluate": ("--limit", "2", "--samples", "1"),
    "agents.lab.precision": ("--tasks", "16"),
}
"""Options that are appended where a page's commands are run whole."""
HERE = ("--env-kwargs", "grading_workers=0")
"""The same of tasks of one's own, whose verifiers have processes of their own."""
BEGINS = {
    "agents.train": "agents.experiment:train",
    "agents.compare": "tests.agents.commands:Here.run_all",
    "agents.report": "agents.report.__main__:run",
    "agents.inspect": "agents.inspect:run",
    "agents.chat": "agents.chat:run",
    "agents.lab.make": "agents.lab.make:make_base",
    "agents.lab.card": "agents.lab.card:write_card",
    "agents.lab.precision": "agents.lab.precision:run",
    "benchmarks.lab": "benchmarks.lab.__main__:run",
    "benchmarks.lab.tuning": "benchmarks.lab.tuning:run",
    "benchmarks.paper_claims": "benchmarks.paper_claims.__main__:run",
}
"""Where the work of a command begins: everything before it has then been checked."""
TOOLS = ("docker", "wandb", "tensorboard", "srun", "cd", "mkdir", "export")
"""Commands of others, that are left alone."""


class Begun(BaseException):
    """A command has accepted all that it was told, and would begin."""


def each(text: str) -> Iterator[str]:
    """Yield the commands of a console, without comments."""
    for line in text.replace("\\\n", " ").split("\n"):
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";")
        lexer.whitespace_split, lexer.commenters = True, ""
        words: list[str] = []
        for word in _until_comment(lexer):
            if word == ";":
                yield shlex.join(words)
                words = []
            else:
                words.append(word)
        if words:
            yield shlex.join(words)


def _until_comment(words: Iterator[str]) -> Iterator[str]:
    for word in words:
        if word.startswith("#"):
            return
        yield word


def run(command: str, folder: Path, *, whole: bool, given: Mapping[str, str]) -> str:
    """Run a command of a page.

    Args:
        command: as the page has it.
        folder: where.
        whole: whether trainings and evaluations are run, with small budgets; else up to where they begin.
        given: what stands in the place of the page's placeholders.

    Returns:
        What it printed; "" of one that was not run to its end.

    """
    words = shlex.split(command)
    environment = {}
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        name, _, environment[name] = words.pop(0).partition("=")
    words = [_filled(word, given) for word in words]
    tool, *argv = words
    if tool == "make":
        _check_target(argv)
    elif tool == "pip":
        _check_extras(argv)
    elif tool in ("python", "torchrun"):
        if tool == "torchrun":
            argv = argv[argv.index("-m") :]
        needs_gpus = any("configs/" in word for word in argv)  # and data that are not here
        assert argv[0] == "-m", f"{command}: python -m MODULE is what pages have"
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            if argv[1] == "agents.evaluate" and (needs_gpus or _is_absent(argv[2:], folder)):
                return _parsed(argv[1], argv[2:], folder, patch)
            if needs_gpus and "--dry-run" not in argv:
                argv.append("--dry-run")
            return _module(argv[1], argv[2:], folder, whole, patch)
    else:
        assert tool in TOOLS, f"{command}: an unknown command"
    return ""


def _filled(word: str, given: Mapping[str, str]) -> str:
    for name, value in given.items():
        word = re.sub(rf"(?<![A-Z_]){name}(?![A-Z_])", lambda _, value=value: value, word)
    return word


def _check_target(argv: Sequence[str]) -> None:
    """Hold `make` to the targets that there are; variables are those of the Makefile."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for word in argv:
        name, equals, _ = word.partition("=")
        assert re.search(rf"^{name} \??=" if equals else rf"^{name}:", makefile, re.MULTILINE), f"make {word}"


def _check_extras(argv: Sequence[str]) -> None:
    """Hold `pip install` of the project to its extras."""
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    for word in argv:
        if match := re.fullmatch(r"(?:rlsd|\.)\[(.*)\]", word):
            assert set(match[1].split(",")) <= extras.keys(), word


def _module(module: str, argv: list[str], folder: Path, whole: bool, patch: pytest.MonkeyPatch) -> str:
    """Run a module of the project as `python -m` does."""
    if module == "rlsd_env":
        if _is_remote(argv):
            patch.setitem(environments.COMMANDS, argv[0], _Remote(environments.COMMANDS[argv[0]]))
        few = ["--limit", "40"] if argv[0] == "validate" and "--limit" not in argv else []
        return _called(environments.main, [*argv, *few], folder, patch)
    if module == "verifiers":
        return _called(verifying.main, argv, folder, patch)
    if module == "pytest" or "--help" in argv:
        return ""
    assert module.startswith(("agents", "benchmarks")), f"python -m {module}: no command of the project"
    if module.startswith("benchmarks") and module not in BEGINS:
        assert importlib.util.find_spec(module), module
        return ""
    if "ray" in argv or "--dry-run" in argv:
        whole = False
    if whole or module not in BEGINS:
        here = HERE if any(word.startswith("my_") for word in argv) and module in SMALLER and "--env" in argv else ()
        return _entered(module, [*argv, *SMALLER.get(module, ()), *here], folder, patch)
    _stop("agents.trials.ray:connected", patch)
    return _parsed(module, argv, folder, patch, BEGINS[module])


def _parsed(
    module: str, argv: list[str], folder: Path, patch: pytest.MonkeyPatch, begins: str = "agents.evaluate:run"
) -> str:
    """Run a command up to where something begins."""
    _stop(begins, patch)
    with contextlib.suppress(Begun):
        printed = _entered(module, argv, folder, patch)
        assert "--dry-run" in argv or printed.startswith("error: "), f"{module} {shlex.join(argv)} never began"
    return ""


def _stop(place: str, patch: pytest.MonkeyPatch) -> None:
    """Have a function say that work would begin."""

    def begun(*_: object, **__: object) -> None:
        raise Begun

    module, _, name = place.partition(":")
    patch.setattr(f"{module}.{name}", begun)


class _Remote:
    """A command whose data is not here: its arguments are read, and its ids are looked up."""

    def __init__(self, module: object) -> None:
        self.SUMMARY, self.EPILOG, self.configure = module.SUMMARY, module.EPILOG, module.configure  # type: ignore[attr-defined]

    def run(self, options: object) -> int:
        return 0


def _is_remote(argv: Sequence[str]) -> bool:
    """Tell whether a command reads a data set from the hub."""
    named = [word for word in argv if word.startswith("rlsd/")]
    assert set(named) <= gymnasium.registry.keys(), f"{named}: one of them is no environment"
    remote = any(word in IDS and issubclass(source_class(word), DataSource) for word in named)
    return remote and not any("path=" in word for word in argv)


def _entered(module: str, argv: Sequence[str], folder: Path, patch: pytest.MonkeyPatch) -> str:
    """Run a command of `agents`, or one that is built like them; a missing package of an extra is a known end."""
    found = importlib.import_module(f"{module}.__main__" if _is_package(module) else module)
    if not hasattr(found, "entry"):
        main = found.main
        takes = bool(main.__code__.co_argcount)
        patch.setattr(found, "entry", (lambda: command_line.main(main)) if takes else main, raising=False)
    done = commands.call(found.__name__, *argv, cwd=folder, check=False)
    absent = re.search(r"needs (\w+), which is not installed", done.stderr)
    if absent and importlib.util.find_spec(absent[1]) is None:
        return done.stderr
    assert done.returncode == 0, f"python -m {module} {shlex.join(argv)}\n{done.stdout}{done.stderr}"
    return done.stdout


def _is_package(module: str) -> bool:
    return (ROOT / Path(*module.split("."))).is_dir()


def _called(main: object, argv: Sequence[str], folder: Path, patch: pytest.MonkeyPatch) -> str:
    """Call a `main` that takes arguments and returns an exit code: 1 is what a check has found."""
    out, err = io.StringIO(), io.StringIO()
    patch.setattr(sys, "path", [str(folder), *sys.path])
    patch.setattr(sys, "stdin", io.StringIO("<answer> 0 </answer>\n" * 9))
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(argv))  # type: ignore[operator]
    assert code in (0, 1), f"{shlex.join(argv)}\n{out.getvalue()}{err.getvalue()}"
    return out.getvalue()


def _is_absent(argv: Sequence[str], folder: Path) -> bool:
    """Tell whether an evaluation is of data sets that are not here, each of which is looked up."""
    envs = next((words.split(",") for flag, words in itertools.pairwise(argv) if flag == "--env"), [])
    paths = [word.partition("path=")[2] for word in argv if "path=" in word]
    return "--suite" in argv or (_is_remote(envs) and not (paths and all((folder / path).exists() for path in paths)))


@contextlib.contextmanager
def at_home(folder: Path) -> Iterator[None]:
    """Take back at the end what a page registered and imported from its folder."""
    known = set(gymnasium.registry)
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(folder), *sys.path])
        try:
            yield
        finally:
            commands.forget(folder, known)


def syntax(script: str) -> None:
    """Check a shell script's syntax."""
    subprocess.run(["bash", "-n"], input=script, text=True, check=True, timeout=60)
