r"""Multiple choice: which option does an answer name? Never a guess.

An answer names an option by

1. its letter: "B", "(B)", "B.", "option B", "\text{(B)}";
2. its letter and anything that does not contradict it: "B) 12 cm", "(B) because .."; a lower-case letter only with
   the option's own text, as it may be the item of another list, and no letter with a value that is no option's;
3. its text, or the same value written otherwise: "0.5" where an option is "1/2", "2/\sqrt{\pi}" for
   "\sqrt{4/\pi}"; it must be the value of one option only.

Where the options are letters themselves, an upper-case letter in range is always the option's letter, not
its text: with the options C, D, E, the answer "C" is the third one. Nothing else counts: no first letter
of a word, no nearest text, no substring.
"""

from __future__ import annotations

import re
import string
from collections.abc import Hashable, Sequence
from fractions import Fraction

from verifiers.comparison import AMBIGUOUS, RIGHT, UNPARSABLE, WRONG, Comparer, Comparison, alternatives
from verifiers.errors import BadReference
from verifiers.mathematics import ExpressionComparer, read
from verifiers.normalize import flatten, text_key
from verifiers.numeric import parse_number
from verifiers.phrases import FOREIGN_DENIAL, OR

_LETTER = re.compile(r"\(?([A-Za-z])\)?[.):]?")
_LETTER_AND_REST = re.compile(r"(?:\(([A-Za-z])\)[.:]?|([A-Za-z])(?:[):]|\.(?![0-9])| [-–—] )) ?(.+)", re.DOTALL)
_BARE_LETTER_AND_REST = re.compile(r"([A-Z]) (.+)", re.DOTALL)
_TEXT_AND_LETTER = re.compile(r"(.+?) ?\(([A-Z])\)", re.DOTALL)
_NAMED = re.compile(
    r"(?:the )?(?:correct |right |final )?(?:option|choice|answer)(?: is)?(?: ?: ?| |(?=\())", re.IGNORECASE
)
_IS_CORRECT = re.compile(r" is (?:the )?(?:correct|right)(?: answer| option| choice)?\.?$", re.IGNORECASE)
_LONGEST_CONCLUSION = 300
_CONCLUDES = re.compile(
    r"\b(?:correct|right|answer|choose|select|pick|best|corresponds|therefore|thus|hence|so)\b", re.I
)
_UNDER_WAY = re.compile(
    r"\b(?:let's|let us|consider|check|look|suppose|try|could|might|may|if|whether|between|and|unsure|guess|which)\b"
    r"|\?",
    re.IGNORECASE,
)
_MENTIONED = re.compile(r"\b(?:option|choice|choose|select|pick) \(?([A-Z])(?![A-Za-z])")
_LETTER_IN_BRACKETS = re.compile(r"\(([A-Z])\)")
_OTHER_LETTER = re.compile(r"\([A-Z]\)|\b(?:or|and|not) \(?[A-Z]\b|^[,/&]|^\(?[A-Z][.)]?$")
_LIST_ITEM = re.compile(r"(?<![A-Za-z0-9])(?:\(([A-Za-z])\)|([A-Za-z])\))")
_ONLY_LETTERS = re.compile(r"(?:\(?[A-Za-z][).:,;]*(?: |$))+")
_DENIAL = re.compile(
    r"\b(?:not?|wrong|incorrect|false|cannot|actually|otherwise|maybe|perhaps|instead|never|rather|ruled out)\b"
    rf"|n't\b|{OR.pattern}|{FOREIGN_DENIAL.pattern}",
    re.IGNORECASE,
)
_PUNCTUATION = re.compile(r"[.,;:!?]+(?= |$)")
_NUMBERS = re.compile(r"-?[0-9]+(?:[./][0-9]+)?")
_LONE_LETTER = re.compile(r"(?<![A-Za-z\\'])([A-Z])(?![A-Za-z'])")
_LONGEST_TRAILING_CHECK = 2_000
_LONGEST_FORMULA = 300
_NUMBER_IN_FRONT = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


class ChoiceComparer(Comparer):
    """Compares by the option that an answer names.

    Options with the same text are the same answer when they are named by it; a letter is only its own
    option. Without choices every letter from A to Z is an option without text.

    Raises:
        BadReference: the gold names no option, or more than one text.

    """

    def __init__(self, gold: str, choices: Sequence[str] = ()) -> None:
        self._count = len(choices) or len(string.ascii_uppercase)
        self._texts: dict[str, frozenset[int]] = {}
        self._values: dict[Hashable, frozenset[int]] = {}
        self._leading: dict[int, Fraction] = {}
        self._formulas: dict[str, ExpressionComparer] = {}
        self._written = [flatten(choice) for choice in choices]
        for index, choice in enumerate(choices):
            if not choice.strip():
                continue
            key = text_key(choice)
            self._texts[key] = self._texts.get(key, frozenset()) | {index}
            if (leading := _leading_number(choice)) is not None:
                self._leading[index] = leading
            if (len(choice.strip()) > 1 or choice.strip().isdigit()) and read(choice) is not None:
                self._formulas.setdefault(key, ExpressionComparer(choice))
            if number := parse_number(choice):
                self._values[number.value] = self._values.get(number.value, frozenset()) | {index}
        self._gold = self.key(gold)
        if self._gold is None:
            last = string.ascii_uppercase[min(self._count, 26) - 1]
            raise BadReference(
                f"the reference answer {gold!r} is neither a letter from A to {last} nor the text of one of"
                f" the choices {list(choices)!r}"
            )

    def compare(self, answer: str) -> Comparison:
        """Compare the named option with the gold option."""
        named = self.key(answer)
        if named is not None:
            assert self._gold is not None
            return RIGHT if named & self._gold else WRONG
        return AMBIGUOUS if self._several(answer) else UNPARSABLE

    def key(self, answer: str) -> frozenset[int] | None:
        """Indices of the options that an answer names; several only where they read the same."""
        flat = flatten(answer).replace("**", "")
        named = self._named(flat)
        if named is None and (match := _NAMED.match(flat)):
            named = self._named(_IS_CORRECT.sub("", flat[match.end() :]))
        return self._concluded(flat) if named is None else named

    def _concluded(self, sentence: str) -> frozenset[int] | None:
        """The one option that a sentence concludes with: "Thus option B is the correct one"."""
        if len(sentence) > _LONGEST_CONCLUSION or not _CONCLUDES.search(sentence):
            return None
        if _DENIAL.search(sentence) or _UNDER_WAY.search(sentence):
            return None
        letters = {*_MENTIONED.findall(sentence), *_LETTER_IN_BRACKETS.findall(sentence)}
        index = self._index(letters.pop()) if len(letters) == 1 else None
        return None if index is None else frozenset({index})

    def _named(self, flat: str) -> frozenset[int] | None:
        if (letter := _LETTER.fullmatch(flat)) is not None:
            return self._lone_letter(letter.group(1), flat)
        named = self._by_text(flat)
        if named is not None:
            return named
        if match := _LETTER_AND_REST.fullmatch(flat):
            return self._letter_and_rest(match.group(1) or match.group(2), match.group(3))
        for pattern, letter_group, text_group in ((_BARE_LETTER_AND_REST, 1, 2), (_TEXT_AND_LETTER, 2, 1)):
            match = pattern.fullmatch(flat)
            if match:
                index = self._index(match.group(letter_group))
                named = self._by_text(match.group(text_group))
                if index is not None and named is not None and index in named:
                    return frozenset({index})
        return None

    def _index(self, letter: str) -> int | None:
        index = string.ascii_uppercase.find(letter.upper())
        return index if 0 <= index < self._count else None

    def _lone_letter(self, letter: str, flat: str) -> frozenset[int] | None:
        index = self._index(letter)
        if index is None or letter.islower():
            named = self._by_text(flat) or self._by_text(letter)
            if named is not None:
                return named
        return None if index is None else frozenset({index})

    def _by_text(self, text: str) -> frozenset[int] | None:
        named = self._texts.get(text_key(text)) or self._texts.get(text_key(_without_brackets(text)))
        if named is not None and len(named) > 1:  # options that differ by case only
            named = frozenset(index for index in named if self._written[index] == text) or named
        if named is None and self._values and (number := parse_number(text)):
            named = self._values.get(number.value)
            if named is not None and not any(named == indices for indices in self._texts.values()):
                return None  # the same number in different texts: which one is meant cannot be known
        if named is None and self._formulas and len(text) <= _LONGEST_FORMULA and read(text) is not None:
            equal = [key for key, formula in self._formulas.items() if formula.compare(text).correct]
            named = self._texts[equal[0]] if len(equal) == 1 else None
        return named

    def _letter_and_rest(self, letter: str, rest: str) -> frozenset[int] | None:
        index = self._index(letter)
        if index is None or len(rest) > _LONGEST_TRAILING_CHECK:
            return None
        named = self._by_text(rest)
        if named is not None:
            return frozenset({index}) if index in named else None
        if letter.islower() or self._is_other_value(index, rest):
            return None
        if _OTHER_LETTER.search(rest) or _DENIAL.search(rest) or self._names_another(index, rest):
            return None
        return frozenset({index})

    def _is_other_value(self, index: int, rest: str) -> bool:
        """Whether what follows a letter is, or begins with, a value that is not the option's."""
        written = self._written[index] if index < len(self._written) else ""
        if not written:
            return False
        leading = _leading_number(rest)
        if leading is not None and self._leading.get(index, leading) != leading:
            return True
        first, own = (text.split(" ", 1)[0].rstrip(".,;") for text in (rest, written))
        if any(map(str.isdigit, own)) and any(map(str.isdigit, first)) and not _same_value(first, own):
            return True
        return parse_number(rest) is not None or (text_key(written) in self._formulas and read(rest) is not None)

    def _names_another(self, index: int, rest: str) -> bool:
        """Whether the words after a letter name another option, by its letter or by its text."""
        letters = [*_LONE_LETTER.findall(rest), *(first or second for first, second in _LIST_ITEM.findall(rest))]
        if _ONLY_LETTERS.fullmatch(rest):
            letters += re.findall("[A-Za-z]", rest)
        if any(self._index(letter) not in (None, index) for letter in letters):
            return True
        words = f" {_PUNCTUATION.sub(' ', text_key(rest))} "
        for key, indices in self._texts.items():
            if index not in indices and len(key) > 1 and f" {_PUNCTUATION.sub(' ', key)} " in words:
                return True
        numbers = {number.value for text in _NUMBERS.findall(rest) if (number := parse_number(text))}
        own = {value for value, indices in self._values.items() if index in indices}
        return bool(numbers & (set(self._values) - own)) and not numbers & own

    def _several(self, answer: str) -> bool:
        """Whether an answer names more than one option, or contradicts itself."""
        flat = flatten(answer)
        if match := _LETTER_AND_REST.fullmatch(flat):
            return self._index(match.group(1) or match.group(2)) is not None
        parts = alternatives(answer)
        return len(parts) > 1 and sum(self.key(part) is not None for part in parts[:100]) > 1


def _without_brackets(text: str) -> str:
    """A text without the round brackets around all of it."""
    inner = text.strip()[1:-1]
    return inner if text.strip() == f"({inner})" and "(" not in inner and ")" not in inner else text


def _same_value(left: str, right: str) -> bool:
    """Whether two words read the same, or are the same number or formula."""
    if text_key(left) == text_key(right):
        return True
    return read(left) is not None and read(right) is not None and ExpressionComparer(left).same(left, right)


def _leading_number(text: str) -> Fraction | None:
    """The number that a text is, or begins with: 12 for "12 cm"."""
    number = parse_number(text)
    if number is None and (match := _NUMBER_IN_FRONT.match(flatten(text))):
        number = parse_number(match.group())
    return None if number is None else number.value
