"""ms-swift's own GRPO trains through the plug-in, and takes its advantages. `make test-adapters`."""

from __future__ import annotations

import importlib.util
import json

import pytest

from rlsd_env.adapters import ms_swift
from rlsd_env.adapters.tasks import VerifierFailed, rows
from rlsd_env.cli.common import make_env
from tests.conftest import ROOT
from tests.rlsd_env.adapters.moody import MOODY

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("swift") is None, reason="ms-swift is not installed; make test-adapters installs it"
)
TINY = ROOT / "agents" / "tiny" / "tiny-qwen3-vl"
PLUGIN = """
from rlsd_env.adapters.ms_swift import Reward
from swift.rewards import orms

orms["rlsd"] = Reward
"""


def test_swift_trains_two_steps(tmp_path, monkeypatch):
    import torch
    from safetensors.torch import load_file
    from swift.pipelines.train.rlhf import SwiftRLHF
    from swift.template.templates.qwen import Qwen3VLTemplate

    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Qwen3VLTemplate, "image_token_id", 5)  # of the tiny model's vocabulary
    (tmp_path / "plugin.py").write_text(PLUGIN)
    judged = []
    call = ms_swift.Reward.__call__

    def watched(self, completions, task, **kwargs):
        judged.append((completions, task, call(self, completions, task, **kwargs)))
        return judged[-1][2]

    monkeypatch.setattr(ms_swift.Reward, "__call__", watched)
    options = {
        "rlhf_type": "grpo", "model": TINY, "model_type": "qwen3_vl", "torch_dtype": "float32", "tuner_type": "full",
        "dataset": ms_swift.write("rlsd/ShapeCount-v0", "shapes", limit=8), "split_dataset_ratio": 0,
        "external_plugins": "plugin.py", "reward_funcs": "rlsd", "num_generations": 8, "max_completion_length": 40,
        "per_device_train_batch_size": 16, "max_steps": 2, "learning_rate": 1e-3, "lr_scheduler_type": "constant",
        "output_dir": "out", "logging_steps": 1, "save_strategy": "no", "report_to": "none", "use_cpu": True,
        "gradient_checkpointing": False, "check_model": False, "dataset_num_proc": 1, "dataloader_num_workers": 0,
        "use_hf": True,
    }  # fmt: skip
    pipeline = SwiftRLHF([word for name, value in options.items() for word in (f"--{name}", str(value))])
    pipeline.main()
    keys = {row.key for row in rows("rlsd/ShapeCount-v0", limit=8)}
    assert [len(completions) for completions, _, _ in judged] == [16, 16]
    assert all(len(set(task)) == 2 and set(task) <= keys for _, task, _ in judged)
    rewards = [value for _, _, values in judged for value in values]
    assert set(rewards) == {0.0, 1.0}
    (log,) = (tmp_path / "out").glob("*/logging.jsonl")
    logged = [line for line in map(json.loads, log.read_text().splitlines()) if "reward" in line]
    assert [line["reward"] for line in logged] == pytest.approx([sum(values) / 16 for _, _, values in judged])
    before = load_file(TINY / "model.safetensors")
    after = pipeline.model.state_dict()
    changed = [name for name, value in before.items() if name in after and not torch.equal(value, after[name].cpu())]
    assert changed
    assert all(torch.isfinite(value).all() for value in after.values())


def samples(keys, texts):
    from swift.rl_core.data import GRPOSample

    said = [[{"role": "user", "content": "?"}, {"role": "assistant", "content": text}] for text in texts]
    return [GRPOSample.from_row({"messages": message, "task": key}) for message, key in zip(said, keys)]


def test_where_a_verifier_fails_swifts_advantage_is_0():
    import torch
    from swift.rl_core.advantage import compute_advantages
    from swift.rl_core.grpo_algorithm import score_completions

    first, second = rows("rlsd/Arithmetic-v0", limit=2, **MOODY)
    source = make_env("rlsd/Arithmetic-v0", {}).desk.source
    right = f"<answer>{source.privileged(source.index_of(first.task_id)).reference.answer}</answer>"
    keys = [first.key] * 4 + [second.key] * 4
    cpu = torch.device("cpu")
    given = samples(keys, [right, "crash", "<answer>no</answer>", "<answer>no</answer>", "", "", "", ""])
    found = score_completions(given, [ms_swift.Reward(args=None)], [None], False, cpu)
    assert found.shape == (8, 1)
    assert found[:4, 0].tolist() == pytest.approx([1, 1 / 3, 0, 0])
    advantages, _ = compute_advantages(found, torch.ones(1), num_generations=4, scale_rewards="none")
    assert advantages.tolist() == pytest.approx([2 / 3, 0, -1 / 3, -1 / 3, 0, 0, 0, 0])
    with pytest.raises(VerifierFailed, match="that is no reward of 0"):
        score_completions(samples(keys[:1], ["crash"]), [ms_swift.Reward(args=None)], [None], False, cpu)
