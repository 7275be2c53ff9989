"""Who counts as a success, who is taught by whom, and what a mix with GRPO does to the denominator."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from agents.algorithms import make
from agents.algorithms.demonstration import judged, succeeded
from agents.options.learner import LearnerOptions
from rlsd_env import ConfigurationError
from tests.agents.test_learner import alternating, learner, with_verdicts
from tests.agents.test_teacher import episode, group
from verifiers import Status, Verdict


def graded(text, accuracy, reward=None, correct=None):
    """An attempt of a verifier that grades: reward and verdict may say something else than accuracy."""
    one = episode(text, accuracy == 1.0 if correct is None else correct, reward)
    return dataclasses.replace(
        one, verdict=dataclasses.replace(one.verdict, parts={"accuracy": accuracy, "format": 1.0})
    )


def seen(name, group, i, **options):
    """What a method's teacher is shown of an episode, by context."""
    contexts = make(name, options).contexts(0, {"certainty": 1.0})
    views = {name: context.show(group, i) for name, context in contexts.items()}
    return {name: view and view.prompts[0].messages[0]["content"][-1]["text"] for name, view in views.items()}


def test_a_threshold_is_on_accuracy_and_never_on_the_reward():
    shaped = graded("well formatted", 0.4, reward=0.9)
    better = graded("nearly", 0.8, reward=0.1)
    assert not succeeded(shaped.verdict, 0.5)
    assert succeeded(better.verdict, 0.5)
    assert not succeeded(better.verdict, 0.0)  # the verifier does not call it correct
    assert [e.verdict.correct for e in judged(group(shaped, better), 0.5).episodes] == [False, True]
    assert "nearly" in seen("sdpo", group(shaped, better), 0, threshold=0.5)["sibling"]
    assert seen("sdpo", group(shaped, better), 0) == {"sibling": None}
    for name in ("srpo", "demopsd"):
        assert "nearly" in seen(name, group(shaped, better), 0, threshold=0.5)["sibling"]


def test_a_threshold_needs_an_accuracy():
    with pytest.raises(ConfigurationError, match="no part accuracy but none; use a verifier"):
        succeeded(episode("3", False).verdict, 0.5)
    assert not succeeded(Verdict(0.0, False, None, Status.TIMEOUT), 0.5)  # the verifier failed


def test_only_failures_are_taught_where_successes_are_not():
    three = group(episode("first", True), episode("second", True), episode("third", False))
    assert "second" in seen("sdpo", three, 0)["sibling"]
    assert seen("sdpo", three, 0, own_success=False) == {"sibling": None}
    assert "first" in seen("sdpo", three, 2, own_success=False)["sibling"]
    assert seen("srpo", three, 0) == {"sibling": None}
    assert "first" in seen("srpo", three, 2)["sibling"]
    assert seen("srpo", group(episode("a", False), episode("b", False)), 0) == {"sibling": None}


def test_demopsd_asks_both_teachers_of_the_same_attempts():
    three = group(episode("mine", True), episode("third", False))
    assert seen("demopsd", three, 0) == {"sibling": None, "question": None}
    both = seen("demopsd", three, 1)
    assert "mine" in both["sibling"]
    assert both["question"] == "How many?"
    assert list(seen("demopsd", three, 1, reference="student")) == ["sibling"]


def test_a_mix_keeps_every_episode_in_the_denominator(policy, batch):
    """Only group 0 has a success: SDPO alone is a mean over its 3 failures, a mix one over all 16 episodes."""
    sparse = with_verdicts(batch, lambda g, i, v: Verdict(float(g + i == 0), g + i == 0, "5", Status.OK))
    config = LearnerOptions(max_grad_norm=1e9)
    losses = {}
    for share in (0.0, 1e-9, 0.5, 1.0):
        one = learner(policy, "sdpo", config, grpo_share=share)
        losses[share] = one.update(sparse)["loss"]
    assert losses[1e-9] == pytest.approx(losses[0.0] * 3 / 16, rel=1e-4)
    grpo = learner(policy, "grpo", config).update(sparse)["loss"]
    assert losses[1.0] == pytest.approx(grpo, rel=1e-5, abs=1e-7)
    assert losses[0.5] == pytest.approx(0.5 * losses[1e-9] + 0.5 * grpo, rel=1e-4, abs=1e-7)


def test_srpo_routes_and_its_weights_keep_the_scale(policy, batch):
    mixed = with_verdicts(batch, lambda g, i, v: Verdict(float(i == g), i == g, "5", Status.OK))
    one = learner(policy, "srpo", LearnerOptions(max_grad_norm=1e9))
    first = one.update(mixed)
    assert first["active_share"] == 1.0
    distilled = sum(e.length for _, _, e in mixed if not e.verdict.correct)
    assert first["teacher_tokens_scored"] == distilled
    assert 0 < first["state_certainty"] < 1
    # a learner that knows the mean from the start has the same loss with SDPO's part divided by it
    two = learner(policy, "srpo", LearnerOptions(max_grad_norm=1e9))
    two.state = {"certainty": first["state_certainty"]}
    second = two.update(mixed)
    assert second["distillation_loss"] == pytest.approx(first["distillation_loss"] / first["state_certainty"], rel=1e-4)
    assert second["state_certainty"] == pytest.approx(first["state_certainty"], rel=1e-5)


@pytest.mark.parametrize("name", ["sdar", "srpo", "demopsd"])
def test_the_result_does_not_depend_on_the_micro_batches(policy, batch, name):
    gradients, states = [], []
    for tokens in (100_000, 300):
        one = learner(policy, name, LearnerOptions(max_grad_norm=1e9, micro_batch_tokens=tokens))
        one.update(alternating(batch))
        gradients.append(torch.cat([p.grad.flatten() for p in one.parameters]))
        states.append(one.state)
    assert (gradients[0] - gradients[1]).norm() / gradients[0].norm() < 1e-4
    assert states[0] == pytest.approx(states[1], rel=1e-5)
