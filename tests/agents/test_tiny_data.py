"""What the bundled model's teacher is taught: an expert whose answers are drawn given what it is shown."""

from __future__ import annotations

import collections
import math
import re

import numpy as np
import pytest

from agents.tiny.data import EXPERT, KINDS, SOURCE, attempt, ending_in, hinted, solved
from agents.tiny.teachers import area_under_curve


def task(a, b):
    """The first task with these two counts."""
    numbers = (
        n for n in range(10_000) if [s.value for s in SOURCE.privileged(n).reference.steps[:2]] == [str(a), str(b)]
    )
    return SOURCE.item(next(numbers))


def posterior(a, b, total):
    """P(counts | total) of the expert, by enumeration: 3 x 3 counts, 3 sums."""
    count = {0: 0.6, -1: 0.2, 1: 0.2}
    add = {0: 0.88, -1: 0.06, 1: 0.06}
    joint = {
        (a + i, b + j): count[i] * count[j] * p
        for i in count for j in count for k, p in add.items() if a + i + b + j + k == total
    }  # fmt: skip
    return {counts: p / sum(joint.values()) for counts, p in joint.items()}


@pytest.mark.parametrize(("a", "b", "total"), [(2, 3, 5), (2, 3, 7), (4, 1, 4)])
def test_an_answer_that_is_shown_leads_to_the_experts_posterior(a, b, total):
    rng = np.random.default_rng(0)
    item = task(a, b)
    drawn = [ending_in(item, total, rng) for _ in range(3000)]
    assert {one.total for one in drawn} == {total}
    found = collections.Counter(one.counts for one in drawn)
    expected = posterior(a, b, total)
    assert set(found) <= set(expected)
    for counts, p in expected.items():
        assert found[counts] / 3000 == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / 3000))


def test_without_mistakes_the_expert_writes_the_worked_solution():
    for number in range(20):
        reference = SOURCE.privileged(number).reference
        made = solved(SOURCE.item(number))
        assert (made.working, str(made.total)) == (reference.solution, reference.answer)


def test_an_answer_beyond_the_experts_mistakes_is_stated_all_the_same():
    one = ending_in(task(2, 3), 40, np.random.default_rng(0))
    assert one.response.endswith("= 40. </think> <answer> 40 </answer>")
    assert one.counts[0] in (1, 2, 3)


def test_the_expert_is_right_as_often_as_its_mistakes_allow():
    """Right: no mistake at all, two counts that cancel, or one or two counts that the sum cancels."""
    # counts off by 0, 1, 2 in sum: .6 * .6 + 2 * .2 * .2 = .44; 4 * .6 * .2 = .48, half of them each way
    expected = 0.44 * 0.88 + 0.48 * 0.06
    rng = np.random.default_rng(0)
    item = task(2, 3)
    assert np.mean([attempt(item, rng).total == 5 for _ in range(4000)]) == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_answered_fits_what_was_shown(kind):
    rng = np.random.default_rng(1)
    right, answered = collections.Counter(), collections.Counter()
    for number in range(400):
        item = SOURCE.item(number)
        gold = int(item.privileged.reference.answer)
        text, made = hinted(item, kind, rng)
        answered[made.total == gold] += 1
        if kind == "feedback":
            assert not re.search(r"\d", text)  # neither the reference nor the attempt is quoted
            right[text.partition(":")[0]] += 1
        elif text == "not given":
            right["blank"] += 1
        else:
            shown = int(re.search(r"(-?\d+)( </answer>|\.)?$", text).group(1))
            assert made.total == shown
            right[shown == gold] += 1
            right["same"] += made.working == text
    if kind == "feedback":
        assert set(right) == {"Your answer is wrong.", "No answer found"}
    else:
        assert right[False] > 0.15 * 400  # wrong hints are common, or hints would be believed for being there
        assert (right["blank"] > 0) == (kind != "sibling")
        assert (right["same"] > 0.6 * 400) == (kind == "solution")  # all but blank ones and other tasks'
    assert answered[False] > 0.1 * 400


def test_after_feedback_an_answer_differs_from_the_one_that_was_wrong():
    """An attempt that was called wrong is one like it, not the right one: accuracy rises, and not to 1."""
    rng = np.random.default_rng(2)
    item = task(2, 3)
    told = [made.total == 5 for text, made in (hinted(item, "feedback", rng) for _ in range(4000)) if "wrong" in text]
    plain = 0.44 * 0.88 + 0.48 * 0.06
    # given that it does not end in w: plain / (1 - P(w)), mean over wrong w by their shares
    total = collections.Counter()
    for i, p in {0: 0.6, -1: 0.2, 1: 0.2}.items():
        for j, q in {0: 0.6, -1: 0.2, 1: 0.2}.items():
            for k, r in {0: 0.88, -1: 0.06, 1: 0.06}.items():
                total[i + j + k] += p * q * r
    wrong = {w: p / (1 - plain) for w, p in total.items() if w}
    expected = sum(share * plain / (1 - total[w]) for w, share in wrong.items())
    assert plain < expected < 0.6
    assert np.mean(told) == pytest.approx(expected, abs=0.03)


def test_the_shares_leave_room_for_blank_hints():
    assert EXPERT.right_share + EXPERT.drawn_share + EXPERT.foreign_share == pytest.approx(0.85)
    assert sum(KINDS.values()) == pytest.approx(1)


def test_the_area_under_the_curve():
    # right: 2, 0; wrong: 1, 0, -1. pairs won: 2 > 1, 2 > 0, 2 > -1, 0 > -1 and half of 0 = 0: 4.5 of 6
    assert area_under_curve([2, 1, 0, 0, -1], [True, False, True, False, False]) == 0.75
    assert area_under_curve([1.0, 1.0], [True, False]) == 0.5
    assert math.isnan(area_under_curve([1.0], [True]))
