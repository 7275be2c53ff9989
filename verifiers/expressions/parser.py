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

import itertools
import re

from verifiers.expressions.errors import ParseError
from verifiers.expressions.lexer import tokenize
from verifiers.expressions.quantities import QuantityParser
from verifiers.expressions.tokens import Token
from verifiers.expressions.tree import Node, Op, constant, free_symbols, symbol

_TIME = ("[01]?[0-9]|2[0-4]", ":", "[0-5][0-9]", ":", "[0-5][0-9]")
_SETS = (Op.GROUP, Op.SET, Op.BUILDER, Op.SET_OPERATION)
_NAMED_SETS = frozenset({"R", "Q", "Z", "N", "C", "empty"})
_SELDOM_FUNCTIONS = frozenset("pPQTW")
_GOES_WITH_NAME = frozenset("(_'^")
_ORDER = frozenset({"<", ">", "<=", ">="})
_SET_OPERATORS = {"∪": "union", "∩": "intersection", "\\": "minus"}
_CLOSING = {"(": ")]", "[": ")]", r"\{": r"\}", "{": "}", "<|": "|>"}
_CLOSING |= {f"{name}(": f"{name})" for name in ("floor", "ceil", "abs", "norm")}


def parse(text: str, *, grouping: bool = True, variables: frozenset[str] = frozenset()) -> Node:
    """Read an answer as mathematics.

    Args:
        text: the answer, as extracted.
        grouping: whether "1,000" is one number or two; see `lexer.tokenize`.
        variables: letters that are no functions for certain: with f among them, f(x+1) is a product.

    Raises:
        ParseError: the text is words, is broken, or is larger than the limits allow.

    """
    tokens = tokenize(text, grouping=grouping)
    if all(token.kind in ("word", "text", "end", "separator") for token in tokens) and any(map(_is_word, tokens)):
        raise ParseError("words only")
    parser = _Parser(tokens, variables | _used_as_variables(tokens))
    try:
        node = parser.answer()
    except RecursionError:  # from a stack that was deep already
        raise ParseError("nested too deeply") from None
    parser.expect("end")
    return node


def _used_as_variables(tokens: list[Token]) -> frozenset[str]:
    """The letters, of those that are as often variables as functions, that stand somewhere without brackets behind."""
    pairs = itertools.pairwise(tokens)
    return frozenset(
        token.text
        for token, after in pairs
        if token.kind == "word" and token.text in _SELDOM_FUNCTIONS and after.text not in _GOES_WITH_NAME
    )


def _split(items: list[Node], separators: list[str], outer: tuple[str, ...]) -> list[list[Node]]:
    """The lists between some of a list's separators."""
    lists = [[items[0]]]
    for separator, item in zip(separators, items[1:]):
        if separator in outer:
            lists.append([])
        lists[-1].append(item)
    return lists


def _have_same_unknowns(systems: list[list[Node]]) -> bool:
    """Whether each of several lists gives values to the same two or more names: "x = 1, y = 2 or x = 3, y = 4"."""
    if any(item.op is not Op.RELATION or item.data != ("=",) for system in systems for item in system):
        return False
    names = {frozenset(item.args[0] for item in system) for system in systems}
    return len(systems) > 1 and len(names) == 1 and len(names.pop()) > 1


def _are_bounds(items: list[Node]) -> bool:
    """Whether all items are relations of one unknown, and one of them an inequality: "x < 1 or x > 2 and x < 3"."""
    if any(item.op is not Op.RELATION for item in items):
        return False
    names = frozenset[str]().union(*map(free_symbols, items))
    return len(names) == 1 and any(_ORDER & set(item.data) for item in items)


def _is_word(token: Token) -> bool:
    """Whether a token is a word and no variable or product of two."""
    if token.kind == "text":
        return len(token.text) > 1
    return token.kind == "word" and (len(token.text) > 2 or (len(token.text) == 2 and not token.text.islower()))


class _Parser(QuantityParser):
    def answer(self) -> Node:
        """The whole answer, or what stands in brackets."""
        items, separators = [self.clause()], []
        while self.token.kind == "separator":
            found = []
            while self.token.kind == "separator":  # ", and"
                found.append(self.advance().text)
            if self.token.kind in ("end", "close"):
                break
            separators.append(next((name for name in ("or", ";", "and") if name in found), ","))
            items.append(self.clause())
        if len(items) == 1:
            return items[0]
        kinds = set(separators)
        if len(kinds) == 1:
            return self.make(Op.LIST, items, kinds.pop())
        if kinds == {"and", "or"} and _are_bounds(items):  # "and" binds closer
            parts = [self.joined(part, "and") for part in _split(items, separators, ("or",))]
            return self.make(Op.LIST, parts, "or")
        systems = _split(items, separators, ("and",) if kinds == {",", "and"} else ("or", ";"))
        if kinds != {",", ";"} and not _have_same_unknowns(systems):
            return self.make(Op.LIST, items, next((name for name in ("or", "and") if kinds == {",", name}), ","))
        parts = [self.joined(part, ",") for part in systems]
        return self.make(Op.LIST, parts, ";" if ";" in kinds else "or")

    def joined(self, items: list[Node], separator: str) -> Node:
        """The only item, or the list of several."""
        return items[0] if len(items) == 1 else self.make(Op.LIST, items, separator)

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
            start = self.at
            term = self.set_expression()
            terms.append(self.plain_set(start, term) if sign in ("in", "notin", "subset") else term)
        if not signs:
            return terms[0]
        if terms[0] == symbol("") and signs[0] in ("=", "~"):
            terms, signs = terms[1:], signs[1:]
            return self.make(Op.RELATION, terms, tuple(signs)) if signs else terms[0]
        return self.make(Op.RELATION, terms, tuple(signs))

    def relation_sign(self) -> str | None:
        """The sign of the relation that goes on here, if one does."""
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
        """Unions, intersections and differences of sets."""
        start = self.at
        node = self.ratio()
        while True:
            token = self.token
            if token.kind == "operator" and token.text in _SET_OPERATORS:
                name = _SET_OPERATORS[token.text]
            elif token.kind == "word" and token.text == "U" and node.op in (Op.GROUP, Op.SET, Op.SET_OPERATION):
                name = "union"
            else:
                return node
            if node.op is not Op.SET_OPERATION:
                node = self.plain_set(start, node)
            self.advance()
            start = self.at
            right = self.plain_set(start, self.ratio())
            if node.op is Op.SET_OPERATION and node.data == name and name != "minus":
                node = self.make(Op.SET_OPERATION, (*node.args, right), name)
            else:
                node = self.make(Op.SET_OPERATION, (node, right), name)

    def plain_set(self, start: int, node: Node) -> Node:
        """The set that "{1}", read from `start` on, is meant to be where sets are combined or have members."""
        if self.tokens[start].text != "{":
            return node
        texts = [token.text for token in self.tokens[start : self.at]]
        depths = list(itertools.accumulate((text == "{") - (text == "}") for text in texts))
        if depths.index(0) + 1 != len(depths):
            return node
        is_set = node.op in _SETS or (node.op is Op.CONSTANT and node.data in _NAMED_SETS)
        return node if is_set or free_symbols(node) else self.make(Op.SET, (node,))

    def ratio(self) -> Node:
        """A value, or a ratio of values, with its unit; and values with units that are added to it."""
        start = self.at
        terms = [self.sum()]
        while self.at_operator(":") and not self.builders:
            self.advance()
            terms.append(self.sum())
        node = terms[0] if len(terms) == 1 else self.make(Op.RATIO, terms, self.is_time(start))
        return self.calculated(self.with_unit(node))

    def is_time(self, start: int) -> bool:
        """Whether the ratio that was read from `start` on is written like a time of the day."""
        texts = [token.text for token in self.tokens[start : self.at]]
        return len(texts) in (3, 5) and all(map(re.fullmatch, _TIME, texts))

    def bracket(self) -> Node:
        """What stands in brackets: a value, a point or interval, a set."""
        opener = self.advance().text
        if opener == r"\{" and self.token.kind == "structure" and self.token.text == "begin":
            return self.system()
        self.enter()
        bars, self.bars = self.bars, 0
        integrals, self.integrals = self.integrals, 0
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
        self.bars, self.integrals = bars, integrals
        self.leave()
        return node

    def closed(self, opener: str, inner: Node) -> Node:
        """What was read in brackets, once they close."""
        closer = self.expect("close").text
        if closer not in _CLOSING[opener]:
            self.fail(f"{opener!r} is closed by {closer!r}")
        if opener.endswith("(") and opener != "(":
            return self.make(Op.CALL, (inner,), opener[:-1])
        if opener == "{":
            return inner
        if inner.op is Op.LIST and inner.data != "or":
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
        items = inner.args if inner.op is Op.LIST and inner.data != "or" else (inner,)
        return self.make(Op.SET, items)

    def close_brace(self) -> None:
        """The end of a set."""
        if self.expect("close").text != r"\}":
            self.fail("a set that is not closed")

    def absolute(self, bar: str) -> Node:
        """An absolute value or a norm."""
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
