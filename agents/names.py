"""Agents by name, and their hyperparameters, for what must be told before they are imported, which takes torch.

`python -m agents.names > agents/hyperparameters.json` writes the second part anew.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import json
import sys
from collections.abc import Mapping
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from agents.options.types import BASIC, of_type
from rlsd_env.errors import ConfigurationError, one_of

ALGORITHMS = (
    "grpo", "opsd", "sdpo", "grpo+opsd", "opd", "sdar", "srpo", "demopsd", "hdpo", "npo", "rlsd", "rlsd-gated",
    "rlsd-signal", "rlsd-clip-target", "rlsd-difficulty", "rlsd-capped", "egrsd", "rlsd-visual", "cepo", "rlcsd",
    "rlrt", "antisd", "belief", "credit", "rlsd-critic",
)  # fmt: skip
"""`agents.algorithms.names()`, but for those that a user registers."""
BASELINES = ("ppo",)
"""`agents.baselines.names()`."""
PRESETS = (
    "grpo/paper", "grpo/dapo", "grpo/dr-grpo", "grpo/gspo", "grpo/verl", "grpo/trl", "opsd/paper", "opsd/later-script",
    "opsd/rlsd-paper", "opsd/teacher-top1", "opsd/student-top1", "sdpo/official", "sdpo/rich-feedback", "sdpo/trl",
    "grpo+opsd/ms-swift", "grpo+opsd/rlsd-release", "rlsd/paper", "rlsd/released-script", "rlsd/released-yaml",
    "rlsd/ms-swift", "rlcsd/paper", "cepo/paper", "cepo/released", "rlrt/released", "antisd/released", "sdar/paper",
    "srpo/paper", "demopsd/paper", "belief/oppo", "belief/agentopsd", "opd/thinking-machines", "opd/gkd",
)  # fmt: skip
"""The names of `agents.algorithms.presets.PRESETS`."""


HYPERPARAMETERS = Path(__file__).parent / "hyperparameters.json"
"""Type of each hyperparameter by name, of every algorithm and baseline."""


def check_agent(spec: str) -> None:
    """Refuse what no agent is called.

    Raises:
        ConfigurationError: the name, the preset, or the module or class of "module:Class" is not there.

    """
    if ":" in spec:
        module, _, name = spec.partition(":")
        try:
            found = importlib.util.find_spec(module)
        except ModuleNotFoundError:
            found = None
        if found is None:
            raise ConfigurationError(f"no module named {module!r} for {spec!r}; is its folder on PYTHONPATH?")
        defined = _defined(found)
        if defined and name not in defined:
            agents = [one for one, may_be in defined.items() if may_be]
            raise ConfigurationError(one_of(f"name in module {module!r}", name, agents))
    elif "/" in spec:
        if spec not in PRESETS:
            raise ConfigurationError(one_of("preset", spec, PRESETS))
    elif spec not in (known := _known()):
        raise ConfigurationError(one_of("agent", spec, known) + ", or module:Class of your own")


def _defined(found: ModuleSpec) -> dict[str, bool]:
    """Return the names that a module's text defines; none where others may come to it unseen.

    Of each, whether it may be an agent: a public class that is derived from something else than tasks and verifiers.
    """
    origin = found.origin or ""
    if not origin.endswith(".py"):
        return {}
    try:
        body = ast.parse(Path(origin).read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return {}  # the import will say it
    names: dict[str, bool] = {}
    others: set[str] = set()
    for one in body:
        match one:
            case ast.ClassDef():
                bases = {ast.unparse(base).partition(".")[0] for base in one.bases}
                may_be = bool(bases) and not bases & others
                names[one.name] = may_be and not one.name.startswith("_")
                others |= set() if may_be else {one.name}
            case ast.FunctionDef():
                names[one.name] = False
            case ast.Import() | ast.ImportFrom():
                imported = [alias.asname or alias.name for alias in one.names]
                home = one.module or "" if isinstance(one, ast.ImportFrom) else one.names[0].name
                others |= set(imported) if home.partition(".")[0] in ("rlsd_env", "verifiers") else set()
                names |= dict.fromkeys(imported, False)
            case ast.Assign() | ast.AnnAssign() | ast.Expr():
                targets = one.targets if isinstance(one, ast.Assign) else [getattr(one, "target", None)]
                names |= {target.id: False for target in targets if isinstance(target, ast.Name)}
            case _:
                return {}
    return {} if "*" in names else names


def check_hyperparameters(spec: str, given: Mapping[str, Any]) -> None:
    """Refuse hyperparameters that an agent of ours has not, or of another type; their ranges are its own business.

    Raises:
        ConfigurationError: there is one.

    """
    types = _stored_types().get(spec.partition("/")[0])
    if types is None or ":" in spec:
        return
    for name, value in given.items():
        if name not in types:
            raise ConfigurationError(one_of(f"option of {spec}", name, types))
        if wanted := BASIC.get(types[name]):
            of_type(value, wanted, f"{spec}.{name}")


@functools.cache
def _stored_types() -> dict[str, dict[str, str]]:
    return json.loads(HYPERPARAMETERS.read_text("utf-8"))


def _known() -> tuple[str, ...]:
    """Return all names; those that were registered as well where agents are imported already."""
    found = (*ALGORITHMS, *BASELINES)
    for module in ("agents.algorithms", "agents.baselines"):
        if module in sys.modules:
            found += tuple(sys.modules[module].names())
    return tuple(dict.fromkeys(found))


def _hyperparameters() -> dict[str, dict[str, str]]:
    """Return what `HYPERPARAMETERS` should hold."""
    import dataclasses
    from typing import get_type_hints

    from agents import algorithms, baselines

    found: dict[str, dict[str, str]] = {}
    for package, names in ((algorithms, ALGORITHMS), (baselines, BASELINES)):
        for name in names:
            cls: Any = package.find(name)
            hints = get_type_hints(cls)
            types = {field.name: hints[field.name] for field in dataclasses.fields(cls)}
            found[name] = {option: getattr(kind, "__name__", str(kind)) for option, kind in types.items()}
    return found


if __name__ == "__main__":
    print(json.dumps(_hyperparameters(), indent=1))
