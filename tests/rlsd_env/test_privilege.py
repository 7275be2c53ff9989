"""Privileged information reaches no student: types, redaction and non-interference."""

from __future__ import annotations

import dataclasses
import io
import json
import logging
import pickle

import gymnasium
import numpy as np
import pytest

from agents.environments import make_group_env
from agents.rollout import prompts_of
from rlsd_env import ReasoningEnv
from rlsd_env.registration import IDS
from rlsd_env.sources import TaskSource, load_source
from rlsd_env.task import Item, Privileged
from verifiers import Reference, Step

CANARY = "xq7-canary-93"


class Swapped(TaskSource):
    """Another source with every privileged part replaced; the public parts stay."""

    def __init__(self, base: TaskSource) -> None:
        self.base = base

    def __len__(self):
        return len(self.base)

    def index_of(self, task_id):
        return self.base.index_of(task_id)

    def fold(self, name):
        return self.base.fold(name)

    def item(self, index):
        item = self.base.item(index)
        reference = Reference(
            answer="A" if item.privileged.reference.choices else "123456",
            kind=item.privileged.reference.kind,
            choices=item.privileged.reference.choices,
            solution=CANARY,
            steps=(Step(CANARY, "1"),),
        )
        return Item(item.task, Privileged(reference, trace=CANARY, extras={"note": CANARY}))


def everything_a_student_sees(env: ReasoningEnv, index: int) -> bytes:
    """Pickle observations and infos of a whole episode, pictures and rendered frames included."""
    seen = io.BytesIO()
    observation, info = env.reset(seed=1, options={"task_index": index})
    pickle.dump((observation, info), seen)
    observation, *_, info = env.step("<think> no idea </think>")  # no answer: the reward cannot differ either
    pickle.dump((observation, info["verdict"], sorted(info), env.render()), seen)
    return seen.getvalue()


def source_of(id, mathvision_dir):
    kwargs = dict(IDS[id])
    if "MathVision" in id:
        kwargs["data_dir"] = mathvision_dir
    return load_source(kwargs.pop("source"), kwargs)


@pytest.mark.parametrize("id", list(IDS))
def test_swapping_the_references_changes_no_byte_that_a_student_sees(id, request):
    mathvision_dir = request.getfixturevalue("mathvision_dir") if "MathVision" in id else None
    source = source_of(id, mathvision_dir)
    for index in range(5):
        honest = everything_a_student_sees(ReasoningEnv(source, render_mode="rgb_array"), index)
        swapped = everything_a_student_sees(ReasoningEnv(Swapped(source), render_mode="rgb_array"), index)
        assert honest == swapped
        assert CANARY.encode() not in honest


class Leaky(Swapped):
    """Writes the answer into the question, as a careless author might."""

    def item(self, index):
        item = self.base.item(index)
        hinted = dataclasses.replace(item.task, question=f"{item.task.question} ({item.privileged.reference.answer})")
        return Item(hinted, item.privileged)


def test_the_same_comparison_catches_a_leak():
    source = source_of("rlsd/ShapeCount-v0", None)
    leaky = everything_a_student_sees(ReasoningEnv(Leaky(source)), 0)
    assert leaky != everything_a_student_sees(ReasoningEnv(Leaky(Swapped(source))), 0)


def test_a_students_prompts_do_not_depend_on_the_reference():
    env = make_group_env("rlsd/ShapeCount-v0", {}, 2, 2)
    swapped = make_group_env("rlsd/ShapeCount-v0", {}, 2, 2)
    swapped.desk.source = Swapped(swapped.desk.source)
    for a, b in zip(*(prompts_of(e, e.reset(options={"task_index": [4, 5]})[0]) for e in (env, swapped))):
        assert a.messages == b.messages
        assert all(np.array_equal(x, y) for x, y in zip(a.images, b.images))


def test_privileged_redacts_itself_and_is_no_json():
    privileged = Privileged(Reference(answer=CANARY), trace=CANARY)
    shown = [repr(privileged), str(privileged), f"{privileged}", f"{privileged!r:>40}", "%s" % (privileged,)]  # noqa: UP031
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logging.getLogger("privilege").addHandler(handler)
    logging.getLogger("privilege").error("the task: %s", privileged)
    for text in [*shown, stream.getvalue()]:
        assert CANARY not in text
    with pytest.raises(TypeError):
        json.dumps(privileged)


def test_verdict_feedback_needs_the_opt_in():
    closed = gymnasium.make_vec("rlsd/ShapeCount-v0", num_envs=2, group_size=2)
    closed.reset(seed=0)
    infos = closed.step(["<answer> 99 </answer>"] * 2)[4]
    assert {verdict.feedback for verdict in infos["verdict"]} == {""}
