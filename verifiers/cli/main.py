"""The arguments of `python -m verifiers`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from verifiers.cli import explain, grade
from verifiers.cli.common import RunError, UsageError
from verifiers.types import AnswerKind

_ROWS = """\
Each line of FILE is a JSON object:
  gold            the right answer: a text or a number, or a list of acceptable ones
  prediction      a short answer or a whole response: a text, a number, or null for none
  kind            optional: integer, decimal, .. (a kind of answer); "answer" (the prediction is one) or "response"
  choices         optional (or "options"): the options of a multiple-choice question; gold_letter: the right one
  unit, precision optional: the unit of a gold answer without one, the decimals that count
  id, category, expected
                  optional, for the summary; expected is true, false, or null for undecided
  prediction_gen  instead of prediction: [["lit", TEXT], ["rep", TEXT, TIMES], ..] to be joined
  prediction_type "int_pow10" says that the prediction N stands for the integer 10**N
A benchmark's verifier (mathvista, mmmu, ..) reads the benchmark's own columns instead.

Every row is written, in order, with correct, reward, status, extracted, method and seconds, and with error where it
could not be judged: a bad gold answer has status "bad_gold", a line that is no row has status "bad_row".
Exit code: 0; 1 where a line was no row or the verifier failed on one; 2 where the command cannot be run."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser("python -m verifiers", description="Judge answers.", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    raw = argparse.RawDescriptionHelpFormatter
    grading = commands.add_parser(
        "grade", help="judge the rows of a file", epilog=_ROWS, formatter_class=raw, allow_abbrev=False
    )
    grading.add_argument("file", metavar="FILE", type=Path, help="JSON lines; gzipped where the name ends in .gz")
    grading.add_argument("--verifier", metavar="NAME", help="a registered name, or package.module:Name")
    grading.add_argument("--mode", metavar="MODE", help="of a verifier that has modes: strict, official, lenient")
    grading.add_argument("--out", metavar="FILE", help="where the rows go with their results; - is standard output")
    grading.add_argument("--workers", metavar="N", type=_at_least(1), default=1, help="processes that grade (1)")
    grading.add_argument("--errors", metavar="N", type=_at_least(0), default=0, help="name N rows that disagree (0)")
    grading.add_argument("--summary-json", metavar="FILE", type=Path, help="where the summary goes as JSON")
    grading.set_defaults(run=lambda found: grade.run(grade.Options(**found)))
    explaining = commands.add_parser(
        "explain", help="show how one verdict comes about", allow_abbrev=False,
        epilog="Put -- before an answer that begins with a minus sign and is no number.",
    )  # fmt: skip
    explaining.add_argument("gold", metavar="GOLD", help="the right answer")
    explaining.add_argument("prediction", metavar="PREDICTION", help="an answer or a whole response")
    explaining.add_argument("--kind", choices=[str(kind) for kind in AnswerKind], help="inferred if left out")
    explaining.add_argument("--choices", metavar="TEXT", nargs="+", default=(), help="the options, A first")
    explaining.add_argument("--unit", metavar="UNIT", help="of a gold answer without one")
    explaining.add_argument("--precision", metavar="N", type=_at_least(0), help="the decimals that count")
    explaining.set_defaults(run=lambda found: explain.run(explain.Options(**found)))
    return parser


def _at_least(least: int) -> Callable[[str], int]:
    def integer(text: str) -> int:
        number = int(text)
        if number < least:
            raise ValueError
        return number

    integer.__name__ = f"integer of {least} or more"  # argparse says "invalid .. value"
    return integer


def main(argv: Sequence[str]) -> int:
    """Run a command.

    Args:
        argv: the words after `python -m verifiers`.

    Returns:
        The exit code: 2 for what a user got wrong, which is said in one line on stderr.

    """
    if not argv:
        _parser().print_help()
        return 0
    try:
        options, unknown = _parser().parse_known_args(argv)
        found = vars(options)
        command = found.pop("command")
        if unknown:
            raise UsageError(f"unrecognized arguments: {' '.join(unknown)}; see python -m verifiers {command} --help")
        return found.pop("run")(found)
    except (UsageError, RunError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except BrokenPipeError:  # who reads the output has closed it, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
