"""What a run was made with: versions of the packages that decide its numbers, the commit of a checkout, files of the
user's own."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import platform
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

VERSIONS = "versions.json"
PACKAGES = ("rlsd", "torch", "transformers", "numpy", "vllm", "peft")
ROOT = Path(__file__).resolve().parents[2]
OURS = ("agents", "rlsd_env", "verifiers")
MOST_BYTES = 2**30
"""Of a file that is read for its digest; of a larger one the size stands for it."""
_NAMED = re.compile(r"([A-Za-z_][\w.]*):[^/\s]\S*")


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


def own_files(named: Mapping[str, Any]) -> dict[str, str]:
    """Return digests of the files of the user's own that options name: data, and modules as in "module:Name".

    Args:
        named: the options' values by name; others than texts name none.

    """
    return {f"file {path}": _digest(path) for value in named.values() for path in _files(value)}


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Say what differs of what a run was begun with; "": nothing.

    >>> changed({"torch": "2.8", "file a.py": "1f"}, {"torch": "2.9", "file a.py": "2e"})
    'torch (2.8, now 2.9), file a.py'
    """
    names = [name for name in before.keys() | now.keys() if before.get(name) != now.get(name)]
    packages = sorted(name for name in names if not name.startswith("file "))
    told = [f"{name} ({before.get(name, 'absent')}, now {now.get(name, 'absent')})" for name in packages]
    return ", ".join(told + sorted(set(names) - set(packages)))


def _files(value: Any) -> Iterator[Path]:
    if not isinstance(value, str):
        return
    if (match := _NAMED.fullmatch(value)) and match[1].partition(".")[0] not in OURS:
        try:
            spec = importlib.util.find_spec(match[1])
        except (ImportError, ValueError):  # it only looks like a module
            return
        if spec is not None and spec.origin is not None and Path(spec.origin).is_file():
            yield Path(spec.origin)
    elif "\n" not in value and len(value) < 4096 and Path(value).expanduser().is_file():
        yield Path(value).expanduser()


def _digest(path: Path) -> str:
    if path.stat().st_size > MOST_BYTES:
        return f"{path.stat().st_size:,} bytes"
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
