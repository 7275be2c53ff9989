"""Grading in the background before the step: the same verdicts, rewards and infos, sooner."""

from __future__ import annotations

import itertools
import json
import threading
import time
import types

import gymnasium
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsd_env import Action, ConfigurationError, desk
from verifiers import BadReference, Status, Verdict, Verifier

ID = "rlsd/ShapeCount-v0"
TASKS = {"task_index": [3, 8]}


def made(**options):
    env = gymnasium.make_vec(ID, num_envs=6, group_size=3, expose_privileged=True, **options)
    env.reset(options=TASKS)
    return env


class Watched(Verifier):
    """Notes which thread judged how many answers at a time; with a gate, none before that is open."""

    def __init__(self, gate=None):
        self.gate = gate
        self.batches = []

    def verify(self, response, reference):
        if self.gate is not None:
            assert self.gate.wait(60)
        if "crash" in response:
            raise RuntimeError("out of order")
        if "broken" in response:
            raise BadReference("no gold answer")
        right = reference.answer in response
        return Verdict(float(right), right, response, Status.OK, feedback=f"{len(response)} letters")

    def verify_batch(self, responses, references):
        self.batches.append((threading.current_thread() is threading.main_thread(), list(responses)))
        return super().verify_batch(responses, references)


CROP = json.dumps({"name": "crop", "arguments": {"image": 1, "box": [0, 0, 500, 500], "zoom": 1}})
ACTIONS = st.sampled_from(
    ["RIGHT", "<answer> 99 </answer>", "<answer> 7 </answer>", "nothing", "", "crash", f"<tool_call>{CROP}</tool_call>"]
)


def same(a, b):
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            same(a[key], b[key])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b):
            same(x, y)
    elif isinstance(a, np.ndarray) and a.dtype == object:
        same(a.tolist(), b.tolist())
    else:
        np.testing.assert_equal(a, b)


@settings(max_examples=25, deadline=None)
@given(
    turns=st.lists(
        st.tuples(*[st.tuples(ACTIONS, st.integers(1, 9), st.sampled_from(["yes", "no", "other"]))] * 6),
        min_size=1, max_size=3,
    ),
    budget=st.sampled_from([None, 12]),
    discount=st.sampled_from([1.0, 0.5]),
)  # fmt: skip
def test_steps_are_the_same_whatever_was_anticipated(turns, budget, discount):
    options = {
        "verifier": Watched(), "max_turns": 3, "feedback": "outcome", "tools": ["crop"], "token_budget": budget,
        "retry_discount": discount,
    }  # fmt: skip
    early, plain = made(**options), made(**options)
    right = [f"<answer> {privileged.reference.answer} </answer>" for privileged in plain.unwrapped.privileged]
    for turn in turns:
        if early.unwrapped.over.all():
            break
        actions = []
        for number, (action, tokens, anticipated) in enumerate(turn):
            if early.unwrapped.over[number]:
                actions.append(None)
                continue
            action = Action(right[number // 3] if action == "RIGHT" else action, tokens)
            actions.append(action)
            if anticipated == "yes":
                early.anticipate(number, action)
            elif anticipated == "other":
                early.anticipate(number, Action("broken" if tokens % 2 else "crash", tokens))
        same(early.step(actions), plain.step(actions))
        same(early.unwrapped.over, plain.unwrapped.over)
    early.close()


def test_answers_are_judged_before_the_step_in_batches_and_once():
    verifier = Watched(threading.Event())
    env = made(verifier=verifier)
    answers = ["a", "b", "b", "b", "c", "d"]  # attempts 1 and 2 are of one task, 3 of the other
    for number, answer in enumerate(answers):
        env.anticipate(number, answer)
    verifier.gate.set()
    _, _, _, _, infos = env.step(answers)
    assert [verdict.extracted for verdict in infos["verdict"]] == answers
    assert [main for main, rows in verifier.batches if rows] == [False] * (len(verifier.batches) - 1)
    judged = [row for _, rows in verifier.batches for row in rows]
    assert sorted(judged) == ["a", "b", "b", "c", "d"]
    assert len([rows for _, rows in verifier.batches if rows]) <= 2  # what waited was judged together


def test_what_was_not_anticipated_is_judged_in_one_batch():
    verifier = Watched()
    env = made(verifier=verifier)
    env.anticipate(0, "a")
    env.anticipate(4, "another")
    env.step(["a", "b", "c", "d", "e", "f"])
    assert verifier.batches[-1] == (True, ["b", "c", "d", "e", "f"])


def test_a_bad_reference_is_raised_by_the_step():
    env = made(verifier=Watched())
    env.anticipate(2, "broken")
    with pytest.raises(BadReference, match="no gold answer"):
        env.step(["a", "b", "broken", "d", "e", "f"])


def test_a_verifiers_own_error_is_a_verdict_as_ever():
    env = made(verifier=Watched())
    env.anticipate(1, "crash")
    verdict = env.step(["a", "crash", "c", "d", "e", "f"])[4]["verdict"][1]
    assert verdict.status is Status.ERROR
    assert "out of order" in verdict.feedback


def test_reset_drops_what_was_anticipated():
    verifier = Watched(threading.Event())
    env = made(verifier=verifier)
    env.anticipate(0, "answer 0")
    while not verifier.batches:
        time.sleep(0.001)
    for number in range(1, 6):
        env.anticipate(number, f"answer {number}")
    threading.Timer(0.1, verifier.gate.set).start()
    env.reset(options={"task_index": [4, 9]})  # waits for what is being judged
    assert verifier.gate.is_set()
    time.sleep(0.05)
    assert verifier.batches == [(False, ["answer 0"])]
    gold = [privileged.reference.answer for privileged in env.unwrapped.privileged]
    _, rewards, _, _, _ = env.step([gold[0], gold[0] + ".", gold[0], gold[1], gold[1], gold[1]])
    assert rewards.tolist() == [1.0] * 6


def test_processes_judge_before_the_step():
    env = made(grading_workers=2)
    plain = made()
    actions = [f"<answer> {number} </answer>" for number in range(6)]
    for number, action in enumerate(actions):
        env.anticipate(number, action)
    same(env.step(actions), plain.step(actions))
    assert env.unwrapped.desk.verifier.stats()["calls"] == 6
    env.close()


def test_grading_is_early_where_it_pays(monkeypatch):
    assert not made().unwrapped.desk.grades_early
    assert made(grading_workers=1).unwrapped.desk.grades_early
    assert not made(grading_workers=1, grade_early=False).unwrapped.desk.grades_early
    assert made(grade_early=True).unwrapped.desk.grades_early
    for seconds, early in ((0.001, False), (0.01, True)):  # each time that the clock is read, for the 6 answers
        ticks = itertools.count()
        clock = types.SimpleNamespace(perf_counter=lambda ticks=ticks, seconds=seconds: 6 * seconds * next(ticks))
        monkeypatch.setattr(desk, "time", clock)
        env = made(verifier=Watched())
        env.step(["a", "b", "c"] * 2)
        assert env.unwrapped.desk.grades_early is early


def test_the_option_is_checked():
    with pytest.raises(ConfigurationError, match="grade_early is 'yes'; it must be true or false, or left out"):
        made(grade_early="yes")
    with pytest.raises(ConfigurationError, match="grade_early is for groups"):
        gymnasium.make(ID, grade_early=True)
    for name in ("group_size", "num_envs"):
        with pytest.raises(ConfigurationError, match=rf"{name} is for groups \(gymnasium.make_vec\); leave it out"):
            gymnasium.make(ID, **{name: 2})
