"""Hand-worked numbers for every formula; the arithmetic is in the comments."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import tensor
from torch.testing import assert_close

from agents import losses

YES = torch.ones(1, 4, dtype=torch.bool)


def logs(*rows):
    return tensor(rows, dtype=torch.float64).log()


def test_group_advantages():
    # mean 1/4; unbiased variance ((3/4)^2 + 3 (1/4)^2) / 3 = 1/4, std 1/2: (3/4)/(1/2) = 1.5, (-1/4)/(1/2) = -.5
    rewards = tensor([[1.0, 0.0, 0.0, 0.0]])
    assert_close(losses.group_advantages(rewards, YES), tensor([[1.5, -0.5, -0.5, -0.5]]), atol=1e-5, rtol=0)
    assert_close(losses.group_advantages(rewards, YES, divide_by_std=False), tensor([[0.75, -0.25, -0.25, -0.25]]))


def test_an_invalid_sample_leaves_the_baseline():
    # without the second: mean 1/3, variance (4/9 + 1/9 + 1/9)/2 = 1/3, std .57735: 2/3 / .57735 = 1.1547
    valid = tensor([[True, False, True, True]])
    got = losses.group_advantages(tensor([[1.0, 1.0, 0.0, 0.0]]), valid)
    assert_close(got, tensor([[1.1547, 0.0, -0.57735, -0.57735]]), atol=1e-4, rtol=0)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 1 / 3])
def test_groups_without_contrast_have_no_advantage_at_all(value):
    assert (losses.group_advantages(torch.full((2, 7), value), torch.ones(2, 7, dtype=torch.bool)) == 0).all()
    alone = tensor([[True, False, False, False]])
    assert (losses.group_advantages(tensor([[1.0, 0.0, 0.0, 0.0]]), alone) == 0).all()


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4), st.floats(0.1, 10), st.floats(-5, 5))
def test_group_advantages_ignore_scale_and_shift(rewards, scale, shift):
    base = tensor([rewards], dtype=torch.float64)
    if base.std() < 1e-2:
        return
    a = losses.group_advantages(base, YES)
    b = losses.group_advantages(base * scale + shift, YES)
    assert_close(a, b, atol=1e-2, rtol=1e-3)
    assert abs(float(a.sum())) < 1e-6


def test_clipped_surrogate():
    # rho = 1.5 and 0.5 with A = +1 and -1, bounds .2/.28:
    # A=+1: -min(1.5, 1.28) = -1.28;  -min(.5, .8) = -.5
    # A=-1: -min(-1.5, -1.28) = 1.5;  -min(-.5, -.8) = .8
    rho = tensor([1.5, 0.5, 1.5, 0.5], dtype=torch.float64)
    got = losses.clipped_surrogate(
        rho.log(), torch.zeros(4, dtype=torch.float64), tensor([1.0, 1.0, -1.0, -1.0]).double(), 0.2, 0.28
    )
    assert_close(got, tensor([-1.28, -0.5, 1.5, 0.8], dtype=torch.float64))


def test_the_surrogates_gradient_is_minus_a_inside_and_0_where_clipped():
    logp = tensor([0.0, math.log(1.5), math.log(0.5)], requires_grad=True)
    losses.clipped_surrogate(logp, torch.zeros(3), tensor([2.0, 2.0, -2.0]), 0.2, 0.28).sum().backward()
    assert_close(logp.grad, tensor([-2.0, 0.0, 0.0]))


def test_advantages_with_a_gradient_are_refused():
    with pytest.raises(ValueError, match="detach"):
        losses.clipped_surrogate(torch.zeros(1), torch.zeros(1), torch.ones(1, requires_grad=True), 0.2, 0.2)


def surrogate(rho, advantages, **options):
    """The surrogate at given ratios, and its gradient with respect to the log-probabilities."""
    logp = tensor(rho, dtype=torch.float64).log().requires_grad_()
    loss = losses.clipped_surrogate(
        logp, torch.zeros_like(logp).detach(), tensor(advantages).double(), 0.2, 0.28, **options
    )
    loss.sum().backward()
    return loss.detach(), logp.grad


def test_dual_clip_bounds_the_loss_of_blamed_tokens():
    # A = -1, c = 3: rho 1.5 gives 1.5, 3.5 gives 3 (not 3.5), 0.5 gives .8 (the lower bound);
    # A = +1: rho 3.5 gives -1.28 as without; A = -2, rho 5: at most 3 x 2 = 6 (not 10)
    loss, gradient = surrogate([1.5, 3.5, 0.5, 3.5, 5.0], [-1.0, -1.0, -1.0, 1.0, -2.0], negative_cap=3.0)
    assert_close(loss, tensor([1.5, 3.0, 0.8, -1.28, 6.0], dtype=torch.float64))
    # d(-rho A) / d log rho = -rho A where nothing is clipped, exactly 0 where it is
    assert_close(gradient, tensor([1.5, 0.0, 0.0, 0.0, 0.0], dtype=torch.float64))
    without, other = surrogate([1.5, 3.5, 0.5, 3.5, 5.0], [-1.0, -1.0, -1.0, 1.0, -2.0])
    assert_close(without, tensor([1.5, 3.5, 0.8, -1.28, 10.0], dtype=torch.float64))
    assert_close(other, tensor([1.5, 3.5, 0.0, 0.0, 10.0], dtype=torch.float64))
    with pytest.raises(ValueError, match="0 or above 1"):
        surrogate([1.0], [1.0], negative_cap=0.5)


def test_the_ratio_of_a_sequence_is_the_geometric_mean_of_its_tokens():
    # rows of two tokens and of three: (4 x 1)^(1/2) = 2; (8 x 1 x 1)^(1/3) = 2; a token's own: 4, 1 and 8, 1, 1
    rho, mask = tensor([[4.0, 1.0, 9.0], [8.0, 1.0, 1.0]]), tensor([[True, True, False], [True, True, True]])
    got = losses.importance_ratio(rho.log(), torch.zeros(2, 3), mask)
    assert_close(got[mask], torch.full((5,), 2.0))
    assert_close(losses.importance_ratio(rho.log(), torch.zeros(2, 3)), rho)
    with pytest.raises(ValueError, match="old_logp carries a gradient"):
        losses.importance_ratio(rho, rho.clone().requires_grad_())


def test_a_sequence_is_clipped_as_a_whole_and_its_tokens_keep_their_own_advantage():
    mask = torch.ones(2, 2, dtype=torch.bool)
    # s = 1.5 and 1.2; bounds .2/.28
    logp = tensor([[2.25, 1.0], [1.44, 1.0]], dtype=torch.float64).log().requires_grad_()
    advantages = tensor([[1.0, 1.0], [1.0, -2.0]], dtype=torch.float64)
    loss = losses.clipped_surrogate(logp, torch.zeros(2, 2, dtype=torch.float64), advantages, 0.2, 0.28, mask_NT=mask)
    assert_close(loss.detach(), tensor([[-1.28, -1.28], [-1.2, 2.4]], dtype=torch.float64))
    loss.sum().backward()
    assert_close(logp.grad, tensor([[0.0, 0.0], [-1.2, 2.4]], dtype=torch.float64))  # -s A of each token


def test_with_one_advantage_the_token_form_has_gspos_gradient():
    """`-s A` with `s = exp(mean_t (S - S_old))` differentiated as it stands, against the straight-through tokens."""
    generator = torch.Generator().manual_seed(2)
    old = torch.randn(1, 5, generator=generator, dtype=torch.float64)
    logp = (old + 0.02 * torch.randn(1, 5, generator=generator, dtype=torch.float64)).requires_grad_()
    (plain,) = torch.autograd.grad(-(logp - old).mean().exp() * 0.7, logp)
    mask = torch.ones(1, 5, dtype=torch.bool)
    loss = losses.clipped_surrogate(logp, old, torch.full_like(old, 0.7), 0.2, 0.28, mask_NT=mask).mean()
    (ours,) = torch.autograd.grad(loss, logp)
    assert_close(ours, plain)


def test_kl_divergence():
    # .5 ln(.5/.25) + .5 ln(.5/.75) = .5 (.693147 - .405465) = .143841
    assert_close(
        losses.kl_divergence(logs([0.5, 0.5]), logs([0.25, 0.75])),
        tensor([0.143841], dtype=torch.float64),
        atol=1e-6,
        rtol=0,
    )


def test_generalised_jsd():
    student, teacher = logs([0.5, 0.5]), logs([0.25, 0.75])
    # beta 0: KL(T||S) = .25 ln .5 + .75 ln 1.5 = -.173287 + .304099 = .130812; beta 1: KL(S||T) = .143841
    assert losses.generalised_jsd(student, teacher, 0.0).item() == pytest.approx(0.130812, abs=1e-6)
    assert losses.generalised_jsd(student, teacher, 1.0).item() == pytest.approx(0.143841, abs=1e-6)
    # beta .5: M = (.375, .625); KL(T||M) = .25 ln(.25/.375) + .75 ln(.75/.625) = -.101366 + .136741 = .035375
    #          KL(S||M) = .5 ln(.5/.375) + .5 ln(.5/.625) = .143841 - .111572 = .032269; half their sum .033822
    assert losses.generalised_jsd(student, teacher, 0.5).item() == pytest.approx(0.033822, abs=1e-6)
    # beta .25: M = .75 S + .25 T = (.4375, .5625); KL(T||M) = .25 ln(.571429) + .75 ln(1.333333)
    #   = -.139904 + .215762 = .075858; KL(S||M) = .5 ln(1.142857) + .5 ln(.888889) = .066766 - .058892 = .007874
    #   .25 * .075858 + .75 * .007874 = .024870
    assert losses.generalised_jsd(student, teacher, 0.25).item() == pytest.approx(0.024870, abs=1e-6)


def test_top_k_jsd():
    student, teacher = logs([0.25, 0.25, 0.5]), logs([0.5, 0.25, 0.25])
    ids = tensor([[0, 1]])
    # P = (2/3, 1/3, 0), S = (.25, .25, .5): M = (.458333, .291667, .25)
    #   KL(P||M) = 2/3 ln(1.454545) + 1/3 ln(1.142857) = .249796 + .044510 = .294306
    #   KL(S||M) = .25 ln(.545455) + .25 ln(.857143) + .5 ln 2 = -.151534 - .038538 + .346574 = .156502; half their sum
    got = losses.top_k_jsd(student, ids, teacher.gather(-1, ids))
    assert got.item() == pytest.approx(0.225404, abs=1e-6)
    every = tensor([[2, 0, 1]])
    whole = losses.top_k_jsd(student, every, teacher.gather(-1, every))
    assert_close(whole, losses.generalised_jsd(student, teacher, 0.5))


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_divergences_are_0_on_themselves_and_never_negative(seed, beta):
    generator = torch.Generator().manual_seed(seed)
    a, b = torch.randn(2, 3, 6, generator=generator, dtype=torch.float64).log_softmax(-1)
    assert (losses.generalised_jsd(a, b, beta) >= -1e-12).all()
    assert losses.generalised_jsd(a, a, beta).abs().max() < 1e-12


@pytest.mark.parametrize("beta", [0.0, 0.3, 0.5, 1.0])
def test_divergence_gradients_match_finite_differences(beta):
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    teacher = torch.randn(2, 5, generator=generator, dtype=torch.float64).log_softmax(-1)
    assert torch.autograd.gradcheck(lambda x: losses.generalised_jsd(x.log_softmax(-1), teacher, beta), logits)
    index = tensor([[0, 3], [2, 1]])
    assert torch.autograd.gradcheck(
        lambda x: losses.generalised_jsd(
            losses.with_tail(x.log_softmax(-1), index), losses.with_tail(teacher, index), beta
        ),
        logits,
    )


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_entries_that_are_never_sampled_change_nothing(beta):
    """A masked vocabulary entry has logit -1e30 in both models: probability 0, and no NaN anywhere."""
    student = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    teacher = torch.randn(4, 5, generator=torch.Generator().manual_seed(1))
    masked = [torch.cat([x, torch.full((4, 1), -1e30)], 1).requires_grad_() for x in (student, teacher)]
    a = losses.generalised_jsd(student.log_softmax(-1), teacher.log_softmax(-1), beta)
    b = losses.generalised_jsd(masked[0].log_softmax(-1), masked[1].log_softmax(-1).detach(), beta)
    assert_close(a, b)
    b.sum().backward()
    assert torch.isfinite(masked[0].grad).all()
    assert (masked[0].grad[:, -1] == 0).all()
    assert_close(losses.entropy(student.log_softmax(-1)), losses.entropy(masked[0].log_softmax(-1)))


def test_top_k_with_tail():
    # keep .5 and .2 of (.5, .2, .2, .1): the tail is .3
    got = losses.with_tail(logs([0.5, 0.2, 0.2, 0.1]), tensor([[0, 2]]))
    assert_close(got.exp(), tensor([[0.5, 0.2, 0.3]], dtype=torch.float64))


def test_a_tail_of_almost_nothing_stays_finite():
    logits = tensor([[60.0, 0.0, 0.0]], requires_grad=True)
    tail = losses.with_tail(logits.log_softmax(-1), tensor([[0]]))
    assert torch.isfinite(tail).all()
    tail.sum().backward()
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("rest", [-24.0, -60.0])
def test_a_tail_far_below_the_precision_of_what_is_kept_is_still_exact(rest):
    """A mass of e^-24 is lost in the 1 that the kept entries sum to, but it is there in the others."""
    # logits 0, 0 and twice rest - ln 2: outside is 2 e^(rest - ln 2) / (2 + e^rest) = e^rest / 2, to 1e-10
    logits = tensor([[0.0, 0.0, rest - math.log(2), rest - math.log(2)]], requires_grad=True)
    tail = losses.with_tail(logits.log_softmax(-1), tensor([[0, 1]]))[0, -1]
    assert tail.item() == pytest.approx(rest - math.log(2), rel=1e-6)
    tail.backward()
    # d log(tail) / d logit: half each for its own two entries, minus their probability (0) for the others (-1/2 each)
    assert_close(logits.grad, tensor([[-0.5, -0.5, 0.5, 0.5]]))


def test_a_tail_from_the_kept_entries_alone_is_as_exact_as_they_are():
    # log(1 - e^-24) = -e^-24 = -3.7751e-11, which float32 holds; its 1 - exp is e^-24 again
    assert losses.tail(tensor([[-math.exp(-24)]])).item() == pytest.approx(-24.0, abs=1e-5)
    assert losses.tail(tensor([[0.0]])).item() == pytest.approx(math.log(torch.finfo(torch.float32).eps))  # unknown


def test_entropy_and_k3():
    assert losses.entropy(logs([0.5, 0.5])).item() == pytest.approx(math.log(2))
    # d = ln(2): e^d - 1 - d = 2 - 1 - .693147
    assert losses.k3_kl(tensor(0.0), tensor(math.log(2.0))).item() == pytest.approx(0.306853, abs=1e-6)


def test_divergences_from_a_sampled_token():
    # p .5, q .25: w = 1/2, d = -ln 2. KL(q || p): -.5 ln 2 + .5 = .153426; JSD: (-.5 ln 2 - 1.5 ln .75) / 2 = .042475
    p, q = logs([0.5])[0], logs([0.25])[0]
    assert losses.reverse_kl_estimate(p, q).item() == pytest.approx(0.153426, abs=1e-6)
    assert losses.jsd_estimate(p, q).item() == pytest.approx(0.042475, abs=1e-6)
    # w = 4, d = ln 4: 4 ln 4 - 3 = 2.545177; (4 ln 4 - 5 ln 2.5) / 2 = .481862
    assert losses.reverse_kl_estimate(logs([0.1])[0], logs([0.4])[0]).item() == pytest.approx(2.545177, abs=1e-6)
    assert losses.jsd_estimate(logs([0.1])[0], logs([0.4])[0]).item() == pytest.approx(0.481862, abs=1e-6)


@pytest.mark.parametrize(
    ("estimate", "exact"),
    [
        (losses.k3_kl, lambda p, q: (p.exp() * (p - q)).sum(-1)),
        (losses.reverse_kl_estimate, lambda p, q: (q.exp() * (q - p)).sum(-1)),
        (
            losses.jsd_estimate,
            lambda p, q: sum((x.exp() * (x - torch.log((p.exp() + q.exp()) / 2))).sum(-1) for x in (p, q)) / 2,
        ),
    ],
)
def test_estimates_are_the_divergence_on_average(estimate, exact):
    """Over all entries of a vocabulary, each as often as p says it."""
    p, q = (2 * torch.randn(5, 50, generator=torch.Generator().manual_seed(s)).double() for s in (0, 1))
    p, q = p.log_softmax(-1), q.log_softmax(-1)
    assert (estimate(p, q) >= 0).all()
    assert_close((p.exp() * estimate(p, q)).sum(-1), exact(p, q))


def test_row_coefficients():
    lengths = tensor([2, 4, 6])
    # sequence mean over rows 0 and 1: 1/2 each, divided by lengths 2 and 4
    got = losses.row_coefficients(tensor([1.0, 1.0, 0.0]), lengths, "sequence_mean")
    assert_close(got, tensor([0.25, 0.125, 0.0]))
    # token mean over all: 1/12 a token
    assert_close(losses.row_coefficients(torch.ones(3), lengths, "token_mean"), torch.full((3,), 1 / 12))
    assert_close(losses.row_coefficients(torch.zeros(3), lengths, "sequence_mean"), torch.zeros(3))
    # a constant length of 10 over rows 0 and 1: 1/2 each, divided by 10 whatever their length
    got = losses.row_coefficients(tensor([1.0, 1.0, 0.0]), lengths, "constant", constant_length=10)
    assert_close(got, tensor([0.05, 0.05, 0.0]))
    # of another process 2 more rows: 1 / (4 x 10)
    got = losses.row_coefficients(tensor([1.0, 1.0, 0.0]), lengths, "constant", lambda n: n + 2, constant_length=10)
    assert_close(got, tensor([0.025, 0.025, 0.0]))
    with pytest.raises(ValueError, match="needs one of at least 1"):
        losses.row_coefficients(torch.ones(3), lengths, "constant")
    with pytest.raises(ValueError, match="allowed: sequence_mean, token_mean, constant"):
        losses.row_coefficients(torch.ones(3), lengths, "mean")
