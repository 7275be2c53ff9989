"""Losses against formulas written here in probabilities, over transformers' own forward, row by row, with autograd.

Compared is the gradient of the second update on a batch: the ratio has moved and is clipped, and a teacher that stayed
where it was has other weights than the student.
"""

from __future__ import annotations

import copy
import dataclasses
from functools import cached_property

import pytest
import torch

from agents.algorithms import make
from agents.algorithms.contexts import with_hint
from agents.episodes import EpisodeBatch
from agents.learner.learner import Learner
from agents.options.learner import LearnerOptions
from tests.agents.test_contexts import two_turns

RIGHT = ((3,), (1, 3))
"""Who is right in the two groups of four: the only success of a group has no other success to see."""
LOW, HIGH = 0.05, 0.08


def episodes_of(batch, turns):
    """Two groups of four attempts; with two turns the first attempt of each goes on."""
    several = two_turns(batch) if turns == 2 else batch
    groups = []
    for rights, group in zip(RIGHT, several.groups):
        changed = []
        for i, episode in enumerate(group.episodes):
            verdict = dataclasses.replace(episode.verdict, correct=i in rights)
            changed.append(dataclasses.replace(episode, verdict=verdict, reward=float(i in rights)))
        groups.append(dataclasses.replace(group, episodes=tuple(changed)))
    return EpisodeBatch(tuple(groups), 0)


def distributions(policy, model, prompt, response):
    """Probabilities of what can be said at each token of a response, [T, V], and the columns of its tokens."""
    text = policy.processor.apply_chat_template(list(prompt.messages), add_generation_prompt=True, tokenize=False)
    images = [[image.copy() for image in prompt.images]] if prompt.images else None
    inputs = policy.processor(text=[text], images=images, return_tensors="pt")
    start, answer = inputs["input_ids"].shape[1], torch.tensor([response])
    inputs["input_ids"] = torch.cat([inputs["input_ids"], answer], 1)
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    inputs["mm_token_type_ids"] = torch.cat([inputs["mm_token_type_ids"], torch.zeros_like(answer)], 1)
    logits = model(**inputs).logits[0, start - 1 : -1].double()
    sayable = [id for id in range(logits.shape[1]) if id not in policy.encoder.vision_ids]
    columns = torch.tensor([sayable.index(id) for id in response])
    return logits[:, sayable].softmax(-1), columns


class Row:
    """A turn as a formula sees it: probabilities [T, V], of the student with gradient; only what it looks at is run.

    Args:
        policy: whose processor and encoder are used.
        models: as it is now, as it was before the first update, and the teacher.
        batch: the batch.
        place: numbers of the group, the attempt and the turn.

    """

    def __init__(self, policy, models, batch, place):
        g, i, t = place
        rewards = torch.tensor([[e.reward for e in group.episodes] for group in batch.groups], dtype=torch.float64)
        self.policy, (self.now, self.start, self.teacher) = policy, models
        self.group, self.i, self.t = batch.groups[g], i, t
        self.episode = self.group.episodes[i]
        self.turn = self.episode.turns[t]
        self.A_plain = (rewards[g, i] - rewards[g].mean()).item()
        self.A = self.A_plain / (rewards[g].std().item() + 1e-6)
        self.A_batch = ((rewards[g, i] - rewards.mean()) / (rewards.std() + 1e-6)).item()
        self.correct, self.length = self.episode.verdict.correct, self.episode.length

    def run(self, model, prompt):
        return distributions(self.policy, model, prompt, self.turn.action.token_ids)

    @torch.no_grad()
    def informed(self, **texts):
        return self.run(self.teacher, with_hint(self.episode, **texts).prompts[self.t])[0]

    @cached_property
    def _student(self):
        return self.run(self.now, self.turn.prompt)

    @property
    def student(self):
        return self._student[0]

    @property
    def columns(self):
        return self._student[1]

    @cached_property
    @torch.no_grad()
    def old(self):
        return self.run(self.start, self.turn.prompt)[0]

    @cached_property
    @torch.no_grad()
    def question(self):
        return self.run(self.teacher, self.turn.prompt)[0]

    @cached_property
    def reference(self):
        best = next(kind for kind in ("trace", "solution", "answer") if self.group.hints.get(kind))
        return self.informed(**{best: self.group.hints[best]})

    @cached_property
    def sibling(self):
        others = (e for e in self.group.episodes if e.verdict.correct and e.response != self.episode.response)
        other = next(others, None)
        return None if other is None else self.informed(sibling=other.response)

    def of(self, probabilities):
        """Log-probabilities of the sampled tokens."""
        return probabilities.gather(1, self.columns[:, None])[:, 0].log()

    @property
    def S(self):
        return self.of(self.student)

    @property
    def ratio(self):
        return torch.exp(self.S - self.of(self.old))

    @property
    def bounded(self):
        return self.ratio.detach().clamp(max=1.02)


def rows_of(policy, models, batch):
    """Every turn of every episode."""
    return [
        Row(policy, models, batch, (g, i, t))
        for g, group in enumerate(batch.groups)
        for i, episode in enumerate(group.episodes)
        for t in range(len(episode.turns))
    ]


# -- formulas, in probabilities ----------------------------------------------------------------------------


def surrogate(ratio, A, cap=float("inf")):
    """PPO's bound by cases: praise counts up to 1 + HIGH, blame down to 1 - LOW and up to the cap."""
    A = torch.as_tensor(A).double().expand_as(ratio)
    return -A * torch.where(A > 0, ratio.clamp(max=1 + HIGH), ratio.clamp(min=1 - LOW).clamp(max=cap))


def entries(p, q, beta):
    """What each entry adds to the divergence between teacher p and student q."""
    if beta == 0:
        return torch.xlogy(p, p / q)
    if beta == 1:
        return torch.xlogy(q, q / p)
    m = (1 - beta) * q + beta * p
    return beta * torch.xlogy(p, p / m) + (1 - beta) * torch.xlogy(q, q / m)


def jsd(p, q, beta=0.5):
    return entries(p, q, beta).sum(-1)


def bucketed(k, whose, *distributions):
    """The k likeliest entries of one distribution, of all of them, with what is left of 1."""
    index = whose.detach().topk(k, dim=-1).indices
    kept = [one.gather(1, index) for one in distributions]
    return [torch.cat([one, 1 - one.sum(-1, keepdim=True)], -1) for one in kept]


def alone(k, whose, *distributions):
    index = whose.detach().topk(k, dim=-1).indices
    kept = [one.gather(1, index) for one in distributions]
    return [one / one.sum(-1, keepdim=True) for one in kept]


def grpo(row, cap=float("inf")):
    return surrogate(row.ratio, row.A, cap)


def gspo(row):
    s = torch.exp((row.S - row.of(row.old)).mean())
    return surrogate(s.expand(len(row.S)), row.A)


def sampled(row):
    return surrogate(row.ratio, row.of(row.reference) - row.S.detach())


def sdpo(row, alpha=0.5, k=5):
    if row.sibling is None:
        return None
    return row.bounded * jsd(*bucketed(k, row.student, row.sibling, row.student), alpha)


def sdpo_and_grpo(row):
    distilled = 0.0 if row.sibling is None else sdpo(row)
    return 0.7 * distilled + 0.3 * grpo(row)


def sdpo_of_failures(row):
    return None if row.correct else sdpo(row)


def sdar(row):
    gate = torch.sigmoid(5 * (row.of(row.reference) - row.S.detach()))
    return grpo(row) + 0.5 * gate * (row.of(row.reference) - row.S)


def sdar_by_sibling(row):
    if row.sibling is None:
        return grpo(row)
    gate = torch.sigmoid(2 * (row.of(row.sibling) - row.S.detach()))
    return grpo(row) + 0.5 * gate * (row.of(row.sibling) - row.S)


def srpo(row):
    if row.correct or row.sibling is None:
        return surrogate(row.ratio, row.A_plain)
    entropy = -torch.xlogy(row.sibling, row.sibling).sum(-1)
    return torch.exp(-1.5 * entropy) / 0.4 * sdpo(row)


def demopsd(row, reference=None):
    if row.sibling is None:
        return None
    plain = row.question if reference is None else row.student.detach()
    informed, plain, student = bucketed(5, row.student, row.sibling, plain, row.student)
    informed, plain = informed.clamp(min=1e-8), plain.clamp(min=1e-8)
    a = (0.3 * (torch.sigmoid(50 * jsd(informed, plain)) - 0.5))[:, None]
    target = informed ** (1 - a) * plain**a
    return row.bounded * jsd(target / target.sum(-1, keepdim=True), student, 1.0)


SEVERAL = {"teacher": "frozen", "top_k": 5, "max_ratio": 1.02}
CASES = {
    "grpo": ("grpo", {}, {}, grpo),
    "grpo of a constant length": ("grpo", {}, {"aggregation": "constant", "constant_length": 33}, grpo),
    "grpo by tokens": ("grpo", {}, {"aggregation": "token_mean"}, grpo),
    "dual clip": ("grpo", {}, {"dual_clip": 1.01}, lambda row: grpo(row, 1.01)),
    "gspo": ("grpo", {}, {"ratio": "sequence"}, gspo),
    "dr. grpo": ("grpo", {"divide_by_std": False}, {}, lambda row: surrogate(row.ratio, row.A_plain)),
    "opsd": ("opsd", {}, {}, lambda row: jsd(row.reference, row.student)),
    "opsd forward": ("opsd", {"beta": 0.0}, {}, lambda row: jsd(row.reference, row.student, 0)),
    "opsd reverse": ("opsd", {"beta": 1.0}, {}, lambda row: jsd(row.reference, row.student, 1)),
    "opsd clipped": (
        "opsd",
        {"beta": 0.0, "entry_clip": 0.05},
        {},
        lambda row: entries(row.reference, row.student, 0).clamp(max=0.05).sum(-1),
    ),
    "opsd top-k": (
        "opsd",
        {"form": "top_k", "top_k": 5},
        {},
        lambda row: jsd(*bucketed(5, row.reference, row.reference, row.student)),
    ),
    "opsd top-k of the student": (
        "opsd",
        {"form": "top_k", "top_k": 5, "support": "student"},
        {},
        lambda row: jsd(*bucketed(5, row.student, row.reference, row.student)),
    ),
    "opsd top-k alone": (
        "opsd",
        {"form": "top_k", "top_k": 5, "tail": False, "beta": 0.0},
        {},
        lambda row: jsd(*alone(5, row.reference, row.reference, row.student), 0),
    ),
    "opsd sampled": ("opsd", {"form": "sampled"}, {}, sampled),
    "opsd teacher's top": (
        "opsd",
        {"form": "teacher_top1"},
        {},
        lambda row: -row.student.gather(1, row.reference.argmax(-1, keepdim=True))[:, 0].log(),
    ),
    "opsd student's top": (
        "opsd",
        {"form": "student_top1"},
        {},
        lambda row: jsd(*bucketed(1, row.student, row.reference, row.student)),
    ),
    "sdpo": ("sdpo", SEVERAL, {}, sdpo),
    "sdpo reverse": ("sdpo", SEVERAL | {"alpha": 1.0}, {}, lambda row: sdpo(row, 1)),
    "sdpo of failures": ("sdpo", SEVERAL | {"own_success": False}, {}, sdpo_of_failures),
    "sdpo and grpo": ("sdpo", SEVERAL | {"grpo_share": 0.3}, {}, sdpo_and_grpo),
    "grpo+opsd": (
        "grpo+opsd",
        {"coefficient": 0.4},
        {},
        lambda row: grpo(row) + 0.4 * jsd(row.reference, row.student),
    ),
    "grpo+opsd mixed": (
        "grpo+opsd",
        {"form": "mix", "coefficient": 0.4},
        {},
        lambda row: 0.6 * grpo(row) + 0.4 * jsd(row.reference, row.student),
    ),
    "grpo+opsd by advantage": (
        "grpo+opsd",
        {"form": "advantage", "coefficient": 0.4, "baseline": "batch"},
        {},
        lambda row: surrogate(row.ratio, row.A_batch + 0.4 * (row.of(row.reference) - row.of(row.old))),
    ),
    "sdar": ("sdar", {"teacher": "frozen", "coefficient": 0.5}, {}, sdar),
    "sdar, live": ("sdar", {"coefficient": 0.5}, {}, sdar),
    "sdar by sibling": (
        "sdar",
        {"teacher": "frozen", "coefficient": 0.5, "sharpness": 2.0, "hint": "feedback"},
        {},
        sdar_by_sibling,
    ),
    "srpo": ("srpo", SEVERAL | {"sharpness": 1.5}, {"aggregation": "token_mean"}, srpo),
    "demopsd": ("demopsd", SEVERAL, {}, demopsd),
    "demopsd by the student": (
        "demopsd",
        SEVERAL | {"reference": "student"},
        {},
        lambda row: demopsd(row, "student"),
    ),
}


def averaged(rows, formula, aggregation="sequence_mean", constant_length=0, **_):
    """The batch's loss; a formula that says None leaves its episode out of the mean."""
    losses = [(row, loss) for row in rows if (loss := formula(row)) is not None]
    episodes = sum(len(loss) / row.length for row, loss in losses)
    if aggregation == "token_mean":
        return sum(loss.sum() for _, loss in losses) / sum(len(loss) for _, loss in losses)
    return sum(loss.sum() / (constant_length or row.length) for row, loss in losses) / episodes


@pytest.mark.parametrize("turns", [1, 2])
@pytest.mark.parametrize("case", CASES)
def test_the_gradient_is_that_of_an_independent_formula(policy, batch, case, turns):
    name, options, given, formula = CASES[case]
    several = episodes_of(batch, turns)
    config = LearnerOptions(
        lr=1e-3, max_grad_norm=1e9, updates_per_batch=2, clip_low=LOW, clip_high=HIGH, micro_batch_tokens=900, **given
    )
    algorithm = make(name, options)
    trained = type(policy)(copy.deepcopy(policy.model), policy.processor)
    one = Learner(trained, algorithm, config)
    one.state = dict.fromkeys(one.state, 0.4)
    before = []
    step = one.optimizer.step
    one.optimizer.step = lambda: (before.append(copy.deepcopy(trained.model)), step())
    metrics = one.update(several)
    found = [p.grad.double() for p in one.parameters]
    assert metrics.get("clip_low", 1) + metrics.get("clip_high", 1) > 0

    now = before[1]  # as it was before the second step
    live = options.get("teacher", getattr(algorithm, "teacher", "")) == "live"
    rows = rows_of(policy, (now, policy.model, now if live else policy.model), several)
    loss = averaged(rows, formula, **given)
    expected = torch.autograd.grad(loss, list(now.parameters()))
    error = sum((a - b.double()).square().sum() for a, b in zip(found, expected, strict=True)).sqrt()
    if name != "sdar":  # whose logged loss leaves out what has no gradient, c g Q
        assert metrics["loss"] == pytest.approx(loss.item(), rel=1e-4, abs=1e-6)
    assert error / sum(b.double().square().sum() for b in expected).sqrt() < 1e-4
