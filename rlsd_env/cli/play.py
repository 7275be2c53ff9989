"""`python -m rlsd_env play ID`: a person answers in the terminal."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rlsd_env.cli.common import add_choice, add_environment, at_least, chosen_tasks, make_env
from rlsd_env.cli.show import save_picture
from rlsd_env.env import ReasoningEnv
from rlsd_env.errors import ConfigurationError
from rlsd_env.forms import PLACE, forms_of, written
from rlsd_env.task import Image, Video
from verifiers import Verdict

SUMMARY = "answer tasks yourself, in the terminal"
EPILOG = """\
An answer is one line; a backslash at its end goes on to the next. A bare answer is put into the form that the prompt
asks for; what has that form, or calls a tool, is taken as it is.
Pictures (and videos, as animated GIFs) are written to a temporary folder, which is gone afterwards. The end of the
input (Ctrl-D) or Ctrl-C ends the game."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_environment(parser)
    add_choice(parser, "The first one; --index and --task-id go on from there. Without any of these tasks are drawn.")
    parser.add_argument("--tasks", metavar="N", type=at_least(1), help="how many tasks; left out, until you stop")
    parser.add_argument("--open", action="store_true", help="show pictures with the desktop's viewer")
    parser.add_argument("--reference", action="store_true", help="tell the gold answer after each task")


def run(options: argparse.Namespace) -> int:
    """Play until the tasks or the player's patience end."""
    verdicts: list[Verdict] = []
    with (
        contextlib.closing(make_env(options.env, dict(options.env_kwargs), expose_privileged=options.reference)) as env,
        tempfile.TemporaryDirectory(prefix="rlsd-play-") as folder,
    ):
        try:
            for number in itertools.islice(chosen_tasks(env, options), options.tasks):
                verdicts.append(_episode(env, number, Path(folder, f"task{len(verdicts) + 1}"), options))
                print(f"score: {score(verdicts)}\n")
        except (EOFError, KeyboardInterrupt):
            print(f"\nthe end; score: {score(verdicts)}")
    return 0


def score(verdicts: Sequence[Verdict]) -> str:
    """Say how many of some attempts are right."""
    return f"{sum(verdict.correct for verdict in verdicts)} of {len(verdicts)} right"


def _episode(env: ReasoningEnv, number: int, stem: Path, options: argparse.Namespace) -> Verdict:
    """Play one task to its end; what it shows goes to files whose names begin with `stem`."""
    observation, info = env.reset(options={"task_index": number})
    print(f"--- {info['task_id']}\n{observation['question']}")
    over = False
    while not over:
        turn = stem.with_name(f"{stem.name}-turn{observation['turn'] + 1}")
        show_media(observation["images"], observation["videos"], turn, options.open)
        observation, _, terminated, truncated, info = env.step(_action(env, typed()))
        over = terminated or truncated
        if observation["feedback"]:
            print(observation["feedback"])
    verdict: Verdict = info["verdict"]
    print(outcome(verdict, truncated))
    if options.reference:
        print(f"the answer is {env.privileged.reference.answer}")
    return verdict


def outcome(verdict: Verdict, truncated: bool) -> str:
    """Say what became of an attempt, and what was read of it."""
    partial = f", reward {verdict.reward:g}" if 0 < verdict.reward < 1 else ""
    read = "no answer was found" if verdict.extracted is None else f"read as {verdict.extracted!r}"
    if verdict.status.failed:
        read = verdict.feedback or "the verifier says no more"
    return f"{verdict.outcome}{partial}: {read}" + ("; no turns or tokens were left" if truncated else "")


def _action(env: ReasoningEnv, text: str) -> str:
    form = next(iter(forms_of(env.desk).values()))
    return text if env.desk.tools.calls(text) else answered(form, text)


def answered(form: str, text: str) -> str:
    """Put a bare answer into the form that the prompt asks for."""
    before, _, _ = form.partition(PLACE)
    return text if before in text else written(form, text)


def typed() -> str:
    """Read an answer.

    Raises:
        EOFError: there is no more input.

    """
    lines = [input("> ")]
    while lines[-1].endswith("\\") and not lines[-1].endswith("\\\\"):
        lines[-1] = lines[-1][:-1]
        lines.append(input(". "))
    return "\n".join(lines)


def show_media(images: Sequence[Image], videos: Sequence[Video], stem: Path, opened: bool) -> None:
    """Write pictures and videos to files whose names begin with `stem`, and open those where that is wanted."""
    paths = []
    for number, image in enumerate(images, 1):
        paths.append(stem.with_name(f"{stem.name}-picture{number}.png"))
        save_picture(image, paths[-1])
    for number, video in enumerate(videos, 1):
        paths.append(stem.with_name(f"{stem.name}-video{number}.gif"))
        _save_video(video, paths[-1])
    for path in paths:
        print(f"[{path}]")
        if opened:
            _view(path)


def _save_video(video: Video, path: Path) -> None:
    from PIL import Image as PILImage

    frames: list[Image] = list(video.frames)
    first, *rest = map(PILImage.fromarray, frames)
    first.save(path, save_all=True, append_images=rest, duration=round(1000 / video.fps), loop=0)


def _view(path: Path) -> None:
    """Hand a file to the desktop's viewer.

    Raises:
        ConfigurationError: there is none.

    """
    viewer = {"darwin": ["open"], "win32": ["cmd", "/c", "start", ""]}.get(sys.platform, ["xdg-open"])
    try:
        subprocess.Popen([*viewer, str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError as error:
        raise ConfigurationError(f"--open: {viewer[0]} cannot be started ({error}); play without --open") from error
