"""Types of options that a command line and a TOML file write in one way: lists, KEY=VALUE pairs and sweeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import tyro

from rlsd_env.errors import ConfigurationError
from rlsd_env.pairs import read_value

BASIC = {kind.__name__: kind for kind in (bool, int, float, str)}
"""Types of options that are checked, by name."""


def of_type(value: Any, wanted: type, where: str) -> Any:
    """Return a value in the type that it must have; a whole number is a float too.

    Args:
        value: what was given.
        wanted: the type.
        where: what the user wrote it as, for messages.

    Raises:
        ConfigurationError: it has another type.

    """
    if wanted is float and type(value) is int:
        return float(value)
    if type(value) is not wanted:
        raise ConfigurationError(f"{where} is {value!r}; it must be of type {wanted.__name__}")
    return value


def labelled(names: Sequence[str]) -> list[tuple[str, str]]:
    """Split names of the form LABEL=AGENT; an agent without a label is its own.

    >>> labelled(["rlsd", "tight=rlsd"])
    [('rlsd', 'rlsd'), ('tight', 'rlsd')]
    """
    return [(label or agent, agent) for label, _, agent in (name.rpartition("=") for name in names)]


def of_label(pairs: Mapping[str, Any], label: str) -> dict[str, Any]:
    """Return the pairs LABEL.KEY=VALUE of a label, by key.

    >>> of_label({"tight.epsilon": 0.1, "rlsd.lam": 0.5}, "tight")
    {'epsilon': 0.1}
    """
    split = {key: key.rpartition(".") for key in pairs}
    return {split[key][2]: value for key, value in pairs.items() if split[key][0] == label}


def _read_names(words: list[str]) -> tuple[str, ...]:
    return tuple(name for word in words for name in word.split(",") if name)


def _read_numbers(words: list[str]) -> tuple[int, ...]:
    try:
        return tuple(int(name) for name in _read_names(words))
    except ValueError:
        raise ValueError(f"{' '.join(words)!r} is not a list of whole numbers such as 0,1,2") from None


def _read_pairs(words: list[str]) -> dict[str, Any]:
    """Read KEY=VALUE words; a value that is TOML (number, true, "text", [list]), True or False is read as such."""
    pairs: dict[str, Any] = {}
    for word in words:
        key, text = _split(word, "KEY=VALUE")
        pairs[key] = read_value(text)
    return pairs


def _split(word: str, form: str) -> tuple[str, str]:
    key, equals, text = word.partition("=")
    if not key or not equals:
        raise ValueError(f"{word!r} is not of the form {form}")
    return key, text


def _read_sweeps(words: list[str]) -> dict[str, Any]:
    """Read KEY=VALUE,VALUE words; each value is read as in pairs, and a TOML list has the values as it is."""
    sweeps: dict[str, Any] = {}
    for word in words:
        key, text = _split(word, "AGENT.OPTION=VALUE,VALUE")
        if key in sweeps:
            raise ValueError(f"{key} is swept twice; give all its values at once")
        listed = read_value(text)
        sweeps[key] = listed if isinstance(listed, list) else [read_value(part) for part in _parts(text)]
    return sweeps


def _parts(text: str) -> list[str]:
    """Split at the commas that stand in no brackets, and leave out what is empty."""
    parts, depth = [""], 0
    for sign in text:
        depth += (sign in "([{") - (sign in ")]}")
        if sign == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return [part for part in parts if part]


def _spec(metavar: str, read: Any, kind: type, write: Any) -> Any:
    return tyro.constructors.PrimitiveConstructorSpec(
        nargs="*",
        metavar=metavar,
        instance_from_str=read,
        is_instance=lambda value: isinstance(value, kind),
        str_from_instance=write,
    )


def _write_list(values: Any) -> list[str]:
    return [",".join(str(value) for value in values)]


def _write_pairs(values: Any) -> list[str]:
    return [f"{key}={value}" for key, value in values.items()]


def _write_sweeps(values: Any) -> list[str]:
    return [f"{key}={','.join(map(str, one))}" for key, one in values.items()]


Names = Annotated[tuple[str, ...], _spec("A,B,..", _read_names, tuple, _write_list)]
Numbers = Annotated[tuple[int, ...], _spec("0,1,..", _read_numbers, tuple, _write_list)]
Pairs = Annotated[dict[str, Any], _spec("KEY=VALUE", _read_pairs, dict, _write_pairs)]
Sweeps = Annotated[dict[str, Any], _spec("AGENT.OPTION=V,V,..", _read_sweeps, dict, _write_sweeps)]


def at_least(name: str, value: float, minimum: float) -> None:
    """Refuse a value below a minimum.

    Raises:
        ConfigurationError: the value is below it, or not a number.

    """
    if not value >= minimum:
        raise ConfigurationError(f"{name} is {value}; it must be at least {minimum}")
