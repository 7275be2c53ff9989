"""Hand-worked numbers for what is compared of two distributions, and for targets between them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import tensor
from torch.testing import assert_close

from agents import divergences
from agents.losses import generalised_jsd, kl_divergence


def logs(*rows):
    return tensor(rows, dtype=torch.float64).log()


STUDENT, TEACHER = logs([0.5, 0.3, 0.2]), logs([0.1, 0.6, 0.3])


def test_entries_add_up_to_the_divergence():
    # T log(T/S): .1 ln .2 = -.160944; .6 ln 2 = .415888; .3 ln 1.5 = .121640
    entries = divergences.divergence_entries(STUDENT, TEACHER, 0.0)
    assert_close(entries, tensor([[-0.160944, 0.415888, 0.121640]]).double(), atol=1e-6, rtol=0)
    # S log(S/T): .5 ln 5 = .804719; .3 ln .5 = -.207944; .2 ln(2/3) = -.081093
    entries = divergences.divergence_entries(STUDENT, TEACHER, 1.0)
    assert_close(entries, tensor([[0.804719, -0.207944, -0.081093]]).double(), atol=1e-6, rtol=0)
    # beta .5, M = .3, .45, .25: .5 (.1 ln(.1/.3) + .5 ln(.5/.3)) = .5 (-.109861 + .255413) = .072776;
    # .5 (.6 ln(4/3) + .3 ln(2/3)) = .5 (.172609 - .121640) = .025485; .5 (.3 ln 1.2 + .2 ln .8) = .005033
    entries = divergences.divergence_entries(STUDENT, TEACHER, 0.5)
    assert_close(entries, tensor([[0.072776, 0.025485, 0.005033]]).double(), atol=1e-6, rtol=0)
    for beta in (0.0, 0.3, 0.5, 1.0):
        whole = divergences.divergence_entries(STUDENT, TEACHER, beta).sum(-1)
        assert_close(whole, generalised_jsd(STUDENT, TEACHER, beta))


def test_a_clipped_entry_counts_as_the_bound_and_has_no_gradient():
    # forward KL, entries -.160944, .415888, .121640; bound .05: -.160944 + .05 + .05 = -.060944
    student = STUDENT.clone().requires_grad_()
    got = divergences.clipped_divergence(student, TEACHER, 0.0, 0.05)
    assert got.item() == pytest.approx(-0.060944, abs=1e-6)
    got.backward()
    assert_close(student.grad, tensor([[-0.1, 0.0, 0.0]]).double())  # d (T log T - T log S) / d log S = -T
    assert_close(divergences.clipped_divergence(STUDENT, TEACHER, 0.3, 0.0), generalised_jsd(STUDENT, TEACHER, 0.3))


def test_entries_alone_are_made_to_sum_to_1():
    index = tensor([[1, 0]])
    assert_close(divergences.on_support(STUDENT, index, tail=False).exp(), tensor([[0.375, 0.625]]).double())
    assert_close(divergences.on_support(TEACHER, index, tail=True).exp(), tensor([[0.6, 0.1, 0.3]]).double())
    assert divergences.top_entries(TEACHER, 2).tolist() == [[1, 2]]
    assert divergences.top_entries(TEACHER, 9).tolist() == [[1, 2, 0]]


def test_attenuation_rises_with_disagreement():
    # JSD = .072776 + .025485 + .005033 = .103294; 50 x = 5.1647; sigmoid .994317; 2 x .15 x .494317 = .148295
    got = divergences.attenuation(STUDENT, TEACHER, 50.0, 0.15)
    assert got.item() == pytest.approx(0.148295, abs=1e-5)
    # sharpness 1: sigmoid(.103294) = .525800; .3 x .025800 = .007740
    assert divergences.attenuation(STUDENT, TEACHER, 1.0, 0.15).item() == pytest.approx(0.007740, abs=1e-5)
    assert divergences.attenuation(STUDENT, STUDENT, 50.0, 0.15).item() == 0


def test_the_barycentre_is_between_both():
    # w = .5: sqrt(.05, .18, .06) = .223607, .424264, .244949; Z = .892820
    got = divergences.barycentre(TEACHER, STUDENT, tensor([0.5]).double())
    assert_close(got.exp(), tensor([[0.250450, 0.475195, 0.274354]]).double(), atol=1e-5, rtol=0)
    assert_close(divergences.barycentre(TEACHER, STUDENT, tensor([0.0]).double()), TEACHER)
    assert_close(divergences.barycentre(TEACHER, STUDENT, tensor([1.0]).double()), STUDENT)


def test_the_barycentre_has_the_least_weighed_divergence_from_both():
    weight = 0.3

    def cost(logq):
        return (1 - weight) * kl_divergence(logq, TEACHER) + weight * kl_divergence(logq, STUDENT)

    best = divergences.barycentre(TEACHER, STUDENT, tensor([weight]).double())
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        other = (best + 0.1 * torch.randn(1, 3, generator=generator, dtype=torch.float64)).log_softmax(-1)
        assert cost(best) <= cost(other) + 1e-15
    # at the least the cost is -log Z, Z = sum p^.7 q^.3
    p, q = (0.1, 0.6, 0.3), (0.5, 0.3, 0.2)
    assert cost(best).item() == pytest.approx(-math.log(sum(a**0.7 * b**0.3 for a, b in zip(p, q))))
