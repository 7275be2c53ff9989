"""The parser's tools: tokens in, nodes out, within limits."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import NoReturn

from verifiers.expressions.errors import ParseError
from verifiers.expressions.tokens import Token
from verifiers.expressions.tree import Node, Op, constant, symbol

MAX_DEPTH = 40
"""Deepest nesting of an answer."""
MAX_NODES = 500
"""Most nodes of a tree."""


class TokenReader(abc.ABC):
    """A place in a list of tokens, and how much was built; `parser` has the grammar."""

    def __init__(self, tokens: list[Token], products: frozenset[str] = frozenset()) -> None:
        self.tokens = list(tokens)
        self.products = products
        self.at = 0
        self.depth = 0
        self.nodes = 0
        self.bars = 0
        self.builders = 0
        self.integrals = 0
        self.side = ""

    @property
    def token(self) -> Token:
        """The token at this place."""
        return self.tokens[self.at]

    def peek(self, ahead: int = 1) -> Token:
        """A token further on."""
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)]

    def advance(self) -> Token:
        """The token at this place, which is left behind."""
        token = self.tokens[self.at]
        if token.kind != "end":
            self.at += 1
        return token

    def expect(self, kind: str, text: str | None = None) -> Token:
        """The token at this place, which must be of a kind."""
        token = self.token
        if token.kind != kind or (text is not None and token.text != text):
            self.fail(f"{token.text or 'the end'!r} where {text or kind!r} should be")
        return self.advance()

    def at_operator(self, text: str) -> bool:
        """Whether an operator stands here."""
        return self.token.kind == "operator" and self.token.text == text

    def at_structure(self, text: str) -> bool:
        """Whether a structural command stands here."""
        return self.token.kind == "structure" and self.token.text == text

    def fail(self, message: str) -> NoReturn:
        """Give up: the text is not read here."""
        raise ParseError(message)

    def enter(self) -> None:
        """Go one level deeper."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(f"nested more than {MAX_DEPTH} deep")

    def leave(self) -> None:
        """Come back up."""
        self.depth -= 1

    def make(self, op: Op, args: Sequence[Node], data: object = None) -> Node:
        """A new node, counted."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self.fail(f"more than {MAX_NODES} parts")
        return Node(op, tuple(args), data)

    def split_word(self) -> None:
        """Replace a run of letters by its letters."""
        token = self.token
        letters = [Token("word", letter, token.spaced and at == 0) for at, letter in enumerate(token.text)]
        self.tokens[self.at : self.at + 1] = letters

    def tex_argument(self) -> Node:
        r"""The argument of a command: `{..}`, else one token, of a number its first digit."""
        if self.token.kind == "open" and self.token.text == "{":
            return self.bracket()
        if self.token.kind == "number" and len(self.token.text) > 1 and self.token.text.isdigit():
            text = self.token.text
            self.tokens[self.at : self.at + 1] = [Token("number", text[0]), Token("number", text[1:])]
        return self.script()

    def script(self) -> Node:
        """One unit after `^` or `_`: a group, a number, a letter or a command with its arguments."""
        if self.token.kind == "word" and len(self.token.text) > 1:
            self.split_word()
        return self.atom()

    def script_text(self) -> str:
        """A subscript as text."""
        if not (self.token.kind == "open" and self.token.text == "{"):
            if self.token.kind == "word" and len(self.token.text) > 1:
                self.split_word()
            if self.token.kind not in ("word", "number", "letter", "text", "constant"):
                self.fail("an empty subscript")
            return self.advance().text
        depth = 0
        parts: list[str] = []
        while True:
            token = self.advance()
            if token.kind == "end":
                self.fail("a subscript that is not closed")
            if token.text in ("{", "}"):
                depth += 1 if token.text == "{" else -1
                if depth == 0:
                    return "".join(parts) or self.fail("an empty subscript")
            else:
                parts.append(token.text)

    def scripts(self) -> tuple[Node | None, Node | None]:
        """Subscript and superscript of an operator, in any order; None for one that is empty or not there."""
        found: dict[str, Node | None] = {"_": None, "^": None}
        while self.token.kind == "operator" and self.token.text in "_^":
            mark = self.advance().text
            if self.token.text == "{" and self.peek().text == "}":
                self.at += 2
            else:
                found[mark] = self.bound()
        return found["_"], found["^"]

    def bound(self) -> Node:
        """One unit after `^` or `_` of an operator, whose other script is not the unit's own: `\\int^b_a`."""
        if self.token.kind not in ("word", "letter"):
            return self.script()
        if len(self.token.text) > 1 and self.token.kind == "word":
            self.split_word()
        name = self.advance().text
        return constant(name) if name in ("e", "i") else symbol(name)

    def arguments(self) -> tuple[Node, ...]:
        """The arguments in the brackets at this place."""
        opener = self.advance().text
        self.enter()
        bars, self.bars = self.bars, 0
        builders, self.builders = self.builders, 0
        inner = self.answer()
        self.bars, self.builders = bars, builders
        self.leave()
        closer = self.expect("close").text
        if (opener, closer) not in (("(", ")"), ("[", "]"), ("{", "}"), (r"\{", r"\}")):
            self.fail(f"{opener!r} is closed by {closer!r}")
        if inner.op is Op.GROUP and opener == "{":
            return inner.args
        return inner.args if inner.op is Op.LIST and inner.data != "or" else (inner,)

    @abc.abstractmethod
    def answer(self) -> Node:
        """The whole answer, or what stands in brackets."""

    @abc.abstractmethod
    def sum(self) -> Node:
        """Terms and their signs."""

    @abc.abstractmethod
    def product(self) -> Node:
        """Factors."""

    @abc.abstractmethod
    def power(self) -> Node:
        """A base and its exponent."""

    @abc.abstractmethod
    def atom(self) -> Node:
        """One value."""

    @abc.abstractmethod
    def bracket(self) -> Node:
        """What stands in brackets."""

    @abc.abstractmethod
    def clause(self) -> Node:
        """One relation chain, or one value."""

    @abc.abstractmethod
    def starts_factor(self, before: Node) -> bool:
        """Whether another factor follows without a sign."""

    @abc.abstractmethod
    def absolute(self, bar: str) -> Node:
        """An absolute value or a norm."""
