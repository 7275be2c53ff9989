from __future__ import annotations

import copy

import pytest
import torch

from agents.policy.base import Sampling
from agents.policy.loading import load_policy
from agents.policy.transformers_policy import TransformersPolicy
from agents.rollouts.collect import collect, completion_seeds
from agents.rollouts.environments import make_group_env


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def _bundled() -> TransformersPolicy:
    torch.set_num_threads(1)
    return load_policy("tiny", "cpu")


@pytest.fixture
def policy(_bundled) -> TransformersPolicy:
    """The real bundled model, a fresh copy for each test."""
    return TransformersPolicy(copy.deepcopy(_bundled.model), _bundled.processor)


@pytest.fixture(scope="session")
def processor(_bundled):
    """The bundled model's processor, for other models."""
    return _bundled.processor


@pytest.fixture(scope="session")
def batch(_bundled):
    """Real rollouts of the bundled model: 4 tasks x 4 attempts."""
    env = make_group_env("rlsd/ShapeCount-v0", {}, 4, 4)
    return collect(env, _bundled, [3, 1, 4, 15], Sampling(1.0, 40), completion_seeds(9, (1, 0), 16), step=0)
