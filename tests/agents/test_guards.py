"""Guard rails: what published code got wrong is refused, by name, on real rollouts."""

from __future__ import annotations

import copy
import dataclasses
from typing import ClassVar

import pytest
import torch
from torch.testing import assert_close

from agents.algorithms import Algorithm, Context, Credit, Shown, make
from agents.algorithms.contexts import hint, show_answer, show_question
from agents.episodes import Prompt
from agents.learner.checks import check_depends, check_rendered
from agents.policy.scores import TopK
from rlsd_env import ConfigurationError
from tests.agents.test_contexts import learner, mixed, two_turns
from verifiers import Status, Verdict


@dataclasses.dataclass(frozen=True)
class Shows(Algorithm):
    """Asks a live teacher what it is told to show."""

    teacher: str = "live"
    show: object = show_answer
    full: bool = False

    def contexts(self, step, state):
        return {"told": Context(self.show, full=self.full)}

    def credit(self, signals):
        return Credit(signals.A_N1)

    def auxiliary(self, student_MV, others, signals):
        return (student_MV.exp() * (student_MV - others["told"])).sum(-1)


def without_pictures(group, i):
    return Shown(
        tuple(
            Prompt(({"role": "user", "content": [{"type": "text", "text": "How many? The answer is 3."}]},))
            for _ in group.episodes[i].turns
        )
    )


def test_a_teacher_that_sees_no_picture_is_refused(policy, batch):
    with pytest.raises(ValueError, match=r"'told' shows no images in turn 0 of task .* whose student sees some"):
        learner(policy, Shows(show=without_pictures)).update(mixed(batch))


def test_a_teacher_that_reads_other_answers_than_the_students_is_refused(policy, batch):
    def show(group, i):
        shown = show_question(group, i)
        *before, last = shown.prompts
        forged = [{**m, "content": "7"} if m["role"] == "assistant" else m for m in last.messages]
        return Shown((*before, Prompt(tuple(forged), last.images)))

    with pytest.raises(ValueError, match="'told' has other earlier answers in turn 1"):
        learner(policy, Shows(show=show)).update(two_turns(batch))


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_hint_is_refused(text):
    with pytest.raises(ConfigurationError, match="the answer that a teacher is to be shown is empty"):
        hint(answer=text)


def test_a_template_that_drops_the_hint_is_refused(policy, batch):
    """The bundled template writes the content's parts; one that writes the first text part alone loses the hint."""
    fresh = type(policy)(copy.deepcopy(policy.model), copy.deepcopy(policy.processor))
    one = learner(fresh, Shows())
    one.update(mixed(batch))  # whole
    lossy = fresh.processor.chat_template.replace("part.text", "part.text[:20]")
    assert lossy != fresh.processor.chat_template
    fresh.processor.chat_template = lossy
    with pytest.raises(ValueError, match="template leaves out what context 'told' shows"):
        learner(fresh, Shows()).update(mixed(batch))


def test_what_the_template_may_do_with_spaces_is_no_loss(policy, batch):
    prompt = show_answer(batch.groups[0], 0).prompts[0]
    spaced = Prompt(
        tuple({**m, "content": [*m["content"], {"type": "text", "text": "  a\n\n b "}]} for m in prompt.messages),
        prompt.images,
    )
    check_rendered("told", spaced, policy.encoder)


def test_response_tokens_are_the_same_in_every_context(policy, batch, monkeypatch):
    """Whatever is shown: by ids, as the scorers get them."""
    asked = []
    one = learner(policy, make("cepo", {"teacher": "frozen"}))
    score = one.policy.score

    def recorded(prompts, owners, responses, **options):
        asked.append(sorted(tuple(ids) for ids in responses))
        return score(prompts, owners, responses, **options)

    monkeypatch.setattr(one.policy, "score", recorded)
    data = mixed(batch)
    one.update(data)
    own = sorted(turn.action.token_ids for _, _, e in data for turn in e.turns)
    assert len(asked) >= 3  # the student and two contexts
    scored = [ids for ids in asked if len(ids) == len(own)]
    assert scored
    assert all(ids == own for ids in scored)
    assert all(set(ids) <= set(own) for ids in asked)


class Detached(Shows):
    """The published shortcut: the mean of `Q - S` with a gradient through S."""

    def auxiliary(self, student_MV, others, signals):
        chosen = others["told"].gather(-1, signals.ids_NT)
        return (chosen - student_MV.gather(-1, signals.ids_NT))[:, 0]


def test_a_loss_whose_gradient_does_not_depend_on_the_teacher_is_refused(policy, batch):
    with pytest.raises(ValueError, match="gradient of algorithm's auxiliary loss does not depend on what its scorers"):
        learner(policy, Detached(full=True)).update(mixed(batch))


def test_the_guard_changes_nothing_in_what_is_learned(policy, batch, monkeypatch):
    found = []
    for guarded in (True, False):
        one = learner(policy, Shows(full=True))
        if not guarded:
            one._checked.update({"auxiliary()", "told"})
        found.append(one.update(mixed(batch)))
        found.append([p.detach().clone() for p in one.policy.model.parameters()])
    assert found[0] == found[2]
    assert all(torch.equal(a, b) for a, b in zip(found[1], found[3], strict=True))


def test_a_loss_without_a_gradient_here_is_looked_at_again_later():
    student = torch.randn(4, 6).log_softmax(-1)
    others = {"told": torch.randn(4, 6).log_softmax(-1)}
    assert not check_depends("x", lambda s, o: 0.0 * (s * o["told"]).sum(-1), student, others)
    assert check_depends("x", lambda s, o: (s.exp() * (s - o["told"])).sum(-1), student, others)
    top = {"told": TopK(torch.tensor([[0, 1]] * 4), torch.full((4, 2), -1.0))}
    assert check_depends("x", lambda s, o: -(o["told"].logp_MK.exp() * s[:, :2]).sum(-1), student, top)
    with pytest.raises(ValueError, match="x's auxiliary loss does not depend"):
        check_depends("x", lambda s, o: -s[:, 0], student, top)


@pytest.mark.parametrize("k", [1, 2, 4, 64])
def test_a_loss_that_renormalises_the_likeliest_entries_depends_on_the_teacher(k):
    """HDPO's: of one entry its probability does not matter, but which one it is."""
    hdpo = make("hdpo", {"top_k": k, "lam": 1.0})
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        student, teacher = (torch.randn(3, 512, generator=generator).log_softmax(-1) for _ in range(2))
        found = (5 * teacher).log_softmax(-1).topk(k, dim=-1)
        others = {"solution": TopK(found.indices, found.values)}
        assert check_depends("hdpo", lambda s, o: hdpo.auxiliary(s, o, None), student, others)


@pytest.mark.parametrize("agent", ["grpo", "rlsd", "opsd"])
def test_a_response_with_a_vision_token_is_left_out_and_counted(policy, batch, agent):
    """The update is that of a batch in which the verifier failed on that episode."""
    data = mixed(batch)
    group, vision = data.groups[1], int(policy.never_ids[0])
    spoilt = group.episodes[2]
    (turn,) = spoilt.turns
    ids = (*turn.action.token_ids[:3], vision, *turn.action.token_ids[4:])
    seen = dataclasses.replace(
        spoilt, turns=(dataclasses.replace(turn, action=dataclasses.replace(turn.action, token_ids=ids)),)
    )
    failed = dataclasses.replace(spoilt, verdict=Verdict(0.0, False, None, Status.ERROR))
    found, weights = {}, copy.deepcopy(policy.model.state_dict())
    for name, one in (("seen", seen), ("failed", failed), ("whole", spoilt)):
        episodes = (*group.episodes[:2], one, *group.episodes[3:])
        groups = (data.groups[0], dataclasses.replace(group, episodes=episodes), *data.groups[2:])
        policy.model.load_state_dict(weights)
        policy.weights_changed()
        found[name] = learner(policy, make(agent, {"teacher": "live"} if agent != "grpo" else {})).update(
            dataclasses.replace(data, groups=groups)
        )
    assert found["whole"]["unscorable_share"] == found["failed"]["unscorable_share"] == 0
    assert found["seen"].pop("unscorable_share") == 1 / 16
    del found["failed"]["unscorable_share"]
    assert found["seen"] == pytest.approx(found["failed"], nan_ok=True)


def test_credit_looks_at_inputs_of_the_same_kind(policy, batch):
    """A batch with a task without a picture: no group is shown another one's question of another kind."""
    data = mixed(batch)
    bare = [
        dataclasses.replace(
            episode,
            turns=tuple(
                dataclasses.replace(turn, prompt=Prompt(({"role": "user", "content": "What is 2 + 3?"},)))
                for turn in episode.turns
            ),
        )
        for episode in data.groups[1].episodes
    ]
    groups = (data.groups[0], dataclasses.replace(data.groups[1], episodes=tuple(bare)), *data.groups[2:])
    metrics = learner(policy, make("credit", {"teacher": "live"})).update(dataclasses.replace(data, groups=groups))
    assert metrics["active_share"] > 0


def test_hooks_that_would_never_be_called_are_refused():
    with pytest.raises(TypeError, match="a method 'context', which nothing calls; the hook is 'contexts'"):

        class _A(Algorithm):
            def context(self, step, state):
                return {}

    with pytest.raises(TypeError, match="a method 'episode_weight', which nothing calls"):

        class _B(Algorithm):
            def episode_weight(self, advantages_N, shown):
                return advantages_N

    with pytest.raises(TypeError, match=r"credit takes \(self, A, gain\); it is called with \(self, signals\)"):

        class _C(Algorithm):
            def credit(self, A, gain):
                return Credit(A)


def test_other_methods_and_further_arguments_with_defaults_are_fine():
    class Fine(Algorithm):
        name: ClassVar[str] = "fine"

        def share(self, step):
            return 1.0

        def credit(self, signals, scale=1.0):
            return Credit(scale * signals.A_N1)

        def _context(self):
            return None

    assert_close(Fine().credit(_signals()).advantages, torch.ones(1, 1))


def _signals():
    from tests.agents.test_algorithms import signals

    return dataclasses.replace(signals(), A_N1=torch.ones(1, 1))
