"""TRL's own GRPOTrainer trains on a reasoning environment through the adapter. `make test-peers`."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from rlsd_env.adapters import trl
from rlsd_env.adapters.tasks import rows
from rlsd_env.errors import ConfigurationError
from tests.rlsd_env.adapters.moody import MOODY

datasets = pytest.importorskip("datasets", reason="datasets is not installed; the extra data has it")
try:
    from trl import GRPOConfig, GRPOTrainer
except ImportError:
    GRPOTrainer = None
needs_trl = pytest.mark.skipif(GRPOTrainer is None, reason="TRL is not installed; make test-peers installs it")


def answer(text):
    return [{"role": "assistant", "content": f"<think> so </think> <answer> {text} </answer>"}]


def test_the_data_set_has_prompts_pictures_and_no_answer():
    made = trl.dataset("rlsd/ShapeCount-v0", limit=3)
    assert made.column_names == ["prompt", "task", "images"]
    for one, row in zip(made, rows("rlsd/ShapeCount-v0", limit=3), strict=True):
        ((message,), (image,)) = one["prompt"], one["images"]
        assert [part["type"] for part in message["content"]].count("image") == 1
        text = "".join(part["text"] or "" for part in message["content"])
        assert text == row.question.replace("<image>", "")
        assert np.array_equal(np.asarray(image), row.images[0])
        assert one["task"] == row.key


def test_tasks_without_pictures_have_texts_as_content():
    made = trl.dataset("rlsd/Chain-v0", limit=2)
    assert made.column_names == ["prompt", "task"]
    assert isinstance(made[0]["prompt"][0]["content"], str)


@pytest.mark.parametrize("form", ["messages", "text"])
def test_the_reward_is_the_verifiers_and_none_where_that_fails(form):
    (row,) = rows("rlsd/Arithmetic-v0", limit=1, **MOODY)
    gold = gold_of(row)
    said = [f"<answer>{gold}</answer>", "<answer>no</answer>", "crash", ""]
    given = said if form == "text" else [[{"role": "assistant", "content": text}] for text in said]
    logged = {}
    found = trl.reward(prompts=None, completions=given, task=[row.key] * 4, log_metric=logged.__setitem__)
    assert found == [1.0, 0.0, None, 0.0]
    assert logged == {"verifier_failures": 0.25, "accuracy": 0.25}


def gold_of(row):
    from rlsd_env.cli.common import make_env

    source = make_env("rlsd/Arithmetic-v0", {}).desk.source
    return source.privileged(source.index_of(row.task_id)).reference.answer


def test_a_set_without_end_needs_a_limit():
    with pytest.raises(ConfigurationError, match=r"makes [\d,]+ tasks in fold train; give limit="):
        trl.dataset("rlsd/ShapeCount-v0")


@needs_trl
def test_trl_calls_a_reward_with_these_names():
    source = inspect.getsource(GRPOTrainer._calculate_rewards)
    assert "completions=completions" in source
    assert "torch.nan" in source  # what None becomes


@needs_trl
@pytest.mark.parametrize("fails", [False, True])
def test_trl_trains_two_steps(fails, tmp_path, monkeypatch):
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    from agents.bundled import TINY

    torch.set_num_threads(1)
    model = AutoModelForImageTextToText.from_pretrained(TINY, dtype=torch.float32)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    judged = []

    def reward(completions, task, **kwargs):
        found = trl.reward(completions, task, **kwargs)
        judged.append(found)
        return [None, *found[1:]] if fails else found  # as if the verifier had failed on the first

    trainer = GRPOTrainer(
        model,
        reward_funcs=reward,
        train_dataset=trl.dataset("rlsd/ShapeCount-v0", limit=8),
        processing_class=AutoProcessor.from_pretrained(TINY),
        args=GRPOConfig(
            output_dir=str(tmp_path), use_cpu=True, max_steps=2, per_device_train_batch_size=16, num_generations=8,
            max_completion_length=40, learning_rate=1e-3, report_to=[], logging_steps=1, save_strategy="no", seed=0,
            gradient_checkpointing=False,
        ),
    )  # fmt: skip
    trainer.train()
    rewards = [value for batch in judged for value in batch]
    assert len(rewards) == 32
    assert set(rewards) <= {0.0, 1.0}
    assert 0 < sum(rewards) < 32
    assert any(not torch.equal(value.cpu(), before[name]) for name, value in model.state_dict().items())
    assert all(torch.isfinite(value).all() for value in model.state_dict().values())
    rows_logged = [row for row in trainer.state.log_history if "reward" in row]
    assert len(rows_logged) == 2
    assert rows_logged[0]["accuracy"] == pytest.approx(sum(judged[0]) / 16)
    expected = judged[0][1:] if fails else judged[0]
    assert rows_logged[0]["rewards/reward/mean"] == pytest.approx(sum(expected) / len(expected))
