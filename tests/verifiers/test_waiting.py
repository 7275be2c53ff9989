"""What a busy machine keeps a thread from running is told, and is not counted by the contract's limit of time."""

import contextlib
import os
import subprocess
import sys
import time
import types

import pytest

from verifiers import AnswerVerifier, Reference, testing
from verifiers.waiting import waited

SPIN = "import os, sys; os.sched_setaffinity(0, {int(sys.argv[1])}); print(flush=True)\nwhile True: pass"

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/thread-self/schedstat"), reason="only Linux tells")


@contextlib.contextmanager
def shared_processor():
    """This thread on one processor, beside a process that never stops."""
    mine = os.sched_getaffinity(0)
    processor = min(mine)
    rival = subprocess.Popen([sys.executable, "-c", SPIN, str(processor)], stdout=subprocess.PIPE)
    try:
        rival.stdout.readline()
        os.sched_setaffinity(0, {processor})
        yield rival.pid
    finally:
        os.sched_setaffinity(0, mine)
        rival.kill()
        rival.communicate()


def test_waiting_for_a_processor_is_told_and_sleeping_is_not():
    with shared_processor() as rival:
        start, busy, before, theirs = time.perf_counter(), time.thread_time(), waited(), waited(rival)
        while time.thread_time() - busy < 0.3:
            pass
        kept, seconds = waited() - before, time.perf_counter() - start
        assert 0.2 * seconds < kept < seconds - 0.29  # half of the time, and more beside others
        assert waited(rival) - theirs > 0.2 * seconds
    before = waited()
    time.sleep(0.5)
    assert waited() - before < 0.4


def test_nothing_is_told_of_a_process_that_is_none():
    assert waited(2**22 + 1) == 0.0


def test_the_contracts_limit_leaves_out_what_is_waited(monkeypatch):
    """By a clock that says an hour passes in each verdict, all of it waiting; and one of which nothing is waiting."""
    now = [0]
    monkeypatch.setattr(testing, "time", types.SimpleNamespace(perf_counter=lambda: now[0]))

    class Hour(AnswerVerifier):
        def verify(self, response, reference):
            now[0] += 3600
            return super().verify(response, reference)

    monkeypatch.setattr(testing, "waited", lambda: now[0])
    testing.check_verifier(Hour(), Reference("7"), "<answer>7</answer>", "<answer>8</answer>")
    monkeypatch.setattr(testing, "waited", lambda: 0)
    with pytest.raises(AssertionError, match=r"took 3600\.00 s, more than 1\.0 s"):
        testing.check_verifier(Hour(), Reference("7"), "<answer>7</answer>", "<answer>8</answer>")
