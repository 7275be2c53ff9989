"""`python -m agents.chat`: a picture, a task with its verdict, a conversation from a pipe, and what it refuses."""

from __future__ import annotations

import io
import json
import sys

import numpy as np
import PIL.Image
import pytest

from agents import chat, conversation
from agents.bundled import checkpoint_of
from agents.conversation import Conversation, Streamer, with_placeholders
from agents.episodes import StopReason
from agents.policy.base import Request, Sampling
from rlsd_env.cli.common import make_env
from rlsd_env.errors import ConfigurationError
from tests.agents.commands import call
from tests.agents.runs_on_disk import write_comparison, write_run

TASKS = "--policy lab-q0.3 --env rlsd/PictureChain-v0 --env-kwargs difficulty=2 cell=16 --max-tokens 40".split()


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "dots.png"
    PIL.Image.new("RGB", (64, 48), "white").save(path)
    return path


@pytest.fixture
def talk(monkeypatch):
    """Run the command with lines that come through a pipe."""

    def talked(*argv, lines=(), **kwargs):
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        return call("agents.chat", *argv, **kwargs)

    return talked


def made(policy, write=lambda text: None, max_tokens=12, temperature=1.0):
    return Conversation(policy, Sampling(temperature, max_tokens), 0, write)


def test_a_task_is_done_and_judged_and_what_comes_through_a_pipe_is_answered(talk):
    told = talk(*TASKS, "--seed", "3", "--index", "2", lines=["/task", "/task 7", "Why?", "/quit", "Never asked?"])
    out = told.stdout
    numbers = [line.rpartition(" ")[2] for line in out.splitlines() if line.startswith("--- picture_chain-")]
    assert numbers == ["2", "3", "7"]  # the one that was chosen, the next, the one that was named
    assert out.count("\nverdict   ") == out.count("\nright is  ") == out.count("\nwhy       ") == 3
    assert out.count("[picture, ") == 3
    before, question, answer = out.partition("> Why?\n")
    assert before.count("<answer>") >= 3  # the prompt's own among them
    assert question
    assert answer.strip()
    assert "Never asked?" not in out
    again = talk(*TASKS, "--seed", "3", "--index", "2", lines=["/task", "/task 7", "Why?", "/quit"])
    assert again.stdout == out


def test_the_verdict_says_why(talk):
    env = make_env("rlsd/Chain-v0", {"difficulty": 2}, expose_privileged=True)
    env.reset(options={"task_index": 0})  # 5 * 3 * 1 * 2 = 0 modulo 10
    item = env.desk.item(0)
    *_, info = env.step("<think> 5 * 3 = 5. </think> <answer> 7 </answer>")
    facts = dict(chat.verdict_facts(env.desk, item, info["verdict"], 0.0, truncated=False))
    assert facts["verdict"] == "wrong"
    assert facts["reward"] == "0"
    assert facts["read"] == "'7', by answer_tag"
    assert facts["right is"] == item.privileged.reference.answer == "0"
    assert facts["compared"] == "0  with  7: not the same"
    assert facts["why"] == info["verdict"].feedback != ""
    env.reset(options={"task_index": 0})
    *_, info = env.step("I do not know")
    facts = dict(chat.verdict_facts(env.desk, item, info["verdict"], 0.0, truncated=True))
    assert facts["read"] == "no answer (no_answer)"
    assert facts["verdict"] == "wrong; no turns or tokens were left"
    assert "compared" not in facts


def test_a_question_about_a_picture_alone(talk, picture):
    """The question stands behind the option, and is answered once; nothing is read."""
    argv = ("--max-tokens", "8", "--temperature", "0")
    with_it = talk("--image", picture, "How many red circles are there?", *argv, lines=["no"])
    without = talk("How many red circles are there?", *argv)
    assert with_it.stdout.strip()
    assert with_it.stdout != without.stdout
    assert "> no" not in with_it.stdout


def test_a_conversation_from_a_pipe_goes_on_past_mistakes(talk, picture):
    lines = ["", "One?", "/image nowhere.png", "/imagine", "/task", f"/image {picture}", "Two?", "/new", "Three?"]
    done = talk("--max-tokens", "4", lines=lines)
    assert done.returncode == 0
    assert done.stdout.count("[cut after 4 tokens]") == 3
    assert "error: image 'nowhere.png' is no file; give a picture in one of PNG, JPEG," in done.stdout
    assert "error: unknown command '/imagine'; did you mean '/image'?" in done.stdout
    assert "error: /task is of an environment; start with --env ID" in done.stdout
    assert "[picture, 64 x 48, for the next question]" in done.stdout
    assert "[a new conversation]" in done.stdout
    assert done.stdout.endswith("\nthe end\n")


def test_ctrl_c_ends_it_politely(talk, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(conversation.TransformersPolicy, "generate", interrupted)
    done = talk(lines=["One?", "Two?"])
    assert (done.returncode, done.stdout) == (0, "> One?\n\nthe end\n")


def test_what_was_said_is_read_again_by_its_own_tokens_and_pictures_stay(policy, monkeypatch):
    asked = []
    generate = policy.generate
    monkeypatch.setattr(policy, "generate", lambda request, **more: asked.append(request) or generate(request, **more))
    one, picture = made(policy), np.full((48, 64, 3), 255, np.uint8)
    first = one.ask("One?", [picture])
    one.ask("Two?")
    one.new()
    one.ask("Three?")
    (before,), (after,), (fresh,) = (request.prompts for request in asked)
    assert [message["role"] for message in after.messages] == ["user", "assistant", "user"]
    stopped = first.stop_reason is StopReason.STOP
    assert after.messages[1]["token_ids"] == first.token_ids[: len(first.token_ids) - stopped]
    assert len(before.images) == len(after.images) == 1
    assert (len(fresh.messages), fresh.images) == (1, ())
    assert len({tuple(request.seeds) for request in asked}) == 3


def test_after_a_task_the_conversation_has_its_answer(policy, monkeypatch):
    env = make_env("rlsd/ShapeCount-v0", {}, expose_privileged=True)
    one = made(policy, max_tokens=40)
    ((_, said, info),) = one.play(env, 3)
    assert info["over"]
    assert info["verdict"].extracted in said.text or info["verdict"].extracted is None
    asked = []
    monkeypatch.setattr(policy, "generate", lambda request, **more: asked.append(request) or [[said]])
    one.ask("Why?")
    (prompt,) = asked[0].prompts
    assert [message["role"] for message in prompt.messages] == ["user", "assistant", "user"]
    assert prompt.messages[1]["content"] == said.text
    assert len(prompt.images) == 1


def test_several_turns_and_a_budget_of_tokens(policy):
    """Wrong answers are told of; no answer is longer than what is left of the budget."""
    env = make_env(
        "rlsd/ShapeCount-v0", {"max_turns": 4, "feedback": "outcome", "token_budget": 60}, expose_privileged=True
    )
    turns = [turn for index in range(6) for turn in made(policy, max_tokens=50).play(env, index)]
    ended = [info for _, _, info in turns if info["over"]]
    assert len(ended) == 6
    assert len(turns) > 6
    assert any(said for said, _, info in turns if not info["over"])
    lengths, total = [], 0
    for _, completion, info in turns:
        total += len(completion.token_ids)
        if info["over"]:
            lengths.append(total)
            total = 0
    assert max(lengths) <= 60


def test_what_is_streamed_is_the_answer(policy):
    pieces = []
    said = made(policy, pieces.append, max_tokens=40).ask("How many circles are there?")
    assert len(pieces) > 3  # as it comes, and not at once
    assert "".join(pieces).partition(" [cut after")[0].rstrip("\n") == said.text
    ids = policy.tokenizer("a héllo 3 wörld\nyes", add_special_tokens=False)["input_ids"]
    written = []
    streamer = Streamer(policy.tokenizer, written.append)
    for id in ids:
        streamer.put(np.array([id]))
    streamer.end()
    assert "".join(written) == policy.tokenizer.decode(ids)


def test_listening_to_tokens_changes_none(policy):
    from agents.messages import user_message
    from agents.policy.base import Prompt

    request = Request([Prompt((user_message("How many?"),))], 2, Sampling(1.0, 12), [1, 2])
    heard = {0: [], 1: []}
    listened = policy.generate(request, on_token=lambda number, id: heard[number].append(id))
    assert listened == policy.generate(request)
    assert [tuple(heard[number]) for number in (0, 1)] == [one.token_ids for one in listened[0]]


def test_a_conversation_that_is_too_long_is_refused_before_it_is_run(policy, monkeypatch):
    monkeypatch.setattr(policy.model.config.get_text_config(), "max_position_embeddings", 30)
    one = made(policy, max_tokens=20)
    tokens = []
    monkeypatch.setattr(one, "write", tokens.append)
    said = one.ask("How many?")
    assert len(said.token_ids) < 20  # what there is room for
    with pytest.raises(ConfigurationError, match=r"tokens long and the model reads 30; /new begins another"):
        one.ask("How many are there now, and how many were there before that?" * 3)


def test_a_policy_of_texts_alone_refuses_pictures(policy, tmp_path, picture, monkeypatch):
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "config.json").write_text(json.dumps({"model_type": "qwen3"}))
    (tmp_path / "text" / "model.safetensors").write_bytes(b"")
    for argv in (["What?", "--image", picture], ["--env", "rlsd/ShapeCount-v0"]):
        done = call("agents.chat", *argv, "--policy", tmp_path / "text", check=False)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert "text' (qwen3) reads text only, and " in done.stderr
    monkeypatch.setattr(policy.encoder, "image_id", None)  # as of one from a hub, of which nothing is known before
    session = chat.Session(made(policy), None, None)
    with pytest.raises(ConfigurationError, match="reads text only"):
        session.take(f"/image {picture}")
    session.take("And without?")
    assert session.conversation.number == 1


@pytest.mark.parametrize(
    ("text", "count", "written"),
    [
        ("Is <image> red?", 1, "Is <image> red?"),
        ("Are they red?", 2, "<image><image>Are they red?"),
        ("Is <image> red?", 2, "<image><image>Is <!image> red?"),
        ("What is <video>?", 0, "What is <!video>?"),
    ],
)
def test_where_pictures_stand(text, count, written):
    assert with_placeholders(text, count) == written


def test_pictures_are_read_as_data_sets_pictures_are(tmp_path):
    """Upright, transparent parts on white, and within the limits."""
    PIL.Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert chat.read_picture(tmp_path / "clear.png").tolist() == np.full((8, 8, 3), 255).tolist()
    sideways = PIL.Image.new("RGB", (64, 32))
    exif = sideways.getexif()
    exif[0x0112] = 6  # the top is at the right
    sideways.save(tmp_path / "sideways.jpg", exif=exif)
    assert chat.read_picture(tmp_path / "sideways.jpg").shape == (64, 32, 3)
    PIL.Image.new("1", (30_000, 9)).save(tmp_path / "strip.png")
    (tmp_path / "text.png").write_text("no picture")
    for name, words in (("strip.png", "30000 x 9"), ("text.png", "is none of PNG"), ("none.png", "is no file")):
        with pytest.raises(ConfigurationError, match=words):
            chat.read_picture(tmp_path / name)


def test_a_run_stands_for_its_model(tmp_path):
    run = write_run(tmp_path / "run")
    with pytest.raises(ConfigurationError, match="a run without a language model in model/"):
        checkpoint_of(str(run))
    (run / "model").mkdir()
    (run / "model" / "config.json").write_text("{}")
    assert checkpoint_of(str(run)) == str(run / "model")
    assert checkpoint_of("tiny") == "tiny"
    folder = write_comparison(tmp_path / "two")
    with pytest.raises(ConfigurationError, match="none of its runs has a model yet"):
        checkpoint_of(str(folder))
    (folder / "runs" / "grpo" / "seed0" / "model").mkdir()
    (folder / "runs" / "grpo" / "seed0" / "model" / "config.json").write_text("{}")
    with pytest.raises(ConfigurationError, match=r"is a comparison; give one of its runs: \S+grpo/seed0$"):
        checkpoint_of(str(folder))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("hi", "--env", "rlsd/Clock-v0"), "env and a question are both given"),
        (("--index", "3"), "index is of an environment; give --env as well"),
        (("--env-kwargs", "difficulty=2"), "env_kwargs is of an environment"),
        (("--env", "rlsd/Clok-v0"), "did you mean 'rlsd/Clock-v0'"),
        (("--env", "rlsd/Clock-v0", "--env-kwargs", "dificulty=2"), "did you mean 'difficulty'"),
        (("--env", "rlsd/Clock-v0", "--task-id", "clock-x"), "clock-x"),
        (("--env", "rlsd/Clock-v0", "--task-id", "a", "--index", "1"), "index and task_id are both given"),
        (("hi", "--policy", "tinny"), "policy 'tinny': it must be a bundled model (tiny,"),
        (("hi", "--image", "nowhere.png"), "image 'nowhere.png' is no file"),
        (("hi", "--max-tokens", "0"), "max_tokens is 0; it must be at least 1"),
        (("hi", "--temperature", "-1"), "temperature is -1.0; it must be at least 0"),
        (("hi", "--precision", "float16"), "unknown precision 'float16'"),
    ],
)
def test_what_cannot_be_is_one_line_before_anything_is_loaded(options, words, monkeypatch):
    monkeypatch.setattr(chat, "_conversation", lambda *of: pytest.fail("a policy was loaded"))
    done = call("agents.chat", *options, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert words in done.stderr
