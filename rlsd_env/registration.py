"""Ids for `gymnasium.make`: the project's own, and `register` for tasks of the user's."""

from __future__ import annotations

from typing import Any

import gymnasium

from rlsd_env.procedural.ids import PROCEDURAL
from rlsd_env.sources.ids import BENCHMARKS, DATASETS
from rlsd_env.views.ids import register_views

ENTRY = "rlsd_env.env:ReasoningEnv"
VECTOR = "rlsd_env.vector:GroupVectorEnv"
IDS: dict[str, dict[str, Any]] = {**PROCEDURAL, **BENCHMARKS, **DATASETS}
"""Every id of the project with its arguments."""


def register(id: str, source: str, **kwargs: Any) -> None:
    """Register a task source as an environment, single and in groups.

    >>> register("mine/Tasks-v0", source="my_package.tasks:MySource", verifier="my_package.tasks:MyVerifier")
    >>> gymnasium.make("mine/Tasks-v0")  # doctest: +SKIP

    Args:
        id: "namespace/Name-v0".
        source: "package.module:Name" of a `rlsd_env.TaskSource`.
        kwargs: JSON-able defaults for `ReasoningEnv` and for the source.

    """
    gymnasium.register(
        id=id,
        entry_point=ENTRY,
        vector_entry_point=VECTOR,
        kwargs={"source": source, **kwargs},
    )


def register_all() -> None:
    """Register the project's own ids, once."""
    for id, kwargs in IDS.items():
        if id not in gymnasium.registry:
            register(id, **kwargs)
    register_views()
