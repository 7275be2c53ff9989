"""Gymnasium's own checker on every registered id, with its warnings as errors."""

from __future__ import annotations

import warnings

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env

from rlsd_env.registration import IDS

PROCEDURAL = [id for id in IDS if "MathVision" not in id]


def checked(id, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make(id, **kwargs)
        check_env(env.unwrapped)
    return env


@pytest.mark.parametrize("id", PROCEDURAL)
@pytest.mark.parametrize("render_mode", [None, "ansi", "rgb_array"])
def test_procedural(id, render_mode):
    checked(id, render_mode=render_mode).close()


def test_mathvision(mathvision_dir):
    checked("rlsd/MathVision-testmini-v0", data_dir=mathvision_dir, render_mode="rgb_array").close()


def test_every_id_was_checked():
    assert set(PROCEDURAL) | {"rlsd/MathVision-testmini-v0"} == set(IDS)
