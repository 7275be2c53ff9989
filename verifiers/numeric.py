r"""Numbers as people and models write them, parsed exactly and without evaluating anything.

Read are integers ("-1,024"), decimals (".5", "3.14"), scientific notation ("1e-8", "3\times 10^{8}"),
fractions ("3/4", "\frac{3}{4}", "\frac12"), mixed numbers ("1 1/2", "2\frac{1}{3}") and whole numbers in words
("twenty-one"), also inside `$`, `\boxed{}` or parentheses. What carries a unit or a percent sign is not a number.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from fractions import Fraction

from verifiers.normalize import ascii_signs, unwrap
from verifiers.words import spelled_number

MAX_CHARS = 2_000
"""Longest text that is looked at as a number."""
MAX_DIGITS = 1_000
"""Most digits of one integer, numerator or mantissa."""
MAX_EXPONENT = 10_000
"""Largest power of ten in scientific notation."""


class Form(enum.Enum):
    """How a number is written."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    FRACTION = "fraction"


@dataclass(frozen=True, slots=True)
class Number:
    """One number, exactly.

    Attributes:
        value: its value.
        form: how it is written.
        digits: significant digits of a decimal, leading zeros not counted; 0 for the other forms.
        place: power of ten of a decimal's last digit ("3.14": -2, "3.1e5": 4); 0 for the other forms.

    """

    value: Fraction
    form: Form
    digits: int = 0
    place: int = 0


_SMALL_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_DIGITS = r"(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]*)?|[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_PLAIN = re.compile(rf"([+-]?) ?({_DIGITS})(?:[eE]([+-]?[0-9]{{1,6}}))?")
_TIMES = r"(?:\\times|\\cdot|×|·|⋅|\*)"
_SCIENTIFIC = re.compile(
    rf"([+-]?) ?(?:({_DIGITS}) ?{_TIMES} ?)?10 ?\^ ?(?:\{{ ?([+-]?[0-9]{{1,6}}) ?\}}|([+-]?[0-9]{{1,6}}))"
)
_SLASH = re.compile(rf"([+-]?) ?(?:([0-9]+) )?({_DIGITS}) ?[/⁄] ?([+-]?{_DIGITS})")
_PART = rf"(?:\{{ ?([+-]?{_DIGITS}) ?\}}|([0-9]))"
_LATEX = re.compile(rf"([+-]?) ?([0-9]+)? ?\\[dtc]?frac ?{_PART} ?{_PART}")
_THIN_SPACE = re.compile(r"(?<=[0-9])(?:\\,|\\!|\{,\}|,\\!)(?=[0-9]{3})")
_SPACING = re.compile(r"\\[,;:! ]|~|\\displaystyle|\\left|\\right")


def parse_number(text: str) -> Number | None:
    """Read `text` as one number.

    Returns:
        The number, or None where the text is not exactly one number, is longer than `MAX_CHARS`, has more
        than `MAX_DIGITS` digits or an exponent beyond `MAX_EXPONENT`.

    """
    stripped = text.strip()
    if _SMALL_INTEGER.fullmatch(stripped):
        return Number(Fraction(int(stripped)), Form.INTEGER)
    if not stripped or len(stripped) > MAX_CHARS:
        return None
    clean = _clean(stripped)
    if match := _PLAIN.fullmatch(clean):
        return _decimal(match.group(1), match.group(2), match.group(3))
    if match := _SLASH.fullmatch(clean):
        return _fraction(*match.groups())
    if match := _LATEX.fullmatch(clean):
        sign, whole, top, top_digit, bottom, bottom_digit = match.groups()
        return _fraction(sign, whole, top or top_digit, bottom or bottom_digit)
    if match := _SCIENTIFIC.fullmatch(clean):
        sign, mantissa, in_braces, bare = match.groups()
        return _decimal(sign, mantissa or "1", in_braces or bare)
    if clean[-1:].isalpha() and (spelled := spelled_number(clean)) is not None:
        return Number(Fraction(spelled), Form.INTEGER)
    return None


def _clean(text: str) -> str:
    text = unwrap(ascii_signs(text))
    if text.endswith(".") and not text.endswith(".."):
        text = unwrap(text[:-1])
    if "\\" in text or "~" in text or "{,}" in text:
        text = _SPACING.sub(" ", _THIN_SPACE.sub(",", text))
    text = " ".join(text.split())
    for opener, closer in ("()", "{}"):
        inner = text[1:-1]
        wrapped = text.startswith(opener) and text.endswith(closer) and not (opener in inner or closer in inner)
        if wrapped and "," not in inner:  # (2,100) is a point
            text = inner.strip()
    return text


def _decimal(sign: str, digits: str, exponent: str | None) -> Number | None:
    whole, point, decimals = digits.replace(",", "").partition(".")
    power = int(exponent) if exponent else 0
    if len(whole) + len(decimals) > MAX_DIGITS or abs(power) > MAX_EXPONENT:
        return None
    mantissa = int(whole + decimals)
    if sign == "-":
        mantissa = -mantissa
    place = power - len(decimals)
    value = Fraction(mantissa * 10**place) if place >= 0 else Fraction(mantissa, 10**-place)
    if not point and exponent is None:
        return Number(value, Form.INTEGER)
    return Number(value, Form.DECIMAL, len((whole + decimals).lstrip("0")), place)


def _fraction(sign: str, whole: str | None, top: str, bottom: str) -> Number | None:
    numerator, denominator = _exact(top), _exact(bottom)
    if numerator is None or denominator is None or not denominator:
        return None
    value = numerator / denominator
    if whole is not None:  # a mixed number: the fraction must be a proper one
        if len(whole) > MAX_DIGITS or not 0 <= value < 1:
            return None
        value += int(whole)
    return Number(-value if sign == "-" else value, Form.FRACTION)


def _exact(digits: str) -> Fraction | None:
    sign = digits[0] if digits[0] in "+-" else ""
    number = _decimal(sign, digits[len(sign) :], None)
    return None if number is None else number.value
