"""The rule by hand, and the wrappers over real families."""

from __future__ import annotations

import itertools
import json

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given
from hypothesis import strategies as st

import rlsd_env
from rlsd_env.curriculum import Curriculum, DifficultyRule, DifficultyState, GroupCurriculum
from rlsd_env.desk import ConfigurationError
from verifiers import Status, Verdict, Verifier

RULE = DifficultyRule(levels=5, window=10, raise_above=0.7, lower_below=0.3, hysteresis=0.1)


def outcomes(successes, count=10):
    return [True] * successes + [False] * (count - successes)


@pytest.mark.parametrize(
    ("direction", "successes", "difficulty"),
    [
        (0, 8, 4),  # 8/10 > .7
        (0, 7, 3),  # 7/10 is not above .7
        (0, 3, 3),
        (0, 2, 2),  # 2/10 < .3
        (-1, 8, 3),  # lowered before: needs more than .8
        (-1, 9, 4),
        (-1, 2, 2),
        (1, 2, 3),  # raised before: needs fewer than .2
        (1, 1, 2),
        (1, 8, 4),
    ],
)
def test_thresholds_with_hysteresis(direction, successes, difficulty):
    state = RULE.observe(DifficultyState(3, direction=direction), outcomes(successes))
    assert state.difficulty == difficulty
    assert state.outcomes == (tuple(outcomes(successes)) if difficulty == 3 else ())


def test_nothing_happens_before_the_window_is_full_and_old_outcomes_leave_it():
    state = RULE.observe(RULE.start(2), [False] * 9)
    assert state.difficulty == 2
    state = RULE.observe(state, [True])  # 1/10 < .3
    assert state == DifficultyState(1, direction=-1)
    state = DifficultyState(2, tuple(outcomes(5)))
    for _ in range(2):  # the window slides: T F... with two more T has 5 of its 7 successes left
        state = RULE.observe(state, [True])
    assert state.outcomes == (True,) * 3 + (False,) * 5 + (True,) * 2


def test_the_ends_hold():
    assert RULE.observe(RULE.start(5), [True] * 10).difficulty == 5
    assert RULE.observe(RULE.start(1), [False] * 10).difficulty == 1


def test_all_of_a_batch_larger_than_the_window_counts():
    """The last ten of the batch are all successes, but 10 of 40 is .25 < .3; of 14 outcomes with 10, .71 > .7."""
    assert RULE.observe(RULE.start(2), [False] * 30 + [True] * 10).difficulty == 1
    assert RULE.observe(RULE.start(2), [True] * 10 + [False] * 4).difficulty == 3
    state = RULE.observe(RULE.start(2), [True] * 8 + [False] * 8)  # .5
    assert state == DifficultyState(2, (True,) * 2 + (False,) * 8)


@given(st.lists(st.booleans(), max_size=200), st.integers(1, 5))
def test_one_by_one_moves_by_one_step_and_stays_in_range(observed, start):
    states = list(
        itertools.accumulate(observed, lambda state, one: RULE.observe(state, [one]), initial=RULE.start(start))
    )
    assert all(1 <= state.difficulty <= 5 for state in states)
    assert all(abs(b.difficulty - a.difficulty) <= 1 for a, b in itertools.pairwise(states))
    assert all(len(state.outcomes) <= 10 for state in states)


@given(st.integers(2, 40), st.floats(0.55, 0.95))
def test_a_student_with_one_skill_does_not_swing(window, rate):
    """Where success is certain up to a difficulty and impossible above it, two raises are never in a row undone."""
    rule = DifficultyRule(levels=5, window=window, raise_above=0.5, lower_below=0.2, hysteresis=0.1)
    state = rule.start(3)
    for _ in range(5 * window):
        state = rule.observe(state, [state.difficulty <= 3])
    assert state.difficulty in (3, 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"window": 0}, "window is 0"),
        ({"window": True}, "window is True"),
        ({"raise_above": "0.5"}, "raise_above is '0.5'"),
        ({"raise_above": 0.2}, "lower_below < raise_above"),
        ({"raise_above": 0.96}, r"raise_above \+ hysteresis < 1"),
        ({"hysteresis": 0.4}, "0 < lower_below - hysteresis"),
        ({"hysteresis": -0.1}, "hysteresis is -0.1"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        DifficultyRule(levels=5, **arguments)


def make(difficulty=1, **rule):
    rule = {"window": 4} | rule
    return Curriculum(gymnasium.make("rlsd/Arithmetic-v0", difficulty=difficulty, expose_privileged=True), **rule)


def play(env, successes, seed=None):
    """Run one episode per entry; return the difficulty that each was drawn at, and the task ids."""
    seen = []
    for success in successes:
        _, info = env.reset(seed=seed)
        seed = None
        assert f"-d{info['difficulty']}-" in info["task_id"]
        answer = env.get_wrapper_attr("privileged").reference.answer if success else "none"
        *_, after = env.step(f"<answer> {answer} </answer>")
        assert after["verdict"].correct == success
        assert after["difficulty"] == info["difficulty"]
        seen.append((info["difficulty"], info["task_id"]))
    return [difficulty for difficulty, _ in seen], [task for _, task in seen]


def test_tasks_follow_the_successes():
    env = make()
    difficulties, _ = play(env, [True] * 8 + [False] * 4 + [True], seed=0)
    assert difficulties == [1] * 4 + [2] * 4 + [3] * 4 + [2]
    assert env.difficulty == 2


def test_equal_seeds_and_outcomes_give_equal_tasks():
    script = [True] * 5 + [False] * 6
    first, second, other = play(make(), script, 7), play(make(), script, 7), play(make(), script, 8)
    assert first == second
    assert first[1] != other[1]


def test_a_restored_curriculum_goes_on_as_if_it_had_not_stopped():
    script = [True, True, False, True, True, True, True, True]
    whole = make()
    play(whole, script[:6], 3)
    state = json.loads(json.dumps(whole.state_dict()))
    restored = make(difficulty=4)
    restored.load_state_dict(state)
    assert play(whole, script[6:] * 3) == play(restored, script[6:] * 3)


def test_a_failed_verifier_is_no_failure():
    class Broken(Verifier):
        def verify(self, response, reference):
            return Verdict(0.0, False, None, Status.ERROR)

    env = Curriculum(gymnasium.make("rlsd/Arithmetic-v0", difficulty=3, verifier=Broken()), window=2)
    for _ in range(4):
        env.reset(seed=0)
        env.step("<answer> 1 </answer>")
    assert env.difficulty == 3
    assert env.state_dict()["outcomes"] == []


@pytest.mark.parametrize("id", ["rlsd/ShapeCount-v0", "rlsd/BounceCount-v0"])
@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version")
def test_gymnasium_checks_it(id):
    env = Curriculum(gymnasium.make(id, render_mode="rgb_array"))  # a full window would change what a seed gives
    check_env(env, skip_render_check=False)
    env.close()


def test_its_spec_makes_it_again():
    again = gymnasium.make(make(difficulty=4, window=1).spec)
    play(again, [False])
    assert isinstance(again, Curriculum)
    assert again.difficulty == 3


def test_what_has_no_difficulty_is_named():
    with pytest.raises(ConfigurationError, match="CartPoleEnv is no environment of rlsd"):
        Curriculum(gymnasium.make("CartPole-v1"))
    with pytest.raises(ConfigurationError, match="no spec; make it with gymnasium"):
        Curriculum(rlsd_env.ReasoningEnv("rlsd_env.procedural.maze:Maze"))
    with pytest.raises(ConfigurationError, match="option of a curriculum 'widow'; did you mean 'window'"):
        make(widow=3)
    with pytest.raises(ConfigurationError, match=r"option of a curriculum 'target'; .*allowed: hysteresis, lower"):
        make(target=2)
    with pytest.raises(ConfigurationError, match="option of a curriculum 'levels'"):
        make(levels=2)
    with pytest.raises(ConfigurationError, match=r"seeds \[-1\]"):
        make().reset(seed=-1)


def make_groups(**rule):
    env = gymnasium.make_vec(
        "rlsd/Algebra-v0",
        num_envs=6,
        group_size=3,
        difficulty=2,
        expose_privileged=True,
        max_turns=2,
        feedback="outcome",
    )
    return GroupCurriculum(env, **({"window": 6} | rule))


def answers(env, correct):
    references = [env.unwrapped.privileged[number // 3].reference.answer for number in range(6)]
    return [f"<answer> {gold if number in correct else 'none'} </answer>" for number, gold in enumerate(references)]


def test_all_attempts_of_a_batch_count_when_the_last_has_ended():
    env = make_groups()
    _, infos = env.reset(seed=0)
    assert infos["difficulty"].tolist() == [2] * 6
    assert infos["_difficulty"].all()
    *_, infos = env.step(answers(env, {0, 1, 2}))
    assert env.difficulty == 2
    assert infos["difficulty"].tolist() == [2] * 6
    env.step([None] * 3 + answers(env, {3, 4, 5})[3:])  # right in the second turn
    assert env.difficulty == 3
    _, infos = env.reset()
    assert infos["difficulty"].tolist() == [3] * 6
    assert all("-d3-" in task for task in infos["task_id"])
    env.step(answers(env, set()))
    env.step(answers(env, set()))
    assert env.difficulty == 2


def test_groups_are_deterministic_and_restorable():
    def run(env, batches, seed=None):
        tasks = []
        for _ in range(batches):
            _, infos = env.reset(seed=seed)
            seed = None
            tasks += infos["task_id"].tolist()
            env.step(answers(env, set(range(6))))
        return tasks

    assert run(make_groups(), 4, [5, 6]) == run(make_groups(), 4, [5, 6])
    whole, restored = make_groups(), make_groups()
    run(whole, 2, 1)
    restored.load_state_dict(json.loads(json.dumps(whole.state_dict())))
    assert run(whole, 3) == run(restored, 3)


def test_group_b_has_the_task_of_a_single_environment_with_seed_plus_b():
    _, infos = make_groups().reset(seed=40)
    single = Curriculum(gymnasium.make("rlsd/Algebra-v0", difficulty=2))
    assert [single.reset(seed=40 + group)[1]["task_id"] for group in range(2)] == infos["task_id"][[0, 3]].tolist()


def test_a_wrapper_inside_is_refused():
    with pytest.raises(ConfigurationError, match="put it around GroupCurriculum"):
        GroupCurriculum(make_groups())
    for wrap in (gymnasium.wrappers.RecordEpisodeStatistics, lambda env: gymnasium.wrappers.TimeLimit(env, 3)):
        with pytest.raises(ConfigurationError, match=r"is a wrapper, .* put it around Curriculum"):
            Curriculum(wrap(gymnasium.make("rlsd/Maze-v0")))


def test_wrappers_around_stay_and_an_environment_without_checker_is_taken():
    env = Curriculum(gymnasium.make("rlsd/Maze-v0", difficulty=2, disable_env_checker=True), window=1)
    wrapped = gymnasium.wrappers.TransformReward(env, lambda reward: reward + 5)
    for difficulty in (2, 1):
        assert wrapped.reset(seed=0)[1]["difficulty"] == difficulty
        assert wrapped.step("none")[1] == 5


def test_no_global_generator_is_touched():
    before = np.random.get_state()[1].tolist()
    env = make()
    env.reset(seed=1)
    env.reset()
    assert np.random.get_state()[1].tolist() == before
