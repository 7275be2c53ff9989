"""A sweep from the command line to its one table."""

from __future__ import annotations

import io
import json
import re

import pytest
from rich.console import Console

from agents.report.sweep import print_sweep
from tests.agents.commands import SMALL, call, outcome

ARGV = ["agents.compare", "--agents", "rlsd,grpo", "--seeds", "3", *SMALL, "--steps", "2"]
ARGV += ["--sweep", "rlsd.lam=0.1,0.9", "--sweep", "rlsd.lr=1e-5,1e-3"]
VARIANTS = [f"rlsd@lam={lam},lr={lr}" for lam in ("0.1", "0.9") for lr in ("1e-05", "0.001")]


def test_a_sweep_ends_in_one_table_and_resumes(tmp_path):
    out = tmp_path / "out"
    done = call(*ARGV, "--out", out)
    results = json.loads((out / "results.json").read_text())
    assert list(results["agents"]) == [*VARIANTS, "grpo"]
    assert results["agents"][VARIANTS[1]]["swept"] == {"lam": 0.1, "lr": 0.001}
    assert results["agents"][VARIANTS[1]]["hyperparameters"]["lam"] == 0.1
    assert results["agents"]["grpo"] | {"swept": {}, "options": {"lr": 1e-3}} == results["agents"]["grpo"]
    assert sorted(path.name for path in (out / "runs").iterdir()) == sorted([*VARIANTS, "grpo"])
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"  at the same time: \d runs? \(--jobs\)", lines[4])
    assert lines[0] == "budget: 5 variants x 1 seed = 5 runs"
    assert done.stdout.count("┏") == 1  # one table
    (rule,) = (number for number, line in enumerate(lines) if line.startswith("┏"))
    assert [word for word in lines[rule + 1].replace("┃", " ").split() if word in ("lam", "lr")] == [
        "lam",
        "lr",
    ]
    assert sum(line.startswith("│ rlsd ") for line in lines) == 4
    means = {name: agent["sampled_accuracy"]["mean"] for name, agent in results["agents"].items()}
    highest = sum(mean == max(means.values()) > min(means.values()) for mean in means.values())
    assert sum("│ highest" in line for line in lines) == highest
    before = outcome(out)
    (out / "results.json").unlink()
    call("agents.compare", "--config", out / "config.toml", "--out", out, "--resume")
    assert outcome(out) == before


def test_a_bad_sweep_is_one_line_and_nothing_is_written(tmp_path):
    argv = [*ARGV, "--sweep", "rlsd.epsilom=0.1"]
    done = call(*argv, "--out", tmp_path / "out", check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: unknown option of rlsd in sweep 'epsilom'; did you mean 'epsilon'")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def sweep_of(*means):
    """Results of a sweep of one option, as far as the table shows them."""
    interval = {"low": None, "high": None}
    agents = {
        f"rlsd@lam={number}": {
            "swept": {"lam": number},
            "hyperparameters": {"lam": number},
            "options": {},
            "sampled_accuracy": {"mean": mean, **interval},
            "sampled_gain": {"mean": 0.0, **interval},
        }
        for number, mean in enumerate(means)
    }
    return {"agents": agents, "untrained": None, "eval_fold": "tuning", "heldout_tasks": 8, "seeds": [0]}


@pytest.mark.parametrize(
    ("means", "marks"),
    [
        ((0.1, 0.3, 0.2), ["", "highest", ""]),
        ((0.3, 0.1, 0.3), ["highest, tied", "", "highest, tied"]),
        ((0.3, 0.3), ["", ""]),
        ((None, 0.3, 0.2), ["", "highest", ""]),
        ((None,), [""]),
    ],
)
def test_the_highest_mean_is_marked_where_means_differ(means, marks):
    out = io.StringIO()
    print_sweep(sweep_of(*means), Console(file=out, width=140, markup=False))
    text = out.getvalue()
    assert [line.split("│")[-2].strip() for line in text.splitlines() if line.startswith("│ rlsd")] == marks
    assert "on 8 tasks of fold tuning, 1 seed" in text
