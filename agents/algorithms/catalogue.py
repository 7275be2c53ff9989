"""What there is to say of algorithms: their descriptions, sources and options, read from their modules."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agents.algorithms.base import Algorithm
from agents.algorithms.presets import PRESETS
from agents.algorithms.registry import find, names

PAGE = """\
# Algorithms

<!-- made by `python -m agents.algorithms --markdown`; change the docstrings in agents/algorithms/ instead -->

Each is one file in `agents/algorithms/`, and has a page: what it does, what it pays each token of two responses, what
its teacher is shown, its options and where their values are from. What stands in a description is from its source, and
the numbered points are where it differs; what the source does not say and we had to decide is under "Inferred".
Published settings: [presets.md](presets.md). One of your own: [own_algorithm.md](own_algorithm.md).

| name | | from | inferred |
|---|---|---|---|
"""
COMMON = {"teacher": "whose weights score, see [scorers](../own_algorithm.md#scorers-and-contexts)"}
"""What options mean that no class says it of."""


@dataclass(frozen=True)
class Description:
    """What a module's docstring says of its algorithm.

    Attributes:
        title: its first line.
        body: the formula and the differences.
        inferred: what the source does not say; empty: nothing.

    """

    title: str
    body: str
    inferred: str


def describe(name: str) -> Description:
    """Read the description of a registered algorithm.

    Raises:
        ConfigurationError: there is none of that name.

    """
    text = inspect.cleandoc(sys.modules[find(name).__module__].__doc__ or "")
    told, _, inferred = text.partition("\n\nInferred: ")
    title, _, body = told.partition("\n\n")
    return Description(" ".join(title.split()), body.strip(), inferred.strip())


def sources(name: str) -> str:
    """Return the arXiv numbers that a description names, or that it is ours."""
    found = describe(name)
    numbers = re.findall(r"\b\d{4}\.\d{5}\b", f"{found.title} {found.body} {found.inferred}")
    ours = "(ours)" in found.title
    return ", ".join((["ours"] if ours else []) + list(dict.fromkeys(numbers))) or "-"


def index() -> str:
    """Return docs/algorithms.md."""
    rows = (
        f"| [`{name}`](algorithms/{file_name(name)}) | {found.title} | {sources(name)} | "
        f"{'yes' if found.inferred else ''} |\n"
        for name, found in ((name, describe(name)) for name in names())
    )
    return PAGE + "".join(rows)


def file_name(name: str, ending: str = ".md") -> str:
    """Return what an algorithm's page is called.

    >>> file_name("grpo+opsd")
    'grpo-opsd.md'
    """
    return name.replace("+", "-") + ending


def options_table(name: str) -> str:
    """Return a table of an algorithm's options: what each is, its default, and who has published other values."""
    cls = find(name)
    said = meanings(cls)
    rows = ["| option | default | is | published otherwise |\n|---|---|---|---|\n"]
    for field in dataclasses.fields(cls):
        others: dict[str, list[str]] = {}
        for preset, found in PRESETS.items():
            if found.algorithm == name and (value := found.options.get(field.name, field.default)) != field.default:
                others.setdefault(f"`{value!r}`", []).append(preset.partition("/")[2])
        otherwise = "; ".join(f"{value}: {', '.join(presets)}" for value, presets in others.items())
        told = said.get(field.name, COMMON.get(field.name, "")).replace("|", r"\|")
        rows.append(f"| `{field.name}` | `{field.default!r}` | {told} | {otherwise} |\n")
    return "".join(rows)


def defaults_of(name: str) -> list[str]:
    """Return the published settings that an algorithm's defaults are, as "preset, source"."""
    fields = {field.name: field.default for field in dataclasses.fields(find(name))}
    same = (
        (preset, found)
        for preset, found in PRESETS.items()
        if found.algorithm == name and all(fields[option] == value for option, value in found.options.items())
    )
    return [f"`{preset}` ({found.source})" for preset, found in same]


def meanings(cls: type[Algorithm]) -> Mapping[str, str]:
    """Return what is said of a class's fields: the strings below them, of its bases too."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if issubclass(base, Algorithm):
            found |= _strings(base)
    return found


def _strings(cls: type[Algorithm]) -> dict[str, str]:
    """Return the strings below a class's own fields, by field."""
    tree = ast.parse(Path(inspect.getfile(cls)).read_text("utf-8"))
    body = next(one.body for one in tree.body if isinstance(one, ast.ClassDef) and one.name == cls.__name__)
    found = {}
    for field, after in itertools.pairwise(body):
        match field, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = " ".join(text.split())
    return found
