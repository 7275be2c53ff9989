"""What counts as equal: `EqualityPolicy`."""

from __future__ import annotations

from dataclasses import dataclass

_FORMS = ("any", "simplified", "factored")
_UNITS = ("optional", "required")


@dataclass(frozen=True)
class EqualityPolicy:
    """The choices that mathematics leaves open.

    Attributes:
        order_matters: whether "1, 2" and "2, 1" differ. Points and intervals are always ordered, sets never.
        form: "any"; "simplified": fractions reduced and nothing left to compute between numbers; "factored":
            a product of as many factors as the gold answer's.
        units: "optional": a unit may be left out (never be wrong); "required": an answer needs the gold's.
        percent_equals_fraction: whether "50%" is "0.5". It is never "50".
        relative_tolerance: how far a decimal answer may be from a gold that no decimal equals, such as 1/3
            or the root of 2; it must also be that number correctly rounded or cut off.

    Raises:
        ValueError: a choice that there is not.

    """

    order_matters: bool = False
    form: str = "any"
    units: str = "optional"
    percent_equals_fraction: bool = True
    relative_tolerance: float = 1e-6

    def __post_init__(self) -> None:
        for name, value, allowed in (("form", self.form, _FORMS), ("units", self.units, _UNITS)):
            if value not in allowed:
                raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(map(repr, allowed))}")
        if not 0 <= self.relative_tolerance < 0.1:
            raise ValueError(f"relative_tolerance is {self.relative_tolerance}; it must be at least 0 and below 0.1")
