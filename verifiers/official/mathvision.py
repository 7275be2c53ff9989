r"""MATH-V (MathVision): `MathVisionVerifier`.

The official rule:

1. A response that ends with " X." or " (X)." or begins with the line X, "(X)" or "(X) X" is the letter X (A to E).
2. If what follows the last "is " is a number, it is the answer.
3. Without a box the answer is what follows the last "the final answer is", "the answer is", "the correct answer
   is" or "the answer should be", up to the line's or sentence's end; of several boxes the last counts.
4. It is put into lower case; the box is opened greedily; only what follows the last "=" or `\approx` stays;
   spaces, `\text`, degrees, "units", "km", "m^3" and dollar signs go; bare `\sqrt` and `\frac` get braces.
5. It is right if it equals the gold letter, or the gold option's text: as lower-case text, as a tuple rounded
   element by element, or as a number rounded to two decimals.

What differs here: the numbers come from `verifiers.official.latex_value`, which evaluates no code and states its
own differences; steps 1 to 5 are the same, in linear time.

Source: `evaluation/evaluate.py` and `evaluation/utils.py` of mathllm/MATH-V (arXiv 2402.14804).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from verifiers.official.base import BenchmarkVerifier, grouped, judged
from verifiers.official.latex_value import value_of
from verifiers.types import AnswerKind, Reference, Verdict

_FLAGS = ("the final answer is", "the answer is", "the correct answer is", "the answer should be")
_CLEANED = (
    (" ", ""), (r"\,", ""), ("∞", r"\infty"), (r"+\infty", r"\infty"), ("\\\\", "\\"), ("\n", ""), (r"\text", ""),
    (r"\mbox", ""), ("bmatrix", "pmatrix"), (r"\left", ""), (r"\right", ""), (r"^{\circ}", ""), (r"^\circ", ""),
    ("{m}^3", ""), ("m^3", ""), ("{units}", ""), ("units", ""), ("{km}", ""), ("km", ""),
)  # fmt: skip
_NORMAL = (
    ("\n", ""), (r"\!", ""), ("\\\\", "\\"), ("tfrac", "frac"), ("dfrac", "frac"), (r"\left", ""), (r"\right", ""),
    (r"^{\circ}", ""), (r"^\circ", ""), (r"\$", ""), ("$", ""),
)  # fmt: skip
_LARGEST_ELEMENT = 10**4_000  # Python writes no longer integers
_INTEGER_RATIO = re.compile(r"(-?[0-9]{1,4000})/(-?[0-9]{1,4000})")
_UNIT_IN_BRACES = re.compile(r"\{(degrees|square|inches)(inches)?\}$")


class MathVisionVerifier(BenchmarkVerifier):
    """MATH-V, rows of `MathLLMs/MathVision`: columns id, answer, options, and for `metrics` level and subject."""

    name = "mathvision"
    where: ClassVar[str] = r"\boxed{}"

    def reference(self, row: Mapping[str, Any]) -> Reference:
        """The reference of one row: the gold letter with its options, or the gold expression.

        The answer of row 2830 lost its `\\f` to a form feed and some are boxed; the reference has them
        repaired, and `extras["gold"]` as they are, for the official rule.
        """
        gold, options = str(self.gold(row)), self.texts(row, "options")
        return Reference(
            answer=_repaired(gold),
            kind=AnswerKind.CHOICE if options else None,
            choices=options,
            extras={"id": str(row.get("id", "")), "gold": gold},
        )

    def official(self, response: str, reference: Reference) -> Verdict:
        """The official rule; see the module."""
        answer = extract_answer(response)
        gold = str(reference.extras.get("gold", reference.answer))
        return judged(is_correct(answer, gold, reference.choices), answer or None, "official")

    def group_metrics(self, rows: Sequence[Mapping[str, Any]], scores: Sequence[float]) -> dict[str, float]:
        """Accuracy by level and by subject."""
        levels = grouped("accuracy/level", ((self.column(row, "level"), s) for row, s in zip(rows, scores)))
        return levels | grouped("accuracy/subject", ((self.column(row, "subject"), s) for row, s in zip(rows, scores)))


def _repaired(gold: str) -> str:
    gold = gold.replace("\x0c", r"\f").strip().strip("$").strip()
    if gold.startswith(r"\boxed{") and gold.endswith("}"):
        gold = gold[len(r"\boxed{") : -1]
    return _UNIT_IN_BRACES.sub(lambda match: rf"\text{{ {' '.join(filter(None, match.groups()))}}}", gold)


def extract_answer(response: str) -> str:
    """Steps 1 to 4: the answer in lower case, possibly empty."""
    text = response.strip()
    for letter in "ABCDE":
        ends = text.endswith((f" {letter}.", f" ({letter})."))
        if ends or text.startswith((f"{letter}\n", f"({letter})\n", f"({letter}) {letter}\n")):
            text = letter
    tail = text.split("is ")[-1].rstrip(".")
    if _is_number(tail):
        text = tail
    if "oxed{" not in text:
        for flag in _FLAGS:
            for written in (flag, flag.replace("the", "The")):
                _, found, after = text.rpartition(written)
                text = after.strip()
                if found:
                    text = text.split("\n")[0].split(". ")[0]
    elif text.count("oxed{") > 1:
        text = r"\boxed{" + text.split("oxed{")[-1]
    answer = find_math_answer(text)
    for opening, closing in ("()", "{}"):
        for letter in "abcde":
            answer = answer.replace(opening + letter + closing, letter)
    return answer.rstrip(".").lstrip(":").strip()


def find_math_answer(text: str) -> str:
    """Step 4: the content of a box, or the whole text, in its normal form."""
    text = text.lower().replace("{}", "")
    start, end = text.find("oxed{") + len("oxed{"), text.rfind("}")
    answer = text[start:end] if start >= len("oxed{") and end >= start else text
    closing, opening = answer.find("}"), answer.find("{")
    if closing != -1 and (opening == -1 or closing < opening):
        answer = answer[:closing]
    answer = answer.split("=")[-1].split(r"\approx")[-1]
    for old, new in _CLEANED:
        answer = answer.replace(old, new)
    return strip_string(answer)


def strip_string(text: str) -> str:
    r"""The normal form of MATH, as the benchmark has it: `\frac` is only completed beside a `\sqrt`."""
    for old, new in _NORMAL:
        text = text.replace(old, new)
    text = text.split(r"\text{ ")[0].replace(r"\%", "").replace(" .", " 0.").replace("{.", "{0.")
    if text.startswith("."):
        text = f"0{text}"
    for mark in ("=", r"\approx"):
        if text.count(mark) == 1:
            text = text.split(mark)[1]
    text = text.replace(" ", "") if "sqrt" not in text else complete_fractions(complete_roots(text).replace(" ", ""))
    if text == "0.5":
        return r"\frac{1}{2}"
    ratio = _INTEGER_RATIO.fullmatch(text)
    if ratio and all(str(int(part)) == part for part in ratio.groups()):
        return rf"\frac{{{ratio[1]}}}{{{ratio[2]}}}"
    return text


def complete_roots(text: str) -> str:
    r"""`\sqrt3` as `\sqrt{3}`: the next character, whatever it is."""
    first, *rest = text.split(r"\sqrt")
    return first + "".join(
        rf"\sqrt{part}" if part[:1] in ("{", "") else rf"\sqrt{{{part[0]}}}{part[1:]}" for part in rest
    )


def complete_fractions(text: str) -> str:
    r"""`\frac12` as `\frac{1}{2}`; unchanged as a whole where a `\frac` has fewer than two characters after it."""
    first, *rest = text.split(r"\frac")
    parts = [first]
    for part in rest:
        if part[:1] == "{":
            parts.append(part)
        elif len(part) < 2:
            return text
        elif part[1] == "{":
            parts.append(f"{{{part[0]}}}{part[1:]}")
        else:
            parts.append(f"{{{part[0]}}}{{{part[1]}}}{part[2:]}")
    return r"\frac".join(parts)


def is_correct(answer: str, gold: str, options: Sequence[str] = ()) -> bool:
    """Step 5: the answer equals the gold letter or value, or the text of the gold option."""
    if is_equal(answer, gold):
        return True
    index = ord(gold) - ord("A") if len(gold) == 1 else -1
    return 0 <= index < len(options) and is_equal(answer, options[index])


def is_equal(answer: str, gold: str) -> bool:
    """Equal as lower-case text, as tuples of numbers, or as numbers, rounded to two decimals."""
    answer, gold = answer.lower(), gold.lower()
    if not answer.replace(" ", "") or not gold.replace(" ", ""):
        return False
    if answer.strip() == gold.strip():
        return True
    if answer.count(",") == gold.count(",") and rounded_tuple(answer) == rounded_tuple(gold):
        return True
    left, right = _rounded(gold), _rounded(answer)
    return left is not None and left == right


def rounded_tuple(text: str) -> str:
    """A tuple or list with each element rounded to two decimals; any other text unchanged."""
    elements = text[1:-1].split(",")
    if len(elements) < 2 or text[0] + text[-1] not in ("()", "[]"):
        return text
    rounded = []
    for element in elements:
        if "infty" in element or element in ("a", "-a"):
            rounded.append(element)
            continue
        value = _rounded(element)
        if value is None or abs(value) > _LARGEST_ELEMENT:
            return text
        rounded.append(str(value))
    return f"{text[0]}{','.join(rounded)}{text[-1]}"


def _rounded(text: str) -> int | float | None:
    value = value_of(text)
    return None if value is None else round(value, 2)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
