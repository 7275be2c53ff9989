"""What every node of a cluster must have before trials start there: the code, the packages, the folders, the lock."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import secrets
import site
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from agents.bundled import BUNDLED
from agents.options.commands import CompareOptions
from agents.runs.storage import InUseError, locked
from rlsd_env.desk import TOLD
from rlsd_env.errors import ConfigurationError

OURS = ("agents", "rlsd_env", "verifiers")
PACKAGES = ("torch", "transformers", "numpy")
"""Packages that decide the bytes of a result and so must have the same version everywhere."""
ENVIRONMENT = ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_PROGRESS_BARS", "TRANSFORMERS_VERBOSITY", TOLD)
"""Variables of this process that the workers get as well."""
NOT_SHIPPED = ("__main__", "__mp_main__", "sitecustomize", "usercustomize")
NOT_CODE = ["__pycache__", ".git", ".venv", "*.partial"]


def worker_environment() -> dict[str, Any]:
    """Return the Ray runtime environment of the workers: the same code as here, and a few variables."""
    return {
        "py_modules": code(),
        "excludes": NOT_CODE,
        "env_vars": {name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
    }


def code() -> list[str]:
    """Return this project's packages and all modules that this process has imported and that are not installed.

    Algorithms, tasks and verifiers of the user's own are among them once the options have been checked. Modules are
    taken whole; nothing else in the current folder is.
    """
    installed = {Path(path).resolve() for path in (*sysconfig.get_paths().values(), *site.getsitepackages())}
    installed.add(Path(site.getusersitepackages()).resolve())
    found = {}
    for name, module in list(sys.modules.items()):
        if "." in name or name in NOT_SHIPPED or not isinstance(module, ModuleType):
            continue
        path = _source(vars(module))
        if path is not None and (name in OURS or not installed & {*path.resolve().parents}):
            found[name] = str(path)
    for name in OURS:
        assert name in found, f"{name} is not imported"
    return sorted(found.values())


def _source(names: Mapping[str, Any]) -> Path | None:
    """Return a package's folder, or a module's file, from the module's own names."""
    if "__path__" in names:
        folders = [Path(folder) for folder in names["__path__"]]
        return folders[0] if len(folders) == 1 and folders[0].is_dir() else None
    file = Path(names.get("__file__") or "")
    return file if file.suffix == ".py" and file.is_file() else None


def named_paths(options: CompareOptions) -> dict[str, str]:
    """Return what the options name that is there on this machine, by option, as absolute paths."""
    named = {f"env_kwargs {key}": value for key, value in options.env_kwargs.items()}
    if options.policy not in BUNDLED:
        named["policy"] = options.policy
    found = {}
    for name, value in named.items():
        if isinstance(value, str) and value and Path(value).expanduser().exists():
            found[name] = str(Path(value).expanduser().absolute())
    return found


def enter(folder: str) -> None:
    """Make a folder the current one, where this node has it, so that relative paths mean the same here."""
    if os.path.isdir(folder):
        os.chdir(folder)


def is_held(lock: Path) -> bool:
    """Tell whether another process, on this node or another, holds a lock file that is there."""
    if not lock.is_file():
        return False
    try:
        with locked(lock):
            return False
    except InUseError:
        return True


@contextlib.contextmanager
def token(out: Path) -> Iterator[tuple[Path, str]]:
    """Put a file with a secret into a folder and hold its lock; folders that had to be made for it are removed.

    Raises:
        ConfigurationError: nothing can be written there.

    """
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    path, secret = out / f".token-{secrets.token_hex(8)}", secrets.token_hex(16)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with locked(path):
            path.write_text(secret)
            yield path, secret
    except OSError as error:
        raise ConfigurationError(f"out {str(out)!r}: {error.strerror or error}; give another --out") from error
    finally:
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # something else has come into it
            for folder in made:
                folder.rmdir()


def versions() -> dict[str, str]:
    """Return the versions of the packages that decide a result; "none" where one is not installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package).partition("+")[0]
        except importlib.metadata.PackageNotFoundError:
            found[package] = "none"
    return found


def look_around(path: Path, secret: str, named: Mapping[str, str], expected: Mapping[str, str]) -> str:
    """Return what is wrong with the node that this runs on, as a sentence after its name; empty: nothing."""
    out = str(path.parent)
    for package, version in versions().items():
        if version != expected[package]:
            return f"has {package} {version}, this machine {expected[package]}; install the same everywhere"
    if not path.is_file() or path.read_text() != secret:
        return f"does not see out {out!r}; give a folder that all nodes and this machine share (NFS or the like)"
    if not is_held(path):
        return (
            f"does not see file locks that this machine holds in out {out!r}, so that one trial could run twice; "
            "mount it with locks (NFS 4, or Lustre with -o flock), or give another --out"
        )
    if not os.access(out, os.W_OK):
        return f"may not write into out {out!r}; give a folder that all nodes can write into"
    for name, needed in named.items():
        if not Path(needed).exists():
            return f"does not see {name} {needed!r}; put it where all nodes see it"
    return ""
