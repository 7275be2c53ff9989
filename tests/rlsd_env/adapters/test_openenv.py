"""A reasoning environment behind OpenEnv's own server and client."""

from __future__ import annotations

import base64
import importlib.util
import io
import json

import numpy as np
import PIL.Image
import pytest

from rlsd_env.adapters import openenv
from rlsd_env.adapters.tasks import VerifierFailed, rows
from rlsd_env.cli.common import make_env
from rlsd_env.errors import ConfigurationError
from tests.rlsd_env.adapters.moody import MOODY

INSTALLED = importlib.util.find_spec("openenv") is not None
needs_openenv = pytest.mark.skipif(not INSTALLED, reason="OpenEnv is not installed; make test-adapters installs it")
SUMS = "rlsd/Arithmetic-v0"


def gold(index):
    return make_env(SUMS, {}).desk.source.privileged(index).reference.answer


@pytest.mark.skipif(INSTALLED, reason="OpenEnv is installed")
def test_without_openenv_it_says_what_to_install():
    with pytest.raises(ConfigurationError, match=r"an OpenEnv server needs openenv, .*pip install 'rlsd\[openenv\]'"):
        openenv.app(SUMS)


@needs_openenv
def test_an_episode_of_one_turn():
    environment, action, _ = openenv.classes()
    env = environment("rlsd/ShapeCount-v0")
    observation = env.reset(task_index=3, episode_id="mine")
    assert (observation.done, observation.reward) == (False, None)
    assert observation.question.count("<image>") == 1
    picture = PIL.Image.open(io.BytesIO(base64.b64decode(observation.images[0].partition(",")[2])))
    expected = make_env("rlsd/ShapeCount-v0", {}).reset(options={"task_index": 3})[0]["images"][0]
    assert np.array_equal(np.asarray(picture), expected)
    assert (env.state.episode_id, env.state.step_count) == ("mine", 0)
    observation = env.step(action(text="<answer> no </answer>"))
    assert (observation.done, observation.reward) == (True, 0.0)
    assert env.state.step_count == 1
    env.close()


@needs_openenv
def test_several_turns_have_a_reward_at_the_end_only():
    environment, action, _ = openenv.classes()
    env = environment(SUMS, max_turns=2, feedback="outcome")
    env.reset(task_index=5)
    observation = env.step(action(text="<answer> -1 </answer>"))
    assert (observation.done, observation.reward, observation.turn) == (False, None, 1)
    assert observation.feedback
    observation = env.step(action(text=f"<answer> {gold(5)} </answer>"))
    assert (observation.done, observation.reward) == (True, 1.0)
    env.close()


@needs_openenv
def test_a_failure_of_the_verifier_is_no_reward():
    environment, action, _ = openenv.classes()
    env = environment(SUMS, **MOODY)
    env.reset(seed=1)
    observation = env.step(action(text="crash"))
    assert (observation.done, observation.reward, observation.metadata["status"]) == (True, None, "error")
    env.close()


@needs_openenv
def test_a_failure_may_be_answered_by_an_error():
    environment, action, _ = openenv.classes()
    env = environment(SUMS, "error", **MOODY)
    env.reset(seed=1)
    with pytest.raises(VerifierFailed, match=r"the verifier failed \(error\) on task"):
        env.step(action(text="crash"))
    env.close()


@needs_openenv
def test_a_reply_is_the_one_field_that_an_action_must_have():
    _, action, _ = openenv.classes()  # what clients go by that send a model's reply as it is
    assert action.model_json_schema()["required"] == ["text"]


def test_ways_with_a_failure_are_two():
    with pytest.raises(ConfigurationError, match=r"unknown on_failure 'raise'; .*allowed: error, null"):
        openenv.app(SUMS, on_failure="raise")


@needs_openenv
def test_openenvs_own_client_plays_over_the_wire():
    from openenv.core.generic_client import GenericEnvClient

    with served(SUMS) as address, GenericEnvClient(base_url=address).sync() as client:
        result = client.reset(task_index=5)
        assert "question" in result.observation
        assert gold(5) not in json.dumps({**result.observation, "question": ""})
        result = client.step({"text": f"<answer> {gold(5)} </answer>"})
        assert (result.done, result.reward) == (True, 1.0)
        assert set(client.state()) >= {"episode_id", "step_count"}


@needs_openenv
def test_the_task_api_counts_tasks_by_fold():
    import httpx

    def told(path, **body):
        return http.post(f"/Arithmetic-v0/{path}", json=body)

    with served(SUMS) as address, httpx.Client(base_url=address, timeout=60) as http:
        assert http.get("/list_environments").json() == ["Arithmetic-v0"]
        splits = http.get("/Arithmetic-v0/splits").json()
        assert {split["name"]: split["type"] for split in splits} == openenv.SPLITS
        expected = [row.task_id for row in rows(SUMS, fold="heldout", limit=4)]
        tasks = told("task_range", split="heldout", start=1, stop=4).json()["tasks"]
        assert tasks == [{"id": id, "index": index} for index, id in enumerate(expected) if index]
        assert told("task", split="heldout", index=3).json() == {"task": tasks[-1]}
        count = told("num_tasks", split="heldout").json()["num_tasks"]
        assert count == len(make_env(SUMS, {}).desk.source.fold("heldout"))
        assert told("task", split="heldout", index=count).status_code == 400
        assert told("tasks", split="train").status_code == 400  # there are more than are made for one answer
    env = openenv.classes()[0](SUMS)
    assert env.reset(split="heldout", index=3).metadata["task_id"] == expected[3]
    for options, message in (
        ({"split": "train"}, "split='train' and index=None; give both or none"),
        ({"split": "test", "index": 0}, "unknown fold 'test'"),
        ({"split": "train", "index": 0, "task_id": "a"}, "split='train' and index=0, and task_id as well"),
        ({"split": "train", "index": 0, "task_index": 1}, "split='train' and index=0, and task_index as well"),
        ({"split": "train", "index": True}, "index is True; it must be a whole number"),
        ({"split": "train", "index": 1.5}, "index is 1.5; it must be a whole number"),
        ({"task": 3}, "unknown argument of reset 'task'; did you mean 'task_id'?"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            env.reset(**options)
    with pytest.raises(IndexError, match="split 'train' has no task -1"):
        env.reset(split="train", index=-1)
    for many in (env.get_task_range, env.list_tasks):
        with pytest.raises(ConfigurationError, match="ask for 1,000 at a time"):
            many("train")
    with pytest.raises(ConfigurationError, match="stop is '9'; it must be a whole number"):
        env.get_task_range("train", 0, "9")
    env.close()


@needs_openenv
def test_what_may_not_go_out_is_refused(tmp_path):
    lines = [json.dumps({"id": str(number), "question": "1 + 1?", "answer": "2"}) for number in range(40)]
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    environment, _, _ = openenv.classes()
    table = environment("rlsd/Table-v0", path=str(tmp_path / "t.jsonl"), train_allowed=False)
    assert table.reset(split="heldout", index=0).question
    for call in (table.reset, table.get_task):
        with pytest.raises(ConfigurationError, match="forbid training on it"):
            call(split="train", index=0)
    with pytest.raises(ConfigurationError, match="has videos, which this adapter does not hand on"):
        environment("rlsd/FirstColour-v0").reset(seed=0)


class served:  # noqa: N801 - a context manager
    """A server in a thread, for the length of a test, that pings its clients often."""

    def __init__(self, env, **options):
        import uvicorn

        app = openenv.app(env, **options)
        pings = {"ws_ping_interval": 1.0, "ws_ping_timeout": 4.0}
        self.server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", **pings))

    def __enter__(self):
        import threading
        import time

        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        until = time.monotonic() + 60
        while not self.server.started and time.monotonic() < until:
            time.sleep(0.05)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    def __exit__(self, *_):
        self.server.should_exit = True
        self.thread.join(20)
