from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

import rlsd_env
from rlsd_env import ConfigurationError


def make(num_envs=6, group_size=3, **kwargs):
    return gymnasium.make_vec("rlsd/ShapeCount-v0", num_envs=num_envs, group_size=group_size, **kwargs)


def test_make_vec_gives_the_group_environment_without_autoreset():
    env = make()
    assert isinstance(env.unwrapped, rlsd_env.GroupVectorEnv)
    assert env.metadata["autoreset_mode"] is AutoresetMode.DISABLED


def test_members_of_a_group_see_the_same_bytes_held_once():
    env = make()
    observations, infos = env.reset(seed=5)
    assert observations in env.observation_space
    for group in (range(3), range(3, 6)):
        questions = {observations["question"][i] for i in group}
        pictures = [observations["images"][i][0] for i in group]
        assert len(questions) == 1
        assert len({picture.tobytes() for picture in pictures}) == 1
        assert all(np.shares_memory(pictures[0], picture) for picture in pictures)
        assert len({infos["task_id"][i] for i in group}) == 1
    assert infos["task_id"][0] != infos["task_id"][3]


def test_group_b_has_the_task_of_a_single_environment_with_seed_plus_b():
    env, single = make(), gymnasium.make("rlsd/ShapeCount-v0")
    _, infos = env.reset(seed=40)
    for group in range(2):
        assert infos["task_id"][3 * group] == single.reset(seed=40 + group)[1]["task_id"]


def test_each_attempt_is_judged_on_its_own():
    env = make(expose_privileged=True)
    env.reset(options={"task_index": [3, 8]})
    right = [privileged.reference.answer for privileged in env.unwrapped.privileged]
    answers = [right[0], "77", "none", right[1], right[1], ""]
    _, rewards, terminated, truncated, infos = env.step([f"<answer> {answer} </answer>" for answer in answers])
    assert rewards.tolist() == [1, 0, 0, 1, 1, 0]
    assert terminated.all()
    assert not truncated.any()
    assert [verdict.correct for verdict in infos["verdict"]] == [True, False, False, True, True, False]
    assert infos["task_id"][0] == "shape_count-d2-3"
    with pytest.raises(ResetNeeded):
        env.step(["x"] * 6)


def test_seeds_may_be_given_per_group_or_repeated_per_member():
    env = make()
    _, per_group = env.reset(seed=[1, 9])
    _, per_member = env.reset(seed=[1, 1, 1, 9, 9, 9])
    assert per_group["task_id"].tolist() == per_member["task_id"].tolist()
    with pytest.raises(ConfigurationError, match="differ within a group"):
        env.reset(seed=[1, 1, 2, 9, 9, 9])
    with pytest.raises(ConfigurationError, match="5 seeds"):
        env.reset(seed=[1, 2, 3, 4, 5])


def test_sizes_that_do_not_fit_are_named():
    with pytest.raises(ConfigurationError, match="num_envs 7 with group_size 3"):
        make(num_envs=7)
    env = make()
    env.reset(seed=0)
    with pytest.raises(ValueError, match="5 actions for 6 environments"):
        env.step(["x"] * 5)
    with pytest.raises(ConfigurationError, match="there are 2 groups: give a list of 2"):
        env.reset(options={"task_index": [1, 2, 3]})


def test_references_are_opt_in():
    env = make()
    env.reset(seed=0)
    for name in ("privileged", "items"):
        with pytest.raises(PermissionError, match="expose_privileged=True"):
            getattr(env.unwrapped, name)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_vector_environments_that_reset_by_themselves_are_refused(mode):
    kwargs = {"shared_memory": False} if mode == "async" else {}
    with pytest.raises(ConfigurationError, match=rf"(?i){mode}VectorEnv resets by itself.*group_size=G"):
        gymnasium.make_vec("rlsd/DotSum-v0", num_envs=2, vectorization_mode=mode, vector_kwargs=kwargs)
    with pytest.raises(ConfigurationError, match="resets by itself"):
        SyncVectorEnv([lambda: gymnasium.make("rlsd/DotSum-v0")], autoreset_mode=AutoresetMode.SAME_STEP)
    off = kwargs | {"autoreset_mode": AutoresetMode.DISABLED}
    gymnasium.make_vec("rlsd/DotSum-v0", num_envs=2, vectorization_mode=mode, vector_kwargs=off).close()


@pytest.mark.parametrize("vector", [SyncVectorEnv, AsyncVectorEnv])
def test_gymnasiums_own_vector_environments_work_too(vector):
    kwargs = {"shared_memory": False} if vector is AsyncVectorEnv else {}
    env = vector(
        [lambda: gymnasium.make("rlsd_env:rlsd/DotSum-v0")] * 2, autoreset_mode=AutoresetMode.DISABLED, **kwargs
    )
    try:
        observations, _ = env.reset(seed=[3, 3])
        assert observations["question"][0] == observations["question"][1]
        _, rewards, _, _, infos = env.step(["<answer> 1000 </answer>"] * 2)
        assert rewards.tolist() == [0, 0]
        assert not infos["verdict"][0].correct
    finally:
        env.close()
