"""Workers that die, parents that die, workers that cannot start, forks, and the end of a pool."""

import os
import random
import signal
import threading

import pytest

from tests.verifiers.service import jobs
from tests.verifiers.service.conftest import alive, children, wait_until
from verifiers.service import OutcomeKind, WorkerPool

DONE, TIMEOUT, ERROR = OutcomeKind.DONE, OutcomeKind.TIMEOUT, OutcomeKind.ERROR


def test_a_call_whose_worker_dies_is_tried_once_more(pool, tmp_path):
    outcome = pool.call(jobs.die_once, str(tmp_path / "marker"))
    assert (outcome.kind, outcome.value) == (DONE, "alive")
    stats = pool.stats()
    assert (stats["calls"], stats["errors"], stats["retries"], stats["restarts"]) == (1, 0, 1, 1)


@pytest.mark.parametrize(
    ("function", "args", "text"),
    [
        (jobs.die, (3,), "exited with code 3"),
        ("faulthandler:_sigsegv", (), "killed by SIGSEGV"),
        (jobs.fork_and_die, (), "exited with code 1"),
    ],
)
def test_a_call_that_takes_two_workers_down_is_an_error(pool, function, args, text):
    outcome = pool.call(function, *args)
    assert outcome.kind is ERROR
    assert text in outcome.message
    assert "a fresh one that tried again" in outcome.message
    assert pool.call(jobs.square, 3).value == 9
    assert pool.stats()["retries"] == 1


def test_an_idle_worker_that_dies_costs_no_call_its_retry(pool):
    pool.map("time:sleep", [(0.2,)] * 2)
    workers = children(os.getpid())
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: not any(map(alive, workers)))  # one that is ending has no command line before its end
    assert [outcome.value for outcome in pool.map(jobs.square, [(2,), (3,)])] == [4, 9]
    assert pool.stats()["retries"] == 0


def test_every_call_has_one_outcome_while_workers_are_killed_at_random(pool):
    stop = threading.Event()
    kills = []

    def killer():
        chance, after = random.Random(0), 0
        while not stop.wait(chance.uniform(0.0, 0.02)):
            pids = children(os.getpid())
            if pids and len(results) >= after:  # by what was done, not by time, in which a busy machine does little
                after = len(results) + chance.randint(6, 12)
                os.kill(chance.choice(pids), signal.SIGKILL)
                kills.append(1)

    results = {}

    def caller(numbers):
        for n in numbers:
            assert n not in results
            results[n] = pool.call(jobs.square_or_hang, n, seconds=0.3)

    threads = [threading.Thread(target=caller, args=(range(i, 120, 4),)) for i in range(4)]
    for thread in (killing := threading.Thread(target=killer), *threads):
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    killing.join()

    assert len(kills) >= 5
    assert sorted(results) == list(range(120))
    hanging = {n: outcome for n, outcome in results.items() if n % 10 == 9}
    others = {n: outcome for n, outcome in results.items() if n % 10 != 9}
    assert all(outcome.kind is TIMEOUT or "SIGKILL" in outcome.message for outcome in hanging.values())
    assert all(outcome.value == n * n or "SIGKILL" in outcome.message for n, outcome in others.items())
    assert sum(outcome.kind is DONE for outcome in others.values()) >= 105  # of 108
    stats = pool.stats()
    assert stats["calls"] == 120
    assert stats["timeouts"] == sum(outcome.kind is TIMEOUT for outcome in results.values())
    assert stats["retries"] > 0

    clean = pool.map(jobs.square, [(n,) for n in range(200)])
    assert [outcome.value for outcome in clean] == [n * n for n in range(200)]
    assert pool.stats()["calls"] == 320


PARENT = """
    import sys, threading, time
    from verifiers.service import WorkerPool
    pool = WorkerPool(workers=2, seconds=600.0)
    pids = {outcome.value for outcome in pool.map("os:getpid", [()] * 50)}
    while len(pids) < 2:
        pids |= {outcome.value for outcome in pool.map("os:getpid", [()] * 50)}
    sys.path.insert(0, sys.argv[1])
    pool.submit("tests.verifiers.service.jobs:block")
    time.sleep(0.3)
    print(*pids, flush=True)
    time.sleep(600)
"""


def test_workers_end_with_a_parent_that_is_killed(script):
    parent = script(PARENT, os.getcwd())
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 2
    assert all(map(alive, pids))
    parent.kill()
    assert wait_until(lambda: not any(map(alive, pids)))


FORK = """
    import os, sys
    from verifiers.service import WorkerPool
    pool = WorkerPool(workers=1)
    mine = pool.call("os:getpid").value
    sys.stdout.flush()
    child = os.fork()
    theirs = pool.call("os:getpid").value
    if child == 0:
        print("child", theirs != mine, pool.stats()["calls"], flush=True)
        sys.exit(0)
    _, status = os.waitpid(child, 0)
    print("parent", theirs == mine, status, pool.call("os:getpid").value == mine, pool.stats()["restarts"])
"""


def test_a_forked_child_has_workers_of_its_own(script):
    out, err = script(FORK).communicate(timeout=120)
    assert (sorted(out.splitlines()), err) == (["child True 1", "parent True 0 True 0"], "")


DAEMON = """
    import multiprocessing
    from verifiers.service import WorkerPool

    def work(queue):
        with WorkerPool(workers=1) as pool:
            queue.put(pool.call("math:gcd", 12, 18).value)

    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=work, args=(queue,), daemon=True)
    process.start()
    print(queue.get(timeout=120))
    process.join()
"""


def test_daemonic_processes_can_use_a_pool(script):
    assert script(DAEMON).communicate(timeout=120) == ("6\n", "")


PLAIN = """
    from verifiers.service import WorkerPool
    print("once")
    pool = WorkerPool(workers=2)
    print(pool.call("math:gcd", 12, 18).value)
    pool.submit("time:sleep", 600)
    try:
        def mine():
            pass
        pool.call(mine)
    except TypeError as error:
        print(error)
"""


def test_a_script_needs_no_main_guard_and_ends_cleanly(script):
    process = script(PLAIN)
    out, err = process.communicate(timeout=120)  # and not after the ten minutes for which the last call would sleep
    assert out.splitlines()[:2] == ["once", "6"]
    assert out.splitlines()[2].startswith("'__main__.mine' lives in __main__")
    assert (err, process.returncode) == ("", 0)


GONE = """
    import os, sys
    from verifiers.service import WorkerPool
    os.mkdir("gone")
    os.chdir("gone")
    os.rmdir("../gone")
    sys.path.insert(0, "")
    print(WorkerPool(workers=1).call("math:gcd", 12, 18).value)
"""


def test_a_working_directory_that_is_gone_does_not_matter(script):
    assert script(GONE).communicate(timeout=120) == ("6\n", "")


INTERRUPTED = """
    import os, signal, threading
    from verifiers.service import WorkerPool
    pool = WorkerPool(workers=1)
    print(pool.call("os:getpid").value, flush=True)
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    pool.call("time:sleep", 600, seconds=600.0)
"""


def test_an_interrupt_ends_the_script_and_its_workers(script):
    process = script(INTERRUPTED)
    out, err = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGINT
    assert err.strip().endswith("KeyboardInterrupt")
    assert wait_until(lambda: not alive(int(out)))


def test_closing(pool):
    pool.call(jobs.square, 2)
    hang = pool.submit("time:sleep", 60)
    waiting = [pool.submit("time:sleep", 60) for _ in range(5)]
    pids = children(os.getpid())
    assert pids
    pool.close()
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)  # not even as zombies
    pool.close()
    outcomes = [future.result(timeout=60) for future in [hang, *waiting]]
    assert {outcome.message for outcome in outcomes} == {"the pool was closed before the call was done"}
    assert {outcome.kind for outcome in outcomes} == {ERROR}
    with pytest.raises(RuntimeError, match="closed"):
        pool.call(jobs.square, 2)


def test_closing_an_unused_pool_starts_nothing():
    before = children(os.getpid())
    with WorkerPool():
        pass
    assert children(os.getpid()) == before


def test_a_forgotten_pool_ends_its_workers():
    pool = WorkerPool(workers=1)
    pid = pool.call("os:getpid").value
    del pool
    assert wait_until(lambda: not alive(pid))


def test_a_pool_leaves_no_open_files():
    def cycle():
        with WorkerPool(workers=2, seconds=0.2) as pool:
            pool.map(jobs.square_or_hang, [(n,) for n in (1, 9, 3)])

    cycle()
    before = len(os.listdir("/proc/self/fd"))
    cycle()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_worker_that_cannot_be_set_up_says_why():
    with WorkerPool(preload=("math", "no_such_module")) as pool:
        outcomes = pool.map(jobs.square, [(1,), (2,), (3,)])
    assert [outcome.kind for outcome in outcomes] == [ERROR] * 3
    for outcome in outcomes:
        assert "exited with code 1" in outcome.message
        assert "No module named 'no_such_module'" in outcome.message


def test_a_worker_that_never_gets_ready_is_an_error(module):
    name = module("never_ready", "import time\nprint('loading a table', flush=True)\ntime.sleep(600)\n")
    with WorkerPool(workers=1, preload=(name,), start_seconds=1.0) as pool:
        outcome = pool.call(jobs.square, 1)
    assert outcome.kind is ERROR
    assert "not ready after 1 s" in outcome.message
    assert "loading a table" in outcome.message


def test_a_slow_start_does_not_count(module):
    name = module("slow_start", "import time\ntime.sleep(0.6)\n")
    with WorkerPool(workers=1, seconds=0.3, preload=(name,)) as pool:
        assert pool.call(jobs.square, 3).value == 9


def test_setup_runs_once_in_each_worker(module):
    name = module("with_setup", "kept = []\ndef keep(x):\n    kept.append(x)\ndef get():\n    return kept\n")
    with WorkerPool(workers=1, setup=(f"{name}:keep", 7)) as pool:
        assert [outcome.value for outcome in pool.map(f"{name}:get", [()] * 3)] == [[7]] * 3
