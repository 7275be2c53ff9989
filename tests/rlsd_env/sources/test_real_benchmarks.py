"""Every real row of ../shared/data converts, and its gold answer, in the form that the prompt asks for, is right."""

from __future__ import annotations

import gzip
import json

import pytest

import verifiers
from rlsd_env.prompts import render
from rlsd_env.sources.mathvista import MathVista
from rlsd_env.sources.mmmu_pro import MMMUPro
from rlsd_env.sources.wemath import WeMath
from tests.conftest import DATA

BY_CHANCE = 168
"""How many rows of MathVista the official rule gives an empty response: the choice nearest to no text is right."""


def real(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"no real data in ../shared/data/{name}")
    return str(path)


def letter_or_value(reference):
    return f"({reference.answer})" if reference.choices and len(reference.answer) == 1 else reference.answer


def answer_line(reference):
    return f"Answer: {reference.answer}"


def template(reference):
    return f"<Thought process>: <<it is so>> <Answer>: <<{reference.answer}>>"


@pytest.mark.parametrize("mode", ["official", "strict"])
@pytest.mark.parametrize(
    ("cls", "name", "images", "count", "respond"),
    [
        (MathVista, "mathvista/testmini_problems.jsonl.gz", "absent", 1000, letter_or_value),
        (MMMUPro, "mmmu_pro/problems_standard10.jsonl.gz", "absent", 1730, answer_line),
        (WeMath, "wemath/testmini.jsonl.gz", "absent", 1740, template),
        (WeMath, "wemath/subset60_with_images.jsonl.gz", "required", 200, template),
    ],
)
def test_every_gold_is_right(cls, name, images, count, respond, mode):
    source = cls(path=real(name), images=images)
    verifier = verifiers.make(source.verifier, mode=mode)
    assert len(source) == count
    rewarded = 0.0
    for index in range(count):
        item = source.item(index)
        reference = item.privileged.reference
        assert verifier.verify(respond(reference), reference).reward == 1.0, item.task.id
        rewarded += verifier.verify("", reference).reward if mode == "strict" or cls is not MMMUPro else 0.0
        assert len(item.task.images) == (images == "required")
        assert render(item.task, source.answer_format, source.template)
        assert source.index_of(item.task.id) == index
    assert rewarded == (BY_CHANCE if cls is MathVista and mode == "official" else 0)


def test_the_prompt_of_mathvista_is_the_official_query():
    path = real("mathvista/testmini_problems.jsonl.gz")
    source = MathVista(path=path, images="absent")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        queries = [json.loads(line)["query"] for line in lines]
    assert len(queries) == 1000
    for index, query in enumerate(queries):
        assert render(source.item(index).task, "none", source.template) == f"[image]\n{query}"


def test_real_groups_of_wemath_stay_together():
    source = WeMath(path=real("wemath"), images="absent")
    groups = source.groups()
    assert len(groups) == 525
    assert sorted(map(len, groups.values())) == [3] * 360 + [4] * 165
    tuning, heldout = set(source.fold("tuning")), set(source.fold("heldout"))
    for fold in (tuning, heldout):
        assert all(fold.issuperset(members) or fold.isdisjoint(members) for members in groups.values())
    assert not tuning & heldout
    assert 25 <= sum(tuning.issuperset(members) for members in groups.values()) <= 85
    assert 60 <= sum(heldout.issuperset(members) for members in groups.values()) <= 150
