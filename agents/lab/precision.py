"""Measure how well methods' credit finds the steps that were wrong, on a model whose steps can be judged.

A model of `agents.lab.make` answers held-out chains several times; each method says, through the learner and before any
update, what it would pay each token. Wrong responses of groups with a right one are looked at: does the blame fall on
the first step whose result is wrong for its own operands? docs/laboratory.md has the formulas.
"""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agents import command_line
from rlsd_env.errors import ConfigurationError

if TYPE_CHECKING:
    from agents.lab.options import PrecisionOptions
    from agents.lab.study import Row
    from agents.report.statistics import Interval

SCHEMA = "rlsd-precision-1"
EVIDENCE: dict[str, str] = {
    "first wrong, of earlier": "most_first_wrong_earlier",
    "last, of earlier": "most_last_earlier",
    "first wrong": "most_first_wrong",
    "last": "most_last",
    "AUC": "auc_steps",
    "AUC not last": "auc_steps_not_last",
}
"""Columns of the table that are of evidence, or of credit where there is no evidence."""


def run(options: PrecisionOptions) -> dict[str, Any]:
    """Measure, print a table and return what the file holds.

    Raises:
        ConfigurationError: an option is unusable; nothing has been written then.

    """
    import torch

    from agents.lab.remember import RememberingPolicy
    from agents.lab.study import Study
    from agents.policy.loading import load_policy
    from agents.runs.storage import write_json

    if options.out is not None and options.out.exists():
        raise ConfigurationError(f"out {str(options.out)!r} exists already; give another file")
    if not options.policy:
        raise ConfigurationError("policy is missing; give the folder of a model of python -m agents.lab.make")
    torch.set_num_threads(options.threads)
    study = Study(RememberingPolicy(load_policy(options.policy, options.device)), options)
    told = study.described()
    print(
        f"{told['tasks']} tasks, {told['responses']} responses, {told['accuracy']:.3f} right; "
        f"{told['mixed_groups']} groups with right and wrong ones",
        file=sys.stderr,
    )
    rows = sorted(study.rows(), key=lambda row: (-row.sharpest, row.source))
    results = {
        "schema": SCHEMA,
        "options": {f.name: _plain(getattr(options, f.name)) for f in dataclasses.fields(options) if f.name != "out"},
        "rollouts": told,
        "sources": [_record(row) for row in rows],
    }
    _print(options, told, rows)
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        write_json(options.out, results)
        print(f"all figures: {options.out}")
    return results


def _print(options: PrecisionOptions, told: Mapping[str, Any], rows: Sequence[Row]) -> None:
    """Print the table, the sharpest first."""
    from rich.table import Table

    from agents.terminal import counted, terminal

    table = Table(
        title=f"{options.policy} on {counted(told['tasks'], 'task')} of {options.env}: "
        f"{told['of_those_with_a_wrong_step']} wrong responses with a wrong step, "
        f"{told['of_those_not_the_last']} whose first is not the last (earlier)",
        title_justify="left",
    )
    table.add_column("source")
    table.add_column("hint")
    for name in (*EVIDENCE, "credit: first wrong, of earlier", "share / chance", "AUC sum", "teacher right", "cites"):
        table.add_column(name, justify="right")
    for row in rows:
        evidence = row.figures.get("evidence", row.figures.get("credit", {}))
        credit = row.figures.get("credit", {})
        table.add_row(
            row.source,
            row.hints or "-",
            _written(evidence.get(EVIDENCE["first wrong, of earlier"]), bounds=True),
            *(_written(evidence.get(name)) for name in list(EVIDENCE.values())[1:]),
            _written(credit.get("most_first_wrong_earlier")),
            " / ".join(_written(credit.get(f"share_first_wrong_step{end}")) for end in ("", "_chance"))
            if credit
            else "-",
            _written(row.predicts),
            "-" if row.accuracy is None else f"{row.accuracy:.3f}",
            "-" if row.cites is None else f"{row.cites:.3f}",
        )
    terminal(220).print(table)


def _written(interval: Interval | None, *, bounds: bool = False) -> str:
    if interval is None or math.isnan(interval.mean):
        return "-"
    return f"{interval.mean:.3f}" + (f" [{interval.low:.3f}, {interval.high:.3f}]" if bounds else "")


def _record(row: Row) -> dict[str, Any]:
    """Return a row as JSON has it."""
    return {
        "source": row.source,
        "agent": row.agent or None,
        "options": _plain(dict(row.options)),
        "hints": row.hints or None,
        **{name: {"responses": row.responses[name], **_plain(dict(found))} for name, found in row.figures.items()},
        "auc_sum": _plain(row.predicts),
        "teacher_accuracy": row.accuracy,
        "teacher_cites": row.cites,
    }


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: an interval as a table, not-a-number as null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def main(argv: Sequence[str]) -> None:
    """Read the arguments and measure."""
    from agents.lab.options import PrecisionOptions

    run(command_line.parse(PrecisionOptions, argv, "python -m agents.lab.precision", __doc__ or ""))


def entry() -> None:
    """Console script."""
    command_line.main(main)


if __name__ == "__main__":
    entry()
