"""A limit of time for every test, workers by their parent, and modules and scripts of the user's own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT
from verifiers.service import WorkerPool

LIMIT_S = 900  # a safety net, far from what any test takes on a busy machine


@pytest.fixture(autouse=True)
def _bounded():
    def stop(*_):
        raise TimeoutError(f"the test took more than {LIMIT_S} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LIMIT_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def pool():
    with WorkerPool(workers=2, seconds=5.0) as made:
        yield made


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module of the user's own, which is on `sys.path` from then on."""

    def write(name, source):
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(source))
        monkeypatch.syspath_prepend(str(tmp_path))
        return name

    return write


@pytest.fixture
def script(tmp_path):
    """Starts a script of the user's own, outside the project's folder."""
    started = []

    def start(source, *args):
        path = tmp_path / "script.py"
        path.write_text(textwrap.dedent(source))
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-W", "ignore:This process:DeprecationWarning", str(path), *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=environment,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def children(parent: int, command: str = "verifiers.service.worker") -> list[int]:
    """The living (not zombie) child processes of a process that run a command."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and alive(int(entry.name)):
            try:
                ppid = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if ppid == parent and command in (entry / "cmdline").read_text():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def alive(pid: int) -> bool:
    """Whether a thread of the process lives; the last one to end closes its pipes."""
    return any(_state(stat) not in "ZX" for stat in Path(f"/proc/{pid}/task").glob("*/stat"))


def _state(stat: Path) -> str:
    try:
        return stat.read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def wait_until(condition, seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
