"""What algorithms are given and give back, token by token, over turns, parts and updates; what is refused."""

from __future__ import annotations

import copy
import dataclasses
import math
from typing import ClassVar

import pytest
import torch
from torch.testing import assert_close

import agents
from agents.algorithms import Algorithm, Context, Credit, Shown, make
from agents.algorithms.contexts import show_answer, with_hint
from agents.episodes import EpisodeBatch
from agents.evidence import EvidenceSink
from rlsd_env import ConfigurationError
from tests.agents.test_contexts import Many, ManyAtOnce, learner, mixed, two_turns


def unequal(batch):
    """Two turns, and groups with one, two, three and two right answers of four."""
    groups = []
    for rights, group in zip(((3,), (1, 3), (0, 1, 2), (0, 3)), two_turns(batch).groups):
        episodes = [
            dataclasses.replace(
                e, verdict=dataclasses.replace(e.verdict, correct=i in rights), reward=float(i in rights)
            )
            for i, e in enumerate(group.episodes)
        ]
        groups.append(dataclasses.replace(group, episodes=tuple(episodes)))
    return EpisodeBatch(tuple(groups), 0)


@pytest.mark.parametrize("tokens", [100_000, 300])
def test_credit_of_whole_episodes_comes_back_to_the_token_that_earned_it(policy, batch, tokens):
    """Belief by hand from the kept log-probabilities, over both turns, from each group's own success rate."""
    two, sink = unequal(batch), EvidenceSink()
    learner(policy, make("belief"), micro_batch_tokens=tokens).update(two, sink)
    found = {(one.group, one.member, one.turn): one for one in sink.kept}
    for g, success in enumerate((0.25, 0.5, 0.75, 0.5)):
        for i, episode in enumerate(two.groups[g].episodes):
            turns = [found[g, i, t] for t in range(len(episode.turns))]
            S = [logp for turn in episode.turns for logp in turn.action.logprobs]
            Q = [logp for one in turns for logp in one.values["logp_answer"]]
            odds = math.log(success / (1 - success))
            beliefs = [success]
            for q, s in zip(Q, S, strict=True):
                odds += q - s
                beliefs.append(1 / (1 + math.exp(-odds)))
            steps = torch.tensor(beliefs, dtype=torch.float64).diff()
            z = (steps - steps.mean()) / steps.std(correction=0)
            A = turns[0].advantage
            weight = (1 + 0.5 * (1 if A > 0 else -1) * z).clamp(0.5, 1.5)
            credit = torch.tensor([value for one in turns for value in one.values["credit"]], dtype=torch.float64)
            assert_close(credit, A * (0.5 + 0.5 * weight), atol=2e-4, rtol=1e-3)


@dataclasses.dataclass(frozen=True)
class Divergent(Algorithm):
    """Looks at the signals that its further loss is given, token by token."""

    name: ClassVar[str] = "divergent"
    teacher: str = "live"
    seen: list = dataclasses.field(default_factory=list)

    def contexts(self, step, state):
        return {"answer": Context(show_answer, full=True)}

    def credit(self, signals):
        self.seen.append([signals, []])

    def auxiliary(self, student_MV, others, signals):
        chosen = others["answer"].gather(-1, signals.ids_NT)
        assert_close(chosen, signals.logp["answer"])  # ids, log-probabilities and rows belong together
        assert_close(student_MV.detach().gather(-1, signals.ids_NT), signals.S_NT)
        names = ("A_N1", "S_NT", "S_old_NT", "success_N1", "group_N1", "turn_NT")
        self.seen[-1][1].append({name: getattr(signals, name)[:, 0] for name in names})
        return 0.01 * (student_MV.exp() * (student_MV - others["answer"])).sum(-1)


def test_a_further_loss_is_given_each_tokens_own_signals(policy, batch):
    two, one = unequal(batch), Divergent()
    at_work = learner(policy, one, updates_per_batch=2, micro_batch_tokens=300)
    at_work._checked.add("auxiliary()")  # the guard asks with other distributions than those of the signals
    at_work.update(two)
    last = one.seen[-1][0]
    assert not torch.equal(last.S_NT, last.S_old_NT)  # the second update: the weights have moved
    assert len({float(x) for signals, _ in one.seen for x in signals.success_N1.flatten()}) == 3
    assert {int(x) for signals, _ in one.seen for x in signals.group_N1.flatten()} == {0, 1, 2, 3}
    for signals, chunks in one.seen:
        flat = {name: torch.cat([chunk[name] for chunk in chunks]) for name in chunks[0]}
        for name, values in flat.items():
            expected = getattr(signals, name).expand_as(signals.mask_NT)[signals.mask_NT]
            assert_close(values[: len(expected)], expected)


@dataclasses.dataclass(frozen=True)
class DivergentAtOnce(Divergent):
    scope: ClassVar[str] = "batch"

    def auxiliary(self, student_MV, others, signals):
        return (student_MV.exp() * (student_MV - others["answer"])).sum(-1)


@dataclasses.dataclass(frozen=True)
class DivergentByPart(DivergentAtOnce):
    scope: ClassVar[str] = "part"


@pytest.mark.parametrize("teacher", ["live", "ema(0.5)", "frozen"])
def test_a_scorer_that_moves_scores_again_in_later_updates_whatever_the_scope(policy, batch, teacher):
    found = []
    for kind in (DivergentByPart, DivergentAtOnce):
        one = learner(policy, kind(teacher=teacher), updates_per_batch=3, micro_batch_tokens=300)
        found.append(one.update(mixed(batch)))
    assert found[0]["distillation_loss"] == pytest.approx(found[1]["distillation_loss"], rel=1e-3)
    assert found[0]["teacher_tokens_scored"] == found[1]["teacher_tokens_scored"]
    assert found[0]["teacher_tokens_skipped"] == found[1]["teacher_tokens_skipped"] == 0
    assert found[0]["sampler_difference"] > 0  # of the first update, though two followed


def test_rows_without_any_loss_change_nothing(policy, batch):
    """A context that only some are shown, and no policy gradient: the others are run and give no gradient."""

    @dataclasses.dataclass(frozen=True)
    class Some(DivergentByPart):
        def contexts(self, step, state):
            return {"answer": Context(lambda group, i: None if i else show_answer(group, i), full=True)}

    metrics = learner(policy, Some(), max_grad_norm=1e9).update(mixed(batch))
    assert metrics["active_share"] == 1.0
    assert metrics["grad_norm"] > 0


def test_a_step_in_which_nothing_is_run_leaves_the_state(policy, batch):
    groups = tuple(
        dataclasses.replace(group, episodes=tuple(dataclasses.replace(e, reward=0.0) for e in group.episodes))
        for group in mixed(batch).groups
    )
    for algorithm in (Many(), ManyAtOnce(), make("rlsd-gated"), make("belief")):
        one = learner(policy, algorithm)
        before = dict(one.state)
        assert one.update(EpisodeBatch(groups, 0))["active_share"] == 0
        assert one.state == before


def test_state_that_grew_is_restored_and_one_of_other_names_is_refused(policy, batch):
    one, two = learner(policy, Many()), learner(policy, Many())
    one.update(mixed(batch))
    two.load_state_dict(copy.deepcopy(one.state_dict()))
    assert two.state == {"episodes": 16.0}  # though it begins without
    gated = learner(policy, make("rlsd-gated"))
    stored = gated.state_dict() | {"algorithm": '{"agreed": 1.0}'}
    with pytest.raises(ValueError, match="has agreed and lacks agreement, steps_seen"):
        gated.load_state_dict(stored)


def test_quantities_of_credit_cannot_take_the_learners_names(policy, batch):
    @dataclasses.dataclass(frozen=True)
    class Greedy(Algorithm):
        def credit(self, signals):
            return Credit(signals.A_N1, {"entropy": signals.S_NT})

    with pytest.raises(ValueError, match="a quantity called 'entropy', a name of the learner's"):
        learner(policy, Greedy()).update(mixed(batch))


def test_credit_that_is_a_bare_tensor_is_refused(policy, batch):
    @dataclasses.dataclass(frozen=True)
    class Bare(Algorithm):
        def credit(self, signals):
            return signals.A_N1

    with pytest.raises(ConfigurationError, match=r"credit is a Tensor; return Credit\(advantages\) or None"):
        learner(policy, Bare()).update(mixed(batch))


def test_a_context_shows_a_prompt_per_turn(policy, batch):
    @dataclasses.dataclass(frozen=True)
    class Short(Algorithm):
        teacher: str = "live"

        def contexts(self, step, state):
            return {"first": Context(lambda group, i: Shown(show_answer(group, i).prompts[:1]))}

    with pytest.raises(ValueError, match="'first' shows 1 prompts for an episode of 2 turns"):
        learner(policy, Short()).update(two_turns(batch))


def test_a_teacher_with_more_entries_teaches_by_those_that_the_student_has(policy, batch, tmp_path):
    other = copy.deepcopy(policy.model)
    other.resize_token_embeddings(policy.vocabulary_size + 3, mean_resizing=False)
    with torch.no_grad():
        other.lm_head.weight[-3:] = 5 * other.lm_head.weight[:-3].abs().max()
    type(policy)(other, policy.processor).save(tmp_path)
    one = learner(policy, make("opd", {"teacher": f"external({tmp_path})", "form": "top_k", "top_k": 50}))
    assert 0 < one.update(mixed(batch))["distillation_loss"] < 50
    with pytest.raises(ConfigurationError, match="asks for top_k 5000; the model can say"):
        learner(policy, make("opd", {"teacher": f"external({tmp_path})", "form": "top_k", "top_k": 5000}))


def test_an_engines_log_probabilities_are_not_taken_for_the_policys(policy):
    class Elsewhere:
        def generate(self, request, on_completion=None):
            raise AssertionError

        def load_weights(self, weights):
            raise AssertionError

        def close(self):
            raise AssertionError

    agent = agents.make("belief", policy, engine=Elsewhere())
    assert agent.learner.options.correction == "truncate"
    assert not agent.learner.samples_itself
    assert agents.make("belief", policy).learner.samples_itself


@dataclasses.dataclass(frozen=True)
class Beside(Algorithm):
    """Pays the same for a token within the surrogate or beside it."""

    inside: float = 0.0
    beside: float = 0.0

    def credit(self, signals):
        pay = signals.A_N1 * (1 + signals.turn_NT)
        return Credit(self.inside * pay, unclipped=self.beside * pay)


@dataclasses.dataclass(frozen=True)
class BesideAtOnce(Beside):
    scope: ClassVar[str] = "batch"


@pytest.mark.parametrize("kind", [Beside, BesideAtOnce])
def test_a_term_beside_the_surrogate_is_a_plain_policy_gradient(policy, batch, kind):
    found = []
    for algorithm in (kind(inside=0.7), kind(beside=0.7), kind(inside=0.4, beside=0.3)):
        one = learner(policy, algorithm, micro_batch_tokens=300)
        one.update(unequal(batch))
        found.append([p.grad.clone() for p in one.policy.model.parameters() if p.grad is not None])
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            assert_close(a, b, atol=1e-6, rtol=1e-4)


def test_a_term_beside_the_surrogate_is_not_clipped(policy, batch):
    """In a second update the surrogate's gradient stops where the ratio has left its bounds; this one's does not."""
    norms = []
    for algorithm in (Beside(inside=1.0), Beside(beside=1.0)):
        one = learner(policy, algorithm, updates_per_batch=2, clip_low=0.0, clip_high=0.0, max_grad_norm=1e9)
        norms.append(one.update(unequal(batch))["grad_norm"])
    assert norms[1] > 1.2 * norms[0]


def test_what_is_beside_the_surrogate_counts_as_credit_in_the_evidence(policy, batch):
    sink = EvidenceSink()
    learner(policy, Beside(inside=0.4, beside=0.3)).update(unequal(batch), sink)
    for one in sink.kept:
        assert one.values["credit"] == pytest.approx([0.7 * one.advantage * (1 + one.turn)] * len(one.token_ids))


@dataclasses.dataclass(frozen=True)
class Thoughtful(Algorithm):
    seen: list = dataclasses.field(default_factory=list)

    def credit(self, signals):
        self.seen.append(signals)
        return Credit(signals.A_N1 * signals.thought_NT, {"thought": signals.thought_NT.float()})


@dataclasses.dataclass(frozen=True)
class ThoughtfulAtOnce(Thoughtful):
    scope: ClassVar[str] = "batch"


@pytest.mark.parametrize("kind", [Thoughtful, ThoughtfulAtOnce])
def test_the_tokens_of_thoughts_are_known_in_every_turn(policy, batch, kind):
    sink = EvidenceSink()
    learner(policy, kind()).update(unequal(batch), sink)
    assert {one.turn for one in sink.kept} == {0, 1}
    for one in sink.kept:
        text = "".join(token for token, inside in zip(one.tokens, one.values["thought"]) if inside)
        whole = "".join(one.tokens)
        assert whole.startswith("<think>")
        assert text.strip() == whole.partition("<think>")[2].partition("</think>")[0].strip()
        assert text


def test_a_context_may_show_what_belongs_to_another_group(policy, batch):
    shown = []

    @dataclasses.dataclass(frozen=True)
    class Across(Algorithm):
        teacher: str = "live"

        def contexts(self, step, state):
            return {"other": Context(self.show, across=True)}

        def show(self, batch, g, i):
            shown.append((g, i))
            other = batch.groups[(g + 1) % len(batch.groups)]
            return with_hint(batch.groups[g].episodes[i], answer=other.hints["answer"])

    sink = EvidenceSink()
    learner(policy, Across()).update(mixed(batch), sink)
    assert shown == [(g, i) for g in range(4) for i in range(4)]
    two = mixed(batch)
    for one in sink.kept:
        group, other = two.groups[one.group], two.groups[(one.group + 1) % 4]
        turn = group.episodes[one.member].turns[0]
        prompt = with_hint(group.episodes[one.member], answer=other.hints["answer"]).prompts[0]
        plain = policy.score([prompt], [0], [turn.action.token_ids]).logp_NT[0]
        assert_close(torch.tensor(one.values["logp_other"]), plain.detach(), atol=1e-4, rtol=1e-4)
