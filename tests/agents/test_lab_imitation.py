"""What the laboratory's base models learn from a row: the loss by hand, and what the probes reach."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from agents.lab.beliefs import beliefs
from agents.lab.data import ALL, FIRST, LabRow, Response, corpus, draw_row
from agents.lab.imitation import Imitation, optimizers_of
from agents.lab.make import PIXELS
from agents.tiny.building import Shape, build_model, build_processor, build_tokenizer
from agents.tiny.fitting import collate

TABLE = beliefs()


@pytest.fixture(scope="module")
def imitation():
    tokenizer = build_tokenizer(corpus(TABLE, np.random.default_rng(0), rows=1000), vocabulary=384)
    processor = build_processor(tokenizer, PIXELS)
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(0)
        model = build_model(tokenizer, Shape(32, 5, 16, 32, 1))
        return Imitation(model, processor)


def rows_of(mixture, number, seed=0):
    rng = np.random.default_rng(seed)
    return [draw_row(TABLE, 0.5, mixture, rng) for _ in range(number)]


def by_hand(imitation, row):
    """One row, one token at a time: minus log P of the token, at a result minus the expected log P of all digits."""
    inputs, labels = collate(imitation.processor, [row])
    with torch.no_grad():
        log_p = imitation.model(**inputs).logits[0].log_softmax(-1)
    loss, step = 0.0, 0
    for t in range(1, labels.shape[1]):
        if labels[0, t] == -100:
            continue
        if inputs["input_ids"][0, t - 1] == imitation.equals:
            loss -= float(log_p[t - 1, imitation.digits] @ torch.from_numpy(row.expected.results_KD[step]).float())
            step += 1
        else:
            loss -= float(log_p[t - 1, labels[0, t]])
    assert step == len(row.expected.results_KD)
    return loss, int((labels != -100).sum())


def test_the_loss_is_that_of_each_token_by_hand(imitation):
    """With probes that know nothing, every probed step adds log 10."""
    for probe in imitation.probes:
        torch.nn.init.zeros_(probe.weight)
        torch.nn.init.zeros_(probe.bias)
    rows = [row for row in rows_of(ALL, 24) if row.image is None]
    loss, tokens = imitation(rows)
    expected = [by_hand(imitation, row) for row in rows]
    probed = sum(len(row.expected.results_KD) * min(3, len(row.expected.ahead_KD)) for row in rows)
    assert tokens == sum(number for _, number in expected)
    assert loss.item() == pytest.approx(sum(one for one, _ in expected) + probed * np.log(10), rel=1e-5)


def test_a_distribution_is_learned_and_not_the_digit_that_was_drawn(imitation):
    """The same text with another distribution has another loss."""
    row = next(one for one in rows_of(FIRST, 40) if len(one.expected.results_KD) == 2)
    turned = Response(row.response, np.roll(row.expected.results_KD, 1, axis=-1), row.expected.ahead_KD)
    other = LabRow(row.messages, row.image, row.response, turned)
    assert imitation([row])[0].item() != pytest.approx(imitation([other])[0].item(), abs=1e-3)


def test_probes_teach_layers_in_order(imitation):
    """The probe of the last step reaches two layers; that of the step before it three."""
    for probe in imitation.probes:
        torch.nn.init.normal_(probe.weight)
    rows = rows_of(FIRST, 12)
    for steps, deepest in ((2, 2), (3, 3)):
        chosen = [row for row in rows if len(row.expected.results_KD) == steps]
        inputs, labels = collate(imitation.processor, chosen)
        found = imitation.model.model(**inputs, output_hidden_states=True)
        at = (inputs["input_ids"][:, :-1] == imitation.equals) & (labels[:, 1:] != -100)
        loss = imitation._probed([hidden[:, :-1][at] for hidden in found.hidden_states], chosen)
        layers = imitation.model.model.language_model.layers
        gradients = torch.autograd.grad(loss, [layer.mlp.up_proj.weight for layer in layers], allow_unused=True)
        assert [one is not None for one in gradients] == [k < deepest for k in range(5)]


def test_every_parameter_has_one_optimizer(imitation):
    groups = [one.param_groups[0] for one in optimizers_of(imitation, 1e-3, 2e-3)]
    assert [group["lr"] for group in groups] == [2e-3, 1e-3]
    trained = [id(parameter) for group in groups for parameter in group["params"]]
    everything = [id(one) for one in (*imitation.model.parameters(), *imitation.probes.parameters())]
    assert sorted(trained) == sorted(everything)
