"""`python -m rlsd_env list`: every registered id and what it stands for."""

from __future__ import annotations

import argparse
import dataclasses
import json
from dataclasses import dataclass
from typing import Any

import gymnasium

from rlsd_env.cli.common import columns, reasoning_ids, view_ids
from rlsd_env.desk import split_options
from rlsd_env.errors import ConfigurationError
from rlsd_env.plugins import resolve
from rlsd_env.procedural.base import ProceduralSource
from rlsd_env.sources.base import TaskSource, parameters

SUMMARY = "list all registered environments"
EPILOG = """\
rows are those of the data set as published; what a source leaves out is known once it is opened (`validate`).
A view shows the tasks of a text environment to agents that read and write numbers, and takes its arguments.
Environments of your own are listed with --import MODULE; other commands also take module:namespace/Name-v0."""

PUBLISHED_ROWS = {
    "rlsd/MathVista-v0": 1_000,
    "rlsd/MMMU-v0": 900,
    "rlsd/MMMU-dev-v0": 150,
    "rlsd/MMMUPro-v0": 1_730,
    "rlsd/MMMUPro-standard4-v0": 1_730,
    "rlsd/MMMUPro-vision-v0": 1_730,
    "rlsd/MathVision-v0": 3_040,
    "rlsd/MathVision-testmini-v0": 304,
    "rlsd/ZeroBench-v0": 100,
    "rlsd/ZeroBench-subquestions-v0": 334,
    "rlsd/WeMath-v0": 1_740,
    "rlsd/MMFineReason-v0": 122_603,
    "rlsd/Geometry3K-v0": 2_101,
    "rlsd/Geometry3K-validation-v0": 300,
    "rlsd/Geometry3K-test-v0": 601,
    "rlsd/ViRL39K-v0": 38_870,
    "rlsd/MathVerse-v0": 3_940,
    "rlsd/MathVerse-text-v0": 788,
    "rlsd/DynaMath-v0": 5_010,
    "rlsd/LogicVista-v0": 448,
    "rlsd/ChartQA-v0": 28_299,
    "rlsd/ChartQA-val-v0": 1_920,
    "rlsd/ChartQA-test-v0": 2_500,
    "rlsd/AI2D-v0": 3_088,
    "rlsd/GSM8K-v0": 7_473,
    "rlsd/GSM8K-test-v0": 1_319,
    "rlsd/MATH500-v0": 500,
    "rlsd/MMK12-v0": 15_616,
    "rlsd/MMK12-test-v0": 2_000,
}
"""Rows of the splits as their publishers state them, so that nothing has to be downloaded to list them."""

HEAD = ("id", "source", "split", "rows", "licence", "training", "verifier", "needs")
"""What `cells` writes."""


@dataclass(frozen=True)
class Facts:
    """What is known of an id without opening its data.

    Attributes:
        id: the id.
        source: the name of the source's class.
        split: the split, where the source has splits.
        arguments: the further arguments that the id was registered with.
        rows: rows of the published data set; None where that is not known, or where tasks are made.
        generated: whether tasks are made, as many as are asked for.
        licence: the licence of the tasks.
        train_allowed: whether the data's terms allow training.
        verifier: the verifier's name.
        mode: the verifier's mode, "" where it has none.
        needs: the data set on the hub, "path" where a path must be given, "" for nothing.
        gated: whether the hub asks to accept terms first.

    """

    id: str
    source: str
    split: str
    arguments: dict[str, Any]
    rows: int | None
    generated: bool
    licence: str
    train_allowed: bool
    verifier: str
    mode: str
    needs: str
    gated: bool


def source_class(id: str) -> type[TaskSource]:
    """Return the class of an id's source.

    Raises:
        ConfigurationError: it is none, or cannot be imported.

    """
    spec = gymnasium.registry[id].kwargs["source"]
    found = resolve(spec, TaskSource)
    if not (isinstance(found, type) and issubclass(found, TaskSource)):
        raise ConfigurationError(f"the source of {id!r}, {spec!r}, is no class of tasks; derive it from TaskSource")
    return found


def facts(id: str) -> Facts:
    """Gather what is known of a registered id without opening its data."""
    registered = dict(gymnasium.registry[id].kwargs)
    spec = registered.pop("source")
    cls = source_class(id)
    config, arguments = split_options(registered)
    splits = getattr(cls, "splits", ())
    split = arguments.pop("split", splits[0] if splits else "")
    kwargs = {**({} if config.verifier else cls.verifier_kwargs), **(config.verifier_kwargs or {})}
    generated = issubclass(cls, ProceduralSource)
    if generated:
        task = cls(**arguments).item(0).task
        licence, train_allowed = task.licence, task.train_allowed
    else:
        licence, train_allowed = getattr(cls, "licence", "unknown"), getattr(cls, "train_allowed", True)
    return Facts(
        id=id,
        source=cls.__name__,
        split=split,
        arguments=arguments,
        rows=PUBLISHED_ROWS.get(id),
        generated=generated,
        licence=licence,
        train_allowed=train_allowed,
        verifier=str(config.verifier or cls.verifier),
        mode=str(kwargs.get("mode", "")),
        needs=getattr(cls, "hub_id", "path" if "path" in parameters(spec) else ""),
        gated=getattr(cls, "gated", False),
    )


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--json", action="store_true", help="write JSON")


def run(options: argparse.Namespace) -> int:
    """Print the table, or JSON."""
    found = [facts(id) for id in reasoning_ids()]
    views = view_ids()
    if options.json:
        told = {"environments": [dataclasses.asdict(one) for one in found], "views": views}
        print(json.dumps(told, indent=1))
        return 0
    print(columns([HEAD, *map(cells, found)], right=[HEAD.index("rows")]))
    if views:
        print("\n" + columns([("view", "of"), *views.items()]))
    return 0


def cells(one: Facts) -> tuple[str, ...]:
    """Write the facts as the cells of a table row, in the order of `HEAD`."""
    return (
        one.id,
        one.source,
        ", ".join(filter(None, (one.split, *map(str, one.arguments.values())))),
        "made" if one.generated else "?" if one.rows is None else f"{one.rows:,}",
        one.licence,
        "yes" if one.train_allowed else "no",
        f"{one.verifier} {one.mode}".rstrip(),
        (one.needs or "-") + (" (gated)" if one.gated else ""),
    )
