"""KEY=VALUE words: what a command line reads as an argument, and commands that messages advise."""

from __future__ import annotations

import json
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

_AS_IN_PYTHON = {"True": True, "False": False}


def read_value(text: str) -> Any:
    """Read the value of a pair: what is TOML as such, `True` and `False` as Python writes them, else the text.

    >>> [read_value(text) for text in ("3", "testmini", "['crop']", "{mode = 'strict'}", "true", "False", '"False"')]
    [3, 'testmini', ['crop'], {'mode': 'strict'}, True, False, 'False']
    """
    if text in _AS_IN_PYTHON:
        return _AS_IN_PYTHON[text]
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def written_value(value: Any) -> str:
    """Write a value so that `read_value` reads the same.

    >>> [written_value(value) for value in (3, "data/my table.csv", "3", "True", True, ["crop"], {"mode": "strict"})]
    ['3', 'data/my table.csv', '"3"', '"True"', 'true', '["crop"]', '{"mode" = "strict"}']
    """
    return value if isinstance(value, str) and read_value(value) == value else _toml(value)


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_toml(str(key))} = {_toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (bool, str)) else str(value)


def validate_command(env: str, env_kwargs: Mapping[str, Any], *words: str) -> str:
    """Write the command that checks the tasks of an environment, of all folds, quoted for a shell.

    >>> validate_command("rlsd/Table-v0", {"path": "my table.csv"}, "--policy", "tiny")
    "python -m rlsd_env validate rlsd/Table-v0 --env-kwargs 'path=my table.csv' --policy tiny"
    """
    pairs = [f"{key}={written_value(value)}" for key, value in env_kwargs.items() if key != "fold"]
    given: Sequence[str] = ("--env-kwargs", *pairs) if pairs else ()
    return shlex.join(["python", "-m", "rlsd_env", "validate", env, *given, *words])
