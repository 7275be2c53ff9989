"""What a report is written as: a page, Markdown, tables of numbers and figures for print."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agents.report.document import Document, context, script_data
from agents.report.html import render, verdict, why
from agents.report.tables import Table, markdown
from agents.runs.kept import PAGE
from agents.runs.storage import write_text

MARKDOWN, NUMBERS, CURVES, FIGURES = "report.md", "report.csv", "curves.csv", "figures"


def write_report(made: Document, folder: Path, figures: bool = True) -> list[Path]:
    """Write all files of a report into a folder and return them, the page first."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        PAGE: render(context(made), script_data(made)),
        MARKDOWN: as_markdown(made),
        NUMBERS: numbers(made.results),
        CURVES: curves(made),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    drawn = []
    if figures:
        from agents.report.figures import draw_report

        drawn = draw_report(made, folder / FIGURES)
    return [*(folder / name for name in texts), *drawn]


def as_markdown(made: Document) -> str:
    """Write what the page says, less what needs a browser."""
    parts = [f"# {made.title}", made.subtitle, *(f"> {notice}" for notice in made.notices)]
    for answer in made.answers:
        parts += [f"**{answer.question}** {answer.short}. {' '.join(answer.sentences)}"]

    def add(heading: str, *tables: Table | None) -> None:
        shown = [table for table in tables if table is not None]
        if shown:
            parts.append(f"## {heading}")
        for table in shown:
            parts.extend(
                text for text in (table.title and f"### {table.title}", table.caption, markdown(table)) if text
            )

    add("Accuracy", made.accuracy, made.more, *made.pairs, made.steps)
    parts += made.notes
    if made.budgets:
        parts += ["## Are the budgets equal?", "\n".join(f"- {line}" for line in made.budgets)]
    add("Published numbers", made.published)
    if made.examples:
        parts.append("## Examples")
        for one in made.examples:
            parts += [f"### {one.task_id}, step {one.step}, seed {one.seed}", _block(one.prompt)]
            if one.reference:
                parts.append(f"Reference answer: {one.reference}")
            for told in one.answers:
                parts.append(f"**{told.agent}**, {told.right} of {told.judged} right")
                for sample in told.samples:
                    parts += [_block(sample.earlier)] if sample.earlier else []
                    parts += [_block(sample.response), f"{verdict(sample)}; {why(sample)}"]
    add("Leakage", made.leakage)
    for quote in made.quotes:
        said = f"{quote.before}**{quote.phrase}**{quote.after}".replace("\n", " ")
        parts.append(f"> {said}\n>\n> {quote.agent}, seed {quote.seed}, step {quote.step}, {quote.task_id}")
    if made.laboratory:
        add("Laboratory", *made.laboratory.tables)
    add("Cost", made.cost)
    add("How these runs were made", made.setup)
    parts += ["To make them again:", _block(made.command)]
    return "\n\n".join(parts) + "\n"


def _block(text: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text}\n{fence}"


def numbers(results: Mapping[str, Any]) -> str:
    """Write every number of the agents and of their differences: agent, other agent, measure, mean, low, high."""
    rows: list[tuple[object, ...]] = [("agent", "other", "measure", "mean", "low", "high")]
    tables = {"untrained": results["untrained"]} if results["untrained"] else {}
    for name, agent in (tables | dict(results["agents"])).items():
        for measure, value in agent.items():
            rows += _numbers(name, measure, value)
    for one in results.get("comparisons", ()):
        told = {**one["difference"], **one["corrected"]}
        rows.append((one["a"], one["b"], f"{one['kind']}_difference", told["mean"], told["low"], told["high"]))
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _numbers(agent: str, measure: str, value: Any) -> list[tuple[object, ...]]:
    """Take numbers and intervals out of a value of results.json, those of inner tables under names of both."""
    if isinstance(value, bool) or value is None:
        return []
    if isinstance(value, int | float):
        return [(agent, "", measure, value, "", "")]
    if isinstance(value, Mapping) and "mean" in value and "low" in value:
        return [(agent, "", measure, value["mean"], value["low"], value["high"])]
    if isinstance(value, Mapping):
        return [row for name, inner in value.items() for row in _numbers(agent, f"{measure}/{name}", inner)]
    return []


def curves(made: Document) -> str:
    """Write all curves: metric, agent, step, and mean, lowest and highest seed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("metric", "agent", "step", "mean", "low", "high", "seeds"))
    for chart in made.charts:
        for line in chart.lines:
            for point in zip(line.steps, line.mean, line.low, line.high):
                writer.writerow((chart.key, line.agent, *(f"{value:.6g}" for value in point), line.seeds))
    return text.getvalue()
