"""Gymnasium's own checker on every registered id, with its warnings as errors."""

from __future__ import annotations

import dataclasses
import warnings

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env

from rlsd_env.desk import EnvConfig
from rlsd_env.registration import IDS
from rlsd_env.sources.base import parameters
from rlsd_env.views.ids import VIEWS
from tests.rlsd_env.every_id import REAL, arguments, real_arguments


def check(id, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make(id, **options)
        check_env(env.unwrapped)
    env.close()


@pytest.mark.parametrize("id", IDS)
@pytest.mark.parametrize("render_mode", [None, "rgb_array"])
def test_every_id(id, render_mode, tmp_path):
    check(id, **arguments(id, tmp_path), render_mode=render_mode)


@pytest.mark.parametrize("id", IDS)
def test_every_id_with_several_turns(id, tmp_path):
    options = {"max_turns": 3, "feedback": "verifier", "tools": ["crop", "calculator"], "token_budget": 1000}
    check(id, **arguments(id, tmp_path), **options, render_mode="ansi")


@pytest.mark.parametrize("id", REAL)
def test_real_data(id):
    check(id, **real_arguments(id), render_mode="rgb_array")


def test_every_registered_id_was_checked():
    ours = {id for id in gymnasium.registry if id.startswith("rlsd/")}
    assert ours == {*IDS, *VIEWS}  # the views are checked in test_views.py


@pytest.mark.parametrize("id", IDS)
def test_no_argument_of_a_source_is_one_of_the_environments(id):
    """It would be unreachable through gymnasium.make."""
    own = {field.name for field in dataclasses.fields(EnvConfig)} | {"render_mode", "group_size", "num_envs", "source"}
    assert not own & set(parameters(IDS[id]["source"]))
