"""Wrong and blank hints as controls: they change what teachers are shown, and nothing else."""

from __future__ import annotations

import pytest

from agents.algorithms.contexts import show_answer, show_solution
from agents.policy.base import Sampling
from agents.policy.loading import load_policy
from agents.rollouts.collect import collect
from agents.rollouts.environments import make_group_env
from rlsd_env import ConfigurationError, GroupVectorEnv, TaskSource
from rlsd_env.hints import UNSAID
from rlsd_env.registration import IDS
from rlsd_env.task import Item, Privileged, Task
from verifiers import AnswerKind, Reference

FAMILIES = [id for id, kwargs in IDS.items() if ".procedural." in kwargs["source"]]


def hints_of(env, variant, indices):
    venv = make_group_env(env, {"hints": variant}, len(indices), 1)
    venv.reset(options={"task_index": indices})
    return venv, [venv.desk.hints(item) for item in venv.items]


@pytest.mark.parametrize("id", FAMILIES)
def test_a_wrong_hint_is_wrong_and_plausible_and_stays_the_same(id):
    indices = list(range(12))
    venv, found = hints_of(id, "wrong", indices)
    assert found == hints_of(id, "wrong", indices)[1]
    right = hints_of(id, "right", indices)[1]
    for item, wrong, honest in zip(venv.items, found, right):
        reference = item.privileged.reference
        assert not venv.desk.verifier.verify(f"<answer>{wrong['answer']}</answer>", reference).correct
        assert venv.desk.verifier.verify(f"<answer>{honest['answer']}</answer>", reference).correct


class Few(TaskSource):
    """Tasks of given privileged parts."""

    def __init__(self, *privileged):
        self.parts = privileged

    def __len__(self):
        return len(self.parts)

    def fold(self, name):
        return range(len(self.parts))

    def index_of(self, task_id):
        return int(task_id)

    def item(self, index):
        part = self.parts[index]
        return Item(Task(str(index), "What?", choices=part.reference.choices), part)


def hints_of_first(variant, *privileged):
    venv = GroupVectorEnv(1, Few(*privileged), hints=variant, expose_privileged=True)
    venv.reset(options={"task_index": [0]})
    return venv.hints(venv.items[0])


def choice(letter, solution=None, trace=None):
    return Privileged(Reference(letter, AnswerKind.CHOICE, ("red", "blue", "green"), solution=solution), trace)


def number(value, solution=None, trace=None):
    return Privileged(Reference(value, solution=solution), trace)


def test_a_wrong_option_is_one_of_the_options():
    assert hints_of_first("wrong", choice("B"))["answer"] in ("A", "C")


def test_a_source_without_another_answer_has_no_wrong_hint():
    with pytest.raises(ConfigurationError, match="use hints=blank"):
        hints_of_first("wrong", number("7"), number("7"), number("7"))


@pytest.mark.parametrize("id", FAMILIES)
def test_controls_have_the_levels_that_the_right_hint_has(id):
    """So that a control changes what a sentence says and never which sentence it is."""
    right, wrong, blank = (hints_of(id, variant, list(range(4)))[1] for variant in ("right", "wrong", "blank"))
    for honest, false, empty in zip(right, wrong, blank):
        assert set(honest) == {"answer", "solution"}
        assert set(false) == set(empty) == {*honest, *UNSAID}
        assert set(empty.values()) == {false[level] for level in UNSAID} == {"not given"}


@pytest.mark.parametrize(
    ("first", "other", "levels"),
    [
        (number("7"), number("8", "4 + 4 = 8"), {"answer"}),
        (number("7", "3 + 4", "So it is 7."), number("8", "4 + 4", "So it is 8."), {"answer", "solution", "trace"}),
        (choice("B", "It is blue."), choice("C", "It is green."), {"answer", "solution"}),
        (choice("B"), choice("C", "It is green."), {"answer"}),
    ],
)
def test_a_wrong_hint_has_no_other_levels_than_the_task(first, other, levels):
    for variant in ("right", "wrong", "blank"):
        assert set(hints_of_first(variant, first, other)) - set(UNSAID) == levels
    wrong = hints_of_first("wrong", first, other)
    assert wrong.get("solution", other.reference.solution) == other.reference.solution
    assert wrong.get("trace", other.trace) == other.trace
    if "solution" in levels:
        assert wrong["answer"] == other.reference.answer  # the solution ends in the answer that is shown


def test_a_solution_that_no_wrong_one_can_stand_for_is_named():
    with pytest.raises(ConfigurationError, match=r"no wrong hint for task '0'.* with answer, solution"):
        hints_of_first("wrong", choice("B", "It is blue."), choice("C"), choice("B", "Blue."))


def test_a_wrong_option_with_its_solution_is_one_of_the_options():
    beyond = Privileged(Reference("E", AnswerKind.CHOICE, tuple("vwxyz"), solution="It is z."))
    wrong = hints_of_first("wrong", choice("B", "It is blue."), *[beyond] * 20, choice("A", "It is red."))
    assert (wrong["answer"], wrong["solution"]) == ("A", "It is red.")


def test_controls_change_the_teachers_prompt_only():
    policy = load_policy("tiny", "cpu")
    batches = {
        variant: collect(
            make_group_env("rlsd/ShapeCount-v0", {"hints": variant}, 1, 2), policy, [3], Sampling(1.0, 20), [1, 2], 0
        )
        for variant in ("right", "wrong", "blank")
    }
    episodes = {variant: [episode for _, _, episode in batch] for variant, batch in batches.items()}
    for variant in ("wrong", "blank"):
        for one, other in zip(episodes["right"], episodes[variant]):
            assert one.turns[0].action == other.turns[0].action
            assert one.turns[0].prompt.messages == other.turns[0].prompt.messages
            assert one.verdict == other.verdict
    shown = {variant: str(show_answer(batch.groups[0], 0).prompts[0].messages) for variant, batch in batches.items()}
    assert len(set(shown.values())) == 3
    assert "The reference answer is not given." in shown["blank"]
    solutions = {variant: str(show_solution(b.groups[0], 0).prompts[0].messages) for variant, b in batches.items()}
    assert "The reference solution is: not given\\nNow" in solutions["blank"]
    assert solutions["wrong"] != solutions["right"]


def test_an_unknown_variant_is_named():
    with pytest.raises(ConfigurationError, match="did you mean 'wrong'"):
        make_group_env("rlsd/ShapeCount-v0", {"hints": "wrnog"}, 1, 1)
