"""docs/metrics.md has every name that is logged, and no other."""

from __future__ import annotations

import csv
import dataclasses
import re
from typing import ClassVar

import pytest

from agents import algorithms
from agents.algorithms import Algorithm, Context
from agents.algorithms.contexts import show_answer, show_question
from agents.experiment import train
from agents.learner.measures import OF_CONTEXTS
from agents.options.commands import TrainOptions
from tests.conftest import ROOT
from verifiers import Status

ASKING = f"{__name__}:Asking"
PPO = {
    "env": "rlsd/DotSumTokens-v0",
    "env_kwargs": {"difficulty": 1},
    "agent_kwargs": {"total_steps": 32, "n_envs": 2, "n_steps": 8, "batch_size": 8},
}


@dataclasses.dataclass(frozen=True)
class Asking(Algorithm):
    """Asks for the entropy of two scorers' distributions, which no built-in algorithm does."""

    name: ClassVar[str] = "asking"
    teacher: str = "live"

    def contexts(self, step, state):
        return {"answer": Context(show_answer, entropy=True), "question": Context(show_question, entropy=True)}


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """The columns of metrics.csv and timing.csv and the held-out metrics, by agent, of short real trainings."""
    found = {}
    for agent in (*algorithms.names(), "ppo", ASKING):
        out = tmp_path_factory.mktemp("metrics") / "out"
        small = {"steps": 2, "prompts_per_step": 4, "group_size": 4, "eval_tasks": 4, "eval_samples": 2}
        given = PPO if agent == "ppo" else {"sampler_correction": "truncate"}
        if agent == "grpo":
            given |= {"curriculum": {"window": 4}, "eval_every": 2}
        if agent == "opd":
            given["agent_kwargs"] = {"teacher": "external(tiny)", "form": "top_k"}
        if agent == "npo":
            given["agent_kwargs"] = {"guide": "external(tiny)"}
        options = TrainOptions(agent=agent, out=out, device="cpu", **small, **given)
        result = train(options, report=lambda progress: None)
        found[agent] = {"held-out": set(result["evaluation"]["metrics"])}
        for name in ("metrics", "timing", "evaluations") if "eval_every" in given else ("metrics", "timing"):
            with (out / f"{name}.csv").open(newline="") as file:
                found[agent][name] = {_of_any_context(column) for column in csv.DictReader(file).fieldnames}
    return found


def _of_any_context(name):
    """The name with the placeholder that the documents have in the place of a further context's name."""
    name = re.sub(r"^teacher_age_\w+$", "teacher_age_SCORER", name)
    return re.sub(rf"^({'|'.join(OF_CONTEXTS)})_\w+$", r"\1_CONTEXT", name)


def documented(part):
    """The names in the tables under a heading of docs/metrics.md; NAME in one stands for each status but OK."""
    sections = re.split("^## ", (ROOT / "docs" / "metrics.md").read_text("utf-8"), flags=re.MULTILINE)[1:]
    (section,) = (text for text in sections if text.startswith(part))
    cells = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    names = [name for cell in cells for name in re.findall("`([^`]+)`", cell)]
    assert names
    statuses = [status for status in Status if status is not Status.OK]
    spelled = [name.replace("NAME", status) for name in names for status in (statuses if "NAME" in name else [""])]
    assert len(spelled) == len(set(spelled))
    return set(spelled)


def union(logged, file, agents):
    return set().union(*(logged[agent][file] for agent in agents))


def test_every_metric_of_a_training_step_is_documented_and_logged(logged):
    names = union(logged, "metrics", (*algorithms.names(), ASKING))
    parts = ("Of the rollouts", "Of the update", "Of attempts with help", "Of a curriculum")
    assert names == {"step"}.union(*map(documented, parts))


def test_only_algorithms_with_guidance_log_attempts_with_help(logged):
    help_too = [name for name in algorithms.names() if documented("Of attempts with help") & logged[name]["metrics"]]
    assert sorted(help_too) == ["hdpo", "npo"]


def test_every_metric_of_held_out_tasks_is_documented_and_logged(logged):
    for agent in algorithms.names():
        assert logged[agent]["held-out"] == documented("Of the rollouts") | documented("Of the distribution")


def test_every_metric_of_an_evaluation_on_the_way_is_documented_and_logged(logged):
    names = logged["grpo"]["evaluations"]
    assert names == {"step"} | documented("Of an evaluation") | logged["grpo"]["held-out"]


def test_every_metric_of_ppo_is_documented_and_logged(logged):
    assert logged["ppo"]["metrics"] == {"step", "reward", "accuracy"} | documented("Of PPO")
    assert logged["ppo"]["held-out"] == {"reward", "accuracy", "response_length"}


def test_every_column_of_the_times_is_documented(logged):
    page = (ROOT / "docs" / "results.md").read_text("utf-8")
    names = union(logged, "timing", logged) - {"step"}
    assert {"seconds_rollout", "seconds_update", "pictures_run"} <= names
    assert not {name for name in names if name not in page}
