from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from rlsd_env import ConfigurationError, Task
from rlsd_env.prompts import choice_letter, render

IMAGE = np.zeros((2, 2, 3), np.uint8)
TASK = Task("t", "Which <image>?", (IMAGE, IMAGE), ("red", "blue <image>"), metadata={"unit": "cm"})


def test_the_plain_prompt():
    assert render(TASK, "boxed") == (
        "Which <image>?\n(A) red\n(B) blue <image>\nThink step by step, then put the final answer in \\boxed{}."
    )
    assert render(TASK, "none", tools="Call.") == "Which <image>?\n(A) red\n(B) blue <image>\nCall."


def test_options_that_are_drawn_in_the_picture_are_not_repeated():
    drawn = Task("t", "Which?", choices=("A", "B", "C"))
    assert render(drawn, "none") == "Which?"
    assert render(drawn, "none", "{{ question }}{% if drawn_choices %} A, B or C{% endif %}") == "Which? A, B or C"


def test_a_template_of_the_users_own():
    template = "{{ question }} in {{ metadata.unit }}: {% for l, c in choices %}{{ l }}={{ c }} {% endfor %}{{ kind }}"
    assert render(TASK, "tags", template) == "Which <image>? in cm: A=red B=blue <image> "
    env = gymnasium.make("rlsd/ShapeCount-v0", prompt="Look. {{ question }} {{ instruction }}", answer_format="boxed")
    question = env.reset(seed=0)[0]["question"]
    assert question.startswith("Look. <image>What is")
    assert question.endswith("\\boxed{}.")


@pytest.mark.parametrize(
    ("template", "part"),
    [
        ("{{ question", "line 1"),
        ("{{ question }}{{ nothing }}", "'nothing' is undefined"),
        ("{{ question }}", "it wrote 1 <image> for task 't', which has 2"),
        ("{{ question }}{{ question }}{{ choices }}", "write {{ question }} once"),
        ("{{ question.__class__.__mro__ }}", "unsafe"),
        ("{{ question }}{{ choices.append(1) }}", "not safely callable|unsafe"),
    ],
)
def test_a_template_that_cannot_be_used_is_named(template, part):
    with pytest.raises(ConfigurationError, match=part):
        render(TASK, "none", template)


def test_an_unknown_format_is_named():
    with pytest.raises(ConfigurationError, match="did you mean 'boxed'"):
        render(TASK, "boxd")


def test_letters():
    assert [choice_letter(0), choice_letter(25)] == ["A", "Z"]
    with pytest.raises(ValueError, match="at most 26"):
        choice_letter(26)


@pytest.mark.parametrize(
    ("question", "choices", "images"), [("<image>", (), 0), ("none", (), 1), ("none", ("<image>",), 2)]
)
def test_placeholders_and_images_must_match(question, choices, images):
    with pytest.raises(ValueError, match="one placeholder per image, in order; write <!image> or <!video> where the"):
        Task("t", question, (IMAGE,) * images, choices)
