"""What is measured on request: exact on tables, by hand on the real model, and without a trace in the run."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import math
import re
import types

import pytest
import torch

from agents.algorithms import make
from agents.algorithms.contexts import show_answer
from agents.diagnostics import bayes, classes, gradient, information
from agents.diagnostics.on_request import MEASUREMENTS
from agents.distributed import World
from agents.episodes import Completion, Episode, EpisodeBatch, EpisodeGroup, Prompt, StopReason, Turn
from agents.evidence import EvidenceSink
from agents.experiment import train
from agents.messages import user_message
from agents.options.commands import DIAGNOSES, TrainOptions
from agents.policy.token_kinds import TokenKind
from rlsd_env import ConfigurationError
from tests.agents.test_contexts import learner, mixed, two_turns
from tests.agents.test_guided_learning import guided_batch
from tests.agents.test_measures import evidence_of
from tests.agents.test_metrics import documented
from verifiers import Status, Verdict

# -- Bayes -------------------------------------------------------------------------------------------------


class Table:
    """A policy that is one joint distribution of a hint r (token 8 or 9) and a response of two tokens out of 0, 1, 2.

    It reads r in the words of a prompt, and says it behind a response.
    """

    def __init__(self):
        generator = torch.Generator().manual_seed(4)
        joint = torch.rand(2, 9, generator=generator, dtype=torch.float64) + 0.05
        responses = list(itertools.product(range(3), repeat=2))
        self.joint = dict(zip(itertools.product((8, 9), responses), (joint / joint.sum()).flatten().tolist()))

    def probability(self, r, beginning):
        """Of a hint (None: any) and a response that begins so."""
        return sum(
            p for (hint, y), p in self.joint.items() if r in (None, hint) and y[: len(beginning)] == tuple(beginning)
        )

    def tokenizer(self, text, *, add_special_tokens):
        assert not add_special_tokens
        return {"input_ids": [{"eight": 8, "nine": 9}[text]]}

    def logp(self, prompt, ids):
        """Of each token."""
        said = str(prompt.messages)
        shown = next((r for r, word in ((8, "eight"), (9, "nine")) if word in said), None)
        for t, token in enumerate(ids):
            if token in (8, 9):
                assert shown is None
                yield math.log(self.probability(token, ids[:t]) / self.probability(None, ids[:t]))
            else:
                yield math.log(self.probability(shown, ids[: t + 1]) / self.probability(shown, ids[:t]))

    def score(self, prompts, owners, responses, *, temperature):
        rows = [
            torch.tensor(list(self.logp(prompts[owner], ids)), dtype=torch.float64)
            for owner, ids in zip(owners, responses)
        ]
        return types.SimpleNamespace(logp_NT=torch.nn.utils.rnn.pad_sequence(rows, batch_first=True))


def told(ids, stop=None):
    """An episode that says tokens; with a stop token behind that the table does not know."""
    action = Completion((*ids, *(() if stop is None else (stop,))), (0.0,) * len(ids), "", StopReason.LENGTH)
    if stop is not None:
        action = dataclasses.replace(action, stop_reason=StopReason.STOP)
    return Episode((Turn(Prompt((user_message("Which?"),)), action),), 0.0, Verdict(0.0, False, None, Status.OK))


def test_of_one_joint_distribution_the_evidence_is_what_bayes_says():
    """Every response under either hint: slope and correlation are 1, and the sum of D is log P(r|y) - log P(r)."""
    table = Table()
    responses = list(itertools.product(range(3), repeat=2))
    groups = tuple(
        EpisodeGroup(None, tuple(told(ids) for ids in responses), {"answer": word}) for word in ("eight", "nine")
    )
    one = types.SimpleNamespace(policy=table, temperature=1.0, world=World())
    found = bayes.measure(one, EpisodeBatch(groups, 0))
    assert found == pytest.approx({"bayes_slope": 1.0, "bayes_correlation": 1.0})
    for r, group in zip((8, 9), groups):
        for (ratio, gain), ids in zip(bayes._pairs(one, group), responses, strict=True):
            exact = math.log(table.joint[r, ids] / table.probability(None, ids) / table.probability(r, ()))
            assert (ratio, gain) == pytest.approx((exact, exact))


def test_slope_and_correlation():
    # x - 1 = (-1, 0, 1), y - 2 = (-2, 3, -1): xy = 1, xx = 2, yy = 14
    slope, correlation = bayes.slope_and_correlation(torch.tensor([0.0, 1.0, 2.0]), torch.tensor([0.0, 5.0, 1.0]))
    assert (slope, correlation) == pytest.approx((0.5, 1 / math.sqrt(28)))
    assert bayes.slope_and_correlation(torch.ones(3), torch.arange(3)) is None
    assert bayes.slope_and_correlation(torch.ones(1), torch.ones(1)) is None


def test_r_is_scored_behind_the_last_action_without_its_stop_token(policy, batch):
    """Two turns of the real model, by hand."""
    two = two_turns(batch)
    one = learner(policy, make("rlsd"))
    group = two.groups[0]
    ids = tuple(policy.tokenizer(group.hints["answer"], add_special_tokens=False)["input_ids"])
    with torch.no_grad():
        found = bayes._pairs(one, group)
        for i in (0, 1):  # of two turns, of one
            episode, shown = group.episodes[i], show_answer(group, i).prompts
            gain = sum(
                float(sign * policy.score([prompt], [0], [turn.action.token_ids]).logp_NT.double().sum())
                for turn, informed in zip(episode.turns, shown)
                for sign, prompt in ((1, informed), (-1, turn.prompt))
            )
            last = episode.turns[-1]
            stopped = last.action.stop_reason is StopReason.STOP
            said = last.action.token_ids[:-1] if stopped else last.action.token_ids
            after = policy.score([last.prompt], [0], [(*said, *ids)]).logp_NT[0, len(said) :].sum()
            before = policy.score([episode.turns[0].prompt], [0], [ids]).logp_NT.sum()
            assert found[i] == pytest.approx((float(after - before), gain), abs=1e-3)
    assert set(bayes.measure(one, two)) == {"bayes_slope", "bayes_correlation"}


# -- gradients ---------------------------------------------------------------------------------------------


def flat(one):
    return torch.cat([p.grad.flatten().double() for p in one.parameters])


@pytest.mark.parametrize("budget", [100_000, 300])
def test_gradients_are_those_of_updates(policy, batch, budget):
    """Of OPSD, of GRPO, and of OPSD with the hints of the next group: from learners that make an update each."""
    options = {"max_grad_norm": 1e9, "micro_batch_tokens": budget}
    groups = mixed(batch).groups
    wrong = tuple(
        dataclasses.replace(group, hints=other.hints) for group, other in zip(groups, (*groups[1:], groups[0]))
    )
    g, h, k = (
        one.update(of) and flat(one)
        for one, of in (
            (learner(policy, make("opsd"), **options), mixed(batch)),
            (learner(policy, make("grpo"), **options), mixed(batch)),
            (learner(policy, make("opsd"), **options), EpisodeBatch(wrong, 0)),
        )
    )
    found = gradient.measure(learner(policy, make("opsd"), **options), mixed(batch))
    assert found["gradient_cosine_grpo"] == pytest.approx(float(g @ h / (g.norm() * h.norm())), abs=1e-3)
    assert found["gradient_hint_sensitivity"] == pytest.approx(float((g - k).norm() / g.norm()), rel=1e-3)
    assert found["gradient_hint_sensitivity"] > 0.1


def test_grpo_has_its_own_gradient_and_no_hints(policy, batch):
    assert gradient.measure(learner(policy, make("grpo")), mixed(batch)) == {"gradient_cosine_grpo": pytest.approx(1.0)}


def test_without_a_gradient_there_is_nothing_to_compare(policy, batch):
    groups = tuple(
        dataclasses.replace(group, episodes=tuple(dataclasses.replace(e, reward=0.0) for e in group.episodes))
        for group in mixed(batch).groups
    )
    assert gradient.measure(learner(policy, make("rlsd")), EpisodeBatch(groups, 0)) == {}


# -- classes of tokens -------------------------------------------------------------------------------------


def test_credit_and_evidence_by_kind_of_token(policy, batch):
    """By hand from the evidence of an update."""
    sink = EvidenceSink()
    one = learner(policy, make("rlsd"))
    found = classes.measure(one, two_turns(batch))
    one.update(two_turns(batch), sink)
    _, _, D = evidence_of(sink, "answer")
    credit = torch.tensor([value for one in sink.kept for value in one.values["credit"]], dtype=torch.float64).abs()
    texts = [text for one in sink.kept for text in one.tokens]
    digits = torch.tensor([any(sign.isdigit() for sign in text) for text in texts])
    assert found["class_tokens_number"] == pytest.approx(float(digits.double().mean()))
    assert found["class_credit_number"] == pytest.approx(float(credit[digits].sum() / credit.sum()), rel=1e-4)
    assert found["class_gain_number"] == pytest.approx(float(D.abs()[digits].mean()), rel=1e-3)
    for kind in ("tokens", "credit"):
        assert sum(v for name, v in found.items() if name.startswith(f"class_{kind}_")) == pytest.approx(1.0)
    assert max(map(len, found)) <= 36


def test_a_method_without_credit_has_evidence_alone(policy, batch):
    names = {name.rpartition("_")[0] for name in classes.measure(learner(policy, make("opsd")), mixed(batch))}
    assert names == {"class_tokens", "class_gain"}
    names = {name.rpartition("_")[0] for name in classes.measure(learner(policy, make("grpo")), mixed(batch))}
    assert names == {"class_tokens", "class_credit"}


# -- information -------------------------------------------------------------------------------------------


def test_mutual_information():
    # (.8, .2) and (.4, .6): mean (.6, .4) has entropy .673012; theirs are .500402 and .673012, mean .586707
    one, other = (torch.tensor([p], dtype=torch.float64).log() for p in ([0.8, 0.2], [0.4, 0.6]))
    assert information.mutual_information(one, other).item() == pytest.approx(0.673012 - 0.586707, abs=1e-6)


def test_mutual_information_of_references_that_are_not_equally_likely():
    # .25 (.8, .2) + .75 (.4, .6) = (.5, .5) has entropy .693147; .25 x .500402 + .75 x .673012 = .629860
    one, other = (torch.tensor([p, p], dtype=torch.float64).log() for p in ([0.8, 0.2], [0.4, 0.6]))
    weights_KM = torch.tensor([[0.25, 0.5], [0.75, 0.5]], dtype=torch.float64)
    found_M = information.mutual_information(one, other, weights_KM=weights_KM)
    assert found_M.tolist() == pytest.approx([0.693147 - 0.629860, 0.673012 - 0.586707], abs=1e-6)


@pytest.mark.parametrize("whole", [True, False])
def test_information_is_of_a_token_and_the_reference(policy, batch, monkeypatch, whole):
    """By hand over two turns, from whole distributions under the answers of all groups that differ."""
    from agents.policy import scores

    if not whole:
        monkeypatch.setattr(scores, "CHUNK_NUMBERS", 7 * policy.vocabulary_size)
    two, total, tokens, bound = two_turns(batch), 0.0, 0, 0.0
    answers = [group.hints["answer"] for group in two.groups]
    assert len(set(answers)) > 1
    with torch.no_grad():
        for number, group in enumerate(two.groups):
            order = dict.fromkeys(answers[number:] + answers[:number])
            for i, episode in enumerate(group.episodes):
                for t, turn in enumerate(episode.turns):
                    P = torch.stack([
                        policy.score(
                            [show_answer(dataclasses.replace(group, hints={"answer": a}), i).prompts[t]],
                            [0], [turn.action.token_ids],
                        ).logp_MV.double().exp()
                        for a in order
                    ])  # fmt: skip
                    H = [-(p * p.clamp(min=1e-300).log()).sum() for p in (P.mean(0), *P)]
                    total, tokens = total + float(H[0] - sum(H[1:]) / len(order)), tokens + len(turn.action.token_ids)
                bound += math.log(len(order))
    found = information.measure(learner(policy, make("rlsd")), two)
    assert found["information_per_token"] == pytest.approx(total / tokens, rel=1e-3, abs=1e-6)
    assert found["information_per_response"] == pytest.approx(total / 16, rel=1e-3, abs=1e-5)
    assert found["information_log_references"] == pytest.approx(bound / 16)
    assert 0 < found["information_per_token"] < found["information_log_references"]


def test_references_must_differ(policy, batch):
    groups = tuple(dataclasses.replace(group, hints={"answer": "7"}) for group in mixed(batch).groups)
    assert information.measure(learner(policy, make("rlsd")), EpisodeBatch(groups, 0)) == {}


# -- attempts with help ------------------------------------------------------------------------------------


def own_of(group):
    return tuple(episode.replaces or episode for episode in group.episodes)


@pytest.mark.parametrize("name", ["bayes", "information"])
def test_what_the_student_says_is_what_it_said_without_help(policy, batch, name):
    """Where attempts were replaced the numbers are those of the batch that they were replaced in."""
    given = guided_batch(batch)
    own = EpisodeBatch((dataclasses.replace(given.groups[0], episodes=own_of(given.groups[0])), given.groups[1]), 0)
    one = learner(policy, make("hdpo"))
    assert MEASUREMENTS[name](one, given) == MEASUREMENTS[name](one, own) != {}


# -- in a run ----------------------------------------------------------------------------------------------

SMALL = {"steps": 3, "prompts_per_step": 4, "group_size": 4, "eval_tasks": 4, "eval_samples": 2, "device": "cpu"}


def table(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("agent", ["rlsd", "opsd", "belief"])
def test_a_run_is_the_same_bytes_with_and_without_diagnoses(tmp_path, agent):
    for name, options in (("plain", {}), ("diagnosed", {"diagnose": DIAGNOSES, "diagnose_every": 2})):
        train(TrainOptions(agent=agent, out=tmp_path / name, **SMALL, **options), report=lambda progress: None)
    plain, diagnosed = (table(tmp_path / name) for name in ("plain", "diagnosed"))
    new = set(diagnosed[0]) - set(plain[0])
    assert {name.partition("_")[0] for name in new} == {"bayes", "gradient", "class", "information"}
    assert [{k: v for k, v in row.items() if k not in new} for row in diagnosed] == plain
    assert all(diagnosed[n]["bayes_slope"] for n in (0, 2))
    assert not any(diagnosed[1][name] for name in new)  # every other step
    files = sorted(path.name for path in (tmp_path / "plain" / "model").iterdir())
    assert "model.safetensors" in files
    for name in (f"model/{file}" for file in files):
        assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / "diagnosed" / name).read_bytes(), name
    assert (tmp_path / "plain/config.toml").read_bytes() == (tmp_path / "diagnosed/config.toml").read_bytes()


def test_what_can_be_asked_for():
    assert tuple(MEASUREMENTS) == DIAGNOSES
    with pytest.raises(ConfigurationError, match="diagnose 'baies'"):
        TrainOptions(diagnose=("baies",))
    with pytest.raises(ConfigurationError, match="diagnose_every is 0"):
        TrainOptions(diagnose_every=0)


def test_every_name_is_documented(policy, batch):
    """docs/metrics.md has each name, with KIND for the kinds of tokens, and no other."""
    names = set()
    for measure in MEASUREMENTS.values():
        names |= set(measure(learner(policy, make("rlsd")), mixed(batch)))
    kinds = "|".join(kind.name.lower() for kind in TokenKind)
    assert {re.sub(rf"^(class_\w+)_({kinds})$", r"\1_KIND", name) for name in names} == documented("On request")
