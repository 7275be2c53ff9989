"""Procedural tasks: their answers are re-derived here from the pixels alone."""

from __future__ import annotations

import re
import subprocess
import sys
from fractions import Fraction
from hashlib import sha256

import numpy as np
import pytest
from scipy import ndimage

import verifiers
from rlsd_env import ConfigurationError
from rlsd_env.procedural.bar_chart import LEVELS as BAR_LEVELS
from rlsd_env.procedural.bar_chart import BarChart
from rlsd_env.procedural.dot_sum import DotSum
from rlsd_env.procedural.drawing import COLOURS, Canvas
from rlsd_env.procedural.shape_count import ShapeCount

FAMILIES = [ShapeCount, BarChart, DotSum]


def pixels(image, colour):
    return (np.abs(image.astype(int) - COLOURS[colour]).sum(-1)) < 30


def count_shapes(image, colour):
    """Count connected regions of a colour by shape, told apart by how much of its bounding box each fills."""
    labels, _ = ndimage.label(pixels(image, colour))
    counts = dict.fromkeys(("circles", "squares", "triangles", "crosses"), 0)
    for region in ndimage.find_objects(labels):
        filled = (labels[region] > 0).mean()
        height, width = labels[region].shape
        if filled > 0.93:
            counts["squares"] += 1
        elif filled > 0.7:
            counts["circles"] += 1
        elif abs(height / width - 1) < 0.04:  # a cross is square, a triangle .9 as high as wide
            counts["crosses"] += 1
        else:
            counts["triangles"] += 1
    return counts


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_shape_count_answers_are_what_the_picture_shows(difficulty):
    source = ShapeCount(difficulty=difficulty, cell=64)
    for index in range(12):
        item = source.item(index)
        pattern = r"number of (\w+) (\w+) (plus|minus|times) the number of (\w+) (\w+)\?"
        c1, s1, operation, c2, s2 = re.search(pattern, item.task.question).groups()
        a = count_shapes(item.task.images[0], c1)[s1]
        b = count_shapes(item.task.images[0], c2)[s2]
        expected = {"plus": a + b, "minus": a - b, "times": a * b}[operation]
        assert item.privileged.reference.answer == str(expected), (difficulty, index)
        assert [step.value for step in item.privileged.reference.steps] == [str(a), str(b), str(expected)]


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_dot_sum_answers_are_what_the_picture_shows(difficulty):
    source = DotSum(difficulty=difficulty, cell=32)
    for index in range(12):
        item = source.item(index)
        counts = [ndimage.label(pixels(item.task.images[0], c))[1] for c in ("red", "blue", "green", "purple")]
        assert item.privileged.reference.answer == str(sum(counts))


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_bar_chart_answers_are_what_the_picture_shows(difficulty):
    level = BAR_LEVELS[difficulty - 1]
    cell = 64
    source = BarChart(difficulty=difficulty, cell=cell)
    for index in range(12):
        item = source.item(index)
        first, second = re.findall(r"(\w+) bar", item.task.question)
        heights = [pixels(item.task.images[0], c).sum(axis=0) for c in (first, second)]
        a, b = (round(float(np.median(h[h > 0])) * level.most / (level.height * cell)) for h in heights)
        operation = item.task.metadata["operation"]
        expected = {"sum": Fraction(a + b), "difference": Fraction(a - b), "ratio": Fraction(a, b)}[operation]
        assert Fraction(item.privileged.reference.answer) == expected, (difficulty, index)


@pytest.mark.parametrize(("difficulty", "least"), [(1, 8), (2, 8), (3, 8), (4, 11), (5, 15)])
def test_a_unit_of_a_bar_chart_is_three_pixels_high(difficulty, least):
    """Heights at level 4: 11 * 5.5 / 20 = 3.03 pixels a unit; at level 5: 15 * 10 / 50 = 3."""
    image = BarChart(difficulty=difficulty, cell=least).item(0).task.images[0]
    level = BAR_LEVELS[difficulty - 1]
    assert image.shape[0] - 1.5 * least >= 3 * level.most - 0.5
    with pytest.raises(ConfigurationError, match=rf"bar_chart at difficulty {difficulty}: it must be {least} to 256"):
        BarChart(difficulty=difficulty, cell=least - 1)
    BarChart(difficulty=difficulty)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("difficulty", range(1, 6))
def test_gold_is_right_and_anything_else_is_not(family, difficulty):
    verifier = verifiers.make("answer")
    for index in range(20):
        reference = family(difficulty=difficulty).item(index).privileged.reference
        response = f"<think> {reference.solution} </think> <answer> {reference.answer} </answer>"
        assert verifier.verify(response, reference).reward == 1.0
        wrong = str(Fraction(reference.answer) + 1)
        assert verifier.verify(f"<think> . </think> <answer> {wrong} </answer>", reference).reward == 0.0
        assert verifier.verify("", reference).reward == 0.0
        for step in reference.steps:
            assert step.value in reference.solution


@pytest.mark.parametrize("family", FAMILIES)
def test_feedback_names_the_first_wrong_step(family):
    verifier = verifiers.make("answer")
    reference = family().item(2).privileged.reference
    first, second, *_ = reference.steps
    attempt = f"<think> {first.name}: {first.value}. {second.name}: 77. </think> <answer> 99 </answer>"
    verdict = verifier.verify(attempt, reference)
    assert verdict.feedback == f"{second.name}: 77 is wrong, it is {second.value}."


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_number_is_the_same_task_in_another_process(family):
    def fingerprint(item):
        return sha256(item.task.images[0].tobytes() + item.task.question.encode()).hexdigest()

    code = (
        f"from {family.__module__} import {family.__name__} as F; from hashlib import sha256\n"
        "for i in (0, 5): t = F().item(i).task; "
        "print(sha256(t.images[0].tobytes() + t.question.encode()).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == [fingerprint(family().item(i)) for i in (0, 5)]


@pytest.mark.parametrize("family", FAMILIES)
def test_tasks_differ_and_difficulty_is_felt(family):
    questions = {family().item(i).task.images[0].tobytes() for i in range(30)}
    assert len(questions) > 25
    sizes = [family(difficulty=d).item(0).task.images[0].size for d in (1, 5)]
    assert sizes[0] < sizes[1]


@pytest.mark.parametrize("family", FAMILIES)
def test_numbers_out_of_range_are_named(family):
    with pytest.raises(IndexError, match="must be 0 to"):
        family().item(-1)


def test_an_unknown_shape_is_named():
    with pytest.raises(ValueError, match="'star'; allowed: circle"):
        Canvas(8, 8).shape("star", "red", (4, 4), 2)
