"""A comparison that is done already: its results, told from its files alone, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.runs.kept import PAGE
from agents.runs.storage import CONFIG, RESULTS, read_json, read_toml

if TYPE_CHECKING:
    from agents.options.commands import CompareOptions


def finished(options: CompareOptions) -> dict[str, Any] | None:
    """Return what results.json holds where it is there with every run of it, else None.

    Args:
        options: those that it was made with, which `agents.foresight` has seen to for all but hyperparameters.

    Raises:
        ConfigurationError: results.json is not JSON.

    """
    out = options.out
    if not all((out / name).exists() for name in (CONFIG, RESULTS, PAGE)):
        return None
    results = read_json(out / RESULTS)
    kwargs = read_toml(out / CONFIG).get("agent_kwargs", {})
    asked = options.agent_kwargs.items() <= kwargs.items()
    return results if asked and all(path.exists() for path in _records(out, results)) else None


def _records(out: Path, results: Mapping[str, Any]) -> list[Path]:
    """Return the files of all runs, and those of the untrained model where there is one."""
    seeds, agents = results["seeds"], results["agents"]
    found = [out / "runs" / agent / f"seed{seed}" / "result.json" for agent in agents for seed in seeds]
    return found + [out / "untrained" / f"seed{seed}.json" for seed in seeds if results["untrained"] is not None]
