"""Several turns: feedback, tools, budgets, and attempts of one group that end at different steps."""

from __future__ import annotations

import json
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsd_env import Action, ConfigurationError
from verifiers import Status, Verdict, Verifier

ID = "rlsd/ShapeCount-v0"
WRONG = "<answer> 99 </answer>"


def call(name, **arguments):
    return f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>"


CROP = call("crop", image=1, box=[0, 0, 500, 500], zoom=1)


def made(**options):
    env = gymnasium.make(ID, expose_privileged=True, **options)
    env.reset(seed=5)
    return env, f"<answer> {env.unwrapped.privileged.reference.answer} </answer>"


def test_a_wrong_answer_may_be_mended():
    env, right = made(max_turns=3, feedback="outcome")
    observation, reward, terminated, truncated, info = env.step(WRONG)
    assert (reward, terminated, truncated) == (0.0, False, False)
    assert observation["feedback"] == "Your answer is wrong."
    assert observation["turn"] == 1
    assert observation["images"] == ()
    assert info["verdict"].extracted == "99"
    observation, reward, terminated, truncated, info = env.step(right)
    assert (reward, terminated, truncated) == (1.0, True, False)
    assert observation["feedback"] == ""
    with pytest.raises(ResetNeeded):
        env.step(right)


def test_the_last_turn_ends_the_episode():
    env, _ = made(max_turns=2, feedback="outcome")
    env.step(WRONG)
    _, reward, terminated, truncated, _ = env.step(WRONG)
    assert (reward, terminated, truncated) == (0.0, True, False)


@pytest.mark.parametrize("options", [{"max_turns": 2}, {"max_turns": 9, "token_budget": 20}])
def test_the_last_wrong_answer_is_told_of_as_well(options):
    env, right = made(feedback="outcome", **options)
    env.step(Action(WRONG, tokens=10))
    observation, _, terminated, truncated, _ = env.step(Action(WRONG, tokens=10))
    assert terminated != truncated
    assert observation["feedback"] == "Your answer is wrong."
    assert observation["images"] == ()
    env.reset(seed=5)
    env.step(Action(WRONG, tokens=10))
    assert env.step(Action(right, tokens=10))[0]["feedback"] == ""


@pytest.mark.parametrize(
    ("feedback", "action", "said"),
    [
        ("none", WRONG, ""),
        ("outcome", WRONG, "Your answer is wrong."),
        ("outcome", "<answer> many </answer>", "Your answer is wrong."),
        ("verifier", "<answer> many </answer>", "Your answer cannot be read as a number."),
        ("verifier", "it is 3", "No answer found: put it in <answer> </answer>."),
    ],
)
def test_a_single_answer_may_be_followed_by_feedback(feedback, action, said):
    env, right = made(feedback=feedback)
    observation, reward, terminated, truncated, _ = env.step(action)
    assert (observation["feedback"], reward, terminated, truncated) == (said, 0.0, True, False)
    venv = gymnasium.make_vec(ID, num_envs=2, feedback=feedback)
    venv.reset(seed=[5, 5])
    observations, rewards, *_ = venv.step([right, action])
    assert observations["feedback"] == ("", said)
    assert observations in venv.observation_space
    assert rewards.tolist() == [1.0, 0.0]


def test_an_answer_that_could_not_be_judged_is_not_told_of():
    env, _ = made(max_turns=2, feedback="verifier", verifier=f"{__name__}:Broken")
    observation, _, terminated, _, info = env.step(WRONG)
    assert info["verdict"].status.failed
    assert (observation["feedback"], terminated) == ("", True)


class Broken(Verifier):
    """Fails on everything."""

    def verify(self, response, reference):
        raise ZeroDivisionError


def test_verifier_feedback_says_what_is_wrong_with_the_form():
    env, _ = made(max_turns=2, feedback="verifier")
    assert env.step("<answer> many </answer>")[0]["feedback"] == "Your answer cannot be read as a number."


def test_feedback_quotes_no_reference():
    for level in ("outcome", "verifier"):
        env, _ = made(max_turns=3, feedback=level)
        for response in (WRONG, "no tags"):
            feedback = env.step(response)[0]["feedback"]
            assert not any(character.isdigit() for character in feedback)


def test_a_crop_is_the_next_observation():
    env, right = made(max_turns=3, tools=["crop"])
    first, info = env.reset(seed=5)
    assert info["tool_calls"] == 0
    observation, reward, terminated, truncated, info = env.step("I look closer. " + CROP)
    assert (reward, terminated, truncated) == (0.0, False, False)
    assert observation["feedback"] == "Picture 2, a part of picture 1: <image>"
    assert info["tool_calls"] == 1
    assert "verdict" not in info
    side = first["images"][0].shape[0] // 2
    np.testing.assert_array_equal(observation["images"][0], first["images"][0][:side, :side])
    observation, *_ = env.step(call("crop", image=2, box=[0, 0, 500, 500], zoom=1))
    assert observation["feedback"].startswith("Picture 3, a part of picture 2")
    assert env.step(right)[1] == 1.0


def test_the_prompt_tells_of_the_tools():
    env, _ = made(max_turns=3, tools=["crop", "calculator"])
    question = env.reset(seed=5)[0]["question"]
    assert "- crop: look closer" in question
    assert "- calculator: compute" in question
    custom, _ = made(max_turns=3, tools=["crop"], prompt="{{ question }}")
    assert "- crop: look closer" in custom.reset(seed=5)[0]["question"]


def test_a_tool_call_in_the_last_turn_truncates():
    env, _ = made(max_turns=2, tools=["crop"])
    env.step(CROP)
    observation, reward, terminated, truncated, info = env.step(CROP)
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert observation["images"] == ()
    assert info["verdict"].status == "no_answer"
    with pytest.raises(ResetNeeded):
        env.step(CROP)


def test_without_feedback_the_first_answer_counts():
    env, _ = made(max_turns=3, tools=["crop"])
    _, reward, terminated, truncated, _ = env.step(WRONG)
    assert (reward, terminated, truncated) == (0.0, True, False)


def test_the_token_budget_truncates():
    env, right = made(max_turns=5, feedback="outcome", token_budget=10)
    assert env.step(Action(WRONG, tokens=6))[3] is False
    _, reward, terminated, truncated, _ = env.step(Action(WRONG, tokens=4))
    assert (reward, terminated, truncated) == (0.0, False, True)
    env.reset(seed=5)
    env.step(Action(WRONG, tokens=9))
    _, reward, terminated, truncated, _ = env.step(Action(right, tokens=1))  # within the budget, so it counts
    assert (reward, terminated, truncated) == (1.0, True, False)


@pytest.mark.parametrize("options", [{}, {"max_turns": 4, "feedback": "outcome"}])
def test_what_goes_beyond_the_budget_is_not_graded(options):
    env, right = made(token_budget=10, **options)
    _, reward, terminated, truncated, info = env.step(Action(right, tokens=11))
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert info["verdict"].status == "no_answer"


def test_tool_calls_earn_nothing_even_where_the_verifier_pays_for_nothing():
    env, _ = made(max_turns=2, tools=["crop"], verifier=f"{__name__}:Generous")
    env.step(CROP)
    assert env.step(CROP)[1:4] == (0.0, False, True)


class Generous(Verifier):
    """Pays for everything, as official rules pay some empty responses."""

    def verify(self, response, reference):
        return Verdict(1.0, True, response, Status.OK)


def test_a_retry_may_pay_less():
    env, right = made(max_turns=4, feedback="outcome", retry_discount=0.5)
    env.step(WRONG)
    env.step(WRONG)
    assert env.step(right)[1] == 0.25
    env.reset(seed=5)
    assert env.step(right)[1] == 1.0


def test_the_tokens_of_a_plain_string_are_estimated():
    env, _ = made(max_turns=5, feedback="outcome", token_budget=20)
    assert env.step(WRONG)[3] is False  # < answ er > 99 < / answ er >: 10
    assert env.step(WRONG)[3] is True


def test_members_of_a_group_end_at_different_steps():
    venv = gymnasium.make_vec(ID, num_envs=4, group_size=2, max_turns=3, feedback="outcome", expose_privileged=True)
    venv.reset(seed=3)
    rights = [f"<answer> {p.reference.answer} </answer>" for p in venv.privileged for _ in range(2)]
    observations, rewards, terminated, truncated, infos = venv.step([rights[0], WRONG, WRONG, rights[3]])
    assert rewards.tolist() == [1, 0, 0, 1]
    assert terminated.tolist() == [True, False, False, True]
    assert observations["turn"].tolist() == [1, 1, 1, 1]
    with pytest.raises(ValueError, match="action 0 is given to an attempt that has ended; it must be None"):
        venv.step([WRONG] * 4)
    _, rewards, terminated, _, infos = venv.step([None, rights[1], WRONG, None])
    assert rewards.tolist() == [0, 1, 0, 0]
    assert terminated.tolist() == [False, True, False, False]
    assert venv.over.tolist() == [True, True, False, True]
    assert infos["_verdict"].all()
    observations, rewards, terminated, truncated, _ = venv.step([None, None, WRONG, None])
    assert venv.over.all()
    assert not truncated.any()
    assert observations["turn"].tolist() == [1, 2, 3, 1]
    with pytest.raises(ResetNeeded):
        venv.step([None] * 4)


ACTIONS = st.lists(st.sampled_from([WRONG, CROP, "", call("calculator", expression="1+1"), "RIGHT"]), max_size=6)


@settings(max_examples=60, deadline=None)
@given(actions=ACTIONS, max_turns=st.integers(2, 4), feedback=st.sampled_from(["none", "outcome", "verifier"]))
def test_a_group_is_the_same_as_single_environments(actions, max_turns, feedback):
    options = {"max_turns": max_turns, "feedback": feedback, "tools": ["crop", "calculator"], "token_budget": 60}
    env = gymnasium.make(ID, expose_privileged=True, disable_env_checker=True, **options)
    venv = gymnasium.make_vec(ID, num_envs=1, expose_privileged=True, **options)
    single, _ = env.reset(seed=8)
    several, _ = venv.reset(seed=8)
    answer = f"<answer> {env.unwrapped.privileged.reference.answer} </answer>"
    total = 0.0
    for action in actions:
        action = answer if action == "RIGHT" else action
        single, reward, terminated, truncated, info = env.step(action)
        several, rewards, ended, cut, infos = venv.step([action])
        assert single["feedback"] == several["feedback"][0]
        assert len(single["images"]) == len(several["images"][0]) == single["feedback"].count("<image>")
        assert (reward, terminated, truncated) == (rewards[0], ended[0], cut[0])
        assert {key for key in infos if not key.startswith("_")} == set(info)
        total += reward
        assert not (terminated and truncated)
        if terminated or truncated:
            assert total == info["verdict"].reward
            return
        assert reward == 0.0
    assert len(actions) < max_turns


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"max_turns": 0}, "max_turns is 0"),
        ({"max_turns": 3}, "further turns need feedback or tools"),
        ({"tools": ["crop"]}, "tools need at least 2 turns"),
        ({"tools": "crop", "max_turns": 2}, r"it must be a list such as \['crop'\]"),
        ({"tools": ["corp"], "max_turns": 2}, "did you mean 'crop'"),
        ({"feedback": "outcomes", "max_turns": 2}, "did you mean 'outcome'"),
        ({"token_budget": 1.5}, "token_budget is 1.5"),
        ({"prompt": "{{ question"}, "prompt template, line 1"),
        ({"grading_workers": -1}, "grading_workers is -1"),
        ({"max_turns": True}, "max_turns is True"),
        ({"tools": None}, "tools is None"),
        ({"expose_privileged": "no"}, "expose_privileged is 'no'"),
        ({"retry_discount": 0}, "retry_discount is 0"),
    ],
)
def test_unusable_options_are_refused(options, part):
    with pytest.raises(ConfigurationError, match=part):
        gymnasium.make(ID, **options)


@pytest.mark.parametrize("render_mode", ["ansi", "rgb_array"])
@pytest.mark.parametrize("options", [{"max_turns": 3, "tools": ["crop"]}, {}])
def test_gymnasiums_checker_accepts_turns_and_feedback(render_mode, options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make(ID, **options, feedback="verifier", render_mode=render_mode).unwrapped)


def test_a_wrapper_counts_each_attempt_once():
    venv = gymnasium.make_vec(ID, num_envs=2, group_size=2, max_turns=3, feedback="outcome", expose_privileged=True)
    wrapped = gymnasium.wrappers.vector.RecordEpisodeStatistics(venv)
    wrapped.reset(seed=3)
    right = f"<answer> {venv.privileged[0].reference.answer} </answer>"
    wrapped.step([right, WRONG])
    wrapped.step([None, right])
    assert wrapped.episode_count == 2
    assert list(wrapped.return_queue) == [1, 1]


def test_a_hostile_completion_makes_no_endless_picture():
    env, _ = made(render_mode="rgb_array")
    env.step("\n" * 20_000 + "x" * 100_000)
    assert env.render().shape[0] < 8_000


def test_a_quoted_placeholder_announces_no_picture():
    env, _ = made(max_turns=3, tools=["crop", "calculator"])
    for name in ("<video>", "<image>"):
        observation, *_ = env.step(call(name))
        assert "<" not in observation["feedback"]
        env.reset(seed=5)
        observation, *_ = env.step(call("crop", image=1, box=name))
        assert "<" not in observation["feedback"]
        env.reset(seed=5)


def test_public_facts_cannot_be_changed():
    env, _ = made()
    with pytest.raises(TypeError, match="cannot be changed"):
        env.reset(seed=5)[1]["task"].metadata["difficulty"] = 9


def test_rendering_shows_the_turns():
    env, right = made(max_turns=3, feedback="outcome", tools=["crop"], render_mode="ansi")
    for action in (CROP, WRONG, right):
        env.step(action)
    parts = [part.partition("\n")[0] for part in env.render().split("\n\n")]
    assert parts == ["QUESTION", "ANSWER", "FEEDBACK", "ANSWER", "FEEDBACK", "ANSWER", "VERDICT"]


def test_grading_may_run_in_processes_of_its_own():
    venv = gymnasium.make_vec(ID, num_envs=4, group_size=2, grading_workers=1, expose_privileged=True)
    venv.reset(seed=3)
    rights = [f"<answer> {p.reference.answer} </answer>" for p in venv.privileged for _ in range(2)]
    assert venv.step([rights[0], WRONG, WRONG, rights[3]])[1].tolist() == [1, 0, 0, 1]
    venv.close()
