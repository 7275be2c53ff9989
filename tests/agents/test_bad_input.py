"""What a user gets wrong on a command line is one line and exit code 2, and nothing is written."""

from __future__ import annotations

import json

import pytest

from tests.agents.commands import call, run

BAD = [
    ("agents.train", ["--agent", "grop"], "unknown agent 'grop'; did you mean 'grpo'"),
    ("agents.train", ["--env", "rlsd/ShapeCoun-v0"], "did you mean 'rlsd/ShapeCount-v0'"),
    (
        "agents.train",
        ["--env", "CartPole-v1"],
        "foreign.register('mine/CartPoleGroups-v1', make='gymnasium:make', ",
    ),
    ("agents.train", ["--stepz", "3"], "did you mean '--steps'"),
    ("agents.train", ["--steps", "many"], "error: --steps: 'many' is not a whole number\n"),
    ("agents.train", ["--lr", "1e-x"], "error: --lr: '1e-x' is not a number\n"),
    ("agents.compare", ["--seeds", "0,a"], "error: --seeds: '0,a' is not a list of whole numbers such as 0,1,2\n"),
    ("agents.train", ["--device"], "error: --device has no value; write --device VALUE\n"),
    (
        "agents.train",
        ["--steps", "3", "4"],
        "error: 4: not understood; an option is written --NAME VALUE, see --help\n",
    ),
    ("agents.train", ["--env-kwargs", "dificulty=1"], "did you mean 'difficulty'"),
    ("agents.train", ["--env-kwargs", "fold=train"], "evaluates on heldout by itself"),
    ("agents.train", ["--env", "rlsd/MathVision-testmini-v0"], "pass path=FOLDER"),
    ("agents.train", ["--policy", "./nowhere"], "policy './nowhere'"),
    ("agents.train", ["--device", "tpu"], "allowed: auto, cpu, cuda"),
    ("agents.compare", ["--agents", "grpo,rsld"], "did you mean 'rlsd'"),
    ("agents.compare", ["--agents", "my_module:Nothing"], "no module named 'my_module'"),
    ("agents.compare", ["--agents", "untrained=grpo"], "not 'untrained'"),
    ("agents.compare", ["--agents", "a/b=grpo"], "agent name 'a/b'"),
    ("agents.train", ["--env", "my_pkg.envs:x/Y-v0"], "no module named 'my_pkg'"),
    ("agents.compare", ["--config", "bad.toml"], "not readable TOML"),
    ("agents.evaluate", ["--env", "no_module:x/Y-v0"], "no module named 'no_module'"),
    (
        "agents.train",
        ["--env", "mine/X-v0"],
        "unknown environment 'mine/X-v0'; for one of your own write module:namespace/",
    ),
    ("agents.evaluate", ["--env", "rsld/Chain-v0"], "did you mean 'rlsd/Chain-v0'? for one of your own write module:"),
]


def check(done, folder, message):
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert message in done.stderr
    assert [path.name for path in folder.iterdir()] == ["bad.toml"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "bad.toml").write_text("steps = ")
    return tmp_path


@pytest.mark.parametrize(("module", "argv", "message"), BAD)
def test_bad_input_is_one_line_exit_2_and_nothing_written(folder, module, argv, message):
    check(call(module, *argv, cwd=folder, check=False), folder, message)


def test_a_process_of_its_own_writes_no_other_line(folder):
    """Libraries that are loaded for the check could warn."""
    module, argv, message = BAD[4]
    check(run(module, *argv, cwd=folder, check=False), folder, message)


def test_a_broken_picture_stops_the_run_before_anything_is_written(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1.png").write_bytes(b"not a picture")
    row = {"question": "<image1>?", "options": [], "answer": "1", "solution": None}
    row |= {"level": 1, "subject": "x", "image": "images/1.png"}
    (tmp_path / "testmini.jsonl").write_text("\n".join(json.dumps(row | {"id": str(i)}) for i in range(9)))
    env = ["--env", "rlsd/MathVision-testmini-v0", "--env-kwargs", "path=."]
    for module in ("agents.train", "agents.evaluate"):
        done = call(module, *env, cwd=tmp_path, check=False)
        assert done.returncode == 2
        assert "images/1.png" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("module", ["agents.train", "agents.evaluate", "agents.compare"])
def test_help_is_for_strangers(module):
    text = call(module, "--help").stdout
    assert "--env-kwargs" in text
    assert "difficulty=3" in text
