"""The learner on real rollouts of the real bundled model."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch

import agents
from agents.algorithms import Algorithm, Context, Credit, make
from agents.algorithms.contexts import show_answer
from agents.algorithms.opsd import FORMS
from agents.episodes import Completion, Episode, EpisodeBatch, Prompt, StopReason, Turn
from agents.learner.learner import Learner
from agents.losses import group_advantages
from agents.messages import user_message
from agents.options.commands import TrainOptions
from agents.options.learner import LearnerOptions
from rlsd_env import ConfigurationError
from verifiers import Status, Verdict

CONFIG = LearnerOptions(lr=1e-4)
ALL = ["grpo", "opsd", "sdpo", "grpo+opsd", "rlsd"]


def learner(policy, name="grpo", config=CONFIG, **options):
    fresh = type(policy)(copy.deepcopy(policy.model), policy.processor)
    return Learner(fresh, make(name, options), config)


def weights(one):
    return [p.detach().clone() for p in one.policy.model.parameters()]


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b))


def at_step(batch, step):
    return dataclasses.replace(batch, step=step)


def with_verdicts(batch, change):
    """Replace verdicts, change(group number, episode number, verdict) -> verdict; each attempt gets its own text."""
    groups = []
    for g, group in enumerate(batch.groups):
        episodes = []
        for i, episode in enumerate(group.episodes):
            verdict = change(g, i, episode.verdict)
            *before, last = episode.turns
            last = dataclasses.replace(last, action=dataclasses.replace(last.action, text=f"{last.action.text} ({i})"))
            changes = {"turns": (*before, last), "verdict": verdict, "reward": verdict.reward}
            episodes.append(dataclasses.replace(episode, **changes))
        groups.append(dataclasses.replace(group, episodes=tuple(episodes)))
    return dataclasses.replace(batch, groups=tuple(groups))


def alternating(batch):
    """Give every group right and wrong answers, so that nothing is skipped."""
    return with_verdicts(batch, lambda g, i, v: Verdict(float(i % 2), bool(i % 2), "5", Status.OK, "look again"))


@pytest.mark.parametrize("name", ALL)
def test_every_method_moves_the_weights_and_reports_finite_metrics(policy, batch, name):
    one = learner(policy, name)
    before = weights(one)
    metrics = one.update(alternating(batch))
    assert not same(before, weights(one))
    assert all(torch.isfinite(torch.tensor(value)) for value in metrics.values())
    assert metrics["grad_norm"] > 0
    assert all(len(metric) <= 36 for metric in metrics)


def test_the_gradient_is_the_template_of_equation_17(policy, batch):
    """grad = E[sum_t Ahat_t grad S_t]: for GRPO, from the advantages and one score call, without the learner."""
    mixed = alternating(batch)
    rewards = torch.tensor([[float(e.reward) for e in group.episodes] for group in mixed.groups])
    A_N = group_advantages(rewards, torch.ones_like(rewards, dtype=torch.bool)).flatten()
    prompts = [group.episodes[0].turns[0].prompt for group in mixed.groups]
    responses = [e.turns[0].action.token_ids for _, _, e in mixed]
    scores = policy.score(prompts, [n // 4 for n in range(16)], responses)
    lengths = scores.mask_NT.sum(1)
    expected = -(A_N * scores.logp_NT.sum(1) / lengths).mean()
    gradients = torch.autograd.grad(expected, list(policy.model.parameters()))

    one = learner(policy, config=LearnerOptions(lr=1e-4, max_grad_norm=1e9))
    one.update(mixed)
    error = sum(((p.grad - g) ** 2).sum() for p, g in zip(one.parameters, gradients)).sqrt()
    assert error / sum((g**2).sum() for g in gradients).sqrt() < 1e-4


def test_rlsd_with_lam_0_is_grpo_bit_for_bit(policy, batch):
    grpo, rlsd = learner(policy, "grpo"), learner(policy, "rlsd", lam=0.0)
    for step in range(3):
        a, b = grpo.update(at_step(batch, step)), rlsd.update(at_step(batch, step))
        assert b["teacher_tokens_scored"] == 0
        assert a["loss"] == b["loss"]
    assert same(weights(grpo), weights(rlsd))


def test_rlsd_after_its_schedule_is_grpo_bit_for_bit_and_pays_no_teacher(policy, batch):
    grpo, rlsd = learner(policy, "grpo"), learner(policy, "rlsd", decay_steps=5)
    metrics = rlsd.update(at_step(batch, 5))
    grpo.update(at_step(batch, 5))
    assert metrics["teacher_tokens_scored"] == 0
    assert same(weights(grpo), weights(rlsd))
    assert rlsd.update(at_step(batch, 4))["teacher_tokens_scored"] > 0


@pytest.mark.parametrize("name", ALL)
def test_the_result_does_not_depend_on_the_micro_batches(policy, batch, name):
    gradients = []
    for tokens in (100_000, 300, 1):
        config = LearnerOptions(lr=1e-4, max_grad_norm=1e9, micro_batch_tokens=tokens)
        one = learner(policy, name, config)
        one.update(alternating(batch))
        gradients.append(torch.cat([p.grad.flatten() for p in one.parameters]))
    for other in gradients[1:]:
        assert (gradients[0] - other).norm() / gradients[0].norm() < 1e-4


VARIANTS = [
    {"aggregation": "constant", "constant_length": 40, "clip_high": 0.1},
    {"aggregation": "token_mean", "clip_high": 0.1},
    {"ratio": "sequence", "clip_low": 0.003, "clip_high": 0.004},
    {"ratio": "sequence", "dual_clip": 1.01, "clip_high": 0.004},
    {"dual_clip": 1.02, "clip_high": 0.1},
]
"""Forms of the loss that are options of the learner."""


@pytest.mark.parametrize("options", VARIANTS)
def test_no_form_of_the_loss_depends_on_the_micro_batches(policy, batch, options):
    """In a second update too, where the ratio has moved and is clipped."""
    gradients = []
    for tokens in (100_000, 300):
        config = LearnerOptions(lr=1e-3, max_grad_norm=1e9, micro_batch_tokens=tokens, updates_per_batch=2, **options)
        one = learner(policy, "rlsd", config)
        metrics = one.update(alternating(batch))
        assert metrics["clip_low"] + metrics["clip_high"] > 0
        gradients.append(torch.cat([p.grad.flatten() for p in one.parameters]))
    assert (gradients[0] - gradients[1]).norm() / gradients[0].norm() < 2e-3


def test_a_run_divides_by_its_longest_completion_unless_told_otherwise():
    assert TrainOptions(aggregation="constant", max_tokens=30).divisor == 30
    assert TrainOptions(aggregation="constant", constant_length=20, max_tokens=30).divisor == 20


def test_groups_without_contrast_are_not_run(policy, batch, monkeypatch):
    flat = with_verdicts(batch, lambda g, i, v: Verdict(1.0, True, "5", Status.OK) if g else v)
    flat = with_verdicts(flat, lambda g, i, v: v if g else Verdict(float(i == 0), i == 0, "5", Status.OK))
    for name in ("grpo", "rlsd"):
        one = learner(policy, name)
        rows: list[int] = []
        score = one.policy.score
        monkeypatch.setattr(one.policy, "score", lambda *a, s=score, r=rows, **k: r.append(len(a[2])) or s(*a, **k))
        metrics = one.update(flat)
        assert set(rows) == {4}  # one group of four
        assert metrics["zero_advantage_share"] == 0.75
        assert metrics["active_share"] == 0.25


def test_a_batch_without_any_contrast_changes_nothing(policy, batch):
    one = learner(policy, "rlsd")
    before = weights(one)
    metrics = one.update(with_verdicts(batch, lambda g, i, v: Verdict(0.0, False, None, Status.NO_ANSWER)))
    assert same(before, weights(one))
    assert metrics["grad_norm"] == 0
    assert metrics["teacher_tokens_skipped"] > 0


def test_an_episode_on_which_the_verifier_failed_counts_nowhere(policy, batch):
    """The same gradient whatever the failed episode says, and the mean is over the others."""
    gradients = []
    for status in (Status.TIMEOUT, Status.ERROR):
        mixed = with_verdicts(
            alternating(batch),
            lambda g, i, v, s=status: Verdict(float(s is Status.ERROR), False, None, s) if i == 3 else v,
        )
        one = learner(policy, config=LearnerOptions(max_grad_norm=1e9))
        one.update(mixed)
        gradients.append(torch.cat([p.grad.flatten() for p in one.parameters]))
    assert torch.equal(*gradients)
    fewer = EpisodeBatch(
        tuple(dataclasses.replace(g, episodes=g.episodes[:3]) for g in alternating(batch).groups), step=0
    )
    one = learner(policy, config=LearnerOptions(max_grad_norm=1e9))
    one.update(fewer)
    without = torch.cat([p.grad.flatten() for p in one.parameters])
    assert (without - gradients[0]).norm() / without.norm() < 1e-4


@pytest.mark.parametrize(("told", "blamed"), [("", "verifier"), ("the environment failed: ", "environment")])
def test_what_fails_on_everything_stops_the_run(told, blamed, policy, batch):
    verdict = Verdict(0.0, False, None, Status.ERROR, f"{told}ZeroDivisionError: oops")
    broken = with_verdicts(batch, lambda g, i, v: verdict)
    message = f"the {blamed} failed on all 16 episodes of step 0; the first said: error ZeroDivisionError: oops"
    with pytest.raises(ConfigurationError, match=f"^{message}$"):
        learner(policy).update(broken)


@pytest.mark.parametrize("reward", [float("nan"), float("inf")])
def test_a_reward_that_is_no_number_stops_the_run(policy, batch, reward):
    odd = with_verdicts(batch, lambda g, i, v: v)
    episodes = tuple(dataclasses.replace(e, reward=reward) for e in odd.groups[0].episodes)
    odd = dataclasses.replace(odd, groups=(dataclasses.replace(odd.groups[0], episodes=episodes), *odd.groups[1:]))
    with pytest.raises(ConfigurationError, match=r"reward is (nan|inf) in step 0"):
        learner(policy).update(odd)


@dataclasses.dataclass(frozen=True)
class Misshapen(Algorithm):
    """Returns what would broadcast into nonsense."""

    what: str = "credit"
    teacher: str = "live"

    def contexts(self, step, state):
        return {"answer": Context(show_answer, full=True)}

    def credit(self, signals):
        if self.what == "credit's evidence":
            return Credit(signals.A_N1, evidence=signals.A_N1)
        return Credit(signals.A_N1[:, 0]) if self.what == "credit" else None

    def auxiliary(self, student_MV, others, signals):
        return student_MV


@pytest.mark.parametrize("what", ["credit", "credit's evidence", "auxiliary"])
def test_a_hook_that_returns_another_shape_is_named(policy, batch, what):
    with pytest.raises(ValueError, match=f"algorithm's {what} has shape"):
        Learner(policy, Misshapen(what=what), CONFIG).update(alternating(batch))


def test_a_teacher_that_does_not_change_scores_a_batch_once(policy, batch):
    for name, times in (("opsd", 1), ("sdpo", 3)):  # frozen; an average that moves with every update
        one = learner(policy, name, LearnerOptions(updates_per_batch=3))
        metrics = one.update(alternating(batch))
        tokens = sum(episode.length for _, _, episode in batch)
        assert metrics["teacher_tokens_scored"] == times * tokens, name


def test_sdpo_leaves_out_who_has_no_teacher(policy, batch):
    """Only group 0 has a success; the other groups have neither success nor feedback."""
    sparse = with_verdicts(batch, lambda g, i, v: Verdict(float(g + i == 0), g + i == 0, "5", Status.OK))
    one = learner(policy, "sdpo", config=LearnerOptions(max_grad_norm=1e9))
    metrics = one.update(sparse)
    assert metrics["active_share"] == 3 / 16  # the success itself has no other success to see
    only = EpisodeBatch(sparse.groups[:1], step=0)
    two = learner(policy, "sdpo", config=LearnerOptions(max_grad_norm=1e9))
    assert two.update(only)["loss"] == pytest.approx(metrics["loss"], rel=1e-5)  # the denominator is 3, not 16


def test_the_teacher_matters(policy, batch):
    """A teacher with other weights gives OPSD, in every form, and SDPO another gradient."""
    for name, options in (*(("opsd", {"form": form}) for form in FORMS), ("sdpo", {})):
        gradients = []
        for scale in (1.0, 1.5):
            one = learner(policy, name, LearnerOptions(max_grad_norm=1e9), **options)
            with torch.no_grad():
                for p in one.scorers["teacher"].weights.weights.values():
                    p.mul_(scale)
            one.update(alternating(batch))
            gradients.append(torch.cat([p.grad.flatten() for p in one.parameters]))
        assert (gradients[0] - gradients[1]).norm() / gradients[0].norm() > 0.05, (name, options)


def test_more_updates_on_a_batch_use_the_sampled_logprobs(policy, batch):
    one = learner(policy, config=LearnerOptions(lr=3e-3, updates_per_batch=3))
    metrics = one.update(alternating(batch))
    assert metrics["clip_low"] + metrics["clip_high"] > 0  # the ratio has moved
    single = learner(policy, config=LearnerOptions(lr=3e-3))
    assert single.update(alternating(batch))["clip_high"] == 0


def test_two_turns_of_one_episode_are_one_episode(policy, batch):
    """A two-turn episode: loss on both actions, normalised by the tokens of both, by hand."""
    group = alternating(batch).groups[0]
    first = group.episodes[0].turns[0]
    reply = Completion(first.action.token_ids[:5], first.action.logprobs[:5], "again", StopReason.LENGTH)
    chat = (*first.prompt.messages, {"role": "assistant", "content": first.action.text}, user_message("Again?"))
    second = Turn(Prompt(chat, first.prompt.images), reply)
    long = dataclasses.replace(group.episodes[0], turns=(first, second))
    episodes = (long, *group.episodes[1:])
    one = learner(policy, config=LearnerOptions(max_grad_norm=1e9))
    one.update(EpisodeBatch((dataclasses.replace(group, episodes=episodes),), step=0))

    rewards = torch.tensor([[e.reward for e in episodes]])
    A_N = group_advantages(rewards, torch.ones_like(rewards, dtype=torch.bool))[0]
    loss = torch.zeros(())
    for advantage, episode in zip(A_N, episodes):
        total = sum(policy.score([t.prompt], [0], [t.action.token_ids]).logp_NT.sum() for t in episode.turns)
        loss = loss - advantage * total / episode.length / 4
    gradients = torch.autograd.grad(loss, list(policy.model.parameters()))
    error = sum(((p.grad - g) ** 2).sum() for p, g in zip(one.parameters, gradients)).sqrt()
    assert error / sum((g**2).sum() for g in gradients).sqrt() < 1e-4


@pytest.mark.parametrize("name", ALL)
def test_a_restored_learner_goes_on_bit_for_bit(policy, batch, name):
    mixed = alternating(batch)
    straight = learner(policy, name)
    for step in range(4):
        straight.update(at_step(mixed, step))
    first = learner(policy, name)
    for step in range(2):
        first.update(at_step(mixed, step))
    resumed = learner(policy, name)
    resumed.load_state_dict(copy.deepcopy(first.state_dict()))
    for step in range(2, 4):
        resumed.update(at_step(mixed, step))
    assert same(weights(straight), weights(resumed))
    for scorer, again in zip(straight.scorers.values(), resumed.scorers.values()):
        assert same(scorer.weights.weights.values(), again.weights.weights.values())


def test_the_agent_interface(policy, batch):
    agent = agents.make("rlsd", policy=policy, learner=CONFIG, epsilon=0.1)
    import gymnasium

    import rlsd_env  # noqa: F401

    env = gymnasium.make("rlsd/ShapeCount-v0")
    observation, _ = env.reset(seed=0)
    (completion,) = agent.act([observation], seeds=[1])
    assert env.step(completion.text)[1] in (0.0, 1.0)
    before = weights(agent.learner)
    metrics = agent.update(alternating(batch))
    assert metrics["grad_norm"] > 0
    assert not same(before, weights(agent.learner))
    other = agents.make("rlsd", policy=type(policy)(copy.deepcopy(policy.model), policy.processor))
    other.load_state_dict(agent.state_dict())
    assert same(weights(agent.learner), weights(other.learner))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"aggregation": "mean"}, "allowed: constant, sequence_mean, token_mean"),
        ({"aggregation": "constant"}, "constant_length, which is 0"),
        ({"constant_length": 40}, "only constant uses it"),
        ({"dual_clip": 1.0}, "0 or above 1"),
        ({"ratio": "row"}, "allowed: sequence, token"),
        ({"lr": 0.0}, "lr is 0.0; it must be above 0"),
    ],
)
def test_bad_learner_options_are_named(options, message):
    with pytest.raises(ConfigurationError, match=message):
        LearnerOptions(**options)


def test_an_episode_without_turns_in_common_sizes_is_refused(batch):
    with pytest.raises(ValueError, match="must be equal"):
        EpisodeBatch((batch.groups[0], dataclasses.replace(batch.groups[1], episodes=batch.groups[1].episodes[:2])), 0)


def test_prompts_and_pictures_must_match():
    with pytest.raises(ValueError, match="1 image parts and there are 0 images"):
        Prompt((user_message("<image>?"),))


def test_episode_length_counts_all_actions(batch):
    episode = batch.groups[0].episodes[0]
    assert Episode(episode.turns * 2, 0.0, episode.verdict).length == 2 * episode.length
