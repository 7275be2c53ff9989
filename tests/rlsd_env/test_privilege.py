"""Privileged information reaches no student: types, opt-in, redaction, non-interference, canaries, imports."""

from __future__ import annotations

import ast
import dataclasses
import io
import json
import logging
import pickle

import gymnasium
import numpy as np
import pytest

from agents.policy.loading import load_policy
from agents.rollouts.collect import prompts_of
from agents.rollouts.environments import make_group_env
from rlsd_env import GroupVectorEnv, ReasoningEnv
from rlsd_env.registration import IDS
from rlsd_env.sources import load_source
from rlsd_env.sources.record import Record
from rlsd_env.task import Item, Privileged
from tests.conftest import ROOT
from tests.rlsd_env.every_id import REAL, arguments, real_arguments
from tests.rlsd_env.swapped import CANARY, Swapped
from verifiers import Reference

CROP = '<tool_call>{"name": "crop", "arguments": {"image": 1, "box": [0, 0, 500, 500]}}</tool_call>'
SEVERAL_TURNS = {"max_turns": 3, "feedback": "verifier", "tools": ["crop"]}


def everything_a_student_sees(env: ReasoningEnv, index: int, *actions: str) -> bytes:
    """Pickle observations and infos of a whole episode, pictures and rendered frames included."""
    seen = io.BytesIO()
    observation, info = env.reset(seed=1, options={"task_index": index})
    pickle.dump((observation, info), seen)
    for action in actions:
        observation, _, terminated, truncated, info = env.step(action)
        told = {key: value for key, value in info.items() if key != "verdict"}
        # No answer was given, so that not even the outcome may differ.
        pickle.dump((observation, told, info.get("verdict"), terminated, truncated, env.render()), seen)
    return seen.getvalue()


def source_of(id, options):
    kwargs = {**IDS[id], **options}
    return load_source(kwargs.pop("source"), kwargs)


def assert_nothing_leaks(source):
    episodes = (
        ({}, ("<think> no idea </think>",)),
        ({"feedback": "verifier"}, ("<think> no idea </think>",)),
        (SEVERAL_TURNS, (CROP, "", "<think> no idea")),
    )
    for options, actions in episodes:
        for index in range(min(4, len(source))):
            honest = everything_a_student_sees(
                ReasoningEnv(source, render_mode="rgb_array", verifier="answer", **options), index, *actions
            )
            swapped = everything_a_student_sees(
                ReasoningEnv(Swapped(source), render_mode="rgb_array", verifier="answer", **options), index, *actions
            )
            assert honest == swapped
            assert CANARY.encode() not in honest


@pytest.mark.parametrize("id", IDS)
def test_swapping_the_references_changes_no_byte_that_a_student_sees(id, tmp_path):
    assert_nothing_leaks(source_of(id, arguments(id, tmp_path)))


@pytest.mark.parametrize("id", REAL)
def test_nor_does_it_in_real_data(id):
    assert_nothing_leaks(source_of(id, real_arguments(id)))


class Leaky(Swapped):
    """Writes the answer into the question, as a careless author might."""

    def item(self, index):
        item = self.base.item(index)
        hinted = dataclasses.replace(item.task, question=f"{item.task.question} ({item.privileged.reference.answer})")
        return Item(hinted, item.privileged)


class LeaksInMetadata(Swapped):
    """Keeps the answer in a public fact."""

    def item(self, index):
        item = self.base.item(index)
        facts = {**item.task.metadata, "note": item.privileged.reference.answer}
        return Item(dataclasses.replace(item.task, metadata=facts), item.privileged)


class LeaksInPixels(Swapped):
    """Hides the answer in the picture's corner."""

    def item(self, index):
        item = self.base.item(index)
        image = item.task.images[0].copy()
        image[0, 0, 0] = len(item.privileged.reference.answer)
        return Item(dataclasses.replace(item.task, images=(image,)), item.privileged)


@pytest.mark.parametrize("leak", [Leaky, LeaksInMetadata, LeaksInPixels])
def test_the_same_comparison_catches_a_leak(leak):
    source = source_of("rlsd/ShapeCount-v0", {})
    options = {"render_mode": "rgb_array"}
    leaky = everything_a_student_sees(ReasoningEnv(leak(source), **options), 0, "")
    assert leaky != everything_a_student_sees(ReasoningEnv(leak(Swapped(source)), **options), 0, "")


def test_what_a_sampler_is_asked_does_not_depend_on_the_reference():
    """Prompts, and the very token ids that they are run as."""
    env = make_group_env("rlsd/ShapeCount-v0", {}, 2, 2)
    swapped = make_group_env("rlsd/ShapeCount-v0", {}, 2, 2)
    swapped.desk.source = Swapped(swapped.desk.source)
    encoder = load_policy("tiny", "cpu").encoder
    for a, b in zip(*(prompts_of(e, e.reset(options={"task_index": [4, 5]})[0]) for e in (env, swapped))):
        assert a.messages == b.messages
        assert all(np.array_equal(x, y) for x, y in zip(a.images, b.images))
        assert encoder.token_ids(a) == encoder.token_ids(b)


PRIVILEGED = Privileged(Reference(answer=CANARY), trace=CANARY)


@pytest.mark.parametrize(
    "holder",
    [
        PRIVILEGED,
        Item(source_of("rlsd/ShapeCount-v0", {}).item(0).task, PRIVILEGED),
        Record("1", "?", Reference(CANARY)),
    ],
    ids=["privileged", "item", "record"],
)
def test_what_holds_an_answer_redacts_itself_and_is_no_json(holder):
    shown = [repr(holder), str(holder), f"{holder}", f"{holder!r:>40}", "%s" % (holder,), repr([holder])]  # noqa: UP031
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logging.getLogger("privilege").addHandler(handler)
    logging.getLogger("privilege").error("the task: %s", holder)
    logging.getLogger("privilege").removeHandler(handler)
    for text in [*shown, stream.getvalue()]:
        assert CANARY not in text
    with pytest.raises(TypeError):
        json.dumps(holder)


@pytest.mark.parametrize("name", ["privileged", "items", "attempts"])
def test_privileged_parts_need_the_opt_in(name):
    closed = GroupVectorEnv(2, "rlsd_env.procedural.shape_count:ShapeCount", group_size=2)
    closed.reset(seed=0)
    with pytest.raises(PermissionError, match="expose_privileged=True"):
        getattr(closed, name)
    single = gymnasium.make("rlsd/ShapeCount-v0")
    single.reset(seed=0)
    with pytest.raises(PermissionError, match="expose_privileged=True"):
        single.get_wrapper_attr("privileged")


def test_verdict_feedback_needs_the_opt_in():
    closed = gymnasium.make_vec("rlsd/ShapeCount-v0", num_envs=2, group_size=2)
    closed.reset(seed=0)
    infos = closed.step(["<answer> 99 </answer>"] * 2)[4]
    assert {verdict.feedback for verdict in infos["verdict"]} == {""}


MAY_READ_PRIVILEGED_PARTS = {
    "agents/chat.py",  # tells a person the right answer, once the model has answered
    "agents/conversation.py",  # the same, for what is compared with what
    "agents/credit.py",  # speaks of privileged information, holds none
    "agents/diagnostics/poison.py",  # compares answers with the poisoned value as those to the task
    "agents/evaluation/asking.py",  # asks a model as judge, with the right answer
    "agents/evaluation/grading.py",  # grades responses again by other rules
    "agents/foresight.py",  # has a verifier of the user's own judge the right answer, before anything is trained
    "agents/rollouts/environments.py",  # opts in for trainers
    "agents/runs/samples.py",  # keeps the right answer beside what was sampled, for people
    "agents/tiny/make.py",  # makes the bundled model from worked solutions
    "agents/tiny/data.py",
    "agents/lab/data.py",  # the same of the laboratory
    "agents/diagnostics/theory/policy.py",  # a world in which everything is enumerated
    "rlsd_env/__init__.py",  # exports the type
    "rlsd_env/adapters/foreign.py",  # environments of others: what their user gives a teacher to see
    "rlsd_env/adapters/tasks.py",  # grades for other trainers, whose rows hold no answer
    "rlsd_env/attempt.py",  # has answers graded
    "rlsd_env/desk.py",
    "rlsd_env/env.py",
    "rlsd_env/hints.py",
    "rlsd_env/task.py",
    "rlsd_env/testing.py",  # checks sources
    "rlsd_env/vector.py",
}
"""Modules outside sources, procedural families, views and command line that name `Privileged` or a `.privileged`."""
ROOMS = ("rlsd_env/sources", "rlsd_env/procedural", "rlsd_env/views", "rlsd_env/cli", "rlsd_env/contamination.py")


def names_privileged(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "Privileged" for alias in node.names):
            return True
        if isinstance(node, ast.Attribute) and node.attr == "privileged":
            return True
    return False


def test_only_these_modules_touch_privileged_parts():
    """A new reader of answers is a decision: it is made here, where it is seen."""
    found = {
        str(path.relative_to(ROOT))
        for package in ("rlsd_env", "agents")
        for path in (ROOT / package).rglob("*.py")
        if names_privileged(path)
    }
    assert {name for name in found if not name.startswith(ROOMS)} <= MAY_READ_PRIVILEGED_PARTS
    assert not any(name.startswith("agents/algorithms/") for name in found)  # they read hints, which can be controlled


@pytest.mark.parametrize(
    "room", ["rlsd_env/tools", "rlsd_env/prompts.py", "rlsd_env/rendering.py", "rlsd_env/actions.py"]
)
def test_what_writes_for_students_knows_no_reference(room):
    path = ROOT / room
    for file in path.rglob("*.py") if path.is_dir() else [path]:
        assert not names_privileged(file), file
        imports = [node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.ImportFrom)]
        assert not any(alias.name == "Reference" for node in imports for alias in node.names), file
