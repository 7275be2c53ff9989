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


@pytest.mark.parametrize(("lam", "epsilon"), [(-0.1, 0.2), (1.1, 0.2), (0.5, 1.1), (0.5, -0.1)])
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


@given(st.lists(FINITE, min_size=1, max_size=6), FINITE, st.floats(0, 0.9))
def test_a_conserving_weight_keeps_sum_sign_and_wider_bounds(gains, a, epsilon):
    advantage, mask = tensor([[a]], dtype=torch.float64), torch.ones(1, len(gains), dtype=torch.bool)
    got, said = credit.weighed_credit(
        advantage,
        tensor([gains], dtype=torch.float64),
        1.0,
        epsilon,
        lambda weight: credit.conserved(weight, mask, advantage, tensor([0])),
    )
    assert_close(got.sum(), advantage[0, 0] * len(gains), atol=1e-9, rtol=1e-9)
    assert (torch.sign(got) == torch.sign(advantage)).all()
    weight = said["weight"]
    assert (1 - epsilon) / (1 + epsilon) - 1e-9 <= weight.min()
    assert weight.max() <= (1 + epsilon) / (1 - epsilon) + 1e-9


@given(st.lists(FINITE, min_size=1, max_size=4), FINITE, st.floats(0, 0.9))
def test_lam_0_is_the_advantage_itself_whatever_is_conserved(gains, a, epsilon):
    advantage, mask = tensor([[a]]), torch.ones(1, len(gains), dtype=torch.bool)

    def conserve(weight):
        return credit.conserved(weight, mask, advantage, tensor([0]))

    for lam in (0.0, torch.zeros(1, 1)):
        got, _ = credit.weighed_credit(advantage, tensor([gains]), lam, epsilon, conserve)
        assert torch.equal(got, advantage.expand_as(got))


def test_the_bounds_of_a_conserving_weight_are_reached():
    # one of many at 1.2 among .8: 1.2 / .8 = 1.5 in the limit; here 1.2 / (1.2 + 99 x .8) x 100 = 1.4925
    weight = torch.full((1, 100), 0.8)
    weight[0, 0] = 1.2
    got = credit.conserved(weight, torch.ones(1, 100, dtype=torch.bool), tensor([[-3.0]]), tensor([0]))
    assert got[0, 0].item() == pytest.approx(1.492537, abs=1e-5)
    assert got[0, 1].item() == pytest.approx(0.995025, abs=1e-5)


def test_conserving_leaves_what_is_off_the_mask_and_rows_without_an_advantage():
    weight, mask = tensor([[1.2, 0.9], [1.1, 0.8]]), tensor([[True, False], [True, True]])
    got = credit.conserved(weight, mask, tensor([[1.0], [0.0]]), tensor([0, 1]))
    assert_close(got, tensor([[1.0, 0.9], [1.1, 0.8]]))
    # one segment of both: (1.2 x 1 + 1.1 x 3 + .8 x 3) / 7 = .985714
    got = credit.conserved(weight, mask, tensor([[1.0], [3.0]]), tensor([0, 0]))
    assert_close(got, tensor([[1.217391, 0.9], [1.115942, 0.811594]]), atol=1e-5, rtol=0)


def test_warm_up_and_decay():
    # to .6 over 3 steps, to 0 over 4: 0, .2, .4, .6, .45, .3, .15, 0
    got = [credit.warmup_decay(0.6, step, 3, 4) for step in range(9)]
    assert got == pytest.approx([0, 0.2, 0.4, 0.6, 0.45, 0.3, 0.15, 0, 0])
    assert [credit.warmup_decay(0.5, step, 0, 50) for step in (0, 7, 60)] == [
        credit.linear_decay(0.5, step, 50) for step in (0, 7, 60)
    ]


def test_a_share_of_the_evidence_by_token():
    got, said = credit.weighed_credit(tensor([[1.0]]), tensor([[9.0, 9.0]]), tensor([[0.5, 0.1]]), 0.2)
    assert_close(got, tensor([[1.1, 1.02]]))
    assert_close(said["lam"], tensor([[0.5, 0.1]]))


def test_anti_distillation_is_bounded_on_one_side():
    # -log(2) / 2 = -.346574 for a teacher that rules the token out; D / 2 for one that is sure: (30 - .693147) / 2
    got = credit.anti_distillation(tensor([-30.0, 0.0, 30.0]))
    assert_close(got, tensor([-0.346574, 0.0, 14.653426]), atol=1e-5, rtol=0)


def test_a_switch_with_hysteresis():
    seen, on = [], True
    for value in (1.0, 0.93, 0.92, 0.99, 1.0, 0.95):
        on = credit.switched(on, value, 0.93, 1.0)
        seen.append(on)
    assert seen == [True, True, False, False, True, True]


def test_the_highest_of_a_row():
    values = tensor([[0.3, 0.1, 9.0, 0.2], [0.5, 0.5, 0.5, 0.1]])
    mask = tensor([[True, True, False, True], [True, True, True, True]])
    # .4 of three, rounded up: two; one of four, and what is as high
    assert credit.highest(values, mask, 0.4)[0].tolist() == [True, False, False, True]
    assert credit.highest(values, mask, 0.25)[1].tolist() == [True, True, True, False]
    assert credit.highest(values, mask, 1.0).equal(mask)
    assert not credit.highest(values, torch.zeros_like(mask), 0.5).any()


def test_a_quantile_of_a_histogram():
    # 10 below .1, 5 and 5 in bins of .2, 20 above .5
    counts = [10.0, 5.0, 5.0, 20.0]
    # of 40: 8 lie below; 12.5 is halfway through the first bin, 15 its end; 16 a fifth into the second; 30 is above
    found = [credit.histogram_quantile(counts, 0.1, 0.5, share) for share in (0.2, 0.3125, 0.375, 0.4, 0.75)]
    assert found == pytest.approx([0.1, 0.2, 0.3, 0.34, 0.5])


def test_capped_gain_leaves_what_is_within_its_bound():
    gain, mask = tensor([[1.0, 3.0, 9.0], [-5.0, 1.0, 0.0]]), tensor([[True, True, False], [True, True, True]])
    # 4 on the mask of 2 that there are: halved; -4: as it is
    assert_close(credit.capped_gain(gain, mask, tensor([[2.0], [2.0]]))[0, :2], tensor([0.5, 1.5]))
    assert_close(credit.capped_gain(gain, mask, tensor([[2.0], [2.0]]))[1], gain[1])


def test_confidence_and_difficulty():
    assert_close(credit.confidence(tensor([math.log(2), math.log(8)]), 8, 0.2), tensor([2 / 3, 0.2]))
    assert_close(credit.difficulty(tensor([0.0, 0.25, 0.5, 1.0])), tensor([0.0, 0.75, 1.0, 0.0]))


def test_input_contrast_leaves_the_contrast_of_inputs_at_full_strength():
    gain, others = tensor([1.0, -1.0]), tensor([[0.5, 0.0], [1.5, -2.0]])
    assert_close(credit.input_contrast(gain, others, 1.0), tensor([0.0, 0.0]))  # means 1, -1
    assert_close(credit.input_contrast(gain, others, 0.25), tensor([0.75, -0.75]))


def test_rlcsds_residue_and_its_two_means():
    residue = credit.contrast_residue(tensor([0.02, 0.0002, -9.0]), tau=0.02, scale=3.0, floor=0.1, cap=2.0)
    assert_close(residue, tensor([2.0, 0.0, -2.0]))  # 3 tanh(1) = 2.28 -> 2; .03 is left out; -3 -> -2
    assert_close(credit.added_with_sign(tensor([1.0, 1.0, 1.0]), residue), tensor([3.0, 1.0, 0.0]))
    selected, mask = tensor([[True, False, False, True]]), tensor([[True, True, True, False]])
    # of three tokens one is selected: 3 / 1 x .5, 3 / 2
    assert_close(credit.two_means(selected, mask, 0.5)[:, :3], tensor([[1.5, 1.5, 1.5]]))
    assert_close(credit.two_means(mask, mask, 1.0)[:, :3], torch.ones(1, 3))
