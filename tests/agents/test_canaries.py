"""Canary words in every privileged part, and nothing that a run prints or stores has one."""

from __future__ import annotations

import re

import pytest
import torch

from agents.algorithms import make
from agents.algorithms.contexts import show_answer
from agents.diagnostics import canary
from agents.diagnostics.canary import with_canary
from tests.agents.commands import call
from tests.agents.test_contexts import learner
from tests.agents.test_metrics import documented

MODULE = '''
import zlib

import rlsd_env
from rlsd_env import Item, Privileged, Task
from rlsd_env.procedural.shape_count import ShapeCount
from verifiers import Reference, Status, Step, Verdict, Verifier

CANARY = "xq7canary"


class Coin(Verifier):
    """Rewards half of all texts, so that every teacher is consulted, and tells canaries."""

    def verify(self, response, reference):
        right = zlib.crc32(response.encode()) % 2 == 0
        return Verdict(float(right), right, response[:5], Status.OK, f"{CANARY}6 is right", {"accuracy": float(right)})

    def feedback(self, response, reference, verdict, *, level="steps"):
        return f"{CANARY}7" if level == "steps" else "Wrong."


class Canaries(ShapeCount):
    """ShapeCount with canaries for answers."""

    verifier = "canaries:Coin"

    def item(self, index):
        item = super().item(index)
        reference = Reference(f"{CANARY}1", solution=f"{CANARY}2", steps=(Step(f"{CANARY}3", "1"),))
        return Item(item.task, Privileged(reference, trace=f"{CANARY}4", extras={"note": f"{CANARY}5"}))

    def privileged(self, index):
        return self.item(index).privileged


rlsd_env.register("mine/Canaries-v0", source="canaries:Canaries")
'''


FOR_PEOPLE = re.compile(r"__pycache__|/(samples|evidence)/|/report\.(html|md)$")
"""What holds the right answers beside what was sampled, and what scorers read: docs/guide.md."""
SMALL = "--steps 2 --prompts-per-step 2 --group-size 2 --eval-tasks 2 --eval-samples 1".split()


def test_no_canary_is_printed_or_stored_but_where_people_are_shown_what_a_teacher_saw(tmp_path):
    (tmp_path / "canaries.py").write_text(MODULE)
    env = ["--env", "canaries:mine/Canaries-v0"]
    turns = ["max_turns=2", 'feedback="verifier"']
    done = call("agents.compare", *env, "--env-kwargs", *turns, "--agents", "opsd,sdpo,rlsd", "--seeds", "0",
               "--out", "out", *SMALL, cwd=tmp_path)  # fmt: skip
    evaluated = call("agents.evaluate", *env, "--env-kwargs", *turns, "--limit", "3", "--out", "evaluated",
                    cwd=tmp_path)  # fmt: skip
    rows = (tmp_path / "out/runs/opsd/seed0/metrics.csv").read_text()
    assert "teacher_tokens_scored" in rows
    assert '"transcript"' in (tmp_path / "evaluated/responses.jsonl").read_text()
    recorded = {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".py"}
    recorded |= {f"output {n}": text.encode() for n, text in enumerate((done.stdout, done.stderr, evaluated.stdout))}
    assert len(recorded) > 20
    for name, content in recorded.items():
        if not FOR_PEOPLE.search(name):
            assert not re.search(rb"xq7canary", content), name


def test_the_canary_of_a_run_is_shown_to_teachers_and_its_likelihood_measured(policy, batch):
    """By hand: the log-probability of its tokens behind each prompt, and the words of the teacher's prompt."""
    shown = with_canary(batch, "zebra")
    for before, after in zip(batch.groups, shown.groups):
        assert after.hints == {level: f"{text} zebra" for level, text in before.hints.items()}
        assert f"The reference answer is {before.hints['answer']} zebra." in str(show_answer(after, 0).prompts[0])
        assert "zebra" not in str(after.episodes[0].turns[0].prompt)
    ids = policy.tokenizer("zebra", add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        found = [policy.score([g.episodes[0].turns[0].prompt], [0], [ids]).logp_NT.sum() for g in batch.groups]
    one = learner(policy, make("opsd", {"teacher": "live"}))
    assert canary.measure(one, shown, "zebra") == {"canary_logp": pytest.approx(float(sum(found)) / 4, abs=1e-3)}
    assert documented("Of a canary") == {"canary_logp"}


def test_a_canary_is_scored_under_the_budget_of_the_updates(policy, batch, monkeypatch):
    ids = policy.tokenizer("zebra", add_special_tokens=False)["input_ids"]
    prompts = [group.episodes[0].turns[0].prompt for group in batch.groups]
    budget = 2 * max(policy.count_tokens(prompt) for prompt in prompts) + 2 * len(ids)
    small, large = (learner(policy, make("grpo"), micro_batch_tokens=tokens) for tokens in (budget, 100_000))
    sizes, score = [], small.policy.score
    monkeypatch.setattr(small.policy, "score", lambda part, *a, **o: (sizes.append(len(part)), score(part, *a, **o))[1])
    found = [canary.measure(one, batch, "zebra")["canary_logp"] for one in (small, large)]
    assert sizes == [2, 2]
    assert found[0] == pytest.approx(found[1], abs=1e-4)


def test_a_run_logs_the_canary_at_every_step(tmp_path):
    options = ["--canary", "zebra", "--agent", "opsd", "--out", "out"]
    call("agents.train", *options, *SMALL, cwd=tmp_path)
    lines = (tmp_path / "out/metrics.csv").read_text().splitlines()
    place = lines[0].split(",").index("canary_logp")
    assert all(float(line.split(",")[place]) < 0 for line in lines[1:])
    assert len(lines) == 3
