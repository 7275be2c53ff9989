"""`python -m rlsd_env validate ID`: is every task of an environment sound?"""

from __future__ import annotations

import argparse
import contextlib
import copy
import itertools
import math
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from rlsd_env.cli.common import add_environment, at_least, check_reserved, facts_text, make_env
from rlsd_env.cli.twins import Twins
from rlsd_env.desk import Desk, split_options
from rlsd_env.env import ReasoningEnv
from rlsd_env.errors import ConfigurationError
from rlsd_env.extras import require
from rlsd_env.forms import ODD_ANSWERS, PLACE, forms_of, written
from rlsd_env.plugins import resolve
from rlsd_env.procedural.base import ProceduralSource
from rlsd_env.sources import TaskSource
from rlsd_env.sources.dataset import DataSource
from rlsd_env.task import Image, Item
from rlsd_env.testing import fold_problems, item_problems
from verifiers import BadReference, Reference, Verdict

SUMMARY = "check every task: pictures decode, prompts render, the gold answer scores 1 and no answer 0"
ODD_TASKS = 16
SEEDS = 20
"""How many seeds of an environment of others are checked unless `--limit` says."""
EPILOG = f"""\
A row fails where its pictures do not decode, placeholders and pictures differ in number, its id occurs twice or does
not lead back to it, it is another task when it is loaded again, its prompt does not render, its gold answer does not
score 1 as the prompt asks for it, "" does not score 0, or the verifier says of the same response once this and once
that, or fails; of the first {ODD_TASKS} tasks it is asked of odd answers too ({"; ".join(ODD_ANSWERS)}).
A benchmark's official rule may score "" by a guess or the nearest choice: in mode "official" that is counted, and no
failure. The folds fail where one leaves the range of the tasks, or two of "train", "tuning" and "heldout" share one;
tasks of two of them with the same question and the same pictures are counted in a warning, and are no failure.
A gold answer is written as the prompt asks for it (<answer>..</answer>, \\boxed{{..}}, "Answer: ..", or the benchmark's
own form; plain where the prompt is yours and has no answer format), then in the other forms, which the summary counts.
--form gives one of your own, e.g. --form '{{"answer": "{PLACE}"}}'.
Of an environment of others (rlsd_env.adapters.foreign) its first seeds, {SEEDS} or --limit, are begun and played twice
with the same answers: the names of its actions where it has such, and in every other seed the odd ones first. A seed
fails where another observation, reward or text for teachers comes the second time, or the environment raises.
Exit code: 0; 1 where a row failed that is not known to."""

REFUSALS = "agents.pictures:refusals"
"""What says, for a model's name, which pictures it refuses: imported where a model is named, for it takes torch."""
GENERATED = 200
"""How many tasks of a source that makes its tasks are checked unless `--limit` says."""
_CHUNK = 64
_NUMBERS = re.compile(r"\d+|'[^']*'")
"""What differs in messages about the same fault: numbers, and what is quoted."""
_SHOWN = 20
_ALIKE = 3
"""Faults that differ in numbers and quotations only, of which so many are shown."""


@dataclass(frozen=True)
class Failure:
    """A task that is not sound.

    Attributes:
        index: the task's number.
        task_id: its id, "" where the task cannot be loaded.
        problems: what is wrong.

    """

    index: int
    task_id: str
    problems: tuple[str, ...]

    @property
    def name(self) -> str:
        """The id, or else the number."""
        return self.task_id or f"task number {self.index}"


@dataclass
class Report:
    """What was found.

    Attributes:
        checked: tasks that were checked.
        pictures: pictures that were decoded.
        forms: how many gold answers scored 1, by the first form in which they did.
        nothing_scores: the ids of those whose official rule gives "" a point.
        failures: the tasks that are not sound, in order.
        folds: what is wrong with the source's folds.
        unjudged: how often the verifier failed, by what it said.
        warnings: what is no failure.

    """

    checked: int = 0
    pictures: int = 0
    forms: Counter[str] = field(default_factory=Counter)
    nothing_scores: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    folds: list[str] = field(default_factory=list)
    unjudged: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)


def validate(
    desk: Desk,
    indices: Iterable[int],
    forms: dict[str, str],
    again: TaskSource,
    refusal: Callable[[Image], str] = lambda image: "",
) -> Report:
    """Check tasks, and the folds of their source.

    Args:
        desk: the environment's desk.
        indices: the tasks' numbers, each once.
        forms: how a gold answer may be written, by name, the form that is asked for first.
        again: a second source made with the same arguments; see `rlsd_env.testing.check_source`.
        refusal: says why a model does not take a picture; "" where it does.

    """
    report = Report(folds=list(fold_problems(desk.source)))
    twins = None if report.folds else Twins(desk.source)
    other = None
    for index, item in _items(desk, indices, report, again):
        task = item.task
        report.pictures += len(task.images)
        problems = list(item_problems(desk.source, index, index if other is None else other, again))
        other = index
        try:
            desk.prompt(task)
        except ConfigurationError as error:
            problems.append(f"the prompt does not render: {error}")
        problems += filter(None, map(refusal, task.images))
        problems += _grading(desk, item, forms, report)
        if problems:
            report.failures.append(Failure(index, task.id, tuple(problems)))
        if twins is not None:
            twins.add(index, task)
    report.warnings += [] if twins is None else twins.warning()
    return report


def another_source(env: ReasoningEnv) -> TaskSource:
    """Return a second source of an environment's tasks; of a data set, which need not be opened twice, a copy.

    Such a copy has its rows from the same table, and none of the decoded pictures.
    """
    if isinstance(env.desk.source, DataSource):
        return copy.copy(env.desk.source)
    assert env.spec is not None
    registered = dict(env.spec.kwargs)
    made_by = resolve(registered.pop("source"))
    registered.pop("render_mode", None)
    return made_by(**split_options(registered)[1])


def _items(desk: Desk, indices: Iterable[int], report: Report, again: TaskSource) -> Iterator[tuple[int, Item]]:
    """Load tasks ahead in the background; one that cannot be loaded is a failure."""
    numbers = iter(indices)
    while chunk := list(itertools.islice(numbers, _CHUNK)):
        desk.source.prefetch(chunk)
        again.prefetch(chunk)
        for index in chunk:
            report.checked += 1
            try:
                item = desk.item(index)
            except Exception as error:  # any source of the user's, and each of its rows is reported
                message = str(error) if isinstance(error, ConfigurationError) else f"{type(error).__name__}: {error}"
                report.failures.append(Failure(index, "", (message,)))
            else:
                yield index, item


def _grading(desk: Desk, item: Item, forms: dict[str, str], report: Report) -> Iterator[str]:
    reference = item.privileged.reference
    try:
        nothing = _verdict(desk, "", reference, report)
        if nothing.correct or nothing.reward > 0:
            if getattr(desk.verifier, "mode", "") == "official":
                report.nothing_scores.append(item.task.id)
            else:
                yield f'"" scores {nothing.reward:g}'
        yield from _failing(desk, reference, nothing, next(iter(forms.values())), report)
        first = None
        for name, form in forms.items():
            response = written(form, reference.answer)
            verdict = _verdict(desk, response, reference, report)
            if verdict != _verdict(desk, response, reference, report):
                yield f"the verifier judges {response!r} in two ways"
            first = first or verdict
            if verdict.correct and math.isclose(verdict.reward, 1.0):
                report.forms[name] += 1
                if first is not verdict:
                    yield f"{_misses(forms, reference, first)}, and 1 only in the form {name!r}"
                return
    except BadReference as error:
        yield f"the gold answer {reference.answer!r} cannot be used: {error}"
        return
    except ConfigurationError as error:  # what the verifier returns is no verdict
        yield str(error)
        return
    assert first is not None
    yield f"{_misses(forms, reference, first)}" + (", and 1 in no other form" if len(forms) > 1 else "")


def _failing(desk: Desk, reference: Reference, nothing: Verdict, form: str, report: Report) -> Iterator[str]:
    """Say on which response the verifier fails, if on any: on "", or of the first tasks on an odd answer."""
    if nothing.status.failed:
        yield f'the verifier fails on "": {nothing.status}'
    elif report.checked <= ODD_TASKS:
        for response in (written(form, answer) for answer in ODD_ANSWERS):
            if (verdict := _verdict(desk, response, reference, report)).status.failed:
                yield f"the verifier fails on {response!r}: {verdict.status}"
                return


def _misses(forms: dict[str, str], reference: Reference, verdict: Verdict) -> str:
    """Say what the gold answer scores in the form that is asked for."""
    asked = written(next(iter(forms.values())), "..")
    return (
        f"the gold answer {reference.answer!r} scores {verdict.reward:g} as {asked}, "
        f"which is asked for (status {verdict.status}, extracted {verdict.extracted!r})"
    )


def _verdict(desk: Desk, response: str, reference: Reference, report: Report) -> Verdict:
    (verdict,) = desk.grade([response], [reference])
    if verdict.status.failed:
        report.unjudged[f"{verdict.status}: {verdict.feedback or 'it says no more'}"] += 1
    return verdict


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_environment(parser)
    parser.add_argument(
        "--limit", metavar="N", type=at_least(1),
        help=f"check the first N tasks; left out: all, {GENERATED} where tasks are made, {SEEDS} where they are seeds",
    )  # fmt: skip
    parser.add_argument("--images", choices=("required", "absent"), help="absent: the copy has no pictures")
    parser.add_argument(
        "--policy", metavar="NAME", help="a model as for agents.train, whose processor must take every picture"
    )
    parser.add_argument("--form", metavar="TEXT", help=f"how an answer is written, with {PLACE} in its place")
    parser.add_argument("--known", metavar="FILE", type=Path, help="ids of rows known to fail, one a line; # comments")
    parser.add_argument("--allow", metavar="TASK", nargs="+", default=[], help="ids of rows known to fail")


def run(options: argparse.Namespace) -> int:
    """Check, with a progress bar, and print what was found."""
    from tqdm import tqdm

    refusals = [] if options.policy is None else [_refusals(options.policy)]
    env_kwargs = dict(options.env_kwargs)
    if options.images is not None:
        check_reserved(env_kwargs, ["images"])
        env_kwargs["images"] = options.images
    with contextlib.closing(make_env(options.env, env_kwargs)) as env:
        desk = env.desk
        known = _known(desk, options)
        forms = forms_of(desk, options.form)
        indices = desk.indices
        generated = GENERATED if isinstance(desk.source, ProceduralSource) else len(indices)
        indices = indices[: options.limit or generated]
        start = time.perf_counter()
        shown = tqdm(indices, desc=options.env, unit="task", disable=None)
        report = validate(desk, shown, forms, another_source(env), *refusals)
        seconds = time.perf_counter() - start
    print(facts_text(_summary(desk, report, forms, seconds)))
    for warning in report.warnings:
        print(warning)
    return 1 if print_failures(report, {id: index for id, index in known.items() if index in indices}) else 0


def _refusals(policy: str) -> Callable[[Image], str]:
    require("--policy", "agents", "torch", "torchvision", "transformers")
    found: Callable[[Image], str] = resolve(REFUSALS)(policy)
    return found


def print_failures(report: Report, known: Mapping[str, int] = MappingProxyType({})) -> int:
    """Print what failed, and count the tasks that are not known to and the faults of the folds."""
    expected = {
        task_id: [one for one in report.failures if one.task_id == task_id or one.index == index]
        for task_id, index in known.items()
    }
    for title, ids in (
        ("known to fail", [task_id for task_id, found in expected.items() if found]),
        ("known to fail, but sound", [task_id for task_id, found in expected.items() if not found]),
    ):
        if ids:
            print(f"{title}: {_listed(ids)}")
    excused = [one for found in expected.values() for one in found]
    failed = [one for one in report.failures if one not in excused]
    for problem in report.folds:
        print(f"FAILED folds: {problem}")
    alike: dict[str, list[Failure]] = {}
    for one in failed:
        alike.setdefault(_NUMBERS.sub("#", "; ".join(one.problems)), []).append(one)
    for kind in list(alike.values())[:_SHOWN]:
        for one in kind[:_ALIKE]:
            print(f"FAILED {one.name}: {'; '.join(one.problems)}")
        if rest := kind[_ALIKE:]:
            print(f"       and {len(rest):,} more like it: {_listed([one.name for one in rest], _ALIKE)}")
    if len(alike) > _SHOWN:
        print(f".. and {sum(map(len, list(alike.values())[_SHOWN:])):,} more")
    return len(failed) + len(report.folds)


def _known(desk: Desk, options: argparse.Namespace) -> dict[str, int]:
    """Return the numbers of the tasks that are known to fail, by id."""
    known = list(options.allow)
    if options.known is not None:
        try:
            lines = options.known.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"--known {str(options.known)!r} cannot be read: {error}") from error
        known += [text for line in lines if (text := line.partition("#")[0].strip())]
    return {task_id: desk.source.index_of(task_id) for task_id in known}


def _summary(desk: Desk, report: Report, forms: dict[str, str], seconds: float) -> Iterator[tuple[str, str]]:
    source, verifier = desk.source, desk.verifier
    asked = next(iter(forms))
    yield "tasks", f"{report.checked:,} checked in {seconds:.1f} s, {report.pictures:,} pictures decoded"
    if revision := getattr(source, "revision", None):
        yield "revision", revision
    yield "verifier", f"{verifier.name}, version {verifier.version}"
    yield "gold scores 1", f"{report.forms.total():,}, of these {report.forms[asked]:,} as asked for ({asked})"
    for name, count in report.forms.items():
        if name != asked:
            yield "", f"{count:,} only in the form {name!r}"
    if report.nothing_scores:
        yield '"" scores', f"{len(report.nothing_scores):,}, by the official rule: {_listed(report.nothing_scores)}"
    if skipped := getattr(source, "skipped", {}):
        yield "skipped", f"{len(skipped):,} broken rows: {_listed(list(skipped))}"
    for reason, count in getattr(source, "left_out", {}).items():
        yield "left out", f"{count:,} row{'' if count == 1 else 's'}: {reason}"
    for message, count in report.unjudged.most_common(_SHOWN):
        yield "verifier fails", f"{count:,} times, {message}"
    if len(report.unjudged) > _SHOWN:
        yield "", f".. and {len(report.unjudged) - _SHOWN:,} messages more"
    yield "failed", f"{len(report.failures):,}" + (", and the folds" if report.folds else "")


def _listed(ids: Sequence[str], most: int = _SHOWN) -> str:
    more = f" and {len(ids) - most:,} more" if len(ids) > most else ""
    return ", ".join(ids[:most]) + more
