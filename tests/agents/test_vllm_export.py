"""What `python -m agents.export` writes, loaded by the real vLLM: the run's greedy answers. `make test-vllm`."""

from __future__ import annotations

import importlib.util

import pytest

from agents.export import ExportOptions, run
from agents.policy.base import Request, Sampling
from agents.policy.loading import load_policy
from agents.policy.vllm.sampler import VLLMSampler
from tests.agents.adapted import moved_adapters, prompts_of_shapes

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("vllm") is None, reason="vLLM is not installed; make test-vllm installs it"
)


def test_a_merged_model_answers_in_vllm_as_the_run_does(tmp_path):
    trained = moved_adapters(tmp_path / "run")
    folder = run(ExportOptions(str(trained), tmp_path / "plain"))
    prompts = prompts_of_shapes()
    request = Request(prompts, 1, Sampling(0.0, 24), [0] * len(prompts))
    expected = load_policy(str(trained / "model"), "cpu").generate(request)
    engine = VLLMSampler(str(folder), load_policy(str(folder), "cpu"))
    try:
        made = engine.generate(request)
    finally:
        engine.close()
    assert [one.token_ids for (one,) in made] == [one.token_ids for (one,) in expected]
