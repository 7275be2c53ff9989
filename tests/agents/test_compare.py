"""Comparisons: what they write, equal budgets, the same bytes however they are run, methods of one's own."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import pytest

from tests.agents.commands import SMALL, algorithm, call, outcome, run
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """One small comparison by the command in processes of its own, with all five agents."""
    out = tmp_path_factory.mktemp("compare") / "out"
    done = run("agents.compare", "--seeds", "3", "--out", out, *SMALL)
    return out, done


def test_compare_writes_and_prints_everything(compared):
    out, done = compared
    results = json.loads((out / "results.json").read_text())
    assert list(results["agents"]) == ["grpo", "opsd", "sdpo", "grpo+opsd", "rlsd"]
    assert results["schema"] == "rlsd-results-2"
    assert results["rollouts_per_agent_and_seed"] == 4 * 3 * 4
    for name, agent in results["agents"].items():
        for key in ("sampled_accuracy", "sampled_gain", "greedy_accuracy", "greedy_gain"):
            assert set(agent[key]) == {"mean", "low", "high"}
        assert [run["seed"] for run in agent["runs"]] == [3]
        assert {"entropy", "response_length", "kl_to_informed_self", "leakage_per_1000"} <= set(
            agent["heldout_metrics"]
        )
        folder = out / "runs" / name / "seed3"
        names = {path.name for path in folder.iterdir()}
        assert {"config.toml", "metrics.csv", "model", "result.json", "timing.csv"} <= names
        assert "checkpoint.pt" not in names
    assert len({(path.stat().st_ino) for path in out.glob("runs/*/seed3/model/tokenizer.json")}) == 1
    assert (out / "report.html").stat().st_size > 50_000
    assert (out / "config.toml").exists()
    for word in ("untrained", "grpo+opsd", "gain over untrained", "python -m agents.samples"):
        assert word in done.stdout


def test_without_a_terminal_progress_is_lines_that_are_complete_in_themselves(compared):
    _, done = compared
    step = r"\S+ seed 3 step [1-4]/4 reward \S+ length \S+ entropy \S+ kl \S+ [\d,]+ tokens/s (-|0:\d\d) left\n"
    end = r"\S+, seed 3: done; \d+/20 steps, .*\n"
    lines = done.stderr.splitlines(keepends=True)
    assert not [line for line in lines if not re.fullmatch(f"{step}|{end}", line)]
    assert len([line for line in lines if re.fullmatch(step, line)]) == 5 * 4
    assert lines[-1].endswith("20/20 steps, 6 done\n")
    assert re.search(r"^grpo seed 3 step 1/4 reward \S+ length \d\S+ entropy \.\d\d kl - ", done.stderr, re.MULTILINE)
    assert re.search(r"^rlsd seed 3 step 1/4 reward \S+ length \d\S+ entropy \.\d\d kl \.\d", done.stderr, re.MULTILINE)


def test_budgets_are_equal(compared):
    """Every agent saw the same tasks: the first batch, before any update, is the same for all."""
    out, _ = compared
    first = {
        path.parent.parent.name: path.read_text().splitlines()[1].split(",")[1]  # accuracy at step 0
        for path in out.glob("runs/*/seed3/metrics.csv")
    }
    assert len(first) == 5
    assert len(set(first.values())) == 1


def test_the_same_command_gives_the_same_bytes_however_it_is_run(compared, tmp_path):
    """In as many workers as there are cores, in one worker, in this process."""
    out, _ = compared
    command = ["agents.compare", "--seeds", "3", *SMALL]
    call(*command, "--jobs", "1", "--out", tmp_path / "one", workers=True)
    call(*command, "--out", tmp_path / "here")
    assert outcome(out) == outcome(tmp_path / "one") == outcome(tmp_path / "here")


def test_an_output_folder_is_not_overwritten(compared):
    out, _ = compared
    done = call("agents.compare", "--seeds", "3", "--out", out, *SMALL, check=False)
    assert (done.returncode, "--resume" in done.stderr) == (2, True)
    done = call("agents.compare", "--seeds", "3", "--out", out, *SMALL, "--lr", "0.5", "--resume", check=False)
    assert done.returncode == 2
    assert "lr = 0.001, not 0.5" in done.stderr


def test_a_finished_comparison_is_shown_again_without_torch(compared):
    out, first = compared
    argv = ("--seeds", "3", "--out", str(out), *SMALL, "--resume")
    told = "import sys; from agents import compare; compare.entry(); print('torch' in sys.modules)"
    command = [sys.executable, "-c", told, *argv, "--agent-kwargs", "rlsd.lam=5e-1"]
    again = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300, check=True)
    shown = first.stdout[first.stdout.index("Accuracy on") :]
    assert again.stdout == shown + "False\n"


def test_a_finished_comparison_is_not_shown_for_other_options(compared):
    out, _ = compared
    argv = ("--seeds", "3", "--out", out, *SMALL, "--resume", "--agent-kwargs", "rlsd.lam=0.25")
    done = call("agents.compare", *argv, check=False)
    assert done.returncode == 2
    assert "was made with agent_kwargs rlsd.lam = 0.5, not 0.25; resume with the stored" in done.stderr


def test_a_run_that_was_taken_away_is_made_again(compared, tmp_path):
    out, _ = compared
    copied = tmp_path / "out"
    shutil.copytree(out, copied)
    shutil.rmtree(copied / "runs" / "grpo")
    call("agents.compare", "--seeds", "3", "--out", copied, *SMALL, "--resume")
    assert outcome(copied) == outcome(out)


def test_the_documented_algorithm_trains_from_a_file_outside_the_package(tmp_path):
    """docs/own_algorithm.md: its code as my_module.py, its command with a smaller budget."""
    page = (ROOT / "docs" / "own_algorithm.md").read_text("utf-8")
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    command = re.search(r"^    python -m agents.compare (.*)$", page, re.MULTILINE)[1]
    assert len(code.splitlines()) < 100
    (tmp_path / "my_module.py").write_text(code)
    argv = [*command.split(), "--seeds", "0", "--out", "out", *SMALL, "--jobs", "1"]
    call("agents.compare", *argv, cwd=tmp_path, workers=True)
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert list(results["agents"]) == ["mine", "grpo", "rlsd"]
    assert results["agents"]["mine"]["training_metrics"]["teacher_tokens_scored"] > 0


FAILING = algorithm(
    "Failing",
    "if signals.step == 1:",
    '    raise ZeroDivisionError("on purpose")',
    "return Credit(signals.A_N1)",
)


def test_a_run_that_fails_stops_the_others_and_is_named(tmp_path):
    (tmp_path / "my_module.py").write_text(FAILING)
    argv = ["--agents", "my_module:Failing,grpo", "--seeds", "0", "--out", "out", *SMALL, "--steps", "2000"]
    done = call("agents.compare", *argv, cwd=tmp_path, workers=True, check=False)
    assert done.returncode == 1
    assert "error: failing, seed 0: ZeroDivisionError in credit (my_module.py, line 14" in done.stderr
    assert {path.name for path in (tmp_path / "out" / "runs").iterdir()} <= {"failing", "grpo"}
    assert not list((tmp_path / "out").rglob("result*.json"))


def test_a_method_is_compared_with_itself_under_a_label(tmp_path):
    argv = ["--agents", "rlsd,loose=rlsd", "--agent-kwargs", "loose.epsilon=0.9", "loose.lam=1.0", "--seeds", "0"]
    call("agents.compare", *argv, "--out", tmp_path / "out", *SMALL)
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert {name: agent["hyperparameters"]["epsilon"] for name, agent in results["agents"].items()} == {
        "rlsd": 0.2,
        "loose": 0.9,
    }
    weights = [agent["training_metrics"]["weight"] for agent in results["agents"].values()]
    assert weights[0] != weights[1]
