"""A narrow matrix widened block by block: product and gradients of the whole one, and never all of it at once."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from agents.policy import scores, widened
from agents.policy.scores import Head, score_tokens
from tests.agents.test_scores import Largest

V, H = 301, 16


@pytest.fixture
def case(monkeypatch):
    """Hidden states of 40 tokens, a bfloat16 matrix in blocks of 3 rows, and a bias."""
    monkeypatch.setitem(widened.BLOCK_NUMBERS, "cpu", 3 * H)
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(40, H, generator=generator)
    weight, bias = (torch.randn(shape, generator=generator).bfloat16() for shape in ((V, H), (V,)))
    return hidden, weight, bias


@pytest.mark.parametrize("chunk", [2**24, 7 * V])  # all distributions at once; seven tokens at a time
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("trained", [False, True])
def test_log_probabilities_and_gradients_are_those_of_the_widened_matrix(case, monkeypatch, chunk, biased, trained):
    monkeypatch.setattr(scores, "CHUNK_NUMBERS", chunk)
    hidden, weight, bias = case
    ids = torch.arange(40) * 7
    found = []
    for widen in (False, True):
        states, matrix = hidden.clone().requires_grad_(), weight.float() if widen else weight.clone()
        matrix.requires_grad_(trained)
        added = (bias.float() if widen else bias) if biased else None
        head = Head(matrix, added, torch.tensor([3]), temperature=0.7)
        logp = score_tokens(torch.ones(4, 10, dtype=torch.bool), ids, states, head).logp_NT
        (logp * torch.arange(10)).sum().backward()
        found.append((logp.detach(), states.grad, matrix.grad))
    assert_close(found[0][0], found[1][0], atol=1e-5, rtol=1e-5)
    assert_close(found[0][1], found[1][1], atol=1e-4, rtol=1e-4)
    if trained:
        assert found[0][2].dtype == torch.bfloat16
        assert_close(found[0][2], found[1][2].bfloat16(), atol=1e-2, rtol=1e-2)


def test_no_float32_copy_of_the_whole_matrix_is_ever_made(case):
    hidden, weight, _ = case
    few = hidden[:2].clone().requires_grad_()
    with Largest() as largest:
        logp = score_tokens(torch.ones(1, 2, dtype=torch.bool), torch.tensor([1, 2]), few,
                            Head(weight, None, torch.tensor([3]))).logp_NT  # fmt: skip
        logp.sum().backward()
    assert largest.numbers <= 2 * V < V * H


def test_a_head_in_the_models_precision_is_left_so(case):
    hidden, weight, _ = case
    narrow = Head(weight, None, torch.tensor([3]), wide=False).logits(hidden)
    expected = (hidden.bfloat16() @ weight.T).float()
    expected[:, 3] = -1e30
    assert torch.equal(narrow, expected)
