"""Values of every kind: `VALUES` has a function for each that draws two trees of the same value."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from fractions import Fraction

import mpmath

from benchmarks.campaign.trees import (
    DIGITS,
    EULER,
    IMAGINARY,
    PI,
    Node,
    add,
    decimal,
    div,
    integer,
    mul,
    negative,
    power,
    rational,
    root,
    symbol,
    value,
)

Twins = tuple[Node, Node]
Draw = Callable[[random.Random], Twins]
LETTERS = ("x", "x", "x", "y", "a", "b", "n", "t", "k", "p", "r")
SQUARE_FREE = (2, 3, 5, 6, 7, 10, 11, 13, 15)
_ANGLES = {
    Fraction(1, 6): ((1, 1), (3, 1)),
    Fraction(1, 4): ((2, 1), (2, 1)),
    Fraction(1, 3): ((3, 1), (1, 1)),
    Fraction(2, 3): ((3, 1), (1, -1)),
    Fraction(3, 4): ((2, 1), (2, -1)),
    Fraction(5, 6): ((1, 1), (3, -1)),
    Fraction(7, 6): ((1, -1), (3, -1)),
    Fraction(4, 3): ((3, -1), (1, -1)),
    Fraction(5, 3): ((3, -1), (1, 1)),
    Fraction(11, 6): ((1, -1), (3, 1)),
}
"""Of parts of π the sine and the cosine, each half the root of a number, and its sign."""


def nonzero(generator: random.Random, most: int) -> int:
    """Draw an integer up to `most` in size, of either sign and not 0."""
    return generator.choice((1, -1)) * generator.randrange(1, most + 1)


def fraction(generator: random.Random, most: int = 30) -> Node:
    """Draw a fraction in lowest terms that is no integer."""
    while True:
        number = Fraction(nonzero(generator, most), generator.randrange(2, most))
        if number.denominator > 1:
            return rational(number)


def plain(generator: random.Random) -> Node:
    """Draw what stands in lists, at ends of intervals and in matrices: mostly integers."""
    how = generator.random()
    if how < 0.65:
        return integer(generator.randrange(-20, 21))
    if how < 0.85:
        return fraction(generator, 12)
    if how < 0.95:
        return mul(integer(generator.randrange(1, 6)), root(integer(generator.choice(SQUARE_FREE))))
    return div(mul(integer(nonzero(generator, 5)), PI), integer(generator.randrange(1, 7)))


def _twice(node: Node) -> Twins:
    return node, node


def _integers(generator: random.Random) -> Twins:
    return _twice(integer(nonzero(generator, 10 ** generator.choice((1, 2, 3, 4, 5, 6, 9, 12)))))


def _decimals(generator: random.Random) -> Twins:
    places = generator.randrange(1, 6)
    number = generator.randrange(1, 10 ** generator.randrange(2, 8))
    text = f"{number // 10**places}.{number % 10**places:0{places}d}"
    node = decimal(("-" if generator.random() < 0.2 else "") + text)
    if generator.random() < 0.2 and node.op == "dec":
        return node, decimal(text + "0")
    return _twice(node)


def _fractions(generator: random.Random) -> Twins:
    return _twice(fraction(generator, generator.choice((12, 60, 999))))


def _mixed(generator: random.Random) -> Twins:
    bottom = generator.randrange(2, 20)
    top = generator.randrange(1, bottom)
    node = Node("mixed", (), (generator.randrange(1, 30), top, bottom))
    return _twice(negative(node) if generator.random() < 0.2 else node)


def _percents(generator: random.Random) -> Twins:
    number = generator.randrange(1, 200)
    tenths = generator.random() < 0.3
    inner = decimal(f"{number // 10}.{number % 10}") if tenths else integer(number)
    node = Node("percent", (inner,))
    if generator.random() < 0.4:
        share = number / 1000 if tenths else number / 100
        return node, decimal(f"{share:.{3 if tenths else 2}f}")
    return _twice(node)


def _rounded(generator: random.Random) -> Twins:
    """Draw a number that is no decimal, and the decimal that it is rounded or cut off to."""
    exact = generator.choice((_roots, _multiples_of_pi, _fractions))(generator)[0]
    places = generator.randrange(6, 12)
    with mpmath.workdps(DIGITS):
        scaled = value(exact).real * 10**places
        number = int(mpmath.nint(scaled) if generator.random() < 0.7 else scaled)
    text = f"{abs(number) // 10**places}.{abs(number) % 10**places:0{places}d}"
    return exact, decimal(("-" if number < 0 else "") + text)


def _scientific(generator: random.Random) -> Twins:
    places = generator.randrange(1, 5)
    digits = f"{generator.randrange(1, 10)}.{generator.randrange(10**places):0{places}d}"
    return _twice(Node("sci", (), (digits, generator.choice((1, -1)) * generator.randrange(2, 30))))


def _roots(generator: random.Random) -> Twins:
    radicand = integer(generator.choice(SQUARE_FREE))
    other = integer(generator.choice(SQUARE_FREE))
    number = generator.randrange(2, 9)
    forms = (
        mul(integer(number), root(radicand)),
        root(integer(number**2 * radicand.data)),
        div(add(integer(number), root(radicand)), integer(generator.randrange(2, 8))),
        div(add(negative(integer(number)), root(radicand)), integer(2)),
        add(root(radicand), root(other)),
        add(integer(number), negative(mul(integer(3), root(radicand)))),
        div(integer(number), root(radicand)),
        div(integer(1), add(integer(number), root(radicand))),
        root(integer(number**3 * 2), 3),
        root(div(radicand, integer(number)), 2),
        mul(root(radicand), root(other)),
        root(add(integer(number), root(radicand))),
    )
    return _twice(generator.choice(forms))


def _angles(generator: random.Random) -> Twins:
    share = generator.choice(list(_ANGLES))
    (sine, sine_sign), (cosine, cosine_sign) = _ANGLES[share]
    name = generator.choice(("sin", "cos", "tan"))
    if generator.random() < 0.5:
        angle = Node("degrees", (integer(int(180 * share)),))
    else:
        angle = div(mul(integer(share.numerator), PI), integer(share.denominator))
    if name == "tan":
        top, bottom, sign = root(integer(sine)), root(integer(cosine)), sine_sign * cosine_sign
        size = {(1, 3): div(root(integer(3)), integer(3)), (2, 2): integer(1), (3, 1): root(integer(3))}.get(
            (sine, cosine)
        )
        exact = div(top, bottom) if size is None else size
    else:
        inner, sign = (sine, sine_sign) if name == "sin" else (cosine, cosine_sign)
        exact = div(integer(1) if inner == 1 else root(integer(inner)), integer(2))
    return Node("call", (angle,), name), exact if sign > 0 else negative(exact)


def _powers(generator: random.Random) -> Twins:
    base, exponent = generator.randrange(2, 12), generator.randrange(2, 9)
    choice = generator.randrange(4)
    if choice == 0:
        return power(integer(base), exponent), integer(base**exponent)
    if choice == 1:
        return power(integer(base), -exponent), div(integer(1), integer(base**exponent))
    if choice == 2:
        return power(integer(base**3), div(integer(2), integer(3))), integer(base**2)
    return power(integer(base), exponent * 11), mul(power(integer(base), exponent * 11 - 1), integer(base))


def _logarithms(generator: random.Random) -> Twins:
    base, number = generator.choice((2, 3, 5, 7, 10)), generator.randrange(2, 6)
    choice = generator.randrange(4)
    if choice == 0:
        return Node("log", (integer(base), integer(base**number))), integer(number)
    if choice == 1:
        logarithm = Node("log", (integer(base), integer(number + base)))
        return _twice(logarithm)
    if choice == 2:
        return mul(integer(number), ln(integer(base))), ln(integer(base**number))
    return ln(div(integer(base), integer(number + 8))), add(ln(integer(base)), negative(ln(integer(number + 8))))


def ln(node: Node) -> Node:
    """Take the natural logarithm."""
    return Node("call", (node,), "ln")


def _multiples_of_pi(generator: random.Random) -> Twins:
    number = Fraction(nonzero(generator, 30), generator.randrange(1, 13))
    top = mul(integer(abs(number.numerator)), generator.choice((PI, PI, power(PI, 2), EULER)))
    node = div(top, integer(number.denominator)) if number.denominator > 1 else top
    node = add(integer(generator.randrange(1, 20)), node) if generator.random() < 0.25 else node
    return _twice(negative(node) if number < 0 else node)


def _counts(generator: random.Random) -> Twins:
    number = generator.randrange(4, 13)
    if generator.random() < 0.5:
        return Node("factorial", (integer(number),)), integer(math.factorial(number))
    few = generator.randrange(2, number - 1)
    return Node("binomial", (integer(number), integer(few))), integer(math.comb(number, few))


def _complex(generator: random.Random) -> Twins:
    real, imaginary = nonzero(generator, 12), nonzero(generator, 12)
    node = add(integer(real), _times(imaginary, IMAGINARY))
    if generator.random() < 0.3:
        squared = add(integer(real**2 - imaginary**2), _times(2 * real * imaginary, IMAGINARY))
        return power(node, 2), squared
    return _twice(node)


def _times(number: int, node: Node) -> Node:
    product = mul(integer(abs(number)), node)
    return product if number > 0 else negative(product)


def linear(generator: random.Random, name: str) -> Node:
    """Draw a binomial such as 2x - 3."""
    return add(_times(generator.choice((1, 1, 1, 2, 3)), symbol(name)), integer(nonzero(generator, 9)))


def _polynomials(generator: random.Random) -> Twins:
    name, other = generator.choice(LETTERS), generator.choice(("y", "z"))
    if generator.random() < 0.5:
        factors = [linear(generator, name) for _ in range(2)]
        return _twice(mul(*factors) if generator.random() < 0.7 else power(factors[0], 2))
    terms = [_times(nonzero(generator, 9), power(symbol(name), k)) for k in (3, 2, 1) if generator.random() < 0.7]
    if name != other and generator.random() < 0.4:
        terms.append(_times(nonzero(generator, 6), mul(symbol(name), symbol(other))))
    return _twice(add(*terms, integer(nonzero(generator, 20))) if terms else linear(generator, name))


def _rational_functions(generator: random.Random) -> Twins:
    name = generator.choice(LETTERS)
    top, bottom, third = (linear(generator, name) for _ in range(3))
    forms = (
        div(top, bottom),
        add(div(integer(generator.randrange(1, 9)), top), div(integer(generator.randrange(1, 9)), bottom)),
        div(mul(top, third), bottom),
        add(symbol(name), div(integer(generator.randrange(1, 9)), bottom)),
        div(integer(generator.randrange(1, 9)), mul(top, bottom)),
        div(
            _times(generator.randrange(1, 9), symbol(name)),
            add(power(symbol(name), 2), integer(generator.randrange(1, 9))),
        ),
        div(top, symbol(name)),
    )
    if generator.random() < 0.2:
        return mul(top, div(third, bottom)), div(mul(top, third), bottom)
    return _twice(generator.choice(forms))


def _functions(generator: random.Random) -> Twins:
    x = symbol(generator.choice(("x", "x", "t", "y")))
    a, b = generator.randrange(2, 9), generator.randrange(2, 9)
    inner = mul(integer(a), x)
    forms = (
        mul(integer(b), power(Node("call", (x,), "sin"), 2)),
        Node("call", (mul(integer(2), x),), "sin"),
        add(Node("call", (inner,), "sin"), negative(Node("call", (x,), "cos"))),
        mul(x, power(EULER, inner)),
        mul(integer(b), power(EULER, negative(inner))),
        add(power(EULER, x), integer(b)),
        mul(integer(b), root(add(x, integer(a)))),
        add(div(power(x, 3), integer(3)), Node("call", (x,), "cos")),
        mul(x, Node("call", (x,), "tan")),
        Node("abs", (add(x, integer(-a)),)),
        div(Node("call", (inner,), "cos"), x),
        power(integer(a), x),
    )
    return _twice(generator.choice(forms))


VALUES: dict[str, Draw] = {
    "integers": _integers,
    "decimals": _decimals,
    "fractions": _fractions,
    "mixed numbers": _mixed,
    "percent": _percents,
    "scientific notation": _scientific,
    "roots": _roots,
    "trigonometric values": _angles,
    "powers": _powers,
    "logarithms": _logarithms,
    "multiples of pi": _multiples_of_pi,
    "rounded decimals": _rounded,
    "factorials and binomials": _counts,
    "complex numbers": _complex,
    "polynomials": _polynomials,
    "rational expressions": _rational_functions,
    "functions": _functions,
}
