"""The parser's values with units: "5 cm", "1 hour 30 minutes", "2 m + 30 cm"."""

from __future__ import annotations

from verifiers.expressions import units
from verifiers.expressions.tree import Node, Op, number
from verifiers.expressions.values import ValueParser


class QuantityParser(ValueParser):
    """Reads units and what is calculated with them."""

    def calculated(self, node: Node) -> Node:
        """A value with a unit, and what is added to it or multiplied with it."""
        terms, is_measured = [node], node.op is Op.QUANTITY
        while is_measured and self.token.kind == "operator" and self.token.text in "+-*/":
            sign = self.advance().text
            right = self.with_unit(self.product())
            if sign in "+-":
                terms.append(self.signed(sign, right))
            else:
                terms[-1] = self.times(terms[-1], right) if sign == "*" else self.make(Op.DIV, (terms[-1], right))
        return terms[0] if len(terms) == 1 else self.make(Op.ADD, terms)

    def with_unit(self, node: Node) -> Node:
        """The value with the unit that follows it, if one does."""
        if self.token.kind == "currency":
            return self.make(Op.QUANTITY, (node,), self.advance().text)
        starts = self.token.kind in ("text", "word") or self.token.text in ("\\Omega", "/")
        if not starts or node.op in (Op.GROUP, Op.SET):
            return node
        start = self.at
        unit = self.unit_text()
        mixed = self.mixed_units(node, start)
        if mixed is not None:
            return mixed
        if not units.is_unit(unit):
            self.at = start
            self.fail(f"{unit!r} is no unit")
        return self.make(Op.QUANTITY, (node,), unit)

    def unit_text(self) -> str:
        """The text of the unit at this place."""
        unit = ""
        while self.token.kind in ("text", "word", "letter", "number", "operator", "open", "close"):
            text = self.token.text
            in_exponent = unit[-1:] in ("^", "{")
            if self.token.kind == "operator" and text not in "/^*-":
                break
            if text in ("-", "*", "/") and self.peek().kind == "number" and not in_exponent:
                break  # 5 cm - 2 cm
            closes = text == "}" and unit.rfind("{") > unit.rfind("}")
            if self.token.kind in ("open", "close") and not closes and (text != "{" or unit[-1:] != "^"):
                break
            unit += " " if unit and unit[-1].isalpha() and self.token.kind in ("text", "word") else ""
            unit += self.advance().text
        return unit.replace("{", "").replace("}", "").strip(" .,")

    def mixed_units(self, node: Node, start: int) -> Node | None:
        """The value of "1 hour 30 minutes" in its first unit; None for anything else, which is left as it was."""
        end, self.at = self.at, start
        first = units.read_unit(self.advance().text)
        if first is not None and first.kind == "physical" and self.token.kind == "number":
            amount = self.number(self.advance())
            second = units.read_unit(self.token.text) if self.token.kind in ("word", "text") else None
            factor = None if second is None else units.ratio(second, first)
            if factor is not None:
                self.advance()
                rest = self.make(Op.MUL, (number(factor), amount))
                return self.make(Op.QUANTITY, (self.make(Op.ADD, (node, rest)),), self.tokens[start].text)
        self.at = end
        return None
