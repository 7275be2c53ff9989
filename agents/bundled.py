"""The models that come with the package, by name."""

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
