"""`python -m agents.report` on what there is: unfinished runs, one training, several machines, a benchmark, the lab."""

from __future__ import annotations

import json

import pytest

from agents.report.folders import find_runs
from agents.report.summary import steps_to, summarise_found
from agents.runs.storage import write_csv
from tests.agents.commands import call
from tests.agents.runs_on_disk import EVIDENCE, but, keep_evidence, write_comparison, write_run


def report(*folders, out, **kwargs):
    done = call("agents.report.__main__", *folders, "--out", out, "--no-figures", **kwargs)
    assert f"report: {out / 'report.html'}" in done.stdout
    return (out / "report.html").read_text(), (out / "report.md").read_text()


def test_an_unfinished_comparison_is_reported_as_far_as_it_got(tmp_path):
    folder = write_comparison(tmp_path / "two", absent=[("rlsd", 0), ("rlsd", 1)])
    write_run(folder / "runs" / "rlsd" / "seed0", "rlsd", steps=2, ended=False)
    page, told = report(folder, out=tmp_path / "out")
    notice = "of 4 runs 2 have ended; under way: rlsd seed 0 after step 2; not begun: rlsd seed 1."
    assert notice in told
    assert notice in page
    assert "grpo has the highest sampled accuracy" in told
    assert "| rlsd |" not in told.partition("## Cost")[0]
    assert ",rlsd,2," in (tmp_path / "out" / "curves.csv").read_text()
    assert not (folder / "report.html").exists()


def test_before_any_run_has_begun_there_is_a_report_of_nothing(tmp_path):
    folder = write_comparison(tmp_path / "new", absent=[(a, s) for a in ("grpo", "rlsd") for s in (0, 1)])
    _, told = report(folder, out=tmp_path / "out")
    assert "of 4 runs 0 have ended; not begun: grpo seed 0" in told
    assert "No run has ended yet" in told


def test_one_training_has_a_report_of_its_own(tmp_path):
    folder = write_run(tmp_path / "rlsd", "rlsd")
    page, told = report(folder, out=folder)
    assert told.startswith("# rlsd on Clock-v0\n")
    assert "rlsd has the highest sampled accuracy, .500" in told
    assert "With one seed" in told
    assert "python -m agents.train --config" in page
    write_run(tmp_path / "late", steps=0, ended=False)
    assert "No run has ended yet" in report(tmp_path / "late", out=tmp_path / "late")[1]


def test_seeds_of_two_machines_become_seeds_of_one_agent(tmp_path):
    one = write_comparison(tmp_path / "one", seeds=(0, 1))
    other = write_comparison(tmp_path / "other", seeds=(2, 3))
    results = summarise_found(find_runs([one, other]))
    assert results["seeds"] == [0, 1, 2, 3]
    assert [run["seed"] for run in results["agents"]["rlsd"]["runs"]] == [0, 1, 2, 3]
    (pair,) = (found for found in results["comparisons"] if found["kind"] == "sampled")
    assert (pair["a"], pair["b"], pair["seeds"], pair["tasks"]) == ("rlsd", "grpo", 4, 3)
    assert pair["verdict"] == "no difference shown"  # they are the same


def test_agents_are_compared_on_the_seeds_that_both_have(tmp_path):
    folder = write_comparison(tmp_path / "two", seeds=(0, 1, 2), absent=[("rlsd", 1)])
    results = summarise_found(find_runs([folder]))
    (pair,) = (found for found in results["comparisons"] if found["kind"] == "sampled")
    assert pair["seeds"] == 2
    assert results["missing"] == [["rlsd", 1]]


def test_runs_that_were_asked_otherwise_are_named(tmp_path):
    one = write_run(tmp_path / "one", "grpo")
    other = write_run(tmp_path / "other", "rlsd", eval_tasks=4)
    _, told = report(one, other, out=tmp_path / "out")
    assert "do not have all options in common: eval_tasks (3 or 4)" in told


def test_the_paper_s_table_stands_beside_its_benchmarks_and_is_marked(tmp_path):
    page, told = report(write_comparison(tmp_path / "two", env="rlsd/MMMU-v0"), out=tmp_path / "out")
    assert "## Published numbers" in told
    assert "| RLSD | 67.22 (one sigma 1.6) |" in told
    assert "not a result of these runs" in page
    assert "## Published" not in report(write_comparison(tmp_path / "clock"), out=tmp_path / "none")[1]


def test_the_laboratory_s_part_says_whose_blame_finds_the_wrong_step(tmp_path):
    folder = write_comparison(tmp_path / "lab", agents=("grpo", "rlsd"), env="rlsd/Chain-v0")
    tokens = ("3", " +", " 4", " =", " 8", ".", " 8", " *", " 2", " =", " 6", ".")  # the first step is wrong
    size = len(tokens)
    flat = {"student": (-1.0,) * size, "credit": (-0.5,) * size}
    sharp = {"student": (-1.0,) * size, "logp_answer": (-1.0,) * 4 + (-3.0,) + (-1.0,) * (size - 5)}
    wrong = but(EVIDENCE, tokens=tokens, token_ids=tuple(range(size)), correct=False, reward=0.0)
    for agent, values in (("grpo", flat), ("rlsd", sharp)):
        keep_evidence(folder / "runs" / agent / "seed0", but(wrong, values=values))
    _, told = report(folder, out=tmp_path / "out")
    rows = [line for line in told.splitlines() if line.startswith(("| grpo | credit", "| rlsd | evidence"))]
    assert "| 1 | .417 [.417, .417] | .417 | .500" in rows[0]  # 5 of 12 tokens; two results are blamed alike
    assert "| 1 | 1.000 [1.000, 1.000] | .417 | 1.000" in rows[1]
    assert "OPSD ends below GRPO" in told


def test_steps_to_an_accuracy_are_counted_from_curves(tmp_path):
    folder = write_comparison(tmp_path / "two", agents=("grpo", "rlsd"), seeds=(0,))
    for agent, values in (("grpo", (0.2, 0.4, 0.5)), ("rlsd", (0.2, 0.6, 0.6))):
        rows = [{"step": step, "sampled_accuracy": value} for step, value in zip((0, 5, 10), values)]
        write_csv(folder / "runs" / agent / "seed0" / "evaluations.csv", rows)
    found = steps_to(find_runs([folder]))
    # from .2 to the best, .6: half of the way is .4
    assert found["grpo"]["0.400"] == {"mean": 5.0, "reached": 1, "of": 1}
    assert found["grpo"]["0.500"]["mean"] == 10.0
    assert found["grpo"]["0.560"] == {"mean": None, "reached": 0, "of": 1}
    assert found["rlsd"]["0.560"]["mean"] == 5.0


def test_stored_results_of_the_whole_comparison_are_taken_as_they_are(tmp_path):
    folder = write_comparison(tmp_path / "two")
    results = summarise_found(find_runs([folder]))
    (folder / "results.json").write_text(json.dumps(results | {"eval_fold": "mark"}))
    assert summarise_found(find_runs([folder]))["eval_fold"] == "mark"
    (folder / "results.json").write_text(json.dumps(results | {"eval_fold": "mark", "schema": "rlsd-results-1"}))
    assert summarise_found(find_runs([folder]))["eval_fold"] == "heldout"


@pytest.mark.parametrize("what", ["nothing", "a file"])
def test_what_is_no_run_is_told_in_one_line(tmp_path, what):
    path = tmp_path / "x"
    if what == "a file":
        path.write_text("")
    done = call("agents.report.__main__", path, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "give the --out of a training or a comparison" in done.stderr
