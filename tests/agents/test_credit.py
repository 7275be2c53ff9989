from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import tensor
from torch.testing import assert_close

from agents import credit

FINITE = st.floats(-30, 30, allow_nan=False, width=32)


def test_rlsd_by_hand():
    # A=1, D=ln 1.1: w=1.1 inside: .5 + .5*1.1 = 1.05
    # A=1, D=2: w=e^2 clipped to 1.2: .5 + .6 = 1.1
    # A=-1, D=2: w=e^-2 clipped to .8: -(.5 + .4) = -.9
    # A=-2, D=-ln 1.1: w=1.1: -2 * 1.05 = -2.1
    advantages = tensor([1.0, 1.0, -1.0, -2.0])
    gain = tensor([math.log(1.1), 2.0, 2.0, -math.log(1.1)])
    assert_close(credit.rlsd_advantages(advantages, gain, lam=0.5, epsilon=0.2), tensor([1.05, 1.1, -0.9, -2.1]))


def test_where_the_printed_equation_16_differs():
    """A = -1, D = -2: Algorithm 1 gives -1.2; Eq. 16 as printed would give -e^2 = -7.39."""
    advantage, gain = tensor([-1.0]), tensor([-2.0])
    assert credit.rlsd_advantages(advantage, gain, lam=1.0, epsilon=0.2).item() == pytest.approx(-1.2)
    printed = advantage * torch.exp(torch.sign(advantage) * gain)
    assert printed.item() == pytest.approx(-7.389, abs=1e-3)


@given(FINITE, FINITE, st.floats(0, 1), st.floats(0, 0.99))
def test_the_verifier_keeps_the_direction_and_the_teacher_stays_within_bounds(a, d, lam, epsilon):
    advantage = tensor([a], dtype=torch.float64)
    got = credit.rlsd_advantages(advantage, tensor([d], dtype=torch.float64), lam, epsilon)
    assert torch.sign(got) == torch.sign(advantage)
    assert (1 - lam * epsilon) * abs(a) - 1e-9 <= got.abs().item() <= (1 + lam * epsilon) * abs(a) + 1e-9


@given(FINITE, FINITE, st.floats(0, 0.99))
def test_lam_0_is_the_advantage_itself_to_the_bit(a, d, epsilon):
    advantage = tensor([a])
    assert torch.equal(credit.rlsd_advantages(advantage, tensor([d]), 0.0, epsilon), advantage)


def test_no_gradient_goes_through_the_weight():
    student = torch.zeros(1, requires_grad=True)
    gain = credit.information_gain(student, torch.ones(1))
    assert not gain.requires_grad
    with pytest.raises(ValueError, match="constant"):
        credit.rlsd_advantages(torch.ones(1), torch.ones(1) - student, 0.5, 0.2)


@pytest.mark.parametrize(("lam", "epsilon"), [(-0.1, 0.2), (1.1, 0.2), (0.5, 1.0), (0.5, -0.1)])
def test_values_that_could_flip_a_sign_are_refused(lam, epsilon):
    with pytest.raises(ValueError, match="must be"):
        credit.rlsd_advantages(torch.ones(1), torch.ones(1), lam, epsilon)


def test_decay():
    # .5 over 50 steps: step 0 .5, step 25 .25, step 50 and later 0
    assert [credit.linear_decay(0.5, step, 50) for step in (0, 25, 50, 51, 1000)] == [0.5, 0.25, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_theorem_4_on_an_enumerated_joint_distribution(sign):
    """The product of the tokens' weights is the evidence `P(r | x, y) / P(r | x)` where A > 0, its inverse where A < 0.

    A joint table over r (3 answers) and y (4 x 5 responses of two tokens): the student is its marginal over y, the
    teacher the conditional given r, and each is asked for every token of every response.
    """
    joint_rab = torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    joint_rab /= joint_rab.sum()
    student_ab, prior_r = joint_rab.sum(0), joint_rab.sum((1, 2))
    for r in range(3):
        student_NT, teacher_NT = token_logps(student_ab), token_logps(joint_rab[r] / prior_r[r])
        gain_NT = credit.information_gain(student_NT, teacher_NT)
        weight_NT = credit.evidence_weight(torch.full((20, 1), sign, dtype=torch.float64), gain_NT)
        posterior_N = (joint_rab[r] / student_ab).flatten()
        assert_close(weight_NT.prod(dim=1), (posterior_N / prior_r[r]) ** sign)


def token_logps(p_ab):
    """The log-probabilities of both tokens of every response, `[responses, 2]`, from those of the responses."""
    first_a = p_ab.sum(1)
    return torch.stack([first_a[:, None].expand_as(p_ab), p_ab / first_a[:, None]], dim=-1).flatten(0, 1).log()
