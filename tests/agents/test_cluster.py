"""Trials on a real Ray cluster of two nodes: the bytes of a local run, whatever is killed; retries on one machine."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from agents.options.commands import CompareOptions, resolved
from agents.runs.board import Board, State
from agents.runs.storage import InUseError, locked
from agents.trials.local import LocalPool, StoppedError
from agents.trials.ray_preflight import code, is_held, look_around, named_paths, token, versions
from rlsd_env import ConfigurationError
from tests.agents.commands import SMALL, algorithm, call, outcome
from tests.conftest import ROOT

TASKS = """
import os, pathlib, signal, time
from agents.trials.local import report
from agents.runs.progress import Progress
from agents.runs.storage import locked
from rlsd_env import ConfigurationError


def where(name):
    return __file__


def gpus(name):
    return os.environ["CUDA_VISIBLE_DEVICES"]


def refuse(name, attempts, other):
    count(attempts)
    wait_for(other)
    raise ConfigurationError("epsilon is -1")


def fail(name, attempts, other):
    count(attempts)
    wait_for(other)
    raise ZeroDivisionError("on purpose")


def wait_for(other):
    while not os.path.exists(other):
        time.sleep(0.01)


def count(attempts):
    with open(attempts, "a") as file:
        file.write(".")
    return os.path.getsize(attempts)


def die(name, attempts, times):
    report(Progress(name, 0, count(attempts), 9, 1.0))
    if os.path.getsize(attempts) <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return name


def step_on(name, diary, steps):
    for step in range(steps):
        count(diary)
        report(Progress(name, 0, step + 1, steps, 1.0))
        time.sleep(0.05)
    return name


def claim(name, lock):
    with locked(pathlib.Path(lock)):
        return name


def span(name):
    began = time.monotonic()
    time.sleep(0.5)
    return began, time.monotonic()
"""


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)
    return found


@pytest.fixture
def tasks(tmp_path, monkeypatch):
    """A module of the user's own, which no node has."""
    (tmp_path / "own_tasks.py").write_text(TASKS)
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("own_tasks", None)
    import own_tasks

    yield own_tasks
    del sys.modules["own_tasks"]


class Seen(Board):
    """A board that keeps what it is told."""

    def __init__(self):
        super().__init__()
        self.steps, self.lines = [], []

    def __call__(self, progress):
        super().__call__(progress)
        self.steps.append(progress.step)

    def say(self, text):
        self.lines.append(text)


@pytest.fixture
def board():
    return Seen()


# On this machine


def test_a_killed_worker_is_replaced_and_its_task_goes_on(tasks, board, tmp_path):
    jobs = {"a": (tasks.die, ("a", tmp_path / "a", 1)), "b": (tasks.where, ("b",))}
    finished = LocalPool(jobs=1, retries=1).run_all(jobs, board)
    assert list(finished.results) == ["a", "b"]
    assert finished.results["a"] == "a"
    assert finished.lost == {"a": 1}
    assert "again from the checkpoint: a" in board.lines[0]
    assert [(run.name, run.state) for run in board.ended] == [("a", State.DONE), ("b", State.DONE)]
    assert "1 worker lost" in board.summary()


def test_a_worker_that_is_always_killed_is_an_error_that_names_its_task(tasks, board, tmp_path):
    with pytest.raises(RuntimeError, match="a failed: a worker was killed 2 times"):
        LocalPool(jobs=2, retries=1).run_all({"a": (tasks.die, ("a", tmp_path / "a", 9))}, board)
    assert (tmp_path / "a").read_text() == ".."


# Options and what is asked of a node


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cluster": "rya"}, "did you mean 'ray'"),
        ({"cluster": "head"}, "or an address such as host:6379"),
        ({"trial_gpus": 1.0}, "trial_gpus is for a Ray cluster; here --jobs says"),
        ({"cluster": "ray", "trial_gpus": 1.5}, "above 1 it must be a whole number"),
        ({"cluster": "ray", "trial_gpus": 1.0, "device": "cpu"}, "use --device cuda or auto"),
        ({"retries": -1}, "retries is -1; it must be at least 0"),
    ],
)
def test_unusable_options_are_refused(options, message):
    with pytest.raises(ConfigurationError, match=message):
        CompareOptions(**options)


def test_where_trials_run_is_no_part_of_what_they_find():
    assert resolved(CompareOptions(cluster="head:6379", trial_cpus=2, retries=5)) == resolved(CompareOptions())


def test_a_trial_takes_its_threads_and_the_gpus_of_its_model():
    assert CompareOptions().trial_resources("cpu", 3, {}) == {"CPU": 3, "GPU": 0}
    assert CompareOptions().trial_resources("cuda", 1, {}) == {"CPU": 1, "GPU": 1}
    assert CompareOptions().trial_resources("cuda", 1, {"tensor_parallel_size": 4}) == {"CPU": 1, "GPU": 4}


def test_a_node_is_asked_for_folder_locks_paths_and_versions(tmp_path):
    """The lock is held by another process, as it is on a node; only this process's own lock is no other's."""
    out = tmp_path / "new" / "out"
    with token(out) as (path, secret):
        assert look_around(path, secret, {}, versions()) == ""
        assert "does not see out" in look_around(path, "another", {}, versions())
        assert "does not see out" in look_around(path.with_name("x"), secret, {}, versions())
        assert "does not see policy '/nowhere'" in look_around(path, secret, {"policy": "/nowhere"}, versions())
        assert "torch" in look_around(path, secret, {}, versions() | {"torch": "1.0"})
    assert not (tmp_path / "new").exists()
    out.mkdir(parents=True)
    (out / "token").write_text("secret")
    assert "does not see file locks" in look_around(out / "token", "secret", {}, versions())


def test_paths_that_the_options_name_are_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    options = CompareOptions(env_kwargs={"path": "data", "difficulty": 2, "feedback": "outcome"})
    assert named_paths(options) == {"env_kwargs path": str(tmp_path / "data")}


def test_code_is_this_project_and_own_modules_and_nothing_that_is_installed(tasks, tmp_path):
    shipped = code()
    assert {str(ROOT / "agents"), str(ROOT / "rlsd_env"), str(ROOT / "verifiers"), tasks.__file__} <= set(shipped)
    assert not [path for path in shipped if "site-packages" in path or Path(path).name in ("json", "torch", "runs")]


# On a cluster


@pytest.fixture(scope="module")
def nodes():
    """Two nodes with one processor each, one with what it takes for a GPU; their files are in a folder of their own."""
    from ray.cluster_utils import Cluster

    folder = tempfile.mkdtemp(prefix="ray", dir="/tmp")  # sockets want a short path
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", folder)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_MODE", "disabled")  # else Ray writes a token into the home folder
        patch.setenv("RAY_worker_niceness", "0")  # else the other tests starve the workers, whose default is 15
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.chdir(folder)
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        cluster.add_node(num_cpus=1, num_gpus=1)
        yield cluster
        cluster.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def pool(nodes, tasks, tmp_path):
    """A pool on the cluster; the folder of the comparison is claimed."""
    from agents.trials.ray import connected

    options = CompareOptions(cluster=nodes.address, out=tmp_path / "out", retries=1, jobs=2, device="cpu")
    with connected(options) as made:
        (tmp_path / "out").mkdir()
        with locked(tmp_path / "out" / ".lock"):
            yield made


def test_tasks_on_a_cluster(pool, tasks, board, tmp_path, monkeypatch):
    """One connection for many things, since each takes seconds."""
    import ray

    from agents.trials import ray as cluster
    from agents.trials import ray_worker as cluster_worker

    finished = pool.run_all({name: (tasks.where, (name,)) for name in "cab"}, board)
    assert list(finished.results) == ["c", "a", "b"]
    assert all("py_modules_files" in place for place in finished.results.values())  # shipped, not found on this disk

    one = cluster.RayPool(CompareOptions(cluster="ray", out=tmp_path / "out", jobs=1, device="cpu"))
    spans = sorted(one.run_all({name: (tasks.span, (name,)) for name in "abc"}, board).results.values())
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))  # one at a time

    finished = pool.run_all({"a": (tasks.die, ("a", tmp_path / "a", 1))}, board)
    assert (finished.results, finished.lost) == ({"a": "a"}, {"a": 1})
    assert board.lines[0].startswith("a: worker lost, retry 1 of 1")
    assert 2 in board.steps
    assert board.ended[-1].name == "a"

    half = cluster.RayPool(CompareOptions(cluster="ray", out=tmp_path / "out", trial_gpus=0.5))
    assert half.device == "cuda"
    assert half.run_all({"g": (tasks.gpus, ("g",))}, board).results == {"g": "0"}  # Ray's first GPU; there is none here

    with pytest.raises(RuntimeError, match=r"b failed: its worker was lost 2 times, the last time because: .*died"):
        pool.run_all({"b": (tasks.die, ("b", tmp_path / "b", 9))}, board)
    assert (tmp_path / "b").read_text() == ".."

    for task, error, message in (
        (tasks.refuse, ConfigurationError, "c: epsilon is -1"),
        (tasks.fail, RuntimeError, "c failed: on purpose"),
    ):
        tries, diary = tmp_path / f"{task.__name__} c", tmp_path / f"{task.__name__} d"
        both = {"d": (tasks.step_on, ("d", diary, 5000)), "c": (task, ("c", tries, diary))}
        with pytest.raises(error, match=message):
            pool.run_all(both, board)
        assert tries.read_text() == "."  # not tried again
        assert (board.ended[-1].name, board.ended[-1].state) == ("c", State.FAILED)
        size = diary.stat().st_size
        time.sleep(0.3)
        assert diary.stat().st_size == size < 5000  # the other one has stopped

    with locked(tmp_path / "lock"):  # as a copy on a node that cannot be reached would
        reports = ray.remote(num_cpus=0)(cluster_worker.Reports).remote()
        ray.get(reports.expect.remote("e", 1))
        monkeypatch.setattr(cluster_worker, "LOCK_SECONDS", 1.5)
        claim = (tasks.claim, ("e", tmp_path / "lock"))
        arguments = (str(tmp_path), tmp_path / "out" / ".lock", claim)
        with pytest.raises(InUseError, match="in use by another process"):
            cluster_worker.run_trial(reports, "e", 1, *arguments)
        assert len(ray.get(reports.collect.remote())) == 1  # said once
        with pytest.raises(StoppedError):  # the second attempt is expected: the first may not go on
            cluster_worker.run_trial(reports, "e", 0, *arguments)
    assert cluster_worker.run_trial(reports, "e", 1, *arguments) == "e"
    assert not is_held(tmp_path / "lock")


def test_a_cluster_without_room_and_one_that_is_not_there_are_refused(nodes, tmp_path):
    from agents.trials.ray import connected

    with (
        pytest.raises(
            ConfigurationError, match="no node of the cluster has 7 CPU and 0 GPU for a trial; there are 1 CPU"
        ),
        connected(CompareOptions(cluster=nodes.address, out=tmp_path / "out", trial_cpus=7, device="cpu")),
    ):
        raise AssertionError("it has no room")
    with (
        pytest.raises(ConfigurationError, match=r"cluster 127\.0\.0\.1:1: no answer .*; start one with ray start"),
        connected(CompareOptions(cluster="127.0.0.1:1", out=tmp_path / "out")),
    ):
        raise AssertionError("it is not there")
    assert not (tmp_path / "out").exists()


DRIVER = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
import rlsd_env, verifiers, own_tasks
from agents import command_line
from agents.trials.ray import connected
from agents.options.commands import CompareOptions
from agents.runs.board import Board
from agents.runs.storage import locked

def command(argv):
    out = pathlib.Path(argv[0])
    with connected(CompareOptions(cluster=argv[1], out=out / "out", device="cpu")) as pool:
        (out / "out").mkdir()
        with locked(out / "out" / ".lock"):
            pool.run_all({name: (own_tasks.step_on, (name, out / name, 5000)) for name in "ab"}, Board())

command_line.main(command)
"""


@pytest.mark.parametrize(("kind", "returned"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_an_interrupted_or_killed_command_ends_its_trials(nodes, tasks, tmp_path, kind, returned):
    command = [sys.executable, "-c", DRIVER, tmp_path, nodes.address]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    wait_until(lambda: (tmp_path / "a").exists() and (tmp_path / "b").exists())
    process.send_signal(kind)
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == returned, stderr
    assert "Traceback" not in stderr

    def quiet():
        sizes = [(tmp_path / name).stat().st_size for name in "ab"]
        time.sleep(1)
        return sizes == [(tmp_path / name).stat().st_size for name in "ab"]

    wait_until(quiet, 300)
    assert (tmp_path / "a").stat().st_size < 5000


OWN = algorithm("Mine", "return Credit(signals.A_N1)")


def trial_of(raylet):
    """Return the folder of the training that a node is at, once that has a checkpoint."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[1]) != raylet:
                continue
            files = list((stat.parent / "fd").iterdir())
        except OSError:
            continue
        for file in files:
            with contextlib.suppress(OSError):
                held = Path(os.readlink(file))
                if held.name == ".lock" and (held.parent / "timing.csv").exists() and held.parent.name == "seed0":
                    return held.parent
    return None


def test_a_node_is_killed_and_every_trial_is_there_once(nodes, tmp_path):
    """The command with an algorithm of the user's own; one of two nodes is killed: the bytes of a local run."""
    (tmp_path / "my_module.py").write_text(OWN)
    argv = ["--agents", "my_module:Mine,rlsd,grpo,opsd", "--seeds", "0", *SMALL, "--steps", "16", "--device", "cpu"]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "agents.compare", *argv, "--out", "far", "--cluster", nodes.address]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd=tmp_path, env=env, stderr=pipe, stdout=pipe, text=True)
    try:
        doomed = nodes.list_all_nodes()[1]
        raylet = doomed.all_processes["raylet"][0].process.pid
        folder = wait_until(lambda: trial_of(raylet) or process.poll() is not None, 900)
        assert isinstance(folder, Path), process.stderr.read()
        nodes.remove_node(doomed, allow_graceful=False)  # SIGKILL
        begun = {f"{held.parents[1].name}, seed 0" for held in folder.parents[1].glob("*/seed0/config.toml")}
        timing = (folder / "timing.csv").read_text()
        stdout, stderr = process.communicate(timeout=900)
    finally:
        process.kill()
    assert process.returncode == 0, stderr
    name = f"{folder.parent.name}, seed 0"
    assert f"{name}: worker lost, retry 1 of 2" in stderr
    assert "gain over untrained" in stdout
    assert (folder / "timing.csv").read_text().startswith(timing)  # these steps were not done again
    results = json.loads((tmp_path / "far" / "results.json").read_text())
    lost = results["timing"]["lost_workers"]
    assert {one: count for one, count in lost.items() if one in begun} == {name: 1}
    assert set(lost.values()) == {1}  # Ray may have sent the dead node one more, which had not begun
    assert {name: [one["seed"] for one in agent["runs"]] for name, agent in results["agents"].items()} == {
        "mine": [0],
        "rlsd": [0],
        "grpo": [0],
        "opsd": [0],
    }
    call("agents.compare", *argv, "--out", "near", cwd=tmp_path)
    assert outcome(tmp_path / "far") == outcome(tmp_path / "near")
    for config in sorted((tmp_path / "near").rglob("config.toml")):
        assert (tmp_path / "far" / config.relative_to(tmp_path / "near")).read_bytes() == config.read_bytes()
