r"""ZeroBench: `ZeroBenchVerifier`, for the 100 questions and the 334 subquestions.

The official rule: in the response in lower case, the content of the last `{..}` within one line, up to the first
closing brace, must be the gold answer, stripped and in lower case, character by character. Nothing else is
normalised: "{11.9}" is not "11.90", and `{\frac{1}{2}}` reads as `\frac{1`.

Strict mode reads the last braces that are not an argument of a LaTeX command, balanced, and compares by value.

`metrics` groups rows by question: pass@1 is the mean over all samples; with k samples of every question there are
pass@k (any is right) and k/k (all are right) besides, as in the leaderboard's pass@5 and 5/5.

Source: the prompt and rule of jonathan-roberts1/zerobench (arXiv 2502.09696).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from verifiers.official.base import BenchmarkVerifier, judged, mean
from verifiers.official.texts import region
from verifiers.types import Reference, Verdict

_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_ARGUMENT = re.compile(r"(?:\\[A-Za-z]+[ \t]{0,3}(?:\[[^\[\]]{0,20}\])?|[\^_}])$")
_WINDOW = 100_000
"""How much of the end of a response strict mode looks for braces in."""
_BOX = re.compile(r"\\f?box(?:ed)?[ \t]{0,3}$")


class ZeroBenchVerifier(BenchmarkVerifier):
    """ZeroBench, rows of `jonathan-roberts1/zerobench`: columns question_id and question_answer (or answer)."""

    name = "zerobench"
    where: ClassVar[str] = "curly braces, like this: {final answer}"
    id_column = "question_id"

    def reference(self, row: Mapping[str, Any]) -> Reference:
        """The reference of one row."""
        column = "answer" if "answer" in row and "question_answer" not in row else "question_answer"
        gold = str(self.gold(row, column))
        return Reference(answer=gold, extras={"id": str(row.get("question_id", ""))})

    def official(self, response: str, reference: Reference) -> Verdict:
        """The official rule; see the module."""
        answer = last_braces(response)
        return judged(answer == reference.answer.strip().lower(), answer, "curly_braces")

    def marked(self, response: str) -> tuple[str, str]:
        """Put the last free-standing braces of the answer region into `<answer>` tags."""
        before, after = region(response)
        start = max(0, len(after) - _WINDOW)
        span = last_group(after[start:])
        if span is None:
            return response, ""
        start, end = start + span[0], start + span[1]
        return f"{before}{after[:start]}<answer>{after[start + 1 : end]}</answer>{after[end + 1 :]}", "curly_braces"

    def group_metrics(self, rows: Sequence[Mapping[str, Any]], scores: Sequence[float]) -> dict[str, float]:
        """pass@1, and with k samples of every question pass@k and k/k.

        Raises:
            ValueError: a question has more or fewer samples than another.

        """
        samples: dict[str, list[float]] = {}
        for row, score in zip(rows, scores):
            samples.setdefault(str(self.column(row, "question_id")), []).append(score)
        numbers = {"pass@1": mean(scores)}
        counts = {len(group): question for question, group in samples.items()}
        if len(counts) > 1:
            (fewer, one), (more, other) = sorted(counts.items())[:: len(counts) - 1]
            raise ValueError(f"question {one!r} has {fewer} samples but {other!r} has {more}; all need the same number")
        if samples and (k := next(iter(counts))) > 1:
            numbers[f"pass@{k}"] = mean([max(group) for group in samples.values()])
            numbers[f"{k}/{k}"] = mean([min(group) for group in samples.values()])
        return numbers


def last_braces(response: str) -> str | None:
    """The content of the last braces in lower case, by the official rule; None for none. Linear in the length."""
    text = response.lower().strip()
    end = len(text)
    while end >= 0:
        start = text.rfind("\n", 0, end) + 1
        found = _last_in_line(text[start:end])
        if found is not None:
            return found.strip()
        end = start - 1
    return None


def _last_in_line(line: str) -> str | None:
    found, opening = None, line.find("{")
    while opening >= 0 and (closing := line.find("}", opening)) >= 0:
        found = line[opening + 1 : closing]
        opening = line.find("{", closing)
    return found


def last_group(text: str) -> tuple[int, int] | None:
    r"""Where the last outermost balanced braces with something in them are, unless they are a command's argument.

    Escaped braces and unclosed ones do not count. A `\boxed{}` that comes last is left to the general rules.

    Returns:
        The positions of both braces, or None.

    """
    opened: list[int] = []
    outermost: list[tuple[int, int]] = []
    for match in _BRACE.finditer(text):
        mark = match.group()
        if mark == "{":
            opened.append(match.start())
        elif mark == "}" and opened:
            start = opened.pop()
            while outermost and outermost[-1][0] > start:  # inside this one
                outermost.pop()
            outermost.append((start, match.start()))
    for start, end in reversed(outermost):
        before = text[max(0, start - 40) : start]
        if _BOX.search(before):
            return None
        if not _ARGUMENT.search(before) and text[start + 1 : end].strip():
            return start, end
    return None
