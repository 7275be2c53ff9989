"""How an episode looks: question, pictures, actions and verdict as text or as one picture."""

from __future__ import annotations

import textwrap

import numpy as np
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

from rlsd_env.attempt import Attempt
from rlsd_env.task import Image, Video

COLUMNS = 72
LINE_HEIGHT = 18
MARGIN = 12
SMALLEST_SIDE, LARGEST_SIDE = 256, 1024
MOST_LINES = 200
FRAMES = 6
"""Frames of a video that are shown."""


def as_text(attempt: Attempt) -> str:
    """Write the episode as plain text."""
    parts = [f"QUESTION\n{attempt.prompt}"]
    for action, feedback in zip(attempt.actions, attempt.feedbacks):
        parts.append(f"ANSWER\n{action}")
        if feedback:
            parts.append(f"FEEDBACK\n{feedback}")
    if (verdict := attempt.verdict) is not None and attempt.over:
        numbers = "" if verdict.status.failed else f" (status {verdict.status}, reward {verdict.reward:g})"
        parts.append(f"VERDICT\n{verdict.outcome}{numbers}")
        if attempt.truncated:
            parts.append("TRUNCATED\nno turns or tokens were left")
    return "\n\n".join(parts)


def as_picture(attempt: Attempt) -> Image:
    """Draw the pictures of an episode above its text, uint8 height x width x 3.

    Small pictures are enlarged and very large ones reduced; of a video some frames are shown side by side.
    """
    videos = [_film_strip(video) for video in attempt.item.task.videos]
    pictures = [_fitted(array) for array in (*videos, *attempt.seen)]
    text = as_text(attempt)[: COLUMNS * MOST_LINES]  # before anything is wrapped
    lines = [piece for line in text.splitlines() for piece in (textwrap.wrap(line, COLUMNS) or [""])]
    if len(lines) > MOST_LINES:
        lines = [*lines[:MOST_LINES], f".. and {len(lines) - MOST_LINES} lines more"]
    font = ImageFont.load_default(size=14)
    text_width = max((round(font.getlength(line)) for line in lines), default=0)
    width = max([text_width, *(picture.width for picture in pictures)]) + 2 * MARGIN
    height = sum(picture.height + MARGIN for picture in pictures) + len(lines) * LINE_HEIGHT + 2 * MARGIN
    page = PILImage.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(page)
    y = MARGIN
    for picture in pictures:
        page.paste(picture, (MARGIN, y))
        draw.rectangle((MARGIN - 1, y - 1, MARGIN + picture.width, y + picture.height), outline="gray")
        y += picture.height + MARGIN
    for line in lines:
        draw.text((MARGIN, y), line, fill="black", font=font)
        y += LINE_HEIGHT
    return np.asarray(page).copy()


def _fitted(array: Image) -> PILImage.Image:
    picture = PILImage.fromarray(array)
    if max(picture.size) > LARGEST_SIDE:
        picture.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
        return picture
    factor = max(1, SMALLEST_SIDE // max(picture.size))
    return picture.resize((picture.width * factor, picture.height * factor), PILImage.Resampling.NEAREST)


def _film_strip(video: Video) -> Image:
    """Set up to `FRAMES` frames, evenly spread, side by side with a gap."""
    count = len(video.frames)
    chosen = video.frames[np.unique(np.linspace(0, count - 1, min(FRAMES, count)).round().astype(int))]
    gap = np.full((chosen.shape[1], 4, 3), 255, np.uint8)
    pieces = [piece for frame in chosen for piece in (frame, gap)]
    return np.concatenate(pieces[:-1], axis=1)
