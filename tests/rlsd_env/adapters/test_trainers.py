"""Rows and rewards for ms-swift, verl and EasyR1, called as those call them."""

from __future__ import annotations

import inspect
import io
import json
import re

import numpy as np
import PIL.Image
import pyarrow.parquet as pq
import pytest

from rlsd_env.adapters import easyr1, ms_swift, tasks, verl
from rlsd_env.adapters.parquet import write_parquet
from rlsd_env.adapters.tasks import VerifierFailed, rows, verdicts
from rlsd_env.cli.common import make_env
from rlsd_env.errors import ConfigurationError
from rlsd_env.sources.own_table import OwnTable
from tests.rlsd_env.adapters.moody import MOODY

SUMS = "rlsd/Arithmetic-v0"


@pytest.fixture
def task():
    """A task's key, and the right answer to it."""
    (row,) = rows(SUMS, limit=1, **MOODY)
    source = make_env(SUMS, {}).desk.source
    gold = source.privileged(source.index_of(row.task_id)).reference.answer
    return row.key, f"<answer>{gold}</answer>"


def other_task():
    return [*rows(SUMS, limit=2, **MOODY)][1].key


# -- rows ----------------------------------------------------------------------------------------------------


def test_a_row_names_its_task_and_holds_no_answer(task):
    key, right = task
    assert json.loads(key).keys() == {"env", "env_kwargs", "task_id"}
    assert [one.correct for one in verdicts([key, key], [right, "<answer>no</answer>"])] == [True, False]


def test_what_is_meant_as_a_word_announces_no_picture(tmp_path):
    (tmp_path / "t.jsonl").write_text(json.dumps({"id": "a", "question": "Is <!image> a tag?", "answer": "yes"}) + "\n")
    (row,) = rows("rlsd/Table-v0", fold="all", path=str(tmp_path / "t.jsonl"))
    assert "<!image>" in row.question
    assert "Is [image] a tag?" in row.words


@pytest.mark.parametrize(
    ("env", "kwargs", "message"),
    [
        (SUMS, {"max_turns": 2, "feedback": "outcome", "limit": 1}, "has max_turns=2, and this trainer samples one"),
        (SUMS, {}, r"makes [\d,]+ tasks in fold train; give limit="),
        (SUMS, {"limit": 1, "expose_privileged": True}, "expose_privileged is no argument of an environment here"),
        (SUMS, {"limit": 1, "difficulty": object()}, "the environment's arguments must be JSON-able"),
        ("rlsd/FirstColour-v0", {"limit": 1}, "has videos, which this adapter does not hand on"),
        ("rlsd/Aritmetic-v0", {"limit": 1}, "did you mean 'rlsd/Arithmetic-v0'"),
    ],
)
def test_what_cannot_be_handed_on_is_one_line(env, kwargs, message):
    with pytest.raises(ConfigurationError, match=message):
        [*rows(env, **kwargs)]


@pytest.mark.parametrize("key", ["", "shape_count-3", "{}", None])
def test_a_column_that_names_no_task_is_told(key):
    with pytest.raises(ConfigurationError, match="names no task; rows that an adapter wrote have what does"):
        verdicts([key], ["5"])


@pytest.fixture
def own_table(tmp_path, monkeypatch):
    """A folder with a table, how it is read and a prompt, in which this process works."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "t.jsonl").write_text('{"q": "1 + 1?", "a": "2"}\n')
    (tmp_path / "table.toml").write_text('[columns]\nquestion = "q"\nanswer = "a"\n')
    (tmp_path / "prompt.txt").write_text("{{ question }} Say it.")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_rows_of_a_table_are_scored_in_any_working_directory(own_table, monkeypatch):
    given = {"path": "data/t.jsonl", "mapping": "table.toml", "prompt": "prompt.txt", "split": "data"}
    (row,) = rows("rlsd/Table-v0", fold="all", **given)
    assert row.question.startswith("1 + 1? Say it.")
    assert json.loads(row.key)["env_kwargs"]["split"] == "data"  # a folder's name too, and no path
    (own_table / "elsewhere").mkdir()
    monkeypatch.chdir(own_table / "elsewhere")
    tasks._desk.cache_clear()
    assert verl.compute_score("", "<answer>2</answer>", row.key) == {"score": 1.0, "acc": 1.0}


def test_which_arguments_are_paths_is_said_by_a_source(own_table, monkeypatch):
    monkeypatch.setattr(OwnTable, "path_arguments", ("path",))
    (row,) = rows("rlsd/Table-v0", fold="all", path="data/t.jsonl", mapping="table.toml")
    assert json.loads(row.key)["env_kwargs"] == {"path": str(own_table / "data/t.jsonl"), "mapping": "table.toml"}


def test_rows_whose_files_are_gone_are_told_of_in_one_line(own_table):
    (row,) = rows("rlsd/Table-v0", fold="all", path="data/t.jsonl", mapping="table.toml")
    (own_table / "table.toml").rename(own_table / "other.toml")
    tasks._desk.cache_clear()
    told = (
        f"the tasks of rows of rlsd/Table-v0 cannot be read from {own_table}: mapping '{own_table}/table.toml' cannot"
    )
    with pytest.raises(ConfigurationError, match=re.escape(told)) as found:
        verl.compute_score("", "<answer>2</answer>", row.key)
    assert "\n" not in str(found.value)
    assert found.value.__suppress_context__


def test_responses_and_keys_are_of_one_number(task):
    with pytest.raises(ConfigurationError, match="2 responses to 1 tasks"):
        verdicts([task[0]], ["1", "2"])


# -- ms-swift ------------------------------------------------------------------------------------------------


def test_ms_swift_reads_lines_with_pictures_and_a_column_that_names_the_task(tmp_path):
    path = ms_swift.write("rlsd/ShapeCount-v0", tmp_path, limit=2)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line, row in zip(lines, rows("rlsd/ShapeCount-v0", limit=2), strict=True):
        assert line.keys() == {"messages", "images", "task"}
        assert line["messages"][0]["content"].count("<image>") == len(line["images"]) == 1
        assert np.array_equal(np.asarray(PIL.Image.open(line["images"][0])), row.images[0])


def test_ms_swift_calls_the_class_with_its_arguments_and_the_rows_columns(task):
    key, right = task
    reward = ms_swift.Reward(args=None)
    given = [right, "<answer>no</answer>", right, ""]
    assert reward(given, task=[key] * 4, messages=[[]] * 4, trainer_state=None) == [1.0, 0.0, 1.0, 0.0]
    assert not inspect.iscoroutinefunction(reward.__call__)  # such are run by asyncio there


def test_where_a_verifier_fails_the_advantage_is_0_and_no_reward_is_made_up(task):
    key, right = task
    other = other_task()
    given = [right, "crash", "<answer>no</answer>", right, "<answer>no</answer>"]
    found = ms_swift.Reward()(given, task=[key, key, key, key, other])
    assert found == [1.0, pytest.approx(2 / 3), 0.0, 1.0, 0.0]  # the mean of the three others of its own task
    assert found[1] == pytest.approx(np.mean(found[:4]))
    with pytest.raises(VerifierFailed, match=r"failed \(error\) on task '.*'; that is no reward of 0") as error:
        ms_swift.Reward()(["crash", right], task=[other, key])
    assert "crashed on" not in str(error.value)  # what a verifier says may quote the answer


# -- verl ----------------------------------------------------------------------------------------------------


def test_verl_reads_a_parquet_file(tmp_path):
    table = pq.read_table(verl.write("rlsd/ShapeCount-v0", tmp_path / "train.parquet", limit=2)).to_pylist()
    for line, row in zip(table, rows("rlsd/ShapeCount-v0", limit=2), strict=True):
        assert line["data_source"] == "rlsd/ShapeCount-v0"
        assert line["prompt"] == [{"role": "user", "content": row.words}]
        assert line["reward_model"] == {"style": "rule", "ground_truth": row.key}
        picture = PIL.Image.open(io.BytesIO(line["images"][0]["bytes"]))
        assert np.array_equal(np.asarray(picture), row.images[0])


def test_verl_calls_compute_score_by_these_names(task):
    key, right = task
    extra = {"index": 0, "num_turns": None, "rollout_reward_scores": {}}
    said = {"data_source": SUMS, "ground_truth": key, "extra_info": extra, "reward_router_address": None}
    assert verl.compute_score(solution_str=right, **said) == {"score": 1.0, "acc": 1.0}
    assert verl.compute_score(solution_str="5 or 6", **said) == {"score": 0.0, "acc": 0.0}
    with pytest.raises(VerifierFailed, match="that is no reward of 0"):
        verl.compute_score(solution_str="crash", **said)


# -- EasyR1 --------------------------------------------------------------------------------------------------


def test_easyr1_reads_a_parquet_file_without_pictures_too(tmp_path):
    seen = pq.read_table(easyr1.write("rlsd/ShapeCount-v0", tmp_path / "a.parquet", limit=2))
    assert seen.column_names == ["prompt", "images", "answer"]
    table = pq.read_table(easyr1.write(SUMS, tmp_path / "b.parquet", limit=300))
    assert table.column_names == ["prompt", "answer"]
    assert table.num_rows == 300


def test_easyr1_scores_a_batch_and_one_at_a_time(task):
    key, right = task
    batch = [
        {"response": text, "response_length": 4, "ground_truth": key}
        for text in (right, "crash", "<answer>no</answer>")
    ]
    assert easyr1.compute_score(batch) == [
        {"overall": 1.0, "accuracy": 1.0},
        {"overall": 0.5, "accuracy": 0.5},
        {"overall": 0.0, "accuracy": 0.0},
    ]
    assert easyr1.compute_score(batch[0]) == {"overall": 1.0, "accuracy": 1.0}
    with pytest.raises(VerifierFailed):
        easyr1.compute_score(batch[1])
    assert easyr1.compute_score([]) == []


def test_pictures_in_some_tasks_only_are_told(tmp_path):
    lines = [{"prompt": "1?", "images": []}, {"prompt": "<image>2?", "images": [{"bytes": b"png"}]}]
    for given in (lines, lines[::-1]):
        with pytest.raises(ConfigurationError, match=r"some tasks for '.*' have pictures and some have none"):
            write_parquet(tmp_path / "out.parquet", given)
