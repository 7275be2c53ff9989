"""What the numbers of an update measure, by hand from kept evidence, over turns, updates, parts and processes."""

from __future__ import annotations

import copy
import dataclasses
import math
from typing import ClassVar

import pytest
import torch

from agents.algorithms import Algorithm, Context, Signals, make
from agents.algorithms.contexts import show_answer
from agents.distributed import World
from agents.episodes import EpisodeBatch, StopReason
from agents.evidence import EvidenceSink
from agents.learner.learner import Learner
from agents.options.learner import LearnerOptions
from agents.rollouts.evaluation import distribution_means, distribution_sums
from agents.rollouts.metrics import episode_metrics
from tests.agents.test_contexts import learner, mixed, two_turns


def a_third_inactive(batch):
    """The middle group of three has no contrast: its episodes are not run."""
    groups = list(mixed(batch).groups[:3])
    flat = tuple(dataclasses.replace(e, reward=0.0) for e in groups[1].episodes)
    groups[1] = dataclasses.replace(groups[1], episodes=flat)
    return EpisodeBatch(tuple(groups), 0)


def tokens(batch):
    return sum(episode.length for _, _, episode in batch)


@dataclasses.dataclass(frozen=True)
class Evident(Algorithm):
    """Asks for evidence and weighs nothing by it."""

    name: ClassVar[str] = "evident"
    teacher: str = "live"

    def contexts(self, step, state):
        return {"answer": Context(show_answer, entropy=True)}


# -- of the update -----------------------------------------------------------------------------------------


def test_what_sampler_and_learner_disagree_by_is_of_the_first_update(policy, batch):
    one = learner(policy, make("grpo"), updates_per_batch=1).update(mixed(batch))
    three = learner(policy, make("grpo"), updates_per_batch=3).update(mixed(batch))
    assert 0 < one["sampler_difference"] == three["sampler_difference"]


@pytest.mark.parametrize(("teacher", "asked"), [("live", 2), ("ema(0.5)", 2), ("frozen", 1), ("synced(3)", 1)])
def test_tokens_scored_and_skipped_are_all_that_scorers_were_asked_for(policy, batch, teacher, asked):
    """Scored + skipped = response tokens x the times that the context's scorer was asked."""
    third = a_third_inactive(batch)
    left_out = sum(episode.length for episode in third.groups[1].episodes)
    metrics = learner(policy, Evident(teacher=teacher), updates_per_batch=2).update(third)
    assert metrics["teacher_tokens_scored"] == asked * (tokens(third) - left_out)
    assert metrics["teacher_tokens_skipped"] == asked * left_out


def test_two_contexts_are_asked_for_all_tokens_each(policy, batch):
    """CEPO shows the right answer and a wrong one, RLCSD a right and up to four wrong responses: two are there."""
    third = a_third_inactive(batch)
    for name, options, asked in (("cepo", {"teacher": "live"}, 2 * 2), ("rlcsd", {}, 5)):
        metrics = learner(policy, make(name, options), updates_per_batch=2).update(third)
        assert metrics["teacher_tokens_scored"] + metrics["teacher_tokens_skipped"] == asked * tokens(third), name
        assert 0 < metrics["teacher_tokens_scored"] < asked * tokens(third) * 2 / 3 + 1, name


def test_a_step_that_asks_no_scorer_skips_all_its_tokens_once(policy, batch):
    metrics = learner(policy, make("rlsd", {"lam": 0.0}), updates_per_batch=3).update(mixed(batch))
    assert (metrics["teacher_tokens_scored"], metrics["teacher_tokens_skipped"]) == (0, tokens(batch))


def test_the_wrong_direction_is_weighed_by_how_far_it_goes(policy, batch):
    """By hand from the evidence: sum of |D| where D < 0 and A > 0, over the sum of |D| where A > 0."""
    sink = EvidenceSink()
    metrics = learner(policy, Evident()).update(mixed(batch), sink)
    gains = torch.tensor([d for one in sink.kept if one.advantage > 0 for d in one.gain("answer")])
    share = -gains[gains < 0].sum() / gains.abs().sum()
    assert metrics["wrong_direction_share"] == pytest.approx(float(share), rel=1e-4)
    assert abs(float(share) - float((gains < 0).double().mean())) > 0.01  # which counts, rounding included


@pytest.mark.parametrize("name", ["kl_student_teacher", "information_gain", "wrong_direction_share"])
def test_evidence_is_measured_where_its_tokens_were_sampled(policy, batch, name):
    """Of two updates and two turns the first: the student that sampled is the one that the estimates are of."""
    fresh = type(policy)(copy.deepcopy(policy.model), policy.processor)
    once = Learner(policy, Evident(), LearnerOptions(lr=1e-3)).update(two_turns(batch))
    twice = Learner(fresh, Evident(), LearnerOptions(lr=1e-3, updates_per_batch=2)).update(two_turns(batch))
    assert twice[name] == once[name] != 0
    assert twice["entropy"] != once["entropy"]  # of the last update


def evidence_of(sink, context):
    """A, S and D of every token that was kept."""
    rows = [(one.advantage, s, d) for one in sink.kept for s, d in zip(one.values["student"], one.gain(context))]
    return torch.tensor(rows, dtype=torch.float64).T


def test_divergences_are_means_over_the_tokens_of_every_context(policy, batch):
    """By hand from the evidence of two turns, in float64: w = exp(D)."""
    sink = EvidenceSink()
    metrics = learner(policy, make("cepo")).update(two_turns(batch), sink)
    for context, behind in (("right", ""), ("wrong_0", "_wrong_0")):
        _, _, D = evidence_of(sink, context)
        w = D.exp()
        expected = {
            "kl_student_teacher": w - 1 - D,
            "kl_teacher_student": w * D - w + 1,
            "jsd_student_teacher": (w * D - (1 + w) * torch.log((1 + w) / 2)) / 2,
        }
        for name, values in expected.items():
            assert metrics[name + behind] == pytest.approx(float(values.mean()), rel=1e-3), name + behind


def test_the_entropy_of_a_scorer_is_that_of_its_distributions(policy, batch):
    two, total, count = two_turns(batch), 0.0, 0
    metrics = learner(policy, Evident()).update(two)
    with torch.no_grad():
        for group in two.groups:
            for i, episode in enumerate(group.episodes):
                for turn, prompt in zip(episode.turns, show_answer(group, i).prompts, strict=True):
                    logp = policy.score([prompt], [0], [turn.action.token_ids]).logp_MV
                    total, count = total - float((logp.exp() * logp).sum()), count + len(logp)
    assert metrics["teacher_entropy"] == pytest.approx(total / count, rel=1e-4)
    assert "teacher_entropy" not in learner(policy, make("rlsd")).update(two)  # which does not ask for it


def test_quantiles_of_the_weight_are_those_of_all_tokens_before_it_is_clipped(policy, batch):
    sink = EvidenceSink()
    metrics = learner(policy, make("rlsd")).update(two_turns(batch), sink)
    A, _, D = evidence_of(sink, "answer")
    weights = (A.sign() * D).exp().sort().values
    for name, share in (("p1", 0.01), ("p50", 0.5), ("p99", 0.99)):
        exact = float(weights[math.ceil(share * len(weights)) - 1])
        assert metrics[f"evidence_weight_{name}"] == pytest.approx(exact, rel=0.006), name
    assert metrics["evidence_weight_p1"] < 0.8 < 1.2 < metrics["evidence_weight_p99"]


def test_credit_mass_is_what_became_of_the_advantage(policy, batch):
    """By hand from the evidence; GRPO gives each token all of it."""
    sink = EvidenceSink()
    metrics = learner(policy, make("rlsd")).update(two_turns(batch), sink)
    A, _, _ = evidence_of(sink, "answer")
    credit = torch.tensor([value for one in sink.kept for value in one.values["credit"]], dtype=torch.float64)
    assert metrics["credit_mass_positive"] == pytest.approx(float(credit[A > 0].sum() / A[A > 0].sum()), rel=1e-5)
    assert metrics["credit_mass_negative"] == pytest.approx(float(credit[A < 0].sum() / A[A < 0].sum()), rel=1e-5)
    assert metrics["credit_mass_net"] == pytest.approx(float(credit.sum() / A.abs().sum()), rel=1e-4)
    assert metrics["credit_mass_positive"] != metrics["credit_mass_negative"]
    plain = learner(policy, make("grpo")).update(two_turns(batch))
    assert (plain["credit_mass_positive"], plain["credit_mass_negative"]) == (1.0, 1.0)


def test_clipped_weights_are_counted_by_the_sign_of_the_advantage(policy, batch):
    sink = EvidenceSink()
    metrics = learner(policy, make("rlsd")).update(two_turns(batch), sink)
    A, _, D = evidence_of(sink, "answer")
    w = (A.sign() * D).exp()
    for sign, of in (("positive", A > 0), ("negative", A < 0)):
        assert metrics[f"weight_clip_low_{sign}"] == pytest.approx(float((w[of] < 0.8).double().mean()))
        assert metrics[f"weight_clip_high_{sign}"] == pytest.approx(float((w[of] > 1.2).double().mean()))
    assert metrics["weight_clip_low_positive"] != metrics["weight_clip_low_negative"]


def test_clipped_ratios_are_counted_by_the_sign_of_the_advantage(policy, batch):
    """Raised where A > 0 and lowered where A < 0, for that is what was learned."""
    fresh = type(policy)(copy.deepcopy(policy.model), policy.processor)
    options = LearnerOptions(lr=3e-3, updates_per_batch=2)
    metrics = Learner(fresh, make("grpo"), options).update(two_turns(batch))
    episodes = [episode for _, _, episode in two_turns(batch)]
    positive = sum(episode.length for episode in episodes if episode.reward)  # of four, two are right
    negative = tokens(two_turns(batch)) - positive
    for name in ("clip_low", "clip_high"):
        both = positive * metrics[f"{name}_positive"] + negative * metrics[f"{name}_negative"]
        assert metrics[name] == pytest.approx(both / (positive + negative)) != 0
    assert metrics["clip_low_negative"] > metrics["clip_low_positive"]
    assert metrics["clip_high_positive"] > metrics["clip_high_negative"]


@dataclasses.dataclass(frozen=True)
class Signed(Evident):
    """Its further loss is below 0 where the token's number is odd; otherwise it is rounding."""

    def contexts(self, step, state):
        return {"answer": Context(show_answer, full=True)}

    def credit(self, signals):
        return None

    def auxiliary(self, student_MV, others, signals):
        odd_M = signals.ids_NT[:, 0] % 2 == 1
        return torch.where(odd_M, -1.0, -1e-7) + 0 * student_MV.sum(-1)


def test_a_distillation_loss_below_0_is_counted_but_not_rounding(policy, batch):
    ids = [id for _, _, episode in batch for turn in episode.turns for id in turn.action.token_ids]
    metrics = learner(policy, Signed()).update(mixed(batch))
    assert metrics["distillation_negative_share"] == pytest.approx(sum(id % 2 for id in ids) / len(ids))
    assert learner(policy, make("opsd", {"teacher": "live"})).update(mixed(batch))["distillation_negative_share"] == 0


@pytest.mark.parametrize("name", ["grpo", "opsd", "sdpo", "grpo+opsd", "rlsd", "cepo", "rlcsd", "belief", "rlsd-gated"])
def test_no_number_of_an_update_depends_on_the_micro_batches(policy, batch, name):
    found = []
    for budget in (100_000, 300, 1):
        options = {"micro_batch_tokens": budget, "updates_per_batch": 2, "sampler_correction": "truncate"}
        found.append(learner(policy, make(name), **options).update(two_turns(batch)))
    for other in found[1:]:
        assert other.keys() == found[0].keys()
        for key, value in found[0].items():
            bin = 0.0101 if key.startswith("evidence_weight") else 0  # a weight at a bin's edge
            assert other[key] == pytest.approx(value, rel=1e-3 + bin, abs=1e-5), key


# -- of the sampler's correction ----------------------------------------------------------------------------


def off_policy(batch):
    """The same tokens as if a sampler had found each likelier or less likely than the learner does."""
    groups = []
    for group in mixed(batch).groups:
        episodes = []
        for episode in group.episodes:
            (turn,) = episode.turns
            logprobs = tuple(p + (0.9, -0.4, 0.0)[t % 3] for t, p in enumerate(turn.action.logprobs))
            action = dataclasses.replace(turn.action, logprobs=logprobs)
            episodes.append(dataclasses.replace(episode, turns=(dataclasses.replace(turn, action=action),)))
        groups.append(dataclasses.replace(group, episodes=tuple(episodes)))
    return dataclasses.replace(batch, groups=tuple(groups))


@pytest.mark.parametrize("name", ["opsd", "sdpo", "grpo+opsd"])
def test_the_correction_weighs_the_further_loss_too(policy, batch, name):
    """The gradient by hand: each token's whole loss times min(exp(S - recorded), cap), before any update."""
    away = off_policy(batch)
    options = {"max_grad_norm": 1e9, "sampler_correction": "truncate", "sampler_cap": 1.2}
    algorithm = make(name)
    one = learner(policy, algorithm, **options)
    metrics = one.update(away)
    context = next(iter(algorithm.contexts(0, {}).values()))
    shown = [(group, i, context.show(group, i)) for group in away.groups for i in range(len(group.episodes))]
    kept = [(group.episodes[i], group, one) for group, i, one in shown if one is not None]
    total = torch.zeros(())
    for episode, group, there in kept:
        (turn,) = episode.turns
        ids = [turn.action.token_ids]
        student = policy.score([turn.prompt], [0], ids)
        with torch.no_grad():
            teacher = policy.score([there.prompts[0]], [0], ids).logp_MV
        S = student.logp_NT[0]
        ratio = (S.detach() - torch.tensor(turn.action.logprobs)).exp()
        signals = one_a_row(S.detach())
        loss = algorithm.auxiliary(student.logp_MV, {name_of(algorithm): teacher}, signals)
        if name == "grpo+opsd":  # the surrogate's gradient where the ratio is 1
            rewards = torch.tensor([float(e.reward) for e in group.episodes])
            A = (episode.reward - rewards.mean()) / (rewards.std() + 1e-6)
            loss = loss - A * torch.exp(S - S.detach())
        total += (ratio.clamp(max=1.2) * loss).mean() / len(kept)
    gradients = torch.autograd.grad(total, list(policy.model.parameters()))
    error = sum(((p.grad - g) ** 2).sum() for p, g in zip(one.parameters, gradients)).sqrt()
    assert error / sum((g**2).sum() for g in gradients).sqrt() < 1e-4
    assert metrics["loss"] == pytest.approx(float(total.detach()), rel=1e-4)
    assert metrics["sampler_corrected_share"] > 0.2


def name_of(algorithm):
    return next(iter(algorithm.contexts(0, {})))


def one_a_row(S_M):
    """Signals of tokens, each a row of its own, before the first update."""
    S_M1 = S_M[:, None]
    return Signals(S_M1, S_M1, S_M1, torch.ones_like(S_M1, dtype=torch.bool), 0)


# -- of the rollouts ---------------------------------------------------------------------------------------


def episodes_of(batch):
    return [episode for _, _, episode in batch]


def without(batch, reason):
    """Actions that all ended as they say."""
    groups = []
    for group in batch.groups:
        episodes = []
        for episode in group.episodes:
            turns = tuple(
                dataclasses.replace(turn, action=dataclasses.replace(turn.action, stop_reason=reason))
                for turn in episode.turns
            )
            episodes.append(dataclasses.replace(episode, turns=turns))
        groups.append(dataclasses.replace(group, episodes=tuple(episodes)))
    return EpisodeBatch(tuple(groups), batch.step)


def with_first_action(batch, **changes):
    """Change the first action of the first episode of every group, which goes on for a second turn."""
    groups = []
    for group in without(two_turns(batch), StopReason.STOP).groups:
        first, *later = group.episodes[0].turns
        turns = (dataclasses.replace(first, action=dataclasses.replace(first.action, **changes)), *later)
        episodes = (dataclasses.replace(group.episodes[0], turns=turns), *group.episodes[1:])
        groups.append(dataclasses.replace(group, episodes=episodes))
    return EpisodeBatch(tuple(groups), 0)


def test_an_episode_is_truncated_by_any_of_its_actions(batch):
    cut = episodes_of(with_first_action(batch, stop_reason=StopReason.LENGTH))
    assert episode_metrics(cut, ["?"] * 16)["truncated_share"] == 4 / 16
    assert episode_metrics(episodes_of(without(batch, StopReason.STOP)), ["?"] * 16)["truncated_share"] == 0


def test_an_episode_is_truncated_by_its_environment(batch):
    """The token budget may be used up by an action that stopped by itself."""
    first, *rest = episodes_of(without(batch, StopReason.STOP))
    over = dataclasses.replace(first, truncated=True)
    assert episode_metrics([over, *rest], ["?"] * 16)["truncated_share"] == 1 / 16


def test_leakage_is_looked_for_in_every_action(batch):
    said = episodes_of(with_first_action(batch, text="The reference answer is 7."))
    assert episode_metrics(said, ["?"] * 16)["leakage_per_1000"] == 250.0


def test_the_distance_to_the_informed_self_is_of_all_turns(policy, batch):
    """Token means over both turns of each first episode, by hand."""
    two = two_turns(batch)
    sums, count = torch.zeros(2, dtype=torch.float64), 0
    with torch.no_grad():
        for group in two.groups:
            for turn, informed in zip(group.episodes[0].turns, show_answer(group, 0).prompts, strict=True):
                mine, its = (policy.score([p], [0], [turn.action.token_ids]).logp_MV for p in (turn.prompt, informed))
                sums[0] -= (mine.exp() * mine).sum()
                sums[1] += (mine.exp() * (mine - its)).sum()
                count += len(turn.action.token_ids)
    found = distribution_means(distribution_sums(policy, [two], 1.0, 40, World()))
    assert found["entropy"] == pytest.approx(float(sums[0] / count), rel=1e-4)
    assert found["kl_to_informed_self"] == pytest.approx(float(sums[1] / count), rel=1e-3)
