"""How an episode looks: question, pictures, answer and verdict as text or as one picture."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

from rlsd_env.task import Image
from verifiers import Verdict

COLUMNS = 72
LINE_HEIGHT = 18
MARGIN = 12
SMALLEST_SIDE = 256


def as_text(question: str, response: str, verdict: Verdict | None) -> str:
    """Write the episode as plain text."""
    parts = [f"QUESTION\n{question}"]
    if verdict is not None:
        mark = "correct" if verdict.correct else "wrong"
        parts.append(f"ANSWER\n{response}")
        parts.append(f"VERDICT\n{mark} (status {verdict.status}, reward {verdict.reward:g})")
    return "\n\n".join(parts)


def as_picture(text: str, images: Sequence[Image]) -> Image:
    """Draw the pictures of a task above its text, uint8 height x width x 3; small pictures are enlarged."""
    pictures = []
    for array in images:
        factor = max(1, SMALLEST_SIDE // max(array.shape[:2]))
        picture = PILImage.fromarray(array)
        pictures.append(picture.resize((picture.width * factor, picture.height * factor), PILImage.Resampling.NEAREST))
    lines = [piece for line in text.splitlines() for piece in (textwrap.wrap(line, COLUMNS) or [""])]
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
