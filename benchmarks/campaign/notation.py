r"""Trees as people and models write them: `Writer` for values.

There are three manners: "latex", "plain" ("sqrt(3)/2", "x**2") and "unicode" ("√3/2", "x²"). A writer draws every
choice that its manner leaves open, such as \frac or \dfrac, and keeps to some of them within an answer.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from benchmarks.campaign.trees import Node

SUM, PRODUCT, FRACTION, POWER, ATOM = range(1, 6)
"""How tightly a text holds together."""
MANNERS = ("latex", "latex", "latex", "plain", "unicode")
BRACKETS = (
    *[("(", ")")] * 5,
    *[(r"\left(", r"\right)")] * 5,
    (r"\mleft(", r"\mright)"),
    (r"\bigl(", r"\bigr)"),
    (r"\Big(", r"\Big)"),
    ("[", "]"),
    (r"\left[", r"\right]"),
)
BARS = (("|", "|"), (r"\left|", r"\right|"), (r"\lvert ", r"\rvert"), (r"\mleft|", r"\mright|"))
_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
Written = tuple[str, int]


class Writer:
    """Writes trees in one manner.

    Args:
        generator: of all choices.
        manner: "latex", "plain" or "unicode"; drawn where left out.

    """

    def __init__(self, generator: random.Random, manner: str | None = None) -> None:
        self.generator = generator
        self.manner = manner or generator.choice(MANNERS)
        self.latex = self.manner == "latex"
        self.fraction = generator.choice((r"\frac", r"\frac", r"\dfrac", r"\tfrac", r"\cfrac", "/"))
        self.pair = generator.choice(BRACKETS) if self.latex else ("(", ")")
        self.wide = generator.random() < 0.6
        self.minus = "−" if self.manner == "unicode" else "-"
        self.times = generator.choice((r"\cdot ", r" \cdot ", r"\times ", r" \times ") if self.latex else ("*", " * "))
        if self.manner == "unicode":
            self.times = generator.choice(("·", "×", " · "))

    def chance(self, share: float) -> bool:
        """Draw whether something is done."""
        return self.generator.random() < share

    def one(self, *options: str) -> str:
        """Draw one of several."""
        return self.generator.choice(options)

    def value(self, node: Node, least: int = SUM) -> str:
        """Write a value; in brackets where it holds together less than it has to."""
        text, tightness = self._written(node)
        return text if tightness >= least else self.bracketed(text)

    def whole(self, node: Node) -> str:
        """Write a value that is all of an answer, which may have thousands in groups."""
        number = node.args[0] if node.op == "neg" else node
        if number.op == "int" and number.data >= 1000 and self.chance(0.5):
            separator = self.one(",", "{,}", r"\,", r"\ ", ",\\!") if self.latex else self.one(",", ",", " ")
            return (self.minus if node is not number else "") + f"{number.data:,}".replace(",", separator)
        return self.value(node)

    def bracketed(self, text: str) -> str:
        """Put brackets around."""
        return f"{self.pair[0]}{text}{self.pair[1]}"

    def sign(self, text: str) -> str:
        """Write an operator or relation between two sides, spaced or not."""
        spaced = f" {text} " if self.wide else text
        return spaced if not text[-1].isalpha() or self.wide else spaced + " "

    def listed(self, texts: Sequence[str]) -> str:
        """Write elements one after the other, and none so that "1,250" might be one number."""
        comma = self.one(",", ", ", ", ", r",\ ", r",\,") if self.latex else self.one(",", ", ")
        text = comma.join(texts)
        return ", ".join(texts) if re.search(r"[0-9](?:,|,\\[ ,])[0-9]{3}(?![0-9])", text) else text

    def braced(self, text: str) -> str:
        """Write an argument of a command, without braces where TeX lets them be left out."""
        return text if len(text) == 1 and text.isdigit() and self.chance(0.3) else f"{{{text}}}"

    def _written(self, node: Node) -> Written:
        return getattr(self, f"_{node.op}")(node)

    def _int(self, node: Node) -> Written:
        return str(node.data), ATOM

    def _dec(self, node: Node) -> Written:
        return node.data, ATOM

    def _mixed(self, node: Node) -> Written:
        whole, top, bottom = node.data
        if not self.latex:
            return f"{whole} {top}/{bottom}", PRODUCT
        space = self.one("", " ", r"\,") if self.fraction != "/" else " "
        return f"{whole}{space}{self._fraction(str(top), str(bottom))}", PRODUCT

    def _sci(self, node: Node) -> Written:
        digits, exponent = node.data
        if self.latex:
            return rf"{digits} {self.one(chr(92) + 'times', chr(92) + 'cdot')} 10^{{{exponent}}}", PRODUCT
        if self.manner == "unicode":
            return f"{digits} × 10{str(exponent).translate(_SUPERSCRIPTS)}", PRODUCT
        exponent = f"({exponent})" if exponent < 0 and self.chance(0.5) else exponent
        return self.one(f"{digits}e{node.data[1]}", f"{digits}*10^{exponent}", f"{digits} x 10^{exponent}"), PRODUCT

    def _percent(self, node: Node) -> Written:
        text = self.value(node.args[0], ATOM)
        signs = (r"\%", r"\%", r"\,\%", r"\text{ percent}", "%") if self.latex else ("%", "%", " %", " percent")
        return text + self.one(*signs), PRODUCT

    def _pi(self, node: Node) -> Written:
        return {"latex": r"\pi", "plain": "pi", "unicode": "π"}[self.manner], ATOM

    def _e(self, node: Node) -> Written:
        return self.one("e", "e", r"\mathrm{e}") if self.latex else "e", ATOM

    def _i(self, node: Node) -> Written:
        return self.one("i", "i", r"\mathrm{i}") if self.latex else "i", ATOM

    def _inf(self, node: Node) -> Written:
        return {"latex": r"\infty", "plain": self.one("inf", "infinity", "oo"), "unicode": "∞"}[self.manner], ATOM

    def _sym(self, node: Node) -> Written:
        return node.data, ATOM

    def _neg(self, node: Node) -> Written:
        return self.minus + self.value(node.args[0], PRODUCT), SUM

    def _add(self, node: Node) -> Written:
        text = self.value(node.args[0])
        for term in node.args[1:]:
            sign, term = ("-", term.args[0]) if term.op == "neg" else ("+", term)
            text += self.sign(sign.replace("-", self.minus)) + self.value(term, PRODUCT)
        return text, SUM

    def _mul(self, node: Node) -> Written:
        text = ""
        for position, factor in enumerate(node.args):
            last = position == len(node.args) - 1
            own, tightness = self._written(factor)
            slashed = factor.op == "div" and "/" in own and "frac" not in own
            if tightness < FRACTION or slashed or (factor.op in ("call", "log") and not last):
                own = self.bracketed(own)
            if position:
                before = node.args[position - 1]
                own = (self._between(before, factor, text, own)) + own
            text += own
        return text, PRODUCT

    def _between(self, before: Node, factor: Node, left: str, right: str) -> str:
        """Choose the sign of a product, or none where it is clear without."""
        needed = right[0].isdigit() or right[0] in ".[" or left[-1] in ".]" or "/" in left
        numeric = {"int", "dec", "mixed", "sci", "percent"}
        needed |= before.op in numeric and factor.op in ("div", "factorial", "binomial", "percent", "degrees")
        needed |= before.op in ("call", "log") or factor.op in numeric
        needed |= factor.op == "e" and left[-1].isdigit()  # 27e+17 is another number
        named = left[-1].isalpha() and right[0].isalpha()
        needed |= (self.manner == "plain" and named) or (left[-1].isalpha() and right[0] == "(")
        if needed or self.chance(0.2):
            return self.times
        return " " if named else self.one("", "", " ") if self.wide else ""

    def _fraction(self, top: str, bottom: str) -> str:
        command = self.fraction
        if command == "/" or not self.latex:
            return f"{top}/{bottom}"
        first = self.braced(top)
        second = self.braced(bottom)
        if first[0] != "{":
            first = f" {first}" if self.chance(0.3) else first
        return f"{command}{first}{second}"

    def _div(self, node: Node) -> Written:
        top, bottom = node.args
        if self.latex and self.fraction != "/":
            if self.chance(0.03):
                return rf"{{{self.value(top)} \over {self.value(bottom)}}}", FRACTION
            return self._fraction(self.value(top), self.value(bottom)), FRACTION
        left, right = self.value(top, FRACTION), self.value(bottom, POWER)
        if "/" in right or bottom.op == "pow" or top.op in ("call", "log"):
            left = self.bracketed(left) if top.op in ("call", "log") else left
            right = self.bracketed(right) if right[0] not in "([" else right
        return f"{left}/{right}", PRODUCT

    def _pow(self, node: Node) -> Written:
        base, exponent = node.args
        if base.op == "call" and exponent.op == "int" and exponent.data > 1 and self.latex and self.chance(0.7):
            text, _ = self._call(base)
            command = (
                text[: text.index("{") + text[text.index("{") :].index("}") + 1]
                if text[:9] == r"\operator"
                else rf"\{base.data}"
            )
            return f"{command}^{self.braced(str(exponent.data))}{text[len(command) :]}", PRODUCT
        below = self.value(base, ATOM)
        if self.manner == "unicode" and exponent.op in ("int", "neg") and (exponent.args or (exponent,))[0].op == "int":
            digits = f"-{exponent.args[0].data}" if exponent.args else str(exponent.data)
            return below + digits.translate(_SUPERSCRIPTS), POWER
        above = self.value(exponent)
        if self.latex:
            return f"{below}^{above if len(above) == 1 and self.chance(0.6) else f'{{{above}}}'}", POWER
        sign = self.one("^", "^", "**") if self.manner == "plain" else "^"
        return f"{below}{sign}{above if len(above) == 1 or above.isdigit() else f'({above})'}", POWER

    def _root(self, node: Node) -> Written:
        inner, index = self.value(node.args[0]), node.data
        if self.latex:
            return rf"\sqrt{'' if index == 2 else f'[{index}]'}{self.braced(inner)}", ATOM
        if index > 2:
            return f"{self.value(node.args[0], ATOM)}^(1/{index})", POWER
        if self.manner == "plain":
            return f"sqrt({inner})", ATOM
        return f"√{inner if len(inner) == 1 else f'({inner})'}", ATOM

    def _call(self, node: Node) -> Written:
        inner, name = self.value(node.args[0]), node.data
        if not self.latex:
            return f"{name}({inner})", PRODUCT
        command = self.one(rf"\{name}", rf"\{name}", rf"\{name}", rf"\operatorname{{{name}}}")
        argument = node.args[0].args[0] if node.args[0].op == "degrees" else node.args[0]
        if argument.op in ("sym", "pi", "int") and self.chance(0.5):
            return f"{command} {inner}" if self.chance(0.5) else f"{command}{{{inner}}}", PRODUCT
        opener, closer = self.pair if self.pair[0][-1] == "(" else ("(", ")")
        return f"{command}{opener}{inner}{closer}", PRODUCT

    def _log(self, node: Node) -> Written:
        base, inner = node.args
        if base.op != "int":
            return self._div(Node("div", (Node("call", (inner,), "ln"), Node("call", (base,), "ln"))))
        below, text = str(base.data), self.value(inner)
        if self.manner == "plain":
            return f"log_{below}({text})", PRODUCT
        if self.manner == "unicode":
            return f"log{below.translate(_SUBSCRIPTS)}({text})", PRODUCT
        argument = self.one(f" {text}", f"{{{text}}}") if inner.op == "int" else rf"({text})"
        return rf"\log_{self.one(below, f'{{{below}}}') if len(below) == 1 else f'{{{below}}}'}{argument}", PRODUCT

    def _factorial(self, node: Node) -> Written:
        return f"{self.value(node.args[0], ATOM)}!", POWER

    def _binomial(self, node: Node) -> Written:
        top, bottom = (self.value(part) for part in node.args)
        return self.one(
            rf"\binom{{{top}}}{{{bottom}}}", rf"\dbinom{{{top}}}{{{bottom}}}", rf"{{{top} \choose {bottom}}}"
        ), ATOM

    def _abs(self, node: Node) -> Written:
        opener, closer = self.generator.choice(BARS) if self.latex else ("|", "|")
        return f"{opener}{self.value(node.args[0])}{closer}", ATOM

    def _degrees(self, node: Node) -> Written:
        return self.value(node.args[0], ATOM) + (self.one(r"^\circ", r"^{\circ}", "°") if self.latex else "°"), POWER

    def _det(self, node: Node) -> Written:
        matrix = node.args[0]
        rows = self.rows(matrix)
        array = rf"\begin{{array}}{{{'c' * matrix.data}}}{rows}\end{{array}}"
        return self.one(
            rf"\begin{{vmatrix}}{rows}\end{{vmatrix}}",
            rf"\det\begin{{pmatrix}}{rows}\end{{pmatrix}}",
            rf"\left|{array}\right|",
            rf"\det\left({array}\right)",
        ), ATOM

    def rows(self, matrix: Node) -> str:
        """Write what stands between the delimiters of a matrix."""
        columns = matrix.data
        cells = [self.value(cell) for cell in matrix.args]
        ampersand, line = self.one(("&"), " & "), self.one(r"\\", r" \\ ", "\\\\\n")
        return line.join(ampersand.join(cells[at : at + columns]) for at in range(0, len(cells), columns))
