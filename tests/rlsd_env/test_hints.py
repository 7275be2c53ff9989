"""Wrong and blank hints as controls: they change what teachers are shown, and nothing else."""

from __future__ import annotations

import pytest

from agents.policy.base import Sampling
from agents.policy.loading import load_policy
from agents.rollouts.collect import collect
from agents.rollouts.environments import make_group_env
from agents.teacher import answer_view, solution_view
from rlsd_env import ConfigurationError, TaskSource
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


def test_a_wrong_option_is_one_of_the_options():
    class OneChoice(TaskSource):
        def __len__(self):
            return 1

        def fold(self, name):
            return [0]

        def index_of(self, task_id):
            return 0

        def item(self, index):
            reference = Reference("B", AnswerKind.CHOICE, ("red", "blue", "green"))
            return Item(Task("one", "Which?", choices=reference.choices), Privileged(reference))

    from rlsd_env import GroupVectorEnv

    venv = GroupVectorEnv(1, OneChoice(), hints="wrong", expose_privileged=True)
    venv.reset()
    assert venv.desk.hints(venv.items[0])["answer"] in ("A", "C")


def test_a_source_without_another_answer_has_no_wrong_hint():
    class AllSeven(TaskSource):
        def __len__(self):
            return 3

        def fold(self, name):
            return range(3)

        def index_of(self, task_id):
            return int(task_id)

        def item(self, index):
            return Item(Task(str(index), "What?"), Privileged(Reference("7")))

    from rlsd_env import GroupVectorEnv

    venv = GroupVectorEnv(1, AllSeven(), hints="wrong", expose_privileged=True)
    venv.reset()
    with pytest.raises(ConfigurationError, match="use hints=blank"):
        venv.desk.hints(venv.items[0])


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
    shown = {variant: str(answer_view(batch.groups[0], 0).prompts[0].messages) for variant, batch in batches.items()}
    assert len(set(shown.values())) == 3
    assert "The reference answer is not given." in shown["blank"]
    solutions = {variant: str(solution_view(b.groups[0], 0).prompts[0].messages) for variant, b in batches.items()}
    assert solutions["blank"] == shown["blank"]
    assert solutions["wrong"] != solutions["right"]


def test_an_unknown_variant_is_named():
    with pytest.raises(ConfigurationError, match="did you mean 'wrong'"):
        make_group_env("rlsd/ShapeCount-v0", {"hints": "wrnog"}, 1, 1)
