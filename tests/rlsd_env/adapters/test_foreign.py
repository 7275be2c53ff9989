"""Environments of others in groups: turns, ends, verdicts, what teachers are shown, and what is refused."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded

from rlsd_env import group_env
from rlsd_env.adapters.foreign import ForeignGroups
from rlsd_env.errors import ConfigurationError
from tests.rlsd_env.adapters import games
from verifiers import Status

RIGHT, LEFT, ODD = "<answer>right</answer>", "<answer>left</answer>", "<answer>north</answer>"


def lakes(**options):
    options = {"num_envs": 4, "group_size": 2, "expose_privileged": True, **options}
    return gymnasium.make_vec("games/Lake-v0", **options)


def pictures(**options):
    return ForeignGroups(2, games.pictures, group_size=2, success=1.5, **options)


def test_it_is_a_group_env_by_its_id():
    env = lakes()
    assert group_env(env) is env
    assert (env.num_envs, env.group_size, env.num_groups, env.task_count) == (4, 2, 2, 1000)


def test_attempts_end_each_in_its_own_turn():
    env = lakes()
    observations, _ = env.reset(options={"task_index": [3, 5]})
    assert observations["question"][0].startswith("[S]FG\nActions: left, down, right, up.")
    assert observations["feedback"] == ("",) * 4
    *_, terminated, truncated, infos = env.step([RIGHT, LEFT, ODD, RIGHT])
    assert not (terminated | truncated).any()
    assert infos["verdict"].tolist() == [None] * 4
    observations, rewards, terminated, truncated, infos = env.step([RIGHT, RIGHT, RIGHT, ODD])
    assert (rewards.tolist(), terminated.tolist()) == ([1, 0, 0, 0], [True, False, False, False])
    assert observations["feedback"][0].endswith("SF[G]")
    observations, rewards, terminated, truncated, infos = env.step([None, RIGHT, RIGHT, RIGHT])
    assert rewards.tolist() == [0, 1, 1, 1]
    assert terminated.tolist() == [False, True, True, True]
    assert [v.correct for v in infos["verdict"]] == [True] * 4
    assert [v.status for v in infos["verdict"]] == [Status.OK, Status.OK, Status.UNPARSABLE, Status.UNPARSABLE]
    assert infos["invalid_actions"].tolist() == [0, 0, 1, 1]
    with pytest.raises(ResetNeeded):
        env.step([RIGHT] * 4)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (None, "returned None for seed"),
        (5, "returned 5 for seed"),
        ({"answer": 5}, "returned {'answer': 5} for seed"),
        ({"answer": "a", "solutions": "b"}, "unknown level of .* 'solutions'; did you mean 'solution'"),
    ],
)
def test_what_privileged_may_not_tell(told, message):
    env = ForeignGroups(2, games.lake, group_size=2, privileged=lambda env, seed: told, expose_privileged=True)
    with pytest.raises(ConfigurationError, match=message):
        env.reset(options={"task_index": [0]})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"instructions": 3}, "instructions is 3; it must be text"),
        ({"success": "high"}, "success is 'high'; it must be a number"),
        ({"token_budget": "x"}, "token_budget is 'x'; it must be a whole number, or left out"),
        ({"privileged": 7}, "privileged is 7; it must be a function or 'package.module:name'"),
        ({"make_kwargs": {"size": "4"}}, "size is '4'; it must be a whole number"),
    ],
)
def test_options_are_of_their_types(given, message):
    def make(size: int = 3):
        return games.lake()

    with pytest.raises(ConfigurationError, match=message):
        ForeignGroups(1, make, **given)


def test_turns_and_tokens_run_out():
    env = lakes(max_turns=2)
    env.reset(options={"task_index": [0, 0]})
    env.step([LEFT, RIGHT, LEFT, LEFT])
    *_, terminated, truncated, infos = env.step([LEFT, RIGHT, RIGHT, ODD])
    assert terminated.tolist() == [False, True, False, False]
    assert truncated.tolist() == [True, False, True, True]
    assert [v.reward for v in infos["verdict"]] == [0, 1, 0, 0]
    env = lakes(token_budget=3, num_envs=1, group_size=1)
    env.reset()
    _, rewards, terminated, truncated, infos = env.step([RIGHT])  # more tokens than that: not played
    assert (rewards[0], terminated[0], truncated[0]) == (0, False, True)
    assert not infos["verdict"][0].correct


def test_pictures_are_those_of_the_turn_and_words_stay_words():
    env = pictures()
    observations, _ = env.reset(options={"task_index": [7]})
    assert observations["question"][0] == "<!image> is a word here\n<image>"
    colour = observations["images"][0][0]
    assert colour.shape == (8, 8, 3)
    assert np.array_equal(colour, observations["images"][1][0])
    observations, *_ = env.step(["a", "b"])
    assert observations["feedback"] == ("turn 1\n<image>",) * 2
    assert observations["images"][0][0].max() == 1
    env.step(["a", "b"])
    observations, *_, infos = env.step(["a", "b"])
    assert observations["feedback"][0] == "turn 3\n[image]"  # nothing is shown of what has ended
    assert observations["images"] == ((), ())
    assert [(v.reward, v.correct, v.extracted) for v in infos["verdict"]] == [(1.5, True, "a"), (1.5, True, "b")]


def test_a_task_is_the_same_whenever_it_is_asked_for():
    env = pictures()
    first = env.reset(options={"task_index": [7]})[0]["images"][0][0].copy()
    other = env.reset(options={"task_index": [8]})[0]["images"][0][0].copy()
    assert np.array_equal(env.reset(options={"task_index": [7]})[0]["images"][0][0], first)
    assert not np.array_equal(first, other)
    drawn = env.reset(seed=1)[0]["images"][0][0].copy()
    assert np.array_equal(env.reset(seed=1)[0]["images"][0][0], drawn)


def test_what_a_teacher_is_shown():
    env = lakes()
    env.reset()
    assert env.hints(env.items[0]) == {"answer": "right", "solution": "right, then right again"}
    blank = lakes(hints="blank")
    blank.reset()
    assert set(blank.hints(blank.items[0]).values()) == {"not given"}
    untold = pictures(expose_privileged=True)
    untold.reset()
    assert untold.hints(untold.items[0]) == {"answer": "not given"}
    kept = lakes(expose_privileged=False)
    kept.reset()
    with pytest.raises(PermissionError):
        kept.hints(None)
    with pytest.raises(PermissionError):
        _ = kept.items


def test_what_a_teacher_is_shown_is_told_by_an_environment_of_its_own():
    def plays(env, seed):
        assert env.step(RIGHT)[1] == 0.0
        return f"of {seed}: {env.step(RIGHT)[1]:g}"

    env = ForeignGroups(2, games.lake, group_size=2, privileged=plays, expose_privileged=True)
    env.reset(options={"task_index": [4]})
    assert env.hints(env.items[0]) == {"answer": "of 4: 1"}
    assert env.step([RIGHT, RIGHT])[0]["feedback"][0].endswith("S[F]G")  # attempts are where they were


def hinted(env):
    env.reset()
    return env.hints(env.items[0])


def test_a_wrong_hint_is_what_is_told_of_another_task_with_another_answer():
    def tells(env, seed):
        return {"answer": "odd" if seed % 2 else "even", **({"solution": f"of {seed}"} if seed % 3 else {})}

    env = ForeignGroups(
        4, games.lake, group_size=2, privileged=tells, expose_privileged=True, hints="wrong", fold="heldout"
    )
    env.reset(options={"task_index": [901, 900]})
    first, second = (env.hints(item) for item in env.items)
    assert first["answer"] == "even"
    assert int(first["solution"].removeprefix("of ")) in range(800, 1000, 2)
    assert second.keys() - first.keys() == set()
    assert second["answer"] == "odd"
    assert "solution" not in second
    assert first["sibling"] == first["feedback"] == first["wrong_answer"] == "not given"
    env.reset(options={"task_index": [900, 901]})
    assert [env.hints(item) for item in env.items] == [second, first]
    assert [item.privileged.reference.answer for item in env.items] == ["even", "odd"]


def test_an_environment_that_breaks_leaves_its_group():
    env = pictures(make_kwargs={"breaks": True})
    env.reset()
    *_, terminated, _, infos = env.step(["break", "go on"])
    assert terminated.tolist() == [True, False]
    assert infos["verdict"][0].status is Status.ERROR
    assert infos["verdict"][0].feedback == "the environment failed: RuntimeError: it broke"
    env.reset()  # goes on with the next batch
    assert not env.step(["a", "b"])[2].any()


def test_folds_have_no_seed_in_common():
    folds = {name: set(lakes(fold=name, tasks=10).task_indices) for name in ("train", "tuning", "heldout", "all")}
    assert folds["train"] | folds["tuning"] | folds["heldout"] == folds["all"] == set(range(10))
    assert sum(map(len, folds.values())) == 20


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lakes(fold="test"), "unknown fold 'test'"),
        (lambda: lakes(hints="other"), "unknown hints 'other'; .*allowed: blank, right, wrong"),
        (lambda: pictures(hints="wrong"), "hints is 'wrong' and there are none; give privileged"),
        (lambda: hinted(lakes(hints="wrong")), "no wrong hint for seed .* use hints=blank as the control"),
        (lambda: lakes(max_turns=0), "max_turns is 0; it must be a whole number, 1 or more"),
        (lambda: lakes(tasks=3), "tasks is 3; it must be a whole number, 10 or more"),
        (lambda: lakes(num_envs=3), "num_envs 3 must be a positive multiple of group_size 2"),
        (lambda: ForeignGroups(1, "tests.rlsd_env.adapters.games:lak"), "did you mean 'lake'"),
        (lambda: lakes().reset(options={"task_index": [1]}), r"task_index is \[1\]; give 2 numbers from 0 to 999"),
        (lambda: lakes().reset(options={"task_index": [1, 1000]}), "give 2 numbers from 0 to 999"),
        (lambda: lakes().reset(options={"task_id": ["a"]}), "unknown reset option 'task_id'"),
        (lambda: lakes().load_state_dict({"level": 2}), "state has level"),
        (lambda: pictures(make_kwargs={"drifts": True}).reset(), "begins differently each time with reset"),
        (
            lambda: lakes(privileged="tests.rlsd_env.adapters.games:never_told").reset(),
            "privileged of .* returned '' for seed",
        ),
        (
            lambda: ForeignGroups(1, lambda: gymnasium.make("FrozenLake-v1")).reset(),
            "wrap the environment in ObservationToText",
        ),
    ],
)
def test_what_cannot_be_used_is_one_line(call, message):
    with pytest.raises(ConfigurationError, match=message):
        call()


def test_actions_go_to_attempts_that_go_on_alone():
    env = lakes()
    env.reset()
    for actions in ([RIGHT] * 3, [RIGHT, RIGHT, RIGHT, None]):
        with pytest.raises(ValueError, match="give an action to each attempt that goes on"):
            env.step(actions)
