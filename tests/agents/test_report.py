from __future__ import annotations

import csv
import io
import re

import pytest
from rich.console import Console

from agents.entrants import resolve
from agents.options.commands import CompareOptions
from agents.report.failures import failures, other_sampler
from agents.report.results import summarise
from agents.report.table import print_table
from agents.runs.progress import failed_share
from agents.runs.storage import write_csv


def record(agent, seed, sampled, greedy):
    one = {
        "agent": agent,
        "seed": seed,
        "evaluation": {"sampled": sampled, "greedy": greedy, "metrics": {"entropy": 0.2}},
    }
    if agent != "untrained":
        one |= {"algorithm": agent, "hyperparameters": {"epsilon": 0.2}}
        one |= {"training": {"reward": 0.5, "teacher_tokens_scored": 10.0}, "seconds": {"rollout": 1.0, "update": 2.0}}
    return one


def results(**given):
    options, entrants = resolve(CompareOptions(agents=("grpo", "rlsd"), seeds=(0, 1), **given))
    records = [
        record("untrained", 1, [0.5, 0.25], [1.0, 0.0]),
        record("untrained", 0, [0.25, 0.25], [1.0, 0.0]),
        record("grpo", 0, [0.5, 0.75], [1.0, 0.0]),
        record("grpo", 1, [1.0, 0.5], [1.0, 1.0]),
        record("rlsd", 1, [0.5, None], [1.0, 0.0]),
        record("rlsd", 0, [0.25, 0.25], [1.0, 0.0]),
    ]
    return summarise(records, options, entrants)


def test_gains_are_paired_by_seed_and_task():
    found = results()
    assert found["untrained"]["sampled_accuracy"]["mean"] == pytest.approx(0.3125)
    assert found["agents"]["grpo"]["sampled_accuracy"]["mean"] == pytest.approx(0.6875)
    # seed 0: .5-.25, .75-.25; seed 1: 1-.5, .5-.25
    assert found["agents"]["grpo"]["sampled_gain"]["mean"] == pytest.approx((0.25 + 0.5 + 0.5 + 0.25) / 4)
    assert found["agents"]["grpo"]["greedy_gain"]["mean"] == pytest.approx(0.25)
    assert [run["seed"] for run in found["agents"]["rlsd"]["runs"]] == [0, 1]


def test_no_interval_leaves_what_an_accuracy_can_be():
    found = results()
    for table in (found["untrained"], *found["agents"].values()):
        for kind in ("sampled_accuracy", "greedy_accuracy"):
            assert 0 <= table[kind]["low"] <= table[kind]["mean"] <= table[kind]["high"] <= 1


def test_a_task_without_a_verdict_is_left_out_of_every_seed():
    # task 1 is null for seed 1: only task 0 counts, .25 and .5 against .25 and .5
    assert results()["agents"]["rlsd"]["sampled_gain"]["mean"] == 0.0


def test_the_table_shows_every_agent_beside_the_untrained_model():
    out = io.StringIO()
    print_table(results(), Console(file=out, width=140))
    text = out.getvalue()
    for word in ("untrained", "grpo", "rlsd", "+0.375", "0.688", "95 % intervals"):
        assert word in text
    # on task 0, which alone was judged in all runs, rlsd has .25 and .5, grpo .5 and 1
    assert "rlsd - grpo" in text
    # differences of the seeds -.25 and -.5: sqrt(.03125 / 2) = .125; t with 1: 12.7, cut at what a difference can be
    assert "-0.375 [-1.000, +1.000]" in text
    assert "no difference shown" in text
    assert "Equal: 5,120 rollouts in every run." in text


def test_a_comparison_that_has_not_ended_is_of_what_there_is():
    options, entrants = resolve(CompareOptions(agents=("grpo", "rlsd", "opsd"), seeds=(0, 1)))
    records = [record("untrained", 0, [0.5, 0.25], [1.0, 0.0]), record("untrained", 1, [0.5, 0.25], [1.0, 0.0])]
    records += [record("grpo", seed, [0.5, 0.75], [1.0, 0.0]) for seed in (0, 1)]
    records += [record("rlsd", 1, [1.0, 0.75], [1.0, 0.0])]
    found = summarise(records, options, entrants)
    assert list(found["agents"]) == ["grpo", "rlsd"]
    assert found["missing"] == [["rlsd", 0], ["opsd", 0], ["opsd", 1]]
    (pair,) = (one for one in found["comparisons"] if one["kind"] == "sampled")
    assert (pair["seeds"], pair["difference"]["mean"]) == (1, 0.25)  # of seed 1: (.5 + 0) / 2
    assert found["agents"]["rlsd"]["sampled_gain"]["mean"] == 0.5  # of seed 1 too: (.5 + .5) / 2


def test_pass_at_k_and_the_budgets_stand_in_the_results():
    found = results(eval_samples=4)["agents"]["grpo"]
    assert list(found["pass_at_k"]) == ["1", "2", "4"]
    # 2 and 3 of 4, then 4 and 2 of 4: 1 - C(2,2)/6, 1 - 0, 1, 1 - 1/6
    assert found["pass_at_k"]["2"]["mean"] == pytest.approx((5 / 6 + 1 + 1 + 5 / 6) / 4)
    assert (found["avg_at_k"]["k"], found["avg_at_k"]["mean"]) == (4, 0.6875)
    assert found["sampled_iqm"]["mean"] == pytest.approx(0.625)  # of .5 .5 .75 1 the middle two
    spent = results(agent_options={"rlsd.updates_per_batch": 2})["budgets"]
    assert spent["agents"]["rlsd"]["updates"] == 2 * spent["agents"]["grpo"]["updates"]
    assert "Not equal, updates of a run: grpo 40, rlsd 80." in spent["statements"]


def test_the_best_weights_stand_beside_the_last():
    options, entrants = resolve(CompareOptions(agents=("grpo",), seeds=(0, 1), eval_every=2))
    records = [record("untrained", seed, [0.5, 0.25], [1.0, 0.0]) for seed in (0, 1)]
    for seed, peak, step in ((0, 0.75, 2), (1, 0.25, 4)):
        curve = {"final": 0.5, "peak": peak, "peak_step": step, "area": None}
        best = {"step": step, "evaluation": {"sampled": [1.0, 0.75], "greedy": [1.0, 1.0], "metrics": {}}}
        records.append(record("grpo", seed, [0.5, 0.75], [1.0, 0.0]) | {"tuning": curve, "best": best})
    found = summarise(records, options, entrants)
    grpo = found["agents"]["grpo"]
    assert grpo["tuning"]["peak"]["mean"] == 0.5  # of .75 and .25
    assert grpo["tuning"]["final"]["mean"] == 0.5
    assert grpo["tuning"]["area"] == {"mean": None, "low": None, "high": None}
    assert grpo["best_sampled_accuracy"]["mean"] == 0.875
    assert grpo["best_sampled_gain"]["mean"] == 0.5  # 1 - .5 and .75 - .25
    assert grpo["sampled_accuracy"]["mean"] == 0.625
    assert grpo["runs"][1]["tuning"]["peak_step"] == 4
    assert grpo["runs"][1]["best_greedy_accuracy"] == 1.0
    text = io.StringIO()
    print_table(found, Console(file=text, width=160, markup=False))
    for word in ("on tasks of fold tuning", "2, 4", "0.875", "on 2 held-out tasks, 2 seeds"):
        assert word in text.getvalue()


def test_csv_has_the_union_of_columns(tmp_path):
    write_csv(tmp_path / "m.csv", [{"step": 0, "b": 1.5}, {"step": 1, "a": 2.0}])
    with (tmp_path / "m.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == [{"step": "0", "a": "", "b": "1.5"}, {"step": "1", "a": "2.0", "b": ""}]


def printed(found):
    text = io.StringIO()
    print_table(found, Console(file=text, width=200, markup=False))
    return text.getvalue()


def test_columns_are_those_that_some_agent_has_a_value_for():
    found = results()
    assert "clipped w" not in printed(found)
    found["agents"]["rlsd"]["training_metrics"] |= {"weight_clip_low": 0.031, "weight_clip_high": 0.059}
    assert "clipped w" in printed(found)
    assert "9.0" in printed(found)
    assert "tokens with help" not in printed(found)
    found["agents"]["rlsd"]["training_metrics"] |= {"teacher_tokens_sampled": 51234.0}
    assert "tokens with help" in printed(found)
    assert "51234" in printed(found)


def test_responses_without_a_verdict_are_told_of_with_what_they_may_hide():
    metrics = {"status_error_share": 0.5, "status_timeout_share": 0.25, "status_no_answer_share": 0.1}
    assert failed_share(metrics) == 0.75
    assert failures("them", {"status_no_answer_share": 0.1}) == ""
    told = "warning: the verifier or environment failed on 75.0% of them, which accuracy and reward leave out"
    assert failures("them", metrics) == told
    assert failures("them", metrics, 0.5) == f"{told}: of those judged 0.500 were right, of all 0.125"


def test_an_engine_that_runs_another_model_is_told_of():
    assert other_sampler("them", {}) == other_sampler("them", {"sampler_difference": 0.25}) == ""
    found = results()
    assert "sampler_difference" not in printed(found)
    found["agents"]["rlsd"]["training_metrics"] |= {"sampler_difference": 0.5}
    told = (
        "warning: log-probabilities recorded while sampling rlsd's attempts in training are 0.5 from the learner's on"
    )
    assert told in " ".join(printed(found).split())


def test_rewards_that_are_no_accuracies_have_a_column():
    def printed(heldout):
        found = results()
        found["agents"]["grpo"]["heldout_metrics"] |= heldout
        text = io.StringIO()
        print_table(found, Console(file=text, width=200, markup=False))
        return text.getvalue()

    assert "│ reward │" not in printed({"reward": 0.5, "accuracy": 0.5})
    assert re.search(r"│ grpo +│ +0\.625 │", printed({"reward": 0.625, "accuracy": 0.5}))


def test_options_of_an_agent_are_shown_where_agents_differ():
    def printed(found):
        text = io.StringIO()
        print_table(found, Console(file=text, width=200, markup=False))
        return text.getvalue()

    found = results(agent_options={"rlsd.lr": 1e-6, "grpo.weight_decay": 0.1, "rlsd.weight_decay": 0.1})
    assert found["agents"]["grpo"]["options"] == {"lr": 5e-5, "weight_decay": 0.1}
    assert found["agents"]["rlsd"]["options"] == {"lr": 1e-6, "weight_decay": 0.1}
    assert re.search(r"│ rlsd +│ +1e-06 │", printed(found))
    assert "weight_decay" not in printed(found)
    assert "Options in which" not in printed(results())
    assert results()["agents"]["rlsd"]["options"] == {}
