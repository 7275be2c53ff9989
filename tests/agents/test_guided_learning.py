"""What is learned from attempts that were made with help: advantages, weights, ratios, and what is measured of them."""

from __future__ import annotations

import copy
import dataclasses
import math
from typing import ClassVar

import pytest
import torch
from torch.testing import assert_close

from agents.algorithms import Algorithm, Credit, Guidance, make
from agents.algorithms.contexts import PHRASES, REQUEST
from agents.algorithms.grpo import GRPO
from agents.distributed import World
from agents.episodes import EpisodeBatch
from agents.evidence import EvidenceSink
from agents.learner.learner import Learner
from agents.learner.plan import make_plan
from agents.options.learner import LearnerOptions
from rlsd_env import ConfigurationError
from verifiers import Status, Verdict


def shortened(episode, length, *, right):
    """The same attempt cut to so many tokens, right or wrong: lengths differ, so that a mean over tokens shows."""
    (turn,) = episode.turns
    action = dataclasses.replace(
        turn.action, token_ids=turn.action.token_ids[:length], logprobs=turn.action.logprobs[:length]
    )
    verdict = Verdict(float(right), right, "5", Status.OK)
    return dataclasses.replace(
        episode, turns=(dataclasses.replace(turn, action=action),), reward=float(right), verdict=verdict
    )


def guided_batch(batch):
    """Two groups of four: in the first one, where all were wrong, two were replaced; the second has contrast."""
    hard, mixed = batch.groups[:2]
    own = [shortened(e, length, right=False) for e, length in zip(hard.episodes, (9, 12, 14, 20))]
    made = [shortened(e, length, right=True) for e, length in zip(hard.episodes[::-1], (18, 5))]
    helped = [dataclasses.replace(one, replaces=other) for one, other in zip(made, own)]
    lengths = enumerate((8, 10, 15, 21))
    others = [shortened(e, n, right=i in (0, 1)) for e, (i, n) in zip(mixed.episodes, lengths)]
    first = dataclasses.replace(hard, episodes=(*helped, *own[2:]), guided=tuple(made))
    return EpisodeBatch((first, dataclasses.replace(mixed, episodes=tuple(others))), 0)


def learner(policy, algorithm, **options):
    fresh = type(policy)(copy.deepcopy(policy.model), policy.processor)
    return Learner(fresh, algorithm, LearnerOptions(lr=1e-4, max_grad_norm=1e9, **options))


class Apart(Algorithm):
    """Guidance apart that trains on everything."""

    name: ClassVar[str] = "apart"

    def guidance(self, step, state):
        return Guidance(lambda group: [], apart=True)

    def active(self, advantages_N, shown):
        return torch.ones_like(advantages_N, dtype=torch.bool)


class Within(GRPO):
    """Guidance whose attempts are members like the others."""

    name: ClassVar[str] = "within"

    def guidance(self, step, state):
        return Guidance(lambda group: [])


class OffPolicy(GRPO):
    """The same with the ratio against what sampled."""

    name: ClassVar[str] = "off"

    def guidance(self, step, state):
        return Guidance(lambda group: [], off_policy=True)


def plan(policy, batch, algorithm, **options):
    return make_plan(batch, algorithm, {}, LearnerOptions(**options), policy, World(), sharded=False)


def test_members_with_help_count_in_the_groups_baseline_where_they_are_members(policy, batch):
    made = plan(policy, guided_batch(batch), Within())
    # rewards 1, 1, 0, 0 in both groups: mean .5, deviation sqrt(4 * .25 / 3) = .577350; A = +-.866025
    assert_close(made.A_N, torch.tensor([1.0, 1, -1, -1, 1, 1, -1, -1]) * 0.866024, atol=2e-6, rtol=0)
    # mean over 8 episodes of the means over their tokens
    lengths = torch.tensor([18, 5, 14, 20, 8, 10, 15, 21.0])
    assert_close(made.coefficients_N, 1 / (8 * lengths))
    assert_close(made.success_N, torch.tensor([0.0, 0, 0, 0, 0.5, 0.5, 0.5, 0.5]))  # the policy's own success


@pytest.mark.parametrize("aggregation", ["sequence_mean", "token_mean"])
def test_apart_the_policys_own_attempts_are_compared_and_what_helped_has_a_mean_of_its_own(policy, batch, aggregation):
    made = plan(policy, guided_batch(batch), Apart(), aggregation=aggregation)
    # own rewards of the first group: 0, 0, 0, 0
    assert_close(made.A_N, torch.tensor([0.0, 0, 0, 0, 1, 1, -1, -1]) * 0.866024, atol=2e-6, rtol=0)
    # Own attempts: 8, those that were replaced (9 and 12 tokens) included. With help: 18 + 5 = 23 tokens.
    tokens = 9 + 12 + 14 + 20 + 8 + 10 + 15 + 21
    own = {"sequence_mean": [1 / (8 * n) for n in (14, 20, 8, 10, 15, 21)], "token_mean": [1 / tokens] * 6}
    assert_close(made.coefficients_N, torch.tensor([1 / 23, 1 / 23, *own[aggregation]]))


def distributions(policy, prompt_text, image, response):
    """Log-probabilities over the vocabulary by transformers' own processor and forward pass."""
    content = [{"type": "image"}, {"type": "text", "text": prompt_text}]
    text = policy.processor.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
    )
    inputs = policy.processor(text=[text], images=[image.copy()], return_tensors="pt")
    length, answer = inputs["input_ids"].shape[1], torch.tensor([response])
    inputs["input_ids"] = torch.cat([inputs["input_ids"], answer], 1)
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    if "mm_token_type_ids" in inputs:
        inputs["mm_token_type_ids"] = torch.cat([inputs["mm_token_type_ids"], torch.zeros_like(answer)], 1)
    logits = policy.model(**inputs).logits[0, length - 1 : -1].float()
    logits[:, policy.encoder.vision_ids] = -torch.inf
    return logits.log_softmax(-1)


def jsd(student, teacher, top_k):
    """The paper's formula, entry by entry, in probabilities."""
    P, S = teacher.exp(), student.exp()
    if top_k:
        kept = P.topk(top_k, dim=-1)
        P = torch.zeros_like(P).scatter(-1, kept.indices, kept.values / kept.values.sum(-1, keepdim=True))
    M = (P + S) / 2

    def kl(p):
        return torch.where(p > 0, p * (p.clamp(min=1e-38) / M.clamp(min=1e-38)).log(), 0.0).sum(-1)

    return (kl(P) + kl(S)) / 2


@pytest.mark.parametrize("top_k", [0, 20])
def test_hdpos_gradient_is_that_of_the_paper_by_stock_transformers(policy, batch, top_k):
    """L_GRPO over the policy's own eight attempts, plus lam times the mean JSD over the tokens with help."""
    given, lam = guided_batch(batch), 3.0
    loss, divergence = torch.zeros(()), torch.zeros(())
    A = [0.0, 0.0, 0.0, 0.0, 0.866024, 0.866024, -0.866024, -0.866024]
    for number, (group, _, episode) in enumerate(given):
        (turn,) = episode.turns
        question, ids = turn.prompt.messages[0]["content"][-1]["text"], turn.action.token_ids
        image = group.item.task.images[0]
        student = distributions(policy, question, image, ids)
        if number < 2:
            hint = f"{question}\n{PHRASES['solution'].format(group.hints['solution'])}\n{REQUEST}"
            with torch.no_grad():
                teacher = distributions(policy, hint, image, ids)
            divergence = divergence + lam * jsd(student, teacher, top_k).sum() / 23
        elif A[number]:
            logp = student.gather(-1, torch.tensor(ids)[:, None])[:, 0]
            loss = loss - A[number] * logp.mean() / 8
    expected = torch.autograd.grad(loss + divergence, [p for p in policy.model.parameters() if p.requires_grad])
    one = learner(policy, make("hdpo", {"lam": lam, "top_k": top_k}))
    metrics = one.update(given)
    error = sum(((p.grad - g) ** 2).sum() for p, g in zip(one.parameters, expected, strict=True)).sqrt()
    assert error / sum((g**2).sum() for g in expected).sqrt() < 1e-4
    assert metrics["teacher_tokens_scored"] == 23
    assert metrics["active_share"] == 6 / 8
    assert metrics["loss"] == pytest.approx(float(divergence.detach()), rel=1e-4)  # the surrogate's -A add up to 0


def test_hdpo_without_a_weight_is_grpo(policy, batch):
    given = EpisodeBatch(batch.groups, 0)
    grpo, hdpo = learner(policy, make("grpo")), learner(policy, make("hdpo", {"lam": 0.0}))
    assert grpo.update(given)["loss"] == hdpo.update(given)["loss"]
    assert all(torch.equal(a, b) for a, b in zip(grpo.parameters, hdpo.parameters))


def recorded(batch, shift, *, guided=True):
    """Say of the attempts with help, or of the others, that they were sampled with other probabilities."""

    def moved(episode):
        if episode.guided is not guided:
            return episode
        (turn,) = episode.turns
        action = dataclasses.replace(turn.action, logprobs=tuple(x - shift for x in turn.action.logprobs))
        return dataclasses.replace(episode, turns=(dataclasses.replace(turn, action=action),))

    groups = (dataclasses.replace(g, episodes=tuple(map(moved, g.episodes))) for g in batch.groups)
    return EpisodeBatch(tuple(groups), 0)


def test_the_sampler_is_compared_on_the_policys_own_attempts_alone(policy, batch):
    given = recorded(guided_batch(batch), 2.0)
    metrics = learner(policy, Within(), sampler_correction="truncate").update(given)
    assert metrics["sampler_difference"] < 1e-5
    assert metrics["sampler_ratio_largest"] == pytest.approx(1.0, abs=1e-5)
    assert metrics["sampler_corrected_share"] == 0
    # The other way round: r = e on all of the policy's own tokens, more than the cap.
    other = recorded(guided_batch(batch), 1.0, guided=False)
    metrics = learner(policy, Within(), sampler_correction="truncate", sampler_cap=2.0).update(other)
    assert metrics["sampler_difference"] == pytest.approx(1.0, abs=1e-5)
    assert metrics["sampler_ratio"] == pytest.approx(math.e, abs=1e-4)
    assert metrics["sampler_corrected_share"] == 1


def gradient(one, batch):
    one.update(batch)
    return torch.cat([p.grad.flatten() for p in one.parameters])


@pytest.mark.parametrize("correction", ["none", "truncate", "mask"])
def test_tokens_with_help_are_taken_as_the_students_own(policy, batch, correction):
    """The ratio is 1 at the first update, whatever sampled them, and no sampler's correction caps it."""
    given = guided_batch(batch)
    plain = gradient(learner(policy, Within()), given)
    other = gradient(learner(policy, Within(), sampler_correction=correction), recorded(given, 2.0))
    assert (plain - other).norm() / plain.norm() < 1e-4


def test_off_policy_the_ratio_is_against_what_sampled(policy, batch):
    """rho = exp(S - q) = e^2 on the right attempts with help, where q = S - 2: 1 + clip_high cuts it off; and e^-2."""
    given = guided_batch(batch)
    cut = learner(policy, OffPolicy(), sampler_correction="truncate")
    metrics = cut.update(recorded(given, 2.0))
    tokens = 18 + 5 + 14 + 20 + 8 + 10 + 15 + 21
    assert metrics["clip_high"] == pytest.approx(23 / tokens)
    # Where the ratio is cut off there is no gradient: what is left is that of the policy's own attempts.
    alone = learner(policy, Weighed())
    alone.update(given)
    for p, q in zip(cut.parameters, alone.parameters):
        assert (p.grad - q.grad).norm() <= 1e-4 * q.grad.norm() + 1e-7
    # Below 1 it is not cut off for A > 0, and weighs the gradient by e^-.5.
    weak = gradient(learner(policy, OffPolicy()), recorded(given, -0.5))
    full = gradient(learner(policy, Within()), given)
    rest = torch.cat([p.grad.flatten() for p in alone.parameters])
    assert_close(weak - rest, (full - rest) * math.exp(-0.5), atol=2e-6, rtol=2e-3)


class Weighed(Within):
    """No gradient of attempts with help, which are the first two of the batch."""

    name: ClassVar[str] = "weighed"

    def credit(self, signals):
        # the only right attempts of a group that the policy itself has no right one in
        return Credit(torch.where((signals.success_N1 == 0) & (signals.A_N1 > 0), 0.0, signals.A_N1))


class Whole(GRPO):
    """Credit of whole episodes that logs S."""

    name: ClassVar[str] = "whole"
    scope: ClassVar[str] = "batch"

    def guidance(self, step, state):
        return Guidance(lambda group: [])

    def credit(self, signals):
        return Credit(signals.A_N1, {"seen": signals.S_NT})


def test_credit_of_whole_batches_sees_the_students_probabilities_of_what_it_did_not_sample(policy, batch):
    sink = EvidenceSink()
    learner(policy, Whole()).update(recorded(guided_batch(batch), 2.0), sink)
    for one in sink.kept:
        assert_close(torch.tensor(one.values["seen"]), torch.tensor(one.values["student"]), atol=1e-5, rtol=1e-5)
    assert sorted(one.member for one in sink.kept if one.guided) == [0, 1]
    assert {one.group for one in sink.kept if one.guided} == {0}


@pytest.mark.parametrize("name", ["hdpo", "npo"])
@pytest.mark.parametrize("tokens", [300, 1])
def test_the_result_does_not_depend_on_the_micro_batches(policy, batch, name, tokens):
    options = {"hdpo": {"lam": 1.0}, "npo": {"guide": "external(tiny)"}}[name]
    given = guided_batch(batch)
    whole = gradient(learner(policy, make(name, options)), given)
    parts = gradient(learner(policy, make(name, options), micro_batch_tokens=tokens), given)
    assert (whole - parts).norm() / whole.norm() < 1e-4


def test_a_guide_is_live_or_another_folder(policy, tmp_path):
    from agents.agent import Agent
    from agents.policy.actor import Actor
    from agents.policy.base import Sampling

    class Guided(GRPO):
        name: ClassVar[str] = "guided"
        rule: ClassVar[str] = "live"
        who: ClassVar[str | None] = "guide"

        def scorers(self):
            return {"guide": self.rule}

        def guidance(self, step, state):
            return Guidance(lambda group: [], scorer=self.who)

    def agent(**changes):
        kind = type("Changed", (Guided,), changes)
        return Agent(actor, kind(), LearnerOptions(), Sampling())

    actor = Actor(policy)
    live = agent()
    assert live.guide(live.guidance(0)) is actor
    itself = agent(who=None)
    assert itself.guide(itself.guidance(0)) is actor
    policy.save(tmp_path)
    other = agent(rule=f"external({tmp_path})")
    assert other.guide(other.guidance(0)) is other.learner.scorers["guide"].engine.policy
    for rule in ("frozen", "ema(0.1)", "synced(2)"):
        with pytest.raises(ConfigurationError, match="copies of the trained weights and servers score and do not samp"):
            agent(rule=rule)
    with pytest.raises(ConfigurationError, match="scorer of guidance 'gide'; did you mean 'guide'"):
        agent(who="gide")


def test_evidence_is_of_what_the_policy_sampled_itself(policy, batch):
    """HDPO shows its solution to attempts with help alone, which S did not sample: nothing is estimated of them."""
    metrics = learner(policy, make("hdpo", {"lam": 1.0})).update(guided_batch(batch))
    assert metrics["distillation_loss"] > 0
    assert not {"kl_student_teacher", "information_gain", "evidence_weight_p50"} & metrics.keys()


def test_grpo_beside_a_method_with_help_is_of_the_own_attempts(policy, batch):
    """HDPO without a weight is GRPO on them, whatever stands in their place."""
    from agents.diagnostics.gradient import measure

    found = measure(learner(policy, make("hdpo", {"lam": 1e-12})), guided_batch(batch))
    assert found["gradient_cosine_grpo"] == pytest.approx(1.0, abs=1e-4)
