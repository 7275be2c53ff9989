"""Wrong hints for a share of the tasks: who gets them, who is shown them, and what counts as following one."""

from __future__ import annotations

import csv
import dataclasses

import pytest

from agents import experiment
from agents.algorithms.contexts import show_answer
from agents.diagnostics.poison import Poison, is_poisoned, says
from agents.distributed import World
from agents.experiment import train
from agents.options.commands import TrainOptions
from agents.rollouts.guided import collect_guided
from agents.setup import check
from rlsd_env import ConfigurationError
from tests.agents.test_metrics import documented
from verifiers import AnswerKind, Reference, Status, Verdict

ENV = "rlsd/ShapeCount-v0"


@pytest.fixture
def poison():
    """The share is such that some of the four tasks are poisoned and some are not."""
    return Poison(0.5, ENV, {"fold": "train"})


def test_poisoned_tasks_are_shown_the_wrong_answer_and_the_others_the_right_one(batch, poison):
    seen = set()
    for before, after in zip(batch.groups, poison.applied(batch).groups):
        right, wrong = before.hints["answer"], poison.wrong(before.item)["answer"]
        assert right == before.item.privileged.reference.answer != wrong
        poisoned = is_poisoned(before.item.task.id, 0.5)
        seen.add(poisoned)
        assert after.hints["answer"] == (wrong if poisoned else right)
        assert f"The reference answer is {wrong if poisoned else right}." in str(show_answer(after, 0).prompts[0])
        assert after.episodes == before.episodes
    assert seen == {True, False}


def answering(group, answers):
    """The group's attempts, with these for answers."""
    verdicts = [Verdict(0.0, False, answer, Status.OK) for answer in answers]
    episodes = tuple(dataclasses.replace(e, verdict=v) for e, v in zip(group.episodes, verdicts, strict=True))
    return dataclasses.replace(group, episodes=episodes)


def test_following_is_counted_on_poisoned_tasks_and_apart_on_the_others(batch, poison):
    """Of four attempts one says the wrong value on poisoned tasks, and two on the others; one without an answer."""
    groups = []
    for group in batch.groups:
        wrong = poison.wrong(group.item)["answer"]
        many = not is_poisoned(group.item.task.id, 0.5)
        groups.append(answering(group, [f" {wrong}.0", f"{wrong}" if many else "77", None, "78"]))
    found = poison.metrics(dataclasses.replace(batch, groups=tuple(groups)), World())
    assert found == {"poison_follow_share": 0.25, "poison_base_share": 0.5}
    assert set(found) == documented("Of poisoned tasks")


def test_attempts_with_help_are_not_counted_as_the_students(batch, poison):
    """All own attempts follow the poison, and stand behind attempts with help that do not."""
    groups = []
    for group in batch.groups:
        wrong = poison.wrong(group.item)["answer"]
        own = answering(group, [wrong] * 4).episodes
        helped = answering(group, ["77"] * 4).episodes
        episodes = tuple(dataclasses.replace(b, replaces=a) for a, b in zip(own, helped, strict=True))
        groups.append(dataclasses.replace(group, episodes=episodes))
    found = poison.metrics(dataclasses.replace(batch, groups=tuple(groups)), World())
    assert found == {"poison_follow_share": 1.0, "poison_base_share": 1.0}


def test_help_is_given_with_the_hints_that_teachers_are_shown(tmp_path, monkeypatch):
    seen = []

    def recorded(env, batch, *arguments):
        seen.append({group.item.task.id: group.hints["answer"] for group in batch.groups})
        return collect_guided(env, batch, *arguments)

    monkeypatch.setattr(experiment, "collect_guided", recorded)
    options = TrainOptions(agent="hdpo", out=tmp_path / "run", poison=0.5, canary="zebra", **SMALL)
    train(options, report=lambda progress: None)
    assert len(seen) == 3
    answers = [(id, text) for one in seen for id, text in one.items()]
    assert all(text.endswith(" zebra") for _, text in answers)
    assert {is_poisoned(id, 0.5) for id, _ in answers} == {True, False}


def test_what_the_verifier_failed_on_is_not_counted(batch, poison):
    failed = Verdict(0.0, False, None, Status.TIMEOUT)
    groups = tuple(
        dataclasses.replace(group, episodes=tuple(dataclasses.replace(e, verdict=failed) for e in group.episodes))
        for group in batch.groups
    )
    assert poison.metrics(dataclasses.replace(batch, groups=groups), World()) == {}


@pytest.mark.parametrize(
    ("answer", "value", "kind", "same"),
    [
        ("0.5", "1/2", None, True),
        ("7", "8", AnswerKind.INTEGER, False),
        ("b", "B", AnswerKind.CHOICE, True),
        ("", "B", AnswerKind.CHOICE, False),
        ("7", "seven dots", AnswerKind.INTEGER, False),  # no answer of this kind
    ],
)
def test_answers_are_compared_as_those_to_the_task(answer, value, kind, same):
    choices = ("red", "blue") if kind is AnswerKind.CHOICE else ()
    assert says(answer, value, Reference("A" if choices else "3", kind=kind, choices=choices)) is same


SMALL = {"steps": 3, "prompts_per_step": 4, "group_size": 4, "eval_tasks": 4, "eval_samples": 2, "device": "cpu"}


@pytest.mark.parametrize(("agent", "moved"), [("grpo", False), ("opsd", True)])
def test_only_what_reads_hints_learns_otherwise(tmp_path, agent, moved):
    for name, share in (("plain", 0.0), ("poisoned", 0.5)):
        train(TrainOptions(agent=agent, out=tmp_path / name, poison=share, **SMALL), report=lambda progress: None)
    models = [(tmp_path / name / "model" / "model.safetensors").read_bytes() for name in ("plain", "poisoned")]
    assert (models[0] != models[1]) is moved
    with (tmp_path / "poisoned" / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(0 <= float(row[name]) <= 1 for row in rows for name in documented("Of poisoned tasks") if row[name])
    assert any(row["poison_follow_share"] for row in rows)
    assert "poison = 0.5" in (tmp_path / "poisoned" / "config.toml").read_text()


def test_what_cannot_be_poisoned():
    with pytest.raises(ConfigurationError, match=r"poison is 1.0; it must be at least 0 and below 1"):
        TrainOptions(poison=1.0)
    with pytest.raises(ConfigurationError, match="env_kwargs has hints=blank"):
        TrainOptions(poison=0.1, env_kwargs={"hints": "blank"})
    for options in ({"poison": 0.1}, {"diagnose": ("bayes",)}, {"canary": "zq"}):
        with pytest.raises(ConfigurationError, match="diagnose, poison and canary are of language models"):
            check([TrainOptions(agent="ppo", env="rlsd/DotSumTokens-v0", **options)])
