"""Units that quantities are given in, with their spellings: `UNITS`."""

from __future__ import annotations

import dataclasses
from fractions import Fraction


@dataclasses.dataclass(frozen=True)
class Unit:
    """A unit.

    Attributes:
        dimension: what it measures; only units of the same one are converted.
        factor: its size in the first unit of the dimension.
        symbols: as written in mathematics; the first is the usual one.
        words: as written in prose, in the plural.

    """

    dimension: str
    factor: Fraction
    symbols: tuple[str, ...]
    words: tuple[str, ...] = ()


def _units(dimension: str, *rows: tuple[str, str | int, tuple[str, ...], tuple[str, ...]]) -> dict[str, Unit]:
    return {name: Unit(dimension, Fraction(factor), symbols, words) for name, factor, symbols, words in rows}


UNITS = {
    **_units(
        "length",
        ("m", 1, ("m",), ("meters", "metres")),
        ("cm", "1/100", ("cm",), ("centimeters", "centimetres")),
        ("mm", "1/1000", ("mm",), ("millimeters",)),
        ("km", 1000, ("km",), ("kilometers", "kilometres")),
    ),
    **_units(
        "imperial length",
        ("ft", 1, ("ft",), ("feet",)),
        ("in", "1/12", (), ("inches",)),
        ("yd", 3, ("yd",), ("yards",)),
    ),
    **_units(
        "area",
        ("m^2", 1, ("m^2", "m^{2}"), ("square meters", "square metres")),
        ("cm^2", "1/10000", ("cm^2", "cm^{2}"), ("square centimeters",)),
        ("km^2", 1000000, ("km^2", "km^{2}"), ("square kilometers",)),
    ),
    **_units(
        "volume",
        ("m^3", 1, ("m^3", "m^{3}"), ("cubic meters",)),
        ("cm^3", "1/1000000", ("cm^3", "cm^{3}"), ("cubic centimeters",)),
        ("L", "1/1000", ("L",), ("liters", "litres")),
        ("mL", "1/1000000", ("mL", "ml"), ("milliliters",)),
    ),
    **_units(
        "mass",
        ("kg", 1, ("kg",), ("kilograms",)),
        ("g", "1/1000", ("g",), ("grams",)),
        ("mg", "1/1000000", ("mg",), ("milligrams",)),
    ),
    **_units(
        "time",
        ("s", 1, ("s",), ("seconds",)),
        ("min", 60, ("min",), ("minutes",)),
        ("h", 3600, ("h", "hr"), ("hours",)),
        ("ms", "1/1000", ("ms",), ("milliseconds",)),
        ("day", 86400, (), ("days",)),
    ),
    **_units(
        "speed",
        ("m/s", 1, ("m/s", "m s^{-1}"), ("meters per second",)),
        ("km/h", "5/18", ("km/h",), ("kilometers per hour",)),
    ),
    **_units("energy", ("J", 1, ("J",), ("joules",)), ("kJ", 1000, ("kJ",), ("kilojoules",))),
    **_units("force", ("N", 1, ("N",), ("newtons",)), ("kN", 1000, ("kN",), ())),
    **_units("frequency", ("Hz", 1, ("Hz",), ("hertz",)), ("kHz", 1000, ("kHz",), ("kilohertz",))),
    **_units("dollars", ("dollar", 1, (r"\$",), ("dollars",)), ("cent", "1/100", (), ("cents",))),
    **_units("euros", ("euro", 1, ("€",), ("euros",))),
    **_units("angle", ("degree", 1, (r"^\circ", r"^{\circ}", "°"), ("degrees",))),
    **_units("apples", ("apple", 1, (), ("apples",))),
    **_units("people", ("person", 1, (), ("people",))),
}
