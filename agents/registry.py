"""What a user chooses by name: classes whose fields are their options, or "module:Class" of the user's own."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar, get_origin, get_type_hints

from agents.options.types import BASIC, of_type
from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.plugins import resolve

T = TypeVar("T")


def _all_fields(cls: type) -> list[str]:
    return [field.name for field in dataclasses.fields(cls)]


def _check_declared(cls: type, spec: str) -> None:
    """Refuse a class that lacks what it would silently inherit: its base's name, or its base's fields.

    Raises:
        ConfigurationError: see above; the message has the line to add.

    """
    if not isinstance(vars(cls).get("name"), str):
        line = f'name: ClassVar[str] = "{cls.__name__.lower()}"'
        raise ConfigurationError(f"{spec!r} has no name of its own; write {line} in class {cls.__name__}")
    for one in cls.__mro__:
        if "__dataclass_fields__" in vars(one) or not dataclasses.is_dataclass(one):
            continue
        hints = get_type_hints(one)
        lost = [name for name in inspect.get_annotations(one) if ClassVar not in (hints[name], get_origin(hints[name]))]
        if lost:
            raise ConfigurationError(
                f"{spec!r} is no dataclass, so that {', '.join(lost)} would be no option of it; write "
                f"@dataclass(frozen=True) above class {one.__name__}"
            )


class Registry(Generic[T]):
    """Dataclasses of one base by their class attribute `name`.

    Args:
        kind: what they are called in messages, e.g. "agent".
        base: what all are derived from, documented as `public`.
        public: name under which a user imports the base.
        options: names the fields that a user may set; all of them by default.

    """

    def __init__(
        self, kind: str, base: type[T], public: str, options: Callable[[type], Sequence[str]] = _all_fields
    ) -> None:
        self.kind, self.base, self.public = kind, base, public
        self._options = options
        self._classes: dict[str, type[T]] = {}

    def register(self, cls: type[T]) -> type[T]:
        """Make a class known by its `name`; usable as a class decorator.

        Raises:
            ConfigurationError: the class is no dataclass derived from the base, has no name, or the name is taken.

        """
        if not (isinstance(cls, type) and issubclass(cls, self.base)):
            raise ConfigurationError(f"{cls!r} is not a dataclass derived from {self.public}")
        _check_declared(cls, cls.__qualname__)
        name: str = cls.name  # type: ignore[attr-defined]  # every base has one
        if self._classes.setdefault(name, cls) is not cls:
            raise ConfigurationError(f"the name {name!r} is taken by {self._classes[name].__qualname__}")
        return cls

    def names(self) -> tuple[str, ...]:
        """Return the registered names."""
        return tuple(self._classes)

    def has(self, spec: str) -> bool:
        """Tell whether a name or "module:Class" stands for a class of this registry.

        Raises:
            ConfigurationError: there is no such module or class.

        """
        if ":" not in spec:
            return spec in self._classes
        cls = resolve(spec, self.base)
        return isinstance(cls, type) and issubclass(cls, self.base)

    def find(self, spec: str) -> type[T]:
        """Return the class for a registered name or "module:Class".

        Raises:
            ConfigurationError: there is none; the message has the closest name. Or the class lacks a name, or is no
                dataclass and has fields.

        """
        if spec in self._classes:
            return self._classes[spec]
        if ":" not in spec:
            raise ConfigurationError(one_of(self.kind, spec, self._classes) + ", or module:Class of your own")
        cls = resolve(spec, self.base)
        if not (isinstance(cls, type) and issubclass(cls, self.base)):
            raise ConfigurationError(f"{spec!r} is not a class derived from {self.public}")
        _check_declared(cls, spec)
        return cls

    def options_of(self, instance: T) -> dict[str, Any]:
        """Return all options with their values; `make` takes them back."""
        return {name: getattr(instance, name) for name in self._options(type(instance))}

    def make(self, spec: str, options: Mapping[str, Any] | None = None) -> T:
        """Make an instance with options checked against its fields.

        Raises:
            ConfigurationError: an option is unknown or has a value of the wrong type.

        """
        cls = self.find(spec)
        hints = get_type_hints(cls)
        known = {name: hints[name] for name in self._options(cls)}
        values: dict[str, Any] = {}
        for name, value in (options or {}).items():
            if name not in known:
                raise ConfigurationError(one_of(f"option of {spec}", name, known))
            wanted = known[name]
            values[name] = of_type(value, wanted, f"{spec}.{name}") if wanted in BASIC.values() else value
        return cls(**values)
