"""What is told of runs while they go on: times that are left, lines for a file, a table that fits a terminal."""

from __future__ import annotations

import io

from rich.console import Console

from agents.runs.board import Board
from agents.runs.display import display
from agents.runs.lines import Lines
from agents.runs.progress import Progress
from agents.runs.screen import Screen

FIGURES = {"reward": 0.7339, "response_length": 24.06, "entropy": 0.41, "tokens_per_second": 1830.4}


def play(board, agent="rlsd", seed=1, steps=40, first=0, last=None, seconds=2.0, figures=FIGURES):
    """Report as a run does: when it begins or goes on, and after each step; the first takes 30 seconds."""
    board(Progress(agent, seed, first, steps))
    for step in range(first + 1, (steps if last is None else last) + 1):
        board(Progress(agent, seed, step, steps, 30 + seconds * (step - first - 1), figures))


# Times that are left


def test_the_time_left_of_a_run_is_from_its_own_steps_of_this_session():
    board = Board({"rlsd, seed 1": (40, 10)})
    left = []
    for last in (11, 12, 13, 14):
        play(board, first=10, last=last)
        left.append(board.runs["rlsd, seed 1"].left)
    # Not from the 10 steps before the resume, nor the 30 seconds of the first: 26 steps of 2 seconds.
    assert left == [None, None, None, 52.0]


def test_a_run_that_reports_one_step_again_and_again_has_no_time_left():
    board = Board()
    for seconds in (1.0, 2.0, 3.0, 4.0):
        board(Progress("mine", 0, 1, 40, seconds))
    assert board.runs["mine, seed 0"].left is None


def test_the_time_left_of_all_runs_is_at_the_pace_of_all():
    now = [1000.0]
    board = Board({"a, seed 0": (40, 10), "b, seed 0": (40, 0), "c, seed 0": (40, 0)}, clock=lambda: now[0])
    for agent in "ab":
        board(Progress(agent, 0, {"a": 10, "b": 0}[agent], 40))
    seen = []
    for step in (1, 2):
        for agent, first in (("a", 10), ("b", 0)):
            board(Progress(agent, 0, first + step, 40, 30.0 + step))
            seen.append(board.left)
            now[0] += 5
    now[0] -= 5
    # The first step sets the clock; 3 steps in 15 seconds; 28 steps of a, 38 of b and 40 of c are left.
    assert seen == [None, None, None, (28 + 38 + 40) * 5.0]
    assert board.summary() == "14/120 steps, 2 running, 1 waiting, 8:50 left"


def test_a_run_that_is_started_again_goes_back_and_is_timed_anew():
    board = Board({"rlsd, seed 1": (40, 0)}, clock=lambda: 7.0)
    play(board, last=8)
    assert board.summary() == "8/40 steps, 1 running, 1:04 left"
    board.lost("rlsd, seed 1")
    assert board.summary().endswith("1 waiting, 0:00 left, 1 worker lost")
    board(Progress("rlsd", 1, 5, 40))
    run = board.runs["rlsd, seed 1"]
    assert (run.step, run.left) == (5, None)
    board.failed("rlsd, seed 1")
    assert board.summary() == "5/40 steps, 1 worker lost, failed: rlsd, seed 1"


def test_a_report_behind_the_news_that_its_run_is_done_changes_nothing():
    board = Board({"rlsd, seed 1": (4, 0)})
    play(board, steps=4, last=3)
    board.done("rlsd, seed 1")
    board(Progress("rlsd", 1, 4, 4, 60.0, FIGURES))
    assert board.summary() == "4/4 steps, 1 done"


# Lines


def test_a_run_has_about_ten_lines_each_complete_in_itself(capsys):
    lines = Lines({"rlsd, seed 1": (25, 0), "grpo, seed 0": (40, 0)})
    play(lines, steps=25, last=24)
    play(lines, steps=25, first=24)  # it was lost, and goes on from its checkpoint
    lines.done("rlsd, seed 1")
    play(lines, "grpo", 0, 40, last=1, figures={"reward": -1.25})
    shown = capsys.readouterr().err.splitlines()
    figures = "reward .734 length 24.1 entropy .41 kl - 1,830 tokens/s"
    assert shown[:3] == [
        f"rlsd seed 1 step 1/25 {figures} - left",
        f"rlsd seed 1 step 3/25 {figures} - left",
        f"rlsd seed 1 step 6/25 {figures} 0:38 left",
    ]
    assert [line.split()[4] for line in shown[:10]] == [f"{step}/25" for step in (1, 3, 6, 9, 12, 15, 18, 21, 24, 25)]
    assert shown[10].startswith("rlsd, seed 1: done; 25/65 steps, 1 done, 1 waiting, ")
    assert shown[11:] == ["grpo seed 0 step 1/40 reward -1.250 length - entropy - kl - - tokens/s - left"]


def test_no_table_where_stderr_is_no_terminal_whatever_colours_are_asked_for(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with display() as board:
        play(board, last=1)
    with display(quiet=True) as board:
        play(board, last=1)
    assert capsys.readouterr().err == (
        "rlsd seed 1 step 1/40 reward .734 length 24.1 entropy .41 kl - 1,830 tokens/s - left\n"
    )


# A table


def shown(screen, width, height):
    """What a screen shows on a terminal of a size, line by line."""
    screen._console.size = (width, height)
    text = Console(file=io.StringIO(), width=width, height=height)
    text.print(screen.table())
    return [line.rstrip() for line in text.file.getvalue().splitlines()]


def screen_of(runs=None):
    return Screen(runs, Console(file=io.StringIO()))


def test_the_table_of_one_training():
    screen = screen_of()
    assert shown(screen, 80, 24)[1:] == ["starting"]
    play(screen, last=12, figures=FIGURES | {"kl_student_teacher": 0.0123})
    assert shown(screen, 80, 24) == [
        "agent  seed   step  reward  length  entropy    kl  tokens/s  left",
        "rlsd      1  12/40    .734    24.1      .41  .012     1,830  0:56",
    ]
    play(screen, first=12)
    assert shown(screen, 80, 24)[1].split()[-1] == "evaluating"
    screen.done("rlsd, seed 1")
    assert shown(screen, 80, 24)[1].split()[-1] == "done"


def test_many_runs_fit_the_terminal():
    """200 runs: 6 that run, 90 done; those that run are shown, and as many of the last ended as there is room for."""
    names = [f"agent{n}, seed 0" for n in range(200)]
    screen = screen_of(dict.fromkeys(names, (40, 0)))
    for n in range(90):
        play(screen, f"agent{n}", 0)
        screen.done(names[n])
    for n in range(90, 96):
        play(screen, f"agent{n}", 0, last=20)
    lines = shown(screen, 80, 24)
    assert len(lines) == 23
    assert [line.split()[0] for line in lines[1:-1]] == [f"agent{n}" for n in range(75, 96)]
    assert lines[-1].startswith("3,720/8,000 steps, 6 running, 90 done, 104 waiting, ")
    assert len(shown(screen, 80, 100)) == 1 + 24 + 1  # however high it is
    few = shown(screen, 80, 6)  # no room for all that run
    assert [line.split()[0] for line in few[1:-1]] == ["agent90", "agent91", "agent92"]
    assert "6 running" in few[-1]


def test_a_narrow_terminal_shows_fewer_columns_and_no_number_cut_short():
    screen = screen_of()
    play(screen, "rlsd@lr=0.0001,epsilon=0.2", last=12)
    assert shown(screen, 44, 24) == [
        "agent              seed   step  reward  left",
        "rlsd@lr=0.0001,e…     1  12/40    .734  0:56",
    ]


def test_what_is_said_beside_the_table_is_shown_as_it_is(capsys):
    Screen().say("[red] was killed")
    assert capsys.readouterr().err == "[red] was killed\n"
