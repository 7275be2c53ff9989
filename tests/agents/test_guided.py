"""Attempts with help: who tries again at what, under which prompt and weights, and what takes whose place."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from agents.algorithms import Guidance, make
from agents.algorithms.contexts import show_answer, show_solution
from agents.algorithms.hdpo import all_where_none_is_right
from agents.algorithms.npo import last_where_few_are_right
from agents.episodes import Completion, StopReason
from agents.options.commands import TrainOptions
from agents.policy.base import Request, Sampling
from agents.rollouts.collect import collect, completion_seeds
from agents.rollouts.environments import make_group_env
from agents.rollouts.guided import STREAM_GUIDED, collect_guided, guided_metrics
from agents.rollouts.metrics import batch_metrics
from agents.setup import check_guidance
from rlsd_env import ConfigurationError
from verifiers import Status, Verdict, Verifier

ID = "rlsd/ShapeCount-v0"
HINT = "The reference answer is"
SAMPLING = Sampling(1.0, 30)


class Wants(Verifier):
    """Right is a text with "right" in it."""

    def verify(self, response, reference):
        right = "right" in response
        return Verdict(float(right), right, response[:5], Status.OK)


def shown(prompt):
    """The text of a prompt's first message."""
    content = prompt.messages[0]["content"]
    return content if isinstance(content, str) else content[-1]["text"]


def said(text, seed):
    return Completion((5, 6, 2), (-0.5, -0.25, -0.125), f"{text} {seed}", StopReason.STOP)


class Scripted:
    """A sampler that says what it is told to, by whether it reads the hint, and keeps what it was asked."""

    def __init__(self, says):
        self.says, self.asked = says, []

    def generate(self, request: Request, on_completion=None):
        self.asked.append(request)
        numbers = range(request.count)
        told = [HINT in shown(request.prompt(number)) for number in numbers]
        return request.groups({n: said(self.says(told[n], request.seeds[n]), request.seeds[n]) for n in numbers})


def play(sampler, groups=3, size=4, **kwargs):
    env = make_group_env(ID, {"verifier": Wants(), **kwargs}, groups, size)
    tasks, seeds = list(range(5, 5 + groups)), completion_seeds(3, (1, 0), groups * size)
    return env, tasks, seeds, collect(env, sampler, tasks, SAMPLING, seeds, step=4)


def hinted(**changes):
    return dataclasses.replace(Guidance(all_where_none_is_right, show_answer), **changes)


class Hard(Scripted):
    """Of three groups of four the middle one has a right attempt; with the hint attempts 1 and 3 of the others are."""

    def __init__(self, right="right"):
        own = completion_seeds(3, (1, 0), 12)
        derived = [completion_seeds(seed, (STREAM_GUIDED,), 1)[0] for seed in own]
        able = {own[5]} | {derived[i] for i in (1, 3, 9, 11)}
        super().__init__(lambda told, seed: right if seed in able else "wrong")


def test_right_attempts_with_help_take_the_place_of_members():
    sampler = Hard()
    env, tasks, seeds, batch = play(sampler)
    helped = collect_guided(env, batch, hinted(), sampler, tasks, SAMPLING, seeds)
    assert helped.step == 4
    assert helped.groups[1] is batch.groups[1]  # a right attempt: nothing happens there
    first, again = batch.groups[0], helped.groups[0]
    assert [episode.guided for episode in again.episodes] == [True, True, False, False]
    assert [episode.replaces for episode in again.episodes[:2]] == list(first.episodes[:2])
    assert again.episodes[2:] == first.episodes[2:]
    assert [episode.verdict.correct for episode in again.guided] == [False, True, False, True]
    for episode, number in zip(again.episodes[:2], (1, 3)):
        # The student's prompt, the very one, so that it is run once; the seed is derived from that of its number.
        assert episode.turns[0].prompt is first.episodes[0].turns[0].prompt
        assert HINT not in shown(episode.turns[0].prompt)
        assert episode.response == f"right {completion_seeds(seeds[number], (STREAM_GUIDED,), 1)[0]}"
        assert episode.turns[0].action.logprobs == (-0.5, -0.25, -0.125)
        assert (episode.reward, episode.verdict.correct) == (1.0, True)
    (request,) = sampler.asked[1:]
    assert (len(request.prompts), request.n) == (2, 4)  # each prompt once, of the groups that are helped alone
    assert all(f"{HINT} {batch.groups[g].hints['answer']}." in shown(p) for g, p in zip((0, 2), request.prompts))


def test_the_policys_own_attempts_do_not_depend_on_help():
    env, tasks, seeds, batch = play(Hard())
    before = [[e.turns[0].action for e in g.episodes] for g in batch.groups]
    helped = collect_guided(env, batch, hinted(), Hard(), tasks, SAMPLING, seeds)
    assert [[e.own.turns[0].action for e in g.episodes] for g in helped.groups] == before
    assert [item.task.id for item in env.items] == [group.item.task.id for group in batch.groups]


def test_members_and_attempts_bound_what_is_replaced_and_made():
    env, tasks, seeds, batch = play(Hard())
    last = Guidance(lambda group: [3] if group.success <= 0.6 else [], show_answer, attempts=2)
    sampler = Hard()
    helped = collect_guided(env, batch, last, sampler, tasks, SAMPLING, seeds)
    assert [[e.guided for e in g.episodes] for g in helped.groups] == [
        [False, False, False, True],
        [False, False, False, False],  # its attempts with help were wrong
        [False, False, False, True],
    ]
    assert [len(group.guided) for group in helped.groups] == [2, 2, 2]
    assert [request.count for request in sampler.asked] == [6]
    none = Guidance(lambda group: [], show_answer)
    assert collect_guided(env, batch, none, sampler, tasks, SAMPLING, seeds) is batch
    for wrong in ([4], [0, 0], [-1]):
        with pytest.raises(ValueError, match=r"replaces members .* of a group of 4; each once, 0 to 3"):
            collect_guided(env, batch, Guidance(lambda group, w=wrong: w), sampler, tasks, SAMPLING, seeds)


def test_who_is_helped():
    _, _, _, batch = play(Hard())
    assert [group.success for group in batch.groups] == [0.0, 0.25, 0.0]
    assert [list(all_where_none_is_right(group)) for group in batch.groups] == [[0, 1, 2, 3], [], [0, 1, 2, 3]]
    assert [list(last_where_few_are_right(group, 0.2, 1)) for group in batch.groups] == [[3], [], [3]]
    assert [list(last_where_few_are_right(group, 0.25, 2)) for group in batch.groups] == [[2, 3]] * 3
    assert list(last_where_few_are_right(batch.groups[0], 0.2, 4)) == [0, 1, 2, 3]
    failed = Verdict(0.0, False, None, Status.ERROR)
    episodes = tuple(dataclasses.replace(episode, verdict=failed) for episode in batch.groups[0].episodes)
    unknown = dataclasses.replace(batch.groups[0], episodes=episodes)
    assert not all_where_none_is_right(unknown)  # the verifier said nothing
    assert not last_where_few_are_right(unknown, 0.6, 1)


def test_an_attempt_that_is_shown_nothing_is_not_made():
    env, tasks, seeds, batch = play(Hard())
    some = hinted(show=lambda group, i: show_answer(group, i) if i > 1 else None)
    helped = collect_guided(env, batch, some, Hard(), tasks, SAMPLING, seeds)
    assert [len(group.guided) for group in helped.groups] == [2, 0, 2]
    assert [sum(e.guided for e in group.episodes) for group in helped.groups] == [1, 0, 1]


def test_responses_that_speak_of_the_hint_may_be_left_out():
    told = "The reference answer is 7, right"
    env, tasks, seeds, batch = play(Hard(told))
    kept = collect_guided(env, batch, hinted(), Hard(told), tasks, SAMPLING, seeds)
    left = collect_guided(env, batch, hinted(mentions=False), Hard(told), tasks, SAMPLING, seeds)
    assert sum(episode.guided for _, _, episode in kept) == 4
    assert sum(episode.guided for _, _, episode in left) == 0
    for one in (kept, left):  # 4 of the 8 attempts with help are right, and speak of it
        found = guided_metrics(one)
        assert (found["guided_success_share"], found["guided_leakage_per_1000"]) == (0.5, 500.0)


def test_metrics_are_of_the_policys_own_attempts():
    env, tasks, seeds, batch = play(Hard())
    helped = collect_guided(env, batch, hinted(), Hard(), tasks, SAMPLING, seeds)
    assert batch_metrics(helped) == batch_metrics(batch)
    assert batch_metrics(helped)["accuracy"] == 1 / 12
    # 4 of 12 replaced; 4 of 8 attempts right, of 3 tokens each
    assert guided_metrics(helped) == {
        "guided_share": 4 / 12,
        "guided_success_share": 0.5,
        "guided_leakage_per_1000": 0.0,
        "teacher_tokens_sampled": 24.0,
    }
    assert guided_metrics(batch) == {"guided_share": 0.0, "teacher_tokens_sampled": 0.0}


def test_several_turns_are_played_with_the_hint_before_each():
    """An attempt with help goes on from its own words; its prompts are those that the student would have read."""
    sampler = Scripted(lambda told, seed: "right" if told and seed % 5 < 2 else "wrong")
    env, tasks, seeds, batch = play(sampler, groups=2, max_turns=3, feedback="verifier")
    own = len(sampler.asked)
    assert own == 3
    helped = collect_guided(env, batch, hinted(), sampler, tasks, SAMPLING, seeds)
    asked = sampler.asked[own:]
    assert all(HINT in shown(prompt) for request in asked for prompt in request.prompts)
    assert [len(request.prompts[0].messages) for request in asked] == [1, 3, 5]
    made = [episode for group in helped.groups for episode in group.guided]
    assert {len(episode.turns) for episode in made} == {1, 2, 3}
    for episode in made:
        for before, after in zip(episode.turns, episode.turns[1:]):
            *_, action, feedback = after.prompt.messages
            assert (action["content"], feedback["content"]) == (before.action.text, "Your answer is wrong.")
        assert all(HINT not in shown(turn.prompt) for turn in episode.turns)
    assert any(episode.guided for _, _, episode in helped)


def test_a_curriculum_does_not_count_attempts_with_help():
    sampler = Scripted(lambda told, seed: "right" if told else "wrong")
    rule = {"window": 8, "raise_above": 0.8, "lower_below": 0.3}
    env = make_group_env(ID, {"difficulty": 3, "verifier": Wants()}, 2, 4, rule)
    seeds, before = list(range(8)), env.state_dict()
    batch = collect(env, sampler, [1, 2], SAMPLING, seeds, 0)
    after = env.state_dict()
    assert after["difficulty"] == 2  # all were wrong
    helped = collect_guided(env, batch, hinted(), sampler, [1, 2], SAMPLING, seeds, before)
    assert sum(episode.guided for _, _, episode in helped) == 8  # at the difficulty of the batch
    assert {group.item.task.metadata["difficulty"] for group in helped.groups} == {3}
    assert env.state_dict() == after


def test_an_environment_that_shows_other_tasks_the_second_time_is_refused():
    env, tasks, seeds, batch = play(Hard())
    with pytest.raises(ValueError, match="otherwise when it is asked for it again"):
        collect_guided(env, batch, hinted(), Hard(), tasks[::-1], SAMPLING, seeds)


def test_the_bundled_model_acts_with_help_in_the_same_way_however_often(policy):
    env = make_group_env(ID, {"difficulty": 3}, 6, 4)
    tasks, seeds = list(range(40, 46)), completion_seeds(9, (1, 0), 24)
    runs = []
    for _ in range(2):
        batch = collect(env, policy, tasks, Sampling(1.0, 48), seeds, step=0)
        helped = collect_guided(env, batch, hinted(show=show_solution), policy, tasks, Sampling(1.0, 48), seeds)
        runs.append([[e.turns[0].action for e in g.episodes] for g in helped.groups])
    assert runs[0] == runs[1]
    assert any(episode.guided for _, _, episode in helped)
    for group in helped.groups:
        for i, episode in enumerate(group.episodes):
            if episode.guided:  # the recorded log-probabilities are those under the hint
                prompts, ids = show_solution(group, i).prompts, episode.turns[0].action.token_ids
                under_hint = policy.score(prompts, [0], [ids]).logp_NT[0].tolist()
                assert np.allclose(under_hint, episode.turns[0].action.logprobs, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("hdpo", {"lam": -0.1}, "lam of hdpo is -0.1; it must be 0 or more"),
        ("hdpo", {"top_k": -1}, "top_k of hdpo"),
        ("npo", {}, "guide of npo is ''; give a later checkpoint"),
        ("npo", {"guide": "frozen"}, "external"),
        ("npo", {"guide": "server(http://localhost:1)"}, "give a later checkpoint"),
        ("npo", {"guide": "external(tiny)", "gate": 1.0}, "gate of npo is 1.0"),
        ("npo", {"guide": "external(tiny)", "slots": 0}, "slots must be at least 1"),
    ],
)
def test_what_cannot_help_is_named(name, options, message):
    with pytest.raises(ConfigurationError, match=message.replace("(", r"\(")):
        make(name, options)


@pytest.mark.parametrize("name", ["attempts", "slots"])
def test_more_help_than_a_group_has_members_is_refused_before_a_run(name):
    npo = make("npo", {"guide": "external(tiny)", name: 5})
    check_guidance(TrainOptions(group_size=5), npo)
    with pytest.raises(ConfigurationError, match=f"{name} is 5 and group_size 4; {name} must be at most group_size"):
        check_guidance(TrainOptions(group_size=4), npo)
    env, tasks, seeds, batch = play(Scripted(lambda told, seed: "no"), groups=1)
    with pytest.raises(ConfigurationError, match=f"{name} is 5 and group_size 4"):
        collect_guided(env, batch, npo.guidance(0, {}), None, tasks, SAMPLING, seeds)


def test_help_ends():
    npo = make("npo", {"guide": "external(tiny)", "until": 5})
    assert npo.guidance(4, {}).scorer == "guide"
    assert npo.guidance(5, {}) is None
    assert make("hdpo", {"lam": 0.0}).guidance(0, {}) is None
    assert not make("grpo").guides
    assert npo.guides
