"""Sampling beside learning and grading: which weights sample is decided by the step's number, and by nothing else."""

from __future__ import annotations

import csv
import sys
import threading
import time

import pytest
import torch

from agents import experiment, train
from agents.agent import Agent
from agents.episodes import Prompt
from agents.messages import user_message
from agents.methods import make_method
from agents.options.commands import TrainOptions
from agents.policy.actor import Actor
from agents.policy.base import Request, Sampling
from agents.policy.loading import load_policy
from agents.policy.media import MediaProcessor
from agents.policy.replica import ReplicaSampler
from agents.rollouts.ahead import NotWantedError, Recorded, RolloutsAhead
from agents.rollouts.collect import collect, completion_seeds
from agents.rollouts.environments import make_group_env
from agents.rollouts.metrics import batch_metrics
from agents.rollouts.tasks import TaskStream
from rlsd_env.procedural.bar_chart import BarChart
from rlsd_env.procedural.shape_count import ShapeCount
from verifiers import Status, Verdict, Verifier

SMALL = {"steps": 4, "prompts_per_step": 3, "group_size": 4, "eval_tasks": 4, "eval_samples": 2, "lr": 1e-3, "seed": 1}
ARGUMENTS = [text for name, value in SMALL.items() for text in (f"--{name.replace('_', '-')}", str(value))]


def play(out, *arguments):
    train.main(["--agent", "rlsd", "--rollouts-ahead", *ARGUMENTS, "--out", str(out), *map(str, arguments)])
    return outcome(out)


def outcome(out):
    return (out / "metrics.csv").read_bytes(), (out / "model" / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """A run that was never stopped."""
    out = tmp_path_factory.mktemp("ahead") / "straight"
    play(out, "--checkpoint-every", 2)
    return out


def test_batch_k_plus_1_is_sampled_from_the_weights_before_update_k(straight):
    """Against the same steps done one after the other by hand, with one policy."""
    options = TrainOptions(agent="rlsd", rollouts_ahead=True, **SMALL)
    policy = load_policy("tiny", "cpu", options)
    sampling = Sampling(1.0, options.max_tokens)
    agent = Agent(Actor(policy), make_method("rlsd"), options, sampling)
    env = make_group_env(options.env, {"fold": "train"}, 3, 4)
    stream = TaskStream(env.task_indices, 3, options.seed)

    def sampled(step):
        seeds = completion_seeds(options.seed, (experiment.STREAM_TRAINING, step), 12)
        return collect(env, policy, stream(step), sampling, seeds, step)

    batch, rows = sampled(0), []
    for step in range(4):
        following = sampled(step + 1)
        rows.append({"step": step, **batch_metrics(batch), **agent.update(batch)})
        batch = following
    with (straight / "metrics.csv").open() as file:
        logged = list(csv.DictReader(file))
    assert [{name: float(value) for name, value in row.items() if value} for row in logged] == rows
    assert rows[1]["sampler_difference"] > 10 * rows[0]["sampler_difference"]  # the weights are an update older


def test_the_same_seed_gives_the_same_bytes(straight, tmp_path):
    assert play(tmp_path / "again", "--checkpoint-every", 4) == outcome(straight)


@pytest.mark.parametrize("last", [1, 2, 3])
def test_stopped_after_any_step_and_resumed_is_as_if_never_stopped(straight, tmp_path, monkeypatch, last):
    """The batch in flight at the checkpoint is that of older weights: it is played again as it was sampled."""

    def stop(batch, *others):
        if batch.step == last:
            raise KeyboardInterrupt
        return batch_metrics(batch, *others)

    out = tmp_path / "stopped"
    monkeypatch.setattr(experiment, "batch_metrics", stop)
    with pytest.raises(KeyboardInterrupt):
        play(out, "--checkpoint-every", 1)
    assert not (out / "result.json").exists()
    monkeypatch.undo()
    assert play(out, "--checkpoint-every", 1, "--resume") == outcome(straight)


class TwoTurns(Verifier):
    """Right is what has an even number of letters, so that a second turn is often needed."""

    def verify(self, response, reference):
        time.sleep(0.002)
        right = len(response) % 2 == 0
        return Verdict(float(right), right, response, Status.OK, feedback="odd")


def batches(policy, **env_kwargs):
    env = make_group_env("rlsd/ShapeCount-v0", env_kwargs, 3, 4)
    batch = collect(env, policy, [3, 1, 4], Sampling(1.0, 30), completion_seeds(1, (1,), 12), step=0)
    env.close()
    return [(episode.reward, episode.verdict, [turn.action for turn in episode.turns]) for _, _, episode in batch]


@pytest.mark.parametrize("options", [{"max_turns": 2, "feedback": "outcome", "token_budget": 45}, {}])
def test_episodes_are_the_same_when_graded_early(policy, options):
    options = {"verifier": TwoTurns(), **options}
    late = batches(policy, grade_early=False, **options)
    assert batches(policy, grade_early=True, **options) == late
    assert len({len(turns) for _, _, turns in late}) == (2 if options.get("max_turns") else 1)


def test_recorded_completions_are_played_turn_by_turn():
    turns = [[[5, 2], [-0.5, -1.0], "five", "stop"], [[7], [-0.25], "seven", "length"]]
    prompts = [Prompt((user_message("?"),)), Prompt((user_message("!"),))]
    recorded = Recorded([turns[:1], turns, turns[1:], turns[:1]])
    first = recorded.generate(Request(prompts, 2, Sampling(), range(4)))
    assert [[completion.text for completion in group] for group in first] == [["five", "five"], ["seven", "five"]]
    ((second,),) = recorded.generate(Request(prompts[:1], 1, Sampling(), [0]))
    assert (second.token_ids, second.logprobs, second.stop_reason) == ((7,), (-0.25,), "length")
    with pytest.raises(ValueError, match="0 completions of the next turn for 2 episodes"):
        recorded.generate(Request(prompts, 1, Sampling(), [0, 1]))


class Endless:
    """A sampler that goes on until it is stopped."""

    def __init__(self):
        self.began = threading.Event()

    def load_weights(self, weights):
        pass

    def close(self):
        pass

    def generate(self, request, on_completion=None):
        self.began.set()
        while True:
            on_completion(0, None)
            time.sleep(0.001)


def test_what_is_being_sampled_is_given_up_when_the_run_ends(policy):
    sampler = Endless()
    outcomes = []

    def roll(samples, step):
        if step == 0:
            return "first"
        try:
            return samples.generate(Request([], 1, Sampling(), []))
        except NotWantedError as error:
            outcomes.append(error)
            raise

    def interrupted():
        with RolloutsAhead(roll, Actor(policy, sampler), 2) as rollouts:
            assert rollouts.batch(0) == "first"
            assert sampler.began.wait(10)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(outcomes) == 1
    assert "rollouts" not in {thread.name.partition("_")[0] for thread in threading.enumerate()}


def test_an_exception_while_sampling_ahead_is_raised_in_the_run(policy):
    def roll(samples, step):
        if step == 1:
            raise RuntimeError("out of memory")
        return step

    with RolloutsAhead(roll, Actor(policy, Endless()), 3) as rollouts:
        assert rollouts.batch(0) == 0
        with pytest.raises(RuntimeError, match="out of memory"):
            rollouts.batch(1)


def test_the_two_threads_share_torchs_threads(policy):
    seen = {}

    def roll(samples, step):
        seen[step] = torch.get_num_threads()

    torch.set_num_threads(4)
    with RolloutsAhead(roll, Actor(policy, Endless()), 2) as rollouts:
        rollouts.batch(0)
        rollouts.batch(1)
        assert torch.get_num_threads() == 2
    assert seen == {0: 2, 1: 2}
    assert torch.get_num_threads() == 4


def test_a_replica_sees_pictures_with_the_weights_that_it_was_given(policy):
    """The vision tower is trained too: what it made of a picture with older weights is not kept."""
    item = ShapeCount().item(0)
    prompt = Prompt((user_message("<image>?"),), item.task.images)
    replica = ReplicaSampler(load_policy("tiny", "cpu"))
    sampling = Sampling(1.0, 20)
    before = replica.generate(Request([prompt], 2, sampling, [1, 2]))
    with torch.no_grad():
        for parameter in policy.model.model.visual.parameters():
            parameter.mul_(1.5)
    replica.load_weights(policy.weights())
    after = replica.generate(Request([prompt], 2, sampling, [1, 2]))
    assert after == policy.generate(Request([prompt], 2, sampling, [1, 2]))
    assert after != before


def test_threads_share_processed_pictures(policy):
    media = MediaProcessor(policy.processor, policy.model.config)
    images = [BarChart().item(number).task.images[0] for number in range(6)]
    found: list[list] = []
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=lambda: found.append(media.images(images))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(usual)
    assert len(found) == 4
    for other in found[1:]:
        assert all(a is b for a, b in zip(found[0], other))
