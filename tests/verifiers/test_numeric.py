"""Numbers are read exactly or not at all."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cpu import cpu_time
from verifiers.numeric import Form, parse_number

READ = [
    ("7", 7),
    ("-7", -7),
    ("+7", 7),
    ("−7", -7),  # U+2212
    ("７", 7),  # full width
    ("007", 7),
    ("7.", 7),
    ("$7$", 7),
    ("$-7$.", -7),
    (r"\(7\)", 7),
    (r"\boxed{7}", 7),
    (r"\text{7}", 7),
    ("{7}", 7),
    ("(7)", 7),
    ("**7**", 7),
    ("1,024", 1024),
    ("1,234,567.5", Fraction("1234567.5")),
    ("1{,}024", 1024),
    (r"1\,024", 1024),
    ("7.0", 7),
    (".5", Fraction(1, 2)),
    ("-.5", Fraction(-1, 2)),
    ("3.14", Fraction(314, 100)),
    ("1e-8", Fraction(1, 10**8)),
    ("1.23E5", 123000),
    (r"3\times 10^{8}", 3 * 10**8),
    (r"4.5 \cdot 10^{-7}", Fraction(45, 10**8)),
    ("3×10^8", 3 * 10**8),
    ("10^{-20}", Fraction(1, 10**20)),
    ("3/4", Fraction(3, 4)),
    ("-3 / 4", Fraction(-3, 4)),
    ("3/-4", Fraction(-3, 4)),
    (r"\frac{3}{4}", Fraction(3, 4)),
    (r"-\dfrac{3}{4}", Fraction(-3, 4)),
    (r"\tfrac{-3}{4}", Fraction(-3, 4)),
    (r"\frac12", Fraction(1, 2)),
    (r"\frac{360}7", Fraction(360, 7)),
    (r"$\boxed{\frac{16}{7}}$", Fraction(16, 7)),
    ("1 1/2", Fraction(3, 2)),
    ("-1 1/2", Fraction(-3, 2)),
    (r"2\frac{1}{3}", Fraction(7, 3)),
]

REFUSED = [
    "",
    " ",
    ".",
    "-",
    "--7",
    "7-",
    "50%",
    "7 cm",
    "$7",
    "a dozen",
    "1,2",
    "12,34",
    "1,0000",
    "1 2",
    "1/0",
    r"\frac{1}{0}",
    "1/2/3",
    "1 3/2",  # no proper fraction: 2 1/2, or a slip?
    r"2\frac{3}{2}",  # a mixed number or a product?
    "1..5",
    "1_000",
    "0x10",
    "nan",
    "inf",
    "9**9",
    "9^9^9",
    "1e",
    "1e99999",
    "10^{99999}",
    "2²",
    "½",
    "4\u200b2",
    "4\x002",
    "٣",  # a digit, but not one that we read
    "9" * 1_001,
    "x=5",
]


@pytest.mark.parametrize(("text", "value"), READ)
def test_reads(text, value):
    number = parse_number(text)
    assert number is not None
    assert number.value == value


@pytest.mark.parametrize("text", REFUSED)
def test_refuses(text):
    assert parse_number(text) is None


@pytest.mark.parametrize(
    ("text", "form", "digits", "place"),
    [
        ("12", Form.INTEGER, 0, 0),
        ("3.14", Form.DECIMAL, 3, -2),
        ("0.0050", Form.DECIMAL, 2, -4),
        ("6.02e23", Form.DECIMAL, 3, 21),
        ("1/2", Form.FRACTION, 0, 0),
    ],
)
def test_remembers_how_it_was_written(text, form, digits, place):
    number = parse_number(text)
    assert (number.form, number.digits, number.place) == (form, digits, place)


@given(st.integers(), st.integers(min_value=1))
def test_fractions_round_trip(top, bottom):
    assert parse_number(f"{top}/{bottom}").value == Fraction(top, bottom)
    assert parse_number(rf"\frac{{{top}}}{{{bottom}}}").value == Fraction(top, bottom)


@given(st.integers())
def test_integers_round_trip(value):
    assert parse_number(str(value)).value == parse_number(f"{value:,}").value == value


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9))
def test_decimals_round_trip(value):
    assert parse_number(str(value)).value == Fraction(value)


@given(st.text() | st.text(alphabet="0123456789.,-+/e{}$^\\ frac"))
def test_total(text):
    parse_number(text)


@pytest.mark.parametrize("text", ["1," * 50_000, "9" * 1_000_000, "(" * 1_000, "\\frac" * 400, " " * 10**6])
def test_nothing_is_slow(text):
    with cpu_time() as spent:
        assert parse_number(text) is None
    assert spent.seconds < 0.5
