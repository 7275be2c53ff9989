"""Show what was sampled while a run trained: `python -m agents.samples RUN`.

RUN is the folder of a training, or of a comparison, whose runs then follow each other. Every training keeps some
attempts (--samples-every, --samples-tasks) in samples/, parquet files that any reader takes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from tyro.conf import Positional

from agents import command_line
from agents.runs.samples import FOLDER, Sample, read_samples
from agents.terminal import counted
from rlsd_env.errors import ConfigurationError
from verifiers.types import Status, outcome


@dataclasses.dataclass(frozen=True)
class SamplesOptions:
    """Options of `python -m agents.samples`."""

    run: Positional[Path] = Path("runs/compare")
    """Folder of a training or a comparison."""
    step: int | None = None
    """Of this training step only."""
    task: str = ""
    """Of tasks whose id has this in it."""
    wrong: bool = False
    """Wrong answers only; those on which the verifier failed are neither right nor wrong."""
    right: bool = False
    """Right answers only."""
    leaks: bool = False
    """Responses that speak of what only a teacher is shown."""
    limit: int = 20
    """How many attempts are shown of each run, its last ones, and as many more as make whole groups, a group being all
    that fit of one task at one step; 0: all."""
    no_prompts: bool = False
    """Leave out the prompts, which are printed (>) above the first attempt at each task; what came before the last
    action of each attempt (:) stays."""

    def __post_init__(self) -> None:
        if self.wrong and self.right:
            raise ConfigurationError("wrong and right are both given; give one, or neither for all")
        if self.limit < 0:
            raise ConfigurationError(f"limit is {self.limit}; it must be 0 or more")

    def wants(self, one: Sample) -> bool:
        """Tell whether an attempt is shown."""
        return (
            self.task in one.task_id
            and not (self.wrong and (one.correct or Status(one.status).failed))
            and not (self.right and not one.correct)
            and (one.leaks or not self.leaks)
        )


def runs_of(folder: Path) -> list[Path]:
    """Return the runs in a folder that have samples, in order.

    Raises:
        ConfigurationError: there is none.

    """
    found = sorted(path.parent for path in (folder / FOLDER, *folder.glob(f"runs/*/*/{FOLDER}")) if path.is_dir())
    if not found:
        what = "is not there" if not folder.is_dir() else f"holds no run with {FOLDER}/"
        raise ConfigurationError(f"run {str(folder)!r} {what}; give the --out of a training or a comparison")
    return found


def group(one: Sample) -> tuple[int, str]:
    """Return what attempts have in common that belong together: step and task."""
    return one.step, one.task_id


def last_groups(chosen: list[Sample], limit: int) -> list[Sample]:
    """Return at least the last `limit` attempts, from the first one of a group on; all for 0."""
    start = max(0, len(chosen) - limit) if limit else 0
    while 0 < start < len(chosen) and group(chosen[start - 1]) == group(chosen[start]):
        start -= 1
    return chosen[start:]


def summary(shown: int, fit: int, kept: int) -> str:
    """Say how many attempts are shown of those that the run has kept.

    >>> summary(20, 32, 50)
    'the last 20 of 32 attempts asked for, of 50 kept; --limit 0 shows all'
    >>> summary(4, 4, 50), summary(0, 0, 50), summary(50, 50, 50)
    ('4 attempts asked for, of 50 kept', '0 attempts asked for, of 50 kept', '50 kept attempts')
    """
    all_of_them = counted(fit, "kept attempt")
    if fit < kept:
        all_of_them = f"{counted(fit, 'attempt')} asked for, of {kept:,} kept"
    return all_of_them if shown == fit else f"the last {shown:,} of {all_of_them}; --limit 0 shows all"


def lines(one: Sample, *, prompts: bool) -> Iterator[str]:
    """Write an attempt."""
    verdict = outcome(one.correct, one.reward, one.status)
    verdict = one.status if verdict == "wrong" and one.status != Status.OK else verdict
    marks = [f"reward {one.reward:g}", verdict, counted(one.tokens, "token")]
    marks += [] if one.extracted is None else [f"answer {one.extracted!r}"]
    marks += ["LEAKS"] if one.leaks else []
    marks += ["with help"] if one.guided else []
    marks += [f"{one.cut:,} characters left out"] if one.cut else []
    yield f"step {one.step} | {one.task_id} | attempt {one.member} | {', '.join(marks)}"
    if prompts:
        yield from (f"  > {line}" for line in one.prompt.splitlines())
    yield from (f"  : {line}" for line in one.earlier.splitlines())
    yield from (f"    {line}" for line in one.response.splitlines() or [""])


def run(options: SamplesOptions) -> list[Sample]:
    """Print, and return what was shown.

    Raises:
        ConfigurationError: there are no samples.

    """
    shown: list[Sample] = []
    for folder in runs_of(options.run):
        try:
            kept = read_samples(folder, options.step)
        except FileNotFoundError as error:
            raise ConfigurationError(str(error)) from error
        chosen = [one for one in kept if options.wants(one)]
        some = last_groups(chosen, options.limit)
        print(f"{folder}: {summary(len(some), len(chosen), len(kept))}")
        before = None
        for one in some:
            print("\n".join(lines(one, prompts=not options.no_prompts and group(one) != before)))
            before = group(one)
        shown += some
    return shown


def main(argv: Sequence[str]) -> None:
    """Read the arguments and show."""
    run(command_line.parse(SamplesOptions, argv, "python -m agents.samples", __doc__ or ""))


def entry() -> None:
    """Console script."""
    command_line.main(main)


if __name__ == "__main__":
    entry()
