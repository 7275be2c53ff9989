"""Prime Intellect's `verifiers`, in an environment of its own, plays tasks of our server. `make test-adapters`."""

from __future__ import annotations

import base64
import functools
import http.server
import io
import json
import os
import re
import subprocess
import sys
import threading
import time
import tomllib

import numpy as np
import PIL.Image
import pytest

from rlsd_env.adapters import prime
from rlsd_env.adapters.tasks import rows
from rlsd_env.cli.common import make_env
from tests.conftest import ROOT
from tests.rlsd_env.adapters.moody import MOODY
from tests.rlsd_env.adapters.test_openenv import INSTALLED, served

PRIME = ROOT / ".venv-prime" / "bin"
needs_prime = pytest.mark.skipif(
    not (INSTALLED and (PRIME / "vf-eval").exists()),
    reason="OpenEnv or .venv-prime is not there; make test-adapters sets both up",
)
SHAPES = "rlsd/ShapeCount-v0"
WRONG, CRASH = "<answer>none</answer>", "<answer>crash</answer>"


def test_what_is_written_is_a_project_that_imports_nothing_of_ours(tmp_path):
    folder = prime.write(tmp_path / "made")
    assert sorted(path.name for path in folder.iterdir()) == ["pyproject.toml", "rlsd_tasks.py"]
    assert tomllib.loads((folder / "pyproject.toml").read_text())["project"]["name"] == "rlsd-tasks"
    source = (folder / "rlsd_tasks.py").read_text("utf-8")
    assert "rlsd_env" not in [
        line.split()[1].partition(".")[0] for line in source.splitlines() if "import " in line[:7]
    ]


def test_what_is_written_is_in_the_style_of_the_rest(tmp_path):
    source = prime.write(tmp_path) / "rlsd_tasks.py"
    pytest.importorskip("ruff", reason="ruff is not installed; the extra dev has it")
    for command in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        done = subprocess.run([sys.executable, "-m", "ruff", *command, "--config", ROOT / "pyproject.toml", source])
        assert done.returncode == 0


class Model(http.server.ThreadingHTTPServer):
    """An OpenAI-compatible model of this machine that answers by rote.

    Args:
        says: from a task's place in its fold and a turn, from 0, to a text; a number is an HTTP status instead.

    """

    daemon_threads = True

    def __init__(self, says):
        super().__init__(("127.0.0.1", 0), Handler)
        self.says, self.asked = says, {}

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def answer(self, messages):
        """Find the task whose picture is shown, and say what is to be said of it."""
        (url,) = [part["image_url"]["url"] for part in messages[0]["content"] if part["type"] == "image_url"]
        shown = np.asarray(PIL.Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))
        (place,) = [place for place, (_, picture, _) in enumerate(tasks()) if np.array_equal(picture, shown)]
        turn = sum(message["role"] == "assistant" for message in messages)
        self.asked[place, turn] = messages
        return self.says(place, turn)


class Handler(http.server.BaseHTTPRequestHandler):
    """Speaks chat completions, in a stream or whole."""

    def log_message(self, *_):
        pass

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        text = self.server.answer(asked["messages"])
        if isinstance(text, int):
            return self.reply(text, json.dumps({"error": {"message": "refused"}}))
        usage = {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10}
        whole = {"id": "1", "created": 1, "model": "m", "usage": usage}
        choice = {"index": 0, "finish_reason": "stop"}
        message = {"role": "assistant", "content": text}
        if asked.get("stream"):
            chunk = whole | {"object": "chat.completion.chunk", "choices": [choice | {"delta": message}]}
            return self.reply(200, f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n", "text/event-stream")
        return self.reply(
            200, json.dumps(whole | {"object": "chat.completion", "choices": [choice | {"message": message}]})
        )

    def reply(self, status, text, kind="application/json"):
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@functools.cache
def tasks():
    """The first held-out tasks: prompts, pictures and right answers."""
    source = make_env(SHAPES, {}).desk.source
    found = [*rows(SHAPES, fold="heldout", limit=6)]
    answers = [source.privileged(source.index_of(row.task_id)).reference.answer for row in found]
    return [(row.question, row.images[0], f"<answer>{answer}</answer>") for row, answer in zip(found, answers)]


def evaluate(folder, server, model):
    """Run Prime's evaluation of the first held-out tasks, and return its episodes in order."""
    written = prime.write(folder / "made")
    command = [
        PRIME / "vf-eval", "rlsd-tasks", "--env.taskset.base-url", server, "--env.taskset.split", "heldout",
        "-n", str(len(tasks())), "--model", "m", "--client.base-url", model, "--client.api-key-var", "NO_KEY",
        "--no-push", "--no-rich", "-o", folder / "out", "--run.name", "run",
    ]  # fmt: skip
    env = os.environ | {"PYTHONPATH": str(written), "PATH": f"{ROOT / '.uv' / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (folder / "out" / "run" / "traces.jsonl").read_text().splitlines()]
    return sorted(lines, key=lambda line: line["task"]["data"]["idx"])


@needs_prime
def test_prime_plays_with_pictures_over_several_turns_and_has_no_reward_where_a_verifier_fails(tmp_path):
    said = {(0, 0): None, (1, 0): WRONG, (1, 1): None, (2, 0): WRONG, (2, 1): WRONG, (3, 0): CRASH, (4, 0): 400}
    said[5, 0] = None

    def says(place, turn):
        if place == 5:
            time.sleep(7)  # beyond what the server waits for an answer to its pings
        return said[place, turn] or tasks()[place][2]

    with served(SHAPES, max_turns=2, feedback="outcome", **MOODY) as server, Model(says) as model:
        episodes = evaluate(tmp_path, server, model.address)
    assert model.asked.keys() == said.keys()
    traces = [trace for episode in episodes for trace in episode["traces"]]
    rewards = [{name: reward["score"] for name, reward in trace["rewards"].items()} for trace in traces]
    assert rewards == [{"reward": 1.0}, {"reward": 1.0}, {"reward": 0.0}, {}, {}, {"reward": 1.0}]
    assert [trace["metrics"] for trace in traces[:3]] == [{"correct": 1.0}, {"correct": 1.0}, {"correct": 0.0}]
    assert [episode["ok"] for episode in episodes] == [True, True, True, False, False, True]
    assert re.fullmatch(r"the verifier failed \(error\) on shape_count-\S+", traces[3]["errors"][-1]["message"])
    assert traces[4]["errors"][-1]["type"] == "ProviderError"

    question, answer, feedback = model.asked[1, 1]
    assert [part["type"] for part in question["content"]].count("image_url") == 1
    assert "".join(part.get("text", "") for part in question["content"]) == tasks()[1][0].replace("<image>", "")
    assert (answer["role"], answer["content"]) == ("assistant", WRONG)
    assert (feedback["role"], feedback["content"]) == ("user", "Your answer is wrong.")
