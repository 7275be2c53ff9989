r"""We-Math: `WeMathVerifier`.

The official rule: of what follows the last "Answer" (upper case A) the characters > < : . go, and the first
character, stripped, is the answer if it is one of A to H. So "Answer: (A)" and "**Answer: A**" fail, and a
response without "Answer" is judged by its own first character: "A square .." says A.

The metrics: a problem of two or three steps stands beside one question for each step. With j_i for "step i is
right" and m for "the whole problem is right", a group shows

- insufficient knowledge IK: some j_i is wrong and m is wrong;
- inadequate generalization IG: all j_i are right and m is wrong;
- complete mastery CM: strict, all j_i and m are right; loose, some j_i and m are right;
- rote memorization RM: strict, some j_i is wrong and m is right; loose, all j_i are wrong and m is right;

and the score is (n - .5 IG - RM - IK) / n over the n groups. What papers quote is the strict score. The rates are
IK/n, IG/n, CM/n and RM/(CM + RM). S1, S2 and S3 are the accuracies on questions of one, two and three steps.

What differs: n is the number of complete groups, 525 on the whole of testmini; where nothing was solved the rate
of RM is not a number, where the original fails. The accuracies by knowledge concept are left out.

Source: `evaluation/four_dimensional_metrics.py` and `evaluation/accuracy.py` of We-Math/We-Math (arXiv 2407.01284).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from verifiers.official.base import BenchmarkVerifier, judged, mean
from verifiers.official.texts import region
from verifiers.types import AnswerKind, Reference, Verdict

_LETTERS = "ABCDEFGH"
_REMOVED = str.maketrans("", "", "><:.")
_KEY = re.compile(r"([23])steps_([123]|multi)")
_TEMPLATE = re.compile(
    r"(?:<answer>|\banswer)[ \t]{0,9}:[ \t]{0,9}<<([^<>]{1,300})>>?"
    r"|<answer>[ \t]{0,9}:[ \t]{0,9}([^<>\n]{1,300})(?=\n|\Z)",
    re.IGNORECASE,
)
_PLACEHOLDER = "your option"


class WeMathVerifier(BenchmarkVerifier):
    """We-Math, rows of `We-Math/We-Math`: columns ID, answer, option, and for `metrics` ID and key."""

    name = "wemath"
    where: ClassVar[str] = "<Answer>: <<your option>>"
    id_column = "ID"

    def reference(self, row: Mapping[str, Any]) -> Reference:
        """The reference of one row: the gold letter, with the options' texts where they can be told apart."""
        gold = str(self.gold(row)).strip()
        if len(gold) != 1 or gold not in _LETTERS:
            raise ValueError(f"{self.which(row)}: column 'answer' is {gold!r}; it must be a letter from A to H")
        choices = split_options(str(self.column(row, "option")))
        if gold not in _LETTERS[: len(choices)]:
            choices = ()
        key = str(row.get("key", ""))
        return Reference(gold, AnswerKind.CHOICE, choices, extras={"id": str(row.get("ID", "")), "key": key})

    def official(self, response: str, reference: Reference) -> Verdict:
        """The official rule; see the module."""
        letter = official_letter(response)
        return judged(letter == reference.answer, letter, "official")

    def marked(self, response: str) -> tuple[str, str]:
        """Put what the template `<Answer>: <<B>>` holds into `<answer>` tags."""
        before, after = region(response)

        def tagged(match: re.Match[str]) -> str:
            content = (match[1] or match[2]).strip()
            return "" if content == _PLACEHOLDER else f"<answer>{content}</answer>"

        changed = _TEMPLATE.sub(tagged, after)
        return before + changed, "template" if changed != after else ""

    def group_metrics(self, rows: Sequence[Mapping[str, Any]], scores: Sequence[float]) -> dict[str, float]:
        """The four-dimensional metrics, strict and loose, and S1, S2 and S3.

        Raises:
            ValueError: a key is not of We-Math, or a question is there twice.

        """
        groups: dict[tuple[str, str], dict[str, bool]] = {}
        for row, score in zip(rows, scores):
            key = str(self.column(row, "key"))
            match = _KEY.fullmatch(key)
            if match is None:
                raise ValueError(
                    f"{self.which(row)}: column 'key' is {key!r}; it must be like '2steps_1' or '3steps_multi'"
                )
            group = groups.setdefault((match[1], str(self.column(row, "ID"))), {})
            if match[2] in group:
                raise ValueError(
                    f"{self.which(row)} is there twice with key {key!r}; score one sample of each at a time"
                )
            group[match[2]] = score > 0
        complete = [group for (steps, _), group in groups.items() if len(group) == int(steps) + 1]
        numbers = four_dimensions([([j for step, j in g.items() if step != "multi"], g["multi"]) for g in complete])
        single = [float(right) for group in groups.values() for step, right in group.items() if step != "multi"]
        numbers["S1"] = mean(single)
        for steps in "23":
            wholes = [float(group["multi"]) for (n, _), group in groups.items() if n == steps and "multi" in group]
            numbers[f"S{steps}"] = mean(wholes)
        return numbers


def official_letter(response: str) -> str | None:
    """The letter that a response names by the official rule; None for none."""
    text = response.split("Answer")[-1].strip().translate(_REMOVED).strip()
    return text[0] if text and text[0] in _LETTERS else None


def split_options(text: str) -> tuple[str, ...]:
    """The options of "A. 300, 400;B. 400, 300; C. ..", in order; none where there is no such list.

    A letter only begins an option after the previous letter; the semicolon may be missing, as it is in three
    rows, and the dot may be a full-width one.
    """
    starts: list[tuple[int, int]] = []
    position = 0
    for letter in _LETTERS:
        match = re.compile(rf"(?:^|;|\s|；)\s*{letter}\s?[.．]").search(text, position)
        if match is None or (letter == "A" and text[: match.start()].strip()):
            break
        starts.append((match.start(), match.end()))
        position = match.end()
    ends = [start for start, _ in starts[1:]] + [len(text)]
    return tuple(text[begin:end].strip().rstrip(";；").strip() for (_, begin), end in zip(starts, ends))


def four_dimensions(groups: Sequence[tuple[Sequence[bool], bool]]) -> dict[str, float]:
    """Scores, rates and counts over groups of (each step right, whole problem right).

    Args:
        groups: one pair for each group.

    Returns:
        By name: `score_strict`, `score_loose`; `IK`, `IG`, `CM_strict`, `CM_loose`, `RM_strict`, `RM_loose` as
        rates, and under the same names with `_count` how many groups; `groups`.

    """
    counts: Counter[str] = Counter()
    for steps, whole in groups:
        every, some = all(steps), any(steps)
        counts["IK"] += not every and not whole
        counts["IG"] += every and not whole
        counts["CM_strict"] += every and whole
        counts["CM_loose"] += some and whole
        counts["RM_strict"] += not every and whole
        counts["RM_loose"] += not some and whole
    total = len(groups)
    numbers = {f"{name}_count": float(count) for name, count in counts.items()}
    numbers["groups"] = float(total)
    for name in ("IK", "IG", "CM_strict", "CM_loose"):
        numbers[name] = counts[name] / total if total else math.nan
    for how in ("strict", "loose"):
        memorized, solved = counts[f"RM_{how}"], counts[f"CM_{how}"] + counts[f"RM_{how}"]
        numbers[f"RM_{how}"] = memorized / solved if solved else math.nan
        left = total - 0.5 * counts["IG"] - memorized - counts["IK"]
        numbers[f"score_{how}"] = left / total if total else math.nan
    return numbers
