"""KEY=VALUE words: what a command line reads as an argument."""

from __future__ import annotations

import tomllib
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
