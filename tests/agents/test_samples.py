"""What a run has sampled is kept and shown: whole attempts, filtered, cut in the middle, the same after a resume."""

from __future__ import annotations

import dataclasses

import pytest

from agents import samples
from agents import train as train_command
from agents.policy.base import Sampling
from agents.rollouts.collect import collect
from agents.rollouts.environments import make_group_env
from agents.runs.samples import FOLDER, Sample, read_samples, samples_of, write_samples
from rlsd_env.errors import ConfigurationError

ONE = Sample(3, "chain-7", 1, "What is 1 + 1?", "It is 3.", 4, 0.0, False, "ok", "3", False, 0, False)


def but(**changes):
    return dataclasses.replace(ONE, **changes)


@pytest.fixture
def folder(tmp_path):
    write_samples(tmp_path, 3, [ONE, but(member=0, correct=True, reward=1.0, response="2", extracted=None)])
    write_samples(tmp_path, 5, [but(step=5, leaks=True, cut=12), but(step=5, task_id="clock-1", status="timeout")])
    return tmp_path


def shown(folder, *arguments):
    return samples.run(samples.command_line.parse(samples.SamplesOptions, [str(folder), *arguments], "samples", ""))


def test_what_is_written_is_read(folder):
    assert [(one.step, one.task_id, one.member) for one in read_samples(folder)] == [
        (3, "chain-7", 0),
        (3, "chain-7", 1),
        (5, "chain-7", 1),
        (5, "clock-1", 1),
    ]
    assert read_samples(folder, 3)[1] == ONE


@pytest.mark.parametrize(
    ("arguments", "number"),
    [
        ((), 4),
        (("--wrong",), 2),  # on the fourth the verifier failed
        (("--right",), 1),
        (("--step", "5"), 2),
        (("--task", "clock"), 1),
        (("--leaks",), 1),
        (("--limit", "1"), 1),
        (("--step", "5", "--task", "chain", "--wrong", "--leaks"), 1),
    ],
)
def test_filters(folder, arguments, number, capsys):
    assert len(shown(folder, *arguments)) == number
    whole = arguments in ((), ("--step", "5"))
    said = f"{number} kept attempts" if whole else f"{number} attempt"
    if "--limit" in arguments:
        said = "the last 1 of 4 kept attempts; --limit 0 shows all"
    assert f"{folder}: {said}" in capsys.readouterr().out


def test_what_is_shown(folder, capsys):
    shown(folder, "--step", "5")
    assert capsys.readouterr().out.splitlines()[1:] == [
        "step 5 | chain-7 | attempt 1 | reward 0, wrong, 4 tokens, answer '3', LEAKS, 12 characters left out",
        "  > What is 1 + 1?",
        "    It is 3.",
        "step 5 | clock-1 | attempt 1 | reward 0, not judged (timeout), 4 tokens, answer '3'",
        "  > What is 1 + 1?",
        "    It is 3.",
    ]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"correct": True, "reward": 0.7}, "right"),
        ({"reward": 0.5}, "partly right"),
        ({}, "wrong"),
        ({"status": "no_answer"}, "no_answer"),
        ({"status": "error"}, r"not judged (error)"),
    ],
)
def test_the_word_for_what_became_of_an_answer(changes, word):
    assert f", {word}, 4 tokens" in next(samples.lines(but(**changes), prompts=False))


def test_the_limit_cuts_no_group(tmp_path):
    write_samples(tmp_path, 3, [but(task_id=task, member=member) for task in ("a", "b") for member in range(4)])
    for limit, groups in ((1, "b"), (4, "b"), (5, "ab"), (8, "ab"), (0, "ab")):
        found = shown(tmp_path, "--limit", str(limit))
        assert [(one.task_id, one.member) for one in found] == [(task, m) for task in groups for m in range(4)]


def test_each_run_begins_with_its_prompt(tmp_path, capsys):
    for run in ("seed0", "seed1"):
        write_samples(tmp_path / "runs" / "grpo" / run, 3, [ONE, but(member=2)])
    assert len(shown(tmp_path, "--limit", "1")) == 4
    assert capsys.readouterr().out.count("> What is 1 + 1?") == 2
    shown(tmp_path, "--no-prompts")
    assert "What is 1 + 1?" not in capsys.readouterr().out


def test_what_is_not_there(tmp_path, folder):
    with pytest.raises(ConfigurationError, match="is not there; give the --out"):
        shown(tmp_path / "no")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigurationError, match="holds no run with samples/"):
        shown(tmp_path / "empty")
    with pytest.raises(ConfigurationError, match=r"no samples of step-000004.*--samples-every"):
        shown(folder, "--step", "4")
    with pytest.raises(ConfigurationError, match="wrong and right are both given"):
        shown(folder, "--wrong", "--right")


def test_attempts_of_a_batch(batch):
    found = list(samples_of(batch, 2, 10_000))
    episodes = [episode for group in batch.groups[:2] for episode in group.episodes]
    assert [one.response for one in found] == [episode.response for episode in episodes]
    assert [one.correct for one in found] == [episode.verdict.correct for episode in episodes]
    assert {one.task_id for one in found} == {group.item.task.id for group in batch.groups[:2]}
    assert all("<image>" in one.prompt and not one.cut for one in found)
    short = list(samples_of(batch, 1, 20))
    assert all(len(one.prompt) <= 20 + len(" [..] ") for one in short)
    assert short[0].cut == len(found[0].prompt) - 20 + max(0, len(found[0].response) - 20)


def test_each_attempt_of_several_turns_has_its_own(policy):
    """The prompt is that of the group; what was said since stands with the attempt that it was said in."""
    options = {"max_turns": 3, "feedback": "outcome", "difficulty": 1}
    env = make_group_env("rlsd/Chain-v0", options, 2, 3)
    batch = collect(env, policy, [0, 1], Sampling(1.0, 6), range(6), 0)
    found = list(samples_of(batch, 2, 10_000))
    episodes = [episode for group in batch.groups for episode in group.episodes]
    assert max(len(episode.turns) for episode in episodes) == 3
    for one, episode in zip(found, episodes):
        assert "[assistant]" not in one.prompt
        assert one.earlier.count("[assistant] ") == one.earlier.count("[user] ") == len(episode.turns) - 1
        for turn in episode.turns[:-1]:
            assert f"[assistant] {turn.action.text}" in one.earlier
            assert turn.feedback in one.earlier
        assert one.response == episode.turns[-1].action.text
    assert len({one.prompt for one in found}) == 2
    assert len({one.earlier for one in found}) > 2
    told = "\n".join(samples.lines(found[0], prompts=False))
    assert f"  : {found[0].earlier.splitlines()[0]}" in told


def test_a_training_keeps_its_last_step_some_between_and_none_where_none_are_wanted(tmp_path):
    few = ["--prompts-per-step", "2", "--group-size", "2", "--eval-tasks", "2", "--eval-samples", "1"]
    few += ["--env", "rlsd/Chain-v0", "--env-kwargs", "difficulty=1", "--policy", "lab-q0", "--max-tokens", "40"]
    kept = ["--samples-every", "2", "--samples-tasks", "1", "--steps", "4"]
    train_command.main([*few, *kept, "--out", str(tmp_path / "some")])
    found = read_samples(str(tmp_path / "some"))
    assert [(one.step, one.member) for one in found] == [(step, m) for step in (0, 2, 3) for m in (0, 1)]
    assert all("<think>" in one.response for one in found)
    train_command.main([*few, "--steps", "4", "--samples-every", "0", "--out", str(tmp_path / "none")])
    assert not (tmp_path / "none" / FOLDER).exists()
    same = [(tmp_path / run / "metrics.csv").read_bytes() for run in ("some", "none")]
    assert same[0] == same[1]
