"""What a reader asks first, answered in sentences: who is best and how sure is that, who leaked, what did it cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.report.cost import Cost
from agents.report.statistics import NORMAL, score_interval
from agents.terminal import counted

LEAKS = "leakage_per_1000"


@dataclass(frozen=True)
class Answer:
    """An answer to one question.

    Attributes:
        question: the question.
        short: a few words.
        sentences: the answer, with its numbers.

    """

    question: str
    short: str
    sentences: tuple[str, ...]


def written(interval: Mapping[str, float | None] | None, signed: bool = False) -> str:
    """Write a mean with its interval as the text of a report does.

    >>> written({"mean": 0.5, "low": 0.25, "high": None}), written({"mean": 0.1, "low": -0.1, "high": 0.3}, signed=True)
    ('.500', '+.100 [-.100, +.300]')
    """
    if interval is None or interval["mean"] is None:
        return "-"
    mean = decimal(interval["mean"], signed)
    low, high = interval.get("low"), interval.get("high")
    return mean if low is None or high is None else f"{mean} [{decimal(low, signed)}, {decimal(high, signed)}]"


def decimal(value: float, signed: bool = False) -> str:
    """Write a number between -1 and 1 without the zero before the point.

    >>> decimal(0.25), decimal(-0.5, signed=True), decimal(1.0)
    ('.250', '-.500', '1.000')
    """
    text = f"{value:{'+' if signed else ''}.3f}"
    sign, digits = (text[0], text[1:]) if text[0] in "+-" else ("", text)
    return sign + digits.removeprefix("0")


def listed(names: Sequence[str]) -> str:
    """Join names as a sentence does.

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def best(results: Mapping[str, Any], kind: str = "sampled") -> Answer:
    """Say which agent has the highest accuracy, and which others it can be told from."""
    question = "Which agent is best here, and how sure is that?"
    accuracies = {
        name: agent[f"{kind}_accuracy"]
        for name, agent in results["agents"].items()
        if agent.get(f"{kind}_accuracy") and agent[f"{kind}_accuracy"]["mean"] is not None
    }
    if not accuracies:
        return Answer(question, "No run has ended yet", ("There is no accuracy to compare yet.",))
    ranked = sorted(accuracies, key=lambda name: -float(accuracies[name]["mean"]))
    first = ranked[0]
    lead = (f"{first} has the highest {kind} accuracy, {written(accuracies[first])}.", *_gain(results, first, kind))
    if len(ranked) == 1:
        return Answer(question, f"{first}: {written(accuracies[first])}", (*lead, *_intervals(results)))
    told = {name: found for name in ranked[1:] if (found := pair(results, first, name, kind)) is not None}
    lower = [name for name, found in told.items() if found["verdict"].startswith(first)]
    level = [name for name in told if name not in lower]
    apart = [name for name in ranked[1:] if name not in told]
    sentences = [*lead]
    if level:
        sentences.append(f"No difference between it and {listed(level)} is shown.")
    if lower:
        sentences.append(f"{listed(lower)} {'is' if len(lower) == 1 else 'are'} lower in sampled accuracy.")
    if apart:
        sentences.append(f"With {listed(apart)} it has no tasks and seeds in common to compare on.")
    sentences += _greedy(results, first)
    sentences += _intervals(results)
    if not told:
        short = f"{first}, by its mean alone"
    elif level and not lower:
        short = "No difference shown"
    else:
        short = f"{first}, level with {listed(level)}" if level else first
    return Answer(question, short, tuple(sentences))


def _gain(results: Mapping[str, Any], name: str, kind: str) -> list[str]:
    """Say whether an agent is ahead of the model that it began from, where that was evaluated."""
    gain = results["agents"][name].get(f"{kind}_gain")
    if not gain or gain["mean"] is None:
        return []
    told = written(gain, signed=True)
    if gain["low"] is not None and gain["low"] > 0:
        return [f"Over the untrained model it has gained {told}."]
    if gain["high"] is not None and gain["high"] < 0:
        return [f"It has lost against the untrained model, {told}."]
    return [f"No gain over the untrained model is shown, {told}."]


def _greedy(results: Mapping[str, Any], first: str) -> list[str]:
    """Say who is ahead where responses are decoded greedily, if that is another agent."""
    means = {name: agent.get("greedy_accuracy") for name, agent in results["agents"].items()}
    known = {name: told for name, told in means.items() if told and told["mean"] is not None}
    if not known:
        return []
    ahead = max(known, key=lambda name: float(known[name]["mean"]))
    if known[ahead]["mean"] <= known.get(first, {"mean": -1.0})["mean"]:
        return []
    found = pair(results, ahead, first, "greedy")
    shown = found is not None and found["verdict"].startswith(ahead)
    return [
        f"Decoded greedily {ahead} is ahead, {written(known[ahead])}"
        + (f", and higher than {first}." if shown else f"; no difference to {first} is shown there.")
    ]


def _intervals(results: Mapping[str, Any]) -> list[str]:
    """Say what the intervals are of."""
    pairs = {frozenset((one["a"], one["b"])) for one in results.get("comparisons", ())}
    seeds = len(results["seeds"])
    said = [
        f"95 % intervals over {counted(seeds, 'seed')} and {counted(results['heldout_tasks'], 'task')}"
        + (f"; differences are of the same tasks and corrected for {counted(len(pairs), 'pair')}." if pairs else ".")
    ]
    if seeds == 1:
        said.append("With one seed they say nothing of how much another seed would change.")
    return said


def pair(results: Mapping[str, Any], one: str, other: str, kind: str = "sampled") -> Mapping[str, Any] | None:
    """Return the comparison of two agents, whichever stands first in it; None where there is none."""
    for found in results.get("comparisons", ()):
        if found["kind"] == kind and {found["a"], found["b"]} == {one, other}:
            return found
    return None


@dataclass(frozen=True)
class Leak:
    """How often an agent speaks of what only a teacher saw.

    Attributes:
        agent: the agent; "untrained" for the model before training.
        rate: responses of 1,000.
        low: of Wilson's 95 % interval, as if responses were independent of each other.
        high: likewise.
        responses: how many there were.
        more: whether that is more than the untrained model does: the intervals do not meet.

    """

    agent: str
    rate: float
    low: float
    high: float
    responses: int
    more: bool


def leaks(results: Mapping[str, Any], samples_per_task: int) -> list[Leak]:
    """Return each agent's leakage on the tasks of the evaluation, the untrained model's first where it is known."""
    tables = {"untrained": (results["untrained"] or {}).get("metrics", {})}
    tables |= {name: agent.get("heldout_metrics", {}) for name, agent in results["agents"].items()}
    found: list[Leak] = []
    base = None
    for name, metrics in tables.items():
        if LEAKS not in metrics:
            continue
        runs = len(results["agents"][name]["runs"]) if name != "untrained" else len(results["seeds"])
        count = results["heldout_tasks"] * samples_per_task * runs
        interval = score_interval(metrics[LEAKS] / 1000, count, NORMAL)
        more = base is not None and interval.low > base
        found.append(Leak(name, metrics[LEAKS], 1000 * interval.low, 1000 * interval.high, count, more))
        if name == "untrained":
            base = interval.high
    return found


def leaked(found: Sequence[Leak]) -> Answer:
    """Say who leaked."""
    question = "Did any agent learn to speak of what only its teacher saw?"
    trained = [leak for leak in found if leak.agent != "untrained"]
    if not trained:
        return Answer(question, "Not measured", ("No run has ended that measures it.",))
    guilty = sorted((leak for leak in trained if leak.more), key=lambda leak: -leak.rate)
    rest = [leak for leak in trained if not leak.more]
    sentences = []
    if guilty:
        told = listed([f"{leak.agent} in {leak.rate:.0f}" for leak in guilty])
        sentences.append(f"Of 1,000 responses to the evaluation's tasks, {told} speak of privileged text.")
    if rest:
        who = "no agent" if not guilty else listed([leak.agent for leak in rest])
        highest = max(leak.rate for leak in rest)
        sentences.append(f"No more often than the untrained model: {who} ({highest:.1f} of 1,000 at most).")
    elif found[0].agent == "untrained":
        sentences.append(f"The untrained model does in {found[0].rate:.1f}.")
    sentences.append("Words are searched for, so what is used silently is not seen here.")
    return Answer(question, listed([leak.agent for leak in guilty]) if guilty else "None", tuple(sentences))


def cost(found: Sequence[Cost], seconds_total: float | None) -> Answer:
    """Say what the runs cost."""
    question = "What did it cost?"
    if not found:
        return Answer(question, "Not measured", ("No run has come to its first checkpoint.",))
    runs = sum(one.runs for one in found)
    spent = sum(one.total * one.runs for one in found)
    sentences = [f"{counted(runs, 'run')}, {duration(spent)} of rollouts and updates in all."]
    if seconds_total is not None:
        sentences.append(f"From beginning to end the comparison took {duration(seconds_total)}.")
    base = next((one for one in found if one.agent.partition(" ")[0] == "grpo"), None)
    if base is not None and len(found) > 1 and base.step_seconds > 0:
        told = [f"{one.agent} {one.step_seconds / base.step_seconds:.2f}" for one in found if one is not base]
        sentences.append(
            f"A training step of GRPO takes {base.step_seconds:.3g} s; in multiples of it: {', '.join(told)}."
        )
    scored = {one.agent: one.teacher_tokens for one in found if one.teacher_tokens > 0}
    if scored:
        told = [f"{agent} {tokens:,.0f}" for agent, tokens in scored.items()]
        sentences.append(f"Tokens that teachers scored, per run: {', '.join(told)}.")
    return Answer(question, duration(seconds_total if seconds_total is not None else spent), tuple(sentences))


def duration(seconds: float) -> str:
    """Write a time in the unit that reads best.

    >>> duration(42.4), duration(184), duration(7260)
    ('42 s', '3 min 4 s', '2 h 1 min')
    """
    if math.isnan(seconds):
        return "-"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
