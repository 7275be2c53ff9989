r"""Text normal forms: what may differ between two ways of writing the same answer.

Everything here is linear in the length of the text and total: any string goes in, a string comes out.
"""

from __future__ import annotations

import re
import unicodedata

_PAIRS = (
    ("$$", "$$"),
    ("$", "$"),
    (r"\(", r"\)"),
    (r"\[", r"\]"),
    ("**", "**"),
    ("*", "*"),
    ("`", "`"),
    ('"', '"'),
    ("'", "'"),
)
_OPENERS = frozenset(opener[0] for opener, _ in _PAIRS)
_WRAPPER_NAMES = "boxed|fbox|text|textbf|textit|textrm|textsf|mathrm|mathbf|mathit|mathsf|mbox|bf|rm"
_WRAPPER = re.compile(rf"\\(?:{_WRAPPER_NAMES})\s?\{{")
_INNER_WRAPPER = re.compile(rf"\\(?:{_WRAPPER_NAMES}|operatorname)\s?\{{([^{{}}]*)\}}")
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)
_MOST_LAYERS = 8

_SIZES = re.compile(r"\\(?:left|right|bigl|bigr|Bigl|Bigr|big|Big|displaystyle|textstyle)(?![A-Za-z])")
_SPACES = re.compile(r"\\[,;:! ]|~|\\q?quad(?![A-Za-z])")
_DEGREES = re.compile(r"\^\s?\{?\s?\\(?:circ|degree)\s?\}?|\\degree(?![A-Za-z])")
_FRACTION = re.compile(r"\\[dtc]frac(?![A-Za-z])")
_ONE_CHARACTER_SCRIPT = re.compile(r"([\^_])\s?\{\s?([A-Za-z0-9])\s?\}(?![0-9])")
_INLINE_MATH = re.compile(r"\$(?=\S)([^$]*)(?<=[^\s\\])\$(?![0-9])")
_LATEX = re.compile(r"[\\^_{}]")
_NEEDLESS_SPACE = re.compile(r"(?<![A-Za-z0-9]) | (?![A-Za-z0-9])|(?<=[A-Za-z]) (?=[0-9])|(?<=[0-9]) (?=[A-Za-z])")
_COMMA = re.compile(r" ?, ?")
_LEADING = re.compile(r"(?:[:,;]|\.{2,}|…)+ ?")
_TRAILING = ".,;:… "
_WORD_PUNCTUATION = re.compile(r"(?:(?<=[^\W\d_])[.,;:]+|(?<=[^\W\d_]{2})[!?]+)(?=\s|\Z)|\"")
_WORD_HYPHEN = re.compile(r"(?<=[^\W\d_]{2})-(?=[^\W\d_]{2})")
_ARTICLES = re.compile(r"\bthe\s|\A(?:a|an)\s(?!(?:minor|major|flat|sharp|level)\b)(?=[^\W\d_]{2})")
_LONGEST_WORDS = 10_000
_WORDS_IN_PARENTHESES = re.compile(r"\(([^\W\d_](?:[^\W\d_]|[ '-])*)\)")

_SCRIPTS = {ord(c): f"^{d}" for d, c in zip("0123456789+-n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ")}
_SCRIPTS |= {ord(c): f"_{d}" for d, c in zip("0123456789", "₀₁₂₃₄₅₆₇₈₉")}
_SYMBOLS = {"π": r"\pi ", "∞": r"\infty ", "×": r"\times ", "·": r"\cdot ", "≤": r"\le ", "≥": r"\ge "}
_SCRIPTS |= {ord(symbol): command for symbol, command in _SYMBOLS.items()}
_SIGNS = {ord(c): "-" for c in "−﹣－‐‑–"} | {ord(c): " " for c in "\u00a0\u2007\u2009\u202f"}
_DIGITS = {0xFF10 + d: str(d) for d in range(10)}
_FULL_WIDTH = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)} | {0x3000: " "}
_PUNCTUATION = {ord(c): d for c, d in zip("。、٫٬「」“”‘’", '.,.,""""\'\'')}
_WIDE = _FULL_WIDTH | _PUNCTUATION
_TO_ASCII = _DIGITS | _SIGNS


def ascii_signs(text: str) -> str:
    """Write minus signs, full-width digits and special spaces in ASCII."""
    return text if text.isascii() else text.translate(_TO_ASCII)


def unwrap(text: str) -> str:
    r"""Remove what is only put around an answer: spaces, `$`, `\(`, quotes, `**`, `\boxed{}`, `\text{}`.

    Full-width characters and curly quotes are written in ASCII.
    """
    text = (text if text.isascii() else text.translate(_WIDE)).strip()
    for _ in range(_MOST_LAYERS):
        inner = _unwrap_once(text)
        if inner is None:
            break
        text = inner.strip()
    return text


def _unwrap_once(text: str) -> str | None:
    if not text or (text[0] not in _OPENERS and text[0] != "\\"):
        return None
    for opener, closer in _PAIRS:
        if text.startswith(opener) and text.endswith(closer) and len(text) > len(opener) + len(closer):
            inner = text[len(opener) : -len(closer)]
            if opener not in inner and closer not in inner:
                return inner
    wrapper = _WRAPPER.match(text)
    if wrapper and text[-1] == "}" and _closes_at_end(text, wrapper.end()):
        return text[wrapper.end() : -1]
    return None


def _closes_at_end(text: str, start: int) -> bool:
    depth = 1
    for match in _BRACES.finditer(text, start):
        mark = match.group()
        depth += (mark == "{") - (mark == "}")
        if depth == 0:
            return match.end() == len(text)
    return False


def flatten(text: str) -> str:
    r"""Unwrap, then write LaTeX spacing, sizes, degrees and `\text{}` plainly; keeps case."""
    text = unwrap(text)
    if "\\" in text or "~" in text:
        text = _SPACES.sub(" ", _SIZES.sub("", text.replace("{,}", ",")))
        text = _FRACTION.sub(r"\\frac", _DEGREES.sub("°", text))
        text = unwrap(_INNER_WRAPPER.sub(r"\1", text))
    if "$" in text:
        text = unwrap(_INLINE_MATH.sub(r"\1", text))
    return " ".join(text.split())


def text_key(text: str) -> str:
    r"""The form in which two texts are compared.

    Words: NFKC, no case, one space, no outer punctuation. Texts with LaTeX or powers in them: case is
    kept, spaces that cannot matter, `\left`, `\text{}` and one-character braces are not. Articles are
    kept, and nothing is ever deleted that could tell two answers apart.
    """
    flat = flatten(text)
    if not flat.isascii():
        flat = " ".join(unicodedata.normalize("NFKC", ascii_signs(flat.translate(_SCRIPTS))).split())
    if _LATEX.search(flat):
        key = _NEEDLESS_SPACE.sub("", _ONE_CHARACTER_SCRIPT.sub(r"\1\2", flat))
        return key.rstrip(_TRAILING) or flat
    key = _strip_punctuation(flat)
    words = _WORDS_IN_PARENTHESES.fullmatch(key)
    key = _COMMA.sub(", ", words.group(1) if words else key).casefold()
    return key or flat


def words_key(text: str) -> str:
    """The form in which answers in words are compared: `text_key` without punctuation between words, and articles.

    "Hello, world!" and "hello world", "the Eiffel Tower" and "Eiffel Tower" are the same. Only "the", and "a" or "an"
    in front of a word, are articles: "vitamin A" and "A minor" keep their letter.
    """
    key = text_key(text)
    if len(key) > _LONGEST_WORDS or _LATEX.search(key):
        return key
    plain = _WORD_HYPHEN.sub(" ", _WORD_PUNCTUATION.sub("", key))
    return " ".join(_ARTICLES.sub("", plain).split()) or key


def _strip_punctuation(text: str) -> str:
    leading = _LEADING.match(text)
    if leading:
        text = text[leading.end() :]
    text = text.rstrip(_TRAILING)
    word = text.rstrip(_TRAILING + "!?")
    return word if len(word) > 1 and word[-2:].isalpha() else text  # "Yes!" but never "5!" or "n!"
