"""A verifier that is not the library's has a process of its own, so that one that never returns stops nothing."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import gymnasium
import pytest

from rlsd_env import ConfigurationError
from rlsd_env.desk import TOLD, is_ours
from tests.conftest import ROOT
from verifiers import (
    AnswerVerifier,
    FirstMatchVerifier,
    FormatVerifier,
    IsolatedVerifier,
    Status,
    Verdict,
    Verifier,
    WeightedVerifier,
)

HANGS = f"{__name__}:Hangs"


class Hangs(Verifier):
    """Returns no verdict on "forever"."""

    def verify(self, response, reference):
        while response == "forever":
            pass
        return Verdict(1.0, True, response, Status.OK)


def made(**options):
    env = gymnasium.make("rlsd/Arithmetic-v0", **options)
    env.reset(seed=0)
    return env


def verdict_of(env, response):
    try:
        return env.step(response)[4]["verdict"]
    finally:
        env.close()


def test_one_that_never_returns_has_failed_after_its_limit(caplog):
    with caplog.at_level(logging.WARNING):
        env = made(verifier=HANGS, grading_seconds=0.5)
    assert f"verifier '{HANGS}' is not the library's: it runs in a process of its own, at most 0.5 s" in caplog.text
    verdict = verdict_of(env, "forever")
    assert (verdict.status, verdict.reward) == (Status.TIMEOUT, 0.0)
    assert verdict_of(made(verifier=HANGS), "7").correct


WORKERS = """
import multiprocessing, sys, gymnasium, rlsd_env

def made():
    gymnasium.make("rlsd/Arithmetic-v0", verifier="my_verifier:Mine").close()

if __name__ == "__main__":
    made()
    made()
    for method in ("spawn", "forkserver"):
        worker = multiprocessing.get_context(method).Process(target=made)
        worker.start()
        worker.join()
        assert worker.exitcode == 0
"""


def test_a_command_and_its_workers_say_so_once(tmp_path):
    (tmp_path / "my_verifier.py").write_text("from verifiers import AnswerVerifier\nclass Mine(AnswerVerifier): pass\n")
    (tmp_path / "command.py").write_text(WORKERS)
    environment = {key: value for key, value in os.environ.items() if key != TOLD} | {"PYTHONPATH": str(ROOT)}

    def told(**more):
        argv = [sys.executable, "command.py"]
        options = {"cwd": tmp_path, "env": environment | more, "timeout": 300, "check": True}
        return subprocess.run(argv, capture_output=True, text=True, **options).stderr.count("is not the library's")

    assert told() == 1
    assert told(RANK="0") == 1
    assert told(RANK="1") == 0


def test_what_is_the_librarys_or_asked_to_be_here_is_here(caplog):
    with caplog.at_level(logging.WARNING):
        for options in ({}, {"verifier": "answer"}, {"verifier": Hangs()}, {"verifier": HANGS, "grading_workers": 0}):
            env = made(**options)
            assert not isinstance(env.unwrapped.desk.verifier, IsolatedVerifier)
            env.close()
    gymnasium.make("rlsd/Clock-v0").close()  # has a verifier of its own, which is the library's
    assert not caplog.records


def test_a_scripts_own_runs_here_and_says_so(monkeypatch, caplog):
    import __main__

    monkeypatch.setattr(__main__, "Hangs", Hangs, raising=False)
    with caplog.at_level(logging.WARNING):
        env = made(verifier="__main__:Hangs")
    assert "runs here, without a limit of time" in caplog.text
    assert verdict_of(env, "7").correct


def test_what_a_verifier_is_made_of_counts():
    ours = AnswerVerifier()
    assert is_ours(ours)
    assert is_ours(WeightedVerifier({"accuracy": (ours, 1.0), "format": (FormatVerifier(), 0.1)}))
    assert not is_ours(Hangs())
    assert not is_ours(FirstMatchVerifier([ours, Hangs()]))


@pytest.mark.parametrize("seconds", [0, -1, True])
def test_the_limit_is_above_zero(seconds):
    with pytest.raises(ConfigurationError, match="grading_seconds is"):
        made(grading_seconds=seconds)
