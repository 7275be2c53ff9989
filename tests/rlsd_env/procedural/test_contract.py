"""What holds for every procedural family: gold answers, feedback, solutions, variety and determinism."""

from __future__ import annotations

import functools
import inspect
import itertools
import os
import re
import subprocess
import sys
from collections import Counter
from fractions import Fraction
from hashlib import sha256

import gymnasium
import numpy as np
import pytest

import verifiers
from rlsd_env import ConfigurationError
from rlsd_env.plugins import resolve
from rlsd_env.procedural.base import NUMBERS, Draft, ProceduralSource, fold_of
from rlsd_env.procedural.ids import PROCEDURAL
from rlsd_env.task import Privileged
from verifiers import Reference
from verifiers.feedback import first_wrong_step

EVERY = [resolve(entry["source"]) for entry in PROCEDURAL.values()]
SPLIT = [family for family in EVERY if family.content_split]
OLD = {"rlsd/ShapeCount-v0", "rlsd/BarChart-v0", "rlsd/DotSum-v0"}  # tested in test_procedural.py
FAMILIES = [resolve(entry["source"]) for id, entry in PROCEDURAL.items() if id not in OLD]
LEVELS = [(family, difficulty) for family in FAMILIES for difficulty in range(1, family.levels + 1)]

every_level = pytest.mark.parametrize(
    ("family", "difficulty"), LEVELS, ids=[f"{family.family}-{difficulty}" for family, difficulty in LEVELS]
)
every_family = pytest.mark.parametrize("family", FAMILIES, ids=[family.family for family in FAMILIES])


@functools.cache
def tasks(family, difficulty, start=0):
    """Return 300 references with digests of what is asked about what picture, drawn small."""
    smallest = {"cell": family.least_cell(difficulty)} if takes_cell(family) else {}
    items = map(family(difficulty=difficulty, **smallest).item, range(start, start + 300))
    return [(item.privileged.reference, digest(item.task)) for item in items]


def digest(task):
    question, _, *pictures = fingerprint(task)
    return sha256(b"".join([question.encode(), *pictures])).digest()


def takes_cell(family):
    return "cell" in inspect.signature(family).parameters


def fingerprint(task):
    """Everything public of a task in a form that can be compared."""
    pictures = [image.tobytes() for image in task.images] + [video.frames.tobytes() for video in task.videos]
    return task.question, task.choices, *pictures


def exactly(expression):
    """Compute an arithmetic expression in fractions."""
    return eval(re.sub(r"\d+", r"Fraction(\g<0>)", expression), {"Fraction": Fraction})


@every_level
def test_gold_is_right_silence_is_not_and_the_solution_states_the_steps_and_the_answer(family, difficulty):
    verifier = verifiers.make(family.verifier)
    for reference, _ in tasks(family, difficulty)[:200]:
        response = f"<think> {reference.solution} </think> <answer> {reference.answer} </answer>"
        assert verifier.verify(response, reference).reward == 1.0, reference.solution
        assert verifier.verify("", reference).reward == 0.0
        assert first_wrong_step(reference.solution, reference.steps) is None, reference.solution
        assert re.search(rf"(=|:|is) {re.escape(reference.answer)}\.$", reference.solution), reference.solution


@pytest.mark.parametrize("difficulty", range(1, 6))
@pytest.mark.parametrize("family", SPLIT, ids=[family.family for family in SPLIT])
def test_no_task_looks_like_one_of_another_fold(family, difficulty):
    """At the smallest `cell`, where the most pictures would coincide."""
    found = [{public for _, public in tasks(family, difficulty, numbers[0])} for numbers in NUMBERS.values()]
    assert len(set().union(*found)) == sum(map(len, found))


def test_the_numbers_of_folds():
    source = Coins(1)
    assert source.fold("train") == range(2**30)
    assert source.fold("heldout") == range(2**30, 2**31)
    assert source.fold("tuning") == range(2**31, 3 * 2**30)
    assert source.fold("all") == range(2**31)
    assert len(source) == 3 * 2**30


def test_shares_of_contents():
    """Of 16,000 contents half are heldout, 1 in 16 tuning: 8,000 and 1,000, give or take four standard deviations."""
    counts = Counter(fold_of(["How many?", n]) for n in range(16_000))
    assert abs(counts["heldout"] - 8000) < 4 * 63.2
    assert abs(counts["tuning"] - 1000) < 4 * 30.6


def test_the_folds_of_all_families_but_one_are_split_by_content():
    assert {family.family for family in set(EVERY) - set(SPLIT)} == {"shape_count"}


class Coins(ProceduralSource):
    """A family with as many contents as it has sides."""

    family, levels, sides = "coins", 1, 100

    def make(self, task_id, rng):
        return Draft(int(rng.integers(self.sides)), Privileged(Reference("1")), lambda: pytest.fail("drawn"))


def test_a_family_with_too_few_tasks_for_its_folds_is_named():
    class OneSided(Coins):
        sides = 1

    number = NUMBERS["train" if fold_of(0) != "train" else "heldout"][0]  # where the one content does not belong
    with pytest.raises(ConfigurationError, match=r"coins at difficulty 1: in 600 draws .* content_split = False"):
        OneSided(1).privileged(number)
    OneSided.content_split = False
    assert OneSided(1).privileged(number).reference.answer == "1"


def test_the_privileged_part_needs_no_picture():
    assert Coins(1).privileged(3).reference.answer == "1"


READ_OFF = {
    "function_plot": {1, 3}, "table_reading": {1}, "clock": {1}, "graph_reading": {1, 2, 3},
    "maze": {1, 2, 3, 4, 5}, "bounce_count": {1, 2, 3, 4, 5}, "first_colour": {1, 2, 3, 4, 5},
}  # fmt: skip
"""The difficulties at which a family asks for no arithmetic."""
MODULO_10 = {"chain", "picture_chain"}


@every_level
def test_every_arithmetic_step_is_right(family, difficulty):
    steps = [step for reference, _ in tasks(family, difficulty) for step in reference.steps]
    arithmetic = [step for step in steps if re.fullmatch(r"[\d\s()+*/-]+", step.name)]
    modulus = 10 if family.family in MODULO_10 else None
    for step in arithmetic:
        exact = exactly(step.name)
        assert (exact % modulus if modulus else exact) == Fraction(step.value), step
    assert bool(arithmetic) == (difficulty not in READ_OFF.get(family.family, ()))


@every_level
def test_answers_and_questions_vary(family, difficulty):
    found = tasks(family, difficulty)
    ((_, count),) = Counter(reference.answer for reference, _ in found).most_common(1)
    assert count <= (105 if difficulty > 1 else 180)
    assert len({public for _, public in found}) >= (130 if difficulty > 1 else 20)  # angle has 193 in all at 2


@every_level
def test_the_answer_of_another_task_is_wrong_unless_it_is_the_same(family, difficulty):
    verifier = verifiers.make(family.verifier)
    references = [reference for reference, _ in tasks(family, difficulty)[:30]]
    wrong = 0
    for left, right in itertools.pairwise(references):
        if left.kind is right.kind:
            answers = right.choices or (left.answer,)
            for answer in answers:
                verdict = verifier.verify(f"<answer> {answer} </answer>", right)
                assert verdict.correct == (answer == right.answer), (answer, right.answer)
                wrong += not verdict.correct
    assert wrong > 5


@every_family
def test_a_wrong_step_is_named(family):
    verifier = verifiers.make(family.verifier)
    reference = family().item(2).privileged.reference
    first = reference.steps[0]
    wrong = reference.choices[reference.choices.index(reference.answer) - 1] if reference.choices else "77777"
    verdict = verifier.verify(f"<think> {first.name}: 8888. </think> <answer> {wrong} </answer>", reference)
    assert verdict.feedback == f"{first.name}: 8888 is wrong, it is {first.value}."


@every_family
def test_the_same_number_is_the_same_task_in_another_process(family):
    code = (
        f"import zlib; from {family.__module__} import {family.__name__} as F\n"
        "t = F(difficulty=3).item(5).task\n"
        "pictures = [i.tobytes() for i in t.images] + [v.frames.tobytes() for v in t.videos]\n"
        "print(zlib.crc32(b''.join([repr((t.question, t.choices)).encode(), *pictures])))"
    )
    printed = []
    for hash_seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, env=environment
        )
        printed.append(done.stdout)
    assert printed[0] == printed[1] != ""


@every_family
def test_making_a_task_twice_gives_the_same_bytes_and_touches_no_global_generator(family):
    before = np.random.get_state()[1].tolist()
    source = family(difficulty=4)
    assert fingerprint(source.item(7).task) == fingerprint(source.item(7).task)
    assert fingerprint(source.item(7).task) != fingerprint(source.item(8).task)
    assert np.random.get_state()[1].tolist() == before


@every_family
def test_the_manual_speaks_of_every_level_and_argument(family):
    manual = inspect.getdoc(family)
    for heading in ("Description", "Action Space", "Observation Space", "Rewards", "Arguments", "Version History"):
        assert f"## {heading}" in manual
    for difficulty in range(1, family.levels + 1):
        assert f"{difficulty}: " in manual.partition("## Arguments")[2]
    assert takes_cell(family) == (f"`cell` (default {family.default_cell})" in manual)
    assert takes_cell(family) == bool(family().item(0).task.images or family().item(0).task.videos)


@every_family
def test_wrong_arguments_are_named(family):
    with pytest.raises(ConfigurationError, match=rf"difficulty 6 of {family.family}: .* from 1 to 5"):
        family(difficulty=6)
    with pytest.raises(ConfigurationError, match="difficulty True"):
        family(difficulty=True)
    if takes_cell(family):
        least = family.least_cell(1)
        for cell in (True, least - 1, 257):
            with pytest.raises(ConfigurationError, match=rf"cell {cell} of {family.family} .* {least} to 256 pixels"):
                family(difficulty=1, cell=cell)


@every_family
def test_a_larger_cell_gives_larger_pictures_of_the_same_task(family):
    if not takes_cell(family):
        pytest.skip("text only")
    small, large = (family(cell=cell).item(4) for cell in (family.default_cell, 2 * family.default_cell))
    assert (small.task.question, small.privileged.reference) == (large.task.question, large.privileged.reference)
    assert visible(large.task).shape[0] > 1.8 * visible(small.task).shape[0]


def visible(task):
    return task.images[0] if task.images else task.videos[0].frames[0]


@pytest.mark.parametrize("id", [id for id in PROCEDURAL if id not in OLD])
def test_ids_make_environments(id):
    env = gymnasium.make(id, difficulty=1, expose_privileged=True)
    env.reset(seed=1)
    answer = env.get_wrapper_attr("privileged").reference.answer
    assert env.step(f"<answer> {answer} </answer>")[1] == 1.0
