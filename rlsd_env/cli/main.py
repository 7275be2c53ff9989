"""The arguments of `python -m rlsd_env`, and its exit codes."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from rlsd_env.cli import bench, docs, foreign, listing, overlap, play, reverify, show, validate
from rlsd_env.cli.common import find_foreign
from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.plugins import import_module

COMMANDS = {
    "list": listing,
    "show": show,
    "play": play,
    "validate": validate,
    "overlap": overlap,
    "reverify": reverify,
    "bench": bench,
    "docs": docs,
}
"""The commands by name. A module has `SUMMARY`, `EPILOG`, `configure(parser)` and `run(options) -> exit code`."""
_EPILOG = """\
python -m rlsd_env COMMAND --help tells more. A first look:
  python -m rlsd_env show rlsd/ShapeCount-v0 --image task.png
  python -m rlsd_env play rlsd/Clock-v0 --env-kwargs difficulty=3

Exit code: 0; 1 where a check found something; 2 where the command cannot be run."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigurationError(f"{message}; see {self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    layout = argparse.RawDescriptionHelpFormatter
    parser = _Parser(
        "python -m rlsd_env", description="Reasoning environments: look, check, measure.", allow_abbrev=False,
        epilog=_EPILOG, formatter_class=layout,
    )  # fmt: skip
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, module in COMMANDS.items():
        command = commands.add_parser(
            name, help=module.SUMMARY, description=f"{module.SUMMARY[0].upper()}{module.SUMMARY[1:]}.",
            epilog=module.EPILOG, formatter_class=layout, allow_abbrev=False,
        )  # fmt: skip
        module.configure(command)
        command.add_argument(
            "--import", dest="imports", metavar="MODULE", action="append", default=[],
            help="import a module of yours first, which registers ids",
        )  # fmt: skip
    return parser


def main(argv: Sequence[str]) -> int:
    """Run a command.

    Args:
        argv: the words after `python -m rlsd_env`.

    Returns:
        The exit code: 2 for what a user got wrong, which is said in one line on stderr.

    """
    try:
        if not argv:
            _parser().print_help()
            return 0
        if not argv[0].startswith("-") and argv[0] not in COMMANDS:
            raise ConfigurationError(one_of("command", argv[0], COMMANDS))
        options, unknown = _parser().parse_known_args(argv)
        if unknown:
            raise ConfigurationError(
                f"unrecognized arguments: {' '.join(unknown)}; see python -m rlsd_env {options.command} --help"
            )
        for module in options.imports:
            import_module(module, module)
        if options.command in foreign.COMMANDS and (spec := find_foreign(options.env)) is not None:
            return foreign.COMMANDS[options.command](spec, options)
        return COMMANDS[options.command].run(options)
    except ConfigurationError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # who reads the output has closed it, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def entry() -> None:
    """Console script."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.path.insert(0, os.getcwd())  # modules of the user's own, also where -P or a console script runs
    sys.exit(main(sys.argv[1:]))
