"""`python -m agents.inspect` shows the very numbers that the learner used, token by token, and what was read."""

from __future__ import annotations

import csv
import re

import numpy as np
import pytest

from agents import inspect, losses
from agents.evidence import read_evidence
from agents.learner import step
from tests.agents.commands import call
from tests.agents.runs_on_disk import EVIDENCE, but, keep_evidence, write_comparison

LAB = "--env rlsd/Chain-v0 --env-kwargs difficulty=2 --policy lab-q0.3 --max-tokens 40"
TRAIN = f"--agent cepo --steps 2 --prompts-per-step 4 --group-size 4 {LAB}".split()
TRAIN += "--eval-tasks 2 --eval-samples 1 --keep figures".split()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A training whose loss was listened to: rows of (log p, advantages) of every surrogate."""
    out = tmp_path_factory.mktemp("inspect") / "run"
    heard = []

    def listened(logp_NT, old_NT, advantages_NT, *more, **options):
        for logp, advantages in zip(logp_NT.detach(), advantages_NT):
            heard.append((logp.numpy().copy(), advantages.numpy().copy()))
        return losses.clipped_surrogate(logp_NT, old_NT, advantages_NT, *more, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(step, "clipped_surrogate", listened)
        call("agents.train", *TRAIN, "--out", out)
    return out, heard


def table(trained, tmp_path, *options):
    path = tmp_path / "table.csv"
    done = call("agents.inspect", trained, *options, "--csv", path)
    with path.open() as file:
        return done.stdout, list(csv.DictReader(file))


def test_every_number_is_the_learner_s(trained, tmp_path):
    out, heard = trained
    kept = read_evidence(out)
    assert {one.step for one in kept} == {0, 1}  # the first and the last step are kept unasked
    for number, one in enumerate(kept[:: max(1, len(kept) // 6)]):
        folder = tmp_path / str(number)
        folder.mkdir()
        asked = ("--task", one.task_id, "--step", one.step, "--member", one.member, "--no-prompts")
        _, rows = table(out, folder, *asked)
        logp = np.array([float(row["log p"]) for row in rows], dtype=np.float32)
        credit = np.array([float(row["credit"]) for row in rows], dtype=np.float32)
        same = [paid for said, paid in heard if np.array_equal(said[: len(logp)], logp)]
        assert same, "the learner's loss had no response with these log-probabilities"
        assert any(np.array_equal(paid[: len(credit)], credit) for paid in same)
        assert [float(row["A"]) for row in rows] == [one.advantage] * len(rows)
        assert "".join(row["text"] for row in rows) == "".join(one.tokens)


def test_what_was_read_is_what_the_scores_are_of(trained):
    """The stored text of each context, scored again from scratch, gives D."""
    import torch

    from agents.episodes import Prompt
    from agents.messages import user_message
    from agents.policy.loading import load_policy

    out, _ = trained
    policy = load_policy("lab-q0.3", "cpu")
    one = next(one for one in read_evidence(out, 0) if not one.correct)
    assert {"student", "right"} < set(one.prompts)
    assert "The reference answer is" in one.prompts["right"]
    assert "The reference answer is" not in one.prompts["student"]
    found = {}
    for name in ("student", "right"):
        prompt = Prompt((user_message(one.prompts[name]),))
        with torch.no_grad():
            found[name] = policy.score([prompt], [0], [one.token_ids], temperature=1.0).logp_NT[0].numpy()
    assert found["student"] == pytest.approx(np.array(one.values["student"]), abs=1e-4)
    assert found["right"] - found["student"] == pytest.approx(np.array(one.gain("right")), abs=2e-4)


def test_what_is_shown(trained):
    out, _ = trained
    listed = call("agents.inspect", out).stdout
    assert re.search(r"cepo seed 0 step 0  chain-\S+  4 attempts, \d right", listed)
    task = re.search(r"chain-\S+", listed)[0]
    told = call("agents.inspect", out, "--task", task, "--sort", "credit", "--top", "3").stdout
    assert f"cepo, seed 0, step 0 | {task}, attempt 0, turn 0\n" in told
    assert "\nthe student read:\n  > Work modulo 10" in told
    assert "\nthe scorer in context right read:\n" in told
    head, *lines = told.splitlines()[-4:]
    assert {"clipped", "credit", "A"} <= set(head.split())
    assert len(lines) == 3
    assert "\x1b[" not in told  # no colours where there is no terminal


def test_the_same_response_side_by_side(tmp_path):
    folder = write_comparison(tmp_path / "two")
    keep_evidence(folder / "runs" / "grpo" / "seed0", EVIDENCE)
    matching = {"student": (-1.0, -2.0), "logp_solution": (-0.25, -2.5)}
    keep_evidence(folder / "runs" / "rlsd" / "seed0", but(EVIDENCE, values=matching), but(EVIDENCE, member=1))
    told = call("agents.inspect", folder, "--task", "clock", "--side-by-side").stdout
    lines = [line.split() for line in told.splitlines()[-2:]]
    assert lines == [["0", "'It'", "+0.6000", "+0.7500"], ["1", "'", "is'", "+0.4000", "-0.5000"]]
    assert "grpo, credit  rlsd, D solution" in told
    of_one = call("agents.inspect", folder, "--task", "clock", "--side-by-side", "--agent", "rlsd").stdout
    assert "grpo, credit  rlsd, D solution" in of_one  # whose response is looked at, not whose credit
    pulled = {"student": (-1.0, -2.0), "credit": (-0.1, -0.9)}
    keep_evidence(folder / "runs" / "rlsd" / "seed0", but(EVIDENCE, values=pulled))
    told = call("agents.inspect", folder, "--task", "clock", "--side-by-side", "--sort", "credit", "--top", "1").stdout
    assert told.splitlines()[-1].split() == ["1", "'", "is'", "+0.4000", "-0.9000"]  # .9 is more than .6
    sort = ("--side-by-side", "--sort", "weight")
    done = call("agents.inspect", folder, "--task", "clock", *sort, check=False)
    assert "sort is 'weight', which is not in the table; it has token; text; grpo, credit; rlsd, credit" in done.stderr


def test_side_by_side_says_where_there_is_no_other(tmp_path):
    folder = write_comparison(tmp_path / "two")
    keep_evidence(folder / "runs" / "grpo" / "seed0", EVIDENCE)
    keep_evidence(folder / "runs" / "rlsd" / "seed0", but(EVIDENCE, token_ids=(5, 7)))
    told = call("agents.inspect", folder, "--task", "clock", "--side-by-side").stdout
    assert "\nno other agent has kept this very response" in told
    assert "rlsd" not in told


def test_what_has_no_number_comes_last():
    table = [{"token": t, "log p": -1.0, "D right": gain} for t, gain in enumerate((float("nan"), 0.1, -0.2, 0.0))]
    assert [row["token"] for row in inspect.ordered(table, "D", 0)] == [2, 1, 3, 0]


def test_a_whole_id_is_that_task_s(tmp_path):
    folder = write_comparison(tmp_path / "two")
    keep_evidence(folder / "runs" / "grpo" / "seed0", but(EVIDENCE, task_id="clock-10"))
    keep_evidence(folder / "runs" / "rlsd" / "seed0", but(EVIDENCE, task_id="clock-1"))
    for asked, shown in (("clock-1", "rlsd, seed 0, step 0 | clock-1,"), ("clock", "grpo, seed 0, step 0 | clock-10,")):
        assert call("agents.inspect", folder, "--task", asked).stdout.startswith(shown)


def test_clipped_weights_and_other_pictures_are_told(tmp_path):
    folder = write_comparison(tmp_path / "two")
    values = {**EVIDENCE.values, "weight_clip_low": (0.0, 1.0), "weight_clip_high": (0.0, 0.0)}
    read = {"student": "<image>What time?", "answer": "<image>What time?", "degraded": "<image>What time?"}
    kept = but(EVIDENCE, values=values, prompts=read, other_pictures=("degraded",))
    keep_evidence(folder / "runs" / "grpo" / "seed0", kept)
    told, rows = table(folder, tmp_path, "--task", "clock")
    assert "\nthe scorer in context answer read:\n" in told
    assert "\nthe scorer in context degraded read, with pictures other than the student's:\n" in told
    assert [row["clipped"] for row in rows] == ["", "low"]
    head, *lines = (line.split() for line in told.splitlines()[-4:-1])
    assert [line[head.index("clipped") - len(head)] for line in lines] == ["-", "low"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--task", "clokc-1"), "unknown task 'clokc-1'; did you mean 'clock-1'"),
        (("--agent", "rlsdd"), "unknown agent 'rlsdd'; did you mean 'rlsd'"),
        (("--seed", "7"), "unknown seed '7'; allowed: 0, 1"),
        (("--step", "5"), "has kept no tokens of step 5; train with --evidence-tasks"),
        (("--task", "clock-1", "--member", "4"), "unknown member '4'; allowed: 0"),
        (("--task", "clock-1", "--turn", "1"), "unknown turn '1'; allowed: 0"),
        (("--sort", "colour"), "unknown sort 'colour'"),
        (("--csv", "tokens.csv"), "csv is of one response; give --task as well"),
        (("--side-by-side",), "side_by_side is of one response; give --task"),
        (("--member", "0"), "member is of one response; give --task"),
        (("--task", "clock-1", "--csv", "no/such/tokens.csv"), "there is no folder 'no/such'"),
        (("--agent", "rlsd", "--task", "clock-1"), "has kept no tokens of rlsd; train with"),
        (("--agent", "rlsd", "--task", "clock-1", "--side-by-side"), "has kept no tokens of rlsd; train with"),
    ],
)
def test_what_is_not_there_is_told_in_one_line(tmp_path, options, words):
    folder = write_comparison(tmp_path / "two")
    keep_evidence(folder / "runs" / "grpo" / "seed0", EVIDENCE)
    done = call("agents.inspect", folder, *options, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert words in done.stderr
