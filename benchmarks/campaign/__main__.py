"""How verifiers judge answers whose label is certain by construction: `python -m benchmarks.campaign`.

A grammar draws answers of every kind, rewrites them into equal forms and, by one small change, into near misses, and
writes both in many notations. Its values are computed by itself with 60 digits, without code of the verifiers, and
pairs that stay undecided are left out. The verifier of free answers judges each pair in both directions (that of
multiple choice judges letters). With --fuzz random and hostile answers are judged instead: nothing may raise, be run,
or take more than a second of CPU.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agents import command_line
from agents.options.types import Names
from agents.report.statistics import score_interval
from benchmarks.campaign.fuzzing import LATE, Found, fuzz
from benchmarks.campaign.pairs import KINDS, Row, pairs
from rlsd_env.errors import ConfigurationError, one_of
from verifiers import AnswerVerifier, Reference, Verdict, Verifier

NORMAL = 1.959964
"""Quantile of the intervals, of 95 %."""


@dataclasses.dataclass(frozen=True)
class CampaignOptions:
    """Options of `python -m benchmarks.campaign`."""

    pairs: int = 50_000
    """Pairs to draw, half of them near misses; most are judged in both directions."""
    seed: int = 0
    """Of the draws."""
    kinds: Names = ()
    """Kinds of answers; all by default."""
    fuzz: int = 0
    """Random and hostile answers to judge instead."""
    disagreements: Path | None = None
    """JSON lines file for every row on which the verifier and the label differ."""
    json: Path | None = None
    """File for all figures."""
    config: Path | None = None
    """TOML file with any of these options."""


@dataclasses.dataclass(frozen=True)
class Campaign:
    """What was judged.

    Attributes:
        counts: rows by (kind, whether right by the label, whether the verifier says so; None: it raised).
        disagreements: rows on which the two differ, with what the verifier said.
        seconds: CPU of each verdict in this process.
        empty: pairs of which no certain row was found.

    """

    counts: Counter[tuple[str, bool, bool | None]]
    disagreements: list[dict[str, Any]]
    seconds: list[float]
    empty: int

    def shares(self, kinds: Sequence[str]) -> dict[str, Any]:
        """Return how many equal forms and near misses of these kinds were accepted, with Wilson's 95 % intervals."""
        found: dict[str, Any] = {}
        for name, label in (("equal", True), ("near_miss", False)):
            rows = sum(self.counts[kind, label, said] for kind in kinds for said in (True, False, None))
            accepted = sum(self.counts[kind, label, True] for kind in kinds)
            interval = score_interval(accepted / rows, rows, NORMAL) if rows else None
            found[name] = {"rows": rows, "accepted": accepted} | (
                {"low": interval.low, "high": interval.high} if interval else {}
            )
        return found


def judge(rows: Sequence[Sequence[Row]], verifier: Verifier) -> Campaign:
    """Judge the rows of pairs."""
    campaign = Campaign(Counter(), [], [], sum(not pair for pair in rows))
    for row in (row for pair in rows for row in pair):
        began = time.thread_time()
        said: bool | None = None
        verdict: Verdict | None = None
        try:
            verdict = verifier.verify(row.response, Reference(row.gold, choices=row.choices))
            said, how = verdict.correct, verdict.status.value
        except Exception as error:  # a gold that cannot be used, or what should never be
            how = f"{type(error).__name__}: {error}"
        campaign.seconds.append(time.thread_time() - began)
        campaign.counts[row.kind, row.expected, said] += 1
        if said is not row.expected:
            extracted = None if verdict is None else verdict.extracted
            campaign.disagreements.append(
                dataclasses.asdict(row) | {"said": said, "status": how, "extracted": extracted}
            )
    return campaign


def run(options: CampaignOptions) -> Campaign:
    """Judge, print the table and write the files."""
    from rich.table import Table

    from agents.runs.storage import write_json, write_text
    from agents.terminal import terminal

    kinds = options.kinds or KINDS
    for kind in kinds:
        if kind not in KINDS:
            raise ConfigurationError(one_of("kind", kind, KINDS))
    verifier = AnswerVerifier()
    verifier.warm_up()
    campaign = judge(list(pairs(options.pairs, options.seed, kinds)), verifier)
    table = Table(
        title=f"{options.pairs:,} pairs, seed {options.seed}: accepted of equal forms, and of near misses",
        title_justify="left",
    )
    for column in ("kind", "equal", "accepted", "95 % interval", "near misses", "accepted", "at most"):
        table.add_column(column, justify="left" if column == "kind" else "right")
    shares = {kind: campaign.shares([kind]) for kind in kinds} | {"all": campaign.shares(kinds)}
    for kind, share in shares.items():
        equal, near = share["equal"], share["near_miss"]
        table.add_row(
            kind,
            f"{equal['rows']:,}",
            f"{equal['accepted'] / equal['rows']:.2%}" if equal["rows"] else "",
            f"{equal['low']:.2%} to {equal['high']:.2%}" if equal["rows"] else "",
            f"{near['rows']:,}",
            str(near["accepted"]),
            f"{near['high']:.2%}" if near["rows"] else "",
        )
    terminal(120).print(table)
    ordered = sorted(campaign.seconds)
    speed = {
        "mean_ms": 1e3 * sum(ordered) / len(ordered),
        "p99_ms": 1e3 * ordered[int(len(ordered) * 0.99)],
        "max_ms": 1e3 * ordered[-1],
    }
    print(
        f"{len(ordered):,} verdicts, {campaign.empty} pairs without; CPU a verdict: mean {speed['mean_ms']:.2f} ms, "
        f"99th percentile {speed['p99_ms']:.1f} ms, at most {speed['max_ms']:.0f} ms"
    )
    if options.disagreements is not None:
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in campaign.disagreements]
        write_text(options.disagreements, "".join(lines))
    if options.json is not None:
        write_json(options.json, {"pairs": options.pairs, "seed": options.seed, "shares": shares, **speed})
    return campaign


def run_fuzz(options: CampaignOptions) -> Found:
    """Judge random and hostile answers; what was found so far is printed as it goes on."""
    from agents.runs.storage import write_json

    def tell(found: Found) -> None:
        figures = found.figures()
        print(
            f"{found.answers:,} answers: {len(found.raised)} kinds of exceptions, {found.executed} executed, "
            f"{len(found.late)} above {LATE:g} s; CPU a verdict: mean {figures['mean_ms']:.2f} ms, "
            f"99th percentile {figures['p99_ms']:.1f} ms, at most {figures['max_ms']:.0f} ms",
            flush=True,
        )
        if options.json is not None:
            write_json(options.json, {"seed": options.seed, **figures})

    logging.getLogger("verifiers").setLevel(logging.CRITICAL)  # a failure is in the figures, once of a kind
    found = fuzz(AnswerVerifier(), options.fuzz, options.seed, tell)
    print(json.dumps(found.figures(), indent=2))
    return found


def main(argv: Sequence[str]) -> None:
    """Read the arguments and judge."""
    options = command_line.parse(CampaignOptions, argv, "python -m benchmarks.campaign", __doc__ or "")
    run_fuzz(options) if options.fuzz else run(options)


if __name__ == "__main__":
    command_line.main(main)
