"""Training that is stopped after a step and resumed from its checkpoint, family by family: it ends with equal bytes."""

from __future__ import annotations

import pytest
import torch

import agents
from agents.distributed import World
from agents.options.learner import LearnerOptions
from agents.policy.base import Sampling
from agents.rollouts.collect import collect, completion_seeds
from agents.rollouts.environments import make_group_env
from agents.runs import checkpoint
from tests.agents.families import FAMILIES, PACKAGES
from tests.agents.test_families import make_policy
from tests.agents.test_learner import alternating, same


def make_agent(name, lora_rank):
    """A teacher that follows has weights of its own, which a checkpoint has to have."""
    policy = make_policy(name, lora_rank=lora_rank)
    return agents.make("rlsd", policy=policy, learner=LearnerOptions(lr=1e-2), teacher="ema(0.5)")


def train(agent, step):
    """Sample a batch with pictures by the weights of now, and learn from it."""
    env = make_group_env("rlsd/ShapeCount-v0", {}, 2, 2)
    seeds = completion_seeds(9, (1, step), 4)
    agent.update(alternating(collect(env, agent.actor, [3, 1 + step], Sampling(1.0, 5), seeds, step=step)))


def bytes_of(agent):
    """Return the weights of the model and of its teacher."""
    model = agent.learner.policy.model
    own = [one for scorer in agent.learner.scorers.values() for one in scorer.weights.weights.values()]
    assert own
    return [one.detach().clone() for one in (*model.state_dict().values(), *own)]


@pytest.mark.parametrize("lora_rank", [0, 2], ids=["", "lora"])
@pytest.mark.parametrize("name", FAMILIES)
def test_two_steps_are_one_step_a_checkpoint_and_another(name, lora_rank, tmp_path):
    pytest.importorskip(PACKAGES.get(name, "transformers"))
    straight, stopped, resumed = (make_agent(name, lora_rank) for _ in range(3))
    train(straight, 0)
    train(stopped, 0)
    checkpoint.save(tmp_path, stopped, checkpoint.RunState(step=1), World())
    assert checkpoint.restore(tmp_path, resumed, World()).step == 1
    before = bytes_of(resumed)
    assert same(before, bytes_of(stopped))
    train(straight, 1)
    train(resumed, 1)
    assert same(bytes_of(straight), bytes_of(resumed))
    assert not any(torch.isnan(one).any() for one in bytes_of(resumed))
    assert not same(before, bytes_of(resumed))
