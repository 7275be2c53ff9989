"""The scorers of MathVista, MMMU, MMMU-Pro, MathVision, ZeroBench and We-Math.

Each has two modes: `official` reproduces the benchmark's own rules, quirks included, for numbers that can be
compared with papers; `strict` (the default) is fit to be a reward: no guessing, no nearest choice, no substring.

    >>> from verifiers import official
    >>> scorer = official.make("wemath", mode="official")
    >>> reference = scorer.reference({"ID": "2steps_1", "key": "2steps_1", "option": "A. 3;B. 4", "answer": "B"})
    >>> scorer.verify("<Thought process>: <<2+2>> <Answer>: <<B>>", reference).reward
    1.0
    >>> scorer.version
    'official-1'

A benchmark's module is imported when it is first used.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from verifiers.official.base import BenchmarkVerifier

__all__ = ["CLASSES", "FACTORIES", "make"]

CLASSES = {
    "mathvista": "MathVistaVerifier",
    "mmmu": "MMMUVerifier",
    "mmmu_pro": "MMMUProVerifier",
    "mathvision": "MathVisionVerifier",
    "zerobench": "ZeroBenchVerifier",
    "wemath": "WeMathVerifier",
}
"""The class of each benchmark, in the module of the same name."""


def make(name: str, **kwargs: Any) -> BenchmarkVerifier:
    """Make the scorer of one benchmark.

    Args:
        name: a key of `CLASSES`.
        **kwargs: arguments of the class, e.g. `mode="official"`.

    Raises:
        ValueError: there is no such benchmark, or an argument has a value that is not allowed.

    """
    if name not in CLASSES:
        raise ValueError(f"no benchmark is called {name!r}; there are {', '.join(map(repr, CLASSES))}")
    module = importlib.import_module(f"verifiers.official.{name}")
    return getattr(module, CLASSES[name])(**kwargs)


FACTORIES: dict[str, Callable[..., Any]] = {name: functools.partial(make, name) for name in CLASSES}
"""What `verifiers.register` is given: making one imports its module."""
