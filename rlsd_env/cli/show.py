"""`python -m rlsd_env show ID`: one task as a student sees it."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path

from rlsd_env.cli.common import add_choice, add_environment, chosen_tasks, facts_text, make_env
from rlsd_env.desk import Desk
from rlsd_env.errors import ConfigurationError
from rlsd_env.prompts import choice_letter
from rlsd_env.task import Image, Item, Task

SUMMARY = "show one task: prompt, choices, pictures' sizes, metadata, licence"
EPILOG = "Without --reference nothing is shown that a student may not see."


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_environment(parser)
    add_choice(parser, "Without any of these it is the fold's first.")
    parser.add_argument(
        "--image", metavar="FILE", type=Path, help="write the rendered task to a picture, e.g. task.png"
    )
    parser.add_argument("--frames", metavar="FOLDER", type=Path, help="write all frames of a video to this folder")
    parser.add_argument("--reference", action="store_true", help="show the gold answer and all that is privileged")


def run(options: argparse.Namespace) -> int:
    """Show the task."""
    env = make_env(options.env, dict(options.env_kwargs), render_mode="rgb_array", expose_privileged=options.reference)
    with contextlib.closing(env):
        said = (options.index, options.task_id, options.seed) != (None, None, None)
        index = next(chosen_tasks(env, options)) if said else int(env.desk.indices[0])
        env.reset(options={"task_index": index})
        item = env.desk.item(index)
        if options.image is not None:
            save_picture(env.render(), options.image)
        if options.frames is not None:
            save_frames(item.task, options.frames)
        verifier = env.desk.verifier
        print(facts_text([
            ("environment", options.env),
            ("task", f"{item.task.id}, number {index} of {len(env.desk.source):,}"),
            *task_facts(item.task),
            ("verifier", f"{verifier.name}, version {verifier.version}"),
        ]))  # fmt: skip
        print(f"\n{env.desk.prompt(item.task)}")
        if options.reference:
            print("\n" + facts_text(privileged_facts(env.desk, item)))
    if options.image is not None:
        print(f"\nrendered: {options.image}{_frames_shown(item.task)}")
    if options.frames is not None:
        print(f"\nall frames: {options.frames}")
    return 0


def _frames_shown(task: Task) -> str:
    """Say how many frames of each video a rendered picture has; "" where there is no video."""
    from rlsd_env.rendering import FRAMES

    counts = [len(video.frames) for video in task.videos]
    return "".join(f", {min(FRAMES, count)} of {count} frames shown" for count in counts)


def task_facts(task: Task) -> Iterator[tuple[str, object]]:
    """Name what is public of a task beside its prompt."""
    yield "licence", task.licence + ("" if task.train_allowed else "; training is not allowed")
    yield "kind", task.kind or "not said"
    for image in task.images:
        height, width, _ = image.shape
        yield "image", f"{width} x {height}"
    for video in task.videos:
        count, height, width, _ = video.frames.shape
        yield "video", f"{count} frames of {width} x {height}, {video.fps:g} a second"
    for number, choice in enumerate(task.choices):
        yield f"choice {choice_letter(number)}", choice
    yield from task.metadata.items()


def privileged_facts(desk: Desk, item: Item) -> Iterator[tuple[str, object]]:
    """Name what only a verifier and a teacher may see."""
    reference, privileged = item.privileged.reference, item.privileged
    yield "answer", reference.answer
    yield "kind", reference.kind or "inferred by the verifier"
    for name in ("precision", "unit"):
        if (value := getattr(reference, name)) is not None:
            yield name, value
    for level, text in desk.hints(item).items():
        yield f"hint: {level}", text
    for step in reference.steps:
        yield f"step: {step.name}", step.value
    if privileged.trace is not None:
        yield "trace", privileged.trace
    for name, value in {**reference.extras, **privileged.extras}.items():
        yield f"extra: {name}", value


def save_frames(task: Task, folder: Path) -> None:
    """Write every frame of a task's videos as PNG, e.g. video0-frame003.png.

    Raises:
        ConfigurationError: the task has no video, or the folder cannot be written.

    """
    if not task.videos:
        raise ConfigurationError(f"task {task.id!r} has no video, and so no frames; leave --frames out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"--frames {str(folder)!r} cannot be made a folder ({error})") from error
    for number, video in enumerate(task.videos):
        for position, frame in enumerate(video.frames):
            save_picture(frame, folder / f"video{number}-frame{position:03}.png")


def save_picture(picture: Image, path: Path) -> None:
    """Write a picture in the format that the file's name says.

    Raises:
        ConfigurationError: the file cannot be written, or its name says no format.

    """
    from PIL import Image as PILImage

    try:
        PILImage.fromarray(picture).save(path)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{str(path)!r} cannot be written ({error}); give a name such as task.png") from error
