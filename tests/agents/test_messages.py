"""Observations as messages: what is a picture's place and what is a word."""

from __future__ import annotations

import numpy as np

from agents.episodes import Completion, Episode, Prompt, StopReason, Turn
from agents.messages import transcript, user_message
from agents.policy.loading import load_policy
from verifiers import Status, Verdict

PICTURE = np.zeros((64, 64, 3), np.uint8)
QUESTION = "<image>Is it <!image> or <!!video>?"


def test_an_escaped_placeholder_is_a_word():
    assert user_message("In HTML, is it <!image>?")["content"] == "In HTML, is it <image>?"
    text = {"type": "text", "text": "Is it <image> or <!video>?"}
    assert user_message(QUESTION)["content"] == [{"type": "image"}, text]


def test_it_is_run_as_a_word():
    encoder = load_policy("tiny", "cpu").encoder
    ids = encoder.token_ids(Prompt((user_message(QUESTION),), (PICTURE,)))
    plain = encoder.token_ids(Prompt((user_message("<image>Is it ? or ?"),), (PICTURE,)))
    assert ids.count(encoder.image_id) == plain.count(encoder.image_id) == 16
    assert encoder.video_id not in ids


def test_a_transcript_is_what_the_messages_were_made_from():
    said = Completion((5,), (0.0,), "an <image>", StopReason.STOP)
    prompt = Prompt((user_message(QUESTION),), (PICTURE,))
    episode = Episode((Turn(prompt, said),), 0.0, Verdict(0.0, False, None, Status.NO_ANSWER))
    assert [message["text"] for message in transcript(episode)] == [QUESTION, "an <image>"]
