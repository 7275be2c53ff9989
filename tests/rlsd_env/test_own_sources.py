"""A source of the user's that returns no task, or an impossible picture, is named in one line; validate finds it."""

from __future__ import annotations

import dataclasses

import gymnasium
import numpy as np
import pytest
from PIL import Image as Picture

from rlsd_env import ConfigurationError, Item, Privileged, Task, register
from rlsd_env.cli.main import main
from rlsd_env.procedural.arithmetic import Arithmetic
from rlsd_env.sources import load_source
from verifiers import Reference

ID = "tests/Own-v0"
HERE = "tests.rlsd_env.test_own_sources"


def pictured(image, question="<image>How many?", **changes):
    return Item(Task("own/1", question, (image,), **changes), Privileged(Reference("1")))


class Own(Arithmetic):
    """Hands out what it is told to, of odd numbers."""

    def __init__(self, what="item"):
        super().__init__()
        self.what = what

    def item(self, index):
        good = super().item(index)
        if index % 2 == 0:
            return good
        match self.what:
            case "none":
                return None
            case "text":
                return "What is 1 + 1?"
            case "list":
                return [good.task, good.privileged]
            case "pil":
                return pictured(Picture.new("RGB", (32, 32)))
            case "empty":
                return pictured(np.zeros((0, 0, 3), np.uint8))
            case "grey":
                return pictured(np.zeros((32, 32), np.uint8))
            case "huge":
                return pictured(np.broadcast_to(np.zeros(3, np.uint8), (20_000, 20_000, 3)).view())
            case "line":
                return pictured(np.zeros((2, 900, 3), np.uint8))
            case "question":
                return dataclasses.replace(good, task=dataclasses.replace(good.task, question=["How many?"]))
            case "raises":
                raise KeyError("width")
        return good


def test_of_a_module_only_what_may_be_a_source_is_named():
    with pytest.raises(ConfigurationError, match=r"unknown name in module .* 'Onw'; did you mean 'Own'\?") as told:
        load_source(f"{HERE}:Onw", {})
    allowed = str(told.value).partition("allowed: ")[2].split(", ")
    assert {"Own", "pictured"} <= set(allowed)
    assert not {"Arithmetic", "ConfigurationError", "Item", "np", "gymnasium", "ID", "main"} & set(allowed)


MESSAGES = {
    "none": r"Own.item\(3\) returned a NoneType; it must return rlsd_env.Item\(Task",
    "text": r"Own.item\(3\) returned a str",
    "list": r"Own.item\(3\) returned a list",
    "pil": r"Own.item\(3\) raised TypeError: image 0 of task 'own/1' is a Image; it must be an array: np.array",
    "empty": r"Own.item\(3\) raised ValueError: image 0 .* uint8 \(0, 0, 3\); it must be .* with pixels",
    "grey": r"uint8 \(32, 32\); it must be uint8, height x width x 3",
    "huge": r"Own.item\(3\) returned task 'own/1', whose picture 0 is 20000 x 20000; at most 16,384 pixels a side",
    "question": r"question of task .* is a list, \['How many\?'\]; it must be text",
    "raises": r"Own.item\(3\) raised KeyError: 'width'",
}


@pytest.fixture(autouse=True)
def registered():
    register(ID, source=f"{HERE}:Own")
    yield
    del gymnasium.registry[ID]


@pytest.mark.parametrize("what", MESSAGES)
def test_what_is_no_task_is_named_in_one_line(what):
    single = gymnasium.make(ID, what=what)
    single.reset(options={"task_index": 2})
    group = gymnasium.make_vec(ID, num_envs=2, group_size=2, what=what)
    for reset in (
        lambda: single.reset(options={"task_index": 3}),
        lambda: group.reset(options={"task_index": [3]}),
    ):
        with pytest.raises(ConfigurationError, match=MESSAGES[what]) as caught:
            reset()
        assert "\n" not in str(caught.value)


def test_a_picture_that_is_a_line_is_a_task():
    """Which shapes are taken is up to a model."""
    env = gymnasium.make(ID, what="line")
    observation, _ = env.reset(options={"task_index": 3})
    assert observation["images"][0].shape == (2, 900, 3)


@pytest.mark.parametrize("what", ["none", "raises"])
def test_validate_shows_a_fault_a_few_times_and_counts_the_rest(what, capsys):
    assert main(["validate", ID, "--env-kwargs", f"what={what}", "--limit", "20"]) == 1
    failed = [line for line in capsys.readouterr().out.splitlines() if "FAILED" in line or "more like it" in line]
    assert len(failed) == 4
    assert "Own.item(1)" in failed[0]
    assert "and 7 more like it" in failed[3]


def test_validate_finds_a_verifier_that_returns_no_verdict(capsys):
    verifier = "tests.verifiers.test_returned:Returns"
    arguments = ["verifier=" + verifier, "verifier_kwargs={value=1.0}"]
    assert main(["validate", ID, "--env-kwargs", *arguments, "--limit", "20"]) == 1
    failed = [line for line in capsys.readouterr().out.splitlines() if "FAILED" in line or "more like it" in line]
    assert len(failed) == 4
    assert "Returns.verify returned 1.0 (float); it must return a verifiers.Verdict" in failed[0]
    assert "and 17 more like it" in failed[3]
