"""What an environment says of an attempt, as an episode keeps it and as a teacher is shown it."""

from __future__ import annotations

import itertools
import json
import re
from functools import partial

import numpy as np
import pytest
from gymnasium.vector import VectorObservationWrapper
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.algorithms.contexts import (
    show_answer,
    show_question,
    show_sibling,
    show_sibling_or_feedback,
    show_solution,
    show_wrong_answer,
    wrong_answers,
)
from agents.episodes import Completion, StopReason
from agents.policy.base import Sampling
from agents.rollouts.collect import collect
from agents.rollouts.environments import make_group_env
from rlsd_env.registration import IDS
from tests.plugged import Tells
from verifiers import Verifier

ID = "rlsd/ShapeCount-v0"
FAMILIES = [id for id, kwargs in IDS.items() if ".procedural." in kwargs["source"]]
WRONG = "<answer> 99 </answer>"
CROP = f"<tool_call>{json.dumps({'name': 'crop', 'arguments': {'image': 1, 'box': [0, 0, 500, 500]}})}</tool_call>"
TELLS = "tests.plugged:Tells"
always = partial(show_sibling_or_feedback, feedback="always")


class Scripted:
    """A sampler that says given texts, the n-th of them in the n-th turn."""

    def __init__(self, *texts):
        self.texts = texts

    def generate(self, request, on_completion=None):
        said = [sum(message["role"] == "assistant" for message in prompt.messages) for prompt in request.prompts]
        return [
            [Completion((5,) * 10, (0.0,) * 10, self.texts[turn], StopReason.STOP) for _ in range(request.n)]
            for turn in said
        ]


def played(sampler, id=ID, wrap=None, tasks=(3,), **options):
    env = make_group_env(id, options, len(tasks), 2)
    env = env if wrap is None else wrap(env)
    return collect(env, sampler, tasks, Sampling(1.0, 30), list(range(2 * len(tasks))), 0).groups


def texts_of(shown):
    return "" if shown is None else json.dumps([list(prompt.messages) for prompt in shown.prompts])


@pytest.mark.parametrize(
    ("options", "texts", "said"),
    [
        ({}, [WRONG], [""]),
        ({"feedback": "outcome"}, [WRONG], ["Your answer is wrong."]),
        ({"feedback": "verifier"}, ["<answer> many </answer>"], ["Your answer cannot be read as a number."]),
        ({"feedback": "outcome", "max_turns": 2}, [WRONG, "?"],
         ["Your answer is wrong.", "No answer found: put it in <answer> </answer>."]),
        ({"tools": ["crop"], "max_turns": 2}, [CROP, WRONG], ["Picture 2, a part of picture 1: <image>", ""]),
        ({"tools": ["crop"], "feedback": "outcome", "max_turns": 2}, [WRONG, CROP], ["Your answer is wrong.", ""]),
        ({"feedback": "outcome", "max_turns": 9, "token_budget": 20}, [WRONG, WRONG], ["Your answer is wrong."] * 2),
    ],
)  # fmt: skip
def test_an_episode_keeps_what_was_said_after_each_action(options, texts, said):
    (group,) = played(Scripted(*texts), **options)
    for episode in group.episodes:
        assert [turn.feedback for turn in episode.turns] == said
    shown = texts_of(always(group, 0))
    if said[-1]:
        assert f"Feedback on an earlier attempt: {said[-1]}" in shown
    else:
        assert shown == ""


def test_a_right_answer_is_told_nothing():
    class Right:
        def generate(self, request, on_completion=None):
            return Scripted(f"<answer> {self.answer} </answer>").generate(request)

    env = make_group_env(ID, {"feedback": "outcome", "max_turns": 2}, 1, 2)
    env.reset(options={"task_index": [3]})
    Right.answer = env.hints(env.items[0])["answer"]
    (group,) = played(Right(), feedback="outcome", max_turns=2)
    assert [[turn.feedback for turn in e.turns] for e in group.episodes] == [[""], [""]]
    assert "Feedback" not in texts_of(always(group, 0))


def test_a_wrapper_that_changes_observations_changes_what_was_said():
    class Polite(VectorObservationWrapper):
        def observations(self, observations):
            return observations | {"feedback": tuple(text and "Please try again." for text in observations["feedback"])}

    (group,) = played(Scripted(WRONG), wrap=Polite, feedback="outcome")
    assert group.episodes[0].turns[0].feedback == "Please try again."


def test_a_teacher_without_feedback_knows_no_step(policy):
    """Of an environment that says nothing no word of the verifier comes to a teacher."""
    groups = played(policy, tasks=(3, 4, 5, 6))
    told = [episode.verdict.feedback for group in groups for episode in group.episodes]
    assert any(re.search(r"is wrong, it is \d", text) for text in told)
    for group in groups:
        for i in range(2):
            assert "Feedback" not in texts_of(always(group, i))


CONTEXTS = [
    show_answer,
    show_solution,
    show_question,
    show_wrong_answer(0),
    show_sibling(0, correct=False),
    always,
]


def gold_texts(item):
    """The texts that give a task away: its worked solution, and whatever `Tells` says."""
    return [str(item.privileged.reference.solution), "-gold"]


@settings(max_examples=30)
@given(
    id=st.sampled_from(FAMILIES),
    index=st.integers(0, 500),
    variant=st.sampled_from(["wrong", "blank"]),
    feedback=st.sampled_from(["none", "outcome", "verifier"]),
    text=st.sampled_from([WRONG, "?", "<think> dots: 3.", "<answer> A </answer>", "<answer> many </answer>"]),
)
def test_controls_let_nothing_true_through_whatever_the_verifier_says(id, index, variant, feedback, text):
    (group,) = played(Scripted(text), id, tasks=(index,), hints=variant, feedback=feedback, verifier=TELLS)
    episode = group.episodes[0]
    if not episode.verdict.correct:
        assert bool(episode.turns[-1].feedback) == (feedback != "none")
    for show in CONTEXTS:
        shown = texts_of(show(group, 0))
        for gold in gold_texts(group.item):
            assert gold not in shown
    assert str(episode.turns[-1].feedback) not in texts_of(always(group, 0)) or not episode.turns[-1].feedback


@settings(max_examples=20)
@given(id=st.sampled_from(FAMILIES), index=st.integers(0, 500), level=st.sampled_from(["outcome", "verifier"]))
def test_what_the_student_itself_was_told_stays_and_quotes_nothing(id, index, level):
    """Earlier turns are the conversation, which student and teacher both read; these levels quote no reference."""
    (group,) = played(
        Scripted("<think> I see.", WRONG), id, tasks=(index,), hints="blank", feedback=level, max_turns=2
    )  # fmt: skip
    episode = group.episodes[0]
    first = episode.turns[0].feedback
    assert first.startswith("No answer found")
    assert first in texts_of(show_question(group, 0))
    shown = texts_of(always(group, 0))
    assert "attempt: not given" in shown
    assert str(group.item.privileged.reference.solution) not in shown


def test_controls_mask_the_same_episodes(policy):
    """A control has a context where the right hint has one, and only its words differ."""
    masks = {}
    for variant in ("right", "wrong", "blank"):
        groups = played(policy, tasks=(3, 4, 5, 6), hints=variant, feedback="outcome")
        masks[variant] = [always(group, i) is not None for group in groups for i in range(2)]
    assert masks["right"] == masks["wrong"] == masks["blank"]
    assert np.any(masks["right"])


def test_the_careless_verifier_would_be_heard_without_a_control():
    """So the property above can fail."""
    (group,) = played(Scripted(WRONG), feedback="outcome", verifier=TELLS)
    assert any(gold in texts_of(always(group, 0)) for gold in gold_texts(group.item))
    assert isinstance(Tells(), Verifier)


SIBLINGS = [show_sibling(0, correct=True), show_sibling(0, correct=False), show_wrong_answer(0), always]


@pytest.mark.parametrize("variant", ["right", "wrong", "blank"])
def test_controls_do_not_tell_which_attempts_were_right(policy, variant):
    """A sibling that is shown as right, and an answer that is shown since it is wrong, are the verifier's word too."""
    groups = played(policy, tasks=tuple(range(3, 11)), hints=variant)
    said = 0
    for group in groups:
        attempts = {episode.response for episode in group.episodes}
        answers = {f"answer is {answer}." for answer in wrong_answers(group)}
        for i, show in itertools.product(range(len(group.episodes)), SIBLINGS):
            if (shown := show(group, i)) is None:
                continue
            paragraph = texts_of(shown).removeprefix(texts_of(show_question(group, i)))
            tells = any(text in paragraph for text in attempts | answers)
            assert tells == (variant == "right")
            assert ("not given" in paragraph) == (variant != "right")
            said += 1
    assert said > 8
