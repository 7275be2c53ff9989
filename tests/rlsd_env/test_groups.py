"""The protocol that trainers use, on the environment itself and through gymnasium's vector wrappers."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import SyncVectorEnv
from gymnasium.wrappers.vector import ClipReward, RecordEpisodeStatistics, TransformReward

from rlsd_env import ConfigurationError, GroupEnv, GroupWrapper, group_env
from rlsd_env.curriculum import GroupCurriculum
from rlsd_env.groups import METHODS
from verifiers import Status, Verdict, Verifier

MEMBERS = {name for name in vars(GroupEnv) if not name.startswith("_")}
PRIVILEGED = {"items", "hints"}


def make(**options):
    options = {"expose_privileged": True, "fold": "heldout", "token_budget": 50} | options
    return gymnasium.make_vec("rlsd/ShapeCount-v0", num_envs=4, group_size=2, **options)


def answers(env):
    return [f"<answer> {item.privileged.reference.answer} </answer>" for item in env.items for _ in range(2)]


def test_the_group_environment_is_one():
    env = make()
    assert group_env(env) is env
    assert {name for name in MEMBERS if hasattr(env, name)} == MEMBERS
    assert set(METHODS) < MEMBERS


@pytest.mark.parametrize(
    "wrap",
    [
        lambda env: ClipReward(env, 0.0, 0.25),
        lambda env: RecordEpisodeStatistics(ClipReward(env, 0.0, 0.25)),
        lambda env: ClipReward(GroupWrapper(RecordEpisodeStatistics(env)), 0.0, 0.25),
    ],
)
def test_a_wrapped_one_rewards_as_the_wrapper_and_tells_the_rest_as_the_environment(wrap):
    plain, wrapped = make(), group_env(wrap(make()))
    for env in (plain, wrapped):
        env.reset(options={"task_index": [2**30 + 5, 2**30 + 8]})
    for name in MEMBERS - set(METHODS) - PRIVILEGED:
        assert getattr(wrapped, name) == getattr(plain, name)
    assert (wrapped.num_envs, wrapped.group_size, wrapped.num_groups) == (4, 2, 2)
    assert (wrapped.token_budget, wrapped.task_indices) == (50, range(2**30, 2**31))
    assert [item.task.id for item in wrapped.items] == [f"shape_count-d2-{2**30 + k}" for k in (5, 8)]
    assert [dict(wrapped.hints(item)) for item in wrapped.items] == [plain.hints(item) for item in plain.items]
    assert plain.step(answers(plain))[1].tolist() == [1.0] * 4
    assert wrapped.step(answers(wrapped))[1].tolist() == [0.25] * 4


class Counts(Verifier):
    """Notes what it judges."""

    def __init__(self):
        self.judged = []

    def verify(self, response, reference):
        self.judged.append(response)
        return Verdict(1.0, True, response, Status.OK)


def test_what_is_anticipated_and_fetched_through_a_wrapper_reaches_the_environment():
    counts = Counts()
    env = group_env(ClipReward(make(grade_early=True, verifier=counts), 0.0, 0.5))
    env.prefetch([3, 1])
    env.reset(options={"task_index": [3, 1]})
    for number, answer in enumerate(answers(env)):
        env.anticipate(number, answer)
    assert env.step(answers(env))[1].tolist() == [0.5] * 4
    assert sorted(counts.judged) == sorted(set(answers(env)))  # what is anticipated is judged once a task


def test_the_opt_in_is_needed_through_wrappers_too_and_looking_needs_none():
    env = group_env(ClipReward(make(expose_privileged=False), 0.0, 0.5))
    env.reset(seed=0)
    item = make().desk.source.item(0)
    with pytest.raises(PermissionError, match="expose_privileged=True"):
        _ = env.items
    with pytest.raises(PermissionError, match="expose_privileged=True"):
        env.hints(item)
    assert not hasattr(env, "privileged")


class Blank(GroupWrapper):
    """A wrapper of a user's, which shows teachers nothing and counts the batches."""

    def __init__(self, env):
        super().__init__(env)
        self.batches = 0

    def reset(self, **options):
        self.batches += 1
        return super().reset(**options)

    def hints(self, item):
        return {"answer": "?"}

    def state_dict(self):
        return {"batches": self.batches}


def test_a_wrapper_of_the_users_answers_for_what_it_changes():
    blank = Blank(make())
    assert group_env(blank) is blank
    env = group_env(TransformReward(blank, lambda rewards: rewards - 1))
    env.reset(options={"task_index": [0, 1]})
    assert env.hints(env.items[0]) == {"answer": "?"}
    assert env.state_dict() == {"batches": 1}


@pytest.mark.parametrize(
    ("made", "named"),
    [
        (lambda: gymnasium.make("rlsd/ShapeCount-v0"), "PassiveEnvChecker|OrderEnforcing"),
        (lambda: SyncVectorEnv([lambda: gymnasium.make("CartPole-v1")]), "SyncVectorEnv"),
        (lambda: RecordEpisodeStatistics(gymnasium.make_vec("CartPole-v1")), "RecordEpisodeStatistics"),
    ],
)
def test_what_is_none_is_named_with_the_fix(made, named):
    with pytest.raises(ConfigurationError, match=rf"({named}) is no group environment .*make_vec\(id"):
        group_env(made())
    with pytest.raises(ConfigurationError, match=rf"({named}) is no group environment"):
        GroupWrapper(made())


def test_closing_goes_through_and_dropping_a_wrapper_closes_nothing():
    env = make()
    wrapper = GroupWrapper(env)
    del wrapper
    assert not env.closed
    group_env(ClipReward(env, 0.0, 1.0)).close()
    assert env.closed


def test_the_environment_keeps_no_state_and_takes_none():
    env = make()
    env.reset(seed=0)
    assert env.state_dict() == {}
    env.load_state_dict({})
    with pytest.raises(ConfigurationError, match="state has batches; this environment keeps none"):
        env.load_state_dict(Blank(env).state_dict())


def test_a_curriculum_gives_the_tasks_that_are_asked_for_at_its_difficulty():
    env = GroupCurriculum(make(difficulty=1, fold="train"), window=4)
    assert group_env(env) is env
    for difficulty in (1, 2, 3):
        env.reset(options={"task_index": [7, 9]})
        assert [item.task.id for item in env.items] == [f"shape_count-d{difficulty}-{k}" for k in (7, 9)]
        env.step(answers(env))
    assert (env.task_indices, env.token_budget) == (range(2**30), 50)
    assert env.state_dict()["difficulty"] == 4


def test_difficulties_under_a_wrapper_are_those_of_the_curriculum():
    env = group_env(TransformReward(GroupCurriculum(make(difficulty=2), window=4), np.negative))
    env.reset(options={"task_index": [7, 9]})
    assert env.step(["none"] * 4)[1].tolist() == [0.0] * 4
    assert env.state_dict()["difficulty"] == 1
    env.reset(options={"task_index": [7, 9]})
    assert env.items[0].task.id == "shape_count-d1-7"
