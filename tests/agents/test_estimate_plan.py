"""What --dry-run prints: the configurations that ship, numbers worked by hand, warnings, errors."""

from __future__ import annotations

import dataclasses
import io
import socket

import pytest
from rich.console import Console

from agents import compare, train
from agents.estimate.memory import GIB, VLLM_SHARE
from agents.estimate.plan import estimate
from agents.estimate.published import find_architecture
from agents.estimate.table import print_estimate
from agents.estimate.timing import operations
from agents.options.assumptions import Assumptions, read_assumptions, resolve
from agents.options.commands import CompareOptions, EvaluateOptions, TrainOptions, from_toml, resolved
from rlsd_env import ConfigurationError
from tests.conftest import ROOT

TRAIN = ("qwen3-vl-8b-rlsd-4x8", "qwen3-vl-8b-grpo-4x8", "qwen3-vl-2b-lora-1gpu", "qwen3-vl-4b-lora-1gpu")


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("an estimate asked for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.delenv("WORLD_SIZE", raising=False)


def read(name):
    return TrainOptions(**from_toml(TrainOptions, ROOT / "configs" / f"{name}.toml"))


def parts(held, column):
    return {part.name: getattr(part, column) for part in held.parts}


def test_every_configuration_is_known_here():
    files = {path.stem for path in (ROOT / "configs").glob("*.toml")}
    assert files == {*TRAIN, "mathvision"}
    options = EvaluateOptions(**from_toml(EvaluateOptions, ROOT / "configs" / "mathvision.toml"))
    assert (options.env, options.limit, options.fold) == ("rlsd/MathVision-v0", 3040, "all")


@pytest.mark.parametrize("name", TRAIN)
def test_a_configuration_fits_and_prints_without_network_and_weights(name, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train.main(["--config", str(ROOT / "configs" / f"{name}.toml"), "--dry-run"])
    text = capsys.readouterr().out
    assert "│ fits" in text
    assert "WARNING" not in text
    assert "Nothing was loaded" in text
    assert list(tmp_path.iterdir()) == []


def test_the_paper_and_its_rival_differ_in_the_agent_alone():
    ours, rival = resolved(read("qwen3-vl-8b-rlsd-4x8")), resolved(read("qwen3-vl-8b-grpo-4x8"))
    assert {key for key in ours if ours[key] != rival.get(key)} == {"agent", "agent_kwargs"}
    paper = {"prompts_per_step": 256, "group_size": 8, "lr": 1e-6, "clip_low": 0.2, "clip_high": 0.28, "steps": 200}
    assert {key: ours[key] for key in paper} == paper
    assert (ours["temperature"], ours["max_tokens"], ours["aggregation"]) == (1.0, 4096, "sequence_mean")
    assert ours["agent_kwargs"] == {"lam": 0.5, "decay_steps": 50, "epsilon": 0.2, "teacher": "synced(10)"}


def test_memory_of_the_8b_model_on_32_gpus_by_hand():
    held = estimate(read("qwen3-vl-8b-rlsd-4x8")).memory
    sampling, updating = parts(held, "sampling"), parts(held, "updating")
    shard = 8_767_123_696 / 32
    assert updating["trained weights, float32"] == 4 * shard
    assert updating["gradients, float32"] == 4 * shard
    assert updating["AdamW's moments"] == 8 * shard
    assert updating["scorers' copies of trained weights"] == 4 * shard
    # vLLM has .45 of 80 GiB: bfloat16 weights, 3 GiB for itself, the rest for keys and values of
    # 36 layers x 2 x 8 heads x 128 numbers x 2 bytes = 147,456 bytes a token.
    assert updating["vLLM: weights"] == 2 * 8_767_123_696
    cache = 33 * GIB - 2 * 8_767_123_696
    assert updating["vLLM: keys and values"] == pytest.approx(cache)
    assert held.cache_tokens == pytest.approx(cache / 147_456)
    assert sampling["a matrix on its way to the sampler"] == 4 * 151_936 * 4096
    # A layer keeps of a token, in bytes, for H = 4096, Q = 4096, K = 1024, I = 12288, layers gathered in bfloat16:
    # norms' inputs 2 x 4 H + 4 Q + 4 K = 53,248; attention 2 (Q + K) + 2 K + 2 Q = 20,480; MLP 3 x 2 I = 73,728;
    # normalised 2 x 2 H + 2 (Q + K) = 26,624; linear inputs 2 x 2 H = 16,384 and 2 I = 24,576: 215,040 in all.
    # With checkpointing: 36 inputs of 2 H, one whole layer, and the last norm's 8 H.
    per_token = 36 * 8192 + 215_040 + 32_768
    assert updating["activations of the language model"] == 16_384 * per_token
    # Gathered: embeddings, head, last norm, the tower's 139,313,968 numbers outside of blocks, and two layers, each
    # with a gradient, 2 bytes a number.
    layer = 4096 * (4096 + 2 * 1024 + 4096) + 3 * 4096 * 12_288 + 2 * 4096 + 2 * 128
    block = 4 * 1152**2 + 2 * 1152 * 4304 + 4 * 1152 + 3 * 1152 + 1152 + 4304 + 1152
    outside = 2 * 151_936 * 4096 + 4096 + 576_388_336 - 27 * block
    assert updating["gathered layers and their gradients"] == 2 * 2 * (outside + 2 * layer)
    # Three pictures at once, of 768 tokens or 3,072 patches each. A patch: its pixels 3,072; 27 inputs of blocks, 2 h;
    # one block 24 h + 4 i. A token: four mergers, 4 h wide, 4 + 3 x 2 bytes.
    vision = 3 * 3072 * (3072 + 27 * 2304 + 44_864) + 3 * 768 * 4 * 4608 * 10
    assert updating["activations of the vision tower"] == vision
    # 36 GiB are vLLM's, 4 GiB in reserve; a chunk is 2^24 numbers, of which three are held.
    total = 20 * shard + 40 * GIB + 16_384 * per_token + vision + 3 * 4 * 2**24 + 4 * 151_936 * 4096
    total += updating["gathered layers and their gradients"]
    assert held.peak == held.updating == pytest.approx(total)
    assert total / GIB == pytest.approx(63.92, abs=0.01)


def test_a_float32_head_has_no_copy_in_bfloat16():
    """The 2B model's head is its embeddings, 151,936 x 2,048 numbers: of autocast's copies they are one, or none."""
    options = dataclasses.replace(read("qwen3-vl-2b-lora-1gpu"), lora_rank=0, freeze_vision=True)
    wide, narrow = (
        parts(estimate(dataclasses.replace(options, head_dtype=head)).memory, "updating")["trained weights in bfloat16"]
        for head in ("float32", "model")
    )
    assert narrow - wide == 2 * 151_936 * 2048


def test_memory_and_time_of_the_2b_model_with_adapters_by_hand():
    found = estimate(read("qwen3-vl-2b-lora-1gpu"))
    updating = parts(found.memory, "updating")
    # Rank 64, inputs and outputs of q, k, v, o, gate, up, down:
    # 64 x (4096 + 3072 + 3072 + 4096 + 8192 + 8192 + 8192) = 2,490,368 in each of 28 layers.
    assert found.work.trained == 28 * 2_490_368 == 69_730_304
    assert updating["frozen weights"] == 2 * 2_127_532_032
    assert updating["AdamW's moments"] == 8 * 69_730_304
    # H = Q = 2048, K = 1024, I = 6144: norms 28,672; attention 12,288; MLP 36,864; adapters' inputs
    # 2 (5 H + Q + I) = 36,864: 114,688 bytes a token.
    assert updating["activations of the language model"] == 16_384 * (28 * 4096 + 114_688 + 16_384)
    # A group: 1,024 prompt tokens once and 8 x 1,000. Matrices of a layer have 50,331,648 numbers.
    # Pairs: 1024 x 1025 / 2 + 8 x 1000 x (1024 + 500.5) = 12,720,800.
    forward = 28 * (2 * 50_331_648 * 9024 + 4 * 2048 * 12_720_800)
    head = 2 * 151_936 * 2048 * 8000
    adapters = 2 * 69_730_304 * 9024
    patches = 768 * 4
    block = 2 * (4 * 1024**2 + 2 * 1024 * 4096) + 4 * 1024 * patches
    tower = patches * (2 * 3 * 2 * 256 * 1024 + 24 * block) + 768 * 4 * 2 * (4096**2 + 4096 * 2048)
    cost = operations(found.work)
    # Forward, gradients of inputs, and once more for checkpointing; adapters have gradients of weights as well.
    assert cost.update == pytest.approx(3 * forward + 3 * head + 4 * adapters + tower)
    assert found.timing.update == pytest.approx(32 * cost.update / (989e12 * 0.35))
    # Decoding: 2,048 steps, since some completion runs to the limit, each reading 2 bytes for every number of layers
    # and head; keys and values of 256 completions, 114,688 bytes a token, of 1,024 + 500 tokens on average.
    read_bytes = 2048 * 2 * (28 * 50_331_648 + 151_936 * 2048) + 256 * 1000 * 1524 * 114_688
    assert found.timing.rollout.decoding == pytest.approx(read_bytes / (3350e9 * 0.5) + 2048 * 0.005)
    step = found.timing.step
    assert found.timing.hours == pytest.approx((50 * step(True) + 150 * step(False) + found.timing.evaluation) / 3600)
    assert found.timing.gpu_hours == found.timing.hours


def test_the_teacher_is_paid_for_where_it_is_asked():
    rlsd, grpo = estimate(read("qwen3-vl-8b-rlsd-4x8")), estimate(read("qwen3-vl-8b-grpo-4x8"))
    assert (rlsd.timing.teacher_steps, grpo.timing.teacher_steps) == (50, 0)
    assert rlsd.timing.step(False) == grpo.timing.step(False)
    assert grpo.timing.teacher == 0
    assert "scorers' copies of trained weights" not in parts(grpo.memory, "updating")
    live = TrainOptions(agent="rlsd", agent_kwargs={"teacher": "live"})
    assert "scorers' copies of trained weights" not in parts(estimate(live).memory, "updating")
    # Distributions are compared by OPSD, where sampled tokens are enough for RLSD.
    chunk = "distributions, a chunk at a time"
    full, sampled = (estimate(TrainOptions(agent=name)).memory for name in ("opsd", "rlsd"))
    assert parts(full, "updating")[chunk] == pytest.approx(11 / 3 * parts(sampled, "updating")[chunk])


def test_what_does_not_fit_says_so_and_what_to_do():
    options = read("qwen3-vl-8b-rlsd-4x8")
    one = dataclasses.replace(options, shard=False, gradient_checkpointing=False, assumptions={"gpus": 1})
    found = estimate(one)
    assert found.memory.peak > 80 * GIB
    assert "does not fit" in found.problems[0]
    assert "set gradient_checkpointing" in found.problems[0]
    console = Console(width=100, record=True, file=io.StringIO())
    print_estimate(one, console)
    text = console.export_text()
    assert "DOES NOT FIT" in text
    assert "WARNING: does not fit" in text
    tight = dataclasses.replace(options, sampler_kwargs={"gpu_memory_utilization": 0.25})
    # (20 - 3) GiB less 17,534,247,392 bytes of weights, 147,456 bytes a token; a prompt and a completion have 5,120.
    assert "vLLM's cache has room for 4,878 tokens" in estimate(tight).problems[0]
    uneven = dataclasses.replace(options, prompts_per_step=255)
    assert "prompts_per_step is 255, which 32 GPUs cannot share evenly" in estimate(uneven).problems[0]


def test_a_server_has_gpus_and_memory_of_its_own():
    options = dataclasses.replace(
        read("qwen3-vl-8b-grpo-4x8"),
        sampler="http://localhost:8000",
        sampler_kwargs={},
        assumptions={"gpus": 24, "sampler_gpus": 8, "gpu_memory_gib": 80},
        prompts_per_step=240,
        rollouts_ahead=True,
    )
    found = estimate(options)
    assert not [part.name for part in found.memory.parts if part.name.startswith("vLLM")]
    # .92 of 80 GiB, less 3 GiB and the weights.
    assert found.memory.cache_tokens == pytest.approx(((0.92 * 80 - 3) * GIB - 2 * 8_767_123_696) / 147_456)
    timing = found.timing
    assert timing.step(False) == max(timing.rollout.total, timing.update)
    assert timing.gpu_hours == timing.hours * 32
    beside = dataclasses.replace(options, sampler="vllm")
    assert VLLM_SHARE == {False: 0.3, True: 0.92}
    held = parts(estimate(beside).memory, "updating")
    assert sum(size for name, size in held.items() if name.startswith("vLLM")) == pytest.approx(0.3 * 80 * GIB)


def test_a_comparison_adds_up_its_runs(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    compare.main(["--agents", "grpo,rlsd,ppo", "--seeds", "0,1", "--dry-run", "--steps", "60"])
    text = capsys.readouterr().out
    assert "2 agents x 2 seeds" in text
    assert "no estimate for ppo" in text
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_the_same_run_whatever_was_assumed():
    plain = TrainOptions()
    assert resolved(TrainOptions(dry_run=True, assumptions={"gpus": 8})) == resolved(plain)


def test_gaps_are_filled_by_the_hardware_and_the_options(monkeypatch):
    filled = resolve(Assumptions(gpu_memory_gib=24), "float32", layers=28, max_tokens=100, vllm=False)
    assert (filled.gpus, filled.peak_tflops, filled.decode_ms, filled.response_tokens) == (1, 67.0, 28.0, 50.0)
    monkeypatch.setenv("WORLD_SIZE", "16")
    filled = resolve(Assumptions(gpu_memory_gib=24), "bfloat16", layers=28, max_tokens=100, vllm=True)
    assert (filled.gpus, filled.peak_tflops, filled.decode_ms, filled.sampler_gpus) == (16, 989.0, 5.0, 16)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"gpu": 8}, "unknown assumption 'gpu'; did you mean 'gpus'"),
        ({"gpus": 1.5}, "gpus is 1.5; it must be a whole number"),
        ({"gpus": "many"}, "gpus is 'many'; it must be a whole number"),
        ({"link_gb_s": True}, "link_gb_s is True; it must be a number"),
        ({"gpus": -1}, "gpus is -1; it must be a finite number from 0 on"),
        ({"peak_tflops": float("nan")}, "peak_tflops is nan; it must be a finite number"),
        ({"compute_share": 0}, "compute_share is 0.0; it must be above 0 and at most 1"),
        ({"memory_gb_s": 0}, "memory_gb_s is 0; it must be above 0"),
        ({"active_share": 2}, "active_share is 2.0; it must be at most 1"),
        ({"helped_share": 2}, "helped_share is 2.0; it must be at most 1"),
        ({"response_tokens": 49}, "response_tokens is 49.0; it must be at most max_tokens, 48"),
    ],
)
def test_unusable_assumptions_are_named(given, message):
    with pytest.raises(ConfigurationError, match=message):
        TrainOptions(assumptions=given)
    with pytest.raises(ConfigurationError, match=message):
        read_assumptions(given, 48)


def test_an_adapter_on_an_unknown_layer_is_refused():
    with pytest.raises(ConfigurationError, match=r"lora_targets has 'qproj'; this model's layers have q_proj"):
        estimate(TrainOptions(lora_rank=4, lora_targets=("qproj",)))


def test_a_comparison_takes_assumptions_from_its_options():
    counts = [CompareOptions(steps=5, eval_every=every).evaluations for every in (0, 2, 5)]
    assert counts == [1, 6, 4]  # at the end; at 0, 2, 4, 5, and then of the last and the best; at 0, 5, ..
    assert CompareOptions(assumptions={"gpus": 4}).train_options("grpo", "grpo", 0, ROOT).assumptions == {"gpus": 4}


def test_an_estimate_knows_what_an_algorithm_asks_for_and_not_its_options_names():
    """Distributions that are compared cost heads; contexts and copies cost forwards and memory."""

    def work(agent, **kwargs):
        return estimate(TrainOptions(agent=agent, agent_kwargs=kwargs)).work

    assert work("grpo+opsd").matches  # form "loss" compares distributions
    assert not work("grpo+opsd", form="advantage").matches
    assert work("opsd").matches
    assert not work("opsd", form="sampled").matches
    assert not work("rlsd").matches
    loss, advantage, grpo = (
        operations(one).update for one in (work("grpo+opsd"), work("grpo+opsd", form="advantage"), work("grpo"))
    )
    assert loss > advantage == grpo
    one, three = work("cepo"), work("cepo", wrong=2)
    assert operations(three).teacher == pytest.approx(1.5 * operations(one).teacher)
    assert (one.copies, work("rlsd").copies, work("grpo").copies) == (0, 1, 0)
    assert work("grpo", divide_by_std=False).teacher_steps == 0
    assert work("opd", teacher="server(http://localhost:1)").scored_by == ()


def test_attempts_with_help_are_a_second_round_of_rollouts():
    shape = {"prompts_per_step": 8, "group_size": 4, "steps": 10, "policy": "Qwen/Qwen3-VL-2B-Instruct"}
    guide = "external(Qwen/Qwen3-VL-2B-Instruct)"

    def timed(agent, share=1.0, **kwargs):
        return estimate(TrainOptions(agent=agent, agent_kwargs=kwargs, assumptions={"helped_share": share}, **shape))

    grpo, hdpo = timed("grpo"), timed("hdpo")
    rollout = hdpo.timing.rollout
    assert (grpo.timing.helped, grpo.timing.helped_steps, grpo.work.helped_attempts) == (0.0, 0, 0)
    # every group is helped, with as many attempts: all of a rollout again but handing over weights
    assert hdpo.timing.helped == rollout.prompts + rollout.decoding > 0
    assert hdpo.timing.step(True) == pytest.approx(
        rollout.total + hdpo.timing.helped + hdpo.timing.teacher + hdpo.timing.update
    )
    assert timed("hdpo", 0.0).timing.helped == 0.0
    assert timed("hdpo", 0.0).timing.hours < timed("hdpo", 0.25).timing.hours < hdpo.timing.hours
    npo = timed("npo", guide=guide, attempts=1, until=3)
    assert (npo.work.helped_attempts, npo.timing.helped_steps) == (1, 3)
    plain = (10 * npo.timing.step(False, helped=False) + npo.timing.evaluation) / 3600
    assert npo.timing.hours == pytest.approx(plain + 3 * npo.timing.helped / 3600)
    console = Console(width=100, record=True, file=io.StringIO())
    print_estimate(
        TrainOptions(agent="npo", agent_kwargs={"guide": guide, "until": 3, "attempts": 1}, **shape), console
    )
    text = console.export_text()
    assert "with help, in 3 of 10 steps" in text
    assert "helped_share" in text
    assert [line.split("│")[2].strip() for line in text.splitlines() if "attempts with help" in line] == ["24"]


def test_another_model_that_scores_takes_memory():
    def updating(agent, **kwargs):
        options = TrainOptions(policy="Qwen/Qwen3-VL-2B-Instruct", agent=agent, agent_kwargs=kwargs)
        return parts(estimate(options).memory, "updating")

    larger = "Qwen/Qwen3-VL-8B-Instruct"
    held = updating("opd", teacher=f"external({larger})")
    assert held["other models that score"] == 4 * find_architecture(larger).parameters  # float32
    assert "other models that score" not in updating("rlsd")
    # A guide is held too, though no context asks it, and though it is the very model that is trained.
    smaller = "Qwen/Qwen3-VL-2B-Instruct"
    assert updating("npo", guide=f"external({smaller})")["other models that score"] == (
        4 * find_architecture(smaller).parameters
    )
