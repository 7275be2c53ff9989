"""A larger model behind a real vLLM server teaches the bundled one. `make test-vllm`."""

from __future__ import annotations

import copy
import importlib.util

import pytest
import torch
from torch.testing import assert_close

from agents.algorithms import make
from agents.learner.learner import Learner
from agents.options.learner import LearnerOptions
from agents.policy.other_models import open_scorer
from rlsd_env.errors import ConfigurationError
from tests.agents.larger import make_larger
from tests.agents.test_contexts import mixed
from tests.agents.vllm_serving import serving

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("vllm") is None, reason="vLLM is not installed; make test-vllm installs it"
)


@pytest.fixture(scope="module")
def larger(_bundled, tmp_path_factory):
    return make_larger(_bundled, tmp_path_factory.mktemp("larger"))


@pytest.fixture(scope="module")
def server(larger, tmp_path_factory, _bundled):
    log = tmp_path_factory.mktemp("server") / "log"
    with serving(larger, log) as (address, process):
        for _ in range(20):
            try:
                open_scorer("server", address, _bundled)
                break
            except ConfigurationError as error:
                if process.poll() is not None:
                    pytest.fail(f"{error}\n{log.read_text()[-3000:]}")
        yield address


def scores(policy, batch, scorer, top_k):
    prompts = [group.episodes[0].turns[0].prompt for group in batch.groups]
    responses = [episode.turns[0].action.token_ids for _, _, episode in batch]
    owners = [n // 4 for n in range(16)]
    return scorer.score(prompts, owners, responses, temperature=1.0, top_k=top_k)


def test_a_server_and_a_folder_say_the_same(policy, batch, larger, server):
    served, loaded = open_scorer("server", server, policy), open_scorer("external", str(larger), policy)
    assert loaded.policy.model.config.get_text_config().num_hidden_layers == 6
    there, here = (scores(policy, batch, scorer, 5) for scorer in (served, loaded))
    assert torch.equal(there.mask_NT, here.mask_NT)
    assert_close(there.logp_NT, here.logp_NT, atol=1e-3, rtol=0)
    own = policy.score(
        [batch.groups[0].episodes[0].turns[0].prompt], [0], [batch.groups[0].episodes[0].turns[0].action.token_ids]
    )
    assert (own.logp_NT[0] - here.logp_NT[0, : own.logp_NT.shape[1]]).abs().max() > 0.01
    a, b = there.top_k(5), here.top_k(5)
    likely = b.logp_MK > -12  # what is next to impossible differs in its digits, and so in its order
    assert_close(a.logp_MK[likely], b.logp_MK[likely], atol=2e-3, rtol=0)
    apart = (b.logp_MK[:, 0] - b.logp_MK[:, 1]) > 0.01
    assert torch.equal(a.ids_MK[apart, 0], b.ids_MK[apart, 0])


@pytest.mark.parametrize("form", ["sampled", "top_k"])
def test_opd_learns_the_same_from_either(policy, batch, larger, server, form):
    weights = []
    for teacher in (f"external({larger})", f"server({server})"):
        fresh = type(policy)(copy.deepcopy(policy.model), policy.processor)
        options = {"teacher": teacher, "form": form} | ({"top_k": 5} if form == "top_k" else {})
        one = Learner(fresh, make("opd", options), LearnerOptions(max_grad_norm=1e9))
        metrics = one.update(mixed(batch))
        assert metrics["teacher_tokens_scored"] == sum(episode.length for _, _, episode in batch)
        weights.append(torch.cat([p.grad.flatten() for p in one.parameters]))
    assert (weights[0] - weights[1]).norm() / weights[0].norm() < 1e-2


def test_another_temperature_is_refused(policy, batch, server):
    with pytest.raises(ConfigurationError, match="scores at 1"):
        open_scorer("server", server, policy).score([], [], [], temperature=0.7, top_k=0)
