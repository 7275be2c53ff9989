"""A limit of time is the worker's own: what a busy machine makes it wait for a processor does not count."""

import os
import sys
import time

import pytest

from tests.verifiers.service import jobs
from verifiers.service import OutcomeKind, WorkerPool, usage

DONE, TIMEOUT = OutcomeKind.DONE, OutcomeKind.TIMEOUT

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")


@linux
@pytest.mark.skipif(not os.path.exists("/proc/self/schedstat"), reason="the kernel does not tell")
def test_calls_that_share_a_processor_have_their_time_all_the_same():
    """Sixteen workers on one processor: each has a sixteenth of the time that passes, and less beside others."""
    processor = min(os.sched_getaffinity(0))
    with WorkerPool(workers=16, seconds=0.3) as pool:
        outcomes = pool.map(jobs.work_on, [(processor, 0.2)] * 16)
        assert [outcome.kind for outcome in outcomes] == [DONE] * 16
        assert pool.call(jobs.work_on, processor, 600).kind is TIMEOUT


@linux
def test_an_answer_after_the_limit_is_none_however_late_it_is_looked_for(monkeypatch):
    monkeypatch.setattr(usage.Usage, "seconds_left", lambda self, limit: 60.0)
    with WorkerPool(workers=1, seconds=0.2) as pool:
        outcome = pool.call(jobs.work_on, min(os.sched_getaffinity(0)), 0.4)
        assert (outcome.kind, outcome.value, outcome.message) == (TIMEOUT, None, "not done after 0.2 s")
        assert pool.call(jobs.square, 3).value == 9
        assert pool.stats()["restarts"] == 0


@linux
def test_what_it_waits_for_a_processor_is_not_counted_and_sleep_is(monkeypatch):
    with WorkerPool(workers=1, seconds=0.3) as pool:
        assert pool.call(jobs.square_after, 0.6, 3).kind is TIMEOUT
        monkeypatch.setattr(usage, "waited", lambda pid: time.monotonic())
        assert pool.call(jobs.square_after, 0.6, 3).value == 9


@linux
def test_a_worker_that_is_stopped_is_ended_in_the_end(monkeypatch):
    monkeypatch.setattr(usage, "_FAR_OFF_S", 0.5)
    with WorkerPool(workers=1, seconds=0.1) as pool:
        outcome = pool.call(jobs.stop)
    assert outcome.kind is TIMEOUT
    assert 1.5 <= outcome.seconds < 60


def test_where_nobody_tells_it_is_ten_times_as_long_by_the_clock(monkeypatch):
    monkeypatch.setattr(usage, "_processor_time", lambda pid: None)
    with WorkerPool(workers=1, seconds=0.1) as pool:
        assert pool.call(jobs.square_after, 0.3, 3).value == 9
        outcome = pool.call("time:sleep", 600)
    assert outcome.kind is TIMEOUT
    assert 1.0 <= outcome.seconds < 60
