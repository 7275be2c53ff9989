"""What a run was made with: versions of the packages that decide its numbers, and the commit of a checkout."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from pathlib import Path

VERSIONS = "versions.json"
PACKAGES = ("rlsd", "torch", "transformers", "numpy", "vllm", "peft")
ROOT = Path(__file__).resolve().parents[2]


def versions() -> dict[str, str]:
    """Return the versions of Python and of what is installed, and the commit where this is a git checkout.

    A commit whose files were changed since has "+changes" behind it.
    """
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found | ({"commit": told} if (told := commit()) else {})


def commit(root: Path = ROOT) -> str:
    """Return the commit that a folder has checked out; "": it is no git checkout, or there is no git."""
    if not (root / ".git").exists():
        return ""
    try:
        head, changed = (
            subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=True).stdout
            for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return head.strip() + ("+changes" if changed.strip() else "")
