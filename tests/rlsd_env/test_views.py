"""Numeric views: the text environment's tasks, seeds and rewards, in spaces that classical agents take."""

from __future__ import annotations

import pickle
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st
from stable_baselines3.common.env_checker import check_env as stable_check_env
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv

import rlsd_env
from rlsd_env import ConfigurationError, Privileged, Task
from rlsd_env.procedural.base import Draft, ProceduralSource
from rlsd_env.procedural.dot_sum import DotSum
from rlsd_env.sources import load_source
from rlsd_env.views.answers import Answers, answers
from rlsd_env.views.base import QUESTION_LETTERS, question_strip
from rlsd_env.views.choices import ChoiceView
from rlsd_env.views.ids import LEVELS, VIEWS, register_view, register_views, views_of
from rlsd_env.views.tokens import TokenView
from tests.rlsd_env.swapped import CANARY, Swapped
from verifiers import AnswerKind, Reference, Status

register_views()
SOURCES = {
    "DotSum": "rlsd_env.procedural.dot_sum:DotSum",
    "ShapeCount": "rlsd_env.procedural.shape_count:ShapeCount",
    "BarChart": "rlsd_env.procedural.bar_chart:BarChart",
}


@pytest.mark.parametrize("id", VIEWS)
@pytest.mark.parametrize("difficulty", [1, 2])
def test_both_checkers_accept_every_view(id, difficulty):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for check in (check_env, stable_check_env):
            check(gymnasium.make(id, difficulty=difficulty).unwrapped)


def test_every_family_has_both_levels_the_choices_first():
    assert views_of("rlsd/DotSum-v0") == {"choices": "rlsd/DotSumChoices-v0", "tokens": "rlsd/DotSumTokens-v0"}
    assert views_of("rlsd/MathVision-testmini-v0") == {}
    assert len(VIEWS) == len(SOURCES) * len(LEVELS)


@pytest.mark.parametrize("id", VIEWS)
@pytest.mark.parametrize("kind", [DummyVecEnv, SubprocVecEnv])
def test_views_step_in_stable_baselines_vector_environments(id, kind):
    if kind is SubprocVecEnv and "DotSum" not in id:
        pytest.skip("one family is enough to start processes for")
    venv = kind([lambda: gymnasium.make(f"rlsd_env:{id}", difficulty=1)] * 2)
    try:
        venv.seed(3)
        venv.reset()
        for _ in range(4):
            _, rewards, dones, infos = venv.step([venv.action_space.n - 1] * 2)
            assert rewards.shape == (2,)
            assert all("verdict" in info and "terminal_observation" in info for info in infos)
            assert dones.all()
    finally:
        venv.close()


@pytest.mark.parametrize("id", VIEWS)
def test_seeds_and_arguments_mean_the_text_environments_tasks(id):
    arguments = {"difficulty": 1, "cell": 12, "fold": "heldout"}
    view = gymnasium.make(id, **arguments)
    text = gymnasium.make(VIEWS[id]["text_env"], **arguments)
    for seed in (0, 1, 2, None, None):  # None: the next task of the same generator
        observation, info = view.reset(seed=seed)
        wanted, wanted_info = text.reset(seed=seed)
        assert info == wanted_info
        picture = observation["image"] if "Tokens" in id else observation
        (shown,) = wanted["images"]
        np.testing.assert_array_equal(picture[: shown.shape[0]], shown)
    assert int(info["task_id"].rpartition("-")[2]) >= 2**30
    assert "-d1-" in info["task_id"]


# DotSum: boxes x most; ShapeCount: 2 x most, from level 4 on most squared; BarChart: 2 x most
@pytest.mark.parametrize(
    ("family", "difficulty", "choices"),
    [
        ("DotSum", 1, 2 * 3 + 1),
        ("DotSum", 2, 2 * 6 + 1),
        ("DotSum", 5, 4 * 12 + 1),
        ("ShapeCount", 1, 2 * 3 + 1),
        ("ShapeCount", 3, 2 * 7 + 1),
        ("ShapeCount", 4, 9 * 9 + 1),
        ("BarChart", 1, 2 * 5 + 1),
        ("BarChart", 2, 2 * 9 + 1),
    ],
)
def test_every_answer_is_a_choice(family, difficulty, choices):
    view = gymnasium.make(f"rlsd/{family}Choices-v0", difficulty=difficulty)
    assert view.action_space.n == choices
    source = load_source(SOURCES[family], {"difficulty": difficulty})
    assert {int(source.item(index).privileged.reference.answer) for index in range(300)} <= set(range(choices))


@settings(max_examples=60, deadline=None)
@given(index=st.integers(0, 2**31 - 1), action=st.integers(0, 12))
def test_the_choice_is_rewarded_iff_it_is_the_answer(index, action):
    view = gymnasium.make("rlsd/DotSumChoices-v0")
    view.reset(options={"task_index": index})
    answer = int(DotSum().item(index).privileged.reference.answer)
    _, reward, terminated, truncated, info = view.step(np.int64(action))
    assert (reward, terminated, truncated) == (float(action == answer), True, False)
    assert type(reward) is float
    assert info["verdict"].correct == (action == answer)
    with pytest.raises(ResetNeeded):
        view.unwrapped.step(np.int64(0))


def task_with_answer(answer):
    return next(i for i in range(500) if DotSum().item(i).privileged.reference.answer == answer)


@pytest.mark.parametrize(
    ("written", "reward", "status"),
    [([1, 2, 10], 1.0, Status.OK), ([2, 1, 10], 0.0, Status.OK), ([10], 0.0, Status.NO_ANSWER)],
)
def test_the_verifier_judges_what_was_written(written, reward, status):
    view = gymnasium.make("rlsd/DotSumTokens-v0")
    observation, info = view.reset(options={"task_index": task_with_answer("12")})
    assert observation["prefix"].tolist() == [0, 0, 0]
    for place, token in enumerate(written):
        assert "verdict" not in info
        observation, got, terminated, truncated, info = view.step(token)
        assert observation["prefix"].tolist()[: place + 1] == [number + 1 for number in written[: place + 1]]
        assert (terminated, truncated) == (token == 10, False)
        assert got == (reward if terminated else 0.0)
    assert info["verdict"].status is status
    with pytest.raises(ResetNeeded):
        view.unwrapped.step(0)


def test_an_answer_without_an_end_is_truncated_and_no_answer():
    view = gymnasium.make("rlsd/DotSumTokens-v0")
    view.reset(options={"task_index": task_with_answer("12")})
    steps = [view.step(token) for token in (0, 1, 2)]  # 012: right, had it been ended
    assert [(step[1], step[2], step[3]) for step in steps] == [(0.0, False, False)] * 2 + [(0.0, False, True)]
    assert steps[-1][4]["verdict"].status is Status.NO_ANSWER


def test_only_digits_that_answers_can_have_are_tokens():
    assert gymnasium.make("rlsd/DotSumTokens-v0", difficulty=1).action_space.n == 7 + 1
    assert gymnasium.make("rlsd/DotSumTokens-v0", difficulty=2).action_space.n == 10 + 1


@pytest.mark.parametrize("id", ["rlsd/DotSumChoices-v0", "rlsd/DotSumTokens-v0"])
def test_actions_outside_the_space_are_refused(id):
    view = gymnasium.make(id).unwrapped
    view.reset(seed=0)
    with pytest.raises(ValueError, match="action 13 is not in Discrete"):
        view.step(13)


def test_a_question_that_varies_is_in_the_picture():
    source = load_source(SOURCES["ShapeCount"], {})
    tasks = [source.item(index).task for index in (0, 1)]
    assert tasks[0].question != tasks[1].question
    first, second = (question_strip(task, 64) for task in tasks)
    assert first.shape == second.shape == (8 * 11, 64, 3)  # 80 letters, 10 of 6 pixels in a row of 11
    assert (first != second).any()
    view = gymnasium.make("rlsd/ShapeCountChoices-v0")
    np.testing.assert_array_equal(view.reset(options={"task_index": 1})[0][64:], second)


@pytest.mark.parametrize(
    ("id", "arguments", "message"),
    [
        ("rlsd/BarChartChoices-v0", {"difficulty": 3}, "takes difficulty 1 or 2"),
        ("rlsd/DotSumTokens-v0", {"max_turns": 2, "feedback": "outcome"}, "max_turns is 2"),
        ("rlsd/DotSumTokens-v0", {"feedback": "outcome"}, "feedback is 'outcome'; a numeric view shows none"),
        ("rlsd/DotSumTokens-v0", {"dificulty": 1}, "did you mean 'difficulty'"),
        ("rlsd/DotSumTokens-v0", {"text_env": "CartPole-v1"}, "not a reasoning environment"),
    ],
)
def test_what_has_no_view_is_refused(id, arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        gymnasium.make(id, **arguments)


class Squares(ProceduralSource):
    """A family of a user's own: how many pixels are black; task 7 is larger, task 8 asks at length."""

    family = "squares"
    levels = 2
    content_split = False

    def make(self, task_id, rng):
        number = int(task_id.rpartition("-")[2])
        side = 48 if number == 7 else 40
        picture = np.full((side, side, 3), 255, np.uint8)
        count = int(rng.integers(0, 4))
        picture[0, :count] = 0
        question = f"<image>How many? {'x' * QUESTION_LETTERS if number == 8 else ''}"
        privileged = Privileged(Reference(str(count), AnswerKind.INTEGER))
        return Draft([question, side, count], privileged, lambda: Task(task_id, question, (picture,)))


def test_a_family_of_ones_own_gets_a_view():
    rlsd_env.register("test/Squares-v0", f"{__name__}:Squares")
    register_view("test/SquaresChoices-v0", "choices", "test/Squares-v0")
    with pytest.raises(ConfigurationError, match="Squares has no numeric view"):
        gymnasium.make("test/SquaresChoices-v0")
    answers.register(Squares, lambda source: Answers(3, question_varies=True))
    view = gymnasium.make("test/SquaresChoices-v0")
    check_env(view.unwrapped)
    observation, _ = view.reset(options={"task_index": 5})
    black = int((observation[0] == 0).all(axis=-1).sum())
    assert view.step(black)[1] == 1.0
    with pytest.raises(ConfigurationError, match="task 'squares-d2-7' is"):
        view.reset(options={"task_index": 7})
    with pytest.raises(ConfigurationError, match=r"task 'squares-d2-8' has \d+ letters"):
        view.reset(options={"task_index": 8})
    with pytest.raises(ConfigurationError, match="did you mean 'choices'"):
        register_view("test/Other-v0", "choice", "test/Squares-v0")


@pytest.mark.parametrize(("view", "actions"), [(ChoiceView, [0]), (TokenView, [3, 10]), (TokenView, [1, 1, 1])])
@pytest.mark.parametrize("family", SOURCES)
def test_what_is_seen_does_not_depend_on_the_reference(family, view, actions):
    """Swapped references: every byte is the same as long as the verdict on the actions is."""
    seen = []
    for swap in (False, True):
        env = view(f"rlsd/{family}-v0", render_mode="rgb_array")
        if swap:
            env.text.desk.source = Swapped(env.text.desk.source)
        index = next(
            i
            for i in range(50)
            if load_source(SOURCES[family], {}).item(i).privileged.reference.answer not in ("0", "3")
        )
        episode = [env.reset(seed=1, options={"task_index": index})]
        episode += [env.step(np.int64(action)) for action in actions]
        seen.append(pickle.dumps((episode, env.render())))
        assert episode[-1][1] == 0.0
    assert seen[0] == seen[1]
    assert CANARY.encode() not in seen[1]
