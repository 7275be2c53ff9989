"""Several processes under the real torchrun (gloo): the same losses as one process, shards that change their number."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys

import pytest
import torch

from agents import distributed
from agents.distributed import World, leave
from agents.losses import row_coefficients
from agents.options.commands import TrainOptions, to_toml
from rlsd_env.errors import ConfigurationError
from tests.agents import distributed_worker
from tests.agents.commands import call
from tests.conftest import ROOT

TRAIN = "--agent rlsd-gated --steps 3 --prompts-per-step 4 --group-size 4 --checkpoint-every 2".split()
TRAIN += "--eval-tasks 5 --eval-samples 2 --eval-every 2".split()
TRAIN += "--diagnose bayes,gradient,classes,information --diagnose-every 2".split()
DIAGNOSED = ("bayes", "gradient", "class", "information")
ALONE = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "localhost", "MASTER_PORT": "0"}
"""What torchrun tells the only process that it starts."""


def launch(cwd, processes, *jobs):
    """Have processes do jobs one after the other, all at the same one; see distributed_worker.py."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    worker = ["-m", "tests.agents.distributed_worker", json.dumps(jobs)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, *launcher, *worker]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The same training by one process, by two with a copy of the model each, and by two that share its shards.

    Two processes do all that needs two: each takes ten seconds to start.
    """
    out = tmp_path_factory.mktemp("distributed")
    for folder in ("a", "narrow"):
        (out / folder).mkdir()
    call("agents.train", *TRAIN, "--out", "one", cwd=out)
    launch(
        out,
        2,
        ("command", "two", [*TRAIN, "--out", "two"]),
        ("command", "sharded", [*TRAIN, "--shard", "--out", "sharded"]),
        ("command", "uneven", [*TRAIN, "--prompts-per-step", "3", "--out", "uneven"]),
        ("update", "a", 0, 2),
        ("update", "narrow", 0, 1, "bfloat16"),
    )
    return out


def said(folder, name):
    """What both processes' command came to: exit codes and outputs."""
    seen = [json.loads((folder / f"{name}-{rank}.json").read_text()) for rank in (0, 1)]
    return [tuple(one[key] for one in seen) for key in ("code", "stdout", "stderr")]


@pytest.mark.parametrize("name", ["two", "sharded"])
def test_one_of_two_processes_speaks(trained, name):
    codes, stdouts, _ = said(trained, name)
    assert codes == (0, 0)
    assert stdouts[0].count("greedy accuracy on 5 held-out tasks: ") == 1
    assert stdouts[1] == ""


def rows(folder):
    with (folder / "metrics.csv").open() as file:
        return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]


@pytest.mark.parametrize("name", ["two", "sharded"])
def test_two_processes_give_the_losses_of_one(trained, name):
    one, other = rows(trained / "one"), rows(trained / name)
    assert [row["active_share"] > 0 for row in one] == [True] * 3
    assert one[0]["teacher_tokens_scored"] > 0
    for a, b in zip(one, other, strict=True):
        assert a.keys() == b.keys()
        for key, value in a.items():
            # sampler_difference is rounding itself, a weight may be at a bin's edge
            rough = {"sampler_difference": 1e-6}.get(key, 0.0102 * value if key.startswith("evidence_weight") else 1e-9)
            digits = 1e-3 if key.startswith(DIAGNOSED) else 1e-5
            assert b[key] == pytest.approx(value, rel=digits, abs=rough), key
    results = [json.loads((trained / which / "result.json").read_text()) for which in ("one", name)]
    assert results[0]["evaluation"]["sampled"] == results[1]["evaluation"]["sampled"]
    assert results[0]["tuning"] == results[1]["tuning"]
    assert results[0]["best"]["step"] == results[1]["best"]["step"]
    assert results[0]["best"]["evaluation"]["sampled"] == results[1]["best"]["evaluation"]["sampled"]
    assert results[0]["evaluation"]["metrics"] == pytest.approx(results[1]["evaluation"]["metrics"], rel=1e-5)


def test_a_float32_head_is_computed_from_shards_gathered_in_bfloat16(trained, monkeypatch):
    """One update by two processes with shards, against one by one process that has the head's float32 matrix."""
    (trained / "whole").mkdir()
    for name, value in ALONE.items():
        monkeypatch.setenv(name, value)
    try:
        distributed_worker.update(str(trained / "whole"), 0, 1, "bfloat16", False)
    finally:
        leave()
    one, other = (json.loads((trained / name / "result1.json").read_text())["rows"][0] for name in ("whole", "narrow"))
    assert one["teacher_tokens_scored"] == other["teacher_tokens_scored"] > 0
    for key in ("grad_norm", "entropy", "information_gain"):
        assert other[key] == pytest.approx(one[key], rel=0.05), key


@pytest.mark.parametrize("name", ["two", "sharded"])
def test_the_model_of_several_processes_loads_anywhere(trained, name):
    from agents.policy.loading import load_policy

    one, other = (load_policy(str(trained / which / "model"), "cpu") for which in ("one", name))
    start = load_policy("tiny", "cpu")
    for key, value in one.weights():
        torch.testing.assert_close(dict(other.weights())[key], value, atol=2e-6, rtol=1e-5)
    assert any(not torch.equal(value, dict(start.weights())[key]) for key, value in one.weights())


def test_shards_of_a_run_that_has_not_ended_are_exported(trained):
    from agents.policy.loading import load_policy

    (trained / "narrow" / "config.toml").write_text(to_toml(TrainOptions(steps=3)))
    told = call("agents.export", trained / "narrow", "--out", trained / "exported").stdout
    assert "model, of a run that has not ended, after step 1 of 3, " in told
    sums = json.loads((trained / "narrow" / "result1.json").read_text())["weights"]
    found = {name: float(value.double().sum()) for name, value in load_policy(str(trained / "exported")).weights()}
    assert found == pytest.approx(sums, rel=1e-6)
    begun = {name: float(value.double().sum()) for name, value in load_policy("tiny").weights()}
    assert found != pytest.approx(begun, rel=1e-6)


def test_a_sharded_run_is_resumed_with_its_options(trained):
    done = call("agents.train", *TRAIN, "--out", "sharded", "--resume", cwd=trained, check=False)
    assert (done.returncode, "was made with shard = True, not False" in done.stderr) == (2, True)


def test_shards_are_read_by_another_number_of_processes(trained, monkeypatch):
    """Two steps by two processes and two more by three, against four by one process; parts and groups differ too."""
    launch(trained, 3, ("update", "a", 2, 4))
    (trained / "b").mkdir()
    for name, value in ALONE.items():
        monkeypatch.setenv(name, value)
    try:
        distributed_worker.update(str(trained / "b"), 0, 4)
    finally:
        leave()
    a, b = (json.loads((trained / folder / "result4.json").read_text()) for folder in ("a", "b"))
    assert 0.2 < a["share"] < 0.5  # of the weights, a process holds a third
    assert b["share"] == 1.0
    assert len(a["rows"]) == len(b["rows"]) == 4
    for mine, theirs in zip(a["rows"], b["rows"]):
        for key in ("loss", "grad_norm", "entropy", "information_gain", "teacher_tokens_scored", "active_share"):
            assert mine[key] == pytest.approx(theirs[key], rel=1e-4), key
    for name, value in b["weights"].items():
        assert a["weights"][name] == pytest.approx(value, rel=1e-3, abs=2e-3), name


def test_a_process_ends_without_python_s_shutdown():
    """What is registered for the exit is done, and nothing that would come after."""
    script = """
import atexit, threading
from agents.distributed import end, join
join("cpu")
atexit.register(print, "registered")
threading.Thread(target=threading.Event().wait).start()  # Python's shutdown would wait for it forever
end()
print("after")
"""
    environment = os.environ | ALONE | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout) == (0, "registered\n"), done.stderr


def test_gradients_are_sent_in_buckets_of_one_precision(monkeypatch):
    monkeypatch.setattr(distributed, "BUCKET_NUMBERS", 10)
    sizes = [4, 5, 3, 20, 1, 1]
    parameters = [torch.nn.Parameter(torch.zeros(size)) for size in sizes]
    parameters[-1] = torch.nn.Parameter(torch.zeros(1, dtype=torch.bfloat16))
    # 4 + 5; 3 alone, since 20 more would be too many; 20 by itself; 1; another precision
    assert [[p.numel() for p in bucket] for bucket in distributed._buckets(parameters)] == [[4, 5], [3], [20], [1], [1]]
    assert list(distributed._buckets([])) == []


def test_what_cannot_be_divided_is_said_once(trained):
    codes, _, stderrs = said(trained, "uneven")
    assert codes == (2, 2)
    assert stderrs[0].count("prompts_per_step is 3; it must be a multiple of the 2 processes") == 1
    assert stderrs[1] == ""
    assert not (trained / "uneven").exists()


def test_what_several_processes_cannot_do():
    from agents.methods import make_method
    from agents.setup import check, check_world

    with pytest.raises(ConfigurationError, match="torchrun --nproc-per-node"):
        check([TrainOptions(shard=True)])

    for options, method, world, message in (
        (TrainOptions(eval_tasks=1), "rlsd", World(0, 2), "eval_tasks is 1"),
        (TrainOptions(), "ppo", World(0, 2), "ppo trains in one process"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            check_world(options, make_method(method), world)


def test_a_comparison_is_not_for_torchrun(monkeypatch, tmp_path):
    from agents import compare

    monkeypatch.setenv("RANK", "0")
    with pytest.raises(ConfigurationError, match="was started by torchrun"):
        compare.main(["--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def test_denominators_are_those_of_all_processes():
    weights, lengths = torch.tensor([1.0, 1.0]), torch.tensor([2, 4])
    # another process has 6 more episodes: 1 / (2 x 8), 1 / (4 x 8)
    coefficients = row_coefficients(weights, lengths, "sequence_mean", lambda total: total + 6)
    assert coefficients.tolist() == [1 / 16, 1 / 32]
    assert World(1, 2).share([0, 1, 2, 3]) == [2, 3]
    with pytest.raises(ValueError, match="3 values cannot be divided"):
        World(1, 2).share([0, 1, 2])
