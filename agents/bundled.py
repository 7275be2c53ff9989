"""Policies by name: the models that come with the package, and what a run has trained."""

from __future__ import annotations

from pathlib import Path

from rlsd_env.errors import ConfigurationError

_HERE = Path(__file__).parent
LAB = {f"lab-q{q}": _HERE / "lab" / "models" / f"q{q}" for q in ("0", "0.03", "0.1", "0.3")}
"""The laboratory's base models by how often their informed self cites what it is shown."""
TINY = _HERE / "tiny" / "tiny-qwen3-vl"
BUNDLED = {"tiny": TINY, **LAB}
"""Checkpoint folders by the name of a policy."""


def folder_of(policy: str) -> str:
    """Return the checkpoint folder of a bundled model; any other name as it is."""
    return str(BUNDLED.get(policy, policy))


def found_place(policy: str) -> str:
    """Return the folder of a policy that is there, or its hub id.

    Raises:
        ConfigurationError: there is no such folder, and the name is no hub id.

    """
    place = folder_of(policy)
    if not Path(place).is_dir() and (policy.startswith((".", "/", "~")) or policy.count("/") != 1):
        raise ConfigurationError(
            f"policy {policy!r}: it must be a bundled model ({', '.join(BUNDLED)}), an existing checkpoint folder, or "
            "a hub id such as Qwen/Qwen3-VL-2B-Instruct"
        )
    return place


def checkpoint_of(policy: str) -> str:
    """Return the policy that is meant: of a run's folder its trained model.

    Raises:
        ConfigurationError: the run has no model (yet), or it is a comparison, which has several.

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
    if any((folder / "model").glob("*config.json")):
        return str(folder / "model")
    raise ConfigurationError(
        f"policy {policy!r} is a run without a language model in model/, which is written at its end unless --keep "
        "figures is given; give a checkpoint folder"
    )
