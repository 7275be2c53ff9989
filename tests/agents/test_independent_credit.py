"""The gradient of every method that gives tokens credit, against stock transformers.

Nothing of `agents` beside the learner under test has a part in what is expected: prompts are written out, each turn is
a plain forward of its own, and the formula stands in the test.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import softplus
from transformers import AutoModelForImageTextToText, AutoProcessor

from agents.algorithms import make
from agents.bundled import TINY
from agents.episodes import EpisodeBatch
from tests.agents.test_contexts import learner
from tests.agents.test_signals import unequal

REQUEST = "Now answer the question yourself."


class Stock:
    """The bundled model as transformers loads it, one row at a time."""

    def __init__(self):
        self.model = AutoModelForImageTextToText.from_pretrained(TINY, dtype=torch.float32).eval()
        self.processor = AutoProcessor.from_pretrained(TINY)
        config = self.model.config
        self.never = [config.image_token_id, config.video_token_id]
        self.never += [config.vision_start_token_id, config.vision_end_token_id]

    def distributions(self, messages, images, ids):
        text = self.processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        inputs = self.processor(text=[text], images=[[image.copy() for image in images]], return_tensors="pt")
        answer, start = torch.tensor([ids]), inputs["input_ids"].shape[1]
        inputs["input_ids"] = torch.cat([inputs["input_ids"], answer], 1)
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        inputs["mm_token_type_ids"] = torch.cat([inputs["mm_token_type_ids"], torch.zeros_like(answer)], 1)
        logits = self.model(**inputs).logits[0, start - 1 : -1]
        logits[:, self.never] = -torch.inf
        return logits.log_softmax(-1)

    def logp(self, messages, images, ids):
        return self.distributions(messages, images, ids).gather(-1, torch.tensor(ids)[:, None])[:, 0]


def hinted(messages, text):
    """The messages with a hint at the end of the first one, which a user has written."""
    first, *later = messages
    *parts, last = first["content"]
    return [{**first, "content": [*parts, {"type": "text", "text": f"{last['text']}\n{text}\n{REQUEST}"}]}, *later]


def blurred(image):
    height, width = image.shape[:2]
    small = Image.fromarray(image).resize((width // 8, height // 8), Image.Resampling.BOX)
    return np.array(small.resize((width, height), Image.Resampling.BILINEAR))


@pytest.fixture(scope="module")
def stock():
    torch.set_num_threads(1)
    return Stock()


@pytest.fixture(scope="module")
def two(batch, stock):
    """Two groups with one and two successes of four; the first episode of each has two turns.

    The last episodes answer what they did not think, so that there is evidence behind the thought too. What was
    recorded while sampling is the model's own, in the turns that were made up as well.
    """
    groups, zero = [], stock.processor.tokenizer(" 0")["input_ids"][-1]
    for group in unequal(batch).groups[:2]:
        episodes = []
        for e in group.episodes:
            turns = []
            for turn in e.turns:
                ids = list(turn.action.token_ids)
                if e is group.episodes[-1]:
                    ids[-3] = zero
                with torch.no_grad():
                    logp = stock.logp(list(turn.prompt.messages), turn.prompt.images, ids)
                action = dataclasses.replace(turn.action, token_ids=tuple(ids), logprobs=tuple(logp.tolist()))
                turns.append(dataclasses.replace(turn, action=action))
            episodes.append(dataclasses.replace(e, turns=tuple(turns)))
        groups.append(dataclasses.replace(group, episodes=tuple(episodes)))
    return EpisodeBatch(tuple(groups), 0)


@pytest.fixture(scope="module")
def known(stock, two):
    """For each episode its advantage, turns, and log-probabilities in every context that there is for it."""
    episodes = []
    for g, group in enumerate(two.groups):
        rewards = [float(e.verdict.correct) for e in group.episodes]
        other = two.groups[1 - g].episodes[0].turns[0].prompt
        for i, e in enumerate(group.episodes):
            siblings = [s for s in group.episodes if s.turns[-1].action.text != e.turns[-1].action.text]
            right = [s.turns[-1].action.text for s in siblings if s.verdict.correct]
            wrong = list(dict.fromkeys(s.turns[-1].action.text for s in siblings if not s.verdict.correct))
            solution = group.hints.get("trace") or group.hints["solution"]
            hints = {
                "answer": f"The reference answer is {group.hints['answer']}.",
                "solution": f"The reference solution is: {solution}",
                "sibling": f"An earlier correct response was: {right[0]}" if right else None,
                "wrong_answer": "The reference answer is 30.",
            }
            hints |= {f"wrong_{k}": f"An earlier correct response was: {text}" for k, text in enumerate(wrong)}
            one = SimpleNamespace(group=g, p=sum(rewards) / 4, episode=e, right=bool(rewards[i]), logp={}, entropy={})
            one.A = (rewards[i] - sum(rewards) / 4) / (statistics.stdev(rewards) + 1e-6)
            one.turn = torch.tensor([t for t, turn in enumerate(e.turns) for _ in turn.action.token_ids])
            one.thought = torch.cat([thoughts(stock, turn.action.token_ids) for turn in e.turns])
            rows = [(list(t.prompt.messages), t.prompt.images, list(t.action.token_ids)) for t in e.turns]
            shown = {name: [(hinted(m, text), x, y) for m, x, y in rows] for name, text in hints.items() if text}
            shown["own"] = rows
            shown["blurred"] = [(m, [blurred(image) for image in x], y) for m, x, y in rows]
            text = f"The reference solution is: {solution}"
            shown["other"] = [(hinted([*other.messages, *m[1:]], text), other.images, y) for m, _, y in rows]
            with torch.no_grad():
                for name, said in shown.items():
                    full = [stock.distributions(*row) for row in said]
                    ids = [torch.tensor(y)[:, None] for _, _, y in said]
                    one.logp[name] = torch.cat([f.gather(-1, y)[:, 0] for f, y in zip(full, ids)])
                    one.entropy[name] = torch.cat([-(f.exp() * f.clamp(min=-1e9)).sum(-1) for f in full])
            episodes.append(one)
    return episodes


def thoughts(stock, ids):
    texts = [stock.processor.tokenizer.decode([id]).strip() for id in ids]
    assert texts[0] == "<think>"
    end = texts.index("</think>") if "</think>" in texts else len(texts)
    return torch.tensor([0 < place < end for place in range(len(texts))])


# -- the formulas ------------------------------------------------------------------------------------------


def D(one, name="answer"):
    return one.logp[name] - one.logp["own"]


def w(one, evidence, epsilon=0.2):
    return torch.exp(math.copysign(1, one.A) * evidence).clamp(1 - epsilon, 1 + epsilon)


def mixed(one, weight, lam=0.5):
    return one.A * (1 - lam + lam * weight)


def rlsd(one, everyone):
    return mixed(one, w(one, D(one)))


def by_sibling(one, everyone):
    return mixed(one, w(one, D(one, "sibling"))) if "sibling" in one.logp else one.A


def negative(one, everyone):
    return mixed(one, w(one, D(one))) if one.A < 0 else one.A


def in_thoughts(one, everyone):
    return torch.where(one.thought, mixed(one, w(one, D(one))), one.A)


def conserving(one, everyone):
    weight = w(one, D(one))
    for t in range(int(one.turn.max()) + 1):
        weight[one.turn == t] /= weight[one.turn == t].mean()
    return mixed(one, weight)


def conserving_group(one, everyone):
    alike = [e for e in everyone if e.group == one.group and e.right == one.right]
    sums = [(abs(e.A) * w(e, D(e)).sum(), abs(e.A) * len(D(e))) for e in alike]
    return mixed(one, w(one, D(one)) * sum(b for _, b in sums) / sum(a for a, _ in sums))


def rlrt(one, everyone):
    if not one.right or "sibling" not in one.logp:
        return one.A
    return mixed(one, torch.exp(-D(one, "sibling")).clamp(0.8, 1.2))


def antisd(one, everyone):
    return one.A - 0.3 * (softplus(D(one, "solution")) - math.log(2)) / 2


def beliefs(one):
    odds = math.log(one.p / (1 - one.p)) + torch.cat([torch.zeros(1), D(one)]).double().cumsum(0)
    return (1 / (1 + torch.exp(-odds))).diff().float()


def of_turns(one, values):
    return [values[one.turn == t].sum() for t in range(int(one.turn.max()) + 1)]


def multiplied(one, steps, tokens):
    steps = torch.as_tensor(steps)
    spread = steps.std(correction=0) if len(steps) > 1 else torch.tensor(0.0)
    z = (steps - steps.mean()) / spread if spread > 1e-8 else torch.zeros_like(steps)
    return mixed(one, (1 + 0.5 * math.copysign(1, one.A) * z).clamp(0.5, 1.5)[tokens])


def belief(one, everyone):
    return multiplied(one, beliefs(one), torch.arange(len(one.turn)))


def belief_of_turns(one, everyone):
    return multiplied(one, of_turns(one, beliefs(one)), one.turn)


def oppo(one, everyone):
    return len(one.turn) * beliefs(one)


def oppo_of_turns(one, everyone):
    shares = [total / (one.turn == t).sum() for t, total in enumerate(of_turns(one, beliefs(one)))]
    return len(one.turn) * torch.stack(shares)[one.turn]


def visual(one, everyone):
    return mixed(one, w(one, D(one) + 0.7 * (one.logp["own"] - one.logp["blurred"])))


def where_seen(one, everyone):
    seen, evidence = one.logp["own"] - one.logp["blurred"], torch.zeros_like(one.logp["own"])
    for t in range(int(one.turn.max()) + 1):
        (places,) = torch.where(one.turn == t)
        top = places[seen[places].argsort(descending=True)[: math.ceil(0.3 * len(places))]]
        evidence[top] = D(one)[top]
    return mixed(one, w(one, evidence))


def divided(one, everyone):
    return mixed(one, w(one, D(one)), 0.5 * 4 * one.p * (1 - one.p))


def capped(one, everyone):
    total, most = float(D(one).sum()), -math.log(one.p)
    return mixed(one, w(one, D(one) * (most / total if total > most else 1)))


def egrsd(one, everyone):
    lam = 0.5 * (1 - one.entropy["answer"] / math.log(one.entries)).clamp(min=0.3)
    return one.A * (1 - lam + lam * w(one, D(one)))


def input_specific(one, everyone):
    return D(one, "solution") - 0.6 * D(one, "other") + 0.2 * one.A


def cepo(one, everyone):
    return mixed(one, w(one, one.logp["answer"] - one.logp["wrong_answer"], 0.5))


def contrast(one):
    wrong = torch.stack(
        [logp.double().exp() for name, logp in one.logp.items() if name[:6] == "wrong_" and name[6:] < "a"]
    )
    return (one.logp["sibling"].double() - wrong.mean(0).log()).float()


def rlcsd(one, everyone):
    """All tokens in one mean."""
    if "sibling" not in one.logp:
        return one.A
    residue = 0.5 * torch.tanh(contrast(one) / 0.02)
    added = one.A + torch.where(residue.abs() > 0.02, residue, 0.0)
    return added.clamp(min=0) if one.right else added.clamp(max=0)


def rlcsd_of_two_means(one, everyone):
    if "sibling" not in one.logp:
        return one.A
    advantages = rlcsd(one, everyone).clone()
    chosen = (0.5 * torch.tanh(contrast(one) / 0.02)).abs() > 0.02
    for t in range(int(one.turn.max()) + 1):
        here = one.turn == t
        for part, factor in ((here & chosen, 0.4), (here & ~chosen, 1.0)):
            advantages[part] *= factor * here.sum() / max(1, int(part.sum()))
    return advantages


CASES = {
    rlsd: ("rlsd", {}),
    by_sibling: ("rlsd", {"hint": "sibling"}),
    negative: ("rlsd", {"negative_only": True}),
    in_thoughts: ("rlsd", {"thought_only": True}),
    conserving: ("rlsd", {"conserving": "response"}),
    conserving_group: ("rlsd", {"conserving": "group"}),
    rlrt: ("rlrt", {}),
    antisd: ("antisd", {"lam": 0.3}),
    belief: ("belief", {}),
    belief_of_turns: ("belief", {"unit": "turn"}),
    oppo: ("belief", {"form": "replace"}),
    oppo_of_turns: ("belief", {"form": "replace", "unit": "turn"}),
    visual: ("rlsd-visual", {"k": 0.7}),
    where_seen: ("rlsd-visual", {"form": "gate", "top": 0.3}),
    divided: ("rlsd-difficulty", {}),
    capped: ("rlsd-capped", {}),
    egrsd: ("egrsd", {"floor": 0.3}),
    input_specific: ("credit", {"strength": 0.6, "reward": 0.2}),
    cepo: ("cepo", {}),
    rlcsd: ("rlcsd", {}),
    rlcsd_of_two_means: ("rlcsd", {"means": "two", "eta": 0.4}),
}
STATES = {
    "rlsd-gated": ({"agreement": 0.8, "steps_seen": 1.0}, lambda one: mixed(one, w(one, D(one)), 0.5 * 0.6)),
    "rlsd-signal": (
        {"size": 0.3, "reference": 0.5, "steps_seen": 9.0},
        lambda one: mixed(one, w(one, D(one)), 0.5 * 0.6),
    ),
    "rlsd-clip-target": ({"epsilon": 0.13}, lambda one: mixed(one, w(one, D(one), 0.13))),
}


def distance(policy, two, known, stock, method, state, formula):
    """How far the learner's gradient is from that of the formula, relative to it."""
    one = learner(policy, method, max_grad_norm=1e9, micro_batch_tokens=300)
    one.state |= state
    one.update(two)
    stock.model.zero_grad()
    for each in known:
        each.entries = stock.model.config.get_text_config().vocab_size
        advantages = torch.as_tensor(formula(each)).expand(len(each.turn))
        rows = [(list(t.prompt.messages), t.prompt.images, list(t.action.token_ids)) for t in each.episode.turns]
        S = torch.cat([stock.logp(*row) for row in rows])
        (-(advantages * S).mean() / len(known)).backward()
    expected = {name: p.grad for name, p in stock.model.named_parameters() if p.grad is not None}
    found = {name: p.grad for name, p in one.policy.model.named_parameters() if p.grad is not None}
    assert found.keys() == expected.keys()
    error = sum((found[name] - grad).square().sum() for name, grad in expected.items()).sqrt()
    return float(error / sum(grad.square().sum() for grad in expected.values()).sqrt())


@pytest.mark.parametrize("formula", CASES, ids=lambda formula: formula.__name__)
def test_the_gradient_is_that_of_the_formula(policy, two, known, stock, formula):
    name, options = CASES[formula]
    state = {"steps_seen": 9.0} if name == "antisd" else {}
    method = make(name, options)
    assert distance(policy, two, known, stock, method, state, lambda one: formula(one, known)) < 1e-4
    if formula is not rlsd:  # another formula would be told from it
        apart = 1.5e-4 if formula is capped else 1e-3  # whose bound few of these responses reach
        assert distance(policy, two, known, stock, method, state, lambda one: rlsd(one, known)) > apart


@pytest.mark.parametrize("name", STATES)
def test_the_gradient_is_that_of_the_formula_with_its_state(policy, two, known, stock, name):
    state, formula = STATES[name]
    assert distance(policy, two, known, stock, make(name), state, formula) < 1e-4
