r"""From tokens to a tree: `parse`.

A recursive-descent parser for answers as people and models write them. From loose to tight:

    answer    clause {("," | ";" | "or" | "\\") clause}
    clause    set {("=" | "<" | ..) set}
    set       ratio {("∪" | "∩" | "\") ratio}
    ratio     sum {":" sum} [unit]
    sum       [sign] product {("+" | "-" | "±") product}
    product   signed {("*" | "/" | nothing) signed}
    power     postfix ["^" exponent]
    postfix   atom {"!" | "%" | "°" | "_" base}

Nothing is evaluated. Depth and size are bounded, so that everything behind may recurse over the tree.
"""

from __future__ import annotations

import re
from fractions import Fraction

from verifiers.expressions import units
from verifiers.expressions.errors import ParseError
from verifiers.expressions.lexer import Token, tokenize
from verifiers.expressions.structures import StructureParser
from verifiers.expressions.tree import Node, Op, constant, negative, number, symbol
from verifiers.numeric import Form, Number, parse_number

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
_SET_OPERATORS = {"∪": "union", "∩": "intersection", "\\": "minus"}
_CLOSING = {"(": ")]", "[": ")]", r"\{": r"\}", "{": "}", "<|": "|>", "floor(": "floor)", "ceil(": "ceil)"}
_STARTS_FACTOR = frozenset({"word", "letter", "constant", "function", "structure", "open"})


def parse(text: str, *, grouping: bool = True) -> Node:
    """Read an answer as mathematics.

    Args:
        text: the answer, as extracted.
        grouping: whether "1,000" is one number or two; see `lexer.tokenize`.

    Raises:
        ParseError: the text is words, is broken, or is larger than the limits allow.

    """
    tokens = tokenize(text, grouping=grouping)
    if all(token.kind in ("word", "text", "end", "separator", "letter") for token in tokens) and any(
        len(token.text) > 1 and token.kind in ("word", "text") for token in tokens
    ):
        raise ParseError("words only")
    parser = _Parser(tokens)
    node = parser.answer()
    parser.expect("end")
    return node


class _Parser(StructureParser):
    def answer(self) -> Node:
        """The whole answer, or what stands in brackets."""
        items, separators = [self.clause()], []
        while self.token.kind == "separator":
            text = self.advance().text
            while self.token.kind == "separator":  # ", and"
                text = self.advance().text if text == "," or self.token.text == "or" else (self.advance(), text)[1]
            if self.token.kind in ("end", "close"):
                break
            separators.append("," if text == "\\\\" else text)
            items.append(self.clause())
        if len(items) == 1:
            return items[0]
        kinds = set(separators)
        if len(kinds) == 1:
            return self.make(Op.LIST, items, kinds.pop())
        if kinds == {",", ";"}:
            return self.make(Op.LIST, self._inner_lists(items, separators), ";")
        return self.make(Op.LIST, items, "or" if kinds <= {",", "or"} else ",")

    def _inner_lists(self, items: list[Node], separators: list[str]) -> list[Node]:
        lists: list[list[Node]] = [[items[0]]]
        for separator, item in zip(separators, items[1:]):
            if separator == ";":
                lists.append([])
            lists[-1].append(item)
        return [part[0] if len(part) == 1 else self.make(Op.LIST, part, ",") for part in lists]

    def clause(self) -> Node:
        """One relation chain, or one value."""
        terms, signs = [], []
        if self.token.kind == "relation" and self.token.text not in ("to", "|"):  # "= 5", "\approx 3"
            terms.append(symbol(""))
        else:
            terms.append(self.set_expression())
        while True:
            sign = self.relation_sign()
            if sign is None:
                break
            signs.append(sign)
            terms.append(self.set_expression())
        if not signs:
            return terms[0]
        if terms[0] == symbol("") and signs[0] in ("=", "~"):
            terms, signs = terms[1:], signs[1:]
            return self.make(Op.RELATION, terms, tuple(signs)) if signs else terms[0]
        return self.make(Op.RELATION, terms, tuple(signs))

    def relation_sign(self) -> str | None:
        token = self.token
        if token.kind == "relation":
            if token.text == "|" and self.builders:
                return None
            self.advance()
            return token.text
        if token.kind == "structure" and token.text == "not":
            self.advance()
            sign = self.expect("relation").text
            return {"=": "!=", "in": "notin"}.get(sign) or self.fail(f"the relation \\not {sign!r} is unknown")
        return None

    def set_expression(self) -> Node:
        node = self.ratio()
        while True:
            token = self.token
            if token.kind == "operator" and token.text in _SET_OPERATORS:
                name = _SET_OPERATORS[token.text]
            elif token.kind == "word" and token.text == "U" and node.op in (Op.GROUP, Op.SET, Op.SET_OPERATION):
                name = "union"
            else:
                return node
            self.advance()
            right = self.ratio()
            if node.op is Op.SET_OPERATION and node.data == name and name != "minus":
                node = self.make(Op.SET_OPERATION, (*node.args, right), name)
            else:
                node = self.make(Op.SET_OPERATION, (node, right), name)

    def ratio(self) -> Node:
        start = self.at
        terms = [self.sum()]
        while self.at_operator(":") and not self.builders:
            self.advance()
            terms.append(self.sum())
        node = terms[0] if len(terms) == 1 else self.make(Op.RATIO, terms, self.is_time(start))
        return self.with_unit(node)

    def is_time(self, start: int) -> bool:
        """Whether the ratio that was read from `start` on is written like a time of the day."""
        texts = [token.text for token in self.tokens[start : self.at]]
        return len(texts) in (3, 5) and all(
            re.fullmatch(pattern, text)
            for pattern, text in zip(("[01]?[0-9]|2[0-4]", ":", "[0-5][0-9]", ":", "[0-5][0-9]"), texts)
        )

    def with_unit(self, node: Node) -> Node:
        """The value with the unit that follows it, if one does."""
        if self.token.kind == "currency":
            return self.make(Op.QUANTITY, (node,), self.advance().text)
        if self.token.kind not in ("text", "word") or node.op in (Op.GROUP, Op.SET):
            return node
        start, unit = self.at, ""
        while self.token.kind in ("text", "word", "number", "operator", "open", "close"):
            if self.token.kind == "operator" and self.token.text not in "/^*-":
                break
            if self.token.kind in ("open", "close") and self.token.text not in "{}":
                break
            space = " " if unit and unit[-1].isalpha() and self.token.kind in ("text", "word") else ""
            unit += space + self.advance().text
        unit = unit.replace("{", "").replace("}", "").strip(" .,")
        if not units.is_unit(unit):
            self.at = start
            self.fail(f"{unit!r} is no unit")
        return self.make(Op.QUANTITY, (node,), unit)

    def sum(self) -> Node:
        self.enter()
        terms = [self.signed_product()]
        while self.token.kind == "operator" and self.token.text in "+-±∓":
            terms.append(self.signed_product())
        self.leave()
        return terms[0] if len(terms) == 1 else self.make(Op.ADD, terms)

    def signed_product(self) -> Node:
        if self.token.kind == "operator" and self.token.text in "+-±∓":
            sign = self.advance().text
            self.enter()
            node = self.signed_product()
            self.leave()
            if sign in "±∓":
                return self.make(Op.PLUS_MINUS, (node,), 1 if sign == "±" else -1)
            return negative(node) if sign == "-" else node
        if self.token.kind == "currency":
            sign = self.advance().text
            return self.make(Op.QUANTITY, (self.signed_product(),), sign)
        return self.product()

    def product(self) -> Node:
        node = self.power()
        while True:
            token = self.token
            if token.kind == "operator" and token.text in ("*", "/", "mod"):
                self.advance()
                right = self.signed_power()
                if token.text == "mod":
                    node = self.make(Op.CALL, (node, right), "mod")
                elif token.text == "/":
                    node = self.make(Op.DIV, (node, right))
                else:
                    node = self.times(node, right)
            elif token.kind == "operator" and token.text == "pmod":
                self.advance()
                node = self.make(Op.CALL, (node, self.tex_argument()), "pmod")
            elif token.kind == "open" and token.text == "(" and self.peek().text == "mod":
                self.advance()
                self.advance()
                node = self.make(Op.CALL, (node, self.sum()), "pmod")
                self.expect("close")
            elif self.starts_factor(node):
                node = self.juxtaposed(node)
            else:
                return node

    def starts_factor(self, before: Node) -> bool:
        token = self.token
        if token.kind == "number":
            return before.op is not Op.NUMBER or self.is_mixed(before)
        if token.kind == "operator" and token.text == "|":
            return not self.bars and not self.builders
        if token.kind == "operator" and token.text == "||":
            return not self.bars
        if self.integrals and self.at_differential():
            return False
        if token.kind == "word":
            if token.text == "U" and before.op in (Op.GROUP, Op.SET, Op.SET_OPERATION):
                return False
            return not (len(token.text) > 1 and self.is_unit_ahead(before))
        if token.kind == "structure" and token.text in ("end", "not", "choose"):
            return False
        return token.kind in _STARTS_FACTOR

    def is_unit_ahead(self, before: Node) -> bool:
        word = self.token.text
        return units.is_named_unit(word) or (len(word) > MAX_WORD and not word.isupper())

    def is_mixed(self, before: Node) -> bool:
        """Whether "1 1/2" stands here, of which the first 1 is read already."""
        following = (self.peek(0), self.peek(1), self.peek(2))
        plain = [token.text.isdigit() for token in (following[0], following[2])]
        return before.data.form is Form.INTEGER and following[1].text == "/" and all(plain) and self.token.spaced

    def juxtaposed(self, node: Node) -> Node:
        mixed = node.op is Op.NUMBER and node.data.form is Form.INTEGER
        if mixed and self.token.kind == "number":
            top, _, bottom = self.advance(), self.advance(), self.advance()
            return self.mixed(node, int(top.text), int(bottom.text))
        is_fraction = self.token.kind == "structure" and self.token.text.endswith("frac")
        right = self.power()
        if mixed and is_fraction and right.op is Op.DIV and all(part.op is Op.NUMBER for part in right.args):
            top, bottom = (part.data.value for part in right.args)
            if 0 < top < bottom and top.denominator == bottom.denominator == 1:
                return self.mixed(node, int(top), int(bottom))
        return self.times(node, right)

    def mixed(self, whole: Node, top: int, bottom: int) -> Node:
        if not bottom:
            self.fail("division by zero")
        part = Fraction(top, bottom)
        value = whole.data.value
        return number(value + part if value >= 0 else value - part)

    def times(self, left: Node, right: Node) -> Node:
        if left.op is Op.MUL:
            return self.make(Op.MUL, (*left.args, right))
        return self.make(Op.MUL, (left, right))

    def signed_power(self) -> Node:
        if self.token.kind == "operator" and self.token.text in "+-±∓":
            sign = self.advance().text
            node = self.signed_power()
            if sign in "±∓":
                return self.make(Op.PLUS_MINUS, (node,), 1 if sign == "±" else -1)
            return negative(node) if sign == "-" else node
        return self.power()

    def power(self) -> Node:
        self.enter()
        base = self.postfix()
        while self.at_operator("^"):
            if self.at_one_sided():
                break
            self.advance()
            base = self.make(Op.POW, (base, self.exponent()))
            base = self.after(base)
        self.leave()
        return base

    def exponent(self) -> Node:
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
        value = parse_number(token.text)
        if value is None:
            self.fail(f"the number {token.text[:20]!r} is too large")
        if self.token.kind == "structure" and self.token.text == "overline":
            value = self.repeating(token.text)
        assert isinstance(value, Number)
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
        if name == "e" or name == "i":
            if not self.at_operator("_"):
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
        if head in _CALLABLE or name.endswith("'"):
            inverse = self.at_operator("^") and self.is_inverse_call()
            if inverse:
                name += "^-1"
                self.skip_inverse()
            if self.token.kind == "open" and self.token.text == "(":
                return self.make(Op.CALL, self.arguments(), name)
        return symbol(name)

    def bracket(self) -> Node:
        """What stands in brackets: a value, a point or interval, a set."""
        opener = self.advance().text
        if opener == r"\{" and self.token.kind == "structure" and self.token.text == "begin":
            return self.system()
        self.enter()
        bars, self.bars = self.bars, 0
        if opener == r"\{":
            node = self.braces()
        elif self.token.kind == "close" and self.token.text in _CLOSING[opener]:
            self.fail("empty brackets")
        else:
            builders, self.builders = self.builders, 0
            inner = self.answer()
            self.builders = builders
            if self.token.kind == "operator" and self.token.text == "over":
                self.advance()
                inner = self.make(Op.DIV, (inner, self.answer()))
            elif self.token.kind == "structure" and self.token.text == "choose":
                self.advance()
                inner = self.make(Op.CALL, (inner, self.answer()), "binomial")
            node = self.closed(opener, inner)
        self.bars = bars
        self.leave()
        return node

    def closed(self, opener: str, inner: Node) -> Node:
        closer = self.expect("close").text
        if closer not in _CLOSING[opener]:
            self.fail(f"{opener!r} is closed by {closer!r}")
        if opener in ("floor(", "ceil("):
            return self.make(Op.CALL, (inner,), opener[:-1])
        if opener == "{":
            return inner
        if inner.op is Op.LIST and inner.data in (",", ";"):
            brackets = "()" if opener == "<|" else opener + closer
            return self.make(Op.GROUP, inner.args, brackets)
        if opener + closer not in ("()", "[]", "<||>"):
            self.fail("an interval with one end")
        if opener == "(" and inner.op is Op.QUANTITY and self.at_operator("_"):
            self.fail("a base after a unit")
        return inner

    def braces(self) -> Node:
        """A set, after its opening brace."""
        if self.token.kind == "close":
            self.advance()
            return constant("empty")
        self.builders += 1
        inner = self.answer()
        self.builders -= 1
        if self.token.text in ("|", ":") and self.token.kind in ("operator", "relation"):
            self.advance()
            builders, self.builders = self.builders, 0
            condition = self.answer()
            self.builders = builders
            self.close_brace()
            return self.make(Op.BUILDER, (inner, condition))
        self.close_brace()
        items = inner.args if inner.op is Op.LIST and inner.data in (",", ";") else (inner,)
        return self.make(Op.SET, items)

    def close_brace(self) -> None:
        if self.expect("close").text != r"\}":
            self.fail("a set that is not closed")

    def absolute(self, bar: str) -> Node:
        self.advance()
        self.bars += 1
        builders, self.builders = self.builders, 0
        inner = self.answer()
        self.builders = builders
        self.bars -= 1
        if not self.at_operator(bar):
            self.fail(f"{bar!r} is not closed")
        self.advance()
        return self.make(Op.CALL, (inner,), "abs" if bar == "|" else "norm")
