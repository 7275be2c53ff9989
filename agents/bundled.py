"""Policies by name: the models that come with the package, and what a run has trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from agents.runs.kept import unfinished
from rlsd_env.errors import ConfigurationError

_HERE = Path(__file__).parent
LAB = {f"lab-q{q}": _HERE / "lab" / "models" / f"q{q}" for q in ("0", "0.03", "0.1", "0.3")}
"""The laboratory's base models by how often their informed self cites what it is shown."""
TINY = _HERE / "tiny" / "tiny-qwen3-vl"
BUNDLED = {"tiny": TINY, **LAB}
"""Checkpoint folders by the name of a policy."""
ADAPTER_CONFIG = "adapter_config.json"
"""A folder that has it holds adapters (PEFT), which it names the model of."""


def folder_of(policy: str) -> str:
    """Return the checkpoint folder of a bundled model; any other name as it is."""
    return str(BUNDLED.get(policy, policy))


def found_place(policy: str) -> str:
    """Return the folder of a policy that is there, or its hub id.

    Raises:
        ConfigurationError: there is no such folder, and the name is no hub id.

    """
    place = folder_of(policy)
    if Path(place).is_dir():
        return place
    beside_runs = any(Path(place).parent.glob("*/config.toml"))
    if policy.startswith((".", "/", "~")) or policy.count("/") != 1 or beside_runs:
        raise ConfigurationError(
            f"policy {policy!r}: it must be a bundled model ({', '.join(BUNDLED)}), an existing checkpoint folder, or "
            "a hub id such as Qwen/Qwen3-VL-2B-Instruct"
        )
    return place


def has_adapters(place: str | Path) -> bool:
    """Tell whether a place is a folder of adapters."""
    return (Path(place) / ADAPTER_CONFIG).exists()


def json_object(path: Path) -> dict[str, Any]:
    """Read a file that holds a JSON object.

    Raises:
        OSError: it cannot be read.
        ValueError: it holds something else.

    """
    found = json.loads(path.read_text("utf-8"))
    if not isinstance(found, dict):
        raise ValueError(f"it holds a {type(found).__name__}, not an object")
    return found


def whole_model(place: str) -> str:
    """Return where the whole model is: of a folder of adapters the model that they belong to, any other place as it is.

    A relative path is looked for from here, as PEFT does, and then from the folder of the adapters.

    Raises:
        ConfigurationError: the adapters name no model, or none that is here or may be on the hub.

    """
    if not has_adapters(place):
        return place
    told = Path(place) / ADAPTER_CONFIG
    try:
        config = json_object(told)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{str(told)!r} cannot be read: {error}") from error
    name = str(config.get("base_model_name_or_path") or "")
    if not name:
        raise ConfigurationError(
            f"{str(told)!r} names no model that the adapters belong to; write one as base_model_name_or_path"
        )
    if revision := config.get("revision"):
        raise ConfigurationError(
            f"{str(told)!r} asks for revision {revision!r} of {name!r}; write a folder that holds it as "
            "base_model_name_or_path, and null as revision"
        )
    beside = Path(place) / name
    try:
        found = str(beside) if not Path(name).is_dir() and beside.is_dir() else found_place(name)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"the adapters in {place!r} belong to {name!r}, which is no folder here and no hub id; write where it is "
            f"as base_model_name_or_path in {str(told)!r}"
        ) from error
    if has_adapters(found):
        raise ConfigurationError(
            f"the adapters in {place!r} belong to {name!r}, which holds adapters itself; merge these first, python -m "
            f"agents.export {found} --out FOLDER, and write FOLDER as base_model_name_or_path in {str(told)!r}"
        )
    return found


def check_ended(policy: str) -> None:
    """Refuse the folder of a run that has a checkpoint and no model yet.

    Raises:
        ConfigurationError: that is so.

    """
    if unfinished(Path(policy)):
        raise ConfigurationError(
            f"policy {policy!r} is a run that has not ended; --resume ends it, or what its checkpoint holds becomes a "
            f"model of its own: python -m agents.export {policy} --out FOLDER"
        )


def checkpoint_of(policy: str) -> str:
    """Return the policy that is meant: of a run's folder its trained model.

    Raises:
        ConfigurationError: the run has not ended or has left no model, or it is a comparison, which has several.

    """
    folder = Path(policy)
    if (folder / "runs").is_dir():
        runs = sorted(str(path.parent.parent) for path in folder.glob("runs/*/seed*/model/*config.json"))
        which = (
            f"give one of its runs: {', '.join(dict.fromkeys(runs))}" if runs else "none of its runs has a model yet"
        )
        raise ConfigurationError(f"policy {policy!r} is a comparison; {which}")
    if not (folder / "config.toml").exists():
        return policy
    check_ended(policy)
    if any((folder / "model").glob("*config.json")):
        return str(folder / "model")
    raise ConfigurationError(
        f"policy {policy!r} is a run without a language model in model/, which is written at its end unless --keep "
        "figures is given; give a checkpoint folder"
    )
