r"""The parser's tools, and the constructs with a syntax of their own: fractions, roots, series, matrices."""

from __future__ import annotations

from fractions import Fraction
from typing import NoReturn

from verifiers.expressions.errors import ParseError
from verifiers.expressions.lexer import Token
from verifiers.expressions.tree import Node, Op, constant, number, symbol
from verifiers.numeric import Form, Number

MAX_DEPTH = 64
"""Deepest nesting of an answer."""
MAX_NODES = 500
"""Most nodes of a tree."""

_MATRICES = frozenset(f"{kind}matrix" for kind in ("", "p", "b", "B", "v", "V", "small")) | {"array"}
_SYSTEMS = frozenset({"aligned", "align", "gathered", "split", "equation", "alignedat", "eqnarray"})
_CONDITION_WORDS = frozenset({"if", "for", "when", "where", "otherwise", "else", "if ", "for all"})
_FIRST_CONDITION = frozenset({"if", "for", "when", "where", "for all"})
_INVERSE = {"sin": "arcsin", "cos": "arccos", "tan": "arctan", "cot": "arccot", "sec": "arcsec", "csc": "arccsc"}
_INVERSE |= {"sinh": "arsinh", "cosh": "arcosh", "tanh": "artanh"}
_DIFFERENTIALS = frozenset({"d", "\\partial"})


class StructureParser:
    """Tokens, limits, and the constructs that commands introduce; `parser._Parser` has the grammar."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = list(tokens)
        self.at = 0
        self.depth = 0
        self.nodes = 0
        self.bars = 0
        self.builders = 0
        self.integrals = 0
        self.side = ""

    def answer(self) -> Node:
        raise NotImplementedError

    def sum(self) -> Node:
        raise NotImplementedError

    def product(self) -> Node:
        raise NotImplementedError

    def power(self) -> Node:
        raise NotImplementedError

    def atom(self) -> Node:
        raise NotImplementedError

    def bracket(self) -> Node:
        raise NotImplementedError

    def clause(self) -> Node:
        raise NotImplementedError

    def starts_factor(self, before: Node) -> bool:
        raise NotImplementedError

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def peek(self, ahead: int = 1) -> Token:
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)]

    def advance(self) -> Token:
        token = self.tokens[self.at]
        if token.kind != "end":
            self.at += 1
        return token

    def expect(self, kind: str, text: str | None = None) -> Token:
        token = self.token
        if token.kind != kind or (text is not None and token.text != text):
            self.fail(f"{token.text or 'the end'!r} where {text or kind!r} should be")
        return self.advance()

    def at_operator(self, text: str) -> bool:
        return self.token.kind == "operator" and self.token.text == text

    def at_structure(self, text: str) -> bool:
        return self.token.kind == "structure" and self.token.text == text

    def fail(self, message: str) -> NoReturn:
        raise ParseError(message)

    def enter(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(f"nested more than {MAX_DEPTH} deep")

    def leave(self) -> None:
        self.depth -= 1

    def make(self, op: Op, args: tuple[Node, ...] | list[Node], data: object = None) -> Node:
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
                    return "".join(parts)
            else:
                parts.append(token.text)

    def scripts(self) -> tuple[list[Node] | None, list[Node] | None]:
        """Subscript and superscript in any order; see `range_of`."""
        low = high = None
        while self.token.kind == "operator" and self.token.text in "_^":
            mark = self.advance().text
            node = self.script()
            if mark == "_":
                low = [node]
            else:
                high = [node]
        return low, high

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
        return inner.args if inner.op is Op.LIST and inner.data in (",", ";") else (inner,)

    def is_inverse_call(self) -> bool:
        texts = [self.peek(ahead).text for ahead in range(6)]
        return (texts[:5] == ["^", "{", "-", "1", "}"] and texts[5] == "(") or texts[1:4] == ["-", "1", "("]

    def skip_inverse(self) -> None:
        while self.token.text != "(":
            self.advance()

    def function(self) -> Node:
        """A function with its power, base and argument."""
        name = self.advance().text
        base: Node | None = None
        power: Node | None = None
        while self.token.kind == "operator" and self.token.text in "_^":
            if self.advance().text == "_":
                base = self.script()
            elif self.token.kind == "operator" and self.token.text == "-":
                self.advance()
                self.expect("number", "1")
                power = number(-1)
            else:
                power = self.script()
        if power == number(-1) and name in _INVERSE:
            name, power = _INVERSE[name], None
        args = self.function_arguments(name)
        node = self.call(name, base, args)
        return node if power is None else self.make(Op.POW, (node, power))

    def function_arguments(self, name: str) -> tuple[Node, ...]:
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

    def call(self, name: str, base: Node | None, args: tuple[Node, ...]) -> Node:
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
        if name == "cis":
            i = constant("i")
            return self.make(
                Op.ADD,
                (self.make(Op.CALL, args, "cos"), self.make(Op.MUL, (i, self.make(Op.CALL, args, "sin")))),
            )
        return self.make(Op.CALL, args, name)

    def structure(self) -> Node:
        """What a structural command introduces."""
        name = self.token.text
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
        if name in ("transparent", "overline"):
            if self.token.kind == "open" and self.token.text == "{":
                return self.bracket()
            return self.script()
        if name == "partial":
            return symbol("\\partial")
        return self.fail(f"the command \\{name} is not read here")

    def number_set(self) -> Node:
        text = self.script_text()
        if self.at_operator("^") and self.peek().text in "+-*":
            self.advance()
            text += self.advance().text
        return constant(text) if text in ("R", "Q", "Z", "N", "C") else symbol(f"mathbb{text}")

    def fraction(self) -> Node:
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
        node = self.power()
        while self.starts_factor(node):
            node = self.make(Op.MUL, (node, self.power()))
        return node

    def root(self, name: str) -> Node:
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
        self.expect("open", "{")
        period = self.expect("number").text
        self.expect("close", "}")
        whole, point, decimals = digits.partition(".")
        if not point or not period.isdigit():
            self.fail("a period that is no run of digits")
        value = Fraction(f"{whole or '0'}.{decimals or '0'}")
        value += Fraction(int(period), (10 ** len(period) - 1) * 10 ** len(decimals))
        return Number(value, Form.FRACTION)

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
        return self.peek().text == "("

    def based(self, node: Node) -> Node:
        self.advance()
        base = self.script()
        if base.op is not Op.NUMBER or not 2 <= base.data.value <= 36 or base.data.value.denominator != 1:
            self.fail("a number base from 2 to 36 must follow the subscript sign")
        value = node.data.value
        if value.denominator != 1 or value < 0:
            self.fail("only natural numbers are read in another base")
        digits = str(value.numerator)
        if any(int(digit) >= base.data.value for digit in digits):
            self.fail(f"{digits!r} is no number of base {base.data.value}")
        return self.make(Op.BASED, (), (digits, int(base.data.value)))

    def series(self, name: str) -> Node:
        low, high = self.scripts()
        if low is None or high is None or low[0].op is not Op.RELATION or low[0].data != ("=",):
            self.fail(f"\\{name} without its range")
        index, first = low[0].args
        if index.op not in (Op.SYMBOL, Op.CONSTANT):
            self.fail(f"\\{name} without an index")
        self.enter()
        body = self.product()
        self.leave()
        return self.make(Op.SERIES, (first, high[0], body), (name, index.data))

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
        self.advance()
        low, high = self.scripts()
        self.integrals += 1
        self.enter()
        body = number(1) if self.at_differential() else self.sum()
        self.leave()
        self.integrals -= 1
        variable = self.differential()
        if (low is None) != (high is None):
            self.fail("an integral with one limit")
        args = (body,) if low is None or high is None else (body, low[0], high[0])
        return self.make(Op.INTEGRAL, args, variable)

    def at_differential(self) -> bool:
        token = self.token
        if token.kind == "word" and len(token.text) > 1 and token.text[0] == "d":
            return len(token.text) == 2
        following = self.peek()
        return token.kind == "word" and token.text == "d" and following.kind in ("word", "letter")

    def differential(self) -> str:
        if not self.at_differential():
            self.fail("an integral without its variable")
        if len(self.token.text) > 1:
            self.split_word()
        self.advance()
        return self.advance().text

    def environment(self) -> Node:
        r"""What stands between \begin{..} and \end{..}."""
        name = self.script_text()
        if name in _MATRICES:
            if name == "array":
                self.script_text()
            rows = self.rows(name)
            if len({len(row) for row in rows}) != 1:
                self.fail("a matrix with rows of different lengths")
            node = self.make(Op.MATRIX, [self.make(Op.LIST, row, ",") for row in rows])
            return self.make(Op.CALL, (node,), "det") if name in ("vmatrix", "Vmatrix") else node
        if name == "cases":
            return self.make(Op.CASES, [self.make(Op.LIST, row, ",") for row in self.rows(name)])
        if name.rstrip("*") in _SYSTEMS:
            rows = self.rows(name, joined=True)
            clauses = [row[0] for row in rows]
            return clauses[0] if len(clauses) == 1 else self.make(Op.LIST, clauses, ",")
        return self.fail(f"the environment {name!r} is unknown")

    def system(self) -> Node:
        """Rows behind one big brace: a system of equations."""
        self.advance()
        name = self.script_text()
        if name == "array":
            self.script_text()
        clauses = [row[0] for row in self.rows(name, joined=True)]
        if self.token.kind == "close" and self.token.text == r"\}":
            self.advance()
        return clauses[0] if len(clauses) == 1 else self.make(Op.LIST, clauses, ",")

    def rows(self, name: str, joined: bool = False) -> list[list[Node]]:
        self.enter()
        if joined:  # alignment marks mean nothing there
            depth, kept = 0, self.tokens[: self.at]
            for token in self.tokens[self.at :]:
                depth += token.text == "begin"
                if not (token.kind == "operator" and token.text == "&" and depth == 0):
                    kept.append(token)
            self.tokens = kept
        rows: list[list[Node]] = []
        row: list[Node] = []
        bars, self.bars = self.bars, 0
        while True:
            if self.at_structure("end"):
                break
            if self.token.kind == "separator" and self.token.text == "\\\\":
                self.advance()
                continue
            row.append(self.cell())
            if self.at_operator("&"):
                self.advance()
                continue
            rows.append(row)
            row = []
            if self.token.kind == "separator" and self.token.text in (",", ";"):
                self.advance()
        self.bars = bars
        self.advance()
        if self.script_text() != name or row or not rows:
            self.fail(f"the environment {name!r} is broken")
        self.leave()
        return rows

    def cell(self) -> Node:
        words = []
        while self.token.kind == "text" and self.token.text.lower() in _CONDITION_WORDS:
            words.append(self.advance().text.lower())
        if words and words[-1] not in _FIRST_CONDITION:
            return symbol("otherwise")
        node = self.clause()
        while self.token.kind == "separator" and self.token.text == "," and self.peek().text in ("&",):
            self.advance()
        return node


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
