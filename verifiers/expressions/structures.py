"""The parser's functions, roots, degrees and number bases, and what each command introduces."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from verifiers.expressions.calculus import CalculusParser
from verifiers.expressions.environments import EnvironmentParser
from verifiers.expressions.tree import Node, Op, constant, free_symbols, negative, number, symbol
from verifiers.numeric import Form, Number
from verifiers.words import spelled_number

_INVERSE = {"sin": "arcsin", "cos": "arccos", "tan": "arctan", "cot": "arccot", "sec": "arcsec", "csc": "arccsc"}
_INVERSE |= {"sinh": "arsinh", "cosh": "arcosh", "tanh": "artanh"}
_ARITIES = dict.fromkeys(("gcd", "lcm", "max", "min"), (1, 100)) | dict.fromkeys(
    ("binomial", "permutation", "mod", "root"), (2, 2)
)
_MOST_POINTS = 4
_PERIOD = re.compile(r"(?<=[0-9.])([0-9]{1,6}?)\1{1,}\1?$")
_REPEATING = frozenset({"repeating", "recurring"})
_HALF_LINES = {"R+": "+()", "R-": "-()", "R>0": ">()", "R>=0": ">[)", "R<0": "<()", "R<=0": "<(]"}


class StructureParser(CalculusParser, EnvironmentParser):
    """Reads functions and what a command introduces."""

    def is_inverse_call(self) -> bool:
        """Whether the inverse of a function is called here."""
        texts = [self.peek(ahead).text for ahead in range(6)]
        return (texts[:5] == ["^", "{", "-", "1", "}"] and texts[5] == "(") or texts[1:4] == ["-", "1", "("]

    def skip_inverse(self) -> None:
        """Leave the exponent of an inverse function behind."""
        while self.token.text != "(":
            self.advance()

    def function(self) -> Node:
        """A function with its power, base and argument."""
        name = self.advance().text
        base: Node | None = None
        power: Node | None = None
        while self.token.kind == "operator" and self.token.text in "_^":
            if self.advance().text == "_":
                base = self.bound()
            elif self.token.kind == "operator" and self.token.text == "-":
                self.advance()
                self.expect("number", "1")
                power = number(-1)
            else:
                power = self.bound()
        if power == number(-1) and name in _INVERSE:
            name, power = _INVERSE[name], None
        args = self.function_arguments(name)
        node = self.call(name, base, args)
        return node if power is None else self.make(Op.POW, (node, power))

    def function_arguments(self, name: str) -> tuple[Node, ...]:
        """The arguments of a function, with or without brackets."""
        if self.token.kind == "open" and self.token.text in ("(", "[", "{", r"\{"):
            return self.arguments()
        self.enter()
        sign = self.token.text if self.token.kind == "operator" and self.token.text in "+-" else ""
        if sign:
            self.advance()
        node = self.power()
        while self.starts_factor(node) and self.token.kind != "function" and self.token.kind != "open":
            node = self.make(Op.MUL, (*(node.args if node.op is Op.MUL else (node,)), self.power()))
        self.leave()
        return (self.make(Op.NEG, (node,)) if sign == "-" else node,)

    def call(self, name: str, base: Node | None, args: Sequence[Node]) -> Node:
        """The call of a function with a name, perhaps a base, and arguments."""
        if name == "lg":
            name, base = "log", number(10) if base is None else base
        if name == "log":
            if len(args) == 2 and base is None:  # log(x, b)
                args, base = args[:1], args[1]
            if len(args) != 1:
                self.fail("a logarithm of several values")
            return self.make(Op.CALL, args if base is None else (args[0], base), "log")
        if base is not None:
            return self.make(Op.CALL, (base, *args), f"{name}_")
        fewest, most = _ARITIES.get(name, (1, 1))
        if not fewest <= len(args) <= most:
            self.fail(f"{name} of {len(args)} values")
        if name == "cis":
            i = constant("i")
            return self.make(
                Op.ADD,
                (self.make(Op.CALL, args, "cos"), self.make(Op.MUL, (i, self.make(Op.CALL, args, "sin")))),
            )
        return self.make(Op.CALL, args, name)

    def structure(self) -> Node:
        """What a structural command introduces."""
        self.enter()
        node = self._structure(self.token.text)
        self.leave()
        return node

    def _structure(self, name: str) -> Node:
        if name in ("int", "iint", "oint"):
            return self.integral()
        self.advance()
        if name.endswith("frac"):
            return self.fraction()
        if name in ("sqrt", "cbrt"):
            return self.root(name)
        if name.endswith("binom"):
            return self.make(Op.CALL, (self.tex_argument(), self.tex_argument()), "binomial")
        if name in ("sum", "prod"):
            return self.series(name)
        if name == "lim":
            return self.limit()
        if name == "begin":
            return self.environment()
        if name == "mathbb":
            return self.number_set()
        if name in ("transparent", "overline") or name.startswith("accent"):
            inner = self.bracket() if self.token.kind == "open" and self.token.text == "{" else self.script()
            if name == "transparent":
                return inner
            if _is_segment(inner):
                ordered = "vec" in name or "arrow" in name
                return self.make(Op.CALL, inner.args, "vector") if ordered else inner
            if inner.op is Op.NUMBER:
                self.fail("a mark over a number")
            if name == "overline" and not free_symbols(inner):
                return self.make(Op.CALL, (inner,), "conj")
            return self.make(Op.CALL, (inner,), name.removeprefix("accent "))
        if name in ("∠", "△"):
            return self.named_points(name)
        if name == "partial":
            return symbol("\\partial")
        return self.fail(f"the command \\{name} is not read here")

    def named_points(self, mark: str) -> Node:
        """An angle or a triangle: one name, an angle's ends in either order."""
        letters = ""
        while (
            self.token.kind == "word" and self.token.text.isupper() and len(letters + self.token.text) <= _MOST_POINTS
        ):
            letters += self.advance().text
        if not letters:
            if self.token.kind not in ("number", "word", "letter"):
                self.fail(f"{mark} without a name")
            return symbol(mark + self.advance().text)
        return symbol(mark + (min(letters, letters[::-1]) if mark == "∠" else letters))

    def number_set(self) -> Node:
        """What follows \\mathbb."""
        text = self.script_text()
        if self.at_operator("^") and self.peek().text in "+-*":
            self.advance()
            text += self.advance().text
        if self.at_operator("_"):
            self.advance()
            text += self.script_text()
        half = _HALF_LINES.get(text)
        if half is not None:
            ends = (number(0), constant("inf")) if half[0] in "+>" else (negative(constant("inf")), number(0))
            return self.make(Op.GROUP, ends, half[1:])
        return constant(text) if text in ("R", "Q", "Z", "N", "C") else symbol(f"mathbb{text}")

    def root(self, name: str) -> Node:
        """A root, after its command."""
        degree = number(3 if name == "cbrt" else 2)
        if self.token.kind == "open" and self.token.text == "[":
            self.advance()
            degree = self.sum()
            self.expect("close", "]")
        radicand = self.script()
        if radicand.op in (Op.GROUP, Op.LIST):
            self.fail("a root of several values")
        return self.make(Op.CALL, (radicand, degree), "root")

    def repeating(self, digits: str) -> Number:
        r"""The number of "0.1\overline{6}", of which "0.1" is read already."""
        self.advance()
        braced = self.token.text == "{"
        if braced:
            self.advance()
        period = self.expect("number").text
        if braced:
            self.expect("close", "}")
        whole, point, decimals = digits.partition(".")
        if not point or not period.isdigit():
            self.fail("a period that is no run of digits")
        return _periodic(f"{whole}.{decimals}", period)

    def repeated(self, digits: str) -> Number:
        """The number of "0.454545.." or "0.1666 repeating": the period is what is seen to repeat, or the last digit."""
        found = _PERIOD.search(digits)
        whole, _, decimals = digits.partition(".")
        if found is None:
            return _periodic(f"{whole}.{decimals[:-1]}", decimals[-1])
        return _periodic(digits[: found.start()], found.group(1))

    def goes_on(self, digits: str) -> bool:
        """Whether dots behind digits that repeat, or the word "repeating", follow a decimal; they are left behind."""
        if not digits.rpartition(".")[2].isdigit() or "." not in digits:
            return False
        dots = self.token == ("letter", "...", False) and _PERIOD.search(digits) is not None
        if dots:
            self.advance()
        return self.says_repeating() or dots

    def says_repeating(self) -> bool:
        """Whether "repeating" stands here, also in brackets; it is left behind."""
        at = 1 if self.token.kind == "open" and self.token.text == "(" else 0
        if self.peek(at).kind not in ("word", "text") or self.peek(at).text.lower() not in _REPEATING:
            return False
        if at and self.peek(2).text != ")":
            return False
        self.at += 2 * at + 1
        return True

    def degrees(self, node: Node) -> Node:
        """Degrees, with the minutes, seconds or temperature scale that follow."""
        self.advance()
        if self.token.kind in ("word", "text") and self.token.text in ("C", "F") and not self.at_call():
            return self.make(Op.QUANTITY, (node,), "°" + self.advance().text)
        parts = [node]
        for mark, divisor in (("'", 60), ("''", 3600)):
            marks = [self.peek(1 + at).text for at in range(len(mark))]
            if self.token.kind == "number" and marks == ["'"] * len(mark):
                amount = self.atom()
                for _ in mark:
                    self.advance()
                parts.append(self.make(Op.DIV, (amount, number(divisor))))
        total = parts[0] if len(parts) == 1 else self.make(Op.ADD, parts)
        return self.make(Op.QUANTITY, (total,), "°")

    def at_call(self) -> bool:
        """Whether brackets follow the next token."""
        return self.peek().text == "("

    def based(self, node: Node) -> Node:
        """A number in another base, after its digits."""
        self.advance()
        base = self.script()
        spelled = spelled_number(base.data) if base.op is Op.SYMBOL else None
        if spelled is not None:
            base = number(spelled)
        if base.op is not Op.NUMBER or not 2 <= base.data.value <= 36 or base.data.value.denominator != 1:
            self.fail("a number base from 2 to 36 must follow the subscript sign")
        value = node.data.value
        if value.denominator != 1 or value < 0:
            self.fail("only natural numbers are read in another base")
        digits = str(value.numerator)
        if any(int(digit) >= base.data.value for digit in digits):
            self.fail(f"{digits!r} is no number of base {base.data.value}")
        return self.make(Op.BASED, (), (digits, int(base.data.value)))


def _periodic(before: str, period: str) -> Number:
    """The number whose decimals go on with a period for ever."""
    whole, _, decimals = before.partition(".")
    value = Fraction(f"{whole or '0'}.{decimals or '0'}")
    value += Fraction(int(period), (10 ** len(period) - 1) * 10 ** len(decimals))
    return Number(value, Form.FRACTION)


def _is_segment(node: Node) -> bool:
    """Whether a tree is the two or more points of a line: AB."""
    return node.op is Op.MUL and all(part.op is Op.SYMBOL and part.data[:1].isupper() for part in node.args)
