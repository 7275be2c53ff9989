"""Make a report of runs: `python -m agents.report RUN..`.

RUN is the --out of a comparison or of a training, finished or not. Several are joined: of several machines, or of
comparisons with other seeds or agents. The report is one HTML page that needs nothing beside it, the same as Markdown,
its numbers as CSV and figures for print.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from tyro.conf import Positional

from agents import command_line
from rlsd_env.errors import ConfigurationError
from rlsd_env.extras import require


@dataclasses.dataclass(frozen=True)
class ReportOptions:
    """Options of `python -m agents.report`."""

    runs: Positional[tuple[Path, ...]] = (Path("runs/compare"),)
    """Folders of comparisons and trainings."""
    out: Path | None = None
    """Folder for the report; by default the first RUN."""
    no_figures: bool = False
    """Leave out the figures for print."""

    def __post_init__(self) -> None:
        if not self.runs:
            raise ConfigurationError("no run is given; name the --out of a training or a comparison")


def run(options: ReportOptions) -> list[Path]:
    """Make the report and return its files, the page first.

    Raises:
        ConfigurationError: a folder holds no run.

    """
    require("a report", "report", "matplotlib", "jinja2")
    from agents.report.document import document
    from agents.report.files import write_report
    from agents.report.folders import find_runs
    from agents.report.summary import summarise_found

    found = find_runs(options.runs)
    out = options.out or options.runs[0]
    if out.exists() and not out.is_dir():
        raise ConfigurationError(f"out {str(out)!r} is a file; give a folder")
    return write_report(document(found, summarise_found(found)), out, figures=not options.no_figures)


def main(argv: Sequence[str]) -> None:
    """Read the arguments and make the report."""
    files = run(command_line.parse(ReportOptions, argv, "python -m agents.report", __doc__ or ""))
    print(f"report: {files[0]}")
    print(f"beside it: {', '.join(str(path.relative_to(files[0].parent)) for path in files[1:])}")


def entry() -> None:
    """Console script."""
    command_line.main(main)


if __name__ == "__main__":
    entry()
