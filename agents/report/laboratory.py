"""The laboratory's part of a report: whose credit finds the wrong steps of these runs, and what was measured before."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agents.evidence import TokenEvidence
from agents.lab.blame import Blame, Bootstrap, Judged, measure_blame
from agents.lab.steps import locate
from agents.report.answers import written
from agents.report.curves import Chart, Line
from agents.report.folders import Found, Run
from agents.report.heatmaps import Heatmap, heatmap
from agents.report.tables import Table, row, without_empty

ENVIRONMENTS = ("rlsd/Chain-v0", "rlsd/PictureChain-v0")
FIGURES = Path(__file__).parents[1] / "lab" / "figures.json"
"""What `python -m benchmarks.paper_claims --figures FILE` made of the laboratory's stored runs."""
ASKED = FIGURES.with_name("example.json")
"""What `python -m agents.lab.pages` has every method say of two responses."""


@dataclass(frozen=True)
class Laboratory:
    """What a report says of a task whose steps can be judged.

    Attributes:
        note: what the tables are of.
        tables: the tables, with titles.
        axis: accuracy and citations against how often the teacher cites.
        heatmaps: a right and a wrong response under every method.

    """

    note: str
    tables: tuple[Table, ...]
    axis: tuple[Chart, ...]
    heatmaps: tuple[Heatmap, ...]


def laboratory(found: Found, env: str) -> Laboratory | None:
    """Return the laboratory's part; None: the task is none of its."""
    if env.rpartition(":")[2] not in ENVIRONMENTS:
        return None
    own = credit_precision(found)
    stored = json.loads(FIGURES.read_text("utf-8"))
    tables = [own] if own is not None else []
    tables += [_credit(stored), _claims(stored)]
    note = f"Chains of arithmetic, where it is known which step of a response is wrong. {stored['measured']}"
    return Laboratory(note, tuple(tables), _axis(stored), tuple(_heatmaps(json.loads(ASKED.read_text("utf-8")))))


def credit_precision(found: Found) -> Table | None:
    """Measure how well each agent's credit finds the wrong steps, in the evidence that runs kept of their first step.

    The measures are those of `agents.lab.blame`; None: no run kept evidence of wrong responses.
    """
    rows = []
    for agent in found.agents:
        measured = blame_of(found.of(agent))
        for kind, blame in measured.items():
            if blame.responses:
                figures = blame.figures
                rows.append(
                    row(
                        agent,
                        kind,
                        str(blame.responses),
                        _of(figures, "share_first_wrong_step"),
                        f"{figures['share_first_wrong_step_chance'].mean:.3f}".lstrip("0"),
                        _of(figures, "most_first_wrong"),
                        _of(figures, "auc_steps"),
                    )
                )
    if not rows:
        return None
    columns = ["agent", "what", "wrong responses", "share of blame on the first wrong step", "by chance"]
    columns += ["most blamed is the first wrong step", "area under the curve, wrong steps"]
    caption = (
        "Before the first update, intervals bootstrapped over groups; evidence is D where a method pays no single token"
    )
    return without_empty(Table(tuple(columns), tuple(rows), caption, "Credit precision in these runs"))


def _of(figures: Mapping[str, Any], name: str) -> str:
    one = figures[name]
    if not np.isfinite(one.mean):
        return "-"
    return written({"mean": one.mean, "low": one.low, "high": one.high})


def blame_of(runs: Sequence[Run]) -> dict[str, Blame]:
    """Measure an agent's blame by what is looked at: its credit, and the evidence that this was made from."""
    kept: list[tuple[int, TokenEvidence]] = []
    for run in runs:
        kept += [(run.seed, one) for one in run.evidence if one.step == 0]
    groups = {key: i for i, key in enumerate(sorted({(seed, one.task_id, one.group) for seed, one in kept}))}
    found = {}
    for kind in ("credit", "evidence"):
        judged = []
        for seed, one in kept:
            says = one.values.get("credit") if kind == "credit" else one.basis(next(iter(one.contexts), None))
            if says is not None and not one.correct:
                group = groups[seed, one.task_id, one.group]
                judged.append(Judged(group, one.correct, locate(one.tokens), np.asarray(says, dtype=np.float64)))
        if judged:
            found[kind] = measure_blame(judged, Bootstrap(len(groups)))
    return found


def _heatmaps(asked: Sequence[Mapping[str, Any]]) -> Iterator[Heatmap]:
    """Yield the responses that every method was asked about, before any update."""
    for response in asked:
        of: dict[str, Any] = {name: value for name, value in response.items() if name != "agents"}
        said = [(agent, TokenEvidence(**of, **one)) for agent, one in response["agents"].items()]
        yield heatmap(f"stored: every method on {response['task_id']}", said)


def _axis(stored: Mapping[str, Any]) -> tuple[Chart, ...]:
    """Draw accuracy and citations against how often the teacher cites, of the stored runs."""
    lines: dict[str, list[Line]] = {"accuracy": [], "leaks": []}
    by_agent: dict[str, list[Mapping[str, Any]]] = {}
    for one in stored["axis"]:
        by_agent.setdefault(one["agent"], []).append(one)
    for agent, points in by_agent.items():
        steps = tuple(float(point["teacher"].rstrip(" %")) for point in points)
        for kind, found in lines.items():
            bounds = [tuple(point[kind][bound] for point in points) for bound in ("mean", "low", "high")]
            found.append(Line(agent, steps, bounds[0], bounds[1], bounds[2], points[0]["seeds"]))
    across = "against the share of responses in which the teacher cites, %"
    return (
        Chart("axis_accuracy", f"Accuracy after training, {across}", "Stored", tuple(lines["accuracy"]), False),
        Chart("axis_leaks", f"Responses of 1,000 that cite, {across}", "Stored", tuple(lines["leaks"]), False),
    )


def _credit(stored: Mapping[str, Any]) -> Table:
    rows = [
        row(
            one["source"], one["hints"], written(one["first_wrong_earlier"]), written(one["auc"]), written(one["share"])
        )
        for one in stored["credit"]
    ]
    columns = ["source", "hint", "evidence: first wrong step is most blamed", "area under the curve"]
    columns += ["credit: share on the first wrong step (chance .208)"]
    return Table(tuple(columns), tuple(rows), title="Whose evidence finds the wrong step (stored)")


def _claims(stored: Mapping[str, Any]) -> Table:
    columns = tuple(stored["claims"]["columns"])
    rows = tuple(row(*cells) for cells in stored["claims"]["rows"])
    return Table(
        columns, rows, title="The field's claims, held against the laboratory (stored)", texts=frozenset({0, 1, 2, 6})
    )
