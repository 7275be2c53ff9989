"""What was sampled while a run trained: some responses with their prompts and verdicts, in `samples/` of its folder."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import PIL.Image

from agents.diagnostics.leakage import mentions
from agents.episodes import Episode, EpisodeBatch, EpisodeGroup
from agents.messages import middle_out, transcript, written
from agents.runs.steps import read_steps, write_step
from rlsd_env.task import Image

FOLDER = "samples"
PICTURE = 448
"""Pixels on the longer side of a picture that is kept, at most."""


@dataclass(frozen=True)
class Sample:
    """An attempt at a training task.

    Attributes:
        step: training step, from 0.
        task_id: the task.
        member: number of the attempt in its group.
        prompt: what the policy read before its first action, with placeholders for pictures; the same of all attempts
            of a group.
        response: the last action.
        tokens: of all actions.
        reward: of the attempt.
        correct: the verifier's word.
        status: how the verification ended.
        extracted: the answer that was found; None: there was none.
        leaks: whether the response speaks of what only a teacher is shown.
        cut: characters that were left out of prompt, earlier turns and response.
        guided: whether the attempt was made with help.
        reference: the answer that was asked for, cut like the response.
        why: what the verifier says of the attempt beside its verdict, cut likewise; "": nothing.
        pictures: those of the task, as PNG or JPEG files of `PICTURE` pixels at most on either side; of the first
            attempt that is kept of a group, the others have none.
        earlier: of several turns what was said between the prompt and the last action, cut likewise; "": nothing.

    """

    step: int
    task_id: str
    member: int
    prompt: str
    response: str
    tokens: int
    reward: float
    correct: bool
    status: str
    extracted: str | None
    leaks: bool
    cut: int
    guided: bool
    reference: str = ""
    why: str = ""
    pictures: tuple[bytes, ...] = ()
    earlier: str = ""


def samples_of(batch: EpisodeBatch, tasks: int, characters: int) -> Iterator[Sample]:
    """Yield the attempts at the first tasks of a batch.

    Args:
        batch: the batch.
        tasks: how many.
        characters: how many of a prompt, of earlier turns and of a response are kept, half from either end.

    """
    for group in batch.groups[:tasks]:
        for member, episode in enumerate(group.episodes):
            yield _sample(batch.step, group, member, episode, characters)


def _sample(step: int, group: EpisodeGroup, member: int, episode: Episode, characters: int) -> Sample:
    first, verdict, response = episode.turns[0].prompt, episode.verdict, episode.response
    prompt = written(first)
    earlier = "\n".join(f"[{said['role']}] {said['text']}" for said in transcript(episode)[len(first.messages) : -1])
    whole = (prompt, earlier, response)
    kept = [middle_out(text, characters) for text in whole]
    return Sample(
        step=step,
        task_id=group.item.task.id,
        member=member,
        prompt=kept[0],
        earlier=kept[1],
        response=kept[2],
        tokens=episode.length,
        reward=float(episode.reward),
        correct=bool(verdict.correct),
        status=str(verdict.status),
        extracted=verdict.extracted,
        leaks=mentions(response, f"{prompt}\n{earlier}"),
        cut=sum(max(0, len(text) - characters) for text in whole),
        guided=episode.guided,
        reference=middle_out(group.item.privileged.reference.answer, characters),
        why=middle_out(verdict.feedback, characters),
        pictures=() if member else tuple(map(thumbnail, first.images)),
    )


def thumbnail(image: Image) -> bytes:
    """Write a picture, made smaller where it has more than `PICTURE` pixels on a side, as a small file.

    One that is shown as it is comes as PNG, without loss; a smaller copy of a larger one as JPEG.
    """
    picture = PIL.Image.fromarray(image)
    whole = max(picture.size) <= PICTURE
    if not whole:
        picture.thumbnail((PICTURE, PICTURE))
    file = io.BytesIO()
    if whole:
        picture.save(file, format="PNG", optimize=True)
    else:
        picture.save(file, format="JPEG", quality=80)
    return file.getvalue()


def write_samples(folder: Path, step: int, kept: list[Sample], rank: int = 0, processes: int = 1) -> Path | None:
    """Write what was sampled at a step into a run's folder; see `agents.runs.steps.write_step`."""
    import pyarrow as pa

    columns = {f.name: [getattr(one, f.name) for one in kept] for f in dataclasses.fields(Sample)}
    types = {"extracted": pa.string(), "pictures": pa.list_(pa.binary())}
    return write_step(folder / FOLDER, step, columns, types, rank, processes)


def read_samples(folder: Path | str, step: int | None = None) -> list[Sample]:
    """Read what a run has kept, by step, task and member.

    Raises:
        FileNotFoundError: nothing was kept.

    """
    rows = read_steps(Path(folder) / FOLDER, step, "train with --samples-every STEPS to keep some")
    for row in rows:
        row["pictures"] = tuple(row.get("pictures", ()))
    return sorted((Sample(**row) for row in rows), key=lambda one: (one.step, one.task_id, one.member))
