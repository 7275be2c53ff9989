from __future__ import annotations

import json
import sys

import pytest
import torch
from transformers import Qwen3VLForConditionalGeneration

from agents.episodes import Completion, Episode, EpisodeBatch, EpisodeGroup, Prompt, StopReason, Turn
from agents.estimate.architecture import Architecture, Text
from agents.estimate.published import find_architecture
from benchmarks import gpu
from verifiers import Status, Verdict


@pytest.mark.parametrize("shape", ["2B", "8B"])
def test_the_shapes_have_the_published_numbers_of_parameters(shape):
    with torch.device("meta"):
        model = Qwen3VLForConditionalGeneration(gpu.config(shape))
    expected = find_architecture(f"Qwen/Qwen3-VL-{shape}-Instruct").parameters
    assert sum(p.numel() for p in model.parameters()) == expected


def test_without_a_gpu_it_says_so_in_one_line(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["benchmarks.gpu"])
    with pytest.raises(SystemExit, match=r"^benchmarks.gpu: torch sees no GPU here; --tiny .*$"):
        gpu.main()


def test_the_small_mode_measures_everything(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmarks.gpu", "--tiny", "--json", str(tmp_path / "gpu.json")])
    gpu.main()
    assert "of ceiling" in capsys.readouterr().out
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert [row["scoring"] for row in found["rows"]] == ["packed", "plain"]
    packed, plain = found["rows"]
    assert packed["grad_norm"] == pytest.approx(plain["grad_norm"], rel=0.05)  # bfloat16 products
    for row in found["rows"]:
        assert row["update_share_of_ceiling"] > 0
    assert packed["rollout_tokens"] >= 8


def test_needed_operations_by_hand():
    text = Text(hidden=2, intermediate=3, layers=1, heads=1, kv_heads=1, head_dim=2, vocabulary=5, tied=True)
    prompt = Prompt(({"role": "user", "content": "x"},))
    verdict = Verdict(1.0, True, None, Status.OK)
    episodes = tuple(
        Episode((Turn(prompt, Completion(ids, (0.0,) * len(ids), "", StopReason.STOP)),), 1.0, verdict)
        for ids in ((1, 2), (3,))
    )
    batch = EpisodeBatch((EpisodeGroup(None, episodes, {}),), 0)
    # Prompt of 4: 10 pairs. Two responses of 2 and 1 tokens: 5 + 6 and 5. 7 tokens, 26 pairs.
    # A token's matrices: q, k, v, o of 2 x 2 and three of 2 x 3: 34. 2 * 34 * 7 + 4 * 2 * 26 = 684; logits 2 * 10 * 3.
    assert gpu.needed(Architecture(text, None), batch, 4, 0) == {"language": 744, "vision": 0.0}
