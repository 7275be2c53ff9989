from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from agents.algorithms.contexts import (
    HINTS,
    blank,
    blurred,
    of_sign,
    show_answer,
    show_degraded,
    show_question,
    show_sibling,
    show_sibling_or_feedback,
    show_solution,
    show_with_other_input,
    show_wrong_answer,
    shuffled,
    successful_sibling,
)
from agents.algorithms.rules import parse_rule
from agents.episodes import Completion, Episode, EpisodeBatch, EpisodeGroup, Prompt, StopReason, Turn
from agents.learner.own_weights import OwnWeights
from agents.messages import user_message
from rlsd_env import ConfigurationError, Item, Privileged, Task
from verifiers import Reference, Status, Verdict

IMAGE = np.zeros((16, 16, 3), np.uint8)
PROMPT = Prompt((user_message("<image>How many?"),), (IMAGE,))


def episode(text, correct, reward=None, status=Status.OK, feedback=""):
    verdict = Verdict(float(correct) if reward is None else reward, correct, text, status, "dots: 3 is wrong, it is 2.")
    turn = Turn(PROMPT, Completion((1, 2), (-0.1, -0.2), text, StopReason.STOP), feedback)
    return Episode((turn,), verdict.reward, verdict)


def group(*episodes, solution="2 + 5 = 7.", trace=None):
    task = Task("t", "<image>How many?", (IMAGE,))
    texts = {"answer": "7", "solution": solution, "trace": trace}
    hints = {level: text for level, text in texts.items() if text is not None}
    return EpisodeGroup(Item(task, Privileged(Reference("7", solution=solution), trace)), episodes, hints)


def shown(view):
    (prompt,) = view.prompts
    assert prompt.images is PROMPT.images  # the teacher always sees the image, the very same one
    assert prompt.messages[0]["content"][0] == {"type": "image"}
    return prompt.messages[0]["content"][-1]["text"]


def test_rlsds_teacher_sees_the_answer_and_not_the_solution():
    text = shown(show_answer(group(episode("3", False)), 0))
    assert text.startswith("How many?")
    assert "answer is 7" in text
    assert "2 + 5" not in text


def test_opsds_teacher_sees_trace_else_solution_else_answer():
    assert "a long trace" in shown(show_solution(group(episode("3", False), trace="a long trace"), 0))
    assert "2 + 5 = 7." in shown(show_solution(group(episode("3", False)), 0))
    assert "answer is 7" in shown(show_solution(group(episode("3", False), solution=None), 0))


def test_sdpos_teacher_sees_another_success_never_its_own():
    only = group(episode("mine", True), episode("other", False))
    assert successful_sibling(only, 0) is None
    assert show_sibling_or_feedback(only, 0, "always") is None  # a correct attempt gets no feedback either
    two = group(episode("first", True), episode("second", True), episode("third", False, feedback="count again"))
    assert "first" not in shown(show_sibling_or_feedback(two, 0, "never"))
    assert "second" in shown(show_sibling_or_feedback(two, 0, "never"))
    text = shown(show_sibling_or_feedback(two, 2, "without_sibling"))
    assert "first" in text
    assert "count again" not in text
    both = shown(show_sibling_or_feedback(two, 2, "always"))
    assert "first" in both
    assert "count again" in both


def test_feedback_is_what_the_environment_said_and_never_the_verdicts_own():
    silent = group(episode("3", False), episode("4", False))
    assert silent.episodes[0].verdict.feedback == "dots: 3 is wrong, it is 2."
    assert show_sibling_or_feedback(silent, 0, "always") is None
    assert show_sibling_or_feedback(silent, 0, "without_sibling") is None
    told = group(episode("3", False, feedback="Your answer is wrong."))
    assert shown(show_sibling_or_feedback(told, 0, "always")) == (
        "How many?\nFeedback on an earlier attempt: Your answer is wrong.\nNow answer the question yourself."
    )


def test_a_control_stands_in_place_of_what_the_environment_said():
    told = group(episode("3", False, feedback="Your answer is wrong."), episode("4", False))
    control = EpisodeGroup(told.item, told.episodes, {"answer": "not given", "feedback": "not given"})
    text = shown(show_sibling_or_feedback(control, 0, "always"))
    assert "attempt: not given" in text
    assert "wrong" not in text
    assert show_sibling_or_feedback(control, 1, "always") is None  # nothing was said


def test_sdpos_success_is_accuracy_not_a_shaped_reward():
    shaped = group(episode("well formatted and wrong", False, reward=0.9), episode("x", False, feedback="no"))
    assert successful_sibling(shaped, 1) is None
    assert "no" in shown(show_sibling_or_feedback(shaped, 1, "without_sibling"))


def test_a_success_that_the_verifier_failed_on_does_not_count():
    failed = group(episode("?", True, status=Status.TIMEOUT), episode("x", False))
    assert successful_sibling(failed, 1) is None


def test_a_contrast_is_shown_wrong_answers_of_the_group_as_if_they_were_right():
    four = group(episode("7", True), episode("9", False, 0.2), episode("3", False, 0.1), episode("9", False, 0.0))
    # lowest reward first: 9 (0.0), then 3; the second 9 is the same answer
    assert "answer is 9." in shown(show_wrong_answer(0)(four, 0))
    assert "answer is 3." in shown(show_wrong_answer(1)(four, 0))
    assert show_wrong_answer(2)(four, 0) is None


def test_a_contrast_of_siblings_leaves_the_scored_one_out():
    three = group(episode("mine", False), episode("theirs", False), episode("right", True))
    wrong = show_sibling(0, correct=False)
    assert "theirs" in shown(wrong(three, 0))
    assert "mine" in shown(wrong(three, 1))
    assert show_sibling(1, correct=False)(three, 0) is None
    assert "right" in shown(show_sibling(0, correct=True)(three, 0))
    assert show_sibling(0, correct=True)(three, 2) is None


def test_a_sibling_of_the_very_same_text_is_no_other_response():
    four = group(episode("7", True), episode("7\n", True), episode("seven", True), episode("9", False))
    assert [successful_sibling(four, i) is four.episodes[k] for i, k in ((0, 2), (1, 2), (2, 0), (3, 0))] == [True] * 4
    assert "seven" in shown(show_sibling_or_feedback(four, 0, "never"))
    assert "seven" in shown(show_sibling(0, correct=True)(four, 1))
    assert show_sibling(1, correct=True)(four, 0) is None
    alike = group(episode("7", True), episode("7", True), episode("9", False), episode("9", False))
    assert successful_sibling(alike, 0) is show_sibling_or_feedback(alike, 1, "always") is None
    assert show_sibling(0, correct=False)(alike, 2) is None


def test_a_sibling_that_said_nothing_is_not_shown():
    mute = group(episode(" \n", True), episode("7", True), episode("", False), episode("9", False))
    assert successful_sibling(mute, 3) is mute.episodes[1]
    assert successful_sibling(mute, 1) is None
    assert "was: 9" in shown(show_sibling(0, correct=False)(mute, 1))
    assert show_sibling(1, correct=False)(mute, 1) is None
    assert "was: 7" in shown(show_sibling(0, correct=True)(mute, 2))


def test_a_hint_may_be_kept_to_those_above_or_below_their_group():
    four = group(episode("7", True), episode("9", False), episode("3", False), episode("?", True, status=Status.ERROR))
    below, above = (of_sign(show_answer, sign) for sign in (-1, 1))
    # rewards 1, 0, 0 and one that counts for nothing: mean 1/3
    assert [below(four, i) is not None for i in range(3)] == [False, True, True]
    assert [above(four, i) is not None for i in range(3)] == [True, False, False]
    alike = group(episode("7", True), episode("7", True))
    assert below(alike, 0) is above(alike, 0) is None
    assert "answer is 7" in shown(below(four, 1))


def test_hints_by_name():
    two = group(episode("right", True), episode("wrong", False))
    assert list(HINTS) == ["answer", "solution", "sibling"]
    assert "answer is 7" in shown(HINTS["answer"](two, 0))
    assert "2 + 5 = 7." in shown(HINTS["solution"](two, 0))
    assert "right" in shown(HINTS["sibling"](two, 1))
    assert HINTS["sibling"](two, 0) is None


def another(name, question, images=(IMAGE,)):
    prompt = Prompt((user_message(question),), images)
    turns = (Turn(prompt, Completion((1,), (0.0,), "4", StopReason.STOP)),)
    one = Episode(turns, 0.0, Verdict(0.0, False, "4", Status.OK))
    item = Item(Task(name, question, images), Privileged(Reference("4"), None))
    return EpisodeGroup(item, (one, one), {"answer": "4"})


def test_another_tasks_question_with_this_tasks_hint():
    blue = (np.full((16, 16, 3), 9, np.uint8),)
    mine = group(episode("3", False), episode("7", True))
    three = EpisodeBatch((another("u", "<image>Which?", blue), mine, another("t", "<image>Same task?")), 0)
    show = show_with_other_input(0)
    (prompt,) = show(three, 1, 0).prompts
    text = prompt.messages[0]["content"][-1]["text"]
    assert text.startswith("Which?\nThe reference solution is: 2 + 5 = 7.")
    assert prompt.images is blue  # the very same ones, which are run once
    assert show(three, 1, 1).prompts[0].key == prompt.key
    assert show_with_other_input(1)(three, 1, 0) is None  # the third group has this very task
    assert [show_with_other_input(k)(three, 0, 0).prompts[0].images is PROMPT.images for k in (0, 1)] == [True, False]
    assert show(EpisodeBatch((mine,), 0), 0, 0) is None


def test_another_tasks_question_before_the_later_turns_of_this_conversation():
    crop = np.full((16, 16, 3), 5, np.uint8)
    later = Prompt((*PROMPT.messages, {"role": "assistant", "content": "5"}, user_message("<image>?")), (IMAGE, crop))
    turns = (
        Turn(PROMPT, Completion((1,), (0.0,), "5", StopReason.STOP)),
        Turn(later, Completion((1,), (0.0,), "7", StopReason.STOP)),
    )
    two = Episode(turns, 1.0, Verdict(1.0, True, "7", Status.OK))
    blue = (np.full((16, 16, 3), 9, np.uint8), np.full((16, 16, 3), 8, np.uint8))
    both = EpisodeBatch((group(two, two), another("u", "<image><image>Which?", blue)), 0)
    first, second = show_with_other_input(0)(both, 0, 0).prompts
    assert first.images is blue
    assert [image[0, 0, 0] for image in second.images] == [9, 8, 5]
    assert second.messages[0] == first.messages[0]
    assert second.messages[1:] == later.messages[1:]


def test_shuffled_patches_are_all_there_and_none_at_its_place():
    image = np.zeros((35, 49, 3), np.uint8)
    for number in range(6):  # two rows of three patches of 16 and a rest
        image[16 * (number // 3) : 16 * (number // 3) + 16, 16 * (number % 3) : 16 * (number % 3) + 16] = 10 + number
    image[32:], image[:, 48:] = 99, 98
    got = shuffled(image)
    patches = [int(got[16 * y, 16 * x, 0]) for y in range(2) for x in range(3)]
    assert sorted(patches) == list(range(10, 16))
    assert all(patch != 10 + number for number, patch in enumerate(patches))
    assert np.array_equal(got[32:], image[32:])
    assert np.array_equal(got[:, 48:], image[:, 48:])
    assert np.array_equal(got, shuffled(image))
    assert np.array_equal(shuffled(image[:10, :10]), image[:10, :10])  # smaller than a patch


def test_the_question_alone_is_the_students_own_prompt():
    one = group(episode("3", False))
    assert show_question(one, 0).prompts == (one.episodes[0].turns[0].prompt,)


def test_a_degraded_picture_keeps_its_size_and_loses_its_detail():
    image = np.zeros((16, 24, 3), np.uint8)
    image[:, ::2] = 200
    prompt = Prompt((user_message("<image>How many?"),), (image,))
    turn = Turn(prompt, Completion((1,), (0.0,), "5", StopReason.STOP))
    one = group(Episode((turn,), 0.0, Verdict(0.0, False, "5", Status.OK)))
    for degrade in (blank, blurred):
        show = show_degraded(degrade)
        (seen,) = show(one, 0).prompts
        assert seen.messages == prompt.messages
        assert seen.images[0].shape == image.shape
        assert seen.images[0].dtype == np.uint8
        assert np.ptp(seen.images[0].astype(int)) <= 30  # stripes of 0 and 200 have become one grey
        assert show(one, 0).prompts[0] is seen  # the very same one, whose features are computed once
    text = Episode((Turn(Prompt((user_message("How many?"),)), turn.action),), 0.0, one.episodes[0].verdict)
    assert show_degraded(blank)(group(text), 0) is None


def test_contexts_are_pure():
    one = group(episode("a", True), episode("b", False, feedback="f"))
    before = copy.deepcopy([turn.prompt.messages for e in one.episodes for turn in e.turns])
    texts = [shown(show_sibling_or_feedback(one, 1, "always")) for _ in range(2)]
    assert texts[0] == texts[1]
    assert [turn.prompt.messages for e in one.episodes for turn in e.turns] == before


def test_every_turn_of_a_conversation_keeps_what_was_said():
    later = Prompt((*PROMPT.messages, {"role": "assistant", "content": "5"}, user_message("Again?")), PROMPT.images)
    turns = (
        Turn(PROMPT, Completion((1,), (0.0,), "5", StopReason.STOP)),
        Turn(later, Completion((1,), (0.0,), "7", StopReason.STOP)),
    )
    two = Episode(turns, 1.0, Verdict(1.0, True, "7", Status.OK))
    prompts = show_answer(group(two), 0).prompts
    assert [len(prompt.messages) for prompt in prompts] == [1, 3]
    assert all("answer is 7" in prompt.messages[0]["content"][-1]["text"] for prompt in prompts)
    assert prompts[1].messages[1:] == later.messages[1:]


def linear(value):
    model = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(value)
    return model


def followed(rule, updates):
    student = linear(0.0)
    weights = OwnWeights(parse_rule(rule), student)
    seen = []
    for value in updates:
        with torch.no_grad():
            student.weight.fill_(value)
        weights.after_update()
        weights.after_step()
        seen.append(round(float(weights.weights["weight"]), 6))
    return seen


def test_teacher_weights_follow_their_rule():
    assert followed("live", [1, 2, 3]) == [1, 2, 3]
    assert followed("frozen", [1, 2, 3]) == [0, 0, 0]
    # 0 + .5 (1 - 0) = .5; .5 + .5 (2 - .5) = 1.25; 1.25 + .5 (3 - 1.25) = 2.125
    assert followed("ema(0.5)", [1, 2, 3]) == [0.5, 1.25, 2.125]
    assert followed("synced(2)", [1, 2, 3, 4, 5]) == [0, 2, 2, 4, 4]


@pytest.mark.parametrize(
    ("rule", "kind", "number", "place"),
    [
        ("live", "live", 0, ""),
        ("synced(10)", "synced", 10, ""),
        ("external(Qwen/Qwen3-VL-8B-Instruct)", "external", 0, "Qwen/Qwen3-VL-8B-Instruct"),
        ("external(/models/a (copy))", "external", 0, "/models/a (copy)"),
        ("server(http://localhost:8000/)", "server", 0, "http://localhost:8000"),
    ],
)
def test_rules_are_read(rule, kind, number, place):
    read = parse_rule(rule)
    assert (read.kind, read.number, read.place) == (kind, number, place)
    assert read.steady is (kind not in ("live", "ema"))


def test_a_resumed_teacher_goes_on_where_it_was():
    student = linear(0.0)
    first = OwnWeights(parse_rule("synced(3)"), student)
    with torch.no_grad():
        student.weight.fill_(5.0)
    first.after_step()
    again = OwnWeights(parse_rule("synced(3)"), student)  # a new process would copy the student as it is now
    again.load_state_dict(first.state_dict())
    assert float(again.weights["weight"]) == 0.0
    for _ in range(2):
        again.after_step()
    assert float(again.weights["weight"]) == 5.0


def test_a_synced_teacher_counts_training_steps_and_ema_counts_updates():
    student = linear(0.0)
    synced, ema = (OwnWeights(parse_rule(rule), student) for rule in ("synced(2)", "ema(0.5)"))
    with torch.no_grad():
        student.weight.fill_(4.0)
    for weights in (synced, ema):
        for _ in range(3):  # three optimiser steps on one batch
            weights.after_update()
        weights.after_step()
    assert (float(synced.weights["weight"]), synced.age) == (0.0, 1)
    assert (float(ema.weights["weight"]), ema.age) == (3.5, 0)  # 2, 3, 3.5
    synced.after_step()  # a step without any update counts too
    assert (float(synced.weights["weight"]), synced.age) == (4.0, 0)


def test_text_only_prompts_stay_plain_strings():
    prompt = Prompt((user_message("How many?"),))
    assert prompt.messages[0]["content"] == "How many?"
    plain = Episode(
        (Turn(prompt, Completion((1,), (0.0,), "5", StopReason.STOP)),), 0.0, Verdict(0.0, False, "5", Status.OK)
    )
    text = show_answer(group(plain), 0).prompts[0].messages[0]["content"]
    assert text.startswith("How many?\nThe reference answer is 7.")


@pytest.mark.parametrize(
    "rule",
    [
        "eman(0.1)",
        "ema",
        "ema(0)",
        "ema(2)",
        "synced(0.5)",
        "synced",
        "live(3)",
        "ema(1e)",
        "",
        "external",
        "server(x)",
    ],
)
def test_unknown_rules_are_named(rule):
    with pytest.raises(ConfigurationError, match="allowed are live, frozen"):
        parse_rule(rule)
