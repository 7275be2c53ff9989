"""The parser's values: sums, products, powers, and the letters and numbers they are made of."""

from __future__ import annotations

import re
from fractions import Fraction

from verifiers.expressions import units
from verifiers.expressions.structures import StructureParser
from verifiers.expressions.tokens import Token
from verifiers.expressions.tree import Node, Op, constant, negative, number, symbol
from verifiers.numeric import Form, Number, parse_number

_PROPER = re.compile(r"(?:\{([0-9]{1,9})\}|([0-9]))(?:\{([0-9]{1,9})\}|([0-9]))")
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12, "hundred": 100}
_CURRENCY_CODES = frozenset({"USD", "EUR", "GBP", "CNY", "RMB", "JPY", "INR"})
MAX_WORD = 3
"""Longest run of small letters that is read as a product of variables; a longer one is a word."""
_WORDS = frozenset(
    (
        "not the are for but all any one two six ten yes no red on in of to is it an as at be by do go he if"
        " me my or so up us we was has had his her its our out she too use who why how can did end few get let"
        " may nor now off old own per put set than that top two and cat dog day man men way box bag big low"
        " new odd sum none"
    ).split()
)
"""Words so short that they would pass for a product of variables."""
_CALLABLE = frozenset("fghFGHPQTWp")
_STARTS_FACTOR = frozenset({"word", "letter", "constant", "function", "structure", "open"})


class ValueParser(StructureParser):
    """Reads values; `parser` reads what answers are made of them."""

    def sum(self) -> Node:
        """Terms and their signs."""
        terms = [self.signed_product()]
        while self.token.kind == "operator" and self.token.text in "+-±∓":
            sign = self.advance().text
            terms.append(self.signed(sign, self.signed_product()))
        return terms[0] if len(terms) == 1 else self.make(Op.ADD, terms)

    def signed_product(self, signs: str = "") -> Node:
        """One term with its sign or currency, after the signs that were read already."""
        if self.token.kind == "operator" and self.token.text in "+-±∓":
            sign = self.advance().text
            self.enter()
            node = self.signed_product(sign + signs)
            self.leave()
            return node
        if self.token.kind == "word" and self.token.text == "US" and self.peek().kind == "currency":
            self.advance()
        is_code = self.token.kind == "word" and self.token.text in _CURRENCY_CODES and self.peek().kind == "number"
        if self.token.kind == "currency" or is_code:
            sign = self.advance().text
            return self.signed(signs, self.make(Op.QUANTITY, (self.signed_product(),), sign))
        return self.product(signs)

    def signed(self, signs: str, node: Node) -> Node:
        """A value with the signs before it, the nearest one first."""
        for sign in signs:
            if sign in "±∓":
                node = self.make(Op.PLUS_MINUS, (node,), 1 if sign == "±" else -1)
            elif sign == "-":
                node = negative(node)
        return node

    def product(self, signs: str = "") -> Node:
        """Factors, quotients and congruences; a sign before them is one of the dividend of "mod"."""
        node = self.power()
        while True:
            token = self.token
            per_unit = token.text == "/" and self.peek().kind == "word" and node.op is Op.NUMBER
            if per_unit and units.is_named_unit(self.peek().text) and self.peek(2).kind == "end":
                return self.signed(signs, node)
            if token.kind == "operator" and token.text in ("*", "/", "mod"):
                self.advance()
                right = self.with_fraction(self.signed_power())
                if token.text == "mod":
                    node, signs = self.make(Op.CALL, (self.signed(signs, node), right), "mod"), ""
                elif token.text == "/":
                    node = self.make(Op.DIV, (node, right))
                else:
                    node = self.times(node, right)
            elif token.kind == "operator" and token.text == "pmod":
                self.advance()
                node, signs = self.make(Op.CALL, (self.signed(signs, node), self.tex_argument()), "pmod"), ""
            elif token.kind == "open" and token.text == "(" and self.peek().text == "mod":
                self.advance()
                self.advance()
                node, signs = self.make(Op.CALL, (self.signed(signs, node), self.sum()), "pmod"), ""
                self.expect("close")
            elif self.starts_factor(node):
                node = self.juxtaposed(node)
            else:
                return self.signed(signs, node)

    def starts_factor(self, before: Node) -> bool:
        """Whether another factor follows without a sign."""
        token = self.token
        if token.kind == "number":
            return before.op is not Op.NUMBER or self.is_mixed(before)
        if token.kind == "operator" and token.text == "|":
            return not self.bars and not self.builders
        if token.kind == "operator" and token.text == "||":
            return not self.bars
        if self.integrals and self.at_differential():
            return False
        if token.kind == "letter" and token.text == "\\Omega" and before.op is Op.NUMBER:
            return False
        if token.kind == "word":
            if token.text == "U" and before.op in (Op.GROUP, Op.SET, Op.SET_OPERATION):
                return False
            return not (self.is_unit_ahead() if len(token.text) > 1 else self.is_quotient_of_units(before))
        if token.kind == "structure" and token.text in ("end", "not", "choose"):
            return False
        return token.kind in _STARTS_FACTOR

    def is_quotient_of_units(self, before: Node) -> bool:
        """Whether one letter begins a unit such as g/mL, right after a number."""
        if before.op is not Op.NUMBER or self.peek().text != "/" or not units.is_unit_letter(self.token.text):
            return False
        ahead, text = 0, ""
        while self.peek(ahead).kind == "word" or self.peek(ahead).text in ("^", "/", "-", "{", "}", "2", "3"):
            text += self.peek(ahead).text
            ahead += 1
        return self.peek(ahead).kind in ("end", "separator") and units.is_unit(text.replace("{", "").replace("}", ""))

    def is_unit_ahead(self) -> bool:
        """Whether the word here is the unit of the value before it."""
        word = self.token.text
        if units.is_named_unit(word) and self.is_more_than_unit():
            return False
        return units.is_named_unit(word) or (len(word) > MAX_WORD and not word.isupper())

    def is_mixed(self, before: Node) -> bool:
        """Whether "1 1/2" stands here, of which the first 1 is read already."""
        following = (self.peek(0), self.peek(1), self.peek(2))
        plain = [token.text.isdigit() for token in (following[0], following[2])]
        return before.data.form is Form.INTEGER and following[1].text == "/" and all(plain) and self.token.spaced

    def with_fraction(self, node: Node) -> Node:
        """A factor behind a sign such as `*`, with the proper fraction that makes a whole number a mixed one."""
        if node.op is not Op.NUMBER or node.data.form is not Form.INTEGER:
            return node
        if self.token.kind == "number":
            return self.juxtaposed(node) if self.is_mixed(node) else node
        return self.juxtaposed(node) if self.at_proper_fraction() else node

    def at_proper_fraction(self) -> bool:
        r"""Whether "\frac{1}{2}" or "\frac12" stands here, with two plain numbers of which the first is smaller."""
        if self.token.kind != "structure" or not self.token.text.endswith("frac"):
            return False
        braces = [self.peek(ahead).text for ahead in range(1, 7)]
        match = _PROPER.match("".join(braces))
        if match is None:
            return False
        top, bottom = int(match[1] or match[2]), int(match[3] or match[4])
        return 0 < top < bottom

    def is_more_than_unit(self) -> bool:
        """Whether a product goes on behind what might be a unit, as in 2mg sin x."""
        ahead = 1
        while self.peek(ahead).kind in ("word", "text", "number") or self.peek(ahead).text in (
            "^",
            "/",
            "*",
            "-",
            "{",
            "}",
        ):
            ahead += 1
        return self.peek(ahead).kind in ("function", "constant", "structure", "letter", "open")

    def juxtaposed(self, node: Node) -> Node:
        """A factor and the next one, or a mixed number."""
        mixed = node.op is Op.NUMBER and node.data.form is Form.INTEGER
        if mixed and self.token.kind == "number":
            top, _, bottom = self.advance(), self.advance(), self.advance()
            return self.mixed(node, int(top.text), int(bottom.text))
        is_fraction = self.token.kind == "structure" and self.token.text.endswith("frac")
        right = self.power()
        percent = right.op is Op.QUANTITY and right.data == "%" and mixed and is_fraction
        if percent:  # 12 1/2 %
            return self.make(Op.QUANTITY, (self.mixed_or_product(node, right.args[0]),), "%")
        return self.mixed_or_product(node, right) if mixed and is_fraction else self.times(node, right)

    def mixed_or_product(self, node: Node, right: Node) -> Node:
        """2 1/3 as a mixed number, 2 x/3 and 2 4/3 as products."""
        if right.op is Op.DIV and all(part.op is Op.NUMBER for part in right.args):
            top, bottom = (part.data.value for part in right.args)
            if 0 < top < bottom and top.denominator == bottom.denominator == 1:
                return self.mixed(node, int(top), int(bottom))
        return self.times(node, right)

    def mixed(self, whole: Node, top: int, bottom: int) -> Node:
        """A mixed number."""
        if not bottom:
            self.fail("division by zero")
        part = Fraction(top, bottom)
        value = whole.data.value
        return number(value + part if value >= 0 else value - part)

    def times(self, left: Node, right: Node) -> Node:
        """A product, kept flat."""
        if left.op is Op.MUL:
            return self.make(Op.MUL, (*left.args, right))
        return self.make(Op.MUL, (left, right))

    def signed_power(self) -> Node:
        """A power with its own sign, as in 2 * -3."""
        if self.token.kind == "operator" and self.token.text in "+-±∓":
            sign = self.advance().text
            self.enter()
            node = self.signed(sign, self.signed_power())
            self.leave()
            return node
        return self.power()

    def power(self) -> Node:
        """A base and its exponent."""
        base = self.postfix()
        while self.at_operator("^"):
            if self.at_one_sided():
                break
            self.advance()
            if base.op is Op.SYMBOL and self.is_subscript_behind():
                power = self.bound()
                self.advance()
                base = self.make(Op.POW, (symbol(f"{base.data}_{self.script_text()}"), power))
            else:
                base = self.make(Op.POW, (base, self.exponent()))
            base = self.after(base)
        return base

    def is_subscript_behind(self) -> bool:
        """Whether a subscript follows the exponent that stands here, as in x^2_1."""
        depth = ahead = 0
        while self.peek(ahead).kind != "end":
            depth += (self.peek(ahead).text == "{") - (self.peek(ahead).text == "}")
            ahead += 1
            if depth <= 0:
                break
        return depth == 0 and self.peek(ahead).text == "_"

    def exponent(self) -> Node:
        """What follows ^."""
        self.enter()
        if self.token.kind == "operator" and self.token.text in "+-":
            sign = self.advance().text
            node = self.exponent()
            node = negative(node) if sign == "-" else node
        elif self.token.kind == "operator" and self.token.text == "*":
            self.advance()
            node = symbol("*")
        else:
            node = self.after(self.script())
            if self.at_operator("^"):
                self.advance()
                node = self.make(Op.POW, (node, self.exponent()))
        self.leave()
        return node

    def postfix(self) -> Node:
        """An atom with what is attached to it."""
        return self.after(self.atom())

    def after(self, node: Node) -> Node:
        """The node with its factorials, percent and degree signs and number base."""
        while self.token.kind == "operator":
            text = self.token.text
            if text == "!":
                self.advance()
                node = self.make(Op.CALL, (node,), "factorial")
            elif text == "!!":
                self.advance()
                node = self.make(Op.CALL, (node,), "double_factorial")
            elif text == "%":
                self.advance()
                node = self.make(Op.QUANTITY, (node,), "%")
            elif text == "°":
                node = self.degrees(node)
            elif text == "_" and node.op is Op.NUMBER:
                node = self.based(node)
            elif text == "'" and node.op in (Op.GROUP, Op.CALL):
                self.advance()
                node = self.make(Op.CALL, (node,), "prime")
            else:
                break
        return node

    def atom(self) -> Node:
        """One value."""
        token = self.token
        if token.kind == "number":
            self.advance()
            return self.number(token)
        if token.kind == "word":
            return self.word()
        if token.kind in ("letter", "text"):
            self.advance()
            return self.named(token.text)
        if token.kind == "constant":
            self.advance()
            return constant(token.text)
        if token.kind == "function":
            return self.function()
        if token.kind == "structure":
            return self.structure()
        if token.kind == "open":
            return self.bracket()
        if token.kind == "operator" and token.text in ("|", "||"):
            return self.absolute(token.text)
        return self.fail(f"{token.text or 'the end'!r} where a value should be")

    def number(self, token: Token) -> Node:
        """A number, after its digits."""
        value = parse_number(token.text)
        if value is None:
            self.fail(f"the number {token.text[:20]!r} is too large")
        if self.token.kind == "structure" and self.token.text in ("overline", "accent dot"):
            value = self.repeating(token.text)
        elif self.goes_on(token.text):
            value = self.repeated(token.text)
        assert isinstance(value, Number)
        if self.token.kind in ("word", "text") and self.token.text.lower() in _SCALES:
            scaled = value.value * _SCALES[self.advance().text.lower()]
            value = Number(scaled, Form.INTEGER if scaled.denominator == 1 else Form.DECIMAL)
        return self.make(Op.NUMBER, (), value)

    def word(self) -> Node:
        """A letter; of a longer run the first one, the rest stays for the next factor."""
        token = self.token
        if len(token.text) > 1 and (
            (token.text.lower() in _WORDS and not token.text.isupper())
            or (len(token.text) > MAX_WORD and not token.text.isupper())
        ):
            self.fail(f"{token.text!r} is a word")
        if len(token.text) > 1:
            self.split_word()
        return self.named(self.advance().text)

    def named(self, name: str) -> Node:
        """A variable with its subscripts and primes, or a call of a function of one's own."""
        if name in ("e", "i") and not self.at_operator("_"):
            return constant(name)
        while True:
            if self.at_operator("_"):
                self.advance()
                name += "_" + self.script_text()
            elif self.at_operator("'"):
                self.advance()
                name += "'"
            else:
                break
        head = name.rstrip("'").partition("_")[0]
        if (head in _CALLABLE and name not in self.products) or name.endswith("'"):
            inverse = self.at_operator("^") and self.is_inverse_call()
            if inverse:
                name += "^-1"
                self.skip_inverse()
            braced = self.token.text == "{" and self.peek().text == "("
            if self.token.kind == "open" and (self.token.text == "(" or braced):
                return self.make(Op.CALL, self.arguments(), name)
        return symbol(name)
