"""What a call gives: values, limits of time and memory, errors, and refusals before anything is sent."""

import asyncio
import resource
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.verifiers.service import jobs
from tests.verifiers.service.conftest import alive, wait_until
from verifiers.service import NotPicklableError, OutcomeKind, WorkerPool

DONE, TIMEOUT, ERROR = OutcomeKind.DONE, OutcomeKind.TIMEOUT, OutcomeKind.ERROR


@pytest.fixture(scope="module")
def pool():
    with WorkerPool(workers=2, seconds=5.0) as made:
        yield made


def test_a_call_by_name_and_by_function(pool):
    assert pool.call("math:gcd", 12, 18).value == 6
    assert pool.call("os:path.basename", "a/b").value == "b"
    outcome = pool.call(jobs.square, 7)
    assert (outcome.kind, outcome.value, outcome.message) == (DONE, 49, "")


def test_the_time_is_the_functions_own(pool):
    start = time.perf_counter()
    waiting = [pool.submit(jobs.square_after, 0.2, 3) for _ in range(6)]
    outcomes = [future.result() for future in waiting]
    assert [outcome.value for outcome in outcomes] == [9] * 6
    assert min(outcome.seconds for outcome in outcomes) >= 0.2
    assert sum(outcome.seconds for outcome in outcomes) <= 2 * (time.perf_counter() - start)  # in two workers


def test_map_keeps_the_order_and_uses_all_workers(pool, tmp_path):
    outcomes = pool.map(jobs.square_after, [(0.4 - n / 10, n) for n in range(4)])
    assert [outcome.value for outcome in outcomes] == [0, 1, 4, 9]
    assert len({outcome.value for outcome in pool.map(jobs.pid_of_two, [(str(tmp_path),)] * 2, seconds=60.0)}) == 2
    assert pool.map(jobs.square, []) == []


def test_the_same_from_threads_and_from_asyncio(pool):
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda n: pool.call(jobs.square, n).value, range(40))) == [n * n for n in range(40)]

    async def fifty():
        return await asyncio.gather(*(pool.acall(jobs.square, n) for n in range(50)))

    assert [outcome.value for outcome in asyncio.run(fifty())] == [n * n for n in range(50)]


def test_a_hang_is_a_timeout_and_the_next_call_works(pool):
    outcome = pool.call("time:sleep", 600, seconds=0.4)
    assert (outcome.kind, outcome.value) == (TIMEOUT, None)
    assert outcome.message == "not done after 0.4 s; its worker was killed"
    assert 0.4 <= outcome.seconds < 60
    assert pool.call(jobs.square, 3).value == 9


def test_a_hang_that_holds_the_interpreters_lock_is_killed():
    with WorkerPool(workers=1, seconds=0.4) as one:
        assert one.call(jobs.block).kind is TIMEOUT
        assert one.call(jobs.square, 3).value == 9
        assert one.stats() == {"calls": 2, "timeouts": 1, "errors": 0, "restarts": 1, "retries": 0}


def test_what_a_hanging_call_has_started_is_killed_with_it(capfd):
    with WorkerPool(workers=1, seconds=0.4) as one:
        assert one.call(jobs.block_with_child).kind is TIMEOUT
    child = int(capfd.readouterr().err.split()[-1])
    assert wait_until(lambda: not alive(child))


def test_queued_work_goes_on_beside_a_long_call(pool, tmp_path):
    long = pool.submit(jobs.wait_for, str(tmp_path / "end"), seconds=120.0)
    assert [outcome.value for outcome in pool.map(jobs.square, [(n,) for n in range(20)])] == [n * n for n in range(20)]
    assert not long.done()
    (tmp_path / "end").touch()
    assert long.result().kind is DONE


def test_waiting_in_the_queue_does_not_count():
    with WorkerPool(workers=1, seconds=0.5) as one:
        outcomes = one.map(jobs.square_after, [(0.3, n) for n in range(5)])
    assert [outcome.value for outcome in outcomes] == [0, 1, 4, 9, 16]


def test_a_cancelled_call_leaves_the_queue(pool, tmp_path):
    async def impatient():
        path = str(tmp_path / "end")
        long = [asyncio.ensure_future(pool.acall(jobs.wait_for, path, seconds=120.0)) for _ in range(2)]
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(pool.acall(jobs.touch, str(tmp_path / "cancelled")), 0.1)
        (tmp_path / "end").touch()
        await asyncio.gather(*long)
        return [await pool.acall(jobs.square, 2) for _ in range(2)]

    assert [outcome.value for outcome in asyncio.run(impatient())] == [4, 4]
    assert not (tmp_path / "cancelled").exists()


def test_an_exception_is_an_error(pool):
    outcome = pool.call(jobs.fail)
    assert (outcome.kind, outcome.value, outcome.message) == (ERROR, None, "ZeroDivisionError: by zero")
    assert "jobs.py" in outcome.trace
    assert pool.call(jobs.leave).message == "SystemExit: enough"
    assert pool.call("math:gdc", 1).message == "AttributeError: module 'math' has no attribute 'gdc'"
    assert pool.call("no_such_module:f").message == "ModuleNotFoundError: No module named 'no_such_module'"


@pytest.mark.parametrize(("function", "args"), [("builtins:bytearray", (10**12,)), (jobs.hoard, ())])
def test_a_call_that_needs_too_much_memory_is_an_error(function, args):
    with WorkerPool(workers=1, seconds=20.0, memory_mb=256) as small:
        outcome = small.call(function, *args)
        assert outcome.kind is ERROR
        assert outcome.message.startswith("MemoryError")
        assert "memory_mb=256" in outcome.message
        assert small.call("builtins:len", b"a" * 10_000_000).value == 10_000_000
        assert small.stats()["retries"] == 0


def test_large_arguments_and_results(pool):
    text = "é" * 3_000_000
    assert pool.call("builtins:str", text).value == text


def test_prints_do_not_disturb(capfd):
    with WorkerPool(workers=1) as one:
        assert [outcome.value for outcome in one.map(jobs.noisy, [(2,), (3,)])] == [4, 9]
    out, err = capfd.readouterr()
    assert out == ""
    assert "printed" in err
    assert "to stderr" in err


def test_what_cannot_be_sent_is_refused_before_anything_is_sent(pool):
    calls = pool.stats()["calls"]
    with pytest.raises(NotPicklableError, match=r"the function is <function .*<lambda>.*cannot be pickled"):
        pool.call(lambda: 1)
    with pytest.raises(TypeError, match=r"argument 1 of .*square.* is <unlocked _thread.lock.*cannot be pickled"):
        pool.map(jobs.square, [(1,), (1, threading.Lock())])
    with pytest.raises(TypeError, match=r"the function is 7; it must be callable or 'package.module:name'"):
        pool.call(7)
    with pytest.raises(ValueError, match=r"the function is 'square'; as text it must be 'package.module:name'"):
        pool.call("square")
    with pytest.raises(TypeError, match=r"'__main__:f' lives in __main__.*move it to a module"):
        pool.call("__main__:f")
    with pytest.raises(ValueError, match=r"seconds is 0; it must be a finite number of seconds above 0"):
        pool.call(jobs.square, 1, seconds=0)
    assert pool.call("builtins:len", "__main__").value == 8
    assert pool.stats()["calls"] == calls + 1


def test_a_result_that_cannot_come_back_is_an_error(pool):
    outcome = pool.call("threading:Lock")
    assert outcome.kind is ERROR
    assert outcome.message.startswith("TypeError: the result is a _thread.lock, which cannot be pickled")
    outcome = pool.call(jobs.unreadable)
    assert outcome.kind is ERROR
    assert outcome.message.startswith("the result cannot be unpickled by the caller (TypeError")


def test_a_call_may_use_the_alarm_and_forget_it(pool):
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(pool.call, jobs.alarm).result().value == "own alarm"
    with WorkerPool(workers=1) as one:
        assert one.call(jobs.forgotten_alarm).kind is DONE
        time.sleep(1.2)
        assert one.call(jobs.square, 2).value == 4
        assert one.stats()["restarts"] == 0


def test_a_worker_sees_modules_that_came_later(pool, module):
    pool.call(jobs.square, 1)
    name = module("came_later", "def answer():\n    return 42\n")
    assert [outcome.value for outcome in pool.map(f"{name}:answer", [()] * 4)] == [42] * 4


def test_imports_of_a_call_do_not_count(pool, module):
    name = module("imports_slowly", "import time\ntime.sleep(0.6)\ndef answer():\n    return 42\n")
    assert pool.call(f"{name}:answer", seconds=0.3).value == 42


def test_a_worker_computes_with_one_thread_and_the_callers_environment(pool, monkeypatch):
    assert pool.call(jobs.environment, "OMP_NUM_THREADS").value == "1"
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("MINE", "yes")
    with WorkerPool(workers=1) as one:
        assert one.call(jobs.environment, "PYTHONPATH").value == "/somewhere"
        assert one.call(jobs.environment, "MINE").value == "yes"


def test_every_worker_orders_sets_alike(pool, tmp_path):
    outcomes = pool.map(jobs.order_of_two, [(str(tmp_path), "abcdefgh")] * 2, seconds=60.0)
    (one, order), (other, other_order) = [outcome.value for outcome in outcomes]
    assert one != other
    assert order == other_order


def test_a_call_has_a_limit_of_processor_time_of_its_own(pool):
    soft, _ = pool.call("resource:getrlimit", resource.RLIMIT_CPU, seconds=1.0).value
    assert 1 < soft < 60


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"workers": 0}, ValueError, "workers is 0; it must be an integer of 1 or more"),
        ({"workers": 1.5}, ValueError, "workers is 1.5"),
        ({"seconds": -1}, ValueError, "seconds is -1; it must be a finite number of seconds above 0"),
        ({"seconds": float("inf")}, ValueError, "seconds is inf"),
        ({"memory_mb": 0}, ValueError, "memory_mb is 0"),
        ({"preload": "sympy"}, TypeError, r"preload is 'sympy'; it must be a sequence of module names"),
        ({"setup": (lambda: 1,)}, TypeError, "cannot be pickled"),
    ],
)
def test_wrong_settings_are_refused(arguments, error, text):
    with pytest.raises(error, match=text):
        WorkerPool(**arguments)
