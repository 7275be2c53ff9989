"""Forms of a method, and the options that belong to some of them only."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from rlsd_env.errors import ConfigurationError, one_of


def check_form(algorithm: Any, forms: Mapping[str, Sequence[str]], by: str = "form") -> None:
    """Refuse a form that does not exist, and an option that is set although the form does not use it.

    Args:
        algorithm: a dataclass with a `name` and a field that says which form it has.
        forms: for each form the options that it uses, of those that only some forms use.
        by: name of that field.

    Raises:
        ConfigurationError: see above.

    """
    chosen = getattr(algorithm, by)
    if chosen not in forms:
        raise ConfigurationError(one_of(f"{by} of {algorithm.name}", chosen, forms))
    for field in dataclasses.fields(algorithm):
        users = [form for form, options in forms.items() if field.name in options]
        value = getattr(algorithm, field.name)
        if users and chosen not in users and value != field.default:
            raise ConfigurationError(
                f"{field.name} of {algorithm.name} is {value!r}, which {by} {chosen} does not use; "
                f"{by.removesuffix('s')}s that do: {', '.join(users)}"
            )
