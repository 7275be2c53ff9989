"""The real vLLM with the bundled model: what it samples, its probabilities, and new weights. `make test-vllm`."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import subprocess
import sys

import pytest
import torch

import agents
from agents.bundled import TINY
from agents.episodes import Completion, Prompt, StopReason
from agents.messages import user_message
from agents.options.learner import LearnerOptions
from agents.policy.actor import Actor
from agents.policy.base import Request, Sampling
from agents.policy.vllm.inputs import engine_inputs
from agents.policy.vllm.sampler import VLLMSampler
from agents.policy.vllm.server_sampler import VLLMServerSampler
from agents.rollouts.collect import collect, completion_seeds, prompts_of
from agents.rollouts.environments import make_group_env
from rlsd_env.errors import ConfigurationError
from tests.agents.vllm_serving import serving

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("vllm") is None, reason="vLLM is not installed; make test-vllm installs it"
)

CLOSE = 1e-3
SHAPES, MOTION = "rlsd/ShapeCount-v0", "rlsd/FirstColour-v0"
CROP = '<tool_call>{"name": "crop", "arguments": {"image": 1, "box": [0, 0, 500, 500]}}</tool_call>'


@pytest.fixture(scope="module")
def sampler(_bundled):
    engine = VLLMSampler(str(TINY), _bundled)
    yield engine
    engine.close()


@pytest.fixture
def sampled(policy, sampler):
    """The bundled model with vLLM sampling from its weights, whatever weights an earlier test left there."""
    return Actor(policy, sampler)


def prompts_from(env, tasks, **env_kwargs):
    venv = make_group_env(env, env_kwargs, len(tasks), 1)
    return prompts_of(venv, venv.reset(options={"task_index": list(tasks)})[0])


def mixed_prompts():
    a, b = prompts_from(SHAPES, [0, 1])
    both = Prompt((user_message("<image>and<image>differ?"),), (*a.images, *b.images))
    return [a, b, Prompt((user_message("how many red circles ?"),)), both]


def largest_difference(policy, prompts, groups, temperature=1.0):
    """Between log-probabilities that were recorded while sampling and the learner's."""
    worst = 0.0
    for prompt, group in zip(prompts, groups):
        for completion in group:
            with torch.no_grad():
                scores = policy.score([prompt], [0], [completion.token_ids], temperature=temperature)
            recorded = torch.tensor(completion.logprobs)
            worst = max(worst, float((scores.logp_NT[0] - recorded).abs().max()))
    return worst


@pytest.mark.parametrize("temperature", [1.0, 0.7, 0.0])
def test_its_logprobs_are_the_learners(policy, sampled, temperature):
    prompts = mixed_prompts()
    groups = sampled.generate(Request(prompts, 3, Sampling(temperature, 30), list(range(12))))
    assert [len(group) for group in groups] == [3, 3, 3, 3]
    assert largest_difference(policy, prompts, groups, temperature) < CLOSE


def test_greedy_is_the_learners_greedy(policy, sampled):
    prompts = mixed_prompts()
    ours = policy.generate(Request(prompts, 1, Sampling(0.0, 30), [0] * 4))
    theirs = sampled.generate(Request(prompts, 1, Sampling(0.0, 30), [0] * 4))
    assert [[one.token_ids for one in group] for group in theirs] == [[one.token_ids for one in g] for g in ours]
    assert [[(one.text, one.stop_reason) for one in group] for group in theirs] == [
        [(one.text, one.stop_reason) for one in group] for group in ours
    ]


def test_videos_are_run_as_the_learner_runs_them(policy, sampled):
    prompts = prompts_from(MOTION, [0, 1])
    assert all(prompt.videos for prompt in prompts)
    groups = sampled.generate(Request(prompts, 2, Sampling(1.0, 20), list(range(4))))
    assert largest_difference(policy, prompts, groups) < CLOSE


def test_vision_placeholders_are_never_sampled_and_have_no_probability(policy, sampled):
    with torch.no_grad():  # a model that wants nothing but placeholders
        policy.model.lm_head.weight[policy.encoder.vision_ids] *= 1000
    prompts = mixed_prompts()
    groups = sampled.generate(Request(prompts, 8, Sampling(2.0, 20), list(range(32))))
    ids = {id for group in groups for completion in group for id in completion.token_ids}
    assert not ids & set(policy.encoder.vision_ids)
    assert largest_difference(policy, prompts, groups, 2.0) < CLOSE


def test_a_completion_depends_on_its_own_seed_and_prompt_only(sampled):
    prompts = mixed_prompts()
    together = sampled.generate(Request(prompts, 4, Sampling(1.5, 30), list(range(16))))
    alone = sampled.generate(Request(prompts[1:2], 2, Sampling(1.5, 30), [6, 4]))
    assert [one.token_ids for one in alone[0]] == [together[1][2].token_ids, together[1][0].token_ids]
    assert len({one.token_ids for group in together for one in group}) > 8


def test_huge_seeds(sampled):
    seeds = completion_seeds(0, (1,), 8)
    assert max(seeds) > 2**63
    (group,) = sampled.generate(Request(mixed_prompts()[:1], 8, Sampling(2.0, 20), seeds))
    assert len({one.token_ids for one in group}) > 4


def test_limits_and_stop_reasons(policy, sampled):
    prompts = mixed_prompts()[:2]
    limits = [1, 2, 3, 40]
    groups = sampled.generate(Request(prompts, 2, Sampling(1.0, 40), [1, 2, 3, 4], limits=limits))
    flat = [completion for group in groups for completion in group]
    assert [len(one.token_ids) for one in flat[:3]] == [1, 2, 3]
    assert [one.stop_reason for one in flat] == [StopReason.LENGTH] * 3 + [StopReason.STOP]
    assert flat[3].token_ids[-1] in policy.stop_ids
    assert "<|im_end|>" not in flat[3].text


def test_each_completion_is_told_of_once_as_it_ends(sampled):
    told = []
    groups = sampled.generate(
        Request(mixed_prompts()[:2], 2, Sampling(1.0, 40), [1, 2, 3, 4], limits=[40, 1, 40, 2]),
        on_completion=lambda number, completion: told.append((number, completion)),
    )
    flat = [completion for group in groups for completion in group]
    assert sorted(number for number, _ in told) == [0, 1, 2, 3]
    assert all(completion == flat[number] for number, completion in told)
    assert {number for number, _ in told[:2]} == {1, 3}  # the short ones


def test_a_groups_prompt_is_computed_once(policy, sampled, sampler):
    (prompt,) = prompts_from(SHAPES, [77])
    sampled.synchronise()
    cached, ran = sampler.cached_tokens, sampler.prompt_tokens
    sampled.generate(Request([prompt], 8, Sampling(1.0, 4), list(range(8))))
    length = policy.count_tokens(prompt)
    assert sampler.prompt_tokens - ran == 8 * length
    assert sampler.cached_tokens - cached == 7 * (length // 32 * 32)  # whole blocks of 32 tokens


class Crops:
    """vLLM, made to crop in the first turn: the bundled model was not trained to call tools."""

    def __init__(self, policy, sampler):
        self.policy, self.sampler = policy, sampler

    def generate(self, request, on_completion=None):
        prompts = request.prompts
        if any(message["role"] == "assistant" for prompt in prompts for message in prompt.messages):
            return self.sampler.generate(request, on_completion)
        ids = (*self.policy.encoder.tokenizer(CROP)["input_ids"], min(self.policy.stop_ids))
        scores = self.policy.score(prompts, range(len(prompts)), [ids] * len(prompts)).logp_NT.tolist()
        groups = [[Completion(ids, tuple(logp), CROP, StopReason.STOP)] * request.n for logp in scores]
        for number, completion in enumerate(completion for group in groups for completion in group):
            if on_completion is not None:
                on_completion(number, completion)
        return groups

    def load_weights(self, weights):
        self.sampler.load_weights(weights)

    def close(self):
        pass


def test_later_turns_with_pictures_of_tools(policy, sampler):
    env = make_group_env(SHAPES, {"max_turns": 3, "feedback": "outcome", "tools": ["crop"]}, 2, 2)
    batch = collect(env, Actor(policy, Crops(policy, sampler)), [3, 4], Sampling(1.0, 30), list(range(4)), step=0)
    later = [turn for _, _, episode in batch for turn in episode.turns[1:]]
    assert len(later) >= 4
    assert all(len(turn.prompt.images) == 2 for turn in later[:1])
    assert largest_difference(policy, [t.prompt for t in later], [[t.action] for t in later]) < CLOSE


def test_after_an_update_the_sampler_has_the_new_weights(policy, sampled):
    env = make_group_env(SHAPES, {}, 4, 4)
    seeds = completion_seeds(9, (1, 0), 16)
    sampling = Sampling(1.0, 40)
    agent = agents.make("grpo", policy=policy, learner=LearnerOptions(lr=1e-3), sampling=sampling)
    batch = collect(env, sampled, [3, 1, 4, 15], sampling, seeds, step=0)
    metrics = agent.update(batch)
    assert metrics["grad_norm"] > 0
    again = collect(env, sampled, [3, 1, 4, 15], sampling, seeds, step=1)  # the same prompts: no cache may serve them
    prompts = [turn.prompt for _, _, episode in again for turn in episode.turns]
    groups = [[turn.action] for _, _, episode in again for turn in episode.turns]
    assert largest_difference(policy, prompts, groups) < CLOSE
    old = agents.load_policy("tiny", "cpu")
    assert largest_difference(old, prompts, groups) > 30 * CLOSE


def test_the_vision_towers_new_weights_are_seen_too(policy, sampled):
    prompts = mixed_prompts()
    sampled.generate(Request(prompts, 1, Sampling(1.0, 20), list(range(4))))
    with torch.no_grad():
        policy.model.model.visual.merger.linear_fc2.weight.mul_(0.5)
    policy.weights_changed()
    groups = sampled.generate(Request(prompts, 1, Sampling(1.0, 20), list(range(4))))
    assert largest_difference(policy, prompts, groups) < CLOSE
    assert largest_difference(agents.load_policy("tiny", "cpu"), prompts, groups) > 30 * CLOSE


def test_what_vllm_cannot_sample_is_refused(sampled):
    prompt = mixed_prompts()[2]
    with pytest.raises(ConfigurationError, match=r"temperature is 0\.005"):
        sampled.generate(Request([prompt], 1, Sampling(0.005, 4), [0]))
    with pytest.raises(ConfigurationError, match="max_model_len of 4096"):
        sampled.generate(Request([prompt], 1, Sampling(1.0, 5000), [0]))
    with pytest.raises(ValueError, match="1 seeds for 1 prompts x 2"):
        sampled.generate(Request([prompt], 2, Sampling(1.0, 4), [0]))
    assert len(sampled.generate(Request([prompt], 1, Sampling(1.0, 4), [0]))[0]) == 1  # and it goes on


def test_whatever_its_code_for_pictures_raises_is_one_line(policy):
    class Renderer:
        def render_cmpl(self, prompts, skip_mm_cache):
            raise KeyError("pixel_values")

    with pytest.raises(
        ConfigurationError, match=r"it does not take them \(KeyError: 'pixel_values'\); use --sampler tr"
    ):
        engine_inputs(policy.encoder, mixed_prompts()[0], Renderer())


def test_arguments_of_the_engine_are_checked_before_it_starts(policy):
    for arguments, message in (
        ({"max_num_seq": 3}, "did you mean 'max_num_seqs'"),
        ({"generation_config": "auto"}, "leave it out"),
        ({"transfer": "ipc"}, "use folder"),
        ({"transfer": "pigeon"}, "allowed: auto, folder, ipc"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            VLLMSampler(str(TINY), policy, arguments=arguments)


def run(*arguments, **options):
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, timeout=400, env=environment, **options
    )


def test_training_on_the_command_line(tmp_path):
    out = tmp_path / "run"
    done = run(
        "agents.train", "--agent", "grpo", "--sampler", "vllm", "--steps", "2", "--prompts-per-step", "4",
        "--group-size", "4", "--eval-tasks", "4", "--eval-samples", "2", "--out", str(out),
        "--sampler-kwargs", "max_num_seqs=16",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    rows = list(csv.DictReader((out / "metrics.csv").open()))
    assert [float(row["step"]) for row in rows] == [0, 1]
    assert all(float(row["sampler_difference"]) < CLOSE for row in rows)
    result = json.loads((out / "result.json").read_text())
    assert len(result["evaluation"]["sampled"]) == 4


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    log = tmp_path_factory.mktemp("server") / "log"
    with serving(TINY, log) as (address, process):
        yield address, log, process


def test_a_server_samples_and_follows(policy, server):
    address, log, process = server
    engine = None
    for _ in range(60):
        try:
            engine = VLLMServerSampler(address, str(TINY), policy, arguments={"wait": 5, "timeout": 120})
            break
        except ConfigurationError as error:
            if process.poll() is not None:
                pytest.fail(f"{error}\n{log.read_text()[-3000:]}")
    assert engine is not None, log.read_text()[-3000:]
    served = Actor(policy, engine)
    prompts = mixed_prompts()
    told = []
    groups = served.generate(
        Request(prompts, 3, Sampling(0.7, 30), list(range(12)), limits=[30] * 11 + [1]),
        on_completion=lambda number, completion: told.append(number),
    )
    assert sorted(told) == list(range(12))
    assert len(groups[3][2].token_ids) == 1
    assert largest_difference(policy, prompts, groups, 0.7) < CLOSE
    with torch.no_grad():
        for weight in policy.model.parameters():
            weight.mul_(0.99)
    policy.weights_changed()
    again = served.generate(Request(prompts, 3, Sampling(0.7, 30), list(range(12))))
    assert largest_difference(policy, prompts, again, 0.7) < CLOSE
    assert largest_difference(agents.load_policy("tiny", "cpu"), prompts, again, 0.7) > 10 * CLOSE
    same = served.generate(Request(prompts, 3, Sampling(0.7, 30), list(range(12))))
    assert [[one.token_ids for one in group] for group in same] == [[one.token_ids for one in g] for g in again]
    (video,) = prompts_from(MOTION, [0])
    with pytest.raises(ConfigurationError, match="in process"):
        served.generate(Request([video], 1, Sampling(1.0, 4), [0]))
