"""The parser's matrices, piecewise definitions and systems: what stands between \\begin and \\end."""

from __future__ import annotations

from verifiers.expressions.reader import TokenReader
from verifiers.expressions.tree import Node, Op, symbol

_MATRICES = {f"{bracket}{size}matrix": "" for bracket in ("", "p", "b", "B") for size in ("", "small")} | {"array": ""}
_MATRICES |= {f"{bar}{size}matrix": name for bar, name in (("v", "det"), ("V", "norm")) for size in ("", "small")}
_CASES = frozenset({"cases", "dcases", "rcases", "drcases"})
_SYSTEMS = frozenset({"aligned", "align", "gathered", "split", "equation", "alignedat", "eqnarray"})
_FIRST_CONDITION = frozenset({"if", "for", "when", "where", "for all"})
_CONDITION_WORDS = _FIRST_CONDITION | {"otherwise", "else"}


class EnvironmentParser(TokenReader):
    """Reads environments."""

    def environment(self) -> Node:
        r"""What stands between \begin{..} and \end{..}."""
        name = self.script_text()
        kind = name.rstrip("*")
        if kind in _MATRICES:
            rows = self.rows(name)
            if len({len(row) for row in rows}) != 1:
                self.fail("a matrix with rows of different lengths")
            node = self.make(Op.MATRIX, [self.make(Op.LIST, row, ",") for row in rows])
            return self.make(Op.CALL, (node,), _MATRICES[kind]) if _MATRICES[kind] else node
        if kind in _CASES:
            rows = self.rows(name)
            if all(len(row) == 1 for row in rows):  # a system behind a brace
                return self.make(Op.LIST, [row[0] for row in rows], ",")
            return self.make(Op.CASES, [self.make(Op.LIST, row, ",") for row in rows])
        if kind in _SYSTEMS:
            rows = self.rows(name, joined=True)
            clauses = [row[0] for row in rows]
            return clauses[0] if len(clauses) == 1 else self.make(Op.LIST, clauses, ",")
        return self.fail(f"the environment {name!r} is unknown")

    def system(self) -> Node:
        """Rows behind one big brace: a system of equations."""
        self.advance()
        name = self.script_text()
        clauses = [row[0] for row in self.rows(name, joined=True)]
        if self.token.kind == "close" and self.token.text == r"\}":
            self.advance()
        return clauses[0] if len(clauses) == 1 else self.make(Op.LIST, clauses, ",")

    def rows(self, name: str, joined: bool = False) -> list[list[Node]]:
        """The rows of an environment up to its end."""
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
        """One cell of a matrix or of a piecewise definition."""
        words = []
        while self.token.kind == "text" and self.token.text.lower() in _CONDITION_WORDS:
            words.append(self.advance().text.lower())
        if words and words[-1] not in _FIRST_CONDITION:
            return symbol("otherwise")
        node = self.clause()
        while self.token.kind == "separator" and self.token.text == "," and self.peek().text in ("&",):
            self.advance()
        return node
