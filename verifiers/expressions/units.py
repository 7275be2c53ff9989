r"""Units: what may follow a value, and what it means.

A unit is read into a `Unit`: currencies, percent, degrees and physical units have a dimension and can be
converted (by pint, which is imported when two units first differ in writing); any other noun ("apples") only
equals itself. Words that change a number ("dozen", "million", "halves", "more") are no units.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from verifiers.words import spelled_number

_LONG = (
    "meter metre kilometer kilometre centimeter centimetre millimeter millimetre decimeter decimetre"
    " micrometer nanometer micron inch foot yard mile second minute hour day week month year century"
    " millisecond microsecond nanosecond gram kilogram milligram tonne ton pound ounce liter litre"
    " milliliter millilitre gallon quart pint acre hectare newton joule kilojoule watt kilowatt megawatt"
    " pascal kilopascal volt millivolt ampere milliampere ohm hertz kilohertz megahertz coulomb farad"
    " tesla weber henry calorie kilocalorie mole kelvin radian byte bit knot atmosphere lumen candela lux"
).split()
_IRREGULAR = {"feet": "foot", "inches": "inch", "centuries": "century", "hertz": "hertz", "lux": "lux"}
_SHORT = {
    name: name
    for name in (
        "m km cm mm dm nm pm ft yd mi s ms ns h hr d g kg mg t lb oz L l mL ml dL N kN J kJ MJ eV keV MeV W"
        " kW MW GW kWh Pa kPa MPa hPa atm bar V mV kV A mA C F T H Hz kHz MHz GHz mol K rad cal kcal ha mph"
        " bps kmol cd lm"
    ).split()
}
_SHORT |= {"sec": "second", "secs": "second", "min": "minute", "mins": "minute", "hrs": "hour", "kph": "kph"}
_SHORT |= {"in": "inch", "cc": "cm^3", "lbs": "pound", "kmh": "kph", "μm": "micrometer", "yr": "year", "yrs": "year"}
_SHORT |= {
    "Ω": "ohm",
    "\\Omega": "ohm",
    "gal": "gallon",
    "mmHg": "mmHg",
    "amp": "ampere",
    "amps": "ampere",
    "kms": "km",
}
_PREFIXES = {"n": "nano", "u": "micro", "μ": "micro", "m": "milli", "k": "kilo", "M": "mega", "G": "giga", "p": "pico"}
_PREFIXED = {
    "s": "second",
    "g": "gram",
    "A": "ampere",
    "V": "volt",
    "W": "watt",
    "J": "joule",
    "N": "newton",
    "Pa": "pascal",
}
_PREFIXED |= {
    "Hz": "hertz",
    "eV": "electron_volt",
    "L": "liter",
    "mol": "mole",
    "F": "farad",
    "C": "coulomb",
    "T": "tesla",
}
_PREFIXED |= {"Ω": "ohm", "cal": "calorie", "m": "meter"}
_AMBIGUOUS = frozenset(("m s h d g t l L N J W V A C F T H K \\Omega").split())
_PLAIN = frozenset(("m", "s", "g", "L", "J", "N", "W", "V", "\\Omega"))
_CURRENCIES = {
    "$": ("USD", 1), "dollar": ("USD", 1), "usd": ("USD", 1), "us dollar": ("USD", 1), "cent": ("USD", 100),
    "€": ("EUR", 1), "euro": ("EUR", 1), "eur": ("EUR", 1),
    "£": ("GBP", 1), "gbp": ("GBP", 1), "pence": ("GBP", 100),
    "¥": ("CNY", 1), "yuan": ("CNY", 1), "rmb": ("CNY", 1), "cny": ("CNY", 1), "yen": ("JPY", 1), "jpy": ("JPY", 1),
    "₹": ("INR", 1), "rupee": ("INR", 1), "rs": ("INR", 1), "inr": ("INR", 1), "rub": ("RUB", 1), "ruble": ("RUB", 1),
}  # fmt: skip
_CHANGING = frozenset(
    (
        "half halves third thirds quarter quarters fourth fourths fifth fifths sixth sixths seventh eighth eighths"
        " ninth tenth tenths hundredth hundredths thousandth thousandths dozen dozens score gross pair pairs hundred"
        " hundreds thousand thousands million millions billion billions trillion trillions hundredfold squared cubed"
        " factorial double triple twice thrice times plus minus over less more fewer least most about approximately"
        " around roughly nearly almost not no or and but if when where then than to from of the a an is are was be as"
        " remainder mod modulo base percent percentage pct power root th st nd rd below above under zero tens ones"
        " repeating recurring"
        " lakh lakhs crore crores googol zillion zillions point choose inverse inverses reciprocal reciprocals"
        " complement prime primes square cube cubes nonsense nothing none infinity true false yes wrong incorrect"
        " otherwise else unknown maybe possibly up down positive negative each only even odd"
    ).split()
)
_TEMPERATURES = {"°c": "°C", "degrees celsius": "°C", "celsius": "°C", "°f": "°F", "fahrenheit": "°F"}
_SYNONYMS = {
    "milliamp": "mA",
    "milliamps": "mA",
    "electron volt": "eV",
    "electron volts": "eV",
    "sq unit": "square unit",
}
_SYNONYMS |= {"sq units": "square unit", "sq. units": "square unit", "units^2": "square unit", "unit^2": "square unit"}
_SPELLED = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}
_PART = re.compile(r"(\\?[A-Za-zΩμ$€£¥₹°%]+)(?:\^?(-?[0-9]))?")
_MARKUP = re.compile(r"\\(?:text|mathrm|rm|mbox|cdot|times)(?![A-Za-z])|\\[,;: ]|(?<!\^)\\(?=[$%])|[{}~]")
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit.

    Attributes:
        key: the normal form; equal keys are the same unit.
        factors: (name, exponent) pairs known to pint; empty for currencies, percent, degrees and nouns.
        kind: "physical", "currency", "percent", "degree" or "noun".

    """

    key: str
    kind: str
    factors: tuple[tuple[str, int], ...] = ()


@functools.lru_cache(maxsize=4096)
def read_unit(text: str) -> Unit | None:
    """Read a unit; None where the text is none."""
    text = " ".join(_MARKUP.sub(" ", text).replace("^\\circ", "°").split())
    if not text or len(text) > _LONGEST:
        return None
    lower = text.lower().rstrip(".")
    if lower in ("%", "percent", "pct"):
        return Unit("%", "percent")
    if lower in ("°", "degree", "degrees", "deg"):
        return Unit("°", "degree")
    text = _SYNONYMS.get(lower, text)
    lower = text.lower().rstrip(".")
    if lower.rstrip("s") in ("square unit", "cubic unit"):
        return Unit(lower.rstrip("s"), "noun")
    if lower in _TEMPERATURES:
        return Unit(_TEMPERATURES[lower], "noun")
    currency = _currency(lower)
    if currency is not None:
        return Unit(lower, "currency")
    factors = _factors(text)
    if factors is not None:
        return Unit(" ".join(f"{name}^{exponent}" for name, exponent in factors), "physical", factors)
    words = re.split(r"[ -]", lower)
    if (
        len(words) > 2
        or any(spelled_number(word) is not None for word in words)
        or not all(word.isalpha() and len(word) > 1 for word in words)
    ):
        return None
    if any(word in _CHANGING or word.rstrip("s") in _CHANGING for word in words):
        return None
    return Unit(" ".join(_singular(word) for word in words), "noun")


def is_unit(text: str) -> bool:
    """Whether a text can be the unit of a value."""
    return read_unit(text) is not None


def is_named_unit(word: str) -> bool:
    """Whether a run of letters after a value is a unit and no product of variables."""
    return len(word) > 1 and (word in _SPELLED or _known(word) is not None or _currency(word.lower()) is not None)


def is_plain_unit_letter(letter: str) -> bool:
    """Whether a single letter right after a number is a unit where nothing else says so."""
    return letter in _PLAIN


def is_radian(unit: Unit) -> bool:
    """Whether a unit is the radian."""
    return unit.factors in ((("rad", 1),), (("radian", 1),))


def is_unit_letter(letter: str) -> bool:
    """Whether a single letter after a number may be a unit as well as a variable."""
    return letter in _AMBIGUOUS


def ratio(left: Unit, right: Unit) -> Fraction | None:
    """What a value in `left` is multiplied by to be one in `right`; None where they do not measure the same."""
    if left.key == right.key:
        return Fraction(1)
    if left.kind != right.kind:
        return None
    if left.kind == "currency":
        first, second = _currency(left.key), _currency(right.key)
        if first is None or second is None or first[0] != second[0]:
            return None
        return Fraction(second[1], first[1])
    if left.kind != "physical":
        return None
    return _converted(left.factors, right.factors)


def product(parts: Sequence[tuple[Unit, int]]) -> Unit | None:
    """The unit of a product of values whose units have these exponents; None where there is none, as of "$" by "$".

    Its key is empty where the units cancel.
    """
    if len(parts) == 1 and parts[0][1] == 1:
        return parts[0][0]
    if any(unit.kind != "physical" for unit, _ in parts):
        return None
    total: Counter[str] = Counter()
    for unit, sign in parts:
        for name, exponent in unit.factors:
            total[name] += sign * exponent
    key = " ".join(f"{name}^{exponent}" for name, exponent in sorted(total.items()) if exponent)
    return read_unit(key) if key else Unit("", "physical")


def cancelled(unit: Unit) -> Fraction | None:
    """What a unit such as m/cm is as a number; None where it does not cancel."""
    signs = {exponent > 0 for _, exponent in unit.factors}
    return _converted(unit.factors, ()) if len(signs) != 1 and unit.kind == "physical" else None


def load() -> None:
    """Load the table of units now, which takes half a second."""
    _registry()


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word


def _currency(lower: str) -> tuple[str, int] | None:
    return _CURRENCIES.get(lower) or _CURRENCIES.get(lower.rstrip("s")) or _CURRENCIES.get(lower.removeprefix("us "))


def _known(word: str) -> str | None:
    if word in _SHORT:
        return _SHORT[word]
    if len(word) > 1 and word[1:] in _PREFIXED and word[0] in _PREFIXES:
        return _PREFIXES[word[0]] + _PREFIXED[word[1:]]
    lower = word.lower()
    if lower in _IRREGULAR:
        return _IRREGULAR[lower]
    if lower in _LONG:
        return lower
    if lower.endswith("s") and lower[:-1] in _LONG:
        return lower[:-1]
    return None


def _factors(text: str) -> tuple[tuple[str, int], ...] | None:
    """Names and exponents of "km/h", "m s^{-1}", "square feet", "dollars per hour" (physical parts only)."""
    sign, power, total = 1, 1, dict[str, int]()
    if text[-1] in "/*·" or text[0] in "*·":
        return None
    for token in re.findall(r"[^\s/*·]+|/", text.replace(" per ", " / ")):
        if token == "/":
            sign = -1
            continue
        lower = token.lower().rstrip(".")
        if lower in _SPELLED:
            power = _SPELLED[lower]
            continue
        if lower in ("squared", "cubed") and total:
            last = list(total)[-1]
            total[last] *= 2 if lower == "squared" else 3
            continue
        match = _PART.fullmatch(token)
        name = _known(match.group(1)) if match else None
        if match is None or name is None:
            return None
        name, _, inner = name.partition("^")
        exponent = int(match.group(2) or 1) * int(inner or 1) * power * sign
        total[name] = total.get(name, 0) + exponent
        power = 1
    factors = tuple(sorted((name, exponent) for name, exponent in total.items() if exponent))
    return factors or None


@functools.cache
def _registry() -> Any:
    import pint

    return pint.UnitRegistry()


@functools.lru_cache(maxsize=1024)
def _converted(left: tuple[tuple[str, int], ...], right: tuple[tuple[str, int], ...]) -> Fraction | None:
    registry = _registry()
    sides = []
    for factors in (left, right):
        unit = registry.dimensionless
        for name, exponent in factors:
            unit = unit * registry.Unit(name) ** exponent
        sides.append(registry.get_root_units(unit))
    (first, first_root), (second, second_root) = sides
    if first_root != second_root:
        return None
    value = first / second
    exact = Fraction(value).limit_denominator(10**9) if value >= 1 else 1 / Fraction(1 / value).limit_denominator(10**9)
    return exact if abs(float(exact) / value - 1) < 1e-12 else Fraction(value)
