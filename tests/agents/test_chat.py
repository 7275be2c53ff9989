"""`python -m agents.chat`: a picture, a task with its verdict, a conversation from a pipe, and what it refuses."""

from __future__ import annotations

import io
import sys

import PIL.Image
import pytest

from agents.chat import Chat, ChatOptions, weights
from agents.policy.loading import load_policy
from rlsd_env.errors import ConfigurationError
from tests.agents.commands import call
from tests.agents.runs_on_disk import write_comparison, write_run

LAB = "--policy lab-q0.3 --env rlsd/PictureChain-v0 --env-kwargs difficulty=2 cell=16 --max-tokens 40".split()


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "dots.png"
    PIL.Image.new("RGB", (64, 64), "white").save(path)
    return path


def test_a_task_is_asked_and_the_verdict_told():
    done = call("agents.chat", *LAB, "--seed", "1", "--index", "3")
    task, *_, last = done.stdout.strip().splitlines()
    assert task.startswith("task picture_chain-d2-")
    assert ", picture 48 x 16" in task
    assert "<answer>" in done.stdout
    assert "reward 1; answer read: " in last or "reward 0; answer read: " in last
    assert "; right is: " in last
    assert call("agents.chat", *LAB, "--seed", "1", "--index", "3").stdout == done.stdout


def test_a_question_about_a_picture_is_answered(picture):
    asked = ("How many red circles are there?", "--image", picture, "--max-tokens", "12")
    with_picture = call("agents.chat", *asked).stdout
    assert with_picture.strip()
    assert call("agents.chat", asked[0], "--max-tokens", "12").stdout != with_picture


def test_a_conversation_from_a_pipe_goes_on_past_mistakes(picture, monkeypatch):
    lines = [
        "How many circles are there?",
        "/image nowhere.png",
        "/imagine",
        "/task",
        f"/image {picture}",
        "And now?",
        "/quit",
        "no",
    ]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(lines) + "\n"))
    done = call("agents.chat", "--max-tokens", "8")
    assert done.stdout.count("[..]") == 2  # two questions, each cut at 8 tokens
    errors = done.stderr.splitlines()[-3:]
    assert "'nowhere.png' cannot be read as a picture" in errors[0]
    assert "unknown command '/imagine'; did you mean '/image'" in errors[1]
    assert errors[2] == "error: there are no tasks without --env"


def test_what_was_said_is_read_again_by_its_own_tokens():
    chat = Chat(load_policy("tiny", "cpu"), ChatOptions(max_tokens=6))
    chat.ask("One?")
    roles = [message["role"] for message in chat.prompt.messages]
    assert roles == ["user", "assistant"]
    assert len(chat.prompt.messages[1]["token_ids"]) in (5, 6)
    chat.ask("Two?")
    assert [message["role"] for message in chat.prompt.messages] == ["user", "assistant"] * 2
    chat.forget()
    assert chat.prompt is None


def test_a_training_s_folder_stands_for_its_model(tmp_path):
    run = write_run(tmp_path / "run")
    with pytest.raises(ConfigurationError, match="the run has not ended"):
        weights(str(run))
    (run / "model").mkdir()
    assert weights(str(run)) == str(run / "model")
    assert weights("tiny") == "tiny"
    folder = write_comparison(tmp_path / "two")
    (folder / "runs" / "grpo" / "seed0" / "model").mkdir()
    with pytest.raises(ConfigurationError, match=r"give one of its runs, such as .*grpo/seed0"):
        weights(str(folder))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("hi", "--env", "rlsd/Clock-v0"), "env asks its own tasks"),
        (("--index", "3"), "give --env as well"),
        (("--env", "rlsd/Clok-v0"), "did you mean 'rlsd/Clock-v0'"),
        (("hi", "--policy", "tinny"), "tinny"),
        (("hi", "--image", "nowhere.png"), "'nowhere.png' cannot be read as a picture"),
        (("hi", "--max-tokens", "0"), "max_tokens is 0; it must be 1 or more"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_loaded(options, words):
    done = call("agents.chat", *options, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert words in done.stderr
