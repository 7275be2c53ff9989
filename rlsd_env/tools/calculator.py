"""`calculator`: the value of an expression, read and bounded as the verifiers read answers; nothing is executed."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, ClassVar

from rlsd_env.task import without_placeholders
from rlsd_env.tools.base import Seen, Tool, ToolError, ToolResult, required
from verifiers.expressions.approximate import Approximation, context, is_real
from verifiers.expressions.errors import NoValueError, ParseError, TooLargeError, UndecidedError
from verifiers.expressions.exact import exact
from verifiers.expressions.parser import parse
from verifiers.expressions.tree import Node, free_symbols
from verifiers.expressions.work import limited

MOST_CHARACTERS = 300
MOST_DIGITS = 100
"""Integers with more digits are given to `SIGNIFICANT` digits."""
SIGNIFICANT = 12
WORKING_DIGITS = 30


class Calculator(Tool):
    """Computes a number: exactly where it is rational, else to 12 significant digits."""

    name = "calculator"
    description = "compute a number"
    parameters: ClassVar[Mapping[str, str]] = {"expression": "e.g. 3*(4+5)/2, sqrt(2), 2^10, sin(pi/6), 7!"}

    def __call__(self, arguments: Mapping[str, Any], seen: Seen) -> ToolResult:
        """Return the value; see `Tool`."""
        expression = required(arguments, "expression")
        if not isinstance(expression, str) or not expression.strip():
            raise ToolError(f"expression {expression!r}: it must be a text such as '3*(4+5)'")
        if len(expression) > MOST_CHARACTERS:
            raise ToolError(f"the expression has {len(expression)} characters; at most {MOST_CHARACTERS} are read")
        try:
            # Without grouping "1,000" is two numbers, as in every calculator.
            tree = parse(expression.replace("**", "^"), grouping=False)
            if names := sorted(free_symbols(tree)):
                raise ToolError(f"{expression}: {', '.join(names)} has no value; only numbers can be computed")
            with limited():
                return ToolResult(f"{without_placeholders(expression)} {_value(tree)}")
        except ParseError as error:
            raise ToolError(f"{expression}: cannot be read ({error})") from error
        except UndecidedError as error:
            raise ToolError(f"{expression}: is not a single number") from error
        except NoValueError as error:
            raise ToolError(f"{expression}: has no value (is it a division by zero?)") from error
        except (TooLargeError, OverflowError) as error:
            raise ToolError(f"{expression}: is too large to be computed") from error


def _value(tree: Node) -> str:
    try:
        return _rational(exact(tree))
    except UndecidedError:
        value = Approximation(WORKING_DIGITS, {}).value(tree)
    if not is_real(value, WORKING_DIGITS):
        raise ToolError("the value is not a real number")
    return f"= {context(WORKING_DIGITS).nstr(getattr(value, 'real', value), SIGNIFICANT).removesuffix('.0')} (rounded)"


def _rational(value: Fraction) -> str:
    if value.denominator == 1 and abs(value) < 10**MOST_DIGITS:
        return f"= {value.numerator}"
    rounded = context(WORKING_DIGITS).mpf(value.numerator) / value.denominator
    decimal = context(WORKING_DIGITS).nstr(rounded, SIGNIFICANT)
    if Fraction(decimal) == value:
        return f"= {decimal}"
    fraction = "" if max(abs(value.numerator), value.denominator) > 10**SIGNIFICANT else f"= {value} "
    return f"{fraction}= {decimal} (rounded)"
