"""What of a model is trained and how it is run: adapters, precision, frozen towers, checkpointing, compilation."""

from __future__ import annotations

import copy
import dataclasses
import functools
import sys

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend
from torch.testing import assert_close

import agents
from agents.algorithms.contexts import show_answer
from agents.episodes import Prompt
from agents.learner.optimizers import make_optimizer
from agents.messages import user_message
from agents.options.commands import TrainOptions
from agents.options.learner import LearnerOptions
from agents.options.model import ModelOptions, TrainedModelOptions, TrainingSamplerOptions, check_packages
from agents.policy.base import Request, Sampling
from agents.policy.loading import load_policy
from agents.policy.transformers_policy import TransformersPolicy
from rlsd_env.errors import ConfigurationError
from tests.agents.architectures import build
from tests.agents.test_learner import alternating, at_step

LORA = TrainedModelOptions(lora_rank=4)


def load(_bundled, options):
    return TransformersPolicy(copy.deepcopy(_bundled.model), _bundled.processor, options)


@pytest.fixture
def fresh(_bundled):
    return lambda options: load(_bundled, options)


def make(policy, name="rlsd", teacher=None, **options):
    config = LearnerOptions(lr=1e-2, **options)
    return agents.make(name, policy=policy, learner=config, **({} if teacher is None else {"teacher": teacher}))


def second(policy, model):
    """A policy of another model, which is run as this one's is."""
    one = copy.copy(policy)
    one.model = model
    return one


def case(batch):
    """One group's prompt and responses."""
    group = batch.groups[0]
    return [group.episodes[0].turns[0].prompt], [0] * 4, [e.turns[0].action.token_ids for e in group.episodes]


def test_adapters_start_as_nothing_and_alone_are_trained(fresh, batch):
    plain, policy = fresh(TrainedModelOptions()), fresh(LORA)
    assert torch.equal(plain.score(*case(batch)).logp_NT, policy.score(*case(batch)).logp_NT)
    trained = {n: p.numel() for n, p in policy.model.named_parameters() if p.requires_grad}
    # per layer: q 128 -> 128, k and v 128 -> 64, o 128 -> 128, gate and up 128 -> 384, down 384 -> 128; rank 4
    assert sum(trained.values()) == 4 * 4 * ((256 + 192 + 192 + 256) + 3 * 512)
    frozen = {n: p.detach().clone() for n, p in policy.model.named_parameters() if not p.requires_grad}
    agent = make(policy)
    for step in range(2):
        assert agent.update(at_step(alternating(batch), step))["grad_norm"] > 0
    for name, p in policy.model.named_parameters():
        if name in frozen:
            assert torch.equal(p, frozen[name])
    assert all((p != 0).any() for n, p in policy.model.named_parameters() if ".lora_B." in n)
    state = agent.state_dict()
    (teacher,) = state["scorers"].values()
    assert state["model"].keys() == teacher["weights"].keys() == trained.keys()


def test_a_frozen_teacher_of_adapters_is_the_model_without_them(fresh, batch):
    policy = fresh(LORA)
    agent = make(policy, teacher="frozen")
    before = policy.score(*case(batch)).logp_NT.detach()
    agent.update(alternating(batch))
    assert not torch.allclose(policy.score(*case(batch)).logp_NT, before)
    with torch.no_grad(), agent.learner.scorers["teacher"].weights.applied():
        assert torch.equal(policy.score(*case(batch)).logp_NT, before)


def test_a_teacher_changes_places_and_back(fresh, batch):
    """With teachers of every rule, updates equal those with a second model that holds the teacher's weights."""
    for rule in ("frozen", "ema(0.5)", "synced(3)"):
        policy = fresh(TrainedModelOptions())
        agent = make(policy, "opsd", teacher=rule)
        for step in range(2):
            agent.update(at_step(alternating(batch), step))
        student = copy.deepcopy(policy.model)
        with agent.learner.scorers["teacher"].weights.applied():
            scores = policy.score(*case(batch))  # with a gradient, and the teacher's head
            other = copy.deepcopy(policy.model)
        assert torch.equal(scores.logp_NT, second(policy, other).score(*case(batch)).logp_NT)
        assert torch.equal(policy.score(*case(batch)).logp_NT, second(policy, student).score(*case(batch)).logp_NT)
        assert not torch.allclose(scores.logp_NT, policy.score(*case(batch)).logp_NT)


def test_a_teachers_distributions_stay_its_own_after_it_has_left_the_model(fresh, batch, monkeypatch):
    from agents.losses import kl_divergence
    from agents.policy import scores as module

    policy = fresh(TrainedModelOptions())
    agent = make(policy, "opsd", teacher="frozen")
    agent.update(alternating(batch))
    for chunks in (False, True):
        if chunks:
            monkeypatch.setattr(module, "CHUNK_NUMBERS", 7 * policy.vocabulary_size)
        student = policy.score(*case(batch))
        with torch.no_grad(), agent.learner.scorers["teacher"].weights.applied():
            teacher = policy.score(*case(batch))
            inside = teacher.logp_MV.clone()
        assert torch.equal(teacher.logp_MV, inside)
        expected = kl_divergence(student.logp_MV, inside)
        assert_close(student.reduce(kl_divergence, teacher), expected, atol=1e-5, rtol=1e-4)


def test_adapters_are_saved_loaded_and_merged(fresh, batch, tmp_path):
    policy = fresh(LORA)
    make(policy).update(alternating(batch))
    policy.save(tmp_path / "model")
    assert (tmp_path / "model" / "adapter_config.json").exists()
    assert not (tmp_path / "model" / "model.safetensors").exists()
    again = load_policy(str(tmp_path / "model"), "cpu")
    expected = policy.score(*case(batch)).logp_NT
    assert_close(again.score(*case(batch)).logp_NT, expected, atol=1e-5, rtol=1e-5)
    sampling, prompts = Sampling(1.0, 8), case(batch)[0]
    assert again.generate(Request(prompts, 2, sampling, [1, 2]))[0][0].token_ids == (
        policy.generate(Request(prompts, 2, sampling, [1, 2]))[0][0].token_ids
    )
    plain = fresh(TrainedModelOptions())
    merged = dict(policy.weights())
    assert merged.keys() == dict(plain.weights()).keys()  # names of a checkpoint without adapters
    plain.model.load_state_dict(merged, strict=False)
    assert_close(plain.score(*case(batch)).logp_NT, expected, atol=1e-5, rtol=1e-5)


def test_weights_are_those_of_a_checkpoint(fresh, tmp_path):
    from safetensors.torch import load_file

    policy = fresh(TrainedModelOptions())
    policy.save(tmp_path)
    stored = load_file(tmp_path / "model.safetensors")
    assert dict(policy.weights()).keys() == stored.keys()


def test_a_target_that_is_no_layer_is_named(fresh):
    with pytest.raises(
        ConfigurationError, match=r"lora_targets has 'qkv'; this model's layers have down_proj, .*v_proj"
    ):
        fresh(TrainedModelOptions(lora_rank=2, lora_targets=("qkv",)))


def test_a_frozen_tower_runs_once_per_picture(fresh, batch):
    policy = fresh(TrainedModelOptions(freeze_vision=True))
    free = fresh(TrainedModelOptions())
    assert_close(policy.score(*case(batch)).logp_NT, free.score(*case(batch)).logp_NT, atol=1e-6, rtol=1e-6)
    agent = make(policy)
    tower = [p.detach().clone() for p in policy.model.model.visual.parameters()]
    for step in range(3):
        agent.update(at_step(alternating(batch), step))
    assert all(torch.equal(a, b) for a, b in zip(tower, policy.model.model.visual.parameters()))
    kept = policy.encoder.kept
    assert kept.runs == 4  # one picture of each task, whatever the number of updates and of teachers
    assert kept.reused >= 3 * 4
    assert free.encoder.kept.reused == 0


def test_what_is_kept_of_pictures_has_a_bound(fresh, batch, monkeypatch):
    from agents.policy import vision_cache

    policy = fresh(TrainedModelOptions(freeze_vision=True))
    monkeypatch.setattr(vision_cache, "MOST_BYTES", 1)
    prompts = [group.episodes[0].turns[0].prompt for group in batch.groups]
    responses = [[20, 21]] * len(prompts)
    first = policy.score(prompts, range(4), responses).logp_NT
    assert torch.equal(policy.score(prompts, range(4), responses).logp_NT, first)
    assert len(policy.encoder.kept._kept) == 1


def test_bfloat16_is_close_and_trained_weights_stay_float32(fresh, batch):
    exact, policy = fresh(TrainedModelOptions()), fresh(TrainedModelOptions(precision="bfloat16"))
    assert {p.dtype for p in policy.model.parameters()} == {torch.float32}
    a, b = (p.score(*case(batch)).logp_NT.detach() for p in (exact, policy))
    assert 0 < float((a - b).abs().max()) < 0.3
    (completions,) = policy.generate(Request(case(batch)[0], 4, Sampling(1.0, 20), [1, 2, 3, 4]))
    scores = policy.score(case(batch)[0], [0] * 4, [c.token_ids for c in completions])
    for row, completion in enumerate(completions):
        got = scores.logp_NT[row, : len(completion.token_ids)].detach()
        assert_close(got, torch.tensor(completion.logprobs), atol=0.3, rtol=0.1)
    metrics = make(policy).update(alternating(batch))
    assert metrics["grad_norm"] == pytest.approx(make(exact).update(alternating(batch))["grad_norm"], rel=0.1)


@pytest.mark.parametrize(("kind", "share"), [(TrainedModelOptions, 0.4), (ModelOptions, 0.7)])
def test_a_float32_head_keeps_the_digits_of_the_gain(fresh, batch, kind, share):
    """How far D = Q - S is from that of the float32 model, 95 tokens in 100; the matrix is float32, and bfloat16."""
    turns = [group.episodes[0].turns[0] for group in batch.groups]
    ids = [turn.action.token_ids for turn in turns]
    shown = [show_answer(group, 0).prompts[0] for group in batch.groups]
    gains = []
    with torch.no_grad():
        for options in (ModelOptions(), *(kind(precision="bfloat16", head_dtype=d) for d in ("model", "float32"))):
            policy = fresh(options)
            S, Q = (policy.score(prompts, range(4), ids) for prompts in ([turn.prompt for turn in turns], shown))
            gains.append((Q.logp_NT - S.logp_NT)[S.mask_NT])
    narrow, wide = (float((gain - gains[0]).abs().quantile(0.95)) for gain in gains[1:])
    assert 0 < wide < share * narrow


@pytest.mark.parametrize("kind", [TrainedModelOptions, ModelOptions])
def test_logits_of_a_float32_head_are_a_product_in_float32(fresh, batch, kind):
    """In scoring and in sampling, from the states that the model has: by hand."""
    policy = fresh(kind(precision="bfloat16"))
    prompts, _, responses = case(batch)
    with torch.no_grad():
        scores = policy.score(prompts, [0], responses[:1])
        logits = scores.hidden_KH.float() @ policy.model.lm_head.weight.float().T
        logits[:, policy.never_ids] = -1e30
        assert_close(scores.logp_MV, logits.log_softmax(-1), atol=1e-5, rtol=0)
        with policy.autocast():
            assert_close(policy.head(1.0).logits(scores.hidden_KH), logits, atol=1e-5, rtol=1e-6)


def test_with_adapters_bfloat16_narrows_what_is_frozen(fresh, batch):
    policy = fresh(TrainedModelOptions(precision="bfloat16", lora_rank=4))
    kinds = {p.requires_grad: p.dtype for p in policy.model.parameters()}
    assert kinds == {True: torch.float32, False: torch.bfloat16}
    assert make(policy).update(alternating(batch))["grad_norm"] > 0
    evaluated = fresh(ModelOptions(precision="bfloat16"))
    assert {p.dtype for p in evaluated.model.parameters()} == {torch.bfloat16}
    assert not any(p.requires_grad for p in evaluated.model.parameters())


def test_compiled_layers_give_the_same_update(processor, monkeypatch):
    """By the backend that makes no machine code, which takes a minute: what is compiled, and how often, is ours."""
    counter = CompileCounterWithBackend("aot_eager")
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend=counter))
    model, own = build("qwen3", processor)
    prompts = [Prompt((user_message("two plus three"),)), Prompt((user_message("red"),))]
    responses, owners = [list(range(start, start + 7)) for start in (20, 23, 31)], [0, 1, 0]
    losses, frames = [], []
    del model.model.layers[1:]
    for compiled in (False, True):
        policy = TransformersPolicy(copy.deepcopy(model), own, TrainedModelOptions(compile=compiled))
        for length in (6, 7):  # sizes of nothing else: equal ones would be taken for one
            policy.model.zero_grad()
            scores = policy.score(prompts, owners, [ids[:length] for ids in responses])
            scores.logp_NT.sum().backward()
            frames.append(counter.frame_count)
        losses.append((scores.logp_NT.detach(), policy.model.model.layers[0].mlp.up_proj.weight.grad))
    assert_close(losses[1], losses[0], atol=1e-5, rtol=1e-4)
    assert frames[:2] == [0, 0]
    assert frames[2] == frames[3] > 0  # another length is not compiled again


def test_bitsandbytes_that_is_not_installed_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    message = r"optimizer adamw8bit needs bitsandbytes.*pip install 'rlsd\[adamw8bit\]'"
    with pytest.raises(ConfigurationError, match=message):
        make_optimizer("adamw8bit", [torch.nn.Parameter(torch.zeros(2))], 1e-3, 0.0)
    with pytest.raises(ConfigurationError, match=message):
        check_packages(LearnerOptions(optimizer="adamw8bit"))


def test_moments_in_8_bits(fresh, batch):
    agent = make(fresh(TrainedModelOptions()), optimizer="adamw8bit")
    before = agent.actor.policy.score(*case(batch)).logp_NT.detach()
    agent.update(alternating(batch))
    assert not torch.equal(agent.actor.policy.score(*case(batch)).logp_NT, before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "float16"}, "precision 'float16'.*bfloat16, float32"),
        ({"head_dtype": "float16"}, "head_dtype 'float16'.*float32, model"),
        ({"scoring": "fast"}, "scoring 'fast'.*auto, packed, plain"),
        ({"lora_rank": -1}, "lora_rank is -1"),
        ({"lora_rank": 1, "lora_targets": ()}, "lora_targets is empty"),
        (
            {"lora_rank": 1, "lora_targets": ("all-linear", "q_proj")},
            "lora_targets has all-linear and q_proj too; give",
        ),
    ],
)
def test_unusable_options(options, message):
    with pytest.raises(ConfigurationError, match=message):
        TrainedModelOptions(**options).check_model()


def test_unusable_samplers():
    for options, message in (
        ({"sampler": "tgi"}, "vLLM server"),
        ({"sampler_kwargs": {"a": 1}}, "takes none"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            TrainingSamplerOptions(**options).check_sampler()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "sgd"}, "optimizer 'sgd'"),
        ({"sampler_correction": "clip"}, "sampler_correction 'clip'"),
        ({"sampler_cap": 1.0}, "above 1"),
    ],
)
def test_unusable_options_of_the_learner(options, message):
    with pytest.raises(ConfigurationError, match=message):
        LearnerOptions(**options)


def test_which_correction_is_meant():
    assert LearnerOptions().correction == TrainOptions().correction == "none"
    assert TrainOptions(rollouts_ahead=True).correction == "truncate"
    assert TrainOptions(rollouts_ahead=True, sampler_correction="mask").correction == "mask"


def test_the_correction_weighs_tokens_by_what_the_sampler_recorded(fresh, batch):
    """Log-probabilities recorded 1 nat too low or too high: ratios e and 1/e, truncated at 2 or masked."""

    def shifted(by):
        def episode(one):
            (turn,) = one.turns
            logprobs = tuple(value - by for value in turn.action.logprobs)
            action = dataclasses.replace(turn.action, logprobs=logprobs)
            return dataclasses.replace(one, turns=(dataclasses.replace(turn, action=action),))

        mixed = alternating(batch)
        groups = tuple(
            dataclasses.replace(group, episodes=tuple(map(episode, group.episodes))) for group in mixed.groups
        )
        return dataclasses.replace(mixed, groups=groups)

    def gradient(by, correction):
        agent = make(fresh(TrainedModelOptions()), "grpo", sampler_correction=correction, max_grad_norm=1e9)
        metrics = agent.update(shifted(by))
        return torch.cat([p.grad.flatten() for p in agent.learner.parameters if p.grad is not None]), metrics

    plain, metrics = gradient(0.0, "none")
    assert "sampler_ratio" not in metrics
    assert_close(gradient(1.0, "none")[0], plain)
    truncated, metrics = gradient(1.0, "truncate")
    assert_close(truncated, 2.0 * plain, atol=1e-5, rtol=1e-3)
    assert metrics["sampler_ratio"] == pytest.approx(2.71828, rel=1e-3)
    assert metrics["sampler_ratio_largest"] == pytest.approx(2.71828, rel=1e-2)
    assert metrics["sampler_corrected_share"] == 1.0
    assert_close(gradient(-1.0, "truncate")[0], plain / 2.71828, atol=1e-5, rtol=1e-3)
    masked, metrics = gradient(1.0, "mask")
    assert float(masked.abs().max()) == 0.0
    assert metrics["sampler_corrected_share"] == 1.0
