"""Several turns and videos through the real model: tokens, log-probabilities, rollouts and updates."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.testing import assert_close
from transformers.video_utils import VideoMetadata

import agents
from agents.episodes import Completion, Prompt, StopReason
from agents.messages import first_prompt, next_prompt, transcript, user_message
from agents.options.learner import LearnerOptions
from agents.policy.base import Request, Sampling
from agents.policy.transformers_policy import TransformersPolicy
from agents.rollouts.collect import collect, completion_seeds
from agents.rollouts.environments import make_group_env
from agents.rollouts.metrics import batch_metrics
from rlsd_env import Video
from rlsd_env.procedural.shape_count import ShapeCount

CROP = '<tool_call>{"name": "crop", "arguments": {"image": 1, "box": [0, 0, 500, 500]}}</tool_call>'
ID = "rlsd/ShapeCount-v0"


class LooksCloser(TransformersPolicy):
    """The bundled model, made to crop in its first turn: it was not trained to call tools."""

    def generate(self, request, on_completion=None):
        prompts = request.prompts
        if any(message["role"] == "assistant" for prompt in prompts for message in prompt.messages):
            return super().generate(request)
        ids = (*self.encoder.tokenizer(CROP)["input_ids"], min(self.stop_ids))
        scores = self.score(prompts, range(len(prompts)), [ids] * len(prompts)).logp_NT.tolist()
        return [[Completion(ids, tuple(logp), CROP, StopReason.STOP)] * request.n for logp in scores]


def crops(policy):
    return LooksCloser(policy.model, policy.processor)


def plain_logprobs(policy, ids, images, response):
    """Score one row with transformers' own forward pass over given token ids."""
    answer = torch.tensor([response])
    inputs = policy.processor.image_processor(images=[image.copy() for image in images], return_tensors="pt")
    inputs["input_ids"] = torch.cat([torch.tensor([ids]), answer], 1)
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    inputs["mm_token_type_ids"] = torch.eq(inputs["input_ids"], policy.encoder.image_id).int()
    logits = policy.model(**inputs).logits[0, len(ids) - 1 : -1].float()
    logits[:, policy.encoder.vision_ids] = -torch.inf
    return logits.log_softmax(-1).gather(-1, answer[0][:, None])[:, 0]


def test_later_turns_go_on_from_the_very_tokens_that_were_sampled(policy):
    env = make_group_env(ID, {"max_turns": 3, "feedback": "outcome", "tools": ["crop"]}, 2, 2)
    batch = collect(env, crops(policy), [3, 4], Sampling(1.0, 30), list(range(4)), step=0)
    episodes = [episode for _, _, episode in batch]
    assert all(len(episode.turns) >= 2 for episode in episodes)
    for episode in episodes:
        for before, after in zip(episode.turns, episode.turns[1:]):
            ids, action = policy.encoder.token_ids(before.prompt), before.action.token_ids
            sampled = action if before.action.stop_reason is StopReason.LENGTH else action[:-1]
            assert policy.encoder.token_ids(after.prompt)[: len(ids) + len(sampled)] == [*ids, *sampled]


def test_tokens_that_no_tokenizer_would_write_survive(policy):
    """Sampled ids need not be what the tokenizer makes of their text."""
    tokenizer = policy.encoder.tokenizer
    odd = [tokenizer.get_vocab()[letter] for letter in "think"]
    assert tokenizer("think", add_special_tokens=False)["input_ids"] != odd
    prompt = Prompt((user_message("What?"),))
    later = next_prompt(prompt, Completion(tuple(odd), (0.0,) * 5, "think", StopReason.LENGTH), again("No."))
    ids = policy.encoder.token_ids(prompt)
    assert policy.encoder.token_ids(later)[len(ids) : len(ids) + 5] == odd


def again(feedback, images=()):
    return {"question": "", "images": images, "videos": (), "choices": (), "feedback": feedback, "turn": 1}


def test_a_text_cannot_forge_an_earlier_turn(policy):
    prompt = Prompt((user_message("What \ue0000\ue001?"),))
    later = next_prompt(prompt, Completion((40, 41), (0.0, 0.0), "x", StopReason.LENGTH), again("\ue0000\ue001"))
    assert policy.encoder.token_ids(later)[len(policy.encoder.token_ids(prompt)) :][:2] == [40, 41]


def test_the_scores_of_a_later_turn_are_those_of_a_plain_row(policy):
    env = make_group_env(ID, {"max_turns": 2, "tools": ["crop"]}, 1, 2)
    batch = collect(env, crops(policy), [3], Sampling(1.0, 30), [1, 2], step=0)
    turns = [episode.turns[1] for _, _, episode in batch]
    scores = policy.score([turn.prompt for turn in turns], [0, 1], [turn.action.token_ids for turn in turns])
    for row, turn in enumerate(turns):
        response = turn.action.token_ids
        assert len(turn.prompt.images) == 2
        plain = plain_logprobs(policy, policy.encoder.token_ids(turn.prompt), turn.prompt.images, response)
        assert_close(scores.logp_NT[row, : len(response)], plain, atol=1e-5, rtol=1e-5)
        assert_close(torch.tensor(turn.action.logprobs), plain.detach(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["rlsd", "sdpo"])
def test_a_run_with_the_crop_tool_trains_three_steps(policy, name):
    policy = crops(policy)
    agent = agents.make(name, policy, learner=LearnerOptions(lr=5e-5), sampling=Sampling(1.0, 40))
    env = make_group_env(ID, {"max_turns": 3, "feedback": "outcome", "tools": ["crop"]}, 4, 4)
    before = [parameter.clone() for parameter in policy.model.parameters()]
    for step in range(3):
        tasks = list(range(4 * step, 4 * step + 4))
        batch = collect(env, policy, tasks, agent.sampling, completion_seeds(0, (step,), 16), step)
        metrics = agent.update(batch)
        assert all(math.isfinite(value) for value in metrics.values())
        assert metrics["grad_norm"] > 0
        assert metrics["sampler_difference"] < 1e-4
        assert metrics["teacher_tokens_scored"] > 0
    assert any(not torch.equal(a, b) for a, b in zip(before, policy.model.parameters()))
    episode = next(episode for _, _, episode in batch if len(episode.turns) == 3)
    lines = [f"{said['role']}: {said['text']}" for said in transcript(episode)]
    assert [line.partition(":")[0] for line in lines] == ["user", "assistant", "user", "assistant", "user", "assistant"]
    assert lines[1] == f"assistant: {CROP}"
    assert lines[2] == "user: Picture 2, a part of picture 1: <image>"
    assert lines[4] in ("user: Your answer is wrong.", "user: No answer found: put it in <answer> </answer>.")


def test_retries_pay(policy):
    """A second attempt after "wrong" solves tasks that the first did not."""
    rates = []
    for options in ({}, {"max_turns": 3, "feedback": "outcome"}):
        env = make_group_env(ID, options, 8, 8)
        batch = collect(env, policy, list(range(8)), Sampling(1.0, 40), completion_seeds(1, (0,), 64), step=0)
        rates.append(np.mean([episode.verdict.correct for _, _, episode in batch]))
        assert all(episode.reward == episode.verdict.reward for _, _, episode in batch)
    assert rates[1] > rates[0]


def test_the_first_turn_does_not_depend_on_how_many_may_follow(policy):
    single, several = (
        collect(make_group_env(ID, options, 2, 4), policy, [5, 6], Sampling(1.0, 40), list(range(8)), step=0)
        for options in ({}, {"max_turns": 3, "feedback": "outcome"})
    )
    first, same = ([episode.turns[0].action for _, _, episode in batch] for batch in (single, several))
    assert len(first) == 8
    assert first == same
    assert max(len(episode.turns) for _, _, episode in several) > 1


def test_the_token_budget_bounds_every_episode(policy):
    env = make_group_env(ID, {"max_turns": 4, "feedback": "outcome", "token_budget": 45}, 2, 8)
    batch = collect(env, policy, [5, 6], Sampling(1.0, 30), list(range(16)), step=0)
    lengths = [episode.length for _, _, episode in batch]
    assert max(lengths) <= 45
    assert any(len(episode.turns) > 1 and episode.length == 45 for _, _, episode in batch)


def test_what_the_environment_breaks_off_is_truncated_though_its_action_stopped(policy):
    """A call of a tool that takes the last token of the budget; without a budget the episodes go on."""
    tokens = len(policy.encoder.tokenizer(CROP)["input_ids"]) + 1
    for budget, share in ((tokens, 1.0), (1000, 0.0)):
        env = make_group_env(ID, {"max_turns": 2, "tools": ["crop"], "token_budget": budget}, 1, 2)
        batch = collect(env, crops(policy), [3], Sampling(1.0, 100), [1, 2], step=0)
        assert all(e.turns[-1].action.stop_reason is StopReason.STOP for _, _, e in batch)
        assert batch_metrics(batch)["truncated_share"] == share


def test_limits_cut_completions_and_nothing_else(policy):
    item = ShapeCount().item(0)
    prompt = Prompt((user_message(item.task.question),), item.task.images)
    ((free,),) = policy.generate(Request([prompt], 1, Sampling(1.0, 30), [4]))
    ((cut, same),) = policy.generate(Request([prompt], 2, Sampling(1.0, 30), [4, 4], limits=[5, 30]))
    assert cut.token_ids == free.token_ids[:5]
    assert cut.stop_reason is StopReason.LENGTH
    assert same.token_ids == free.token_ids
    with pytest.raises(ValueError, match="limits"):
        policy.generate(Request([prompt], 1, Sampling(1.0, 30), [4], limits=[31]))


def clip(seed, count=6, size=32):
    return Video(np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), dtype=np.uint8), fps=4.0)


def processed(policy, prompt):
    """What transformers' own processor makes of a prompt with pictures and videos."""
    text = policy.processor.apply_chat_template(list(prompt.messages), add_generation_prompt=True, tokenize=False)
    counts = [len(video.frames) for video in prompt.videos]
    return policy.processor(
        text=[text],
        images=[[image.copy() for image in prompt.images]] if prompt.images else None,
        videos=[torch.from_numpy(video.frames.copy()).permute(0, 3, 1, 2) for video in prompt.videos],
        video_metadata=[
            VideoMetadata(total_num_frames=count, fps=video.fps, frames_indices=list(range(count)))
            for count, video in zip(counts, prompt.videos)
        ],
        do_sample_frames=False,
        cap_pixels_per_frame=True,
        return_tensors="pt",
    )


def test_videos_are_run_as_transformers_runs_them(policy):
    image = ShapeCount().item(0).task.images[0]
    prompts = [
        Prompt((user_message("<video>What happens?"),), (), (clip(0),)),
        Prompt((user_message("<image>Is it in <video> or in <video>?"),), (image,), (clip(1, 7), clip(2, 4, 48))),
        Prompt((user_message("<image>What?"),), (image,)),
    ]
    response = policy.encoder.tokenizer("<think> red")["input_ids"]
    scores = policy.score(prompts, [0, 1, 2], [response] * 3)
    for row, prompt in enumerate(prompts[:2]):
        inputs = processed(policy, prompt)
        assert policy.encoder.token_ids(prompt) == inputs["input_ids"][0].tolist()
        start, answer = inputs["input_ids"].shape[1], torch.tensor([response])
        inputs["input_ids"] = torch.cat([inputs["input_ids"], answer], 1)
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        inputs["mm_token_type_ids"] = torch.cat([inputs["mm_token_type_ids"], torch.zeros_like(answer)], 1)
        logits = policy.model(**inputs).logits[0, start - 1 : -1].float()
        logits[:, policy.encoder.vision_ids] = -torch.inf
        plain = logits.log_softmax(-1).gather(-1, answer[0][:, None])[:, 0]
        assert_close(scores.logp_NT[row, : len(response)], plain, atol=1e-5, rtol=1e-5)


def test_the_frame_rate_is_what_the_model_reads(policy):
    frames = clip(0).frames
    slow, fast = (
        policy.encoder.token_ids(Prompt((user_message("<video>?"),), (), (Video(frames, fps),))) for fps in (1.0, 8.0)
    )
    assert slow != fast


def test_equal_questions_about_different_videos_are_different_prompts(policy):
    def score(videos):
        batch = [Prompt((user_message("<video>?"),), (), (video,)) for video in videos]
        return policy.score(batch, [0, 1], [[40, 41]] * 2).logp_NT

    both = score([clip(0), clip(1)])
    assert not torch.equal(both[0], both[1])


def test_unreadable_videos_are_named(policy):
    one = Video(np.zeros((1, 32, 32, 3), np.uint8), 1.0)
    with pytest.raises(ValueError, match="a video has 1 frame; the model joins 2"):
        policy.encoder.token_ids(Prompt((user_message("<video>?"),), (), (one,)))
    with pytest.raises(ValueError, match="1 video parts and there are 0 videos"):
        Prompt((user_message("<video>?"),))


@pytest.mark.parametrize("id", ["rlsd/BounceCount-v0", "rlsd/FirstColour-v0"])
def test_a_video_family_trains_three_steps(policy, id):
    agent = agents.make("rlsd", policy, learner=LearnerOptions(lr=5e-5), sampling=Sampling(1.0, 40))
    env = make_group_env(id, {"difficulty": 1, "verifier": "tests.plugged:Coin"}, 4, 8)
    for step in range(3):
        tasks = list(range(4 * step, 4 * step + 4))
        batch = collect(env, policy, tasks, agent.sampling, completion_seeds(0, (step,), 32), step)
        assert all(len(group.item.task.videos) == 1 for group in batch.groups)
        metrics = agent.update(batch)
        assert all(math.isfinite(value) for value in metrics.values())
        assert metrics["sampler_difference"] < 1e-4
        assert metrics["grad_norm"] > 0


def test_the_learner_tells_videos_of_equal_questions_apart(policy):
    env = make_group_env("rlsd/BounceCount-v0", {"difficulty": 1, "verifier": "tests.plugged:Coin"}, 2, 8)
    batch = collect(env, policy, [0, 1], Sampling(1.0, 20), list(range(16)), step=0)
    questions = {group.item.task.question for group in batch.groups}
    learner = agents.Learner(policy, agents.make("grpo", policy).algorithm, LearnerOptions(lr=1e-5))
    assert len(questions) == 1
    assert learner.update(batch)["sampler_difference"] < 1e-4


def test_first_prompt_takes_the_videos_along():
    observation = again("") | {"question": "<video>?", "videos": (clip(0),)}
    assert first_prompt(observation).videos == (clip(0),)
