"""`play`: a person's answers through standard input."""

import io

import pytest
from PIL import Image

from rlsd_env.cli import play
from rlsd_env.cli.main import main
from tests.rlsd_env.cli.tasks import ME

SUMS = f"{ME}:clitest/Sums-v0"


@pytest.fixture
def typed(monkeypatch):
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text))


def first_answer():
    from rlsd_env.cli.common import make_env

    env = make_env(SUMS, {}, expose_privileged=True)
    env.reset(seed=3)
    return env.privileged.reference.answer


def test_a_game(typed, capsys):
    typed(f"{first_answer()}\n<answer>77</answer>\n")
    assert main(["play", SUMS, "--seed", "3", "--reference"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("What is ") == 3
    assert f"right: read as '{first_answer()}'\nthe answer is {first_answer()}\nscore: 1 of 1 right\n" in shown
    assert "wrong: read as '77'\n" in shown
    assert "score: 1 of 2 right\n" in shown
    assert shown.endswith("the end; score: 1 of 2 right\n")


def test_without_reference_the_answer_is_not_told(typed, capsys):
    typed("99\n")
    assert main(["play", SUMS, "--seed", "3", "--tasks", "1"]) == 0
    assert "the answer is" not in (shown := capsys.readouterr().out)
    assert shown.endswith("score: 0 of 1 right\n\n")


def test_several_turns_with_feedback(typed, capsys):
    typed(f"99\n{first_answer()}\n")
    words = ["play", SUMS, "--seed", "3", "--tasks", "1", "--env-kwargs", "max_turns=2", "feedback=outcome"]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert shown.index("Your answer is wrong.") < shown.index("right: read as")
    assert "score: 1 of 1 right" in shown


def test_both_commands_choose_a_task_alike(typed, capsys):
    for words in (["--seed", "3"], ["--index", "4"], ["--task-id", "sum-2"]):
        typed("99\n")
        assert main(["play", SUMS, *words, "--tasks", "1"]) == 0
        id = capsys.readouterr().out.splitlines()[0].removeprefix("--- ")
        assert main(["show", SUMS, *words]) == 0
        assert f"task         {id}, number {id[-1]} of 5\n" in capsys.readouterr().out
    assert id == "sum-2"


def test_play_goes_on_from_a_chosen_task_to_the_last(typed, capsys):
    typed("5\n6\n7\n")
    assert main(["play", SUMS, "--index", "3"]) == 0
    shown = capsys.readouterr().out
    assert [line for line in shown.splitlines() if line.startswith("---")] == ["--- sum-3", "--- sum-4"]
    assert shown.endswith("score: 2 of 2 right\n\n")


def test_a_partial_reward_is_told(typed, capsys):
    typed("a\nb\n")
    assert main(["play", SUMS, "--tasks", "2", "--env-kwargs", f"verifier={ME}:Halves", "grading_workers=0"]) == 0
    shown = capsys.readouterr().out
    assert "partly right, reward 0.5: read as '<answer>a</answer>'" in shown.replace(" a ", "a")
    assert "score: 0 of 2 right\n" in shown


def test_a_tool_call_is_taken_as_it_is(typed, capsys):
    typed('<tool_call>{"name": "calculator", "arguments": {"expression": "6 * 7"}}</tool_call>\n99\n')
    words = ["play", SUMS, "--tasks", "1", "--env-kwargs", "max_turns=2", "tools=['calculator']"]
    assert main(words) == 0
    assert "42" in capsys.readouterr().out


def test_lines_that_go_on(typed, capsys):
    typed("<think> a \\\nb </think>\\\n<answer> 99 </answer>\n")
    assert main(["play", SUMS, "--tasks", "1"]) == 0
    assert "wrong: read as '99'" in capsys.readouterr().out


def test_ctrl_c_ends_the_game_with_the_score(monkeypatch, capsys):
    def interrupted(prompt):
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", interrupted)
    assert main(["play", SUMS]) == 0
    assert capsys.readouterr().out.endswith("the end; score: 0 of 0 right\n")


@pytest.mark.parametrize(("id", "suffix"), [(SUMS, "png"), ("rlsd/BounceCount-v0", "gif")])
def test_pictures_and_videos_are_written_and_opened(id, suffix, typed, monkeypatch, capsys):
    sizes = {}

    def view(path):
        with Image.open(path) as picture:
            sizes[str(path)] = (*picture.size, getattr(picture, "n_frames", 1))

    monkeypatch.setattr(play, "_view", view)
    typed("1\n")
    assert main(["play", id, "--tasks", "1", "--open"]) == 0
    ((path, size),) = sizes.items()
    assert f"[{path}]" in capsys.readouterr().out
    assert path.endswith(suffix)
    assert size == (6, 4, 1) if suffix == "png" else size[2] > 1


def test_no_viewer_is_said_in_one_line(typed, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sys.platform", "linux")
    typed("1\n")
    assert main(["play", SUMS, "--open"]) == 2
    assert "xdg-open cannot be started" in capsys.readouterr().err
