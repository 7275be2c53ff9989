"""The library's own pool, what a worker knows of itself, and what an import costs."""

import subprocess
import sys

import pytest

from verifiers.service import OutcomeKind, configure, in_worker, shared_pool

SHARED = """
    import sys
    from verifiers.service import configure, shared_pool
    configure(workers=1, seconds=20.0, memory_mb=1024)
    pool = shared_pool()
    print(pool is shared_pool(), pool.workers, pool.seconds, pool.memory_mb)
    print(pool.call("sympy:isprime", 2**61 - 1).value, "sympy" in sys.modules)
    print(pool.call("sys:modules.__contains__", "sympy").value)
    configure(seconds=3.0)
    other = shared_pool()
    print(other is pool, other.workers, other.seconds, other.memory_mb)
    try:
        pool.call("math:gcd", 1, 1)
    except RuntimeError as error:
        print("closed" in str(error))
"""


def test_the_shared_pool_has_sympy_and_this_process_has_not(script):
    out, err = script(SHARED).communicate(timeout=120)
    assert out.splitlines() == ["True 1 20.0 1024", "True False", "True", "False 1 3.0 1024", "True"]
    assert err == ""


def test_wrong_settings_leave_the_shared_pool_as_it_is():
    before = shared_pool()
    with pytest.raises(ValueError, match="workers is 0"):
        configure(workers=0)
    assert shared_pool() is before


def test_a_worker_knows_that_it_is_one(pool):
    assert in_worker() is False
    assert pool.call("verifiers.service:in_worker").value is True
    outcome = pool.call("verifiers.service:shared_pool")
    assert outcome.kind is OutcomeKind.ERROR
    assert "do the work directly where in_worker() is true" in outcome.message


def test_the_import_is_light():
    code = (
        "import verifiers, time, sys; start = time.process_time(); import verifiers.service; "
        "print(time.process_time() - start); print(*sys.modules)"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(3)]
    assert min(float(run.stdout.splitlines()[0]) for run in runs) < 0.03
    modules = set(runs[0].stdout.splitlines()[1].split())
    assert not modules & {"asyncio", "ctypes", "multiprocessing", "numpy", "subprocess", "sympy", "tempfile"}


def test_the_example_in_the_documentation_runs():
    import doctest

    import verifiers.service.pool

    result = doctest.testmod(verifiers.service.pool)
    assert (result.attempted > 0, result.failed) == (True, 0)
