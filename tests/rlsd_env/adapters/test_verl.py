"""verl's own loading of data and rewards, its reward worker and its advantages. `make test-adapters`."""

from __future__ import annotations

import asyncio
import importlib.util

import numpy as np
import pytest

from rlsd_env.adapters import verl as ours
from rlsd_env.adapters.tasks import VerifierFailed, rows
from rlsd_env.cli.common import make_env
from tests.conftest import ROOT
from tests.rlsd_env.adapters.moody import MOODY

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("verl") is None, reason="verl is not installed; make test-adapters installs it"
)
TINY = ROOT / "agents" / "tiny" / "tiny-qwen3-vl"


def settings(path):
    """verl's configuration as its command line makes it, with the arguments of docs/adapters.md."""
    from hydra import compose, initialize_config_module
    from verl.experimental.reward_loop import migrate_legacy_reward_impl

    overrides = [
        "reward.custom_reward_function.path=pkg://rlsd_env.adapters.verl",
        "reward.custom_reward_function.name=compute_score",
        f"data.train_files={path}",
        f"+data.cache_dir={path.parent / 'cache'}",
        f"actor_rollout_ref.model.path={TINY}",
    ]
    with initialize_config_module("verl.trainer.config", version_base=None):
        return migrate_legacy_reward_impl(compose("ppo_trainer", overrides=overrides))


def test_verl_shows_the_model_the_pictures(tmp_path):
    from verl.utils import hf_processor, hf_tokenizer
    from verl.utils.dataset.rl_dataset import RLHFDataset, collate_fn

    config = settings(ours.write("rlsd/ShapeCount-v0", tmp_path / "train.parquet", limit=3))
    processor = hf_processor(str(TINY))
    data = RLHFDataset(config.data.train_files, hf_tokenizer(str(TINY)), config.data, processor)
    expected = [*rows("rlsd/ShapeCount-v0", limit=3)]
    assert len(data) == 3
    for got, row in zip((data[index] for index in range(3)), expected):
        assert got["reward_model"] == {"style": "rule", "ground_truth": row.key}
        ((content),) = (message["content"] for message in got["raw_prompt"])
        assert "".join(part.get("text") or "" for part in content) == row.words.replace("<image>", "")
        images, videos = asyncio.run(RLHFDataset.process_vision_info(got["raw_prompt"], 16, config.data))
        assert videos is None
        assert np.array_equal(np.asarray(images[0]), row.images[0])
        prompt = processor.apply_chat_template(got["raw_prompt"], tokenize=False, add_generation_prompt=True)
        assert processor(text=[prompt], images=images, return_tensors="pt")["image_grid_thw"].shape == (1, 3)
    batch = collate_fn([data[0], data[1]])
    assert [one["ground_truth"] for one in batch["reward_model"]] == [row.key for row in expected[:2]]


def batch(tokenizer, keys, texts):
    """What verl's rollout hands to a reward worker."""
    import torch
    from verl import DataProto

    said = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    longest = max(map(len, said))
    responses = torch.tensor([ids + [tokenizer.pad_token_id] * (longest - len(ids)) for ids in said])
    mask = torch.tensor([[1] * (2 + len(ids)) + [0] * (longest - len(ids)) for ids in said])
    prompts = torch.ones(len(texts), 2, dtype=torch.long)
    rest = {
        "data_source": np.array(["rlsd/Arithmetic-v0"] * len(texts), dtype=object),
        "reward_model": np.array([{"style": "rule", "ground_truth": key} for key in keys], dtype=object),
        "extra_info": np.array([{"index": 0} for _ in texts], dtype=object),
    }
    return DataProto.from_dict({"prompts": prompts, "responses": responses, "attention_mask": mask}, rest), mask[:, 2:]


def test_verls_reward_worker_and_advantages(tmp_path):
    from verl.experimental.reward_loop import RewardLoopWorker
    from verl.trainer.ppo.core_algos import compute_grpo_outcome_advantage

    row, *_ = rows("rlsd/ShapeCount-v0", limit=1)
    source = make_env("rlsd/ShapeCount-v0", {}).desk.source
    right = f"<answer> {source.privileged(source.index_of(row.task_id)).reference.answer} </answer>"
    worker = RewardLoopWorker(settings(tmp_path / "train.parquet"))
    given, mask = batch(worker.input_tokenizer, [row.key] * 3, [right, "<answer> no </answer>", "<answer>"])
    scores = worker.loop.run_until_complete(worker.compute_score_batch(given))
    assert [score["reward_score"] for score in scores] == [1.0, 0.0, 0.0]
    assert [score["reward_extra_info"] for score in scores][:2] == [
        {"score": 1.0, "acc": 1.0},
        {"score": 0.0, "acc": 0.0},
    ]
    rewards = worker.reward_manager.assemble_rm_scores(given, [score["reward_score"] for score in scores])
    assert rewards.sum(-1).tolist() == [1.0, 0.0, 0.0]
    found, _ = compute_grpo_outcome_advantage(rewards, mask, np.array(["a"] * 3), norm_adv_by_std_in_grpo=False)
    assert found[:, 0].tolist() == pytest.approx([2 / 3, -1 / 3, -1 / 3])

    key = next(
        rows("rlsd/Arithmetic-v0", limit=1, **{**MOODY, "verifier": "tests.rlsd_env.adapters.moody:Failing"})
    ).key
    given, _ = batch(worker.input_tokenizer, [key], ["<answer>"])
    with pytest.raises(VerifierFailed, match="that is no reward of 0"):
        worker.loop.run_until_complete(worker.compute_score_batch(given))
