"""Named contexts, scorers, state and evidence, through the learner on real rollouts of the real bundled model."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import pytest
import torch
from torch.testing import assert_close

from agents.algorithms import Algorithm, Context, Credit, make
from agents.algorithms.contexts import (
    blank,
    show_answer,
    show_degraded,
    show_question,
    show_solution,
    show_wrong_answer,
)
from agents.episodes import Completion, EpisodeBatch, Prompt, StopReason, Turn
from agents.evidence import EvidenceSink, read_evidence, write_evidence
from agents.learner.learner import Learner
from agents.messages import user_message
from agents.options.learner import LearnerOptions
from agents.policy.token_kinds import TokenKind
from rlsd_env import ConfigurationError
from verifiers import Status, Verdict


def learner(policy, algorithm, **options):
    fresh = type(policy)(copy.deepcopy(policy.model), policy.processor)
    return Learner(fresh, algorithm, LearnerOptions(lr=1e-4, **options))


def mixed(batch):
    """Every group has right and wrong answers, and two different wrong ones."""
    groups = []
    for group in batch.groups:
        verdicts = [Verdict(float(i % 2), bool(i % 2), str(30 + i), Status.OK) for i in range(len(group.episodes))]
        episodes = [
            dataclasses.replace(e, verdict=verdict, reward=verdict.reward)
            for e, verdict in zip(group.episodes, verdicts)
        ]
        groups.append(dataclasses.replace(group, episodes=tuple(episodes)))
    return dataclasses.replace(batch, groups=tuple(groups))


def two_turns(batch):
    """The first episode of each group goes on for a second turn."""
    groups = []
    for group in mixed(batch).groups:
        first = group.episodes[0].turns[0]
        reply = Completion(first.action.token_ids[:5], first.action.logprobs[:5], "again", StopReason.LENGTH)
        chat = (*first.prompt.messages, {"role": "assistant", "content": first.action.text}, user_message("Again?"))
        long = dataclasses.replace(group.episodes[0], turns=(first, Turn(Prompt(chat, first.prompt.images), reply)))
        groups.append(dataclasses.replace(group, episodes=(long, *group.episodes[1:])))
    return EpisodeBatch(tuple(groups), batch.step)


@dataclasses.dataclass(frozen=True)
class Many(Algorithm):
    """Five contexts under three scorers; keeps the signals that it is given."""

    name: ClassVar[str] = "many"
    seen: list = dataclasses.field(default_factory=list)

    def scorers(self) -> Mapping[str, str]:
        return {"now": "live", "start": "frozen", "slow": "ema(0.5)"}

    def contexts(self, step, state):
        return {
            "answer": Context(show_answer, "now", entropy=True),
            "wrong": Context(show_wrong_answer(1), "now"),
            "question": Context(show_question, "start"),
            "blank": Context(show_degraded(blank), "now"),
            "solution": Context(show_solution, "slow", top_k=3),
        }

    def credit(self, signals):
        self.seen.append(signals)
        return Credit(signals.A_N1, {"twice": 2 * signals.gain("answer")})

    def auxiliary(self, student_MV, others, signals):
        assert set(others) == {"solution"}
        assert others["solution"].ids_MK.shape == (len(student_MV), 3)
        return 0 * student_MV.sum(-1)

    def statistics(self, signals):
        self.seen.append(signals)
        return {"episodes": torch.tensor(len(signals.A_N1))}

    def observe(self, state, statistics):
        return {"episodes": state.get("episodes", 0.0) + statistics["episodes"]}


@dataclasses.dataclass(frozen=True)
class ManyAtOnce(Many):
    scope: ClassVar[str] = "batch"


def plain(policy, batch, show):
    """Log-probabilities of every response in a context, each scored alone; by (group, episode, turn)."""
    with torch.no_grad():
        return {
            (g, i, t): policy.score([shown.prompts[t]], [0], [turn.action.token_ids]).logp_NT[0]
            for g, group in enumerate(batch.groups)
            for i, episode in enumerate(group.episodes)
            if (shown := show(group, i)) is not None
            for t, turn in enumerate(episode.turns)
        }


@pytest.mark.parametrize("tokens", [100_000, 300])
def test_every_context_says_what_plain_separate_scoring_says(policy, batch, tokens):
    """Two turns, several contexts, parts of any size: log-probabilities to 1e-5."""
    two = two_turns(batch)
    many = Many()
    expected = {
        name: plain(policy, two, context.show) for name, context in many.contexts(0, {}).items() if name != "solution"
    }
    own = plain(policy, two, show_question)
    sink = EvidenceSink()
    learner(policy, many, micro_batch_tokens=tokens).update(two, sink)
    kept = sink.kept
    places = {group.item.task.id: g for g, group in enumerate(two.groups)}
    found = {(places[one.task_id], one.member, one.turn): one for one in kept}
    assert found.keys() == own.keys()
    for place, one in found.items():
        assert_close(torch.tensor(one.values["student"]), own[place], atol=1e-5, rtol=0)
        assert one.other_pictures == ("blank",)
        for name, values in expected.items():
            assert_close(torch.tensor(one.values[f"logp_{name}"]), values[place], atol=1e-5, rtol=0)
    assert not torch.allclose(torch.tensor(found[0, 0, 0].values["logp_answer"]), expected["wrong"][0, 0, 0], atol=1e-2)


def test_rows_of_a_whole_batch_are_episodes_with_their_turns_end_to_end(policy, batch):
    two = two_turns(batch)
    many = ManyAtOnce()
    learner(policy, many, micro_batch_tokens=300).update(two)
    signals = many.seen[0]
    own = plain(policy, two, show_question)
    answer = plain(policy, two, show_answer)
    assert len(signals.A_N1) == 16
    for n, (g, i) in enumerate((g, i) for g in range(4) for i in range(4)):
        turns = two.groups[g].episodes[i].turns
        ids = [token for turn in turns for token in turn.action.token_ids]
        length = len(ids)
        assert int(signals.mask_NT[n].sum()) == length
        assert signals.ids_NT[n, :length].tolist() == ids
        assert signals.turn_NT[n, :length].tolist() == [
            t for t, turn in enumerate(turns) for _ in turn.action.token_ids
        ]
        assert signals.success_N1[n].item() == 0.5
        assert signals.group_N1[n].item() == g
        recorded = [logp for turn in turns for logp in turn.action.logprobs]
        assert_close(signals.S_NT[n, :length], torch.tensor(recorded))
        whole = torch.cat([answer[g, i, t] for t in range(len(turns))])
        assert_close(signals.logp["answer"][n, :length], whole, atol=1e-5, rtol=0)
        assert (signals.entropy["answer"][n, :length] > 0).all()
    assert own.keys() == answer.keys()
    kinds = signals.kind_NT[signals.mask_NT]
    assert {TokenKind.NUMBER, TokenKind.SPECIAL} <= {TokenKind(kind) for kind in kinds.unique().tolist()}


def test_batch_scope_gives_the_gradient_of_part_scope(policy, batch):
    """The same credit, worked out for all episodes at once or part by part: the same gradient but for recorded S."""
    gradients = []
    for algorithm in (Many(), ManyAtOnce()):
        one = learner(policy, algorithm, max_grad_norm=1e9)
        one.update(two_turns(batch))
        gradients.append(torch.cat([p.grad.flatten() for p in one.parameters]))
    assert (gradients[0] - gradients[1]).norm() / gradients[0].norm() < 1e-4


def test_a_context_that_some_are_not_shown_is_a_gain_of_nothing_for_them(policy, batch):
    """With one wrong answer only, nobody is shown a second: in the whole batch those rows have the student's own."""
    first, *rest = mixed(batch).groups
    verdicts = [dataclasses.replace(e.verdict, extracted="30") for e in first.episodes]
    alike = tuple(dataclasses.replace(e, verdict=v) for e, v in zip(first.episodes, verdicts))
    uneven = EpisodeBatch((dataclasses.replace(first, episodes=alike), *rest), 0)
    many = ManyAtOnce()
    learner(policy, many).update(uneven)
    signals = many.seen[0]
    assert signals.shown["wrong"][:, 0].tolist() == [False] * 4 + [True] * 12
    assert (signals.gain("wrong")[:4] == 0).all()
    assert (signals.gain("wrong")[4:].abs().sum(1) > 0).all()


@pytest.mark.parametrize("tokens", [100_000, 300])
def test_state_follows_from_sums_over_the_step_whatever_the_parts(policy, batch, tokens):
    one = learner(policy, make("rlsd-gated"), micro_batch_tokens=tokens, updates_per_batch=2)
    metrics = one.update(mixed(batch))
    gain = {}
    with torch.no_grad():
        before = type(policy)(copy.deepcopy(policy.model), policy.processor)
        answer, own = plain(before, mixed(batch), show_answer), plain(before, mixed(batch), show_question)
    gain = {place: float((answer[place] - own[place]).sum()) for place in own}
    right = [gain[g, i, 0] > 0 for g in range(4) for i in (1, 3)]
    wrong = [gain[g, i, 0] < 0 for g in range(4) for i in (0, 2)]
    assert metrics["state_agreement"] == pytest.approx((sum(right) / 8 + sum(wrong) / 8) / 2)
    assert one.state == {"agreement": metrics["state_agreement"], "steps_seen": 1}


@pytest.mark.parametrize("name", ["rlsd-gated", "cepo", "rlcsd", "belief"])
def test_a_restored_learner_goes_on_bit_for_bit(policy, batch, name):
    def run(one, steps):
        for step in steps:
            one.update(dataclasses.replace(mixed(batch), step=step))

    straight, first, resumed = (learner(policy, make(name)) for _ in range(3))
    run(straight, range(4))
    run(first, range(2))
    resumed.load_state_dict(copy.deepcopy(first.state_dict()))
    run(resumed, range(2, 4))
    assert straight.state == resumed.state
    assert all(torch.equal(a, b) for a, b in zip(straight.parameters, resumed.parameters))


@pytest.mark.parametrize("name", ["cepo", "rlcsd", "belief", "rlsd-gated"])
def test_the_result_does_not_depend_on_the_micro_batches(policy, batch, name):
    gradients = []
    for tokens in (100_000, 300, 1):
        one = learner(policy, make(name), micro_batch_tokens=tokens, max_grad_norm=1e9)
        one.update(mixed(batch))
        gradients.append(torch.cat([p.grad.flatten() for p in one.parameters]))
    for other in gradients[1:]:
        assert (gradients[0] - other).norm() / gradients[0].norm() < 1e-4


def test_a_sampler_that_is_not_the_learners_is_not_taken_at_its_word(policy, batch):
    """Where recorded log-probabilities may be another engine's, the student is scored before the batch's credit."""
    off = EpisodeBatch(
        tuple(
            dataclasses.replace(
                group,
                episodes=tuple(
                    dataclasses.replace(
                        e,
                        turns=tuple(
                            Turn(
                                t.prompt,
                                dataclasses.replace(t.action, logprobs=tuple(x - 0.3 for x in t.action.logprobs)),
                            )
                            for t in e.turns
                        ),
                    )
                    for e in group.episodes
                ),
            )
            for group in mixed(batch).groups
        ),
        0,
    )
    many = ManyAtOnce()
    learner(policy, many, sampler_correction="truncate").update(off)
    own = plain(policy, mixed(batch), show_question)
    assert_close(many.seen[0].S_NT[0][: len(own[0, 0, 0])], own[0, 0, 0], atol=1e-5, rtol=0)


def test_scorers_of_one_rule_share_a_copy_and_each_follows_its_own(policy, batch):
    @dataclasses.dataclass(frozen=True)
    class Twice(Many):
        def scorers(self):
            return {"now": "live", "start": "frozen", "slow": "ema(0.5)", "again": "frozen"}

    one = learner(policy, Twice())
    assert one.scorers["start"] is one.scorers["again"]
    before = [p.detach().clone() for p in one.parameters]
    one.update(mixed(batch))
    frozen, slow = (list(one.scorers[name].weights.weights.values()) for name in ("start", "slow"))
    assert all(torch.equal(a, b) for a, b in zip(frozen, before))
    for start, now, mean in zip(before, one.parameters, slow):
        assert_close(mean, start + 0.5 * (now.detach() - start))


def test_evidence_is_written_and_read_back(policy, batch, tmp_path):
    sink = EvidenceSink()
    one = learner(policy, make("rlsd"))
    one.update(two_turns(batch), sink)
    kept = sink.kept
    path = write_evidence(tmp_path, 0, kept)
    assert path.name == "step-000000-0.parquet"
    read = read_evidence(str(tmp_path))
    assert len(read) == len(kept) == 20
    by_place = {(e.task_id, e.member, e.turn): e for e in kept}
    for again in read:
        before = by_place[again.task_id, again.member, again.turn]
        assert again.token_ids == before.token_ids
        assert "".join(again.tokens) == policy.tokenizer.decode(again.token_ids)
        for name, values in before.values.items():
            assert_close(torch.tensor(again.values[name]), torch.tensor(values))
        A, gain = again.advantage, torch.tensor(again.gain("answer"))
        sign = 1 if A > 0 else -1
        weight = torch.exp(sign * gain).clamp(0.8, 1.2)  # Algorithm 1, lam = .5 at step 0
        assert_close(torch.tensor(again.values["credit"]), A * (0.5 + 0.5 * weight), atol=1e-4, rtol=1e-4)
    with pytest.raises(FileNotFoundError, match="--evidence-every"):
        read_evidence(tmp_path, step=3)


def test_keeping_evidence_changes_no_bit(policy, batch):
    with_it, without = learner(policy, make("cepo")), learner(policy, make("cepo"))
    assert with_it.update(mixed(batch), EvidenceSink()) == without.update(mixed(batch))
    assert all(torch.equal(a, b) for a, b in zip(with_it.parameters, without.parameters))


def test_an_external_model_scores_as_itself_and_learns_nothing(policy, batch, tmp_path):
    other = copy.deepcopy(policy.model)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in other.parameters():
            p.add_(0.02 * torch.randn(p.shape, generator=generator))
    type(policy)(other, policy.processor).save(tmp_path)
    one = learner(policy, make("opd", {"teacher": f"external({tmp_path})"}))
    expected = plain(type(policy).from_pretrained(str(tmp_path)), mixed(batch), show_question)
    sink = EvidenceSink({batch.groups[0].item.task.id})
    one.update(mixed(batch), sink)
    assert {e.task_id for e in sink.kept} == {batch.groups[0].item.task.id}
    first = next(e for e in sink.kept if e.task_id == batch.groups[0].item.task.id and e.member == 0)
    assert_close(torch.tensor(first.values["logp_question"]), expected[0, 0, 0], atol=1e-5, rtol=0)
    assert_close(torch.tensor(first.values["credit"]), torch.tensor(first.gain("question")))
    assert one.state_dict()["scorers"] == {f"external({tmp_path})": {}}


@pytest.mark.parametrize("form", ["top_k", "full"])
def test_an_external_models_distribution_is_approached(policy, batch, tmp_path, form):
    other = copy.deepcopy(policy.model)
    with torch.no_grad():
        other.lm_head.weight.mul_(0.5)
    type(policy)(other, policy.processor).save(tmp_path)
    own = {"top_k": 8} if form == "top_k" else {}
    one = learner(policy, make("opd", {"teacher": f"external({tmp_path})", "form": form} | own))
    losses = [one.update(mixed(batch))["distillation_loss"] for _ in range(6)]
    assert losses[-1] < 0.9 * losses[0]


def test_a_tokenizer_that_differs_is_refused_and_both_are_named(policy, tmp_path):
    type(policy)(copy.deepcopy(policy.model), policy.processor).save(tmp_path)
    text = (tmp_path / "tokenizer.json").read_text("utf-8")
    vocab = policy.tokenizer.get_vocab()
    a, b = sorted(vocab, key=vocab.get)[40:42]
    swapped = text.replace(f'"{a}": {vocab[a]}', f'"{a}": -1').replace(f'"{b}": {vocab[b]}', f'"{b}": {vocab[a]}')
    swapped = swapped.replace(f'"{a}": -1', f'"{a}": {vocab[b]}')
    assert swapped != text
    (tmp_path / "tokenizer.json").write_text(swapped, "utf-8")
    with pytest.raises(ConfigurationError, match=r"external\(.*another tokenizer .*id \d+ is .* there and .* here"):
        learner(policy, make("opd", {"teacher": f"external({tmp_path})"}))


def test_what_a_scorer_cannot_give_is_said_before_anything_is_run(policy, tmp_path):
    @dataclasses.dataclass(frozen=True)
    class Misspelt(Algorithm):
        teacher: str = "live"

        def contexts(self, step, state):
            return {"answer": Context(show_answer, scorer="teachr")}

    with pytest.raises(ConfigurationError, match="unknown scorer of context 'answer' 'teachr'; did you mean 'teacher'"):
        learner(policy, Misspelt())
    other = copy.deepcopy(policy.model)
    other.resize_token_embeddings(policy.vocabulary_size + 3, mean_resizing=False)
    type(policy)(other, policy.processor).save(tmp_path)
    teacher = {"teacher": f"external({tmp_path})"}
    sizes = f"{policy.vocabulary_size + 3} vocabulary entries and the trained model {policy.vocabulary_size}"
    with pytest.raises(ConfigurationError, match=sizes):
        learner(policy, make("opd", teacher | {"form": "full"}))
    learner(policy, make("opd", teacher | {"form": "top_k"}))  # whose ids are the same
