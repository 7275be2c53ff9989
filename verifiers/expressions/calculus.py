"""The parser's fractions and derivatives, integrals, limits and series."""

from __future__ import annotations

from verifiers.expressions.reader import TokenReader
from verifiers.expressions.tree import Node, Op, number, symbol

_DIFFERENTIALS = frozenset({"d", "\\partial"})


class CalculusParser(TokenReader):
    """Reads what is written with d, \\int, \\lim, \\sum and \\prod."""

    def fraction(self) -> Node:
        """A fraction, or a derivative that is written as one."""
        top = self.tex_argument()
        bottom = self.tex_argument()
        variables = _differentials(bottom)
        if variables:
            is_operator, rest = _differentiated(top)
            if is_operator:
                body = rest if rest is not None else self.power_product()
                return self.make(Op.DERIVATIVE, (body,), variables)
        return self.make(Op.DIV, (top, bottom))

    def power_product(self) -> Node:
        """The factors that an operator is applied to."""
        node = self.power()
        while self.starts_factor(node):
            node = self.make(Op.MUL, (node, self.power()))
        return node

    def series(self, name: str) -> Node:
        """A sum or product, after its command."""
        low, high = self.scripts()
        if low is None or high is None or low.op is not Op.RELATION or low.data != ("=",):
            self.fail(f"\\{name} without its range")
        index, first = low.args
        if index.op not in (Op.SYMBOL, Op.CONSTANT):
            self.fail(f"\\{name} without an index")
        self.enter()
        body = self.product()
        self.leave()
        return self.make(Op.SERIES, (first, high, body), (name, index.data))

    def at_one_sided(self) -> bool:
        """Whether "^+" or "^{-}" of a limit's target stands here; it is read into `side`."""
        texts = [self.peek(ahead).text for ahead in range(1, 5)]
        if texts[0] in ("+", "-") and texts[1] == "}":
            self.advance()
            self.side = self.advance().text
            return True
        if texts[0] == "{" and texts[1] in ("+", "-") and texts[2] == "}":
            self.advance()
            self.advance()
            self.side = self.advance().text
            self.advance()
            return True
        return False

    def limit(self) -> Node:
        """A limit, after its command."""
        if not self.at_operator("_"):
            self.fail("\\lim without its variable")
        self.advance()
        self.side = ""
        relation = self.script()
        if relation.op is not Op.RELATION or relation.data != ("to",) or relation.args[0].op is not Op.SYMBOL:
            self.fail("\\lim without its variable")
        variable, target = relation.args
        side, self.side = self.side, ""
        self.enter()
        body = self.product()
        self.leave()
        return self.make(Op.LIMIT, (target, body), (variable.data, side))

    def integral(self) -> Node:
        """An integral."""
        self.advance()
        low, high = self.scripts()
        self.integrals += 1
        self.enter()
        body = number(1) if self.at_differential() else self.sum()
        self.leave()
        self.integrals -= 1
        inner = None if self.at_differential() else _integrand(body)
        body, variable = (body, self.differential()) if inner is None else inner
        if (low is None) != (high is None):
            self.fail("an integral with one limit")
        args = (body,) if low is None or high is None else (body, low, high)
        return self.make(Op.INTEGRAL, args, variable)

    def at_differential(self) -> bool:
        """Whether dx stands here."""
        token = self.token
        if token.kind == "word" and len(token.text) > 1 and token.text[0] == "d":
            return len(token.text) == 2
        following = self.peek()
        return token.kind == "word" and token.text == "d" and following.kind in ("word", "letter")

    def differential(self) -> str:
        """The variable of the dx that stands here."""
        if not self.at_differential():
            self.fail("an integral without its variable")
        if len(self.token.text) > 1:
            self.split_word()
        self.advance()
        return self.advance().text


def _integrand(body: Node) -> tuple[Node, str] | None:
    """What is integrated and its variable, where dx stands inside: in "(x dx)", "x dx / y" or "-x dx"."""
    if body.op in (Op.DIV, Op.NEG):
        inner = _integrand(body.args[0])
        return None if inner is None else (Node(body.op, (inner[0], *body.args[1:])), inner[1])
    if body.op is not Op.MUL:
        return None
    *others, mark, last = body.args
    if mark == symbol("d") and last.op is Op.SYMBOL:
        rest, variable = others, last.data
    else:
        inner = _integrand(last)
        if inner is None:
            return None
        rest, variable = [*others, mark, *([] if inner[0] == number(1) else [inner[0]])], inner[1]
    return (Node(Op.MUL, tuple(rest)) if len(rest) > 1 else rest[0] if rest else number(1)), variable


def _differentials(bottom: Node) -> tuple[str, ...]:
    """The variables of "dx", "dx^2" or "dx dy" below a fraction's bar; () for anything else."""
    factors = list(bottom.args) if bottom.op is Op.MUL else []
    names: list[str] = []
    while len(factors) >= 2:
        mark, variable = factors.pop(0), factors.pop(0)
        times = 1
        if variable.op is Op.POW and variable.args[1].op is Op.NUMBER:
            times = int(variable.args[1].data.value)
            variable = variable.args[0]
        if mark.op is not Op.SYMBOL or mark.data not in _DIFFERENTIALS or variable.op is not Op.SYMBOL:
            return ()
        if not 1 <= times <= 10:
            return ()
        names += [variable.data] * times
    return () if factors else tuple(names)


def _differentiated(top: Node) -> tuple[bool, Node | None]:
    """Whether a numerator is "d", "d^2" or "d f", and the f."""
    factors = list(top.args) if top.op is Op.MUL else [top]
    mark = factors[0].args[0] if factors[0].op is Op.POW else factors[0]
    if mark.op is not Op.SYMBOL or mark.data not in _DIFFERENTIALS:
        return False, None
    rest = factors[1:]
    if not rest:
        return True, None
    return True, rest[0] if len(rest) == 1 else Node(Op.MUL, tuple(rest))
