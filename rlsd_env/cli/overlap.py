"""`python -m rlsd_env overlap A B`: do tasks of B stand in A?"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from rlsd_env.cli.common import add_pairs, at_least, find
from rlsd_env.desk import split_options
from rlsd_env.sources import TaskSource, load_source

SUMMARY = "find the tasks of a test set that stand in a training set, by picture or question"
EPILOG = """\
Pictures are compared by a perceptual hash, questions word by word; rlsd_env/contamination.py says how sure that is.
Sets are compared whole, unless arguments have a fold: --a-kwargs fold=train --b-kwargs fold=heldout, for one set.
Exit code: 0; 1 where a task of B stands in A."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("a", metavar="A", help="the environment that is trained on")
    parser.add_argument("b", metavar="B", help="the environment that is tested on")
    add_pairs(parser, "--a-kwargs", "arguments of A's tasks, e.g. path=FOLDER fold=train")
    add_pairs(parser, "--b-kwargs", "arguments of B's tasks")
    parser.add_argument("--distance", metavar="BITS", type=at_least(0), help="hash bits that may differ, 0 to 16")
    parser.add_argument("--limit", metavar="N", type=at_least(1), help="compare the first N tasks of each only")
    parser.add_argument("--rows", metavar="N", type=at_least(0), default=40, help="how many matches to show (40)")
    parser.add_argument("--json", action="store_true", help="write JSON, with all matches")


def run(options: argparse.Namespace) -> int:
    """Compare, and print the report."""
    from rlsd_env.contamination import DISTANCE, overlaps

    of_a, of_b = dict(options.a_kwargs), dict(options.b_kwargs)
    folds = (of_a.pop("fold", "all"), of_b.pop("fold", "all"))
    report = overlaps(
        _source(options.a, of_a),
        _source(options.b, of_b),
        folds=folds,
        distance=DISTANCE if options.distance is None else options.distance,
        limit=options.limit,
    )
    print(report.as_json() if options.json else report.as_table(options.rows))
    return 1 if report.matches else 0


def _source(name: str, kwargs: Mapping[str, Any]) -> TaskSource:
    """Make the source of an environment; what only its verifier and prompt need is no option here."""
    registered = dict(find(name).kwargs)
    spec = registered.pop("source")
    return load_source(spec, {**split_options(registered)[1], **kwargs}, also=["fold"])
