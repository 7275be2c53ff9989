"""The models that come with the package, by name."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent
LAB = {f"lab-q{q}": _HERE / "lab" / "models" / f"q{q}" for q in ("0", "0.03", "0.1", "0.3")}
"""The laboratory's base models by how often their informed self cites what it is shown."""
TINY = _HERE / "tiny" / "tiny-qwen3-vl"
BUNDLED = {"tiny": TINY, **LAB}
"""Checkpoint folders by the name of a policy."""


def folder_of(policy: str) -> str:
    """Return the checkpoint folder of a bundled model; any other name as it is."""
    return str(BUNDLED.get(policy, policy))
