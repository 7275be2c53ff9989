"""The laboratory's experiments: what is planned, what is said of curves, a short run from the command to its table."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from agents import compare
from agents.bundled import BUNDLED
from benchmarks.lab import __main__ as lab
from benchmarks.lab import tuning
from benchmarks.lab.curves import landmarks, read_metrics, smoothed
from benchmarks.lab.plan import FAMILY, PARTS, TEACHERS, Comparison, plan, rate_of, specs_of
from benchmarks.lab.summary import interval, paired
from rlsd_env.errors import ConfigurationError
from tests.agents.commands import Here


def test_the_plan_has_every_method_with_both_teachers():
    table = plan(["table"], FAMILY)
    assert [(one.teacher, one.agents) for one in table] == [("honest", FAMILY), ("lazy", FAMILY)]
    everything = plan(PARTS, FAMILY)
    assert len({one.name for one in everything}) == len(everything)
    assert set(TEACHERS.values()) < set(BUNDLED)
    for one in everything:
        chosen = one.options({**lab.SHARED, "seeds": (0,)}, lab.Path("out"), {"lazy": {"opsd": 1e-4}})
        assert chosen.env_kwargs.get("hints", "right") == one.hints
        assert chosen.poison == one.poison
        tuned = {"opsd", "teacher-top1", "student-top1"} & {name.partition("=")[0] for name in one.agents}
        assert chosen.agent_options == {f"{label}.lr": 1e-4 for label in tuned}
    (forms,) = (one for one in everything if one.name == "forms")
    kwargs = forms.options({**lab.SHARED, "seeds": (3, 4)}, lab.Path("out"), {}).agent_kwargs
    assert kwargs == {"opd.teacher": "external(out/lazy/runs/grpo/seed3/model)"}
    assert not [one for one in plan(["forms"], FAMILY) if one.name == "forms"]  # without what GRPO trains there


def test_a_part_or_a_method_that_is_not_there_is_named():
    with pytest.raises(ConfigurationError, match="did you mean 'table'"):
        plan(["tabel"], FAMILY)
    with pytest.raises(ConfigurationError, match="rlsd-visual"):
        plan(["table"], ["rlsd-visual"])


def test_rates_of_teachers_between_are_the_lazy_ones_and_labels_have_their_own():
    rates = {"honest": {"grpo": 1.0}, "lazy": {"grpo": 2.0, "slow": 3.0}}
    assert [rate_of(rates, teacher, "grpo", "grpo") for teacher in ("honest", "10 %", "lazy")] == [1.0, 2.0, 2.0]
    assert rate_of(rates, "honest", "opsd", "opsd") is None
    assert rate_of(rates, "lazy", "dr", "grpo/dr-grpo") == 2.0
    labelled = Comparison("one", "10 %", ("a=grpo", "slow=grpo"))
    found = labelled.options({**lab.SHARED, "seeds": (0,)}, lab.Path("out"), rates)
    assert found.agent_options == {"a.lr": 2.0, "slow.lr": 3.0}


def test_ours_are_labels_with_hyperparameters():
    agents, kwargs = specs_of(("grpo", "critic-0.9"))
    assert (agents, kwargs) == (("grpo", "critic-0.9=rlsd-critic"), {"critic-0.9.trace": 0.9})
    ours = plan(["ours"], FAMILY)
    assert [one.hints for one in ours] == ["right", "right", "wrong"]
    assert "oracle-blame" not in " ".join(ours[-1].agents)
    for one in ours:
        one.options({**lab.SHARED, "seeds": (0,)}, lab.Path("out"), {})


def test_landmarks_by_hand():
    """Means of five: (0, .2, .4, .6, .8) .4; (.2, .., 1) .6; (.4, .6, .8, 1, .2) .6. Area (0 + .2 + .. + .2) / 7."""
    found = landmarks(np.array([0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 0.2]))
    assert found == pytest.approx({"peak": 0.6, "last": 0.6, "fall": 0.0, "area": 3.2 / 7, "early": 0.0})
    assert landmarks(np.arange(8.0))["early"] == 0.5  # the first two of eight
    assert smoothed(np.array([1.0, np.nan, 3.0]), 2).tolist() == [1.0, 3.0]
    assert smoothed(np.array([1.0, 2.0])).tolist() == [1.5]


def test_a_difference_is_of_the_same_seeds():
    """Differences .1 and .3: mean .2, standard error .1, t of one degree of freedom 12.706."""
    found = paired({0: 0.6, 1: 0.8, 2: 0.9}, {0: 0.5, 1: 0.5, 7: 0.1})
    assert found == pytest.approx({"mean": 0.2, "low": 0.2 - 1.2706, "high": 0.2 + 1.2706}, abs=1e-4)
    assert interval([0.5]) == {"mean": 0.5, "low": None, "high": None}


def test_a_metric_that_is_not_there_is_not_a_number(tmp_path):
    with (tmp_path / "metrics.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["step", "accuracy"], ["0", "0.5"], ["1", ""]])
    found = read_metrics(tmp_path, ["accuracy", "entropy"])
    assert found["accuracy"].tolist()[0] == 0.5
    assert np.isnan(found["accuracy"][1])
    assert np.isnan(found["entropy"]).all()


def test_a_short_run_ends_in_tables_and_resumes(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(compare, "LocalPool", Here)
    small = {"prompts_per_step": 2, "group_size": 4, "eval_tasks": 4, "eval_samples": 2}
    monkeypatch.setattr(lab, "SHARED", lab.SHARED | small)
    argv = ["--agents", "grpo,opsd", "--parts", "table,controls,poison", "--seeds", "0,1", "--steps", "2"]
    lab.main([*argv, "--out", str(tmp_path / "out")])
    found = json.loads((tmp_path / "out" / "lab.json").read_text("utf-8"))
    assert list(found) == [one.name for one in plan(["table", "controls", "poison"], ["grpo", "opsd"])]
    opsd = found["lazy"]["agents"]["opsd"]
    assert [run["seed"] for run in opsd["runs"]] == [0, 1]
    difference = np.mean([run["final"] for run in opsd["runs"]]) - found["lazy"]["agents"]["grpo"]["final"]["mean"]
    assert opsd["final_over_grpo"]["mean"] == pytest.approx(difference)
    assert "canary_logp" in found["poisoned"]["agents"]["opsd"]["means"]
    assert (tmp_path / "out" / "lazy.png").stat().st_size > 10_000
    assert "lazy: 2 seeds" in capsys.readouterr().out
    before = (tmp_path / "out" / "lab.json").read_bytes()
    lab.main([*argv, "--out", str(tmp_path / "out"), "--resume"])
    assert (tmp_path / "out" / "lab.json").read_bytes() == before


def test_a_rate_that_fails_now_and_then_is_nobodys():
    """At 2e-3 one run of four that follow the reward ends below .4; what imitates a teacher is counted by itself."""
    swept = {
        "grpo@1": (1e-3, 0.8, 0.8),
        "grpo@2": (2e-3, 0.9, 0.9),
        "rlsd@1": (1e-3, 0.8, 0.7),
        "rlsd@2": (2e-3, 0.9, 0.1),
        "opsd@1": (1e-3, 0.8, 0.8),
        "opsd@2": (2e-3, 0.9, 0.8),
    }
    agents = {
        name: {
            "swept": {"lr": rate},
            "sampled_accuracy": {"mean": sum(values) / 2},
            "runs": [{"sampled_accuracy": value} for value in values],
        }
        for name, (rate, *values) in swept.items()
    }
    results = {"untrained": {"sampled_accuracy": {"mean": 0.4}}, "agents": agents}
    assert tuning.risks(results) == {(False, 2e-3)}
    assert tuning.chosen(results, {(False, 2e-3)}) == {"grpo": 1e-3, "rlsd": 1e-3, "opsd": 2e-3}
    agents["rlsd@2"]["runs"][1]["sampled_accuracy"] = 0.5
    assert tuning.risks(results) == set()
    assert tuning.chosen(results, ()) == {"grpo": 2e-3, "rlsd": 1e-3, "opsd": 2e-3}
