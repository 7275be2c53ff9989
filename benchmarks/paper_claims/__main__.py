"""Hold the field's claims against the laboratory: `python -m benchmarks.paper_claims`.

Every row is a claim of Self-Distilled RLVR (arXiv 2604.03128) or of a paper after it, what stands for it on chains of
arithmetic with a model whose beliefs are known, the effect with its 95 % interval, and a verdict: reproduced (the whole
interval is where the claim says), contradicted (none of it), or not decided, and then how many seeds would decide it
with a chance of 80 % if the effect is as measured. A verdict is about this laboratory, not about the paper's models.
`python -m benchmarks.lab` makes the runs.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from agents import command_line
from benchmarks.paper_claims.claims import CLAIMS, Claim
from benchmarks.paper_claims.effects import Effect
from benchmarks.paper_claims.figures import figures
from benchmarks.paper_claims.measured import STORED, Measured, NotRunError
from rlsd_env.errors import ConfigurationError

COLUMNS = ("claim", "source", "here", "effect [95 %]", "seeds", "expected", "verdict")


@dataclasses.dataclass(frozen=True)
class ClaimOptions:
    """Options of `python -m benchmarks.paper_claims`."""

    lab: Path = STORED
    """lab.json of `python -m benchmarks.lab`; by default the stored one."""
    markdown: bool = False
    """Print a table as Markdown has it, as in docs/claims.md."""
    figures: Path | None = None
    """File to write what reports on laboratory tasks show (agents/lab/figures.json)."""
    config: Path | None = None
    """TOML file with any of these options."""


def row(claim: Claim, measured: Measured) -> tuple[str, ...]:
    """Return the cells of a claim."""
    try:
        effect = claim.effect(measured)
    except NotRunError as missing:
        return (claim.says, claim.source, claim.analogue, "-", "-", claim.expected.written(), f"not run: {missing}")
    verdict = claim.expected.verdict(effect)
    if verdict == "not decided" and effect.seeds:
        needed = claim.expected.seeds_needed(effect)
        verdict += f"; {needed} seeds would" if needed else "; over 1,000 seeds"
    seeds = str(effect.seeds) if effect.seeds else "-"
    return (claim.says, claim.source, claim.analogue, _written(effect), seeds, claim.expected.written(), verdict)


def _written(effect: Effect) -> str:
    digits = 0 if max(abs(effect.mean), abs(effect.low), abs(effect.high)) >= 10 else 3
    return f"{effect.mean:+.{digits}f} [{effect.low:+.{digits}f}, {effect.high:+.{digits}f}]"


def run(options: ClaimOptions) -> list[tuple[str, ...]]:
    """Print the table and return its rows.

    Raises:
        ConfigurationError: the file is not there.

    """
    if not options.lab.exists():
        raise ConfigurationError(
            f"lab {str(options.lab)!r} is not there; make it with python -m benchmarks.lab, which writes OUT/lab.json"
        )
    measured = Measured.read(options.lab)
    rows = [row(claim, measured) for claim in CLAIMS]
    if options.figures is not None:
        text = json.dumps(figures(options.lab, COLUMNS, rows), indent=1, ensure_ascii=False)
        options.figures.write_text(text + "\n", encoding="utf-8")
    if options.markdown:
        print("\n".join(f"| {' | '.join(cells)} |" for cells in (COLUMNS, ("---",) * len(COLUMNS), *rows)))
        return rows
    from rich.table import Table

    from agents.terminal import terminal

    table = Table(title="The field's claims in the laboratory", title_justify="left", show_lines=True)
    for name in COLUMNS:
        table.add_column(name, overflow="fold")
    for cells in rows:
        table.add_row(*cells)
    terminal(200).print(table)
    return rows


def main(argv: Sequence[str]) -> None:
    """Read the arguments and print."""
    run(command_line.parse(ClaimOptions, argv, "python -m benchmarks.paper_claims", __doc__ or ""))


if __name__ == "__main__":
    command_line.main(main)
