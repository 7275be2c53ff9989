"""Published settings of algorithms: how they differ, and each as a configuration.

python -m agents.presets                 a table of all
python -m agents.presets rlsd/paper      that one as TOML, for agents.train --config
python -m agents.presets --markdown      docs/presets.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agents import command_line
from rlsd_env.errors import ConfigurationError, one_of

PAGE = """\
# Presets

<!-- made by `python -m agents.presets --markdown`; change agents/algorithms/presets.py instead -->

Settings that papers, their releases and other trainers have published, by name: `--agent rlsd/paper`,
`--agents rlsd/paper,rlsd/ms-swift`. A preset sets the algorithm's options and those of the learner that belong to its
loss; `--agent-kwargs` and `--agent-options` override it. Learning rate and sizes are those of models of billions of
parameters and are not taken over by the name: `python -m agents.presets NAME > FILE` writes all of it, for
`python -m agents.train --config FILE`. Options that are not in a row have the algorithm's default;
`tests/agents/test_presets.py` works each row's formula out anew.
"""


def toml(name: str) -> str:
    """Return a preset as a configuration of `agents.train`.

    Raises:
        ConfigurationError: there is no such preset.

    """
    import tomli_w

    from agents.algorithms.presets import PRESETS

    if name not in PRESETS:
        raise ConfigurationError(one_of("preset", name, PRESETS))
    preset = PRESETS[name]
    told = [preset.source, *([f"Left out: {preset.left_out}"] if preset.left_out else [])]
    table = {"agent": name, **preset.learner, **preset.scale}
    if preset.options:
        table["agent_kwargs"] = dict(preset.options)
    return "".join(f"# {line}\n" for line in told) + tomli_w.dumps(table)


def markdown() -> str:
    """Return docs/presets.md."""
    from agents.algorithms.presets import PRESETS

    sections = [PAGE]
    for algorithm in dict.fromkeys(preset.algorithm for preset in PRESETS.values()):
        sections.append(f"\n## {algorithm}\n\n{_defaults(algorithm)}\n")
        sections.append("\n| preset | options | loss | scale | from | left out |\n|---|---|---|---|---|---|\n")
        for name, preset in PRESETS.items():
            if preset.algorithm == algorithm:
                parts = [_pairs(part) for part in (preset.options, preset.learner, preset.scale)]
                sections.append(f"| `{name}` | {' | '.join(parts)} | {preset.source} | {preset.left_out} |\n")
    return "".join(sections)


def _defaults(algorithm: str) -> str:
    import dataclasses

    from agents.algorithms import find

    fields = dataclasses.fields(find(algorithm))
    return f"Defaults: {_pairs({field.name: field.default for field in fields})}."


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_value(value)}" for name, value in values.items())


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value) or '""'


def _table() -> None:
    from rich.table import Table

    from agents.algorithms.presets import PRESETS
    from agents.terminal import terminal

    table = Table("preset", "options", "loss", "from")
    for name, preset in PRESETS.items():
        table.add_row(name, _pairs(preset.options), _pairs(preset.learner), preset.source)
    terminal(width=140).print(table)


def main(argv: Sequence[str]) -> None:
    """Print what was asked for."""
    command_line.reference(argv, __doc__ or "", "preset", _table, toml, markdown)


def entry() -> None:
    """Console script."""
    command_line.main(main)


if __name__ == "__main__":
    entry()
