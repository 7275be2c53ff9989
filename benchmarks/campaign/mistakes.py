"""Mutation rules of values: one small change each, as of a slip of the pen: `UNEQUAL`."""

from __future__ import annotations

import random

from benchmarks.campaign.trees import STRUCTURES, Node, add, decimal, div, integer, mul, negative, power, root


def _digit(node: Node, generator: random.Random) -> Node | None:
    """Change an integer by one, or one of its digits."""
    if node.op == "int":
        text = str(node.data)
        at = generator.randrange(len(text))
        step = generator.choice((1, 9))
        digit = str((int(text[at]) + step) % 10)
        return integer(int(text[:at] + digit + text[at + 1 :]))
    return None


def _last_digit(node: Node, generator: random.Random) -> Node | None:
    if node.op == "dec":
        return decimal(node.data[:-1] + str((int(node.data[-1]) + generator.choice((1, 9))) % 10))
    if node.op == "sci":
        digits, exponent = node.data
        return Node("sci", (), (digits[:-1] + str((int(digits[-1]) + generator.choice((1, 9))) % 10), exponent))
    return None


def _decimal_point(node: Node, generator: random.Random) -> Node | None:
    """Move the decimal point, or change the exponent of ten."""
    if node.op == "sci":
        return Node("sci", (), (node.data[0], generator.choice((node.data[1] + 1, node.data[1] - 1, -node.data[1]))))
    if node.op == "dec":
        whole, _, places = node.data.partition(".")
        return decimal(
            f"{whole}{places[0]}.{places[1:]}" if len(places) > 1 else f"0.{'0' if whole == '0' else whole}{places}"
        )
    return None


def _sign(node: Node, generator: random.Random) -> Node | None:
    if node.op in (*STRUCTURES, "inf") or (node.op == "neg" and node.args[0].op == "inf"):
        return None
    return negative(node)


def _exponent(node: Node, generator: random.Random) -> Node | None:
    if node.op == "pow":
        base, exponent = node.args
        if exponent.op == "int":
            return power(base, exponent.data + generator.choice((1, -1)))
        return power(base, negative(exponent))
    if node.op == "sym" and generator.random() < 0.4:
        return power(node, 2)
    return None


def _exchange(node: Node, generator: random.Random) -> Node | None:
    """Exchange numerator and denominator, base and exponent, or base and argument."""
    if node.op in ("div", "log", "binomial") or (
        node.op == "pow" and node.args[1].op == "int" and node.args[1].data < 12
    ):
        return Node(node.op, node.args[::-1])
    if node.op == "mixed":
        whole, top, bottom = node.data
        return (
            Node("mixed", (), (top, whole, bottom)) if whole < bottom else Node("mixed", (), (whole + 1, top, bottom))
        )
    return None


def _drop(node: Node, generator: random.Random) -> Node | None:
    """Leave out a term or a factor, a root, a function, a percent sign."""
    if node.op in ("add", "mul"):
        args = list(node.args)
        del args[generator.randrange(len(args))]
        return (add if node.op == "add" else mul)(*args)
    if node.op in ("root", "percent", "factorial", "degrees"):
        return node.args[0]
    return None


def _more(node: Node, generator: random.Random) -> Node | None:
    if node.op == "add":
        return add(*node.args, integer(1))
    if node.op in ("root", "pi"):
        return mul(integer(2), node)
    return None


def _operation(node: Node, generator: random.Random) -> Node | None:
    """Take another function, index, or sign of one term."""
    if node.op == "call":
        others = {"sin": "cos", "cos": "sin", "tan": "sin", "ln": "ln"}
        return Node("call", node.args, others[node.data])
    if node.op == "root":
        return root(node.args[0], 5 - node.data if node.data < 4 else 2)
    if node.op == "add":
        at = generator.randrange(1, len(node.args))
        return add(*node.args[:at], negative(node.args[at]), *node.args[at + 1 :])
    return None


def _brackets(node: Node, generator: random.Random) -> Node | None:
    """Read brackets wrongly: a(b + c) as ab + c, (a + b)^2 as a + b^2, (a + b)/c as a + b/c."""
    if node.op == "mul" and node.args[-1].op == "add":
        first, *rest = node.args[-1].args
        return add(mul(*node.args[:-1], first), *rest)
    if node.op == "pow" and node.args[0].op == "add":
        *rest, last = node.args[0].args
        return add(*rest, power(last, node.args[1]))
    if node.op == "div" and node.args[0].op == "add":
        *rest, last = node.args[0].args
        return add(*rest, div(last, node.args[1]))
    return None


UNEQUAL = {
    "digit": _digit,
    "last digit": _last_digit,
    "decimal point": _decimal_point,
    "sign": _sign,
    "exponent": _exponent,
    "exchange": _exchange,
    "drop": _drop,
    "one more": _more,
    "another operation": _operation,
    "brackets": _brackets,
}
