"""A limit of time is the worker's own: what a busy machine makes it wait for a processor is given on top, to an end."""

import os
import time

import pytest

from tests.verifiers.service import jobs
from verifiers.service import OutcomeKind, WorkerPool, process

DONE, TIMEOUT = OutcomeKind.DONE, OutcomeKind.TIMEOUT


@pytest.fixture
def starved(monkeypatch):
    """Workers that seem to wait for a processor all the time."""
    monkeypatch.setattr(process, "waited", lambda pid: time.monotonic())


def test_a_worker_that_waits_for_a_processor_is_given_more_time(starved):
    with WorkerPool(workers=1, seconds=0.3) as pool:
        outcome = pool.call(jobs.square_after, 0.6, 3)
    assert (outcome.kind, outcome.value) == (DONE, 9)


def test_but_ten_times_its_limit_at_most(starved):
    with WorkerPool(workers=1, seconds=0.1) as pool:
        outcome = pool.call("time:sleep", 600)
    assert outcome.kind is TIMEOUT
    assert 1.0 <= outcome.seconds < 60


def test_one_that_sleeps_is_given_nothing(monkeypatch):
    told = []
    monkeypatch.setattr(process, "waited", lambda pid: told.append(pid) or 0.0)
    with WorkerPool(workers=1, seconds=0.2) as pool:
        pid = pool.call("os:getpid").value
        assert pool.call("time:sleep", 600).kind is TIMEOUT
    assert told[:4] == [pid] * 4  # at the start, at the beginning of each call, and at the limit of the second


@pytest.mark.skipif(not os.path.exists("/proc/self/schedstat"), reason="only Linux tells")
def test_calls_that_share_a_processor_have_their_time_all_the_same():
    """Six workers on one processor: each has a sixth of the time that passes, and less beside others."""
    processor = min(os.sched_getaffinity(0))
    with WorkerPool(workers=6, seconds=0.6) as pool:
        outcomes = pool.map(jobs.work_on, [(processor, 0.25)] * 6)
        assert [outcome.kind for outcome in outcomes] == [DONE] * 6
        assert pool.call(jobs.work_on, processor, 600).kind is TIMEOUT
