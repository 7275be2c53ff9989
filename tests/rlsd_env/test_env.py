from __future__ import annotations

import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded

import rlsd_env
from rlsd_env import ConfigurationError
from verifiers import Reference, Status, Verdict, Verifier


class AlwaysHalf(Verifier):
    """A verifier of a user's own."""

    name = "always-half"
    version = "1"

    def verify(self, response: str, reference: Reference) -> Verdict:
        return Verdict(0.5, False, response, Status.OK, parts={"style": 0.5})


def test_both_ways_to_make_an_environment_work_in_a_fresh_process():
    for code in (
        "import rlsd_env, gymnasium; gymnasium.make('rlsd/ShapeCount-v0')",
        "import gymnasium; gymnasium.make('rlsd_env:rlsd/ShapeCount-v0')",
    ):
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_an_episode_is_one_answer():
    env = gymnasium.make("rlsd/ShapeCount-v0", expose_privileged=True)
    observation, info = env.reset(seed=7)
    assert observation in env.observation_space
    assert observation["question"].count("<image>") == len(observation["images"]) == 1
    answer = env.get_wrapper_attr("privileged").reference.answer
    observation, reward, terminated, truncated, info = env.step(f"<think> . </think> <answer> {answer} </answer>")
    assert (reward, terminated, truncated) == (1.0, True, False)
    assert info["verdict"].correct
    with pytest.raises(ResetNeeded):
        env.unwrapped.step("again")


def test_a_wrong_answer_earns_nothing():
    env = gymnasium.make("rlsd/ShapeCount-v0")
    env.reset(seed=7)
    assert env.step("<think> . </think> <answer> 99 </answer>")[1] == 0.0


def test_seed_and_options_choose_the_task():
    env = gymnasium.make("rlsd/ShapeCount-v0")
    first, info = env.reset(seed=3)
    again, info_again = env.reset(seed=3)
    assert info["task_id"] == info_again["task_id"]
    np.testing.assert_array_equal(first["images"][0], again["images"][0])
    assert env.reset(options={"task_index": 17})[1]["task_id"] == "shape_count-d2-17"
    assert env.reset(options={"task_id": "shape_count-d2-5"})[1]["task_id"] == "shape_count-d2-5"
    assert env.reset(seed=4)[1]["task_id"] != info["task_id"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": 3}, "unknown reset option 'task'; did you mean 'task_id'"),
        ({"task_index": -1}, "a whole number from 0 to"),
        ({"task_index": [0]}, "a whole number from 0 to"),
        ({"task_index": True}, "a whole number from 0 to"),
        ({"task_id": 5}, "an id is a text; write '5'"),
        ({"task_id": "shape_count-d3-1"}, "ids here are shape_count-d2-N"),
        ({"task_id": "shape_count-d2-1", "task_index": 1}, "give one"),
    ],
)
def test_bad_reset_options_are_named(options, message):
    env = gymnasium.make("rlsd/ShapeCount-v0")
    with pytest.raises(ConfigurationError, match=message):
        env.reset(options=options)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"dificulty": 3}, "did you mean 'difficulty'"),
        ({"max_turn": 3}, "did you mean 'max_turns'"),
        ({"difficulty": 9}, "from 1 to 5"),
        ({"fold": "test"}, "allowed: all, heldout, train"),
        ({"answer_format": "json"}, "allowed: boxed, none, tags"),
        ({"verifier": "answr"}, "answer"),
    ],
)
def test_bad_arguments_are_named(kwargs, message):
    with pytest.raises(ConfigurationError, match=message):
        gymnasium.make("rlsd/ShapeCount-v0", **kwargs)


def test_the_reference_is_opt_in():
    env = gymnasium.make("rlsd/ShapeCount-v0")
    env.reset(seed=0)
    with pytest.raises(PermissionError, match="expose_privileged=True"):
        _ = env.unwrapped.privileged
    assert env.step("<answer> 99 </answer>")[4]["verdict"].feedback == ""


def test_feedback_speaks_of_this_attempt():
    env = gymnasium.make("rlsd/ShapeCount-v0", expose_privileged=True)
    env.reset(options={"task_index": 0})
    first = env.get_wrapper_attr("privileged").reference.steps[0]
    response = f"<think> {first.name}: 9. </think> <answer> 99 </answer>"
    verdict = env.step(response)[4]["verdict"]
    assert verdict.feedback == f"{first.name}: 9 is wrong, it is {first.value}."


def test_a_spec_survives_json_with_a_verifier_by_name():
    env = gymnasium.make("rlsd/ShapeCount-v0", difficulty=3, verifier="tests.rlsd_env.test_env:AlwaysHalf")
    again = gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    again.reset(seed=0)
    _, reward, _, _, info = again.step("x")
    assert reward == 0.5
    assert info["reward/style"] == 0.5
    assert again.reset(seed=0)[1]["task"].metadata["difficulty"] == 3


def test_a_task_source_of_a_users_own():
    rlsd_env.register("test_env/Mine-v0", source="rlsd_env.procedural.dot_sum:DotSum", difficulty=1)
    env = gymnasium.make("test_env/Mine-v0")
    assert env.reset(seed=0)[1]["task_id"].startswith("dot_sum-d1-")


def test_an_exception_of_a_verifier_is_no_wrong_answer():
    env = gymnasium.make("rlsd/ShapeCount-v0", verifier="tests.rlsd_env.test_env:Broken", expose_privileged=True)
    env.reset(seed=0)
    verdict = env.step("anything")[4]["verdict"]
    assert verdict.status is Status.ERROR
    assert verdict.status.failed
    assert "ZeroDivisionError" in verdict.feedback


class Broken(AlwaysHalf):
    """Fails."""

    def verify(self, response: str, reference: Reference) -> Verdict:
        raise ZeroDivisionError("oops")


@pytest.mark.parametrize("mode", ["ansi", "rgb_array"])
def test_rendering_shows_question_answer_and_verdict(mode):
    env = gymnasium.make("rlsd/BarChart-v0", render_mode=mode)
    env.reset(seed=1)
    before = env.render()
    env.step("<answer> 12345 </answer>")
    after = env.render()
    if mode == "ansi":
        assert "What is" in before
        assert "12345" in after
        assert "wrong" in after
    else:
        assert after.dtype == np.uint8
        assert after.shape[2] == 3
        assert after.shape[0] > before.shape[0]


def test_rendering_tells_a_verdict_in_the_words_of_play():
    for verifier, said in ((AlwaysHalf(), "partly right (status ok, reward 0.5)"), (Broken(), "not judged (error)")):
        env = gymnasium.make("rlsd/BarChart-v0", render_mode="ansi", verifier=verifier)
        env.reset(seed=1)
        env.step("<answer> 7 </answer>")
        assert env.render().endswith(f"VERDICT\n{said}")


def test_folds_are_disjoint_and_drawn_from():
    train = gymnasium.make("rlsd/ShapeCount-v0", fold="train").unwrapped.desk.indices
    heldout = gymnasium.make("rlsd/ShapeCount-v0", fold="heldout").unwrapped.desk.indices
    assert train[-1] < heldout[0]
