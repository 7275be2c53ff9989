"""`show`, `play` and `validate` of environments of others, and what other commands say of them."""

from __future__ import annotations

import io

import pytest

from rlsd_env.adapters.tasks import rows
from rlsd_env.cli.main import main
from rlsd_env.errors import ConfigurationError
from tests.agents.commands import call

LAKE = "tests.rlsd_env.adapters.games:games/Lake-v0"
ME = "tests.rlsd_env.adapters.secret"
PICTURES = "tests.rlsd_env.adapters.games:games/Pictures-v0"


@pytest.fixture
def typed(monkeypatch):
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_show_is_the_first_observation(capsys):
    assert main(["show", LAKE, "--index", "4"]) == 0
    shown = capsys.readouterr().out
    for line in (
        "task         tests.rlsd_env.adapters.games:lake-4, seed 4 of 1,000\n",
        "action       what stands in <answer>..</answer>\n",
        "turns        3 at most\n",
        "right        from a return of 1 on\n",
        "\n[S]FG\nActions: left, down, right, up.\nThink in <think>",
    ):
        assert line in shown
    assert "hint" not in shown
    assert main(["show", LAKE, "--reference", "--env-kwargs", "fold=heldout"]) == 0
    shown = capsys.readouterr().out
    assert "lake-800, seed 800 of" in shown
    assert "hint: answer    right\nhint: solution  right, then right again\n" in shown
    assert main(["show", PICTURES, "--task-id", "tests.rlsd_env.adapters.games:pictures-7"]) == 0
    shown = capsys.readouterr().out
    assert "image        8 x 8\naction       all that is said\n" in shown
    assert "seed 7 of" in shown


def test_play_takes_bare_answers(typed, capsys):
    typed("right\nnorth\n<answer>right</answer>\n")
    assert main(["play", LAKE, "--index", "2", "--tasks", "1", "--reference"]) == 0
    shown = capsys.readouterr().out
    assert "--- tests.rlsd_env.adapters.games:lake-2\n[S]FG\n" in shown
    assert "S[F]G\nreward 0\n" in shown
    assert "That is no action." in shown
    assert "SF[G]\nreward 1\nright: read as 'right'\nanswer: right\nsolution: right, then right again\n" in shown
    assert shown.endswith("score: 1 of 1 right\n\n")


def test_play_and_show_draw_alike_and_pictures_are_written(typed, capsys):
    typed("a\nb\nc\n")
    assert main(["play", PICTURES, "--seed", "3"]) == 0
    played = capsys.readouterr().out
    assert main(["show", PICTURES, "--seed", "3"]) == 0
    assert f"task         {played.splitlines()[0].removeprefix('--- ')}, seed" in capsys.readouterr().out
    assert "task1-turn2-picture1.png]\n" in played
    assert "the end; score: 1 of 1 right" in played


def test_validate_plays_seeds(capsys):
    assert main(["validate", PICTURES, "--limit", "5"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "seeds 5 played twice in" in shown
    assert "seen 15 turns, 15 pictures returns from 1.5 to 1.5, 1.5 in the mean right 5, from a return of 1.5" in shown
    assert "privileged none is given" in shown
    assert shown.endswith("failed 0")


def test_validate_finds_what_is_not_of_the_seed(secret, capsys):
    assert main(["validate", secret]) == 0
    assert "privileged  told of each" in capsys.readouterr().out
    assert main(["validate", secret, "--env-kwargs", "make_kwargs={seeded=false}"]) == 1
    assert f"FAILED {ME}:Secret-0: privileged of {ME}:Secret tells" in capsys.readouterr().out
    assert main(["validate", secret, "--env-kwargs", "make_kwargs={drifts=true}", "--limit", "1"]) == 1
    shown = capsys.readouterr().out
    assert "go on differently after '7': said is 'No" in shown
    assert main(["validate", PICTURES, "--env-kwargs", "make_kwargs={breaks=true}", "--limit", "2"]) == 0


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["show", LAKE, "--env-kwargs", "desc=3"], "unknown option of games/Lake-v0 'desc'; allowed: fold"),
        (["show", LAKE, "--env-kwargs", "num_envs=3"], "--env-kwargs has num_envs; this command sets that itself"),
        (["show", LAKE, "--index", "1000"], "there is no task number 1000; they go from 0 to 999"),
        (["play", LAKE, "--task-id", "sum-3"], "unknown task id 'sum-3'; the tasks of tests.rlsd_env"),
        (["show", LAKE, "--image", "a.png"], "--image is for reasoning environments; leave it out for games/Lake-v0"),
        (["validate", LAKE, "--form", "{gold}"], "--form is for reasoning environments"),
        (["bench", LAKE], "'games/Lake-v0' is an environment of others, which has no gold answers"),
        (["overlap", LAKE, LAKE], "agents.train, agents.compare and agents.evaluate take it, and python -m"),
        (["show", LAKE.replace("Lake", "Lakes")], "did you mean 'games/Lake-v0'"),
        (["show", LAKE.replace("Lake", "Lakes")], "importing tests.rlsd_env.adapters.games registers no such id"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_one_line(argv, message, capsys):
    assert main(argv) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


def test_what_wants_gold_answers_says_so(tmp_path):
    done = call("agents.chat", "--env", LAKE, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert "'games/Lake-v0' is an environment of others, which has no gold answers" in done.stderr
    with pytest.raises(ConfigurationError, match="is an environment of others, which has no gold answers"):
        next(rows(LAKE))  # what the adapters of trainers read
