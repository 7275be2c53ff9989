"""Methods that turn evidence into token advantages, in the learner: what they cost, and what they do not depend on."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch
from torch.testing import assert_close

from agents.algorithms import make
from agents.episodes import EpisodeBatch, Prompt, Turn
from agents.evidence import EvidenceSink
from agents.learner.learner import Learner
from agents.messages import user_message
from tests.agents.test_contexts import learner, mixed, two_turns

CASES = {
    "response": ("rlsd", {"conserving": "response"}),
    "group": ("rlsd", {"conserving": "group"}),
    "thoughts": ("rlsd", {"thought_only": True}),
    "negative": ("rlsd", {"negative_only": True, "hint": "sibling"}),
    "rlrt": ("rlrt", {}),
    "antisd": ("antisd", {"warmup_steps": 1}),
    "replace": ("belief", {"form": "replace"}),
    "visual": ("rlsd-visual", {}),
    "gate": ("rlsd-visual", {"form": "gate", "degrade": "shuffled"}),
    "signal": ("rlsd-signal", {"reference_steps": 1}),
    "clip": ("rlsd-clip-target", {}),
    "difficulty": ("rlsd-difficulty", {}),
    "capped": ("rlsd-capped", {}),
    "egrsd": ("egrsd", {}),
    "credit": ("credit", {"others": 2}),
    "means": ("rlcsd", {"means": "two", "eta": 0.5}),
}
STATEFUL = ["antisd", "signal", "clip"]
CONTEXTS = ("solution", "other_0", "other_1")
FROM_RLSD = ["group", "negative", "rlrt", "visual", "signal", "clip", "difficulty", "capped", "egrsd"]


def one_of_four(batch):
    """One success in each group but the last, which has no contrast; the first episodes have two turns."""
    groups = []
    for g, group in enumerate(two_turns(batch).groups):
        rights = [float(i == g or g == 3) for i in range(4)]
        episodes = [
            dataclasses.replace(e, reward=right, verdict=dataclasses.replace(e.verdict, correct=bool(right)))
            for e, right in zip(group.episodes, rights)
        ]
        groups.append(dataclasses.replace(group, episodes=tuple(episodes)))
    return EpisodeBatch(tuple(groups), batch.step)


def at_step(batch, step):
    return dataclasses.replace(batch, step=step)


def tokens(episodes):
    return sum(episode.length for episode in episodes)


@pytest.mark.parametrize("case", CASES)
def test_the_result_does_not_depend_on_the_micro_batches(policy, batch, case):
    """Two steps, the second with the state that the first left."""
    found = []
    for size in (100_000, 1):
        one = learner(policy, make(*CASES[case]), micro_batch_tokens=size, max_grad_norm=1e9)
        one.update(two_turns(batch))
        before = dict(one.state)
        with torch.no_grad():
            for p, q in zip(one.parameters, policy.model.parameters()):
                p.copy_(q)  # so that the second gradients are comparable to their last digits
        one.policy.weights_changed()
        one.update(at_step(two_turns(batch), 1))
        found.append((torch.cat([p.grad.flatten() for p in one.parameters]), before, dict(one.state)))
    (a, *states), (b, *others) = found
    assert b.norm() > 0
    assert (a - b).norm() / b.norm() < 1e-4
    for mine, theirs in zip(states, others):
        assert mine == pytest.approx(theirs, rel=1e-5)


@pytest.mark.parametrize("case", STATEFUL)
def test_the_state_is_that_of_one_process_whatever_their_number(policy, batch, case, monkeypatch):
    """The sums of two processes with half of the groups each are those of one with all."""
    name, options = CASES[case]
    method, seen = make(name, options), []
    of_all = Learner._of_all
    monkeypatch.setattr(Learner, "_of_all", lambda self, sums: seen.append(of_all(self, sums)) or seen[-1])
    groups = two_turns(batch).groups
    for part in (groups, groups[:1], groups[1:]):
        whole = learner(policy, method)
        whole.update(EpisodeBatch(part, 0))
        seen[-1] = (seen[-1], dict(whole.state))
    (together, state), (first, _), (second, _) = seen
    summed = {key: first.get(key, 0.0) + second.get(key, 0.0) for key in together}
    assert summed == pytest.approx(together, rel=1e-6)
    assert method.observe(method.initial(), summed) == pytest.approx(state, rel=1e-6)


@pytest.mark.parametrize("case", [*STATEFUL, "group", "credit"])
def test_a_restored_learner_goes_on_bit_for_bit(policy, batch, case):
    def run(one, steps):
        for step in steps:
            one.update(at_step(mixed(batch), step))

    straight, first, resumed = (learner(policy, make(*CASES[case])) for _ in range(3))
    run(straight, range(4))
    run(first, range(2))
    resumed.load_state_dict(copy.deepcopy(first.state_dict()))
    run(resumed, range(2, 4))
    assert straight.state == resumed.state
    assert all(torch.equal(a, b) for a, b in zip(straight.parameters, resumed.parameters))


@pytest.mark.parametrize("case", FROM_RLSD)
def test_lam_0_is_grpo_bit_for_bit_and_asks_no_teacher(policy, batch, case):
    name, options = CASES[case]
    grpo, one = learner(policy, make("grpo")), learner(policy, make(name, options | {"lam": 0.0}))
    a, b = grpo.update(two_turns(batch)), one.update(two_turns(batch))
    assert b["teacher_tokens_scored"] == 0
    assert a["loss"] == b["loss"]
    assert all(torch.equal(p, q) for p, q in zip(grpo.parameters, one.parameters))


@pytest.mark.parametrize("case", [case for case in CASES if case not in ("credit", "replace")])
def test_groups_without_contrast_are_shown_to_no_teacher(policy, batch, case):
    """Of four groups the last has no contrast, and each of the others one success."""
    groups = one_of_four(batch).groups
    metrics = learner(policy, make(*CASES[case])).update(one_of_four(batch))
    everyone = [e for group in groups[:3] for e in group.episodes]
    wrong = [e for e in everyone if not e.verdict.correct]
    count = tokens(everyone)
    expected = {
        "negative": tokens(wrong),  # a failure has the one success for a sibling
        "rlrt": 0,  # a group's only success has none
        "visual": 2 * count,
        "gate": 2 * count,
    }
    if case != "means":  # whose hints depend on which responses differ
        assert metrics["teacher_tokens_scored"] == expected.get(case, count)
    assert metrics["active_share"] == 12 / 16


def test_methods_without_the_verifiers_sign_train_on_every_group(policy, batch):
    for case in ("credit", "replace"):
        assert learner(policy, make(*CASES[case])).update(one_of_four(batch))["active_share"] == 1.0


def test_rlrts_teacher_is_asked_of_successes_with_another(policy, batch):
    right = []
    for group in two_turns(batch).groups:
        successes = [e for e in group.episodes if e.verdict.correct]
        right += [e for e in successes if {other.response for other in successes} != {e.response}]
    assert right
    metrics = learner(policy, make("rlrt")).update(two_turns(batch))
    assert metrics["teacher_tokens_scored"] == tokens(right)


def forwards(policy, batch, name, options):
    """How often the towers are run in an update that is one part: (vision, text)."""
    one = learner(policy, make(name, options), micro_batch_tokens=100_000)
    counts = [0, 0]
    for number, module in enumerate((one.policy.model.model.visual, one.policy.model.model.language_model)):

        def count(*_, number=number):
            counts[number] += 1

        module.register_forward_hook(count)
    one.update(batch)
    return tuple(counts)


@pytest.mark.parametrize(
    ("name", "options", "contexts"),
    [
        ("grpo", {}, 0),
        ("rlsd", {}, 1),
        ("rlsd", {"lam": 0.0}, 0),
        ("rlsd", {"conserving": "group"}, 1),
        ("rlsd-capped", {}, 1),
        ("rlsd-visual", {}, 2),
        ("rlsd-visual", {"k": 0.0}, 1),
        ("rlsd-visual", {"lam": 0.0}, 0),
        ("egrsd", {}, 1),
        ("antisd", {}, 1),
        ("belief", {"form": "replace"}, 1),
        ("cepo", {}, 2),
        ("credit", {}, 2),
        ("credit", {"strength": 0.0}, 1),
    ],
)
def test_a_context_costs_one_forward_and_no_pixels_beyond_it(policy, batch, name, options, contexts):
    assert forwards(policy, mixed(batch), name, options) == (1 + contexts, 1 + contexts)


def test_a_task_without_a_picture_has_no_degraded_one(policy, batch):
    def blind(episode):
        (turn,) = episode.turns
        prompt = Prompt((user_message("How many red shapes?"),))
        return dataclasses.replace(episode, turns=(Turn(prompt, turn.action),))

    first, *rest = mixed(batch).groups
    text = dataclasses.replace(first, episodes=tuple(map(blind, first.episodes)))
    both = EpisodeBatch((text, *rest), 0)
    everyone = tokens(e for _, _, e in both)
    sink = EvidenceSink()
    for case in ("visual", "gate"):
        metrics = learner(policy, make(*CASES[case])).update(both, sink)
        assert metrics["teacher_tokens_scored"] == 2 * everyone - tokens(text.episodes)
    plain = EvidenceSink({text.item.task.id})
    learner(policy, make("rlsd")).update(both, plain)
    rlsd = {(one.group, one.member): one.values["credit"] for one in plain.kept}
    for one in sink.kept:
        if one.group == 0:
            assert one.values["credit"] == pytest.approx(rlsd[0, one.member], abs=1e-6)
            assert "logp_degraded" not in one.values


def test_the_teacher_that_was_let_go_is_not_asked_again(policy, batch):
    one = learner(policy, make("rlsd-signal", {"reference_steps": 1, "stop": 1.0, "patience": 2, "rate": 1.0}))
    one.state |= {"size": 1e9, "reference": 1e9, "steps_seen": 1.0}  # of a teacher that had far more to say
    scored = [one.update(at_step(mixed(batch), step))["teacher_tokens_scored"] for step in range(4)]
    assert scored[0] > 0
    assert scored == [scored[0], scored[0], 0, 0]


def test_a_groups_credit_sums_to_that_of_grpo_over_its_turns(policy, batch):
    sink = EvidenceSink()
    learner(policy, make("rlsd", {"conserving": "group", "lam": 1.0})).update(one_of_four(batch), sink)
    sums = {}
    for one in sink.kept:
        mine = sums.setdefault((one.group, one.advantage > 0), [0.0, 0.0])
        mine[0] += sum(one.values["credit"])
        mine[1] += one.advantage * len(one.token_ids)
    assert len(sums) == 6
    for credit, advantage in sums.values():
        assert credit == pytest.approx(advantage, rel=1e-5)
    weights = torch.tensor([w for one in sink.kept for w in one.values["weight"]])
    assert weights.std() > 0.05


def test_credit_outside_thoughts_is_the_verifiers(policy, batch):
    sink, one = EvidenceSink(), learner(policy, make("rlsd", {"thought_only": True, "teacher": "frozen"}))
    with torch.no_grad():
        one.policy.model.lm_head.weight.mul_(0.5)  # a teacher that is surer of every token
    one.update(two_turns(batch), sink)
    moved = 0
    for one in sink.kept:
        assert one.tokens[0] == "<think>"
        for place, credit in enumerate(one.values["credit"]):
            if place == 0 or "</think>" in "".join(one.tokens[: place + 1]):
                assert credit == pytest.approx(one.advantage, abs=1e-6)
            else:
                moved += abs(credit - one.advantage) > 1e-3
    assert moved > 20


@pytest.mark.parametrize("updates", [1, 2])
def test_the_old_student_is_the_current_one_until_it_has_learned(policy, batch, updates):
    found = []
    for student in ("current", "old"):
        one = learner(policy, make("rlsd", {"student": student}), updates_per_batch=updates)
        found.append(one.update(mixed(batch)))
    assert (found[0] == found[1]) is (updates == 1)


def test_the_gate_of_antisd_is_set_from_the_teachers_entropy(policy, batch):
    one = learner(policy, make("antisd", {"warmup_steps": 1}))
    grpo = learner(policy, make("grpo"))
    one.update(mixed(batch))
    grpo.update(mixed(batch))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters, grpo.parameters))  # the warm-up has no term
    sink = EvidenceSink()
    one.update(at_step(mixed(batch), 1), sink)
    entropy = torch.tensor([x for e in sink.kept for x in e.values["entropy_solution"]], dtype=torch.float64).mean()
    reference = one.state["reference"]
    assert one.state["gate"] == float(entropy >= 0.93 * reference)
    shut = learner(policy, make("antisd", {"warmup_steps": 1}))
    shut.state |= {"reference": 2 * reference, "steps_seen": 1.0}
    shut.update(mixed(batch))
    assert shut.state["gate"] == 0.0
    before = EvidenceSink()
    shut.update(at_step(mixed(batch), 1), before)
    assert all(value == pytest.approx(e.advantage) for e in before.kept for value in e.values["credit"])


def test_credit_is_less_what_the_hint_says_with_other_pictures(policy, batch):
    """By hand from the kept log-probabilities."""
    sink = EvidenceSink()
    learner(policy, make("credit", {"others": 2, "strength": 0.7})).update(two_turns(batch), sink)
    for one in sink.kept:
        S, Q, a, b = (torch.tensor(one.values[n]) for n in ("student", *(f"logp_{c}" for c in CONTEXTS)))
        assert_close(torch.tensor(one.values["credit"]), (Q - S) - 0.7 * ((a + b) / 2 - S), atol=1e-5, rtol=1e-4)
        assert not torch.allclose(a, b, atol=1e-2)
