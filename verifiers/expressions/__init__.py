"""Mathematics in answers: a safe parser, exact and 50-digit values, equality of what answers can be.

Nothing is ever evaluated as code: text goes through a tokenizer and a recursive-descent parser into a small
tree, and every value is bounded in size before it is computed.
"""

from verifiers.expressions.equality import EqualityPolicy
from verifiers.expressions.equivalence import Equivalence
from verifiers.expressions.errors import NoValueError, ParseError, TooLargeError, UndecidedError
from verifiers.expressions.parser import parse
from verifiers.expressions.tree import Node, Op

__all__ = [
    "EqualityPolicy",
    "Equivalence",
    "NoValueError",
    "Node",
    "Op",
    "ParseError",
    "TooLargeError",
    "UndecidedError",
    "parse",
]
