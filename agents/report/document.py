"""A report put together: what its page, its Markdown and its tables of numbers have in common."""

from __future__ import annotations

import dataclasses
import importlib.metadata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tomli_w

from agents.evaluation.published import SOURCE
from agents.report import answers, sections
from agents.report.cost import costs
from agents.report.curves import WINDOW, Chart, charts
from agents.report.examples import Example, Quote, examples, kept_samples, leaking_share, quotes
from agents.report.folders import Found
from agents.report.heatmaps import Heatmap, heatmaps
from agents.report.laboratory import Laboratory, laboratory
from agents.report.tables import Table, colours
from agents.terminal import counted

CONFIGS = 12
"""Runs whose options are shown; those of a comparison stand in one."""


WORDS = (
    (
        "agent",
        "the model as one method trains it: grpo, rlsd, opsd, sdpo and so on; docs/algorithms.md has a page for each",
    ),
    ("untrained", "the model that all agents start from"),
    ("teacher", "the same model, or another, shown text that the student cannot see"),
    ("privileged text", "what only the teacher is shown: the reference answer, a solution, a right attempt"),
    ("to cite, to leak", "to speak of privileged text in a response, as if it could be seen"),
    ("sampled, greedy", "responses drawn at the temperature of training; the likeliest token each time"),
    ("rollout", "a response sampled in training"),
    ("seed", "a whole training of its own: other tasks in another order, other samples"),
    (
        "honest, lazy teacher",
        "in the laboratory: one that never cites what it is shown, one that does in 30 % of its responses",
    ),
)
"""What a reader who has not seen such a report may ask."""


@dataclass(frozen=True)
class Document:
    """Everything that a report shows.

    Attributes:
        title: a line.
        subtitle: on what, from what.
        notices: what a reader must know first, of unfinished runs for example.
        answers: to the questions that come first.
        accuracy: accuracies; None: no run has ended.
        more: further summaries of the same responses.
        pairs: differences between agents.
        steps: steps to given accuracies; None: there were no evaluations on the way.
        notes: what the intervals and differences are.
        budgets: whether budgets are equal.
        published: the paper's table beside ours; None: on other tasks.
        charts: curves.
        examples: tasks with answers.
        heatmaps: responses with their tokens' credit.
        leakage: how often; None: not measured.
        quotes: of leaking responses.
        laboratory: figures of the laboratory; None: on other tasks.
        cost: what it took; None: nothing has been measured.
        setup: how the runs were made.
        command: how they are made again.
        configs: options of the runs, by name.
        colours: of the agents.
        results: what all this was made from, as results.json has it.

    """

    title: str
    subtitle: str
    notices: tuple[str, ...]
    answers: tuple[answers.Answer, ...]
    accuracy: Table | None
    more: Table | None
    pairs: tuple[Table, ...]
    steps: Table | None
    notes: tuple[str, ...]
    budgets: tuple[str, ...]
    published: Table | None
    charts: tuple[Chart, ...]
    examples: tuple[Example, ...]
    heatmaps: tuple[Heatmap, ...]
    leakage: Table | None
    quotes: tuple[Quote, ...]
    laboratory: Laboratory | None
    cost: Table | None
    setup: Table
    command: str
    configs: tuple[tuple[str, str], ...]
    colours: Mapping[str, str]
    results: Mapping[str, Any]


def document(found: Found, results: Mapping[str, Any]) -> Document:
    """Put a report together.

    Args:
        found: the runs.
        results: of all of them that have ended, as `agents.report.summary.summarise_found` has them.

    """
    shades = colours(found.agents)
    of_lab = laboratory(found, str(results["options"].get("env", "")))
    ended = bool(results["agents"])
    samples = [(run, kept_samples(run)) for run in found.runs]
    spent = costs(found)
    leaks = answers.leaks(results, results["options"].get("eval_samples", 1)) if ended else []
    total = results.get("timing", {}).get("seconds_total")
    options = results["options"]
    return Document(
        title=_title(found, options),
        subtitle=f"{options.get('env', '?')}, from {options.get('policy', '?')}",
        notices=tuple(_notices(found)),
        answers=(answers.best(results), answers.leaked(leaks), answers.cost(spent, total)),
        accuracy=sections.accuracy(results, shades) if ended else None,
        more=sections.more_accuracy(results) if ended else None,
        pairs=tuple(sections.differences(results)) if ended else (),
        steps=sections.steps_to(results) if ended else None,
        notes=tuple(_notes(results)) if ended else (),
        budgets=tuple(results["budgets"]["statements"]),
        published=sections.published(results),
        charts=tuple(charts(found)),
        examples=tuple(examples(samples)),
        heatmaps=(*heatmaps(found), *(of_lab.heatmaps if of_lab else ())),
        leakage=sections.leakage(leaks, leaking_share(found, samples), shades),
        quotes=tuple(quotes(samples)),
        laboratory=of_lab,
        cost=sections.cost(spent),
        setup=sections.setup(found, results),
        command=_command(found),
        configs=tuple(_configs(found, results)),
        colours=shades,
        results=results,
    )


def _title(found: Found, options: Mapping[str, Any]) -> str:
    agents = found.agents
    env = str(options.get("env", "?")).rpartition("/")[2]
    if len(agents) == 1:
        return f"{agents[0]} on {env}"
    names = ", ".join(agents) if len(agents) <= 6 else counted(len(agents), "agent")
    return f"{names} on {env}"


def _notices(found: Found) -> list[str]:
    """Say what is not there."""
    told = []
    if found.unfinished or found.missing:
        ended = len(found.runs) - len(found.unfinished)
        whole = len(found.runs) + len(found.missing)
        have = "has" if ended == 1 else "have"
        said = f"This report is of what there is: of {counted(whole, 'run')} {ended} {have} ended"
        if found.unfinished:
            names = [f"{run.agent} seed {run.seed} after step {len(run.metrics)}" for run in found.unfinished]
            said += f"; under way: {_some(names)}"
        if found.missing:
            said += f"; not begun: {_some([f'{agent} seed {seed}' for agent, seed in found.missing])}"
        told.append(said + ". Accuracies are of runs that have ended, curves of all.")
    differing = _differing(found)
    if differing:
        told.append(f"These runs do not have all options in common: {_some(differing)}. Compare with care.")
    return told


def _some(names: Sequence[str], most: int = 6) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _differing(found: Found) -> list[str]:
    """Name the options of tasks, model and evaluation in which runs differ, with their values."""
    shared = (
        "env",
        "env_kwargs",
        "policy",
        "eval_tasks",
        "eval_samples",
        "eval_fold",
        "max_tokens",
        "temperature",
        "steps",
    )
    told = []
    for name in shared:
        values = {str(run.options[name]) for run in found.runs if name in run.options}
        if len(values) > 1:
            told.append(f"{name} ({' or '.join(sorted(values))})")
    return told


def _notes(results: Mapping[str, Any]) -> list[str]:
    """Say what the numbers are."""
    notes = ["Sampled accuracy is the mean over the samples of each task, greedy of one response at temperature 0."]
    if any("best_sampled_accuracy" in agent for agent in results["agents"].values()):
        notes.append("Best weights are those that did best on tuning tasks during training.")
    for name, agent in results["agents"].items():
        if "environment_steps" in agent:
            notes.append(
                f"{name} took {agent['environment_steps']:,} environment steps of {agent['environment']}, no rollouts "
                "of the model; its gains are over its own network before training."
            )
    notes.append("Cite: responses that speak of what only a teacher is shown, see Leakage.")
    notes.append(
        "Where a difference's interval holds 0, no difference is shown; that is not to say that there is none."
    )
    return notes


def _command(found: Found) -> str:
    if found.comparisons:
        lines = [
            f"python -m agents.compare --config {folder / 'config.toml'} --out NEW" for folder in found.comparisons
        ]
        return "\n".join(lines)
    lines = [f"python -m agents.train --config {run.folder / 'config.toml'} --out NEW" for run in found.runs]
    return "\n".join(lines[:CONFIGS])


def _configs(found: Found, results: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return options as TOML: of whole comparisons, else of each run."""
    folders = [(str(folder / "config.toml"), folder / "config.toml") for folder in found.comparisons]
    if not folders:
        folders = [(f"{run.agent}, seed {run.seed}", run.folder / "config.toml") for run in found.runs[:CONFIGS]]
    told = [(name, path.read_text("utf-8")) for name, path in folders if path.exists()]
    for name, agent in results["agents"].items():
        if agent.get("hyperparameters"):
            told.append((f"hyperparameters of {name}", tomli_w.dumps(agent["hyperparameters"])))
    return told


def context(made: Document) -> dict[str, Any]:
    """Return what the page's template shows of a report."""
    sections_shown = [("summary", "Accuracy"), ("curves", "Curves"), ("examples", "Examples"), ("credit", "Credit")]
    sections_shown += [("leakage", "Leakage"), ("cost", "Cost"), ("setup", "Set-up")]
    if made.published:
        sections_shown.insert(1, ("published", "Published"))
    if made.laboratory:
        sections_shown.insert(-2, ("laboratory", "Laboratory"))
    fields = {f.name: getattr(made, f.name) for f in dataclasses.fields(made)}
    return fields | {
        "sections": sections_shown,
        "colors": made.colours,
        "accuracy_notes": made.notes,
        "pairs": [*made.pairs, *([made.steps] if made.steps else [])],
        "words": WORDS,
        "published_note": f"The paper's own numbers, from another model and another budget: {SOURCE}. "
        "They are data here, not a result of these runs.",
        "curve_agents": [
            agent for agent in made.colours if any(agent == line.agent for c in made.charts for line in c.lines)
        ],
        "window": WINDOW,
        "shades": list(sections.SHADES.items()),
        "version": importlib.metadata.version("rlsd"),
    }


def _stored_agents(made: Document) -> list[str]:
    """Name the agents that only stored figures are of."""
    axis = made.laboratory.axis if made.laboratory else ()
    agents = [line.agent for chart in axis for line in chart.lines]
    agents += [row.agent for one in made.heatmaps for row in one.rows]
    return [agent for agent in dict.fromkeys(agents) if agent not in made.colours]


def script_data(made: Document) -> dict[str, Any]:
    """Return what the page's script draws."""
    return {
        "colors": {**colours(_stored_agents(made)), **made.colours},
        "window": WINDOW,
        "charts": [
            dataclasses.asdict(chart) for chart in (*made.charts, *(made.laboratory.axis if made.laboratory else ()))
        ],
        "heatmaps": [
            {
                "tokens": one.tokens,
                "rows": [dataclasses.asdict(told) | {"shown": told.shown} for told in one.rows],
            }
            for one in made.heatmaps
        ],
    }
