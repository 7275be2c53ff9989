"""What a sampler is asked for, and an engine that follows the weights of a policy."""

from __future__ import annotations

import pytest
import torch

import agents
from agents.episodes import Completion, Prompt, StopReason
from agents.messages import user_message
from agents.options.learner import LearnerOptions
from agents.policy.actor import Actor
from agents.policy.base import Request, Sampling

PROMPTS = [Prompt((user_message(text),)) for text in ("one", "two", "three")]
DONE = Completion((2,), (0.0,), "", StopReason.STOP)


class Listed:
    """An engine that samples nothing and writes down what it is told."""

    def __init__(self):
        self.told = []
        self.sum = 0.0

    def load_weights(self, weights):
        self.sum = sum(value.double().sum().item() for _, value in weights)
        self.told.append("weights")

    def generate(self, request, on_completion=None):
        self.told.append("request")
        return request.groups(dict.fromkeys(range(request.count), DONE))

    def close(self):
        self.told.append("closed")


def request(n=1):
    return Request(PROMPTS, n, Sampling(1.0, 4), range(3 * n))


def total(policy):
    return sum(value.double().sum().item() for _, value in policy.weights())


def test_completions_are_numbered_prompt_by_prompt():
    asked = Request(PROMPTS, 2, Sampling(1.0, 9), range(6), limits=[1, 2, 3, 4, 5, 9])
    assert asked.count == 6
    assert [list(asked.numbers(place)) for place in range(3)] == [[0, 1], [2, 3], [4, 5]]
    assert [asked.prompt(number).messages[0]["content"] for number in (1, 2, 5)] == [
        PROMPTS[place].messages[0]["content"] for place in (0, 1, 2)
    ]
    assert [asked.limit(number) for number in (0, 3, 5)] == [1, 4, 9]
    assert request().limit(2) == 4
    completions = {number: Completion((number,), (0.0,), "", StopReason.LENGTH) for number in (5, 0, 3, 1, 4, 2)}
    assert [[one.token_ids for one in group] for group in asked.groups(completions)] == [
        [(0,), (1,)], [(2,), (3,)], [(4,), (5,)]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("n", "seeds", "limits", "message"),
    [
        (0, [], None, "n is 0"),
        (2, [1, 2, 3], None, "3 seeds for 3 prompts x 2; give one per completion"),
        (1, [1, 2, 3], [4, 4], r"limits \[4, 4\]: one per completion"),
        (1, [1, 2, 3], [4, 0, 4], "each 1 to 4 tokens"),
        (1, [1, 2, 3], [4, 4, 5], "each 1 to 4 tokens"),
        (1, [1, 2, 3], [], r"limits \[\]: one per completion"),
    ],
)
def test_what_cannot_be_sampled_cannot_be_asked_for(n, seeds, limits, message):
    with pytest.raises(ValueError, match=message):
        Request(PROMPTS, n, Sampling(1.0, 4), seeds, limits)


def test_an_engine_gets_weights_before_it_samples_and_only_where_they_have_changed(policy):
    engine = Listed()
    actor = Actor(policy, engine)
    actor.generate(request())
    actor.generate(request())
    assert engine.told == ["weights", "request", "request"]
    with torch.no_grad():
        policy.model.lm_head.weight.add_(1.0)
    policy.weights_changed()
    policy.weights_changed()  # two updates, and one transfer
    assert engine.told == ["weights", "request", "request"]
    actor.generate(request())
    assert engine.told[3:] == ["weights", "request"]
    assert engine.sum == total(policy)


def test_an_engine_that_has_the_weights_gets_the_next_ones_only(policy):
    engine = Listed()
    actor = Actor(policy, engine, current=True)
    actor.generate(request())
    assert engine.told == ["request"]
    policy.weights_changed()
    actor.synchronise()
    assert engine.told == ["request", "weights"]


def test_every_engine_of_a_policy_follows_it(policy):
    engines = [Listed(), Listed()]
    actors = [Actor(policy, engine, current=True) for engine in engines]
    policy.weights_changed()
    for actor in actors:
        actor.generate(request())
    assert [engine.told for engine in engines] == [["weights", "request"]] * 2


def test_an_agents_engine_follows_its_updates_and_its_restored_weights(policy, batch):
    engine = Listed()
    agent = agents.make("grpo", policy, engine=engine, learner=LearnerOptions(lr=1e-3))
    state = {**agent.state_dict(), "model": {name: p.clone() for name, p in agent.state_dict()["model"].items()}}
    old = total(policy)
    agent.update(batch)
    assert agent.act(PROMPTS, [1, 2, 3]) == [DONE] * 3
    assert engine.sum == total(policy) != old
    agent.load_state_dict(state)
    agent.act(PROMPTS, [1, 2, 3])
    assert engine.sum == pytest.approx(old, abs=1e-6)
    assert engine.told == ["weights", "request"] * 2


def test_without_an_engine_the_policy_samples(policy):
    with Actor(policy) as actor:
        assert actor.generate(request(2)) == policy.generate(request(2))


def test_a_policy_that_only_scores_needs_an_engine():
    class Scorer:
        weights_version = 0

    with pytest.raises(TypeError, match="a Scorer, has no method generate; give an engine"):
        Actor(Scorer())
    assert Actor(Scorer(), Listed(), current=True).generate(request())[2] == [DONE]


def test_the_engine_is_closed_at_the_end_however_it_comes(policy):
    engine = Listed()
    with pytest.raises(KeyboardInterrupt), Actor(policy, engine):
        raise KeyboardInterrupt
    assert engine.told == ["closed"]
