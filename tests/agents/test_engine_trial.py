"""What samples for a policy is tried before a run: a second model stands in for an engine."""

from __future__ import annotations

import dataclasses
import re

import pytest
import torch

from agents.policy.actor import Actor
from agents.policy.vllm.trial import NEAR, check_engine
from rlsd_env.errors import ConfigurationError


class Engine:
    """Samples as a policy does, and says other log-probabilities of it: `words` off, and `pictures` off."""

    def __init__(self, policy, words=0.0, pictures=0.0, dtype=torch.float32, fails=()):
        self.policy, self.off, self.dtype, self.fails = policy, (words, pictures), dtype, fails
        self.blind, self.asked, self.loads = "", [], 0

    def generate(self, request, on_completion=None):
        (prompt,) = request.prompts
        self.asked.append(len(prompt.images))
        if len(prompt.images) in self.fails:
            raise KeyError("mrope")  # as vLLM's code for some family
        groups = self.policy.generate(request)
        off = self.off[bool(prompt.images)]
        return [
            [dataclasses.replace(one, logprobs=tuple(value + off for value in one.logprobs)) for one in group]
            for group in groups
        ]

    def load_weights(self, weights):
        self.loads += 1

    def refuse(self, weights):
        self.loads += 1
        raise RuntimeError("no space for weights")

    def close(self):
        pass


def check(engine, current=False):
    check_engine(Actor(engine.policy, engine, current=current), engine, engine.policy)


def test_an_engine_that_agrees_is_taken(policy):
    engine = Engine(policy, words=0.01, pictures=-0.01)
    check(engine)
    assert engine.blind == ""
    assert engine.asked == [0, 0, 1, 2]
    assert engine.loads == 1  # it is tried with the policy's weights
    check(engine := Engine(policy, words=0.2, dtype=torch.bfloat16), current=True)
    assert engine.loads == 0


@pytest.mark.parametrize(("off", "dtype"), [(0.05, torch.float32), (-0.05, torch.float32), (0.3, torch.bfloat16)])
def test_one_that_runs_words_otherwise_is_refused(policy, off, dtype):
    told = f"log-probabilities {abs(off):g} from the learner's on average \\({NEAR[dtype]} are allowed"
    with pytest.raises(
        ConfigurationError, match=f"vLLM runs this qwen3_vl otherwise .* answers to 'What is two .*' have {told}"
    ):
        check(Engine(policy, words=off, dtype=dtype))
    with pytest.raises(ConfigurationError, match="log-probabilities nan from"):
        check(Engine(policy, words=float("nan"), dtype=dtype))


def test_one_that_sees_otherwise_is_given_no_pictures(policy):
    check(engine := Engine(policy, pictures=0.5))
    assert re.fullmatch(r"gives answers to one log-probabilities 0.5 from the .* \(0.02 are allowed\)", engine.blind)


def test_what_it_fails_at_with_pictures_is_told_when_a_run_has_it(policy):
    check(engine := Engine(policy, fails=(1, 2)))
    assert (engine.blind, engine.asked) == ("", [0, 0, 1, 2])


def test_one_that_answers_nothing_is_refused(policy):
    with pytest.raises(ConfigurationError, match=r"vLLM does not answer 'What is two .*': KeyError: 'mrope'"):
        check(Engine(policy, fails=(0,)))
    engine = Engine(policy)
    engine.load_weights = engine.refuse
    with pytest.raises(RuntimeError, match="no space for weights"):
        check(engine)
    assert engine.loads == 1
    assert engine.asked == []
