r"""The rules that MMMU and MMMU-Pro share, as pure functions.

Multiple choice, `parse_multi_choice_response`:

1. The marks , . ! ? ; : ' go from both ends, one kind after the other, and the response gets a space at each end.
2. Candidates are the letters written "(X)"; if none, " X "; if none and there are more than five words, the
   options whose text the response contains, without case. So a leading "A " counts as option A.
3. Of several candidates the one written last counts; without any the original draws a letter from a global
   generator, and this function returns None.

Open questions, `parse_open_response` and `eval_open`:

4. The response is stripped, put into lower case and split at newlines (the original also means to split at
   sentences, but looks for capitals in lower-case text). Of each line the shortest tail after "could be ", "so ",
   "is ", "thus ", "therefore ", "final ", "answer ", "result " counts, in the last line also after "=";
   without any, the whole response does.
5. These texts and all numbers in them are the answers; numbers are rounded to two decimals.
6. It is right if any number equals a gold number, or any text contains a gold text; one-letter golds must
   stand beside a space.

The patterns for numbers are written so that they need linear time; they find the same numbers.

Source: `mmmu/utils/eval_utils.py` of MMMU-Benchmark/MMMU (arXiv 2311.16502).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

DOMAINS: Mapping[str, tuple[str, ...]] = {
    "Art and Design": ("Art", "Art_Theory", "Design", "Music"),
    "Business": ("Accounting", "Economics", "Finance", "Manage", "Marketing"),
    "Science": ("Biology", "Chemistry", "Geography", "Math", "Physics"),
    "Health and Medicine": (
        "Basic_Medical_Science", "Clinical_Medicine", "Diagnostics_and_Laboratory_Medicine", "Pharmacy",
        "Public_Health",
    ),
    "Humanities and Social Science": ("History", "Literature", "Sociology", "Psychology"),
    "Tech and Engineering": (
        "Agriculture", "Architecture_and_Engineering", "Computer_Science", "Electronics", "Energy_and_Power",
        "Materials", "Mechanical_Engineering",
    ),
}  # fmt: skip
"""The six domains and their 30 subjects."""

_STRIPPED = ",.!?;:'"
_FEWEST_WORDS = 6
_INDICATORS = ("could be ", "so ", "is ", "thus ", "therefore ", "final ", "answer ", "result ")
_TRIVIAL = frozenset(":,.!?;'")
_WITH_COMMAS = re.compile(r"-?\b\d{1,3}(?:,\d{3})+\b")
_SCIENTIFIC = re.compile(r"-?(?<!\d)\d++(?:\.\d++)?+[eE][+-]?\d+")
_SIMPLE = re.compile(r"-?(?:(?<!\d)\d++\.\d++|\.\d++|(?<!\d)\d++\b)(?![eE][+-]?\d)(?![,\d])")


def padded(response: str) -> str:
    """Step 1: the response without outer marks, between two spaces."""
    for mark in _STRIPPED:
        response = response.strip(mark)
    return f" {response} "


def parse_multi_choice_response(response: str, letters: Sequence[str], options: Mapping[str, str]) -> str | None:
    """Steps 1 to 3: the letter that a response names.

    Args:
        response: what the model wrote.
        letters: the letters of the options, in order.
        options: the text of each letter's option.

    Returns:
        A letter, or None where the original guesses.

    """
    text = padded(response)
    for form in ("({})", " {} "):
        candidates = [letter for letter in letters if form.format(letter) in text]
        if candidates:
            return last_of({letter: text.rfind(form.format(letter)) for letter in candidates})
    return option_in_text(text, options)


def option_in_text(text: str, options: Mapping[str, str]) -> str | None:
    """The letter of the option whose text stands last in a response of more than five words; None for none."""
    if len(text.split(maxsplit=_FEWEST_WORDS)) < _FEWEST_WORDS:
        return None
    lowered = text.lower()
    positions = {letter: lowered.rfind(option.lower()) for letter, option in options.items()}
    found = {letter: position for letter, position in positions.items() if position >= 0}
    return last_of(found) if found else None


def last_of(positions: Mapping[str, int]) -> str:
    """The letter with the largest position; the first of several."""
    return max(positions, key=lambda letter: positions[letter])


def parse_open_response(response: str) -> list[str | float]:
    """Steps 4 and 5: all that a response to an open question may mean, without repetition."""
    texts = key_responses(response)
    answers = dict.fromkeys([*texts, *extract_numbers("\n".join(texts))])
    return list(dict.fromkeys(normal for answer in answers for normal in normalize_str(answer)))


def key_responses(response: str) -> list[str]:
    """Step 4: the tails that may hold the answer; the whole response where there are none."""
    response = response.strip().strip(".").lower()
    lines = response.split("\n")
    found = []
    for number, line in enumerate(lines, start=1):
        indicators = (*_INDICATORS, "=") if number == len(lines) else _INDICATORS
        tails = [line.rpartition(indicator)[2].strip() for indicator in indicators if indicator in line]
        # an empty tail does not count, but what comes after it replaces it however long it is
        shortest = ""
        for tail in tails:
            if not shortest or len(tail) < len(shortest):
                shortest = tail
        if shortest and shortest not in _TRIVIAL:
            found.append(shortest)
    return found or [response]


def extract_numbers(text: str) -> list[str]:
    """All numbers in a text: with commas, then scientific, then simple ones."""
    return [*_WITH_COMMAS.findall(text), *_SCIENTIFIC.findall(text), *_SIMPLE.findall(text)]


def normalize_str(text: str) -> list[str | float]:
    """A number rounded to two decimals, or lower-case text; one character with a space before or after it."""
    text = text.strip()
    try:
        return [round(float(text.replace(",", "")), 2)]
    except ValueError:
        text = text.lower()
    return [f" {text}", f"{text} "] if len(text) == 1 else [text]


def eval_open(gold: str | Sequence[str], answers: Sequence[str | float]) -> bool:
    """Step 6: whether any of the answers is right."""
    golds = [normal for text in ([gold] if isinstance(gold, str) else gold) for normal in normalize_str(text)]
    texts = [text for text in golds if isinstance(text, str)]
    for answer in answers:
        if isinstance(answer, str):
            if any(text in answer for text in texts):
                return True
        elif answer in golds:
            return True
    return False
