"""Names and their values, "x = 3" in all its spellings, and calculations, "2 + 3 = 5"."""

from __future__ import annotations

from dataclasses import dataclass

from verifiers.expressions.tree import FUNCTIONS, Node, Op, free_symbols, substitute, symbol


@dataclass(frozen=True, slots=True)
class Chain:
    """A calculation and its result.

    Attributes:
        value: the last term.
        rounded: what follows a sign ≈ at its end.
        steps: the terms before the value.

    """

    value: Node
    rounded: Node | None
    steps: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Assignment(Chain):
    """A name and the value that an equation gives it; its steps are the terms between.

    Attributes:
        name: the name.

    """

    name: Node


def is_name(node: Node) -> bool:
    """Whether a tree names something: x, f(x), AB, |AB|, NO/BO, (p, q)."""
    if node.op is Op.SYMBOL:
        return True
    if node.op is Op.CALL:
        return (
            node.data not in FUNCTIONS
            or (node.data not in ("abs", "norm") and all(map(is_name, node.args)))
            or (node.data in ("abs", "norm") and node.args[0].op is Op.MUL and is_name(node.args[0]))
        )
    if node.op is Op.MUL and node.args[0] == Node(Op.SYMBOL, data="m"):  # m∠A
        return len(node.args) == 2 and node.args[1].op is Op.SYMBOL and node.args[1].data.startswith("∠")
    if node.op is Op.MUL:
        return all(part.op is Op.SYMBOL and part.data[:1].isupper() for part in node.args)
    if node.op is Op.SET_OPERATION:
        return all(part.op is Op.SYMBOL and part.data[:1].isupper() for part in node.args)
    if node.op in (Op.DIV, Op.RATIO, Op.GROUP, Op.LIST):
        return all(map(is_name, node.args))
    return False


def assignment(node: Node) -> Assignment | None:
    """The assignment that a relation is, if it is one; of a chain "x = a = b" the last value counts."""
    if node.op is not Op.RELATION or not set(node.data) <= {"=", "~"}:
        return None
    terms, rounded = list(node.args), None
    if node.data[-1] == "~" and len(terms) > 2:
        rounded = terms.pop()
    if "~" in node.data[: len(terms) - 2]:
        return None
    name, value = terms[0], terms[-1]
    if not is_name(name):
        if len(terms) != 2 or not is_name(value) or is_name(name):
            return None
        name, value = value, name
    elif is_name(value) and len(terms) == 2 and name.op is Op.SYMBOL:
        return None  # "x = y"
    if name.op is Op.SYMBOL and free_symbols(name) & free_symbols(value):
        return None  # "x = 2x - 1" is an equation to solve
    return Assignment(value, rounded, tuple(terms[1:-1]), name)


def calculation(node: Node) -> Chain | None:
    r"""The chain "2 + 3 = 5" or "2\pi \approx 6.28", if a relation is one; whether it holds is for others to say."""
    if node.op is not Op.RELATION or set(node.data[:-1]) - {"="} or node.data[-1] not in ("=", "~"):
        return None
    *steps, value = node.args
    rounded = value if node.data[-1] == "~" else None
    if rounded is not None:
        *steps, value = steps
    if all(step == value for step in steps) and rounded is None:
        return None  # "5 = 5" says nothing
    return Chain(value, rounded, tuple(steps))


def final_value(node: Node) -> Node:
    """The value that an equation ends in, "5" of "x = 2 + 3 = 5"; anything else as it is."""
    chain: Chain | None = assignment(node) or calculation(node)
    return node if chain is None else chain.value


def renamed(gold: Assignment, answer: Assignment) -> Assignment | None:
    """The answer's "f(t) = t" with the gold's argument, "f(x) = x"; None where the names truly differ."""
    first, second = gold.name, answer.name
    if first.op is not Op.CALL or second.op is not Op.CALL or first.data != second.data:
        return None
    if len(first.args) != len(second.args) or any(arg.op is not Op.SYMBOL for arg in (*first.args, *second.args)):
        return None
    value = answer.value
    for old, new in zip(second.args, first.args):
        value = substitute(value, old.data, new)
    return Assignment(value, None, (), first)


def named_point(node: Node) -> Node:
    """The equation "P = (5, 7)" that "P(5, 7)" stands for, where points are compared; anything else as it is."""
    name, numbers = None, node.args
    if node.op is Op.CALL:
        name = symbol(str(node.data))
    elif node.op is Op.MUL and len(node.args) == 2 and node.args[1].op is Op.GROUP and node.args[1].data == "()":
        name, numbers = node.args[0], node.args[1].args
    if name is None or name.op is not Op.SYMBOL or not (len(name.data) == 1 and name.data.isupper()):
        return node
    if len(numbers) < 2 or any(map(free_symbols, numbers)):
        return node
    return Node(Op.RELATION, (name, Node(Op.GROUP, numbers, "()")), ("=",))


def spread(gold: Node, answer: Node) -> tuple[Node, Node]:
    """Both trees, "(x, y) = (1, 2)" and "x = y = 1" as lists of assignments where the other one is such a list."""
    sides = [_spread(gold), _spread(answer)]
    lists = [bool(assigned_names(side)) for side in (gold, answer)]
    if sides[0] is not None and (lists[1] or sides[1] is not None):
        gold = sides[0]
    if sides[1] is not None and (lists[0] or sides[0] is not None):
        answer = sides[1]
    return gold, answer


def _spread(node: Node) -> Node | None:
    if node.op is not Op.RELATION or set(node.data) != {"="}:
        return None
    *names, value = node.args
    is_point = len(names) == 1 and names[0].op is value.op is Op.GROUP and len(names[0].args) == len(value.args)
    is_round = is_point and names[0].data == value.data == "()"
    if is_round and all(part.op is Op.SYMBOL for part in names[0].args):
        pairs = zip(names[0].args, value.args)
        return Node(Op.LIST, tuple(Node(Op.RELATION, pair, ("=",)) for pair in pairs), ",")
    if len(names) > 1 and all(name.op is Op.SYMBOL for name in names) and not free_symbols(value):
        return Node(Op.LIST, tuple(Node(Op.RELATION, (name, value), ("=",)) for name in names), ",")
    return None


def assigned_names(node: Node) -> list[Node]:
    """The names that the items of a list give values to."""
    if node.op not in (Op.LIST, Op.SET, Op.GROUP):
        return []
    items = [assignment(item) for item in node.args if item.op is Op.RELATION]
    return [item.name for item in items if item is not None]


def systems(node: Node) -> tuple[Node, ...]:
    """The solutions of a system, each a list of assignments: "x = 1, y = 2; x = 3, y = 4"; () for anything else."""
    if node.op is not Op.LIST:
        return ()
    found = tuple(_spread(item) or item for item in node.args)
    return found if all(item.op is Op.LIST and len(set(assigned_names(item))) > 1 for item in found) else ()


def same_unknown(names: list[Node], others: list[Node]) -> bool:
    """Whether two lists give all the values of one unknown: "x = 1, x = 2" and "x_1 = 1, x_2 = 2"."""
    first, second = set(names), set(others)
    if len(first) == len(second) == 1:
        return first == second
    alone = first if len(first) == 1 else second
    if len(alone) != 1 or alone != {_base_name(name) for name in alone}:
        return False
    return {_base_name(name) for name in first} == {_base_name(name) for name in second}


def solutions(node: Node, custom: bool = False) -> Node:
    """A list of assignments as the list of its values: "x = 1 or x = 2", "a = 4, -8", "AB = 4, CD = 5".

    Args:
        node: the list; anything else is returned as it is.
        custom: whether the values go by the alphabet, as those of a point (x, y, z) do.

    """
    if node.op not in (Op.LIST, Op.SET, Op.GROUP):
        return node
    items = [assignment(item) if item.op is Op.RELATION else None for item in node.args]
    if all(item is None for item in items):
        return Node(
            node.op, tuple(solutions(item, custom) if item.op is Op.LIST else item for item in node.args), node.data
        )
    if len({item.name for item in items if item is not None}) > 1 and None in items:
        return node
    spread: list[Node] = []
    pairs = list(zip(items, node.args))
    if custom and all(item is not None and item.name.op is Op.SYMBOL for item in items):
        pairs.sort(key=lambda pair: pair[0].name.data if pair[0] is not None else "")
    for item, plain in pairs:
        value = plain if item is None else item.value
        spread.extend(value.args if value.op is Op.LIST else (value,))
    return Node(node.op, tuple(spread), node.data)


def _base_name(name: Node) -> Node:
    if name.op is Op.SYMBOL:
        return Node(Op.SYMBOL, data=name.data.partition("_")[0])
    return name
