"""The `verifiers` of Prime Intellect: a taskset that plays what the OpenEnv server serves.

    prime.write("rlsd_tasks")  # then, where the other verifiers is installed: pip install ./rlsd_tasks

Both projects have a package called verifiers, so what is written imports nothing from here: it is one module, and asks
the server (`openenv`), which runs in an environment with rlsd, for tasks and for verdicts. The model is shown pictures
as pictures. Where the verifier fails the rollout has an error and no reward.
"""

from __future__ import annotations

from pathlib import Path

MODULE = "rlsd_tasks"
_SOURCE = Path(__file__).with_name("prime_taskset.txt")
_PROJECT = f"""\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "{MODULE.replace("_", "-")}"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["verifiers>=0.4"]

[tool.setuptools]
py-modules = ["{MODULE}"]
"""


def write(out: str | Path) -> Path:
    """Write a small project into a folder, and return the folder; its taskset's id is "rlsd-tasks"."""
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{MODULE}.py").write_text(_SOURCE.read_text("utf-8"), "utf-8")
    (folder / "pyproject.toml").write_text(_PROJECT, "utf-8")
    return folder
