"""Runs are found in folders of comparisons and trainings, joined, and told apart where they differ."""

from __future__ import annotations

import dataclasses
import shutil

import pytest

from agents.report.folders import find_runs
from rlsd_env.errors import ConfigurationError
from tests.agents.runs_on_disk import EVIDENCE, keep_evidence, write_comparison, write_run


def names(found):
    return [(run.agent, run.seed) for run in found.runs]


def test_an_interrupted_comparison_says_what_is_not_there(tmp_path):
    folder = write_comparison(tmp_path / "two", absent=[("rlsd", 1)])
    shutil.rmtree(folder / "runs" / "rlsd" / "seed0")
    write_run(folder / "runs" / "rlsd" / "seed0", "rlsd", steps=2, ended=False)
    found = find_runs([folder])
    assert names(found) == [("grpo", 0), ("grpo", 1), ("rlsd", 0)]
    assert [(run.agent, len(run.metrics)) for run in found.unfinished] == [("rlsd", 2)]
    assert found.missing == (("rlsd", 1),)
    assert sorted(found.untrained) == [0, 1]


def test_a_comparison_that_has_just_begun_has_no_runs_and_is_none_the_less_one(tmp_path):
    folder = write_comparison(tmp_path / "new", absent=[(a, s) for a in ("grpo", "rlsd") for s in (0, 1)])
    found = find_runs([folder])
    assert names(found) == []
    assert len(found.missing) == 4


def test_runs_of_two_machines_are_joined_by_agent_and_seed(tmp_path):
    one = write_comparison(tmp_path / "one", seeds=(0, 1))
    other = write_comparison(tmp_path / "other", seeds=(2,))
    found = find_runs([one, other])
    assert names(found) == [(agent, seed) for agent in ("grpo", "rlsd") for seed in (0, 1, 2)]
    assert sorted(found.untrained) == [0, 1, 2]


def test_a_copy_of_a_run_counts_once_and_the_copy_that_came_further_is_taken(tmp_path):
    whole = write_run(tmp_path / "whole")
    write_run(tmp_path / "early", steps=2, ended=False)
    for order in (("early", "whole"), ("whole", "early")):
        found = find_runs([tmp_path / name for name in order])
        assert [run.folder for run in found.runs] == [whole]


def test_runs_that_differ_are_told_apart_by_their_folders(tmp_path):
    write_run(tmp_path / "slow", lr=0.001)
    write_run(tmp_path / "fast", lr=0.01)
    found = find_runs([tmp_path / "slow", tmp_path / "fast"])
    assert names(found) == [("grpo (slow)", 0), ("grpo (fast)", 0)]


def test_a_folder_of_trainings_is_all_of_them(tmp_path):
    write_run(tmp_path / "a", "grpo")
    write_run(tmp_path / "b", "rlsd")
    assert names(find_runs([tmp_path])) == [("grpo", 0), ("rlsd", 0)]


def test_evidence_is_of_the_first_and_the_last_step_that_have_some(tmp_path):
    folder = write_run(tmp_path / "run")
    for step in (2, 5, 9):
        keep_evidence(folder, dataclasses.replace(EVIDENCE, step=step))
    assert [one.step for one in find_runs([folder]).runs[0].evidence] == [2, 9]
    (path,) = folder.glob("evidence/step-000009-0.parquet")
    path.write_bytes(b"PAR1")
    with pytest.raises(ConfigurationError, match=r"step-000009-0.parquet is damaged: .*; remove it to go on without"):
        _ = find_runs([folder]).runs[0].evidence


@pytest.mark.parametrize(("make", "words"), [(False, "is not there"), (True, "holds no run")])
def test_what_is_no_run_is_refused(tmp_path, make, words):
    folder = tmp_path / "none"
    if make:
        folder.mkdir()
    with pytest.raises(ConfigurationError, match=words):
        find_runs([folder])
