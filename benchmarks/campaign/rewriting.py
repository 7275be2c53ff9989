"""Rewriting of values: `rewritten` keeps the value, `mutated` makes one small change of it.

Every rule takes a node and a generator and returns another node, or None where it does not apply. Whether the value
is kept, or is another, is not taken from the rule but checked on the numbers (`meaning.same`).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from fractions import Fraction

from benchmarks.campaign.mistakes import UNEQUAL
from benchmarks.campaign.root_rules import RULES
from benchmarks.campaign.trees import (
    Node,
    add,
    decimal,
    div,
    integer,
    mul,
    negative,
    replaced,
    unsigned,
    walk,
)

Rule = Callable[[Node, random.Random], Node | None]
TRIES = 12
"""How often a rule and a place are drawn for one step."""
LARGEST = 10**6
"""Integers above are left alone."""


def changed(node: Node, rules: Mapping[str, Rule], steps: int, generator: random.Random) -> tuple[Node, list[str]]:
    """Apply rules at random places, and return the tree with the names of the rules."""
    names: list[str] = []
    for _ in range(steps * TRIES):
        if len(names) == steps:
            break
        name = generator.choice(list(rules))
        parts = list(walk(node))
        at = generator.randrange(len(parts))
        made = rules[name](parts[at], generator)
        if made is not None and made != parts[at]:
            node = replaced(node, at, made)
            names.append(name)
    return node, names


def rewritten(node: Node, generator: random.Random, steps: int | None = None) -> tuple[Node, list[str]]:
    """Rewrite by rules that keep the value."""
    return changed(node, EQUAL, generator.randrange(4) if steps is None else steps, generator)


def mutated(node: Node, generator: random.Random) -> tuple[Node, list[str]]:
    """Make one small change of the value."""
    return changed(node, UNEQUAL, 1, generator)


def plain_integer(node: Node) -> int | None:
    """Return the number of an integer with or without a sign."""
    inner = unsigned(node)
    if inner.op != "int" or inner.data > LARGEST:
        return None
    return inner.data if inner is node else -inner.data


def _of_integers(node: Node) -> bool:
    """Tell whether a node is one positive integer over another."""
    return node.op == "div" and all(part.op == "int" and part.data > 0 for part in node.args)


def _permute(node: Node, generator: random.Random) -> Node | None:
    if node.op not in ("add", "mul"):
        return None
    args = list(node.args)
    generator.shuffle(args)
    return Node(node.op, tuple(args))


def _expand(node: Node, generator: random.Random) -> Node | None:
    if node.op == "pow" and node.args[0].op == "add" and node.args[1] == integer(2):
        node = Node("mul", (node.args[0], node.args[0]))
    if node.op != "mul":
        return None
    sums = [factor for factor in node.args if factor.op == "add"]
    if not sums or len(node.args) > 3:
        return None
    chosen = sums[0]
    rest = list(node.args)
    rest.remove(chosen)
    other = mul(*rest)
    if other.op == "add" and generator.random() < 0.9:
        return add(*(_product(left, right) for left in chosen.args for right in other.args))
    return add(*(_product(other, term) for term in chosen.args))


def _product(left: Node, right: Node) -> Node:
    """Multiply two terms, with the sign in front and integers multiplied."""
    sign = (left.op == "neg") != (right.op == "neg")
    product = mul(unsigned(left), unsigned(right))
    factors = product.args if product.op == "mul" else (product,)
    numbers = [factor.data for factor in factors if factor.op == "int"]
    node = mul(integer(math.prod(numbers)), *(factor for factor in factors if factor.op != "int"))
    return negative(node) if sign else node


def _move_sign(node: Node, generator: random.Random) -> Node | None:
    if node.op == "neg" and node.args[0].op == "div":
        top, bottom = node.args[0].args
        return div(negative(top), bottom) if generator.random() < 0.8 else div(top, negative(bottom))
    if node.op == "neg" and node.args[0].op == "add":
        return add(*(negative(term) for term in node.args[0].args))
    if node.op == "div" and node.args[0].op == "neg":
        return negative(div(node.args[0].args[0], node.args[1]))
    if node.op == "add" and generator.random() < 0.5:
        return negative(add(*(negative(term) for term in node.args)))
    return None


def _multiply_through(node: Node, generator: random.Random) -> Node | None:
    """2/3 to 4/6, and 7 to 14/2."""
    factor = generator.randrange(2, 8)
    if node.op == "int" and 0 < node.data < 200 and generator.random() < 0.3:
        return div(integer(node.data * factor), integer(factor))
    if node.op != "div":
        return None
    numbers = [plain_integer(part) for part in node.args]
    if None not in numbers:
        return div(*(integer(number * factor) for number in numbers if number is not None))
    return None


def _left_to_compute(node: Node, generator: random.Random) -> Node | None:
    """7 to 3 + 4, and 12 to 3 times 4."""
    if node.op != "int" or not 3 < node.data < 500 or generator.random() < 0.6:
        return None
    part = generator.randrange(1, node.data - 1)
    if node.data % 3 == 0 and generator.random() < 0.5:
        return Node("mul", (integer(3), integer(node.data // 3)))
    return add(integer(part), integer(node.data - part))


def _as_decimal(node: Node, generator: random.Random) -> Node | None:
    if not _of_integers(node):
        return None
    number = Fraction(node.args[0].data, node.args[1].data)
    places = next((k for k in range(1, 6) if (number * 10**k).denominator == 1), None)
    return None if places is None or number.denominator == 1 else decimal(f"{float(number):.{places}f}")


def _as_fraction(node: Node, generator: random.Random) -> Node | None:
    if node.op == "dec":
        number = Fraction(node.data)
        return div(integer(number.numerator), integer(number.denominator)) if number.denominator > 1 else None
    if node.op == "mixed":
        whole, top, bottom = node.data
        return div(integer(whole * bottom + top), integer(bottom))
    if node.op == "percent":
        return div(node.args[0], integer(100))
    return None


def _as_mixed(node: Node, generator: random.Random) -> Node | None:
    if not _of_integers(node):
        return None
    whole, rest = divmod(node.args[0].data, node.args[1].data)
    return Node("mixed", (), (whole, rest, node.args[1].data)) if whole and 0 < rest < 100 else None


def _from_scientific(node: Node, generator: random.Random) -> Node | None:
    if node.op != "sci":
        return None
    digits, exponent = node.data
    number = Fraction(digits) * Fraction(10) ** exponent
    if number.denominator == 1 and exponent < 10 and generator.random() < 0.7:
        return integer(int(number))
    places = max(0, -exponent) + len(digits.partition(".")[2])
    if exponent < 0 and places < 12 and generator.random() < 0.7:
        return decimal(f"{int(number * 10**places) / 10**places:.{places}f}")
    shift = generator.choice((-2, -1, 1, 2))
    moved = Fraction(digits) * Fraction(10) ** -shift
    text = f"{float(moved):.{max(0, len(digits.partition('.')[2]) + shift)}f}"
    return Node("sci", (), (text, exponent + shift)) if Fraction(text) == moved else None


def _common_denominator(node: Node, generator: random.Random) -> Node | None:
    if node.op != "add" or len(node.args) < 2:
        return None
    for at, (first, second) in enumerate(zip(node.args, node.args[1:])):
        tops = [unsigned(first), unsigned(second)]
        if not any(part.op == "div" for part in tops):
            continue
        (a, b), (c, d) = (part.args if part.op == "div" else (part, integer(1)) for part in tops)
        a, c = (negative(top) if term.op == "neg" else top for top, term in ((a, first), (c, second)))
        joined = div(add(_product(a, d), _product(c, b)), mul(b, d))
        return add(*node.args[:at], joined, *node.args[at + 2 :])
    return None


def _split_fraction(node: Node, generator: random.Random) -> Node | None:
    if node.op != "div" or node.args[0].op != "add":
        return None
    return add(
        *(
            negative(div(term.args[0], node.args[1])) if term.op == "neg" else div(term, node.args[1])
            for term in node.args[0].args
        )
    )


def _fraction_in_front(node: Node, generator: random.Random) -> Node | None:
    r"""\frac{\pi}{6} to \frac{1}{6}\pi, and \frac{2x}{3} to \frac{2}{3}x."""
    if node.op != "div" or node.args[1].op != "int":
        return None
    top = node.args[0]
    if top.op == "mul" and top.args[0].op == "int":
        return mul(div(top.args[0], node.args[1]), *top.args[1:])
    return mul(div(integer(1), node.args[1]), top) if top.op in ("pi", "root", "sym", "add", "e") else None


EQUAL: dict[str, Rule] = {
    **RULES,
    "permute": _permute,
    "expand": _expand,
    "move the sign": _move_sign,
    "multiply through": _multiply_through,
    "leave to compute": _left_to_compute,
    "decimal": _as_decimal,
    "fraction": _as_fraction,
    "mixed number": _as_mixed,
    "from scientific": _from_scientific,
    "common denominator": _common_denominator,
    "split a fraction": _split_fraction,
    "fraction in front": _fraction_in_front,
}
