r"""The number that MATH-V's official scorer reads from a LaTeX answer: `value_of`.

The official rule hands the answer to `latex2sympy2` 1.9.1 and the result's text to Python's `eval`. Here a
recursive-descent parser of our own computes the number; nothing is ever evaluated as code. Kept are:

1. Only a prefix has to parse: "5.so" is 5, "5)" is 5, and "8triangles" is 8, since "tr" (trace) is a token
   that cannot follow a number. What could go on and does not ("5+", "5,x", "5x", "5°") is no number.
2. Sums, products (`*`, `\times`, `\cdot`, implicit), quotients (`/`, `:`, `\div`, `\over`), powers (from the
   left: 2^3^2 is 64), `\frac`, `\sqrt`, `\binom`, `\choose`, factorials, percentages, `\lfloor`, `\pi`, powers
   of e, `\log`, sine and its relatives. An implicit product binds tighter than a quotient: 1/2(3) is 1/6.
3. Whole numbers are Python integers, everything that was divided is a float.

What differs: whatever ends in a name that `eval` does not know (letters, `\ln`, `|x|`, `\max`, sums, integrals)
is refused outright, and so are determinants, `\gcd`, comparisons and `\tau`, which the original can evaluate.
Quotients are computed as written, where sympy 1.14 loses brackets in printing some: -\frac{3}{2\sqrt{3}} is -0.87
here and -2.60 there. What the original would compute for minutes is refused: more than `MAX_CHARS` characters,
`MAX_DEPTH` levels of brackets, or a number of more than about 10,000 digits.

Source: `latex2sympy2` 1.9.1 (`PS.g4`, `latex2sympy2.py`), and `evaluation/utils.py` of mathllm/MATH-V.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction

MAX_CHARS = 2_000
"""Longest prefix that is read."""
MAX_DEPTH = 50
"""Most levels of brackets, fractions and arguments within one another."""
MAX_BITS = 33_000
"""Largest integer that is computed: about 10,000 decimal digits."""
MAX_FACTORIAL = 3_000
"""Largest argument of a factorial or a binomial coefficient."""

_NUMBER = r"[0-9]*(?:,[0-9]{3})*\.[0-9]+|[0-9]+(?:,[0-9]{3})*"
_CLOSING = {"(": ")", "{": "}", "[": "]", r"\{": r"\}", r"\lbrace": r"\rbrace", r"\lbrack": r"\rbrack"}
_CLOSING |= {r"\lgroup": r"\rgroup", r"\lfloor": r"\rfloor"}
_TIMES = ("*", r"\times", r"\cdot")
_DIVIDE = ("/", r"\div", r"\over", ":")
_PRIMES = ("'", r"^{\top}")
_BINOMIALS = (r"\binom", r"\tbinom", r"\dbinom")
_TRIGONOMETRY = ("sin", "cos", "tan", "sinh", "cosh", "tanh")
_FUNCTIONS: dict[str, Callable[..., float]] = {
    rf"\{name}": getattr(math, name) for name in (*_TRIGONOMETRY, "exp", "floor", "log")
}
_FUNCTIONS |= {rf"\arc{name}": getattr(math, f"a{name}") for name in _TRIGONOMETRY}
_FUNCTIONS |= {rf"\ar{name}": getattr(math, f"a{name}") for name in ("sinh", "cosh", "tanh")}
_INVERSES: dict[str, Callable[..., float]] = {rf"\{name}": getattr(math, f"a{name}") for name in _TRIGONOMETRY}
_PLAIN_OPERANDS = ("0", *_CLOSING, r"\left", r"\mleft", r"\pi", r"\frac", *_BINOMIALS)
_FUNCTION_OPERANDS = (r"\sqrt", "e", *_FUNCTIONS)
# tokens that cannot follow a complete number (no "^" after "5!"), so that it ends there; the words are names
_STOPS = (
    "", ".", "_", "^", "&", r"\\", "<->", "<=>", *_CLOSING.values(),
    r"\right", r"\mright", r"\choose", r"\to", r"\rightarrow", r"\longrightarrow", r"\leftrightarrow", r"\xrightarrow",
    r"\rvert", r"\lrcorner", r"\rceil", r"\urcorner", r"\end{matrix}", r"\end{pmatrix}", r"\end{bmatrix}",
    r"\end{vmatrix}", "arsinh", "arcsinh", "arcosh", "arccosh", "artanh", "arctanh", "gcd", "lcm", "floor", "ceil",
    "eye", "zeros", "ones", "cols", "rows", "diag", "norm", "rank", "tr", "rref", "hstack", "vstack", "orth",
    "nullspace", "eig", "svd", "matrix", "pmatrix", "bmatrix", "vmatrix",
)  # fmt: skip
_REFUSED = ("!=", r"\overline", r"\overrightarrow")  # never a number, and begin with a token that may be in one
_OTHERS = ("+", "-", "^", "!", *_PRIMES, *_TIMES, *_DIVIDE, *_REFUSED)
_WORDS = sorted({*_OTHERS, *_PLAIN_OPERANDS, *_FUNCTION_OPERANDS, *_STOPS} - {"", "0"}, key=len, reverse=True)
_TOKEN = re.compile(rf"[ \t\r\n]*(?:({_NUMBER})(\\%)?|({'|'.join(map(re.escape, _WORDS))})|\Z)")

_PERMUTATION = re.compile(r"\(([a-zA-Z0-9+\-*/\\ ]+?)\)_\{([a-zA-Z0-9+\-*/\\ ]+?)\}")
_SPACES = (r"\displaystyle", r"\quad", r"\qquad", "~", r"\,", "$")


class _RefusedError(Exception):
    """The text is no number under these rules."""


def value_of(text: str) -> int | float | None:
    r"""The number that the official rule reads from an answer in lower case.

    Args:
        text: the answer, e.g. "\frac{3}{4}\pi" or "60.degrees".

    Returns:
        The number, not rounded; None where the official rule would fail.

    """
    try:
        return _Parser(_prepared(text)).number()
    except (_RefusedError, ArithmeticError, ValueError, TypeError):
        return None


def _prepared(text: str) -> str:
    if len(text) > MAX_CHARS:
        text = text[:MAX_CHARS] + "\0"  # no token: whatever gets that far is refused
    text = text.replace(r"\dfrac", r"\frac").replace(r"\tfrac", r"\frac")
    text = _PERMUTATION.sub(r"\\frac{(\1)!}{((\1)-(\2))!}", text)
    for space in _SPACES:
        text = text.replace(space, " ")
    return text


class _Parser:
    """One pass over the tokens, with one token of lookahead, as the grammar needs.

    A token is its text; "0" stands for every number, "" for the end, and NUL for text that is no token.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._depth = 0
        self._literal: int | float = 0
        self._token = ""
        self._advance()

    def number(self) -> int | float:
        """The number that the text begins with."""
        value = self._sum()
        if self._token not in _STOPS:
            raise _RefusedError
        return value

    def _advance(self) -> None:
        match = _TOKEN.match(self._text, self._position)
        if match is None:
            self._token = "\0"
            return
        self._position = match.end()
        digits, percent, word = match.groups()
        self._token = "0" if digits else word or ""
        if digits:
            exact = Fraction(digits.replace(",", "")) / (100 if percent else 1)
            self._literal = int(exact) if exact.denominator == 1 else exact.numerator / exact.denominator

    def _took(self, *tokens: str) -> bool:
        if self._token not in tokens:
            return False
        self._advance()
        return True

    def _take(self, token: str) -> None:
        if not self._took(token):
            raise _RefusedError

    def _sum(self) -> int | float:
        value = self._product()
        while self._token in ("+", "-"):
            sign = -1 if self._token == "-" else 1
            self._advance()
            value += sign * self._product()
        return value

    def _product(self, functions: bool = True) -> int | float:
        value = self._signed(functions)
        while self._token in _TIMES or self._token in _DIVIDE:
            divide = self._token in _DIVIDE
            self._advance()
            factor = self._signed(functions)
            value = value / factor if divide else _times(value, factor)
        return value

    def _signed(self, functions: bool) -> int | float:
        """Signs, and factors without a sign between them; `functions`: whether the later ones may be functions."""
        sign = 1
        while self._token in ("+", "-"):
            sign = -sign if self._token == "-" else sign
            self._advance()
        value = self._postfix()
        while self._token in _PLAIN_OPERANDS or (functions and self._token in _FUNCTION_OPERANDS):
            value = _times(value, self._postfix())
        return sign * value

    def _postfix(self) -> int | float:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _RefusedError
        value = self._operand()
        while self._took("^"):
            value = _power(value, self._script())
            if self._took("_"):
                self._script()
        while self._token == "!" or self._token in _PRIMES:
            if self._token == "!":
                value = _factorial(value)
            self._advance()
        self._depth -= 1
        return value

    def _script(self) -> int | float:
        """What may stand after "^" or "_": one number, one symbol, or an expression in braces."""
        if self._token == "{":
            return self._group()
        if self._token not in ("0", r"\pi"):
            raise _RefusedError
        return self._operand()

    def _operand(self) -> int | float:
        token = self._token
        if token in _CLOSING:
            return self._group()
        value = self._literal
        self._advance()
        if token == "0":
            return value
        if token == r"\pi":
            return math.pi
        if token in (r"\left", r"\mleft"):
            return self._group(r"\right" if token == r"\left" else r"\mright")
        if token == r"\frac":
            return self._group(only="{") / self._group(only="{")
        if token in _BINOMIALS:
            return _binomial(self._group(only="{"), self._group(only="{"))
        if token == r"\sqrt":
            root = self._group() if self._token == "[" else None
            radicand = self._group(only="{")
            return math.sqrt(radicand) if root in (None, 2) else _power(radicand, 1 / root)
        if token == "e":
            self._take("^")
            exponent = self._script()
            if self._token == "_":
                raise _RefusedError
            return _exponential(exponent)
        if token in _FUNCTIONS:
            return self._function(token)
        raise _RefusedError

    def _group(self, before_closing: str = "", only: str = "") -> int | float:
        """An expression in brackets; `only` these, and with `before_closing` in front of the closing one."""
        opening = self._token
        if opening not in _CLOSING or (only and opening != only):
            raise _RefusedError
        self._advance()
        value = self._sum()
        if opening == "{" and self._took(r"\choose"):
            value = _binomial(value, self._sum())
        if before_closing:
            self._take(before_closing)
        self._take(_CLOSING[opening])
        return math.floor(value) if opening == r"\lfloor" else value

    def _function(self, name: str) -> int | float:
        base = power = None
        for _ in range(2):
            if base is None and self._took("_"):
                base = self._script()
            elif power is None and self._took("^"):
                power = self._script()
        if self._token == "(":
            argument = self._group()
        elif self._took(r"\left"):
            argument = self._group(r"\right", only="(")
        else:
            argument = self._product(functions=False)
        if name == r"\log":
            value = math.log(argument, 10 if base is None else base)
        elif name == r"\exp":
            value = _exponential(argument)
        elif power == -1 and name in _INVERSES:
            return _INVERSES[name](argument)
        else:
            value = _FUNCTIONS[name](argument)
        return _power(value, power) if power else value


def _times(left: int | float, right: int | float) -> int | float:
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() > MAX_BITS:
        raise _RefusedError
    return left * right


def _power(base: int | float, exponent: int | float) -> int | float:
    whole = isinstance(base, int) and isinstance(exponent, int)
    if whole and abs(base) > 1 and abs(exponent) * int(base).bit_length() > MAX_BITS:
        raise _RefusedError
    result = base**exponent
    if isinstance(result, complex):
        raise _RefusedError
    return result


def _exponential(exponent: int | float) -> int | float:
    if exponent == 1:  # the original prints "E", a name that `eval` does not know
        raise _RefusedError
    return math.exp(exponent)


def _factorial(number: int | float) -> int:
    if not isinstance(number, int) or not 0 <= number <= MAX_FACTORIAL:
        raise _RefusedError
    return math.factorial(number)


def _binomial(top: int | float, bottom: int | float) -> int:
    if not isinstance(top, int) or not isinstance(bottom, int) or not 0 <= top <= MAX_FACTORIAL:
        raise _RefusedError
    return math.comb(top, bottom) if bottom >= 0 else 0
