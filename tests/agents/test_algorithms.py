from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import tensor
from torch.testing import assert_close

from agents.algorithms import Signals, find, hyperparameters, make, names
from rlsd_env import ConfigurationError

DEFAULTS = {
    "grpo": {"divide_by_std": True},
    "opsd": {"teacher": "frozen", "form": "full", "beta": 0.5},
    "sdpo": {"teacher": "ema(0.05)", "alpha": 0.5, "top_k": 100, "max_ratio": 2.0, "feedback": "without_sibling"},
    "grpo+opsd": {"teacher": "frozen", "divide_by_std": True, "form": "loss", "coefficient": 0.1, "beta": 0.5},
    "rlsd": {"teacher": "synced(10)", "divide_by_std": True, "lam": 0.5, "decay_steps": 50, "epsilon": 0.2},
}


def signals(step=0, teacher=True):
    """Two responses of two tokens; A = +1 and -1; D = (.1, 1) and (-.05, 0)."""
    student = tensor([[-1.0, -2.0], [-0.5, -1.5]])
    return Signals(
        A_N1=tensor([[1.0], [-1.0]]),
        S_NT=student,
        S_old_NT=student,
        Q_NT=student + tensor([[0.1, 1.0], [-0.05, 0.0]]) if teacher else None,
        mask_NT=torch.ones(2, 2, dtype=torch.bool),
        step=step,
    )


def distributions():
    generator = torch.Generator().manual_seed(5)
    return torch.randn(2, 4, 6, generator=generator, dtype=torch.float64).log_softmax(-1)


def test_the_vetted_settings_are_the_defaults():
    assert {name: hyperparameters(make(name)) for name in names()} == DEFAULTS
    assert {name: make(name, options) for name, options in DEFAULTS.items()} == {name: make(name) for name in names()}


def test_token_advantages_by_hand():
    assert_close(make("grpo").advantages(signals()).expand(2, 2), tensor([[1.0, 1.0], [-1.0, -1.0]]))
    # lam .5: .5 + .5 e^.1 = 1.052585; .5 + .5 * 1.2 (clipped) = 1.1; A = -1: -(.5 + .5 e^.05) = -1.025636; -1
    assert_close(make("rlsd").advantages(signals()), tensor([[1.052585, 1.1], [-1.025636, -1.0]]), atol=1e-5, rtol=0)
    # at step 25 lam is .25: .75 + .25 e^.1 = 1.026293
    assert make("rlsd").advantages(signals(step=25))[0, 0].item() == pytest.approx(1.026293, abs=1e-5)
    assert_close(make("opsd", {"form": "sampled"}).advantages(signals()), tensor([[0.1, 1.0], [-0.05, 0.0]]))
    assert make("opsd").advantages(signals()) is None
    assert make("sdpo").advantages(signals()) is None
    assert_close(make("grpo+opsd").advantages(signals()).expand(2, 2), tensor([[1.0, 1.0], [-1.0, -1.0]]))
    added = make("grpo+opsd", {"form": "advantage", "coefficient": 0.5}).advantages(signals())
    assert_close(added, tensor([[1.05, 1.5], [-1.025, -1.0]]))


def test_auxiliary_losses_are_the_divergences_of_the_papers():
    student, teacher = distributions()
    mixture = (0.5 * student.exp() + 0.5 * teacher.exp()).log()

    def kl(p, q):
        return (p.exp() * (p - q)).sum(-1)

    jsd = 0.5 * kl(teacher, mixture) + 0.5 * kl(student, mixture)
    assert_close(make("opsd").auxiliary(student, teacher, signals()), jsd)
    assert_close(make("opsd", {"beta": 0.0}).auxiliary(student, teacher, signals()), kl(teacher, student))
    assert_close(make("opsd", {"beta": 1.0}).auxiliary(student, teacher, signals()), kl(student, teacher))
    assert_close(make("sdpo").auxiliary(student, teacher, signals()), jsd)  # top-100 of 6 is all, ratio 1
    assert_close(make("grpo+opsd").auxiliary(student, teacher, signals()), 0.1 * jsd)
    for name in ("grpo", "rlsd"):
        assert make(name).auxiliary(student, teacher, signals()) is None


def test_sdpo_bounds_its_ratio_and_compares_the_top_k_with_a_tail():
    student, teacher = distributions()
    far = dataclasses.replace(signals(), S_old_NT=signals().S_NT - tensor([[0.0, 0.5], [3.0, -1.0]]))
    plain = make("sdpo").auxiliary(student, teacher, signals())
    # exp(0) = 1, exp(.5) = 1.648721, exp(3) = 20 -> 2, exp(-1) = .367879
    assert_close(
        make("sdpo").auxiliary(student, teacher, far),
        plain * tensor([1.0, 1.648721, 2.0, 0.367879]).double(),
        atol=1e-6,
        rtol=1e-5,
    )
    coarse = make("sdpo", {"top_k": 2}).auxiliary(student, teacher, signals())
    assert (coarse <= plain + 1e-12).all()  # merging entries can only lose divergence
    assert (coarse > 0).all()


@pytest.mark.parametrize(
    ("name", "options"),
    [("opsd", {}), ("opsd", {"beta": 0.0}), ("opsd", {"beta": 1.0}), ("sdpo", {}), ("grpo+opsd", {})],
)
def test_the_distillation_gradient_depends_on_the_teacher(name, options):
    student, teacher = distributions()
    gradients = []
    for target in (teacher, teacher.flip(-1)):
        logits = student.clone().requires_grad_()
        make(name, options).auxiliary(logits.log_softmax(-1), target, signals()).sum().backward()
        gradients.append(logits.grad)
    assert not torch.allclose(gradients[0], gradients[1], atol=1e-3)


def test_rlsd_asks_no_teacher_once_lam_is_0():
    rlsd = make("rlsd")
    assert rlsd.uses_teacher(49)
    assert not rlsd.uses_teacher(50)
    assert not make("rlsd", {"lam": 0.0}).uses_teacher(0)
    without = signals(step=60, teacher=False)
    assert torch.equal(rlsd.advantages(without), make("grpo").advantages(without))


def test_who_is_trained_on():
    advantages, has_teacher = tensor([1.0, 0.0, -1.0]), tensor([True, True, False])
    expected = {
        "grpo": [True, False, True],
        "rlsd": [True, False, True],
        "opsd": [True, True, False],
        "sdpo": [True, True, False],
        "grpo+opsd": [True, True, True],
    }
    for name, active in expected.items():
        assert make(name).active(advantages, has_teacher).tolist() == active, name
    assert make("sdpo").weights(advantages, has_teacher).tolist() == [1, 1, 0]  # out of the denominator as well
    assert make("grpo").weights(advantages, has_teacher).tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("grop", {}, "unknown agent 'grop'; did you mean 'grpo'"),
        ("rlsd", {"lamda": 0.3}, "unknown option of rlsd 'lamda'; did you mean 'lam'"),
        ("rlsd", {"lam": "a lot"}, "lam is 'a lot'; it must be of type float"),
        ("rlsd", {"lam": 1.5}, "between 0 and 1"),
        ("rlsd", {"epsilon": 1.0}, "below 1"),
        ("rlsd", {"decay_steps": 0}, "at least 1"),
        ("rlsd", {"teacher": "old"}, "allowed are live, frozen"),
        ("opsd", {"form": "token"}, "allowed: full, sampled"),
        ("opsd", {"beta": 2.0}, "between 0 and 1"),
        ("sdpo", {"feedback": "yes"}, "allowed: always, never, without_sibling"),
        ("sdpo", {"top_k": 0}, "at least 1"),
        ("grpo", {"divide_by_std": 1}, "of type bool"),
        ("grpo", {"teacher": "ema(0.1)"}, "unknown option of grpo 'teacher'"),
        ("no_such_module:Thing", {}, "no module named 'no_such_module'"),
        ("agents.losses:Thing", {}, "unknown name in module 'agents.losses' 'Thing'"),
        ("agents.losses:entropy", {}, "not a class derived from agents.Algorithm"),
    ],
)
def test_what_cannot_be_made_is_named(name, options, message):
    with pytest.raises(ConfigurationError, match=message.replace("(", r"\(")):
        make(name, options)


def test_whole_numbers_are_fine_for_floats():
    assert make("rlsd", {"lam": 0}).lam == 0.0


def test_a_class_of_a_users_own_is_found():
    assert find("agents.algorithms.grpo:GRPO") is find("grpo")
