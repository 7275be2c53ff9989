"""Runs as they lie in folders, written without training anything: for tests of what reads them."""

from __future__ import annotations

import dataclasses
import json

import tomli_w

from agents.evidence import TokenEvidence, write_evidence
from agents.runs.samples import Sample, write_samples
from agents.runs.storage import write_csv

OPTIONS = {
    "env": "rlsd/Clock-v0",
    "policy": "tiny",
    "steps": 4,
    "prompts_per_step": 2,
    "group_size": 2,
    "eval_tasks": 3,
    "eval_samples": 2,
    "eval_fold": "heldout",
    "max_tokens": 8,
    "lr": 0.001,
}
SAMPLE = Sample(3, "clock-1", 0, "What time?", "It is 3.", 4, 0.0, False, "ok", "3", False, 0, False, "4", "not 4")
EVIDENCE = TokenEvidence(
    step=0,
    task_id="clock-1",
    group=0,
    member=0,
    turn=0,
    reward=1.0,
    correct=True,
    advantage=0.5,
    token_ids=(5, 6),
    tokens=("It", " is"),
    values={"student": (-1.0, -2.0), "logp_answer": (-0.5, -2.5), "weight": (1.2, 0.8), "credit": (0.6, 0.4)},
)


def write_run(folder, agent="grpo", seed=0, steps=4, ended=True, sampled=(0.5, 1.0, 0.0), label=True, **options):
    """Write a run's files; an interrupted one has fewer steps and no result."""
    folder.mkdir(parents=True)
    given = {**OPTIONS, "agent": agent, "seed": seed, **({"label": agent} if label else {}), **options}
    (folder / "config.toml").write_text(tomli_w.dumps(given))
    rows = [{"step": s, "reward": 0.25 * s + 0.1 * seed, "response_length": 4.0, "entropy": 0.5} for s in range(steps)]
    rows = [{**row, "teacher_tokens_scored": 10.0, "leakage_per_1000": 0.0} for row in rows]
    write_csv(folder / "metrics.csv", rows)
    write_csv(folder / "timing.csv", [{"step": s, "seconds_rollout": 1.0, "seconds_update": 3.0} for s in range(steps)])
    if ended:
        metrics = {"leakage_per_1000": 100.0, "response_length": 4.0, "entropy": 0.5, "accuracy": 0.5, "reward": 0.5}
        result = {
            "agent": agent,
            "algorithm": agent,
            "hyperparameters": {},
            "seed": seed,
            "evaluation": {"sampled": list(sampled), "greedy": [1.0, 0.0, 0.0], "metrics": metrics},
            "training": {"reward": 0.5, "teacher_tokens_scored": 40.0},
            "seconds": {"rollout": 4.0, "update": 12.0},
        }
        (folder / "result.json").write_text(json.dumps(result))
    return folder


def write_comparison(folder, agents=("grpo", "rlsd"), seeds=(0, 1), absent=(), **given):
    """Write a comparison's files, without results.json; `absent` are runs that have not begun."""
    folder.mkdir(parents=True)
    config = {**OPTIONS, "agents": list(agents), "seeds": list(seeds)}
    (folder / "config.toml").write_text(tomli_w.dumps(config))
    (folder / "untrained").mkdir()
    for seed in seeds:
        metrics = {"leakage_per_1000": 0.0, "response_length": 4.0}
        evaluation = {"sampled": [0.5, 0.5, 0.0], "greedy": [0.0, 0.0, 0.0], "metrics": metrics}
        record = {"agent": "untrained", "seed": seed, "evaluation": evaluation}
        (folder / "untrained" / f"seed{seed}.json").write_text(json.dumps(record))
        for agent in agents:
            if (agent, seed) not in absent:
                write_run(folder / "runs" / agent / f"seed{seed}", agent, seed, **given)
    return folder


def but(one, **changes):
    """Return a sample or evidence with changes."""
    return dataclasses.replace(one, **changes)


def keep_samples(folder, *samples):
    """Store what a run sampled, by step."""
    for step in {one.step for one in samples}:
        write_samples(folder, step, [one for one in samples if one.step == step])


def keep_evidence(folder, *evidence):
    """Store what tokens earned, by step."""
    for step in {one.step for one in evidence}:
        write_evidence(folder, step, [one for one in evidence if one.step == step])
