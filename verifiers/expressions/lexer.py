r"""From the text of an answer to tokens: `tokenize`.

LaTeX and plain notation are one language here: "\frac{1}{2}\pi", "1/2*pi" and "½π" give the same kind of
tokens. A character that is no part of that language ends the attempt: the answer is not mathematics.
"""

from __future__ import annotations

import re
import unicodedata

from verifiers.expressions import symbols
from verifiers.expressions.brackets import Brackets
from verifiers.expressions.delimiters import without_sizes
from verifiers.expressions.errors import ParseError
from verifiers.expressions.tokens import Token

MAX_CHARS = 2_000
"""Longest answer that is read as mathematics."""
MAX_TOKENS = 1_500
"""Most tokens of one answer."""


_DIGITS = r"[0-9]+(?:(?:\{,\}|,\\!|\\,|\\!|\\ |\\:)[0-9]{3}(?![0-9]))*"
_GROUPED = r"[1-9][0-9]{0,2}(?:(?:,|\{,\}|,\\!\s?|,\\ )[0-9]{3}(?![0-9]))+"
_TOKEN = re.compile(
    r"(?P<space>(?:[ \t\r\n]|\\[,;:!>\s]|\\\Z|~|(?<![_^])\{\})+)"
    rf"|(?P<number>(?:[0-9]*\.(?=\\(?:overline|bar|dot))|{_DIGITS}(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]{{1,6}}(?![0-9A-Za-z]))?)"
    r"|(?P<command>\\[A-Za-z]+)"
    r"|(?P<escaped>\\[^A-Za-z])"
    r"|(?P<word>[A-Za-z]+)"
    r"|(?P<relation><=|>=|=<|!=(?!=)|==|:=|<>|->|~=|[=<>])"
    r"|(?P<operator>\*\*|\+/-|!!|[-+*/^_!%'|:&])"
    r"|(?P<bracket>[()\[\]{}])"
    r"|(?P<separator>[,;])"
    r"|(?P<dollar>\$)"
    r"|(?P<dots>\.{2,})",
    re.DOTALL,
)
_WITH_GROUPS = re.compile(rf"{_GROUPED}(?:\.[0-9]+)?(?![0-9])")
_SPACED_GROUPS = re.compile(r"(?<![0-9._^])([0-9]{1,3}(?: [0-9]{3})+)(?![0-9])(?=\.[0-9]|[^0-9.]|\.?$)")
_SUPERSCRIPT = re.compile(f"[{symbols.SUPERSCRIPT_CLASS}]+")
_SUBSCRIPT = re.compile(f"[{symbols.SUBSCRIPT_CLASS}]+")
_CONJUNCTIONS = {"and": "and", "or": "or", "oder": "or", "und": "and", "et": "and"}
_CLOCK = re.compile(r"(?<=[0-9])(?:\s|\\text\{|\\mathrm\{|~|\\,)*(?:([aApP])\.\s?[mM]\.|([aApP])[mM](?![A-Za-z]))\}?")
_TEMPERATURE = re.compile(r"(?:degrees? )?([Cc]elsius|[Ff]ahrenheit)\b")
_BASE = re.compile(r"\s?\(base (\d+)\)")
_MICRO = re.compile(r"(?<=[0-9])\s?[μµ]([A-Za-z]{1,2})(?![A-Za-z])")
_TIMES_TEN = re.compile(r"(?<=[0-9])\s?[xX]\s?(?=10\s?\^)")
_ESCAPED_TWICE = re.compile(r"\\\\(?=[A-Za-z]{2}|[(){}])")
_COLUMNS = re.compile(
    r"(\\begin\{(?:array|alignedat)\})\s*(?:\[[tcb]\])?\s*\{(?:[^{}]|\{[^{}]*\})*\}"
    r"|(\\begin\{(?:[A-Za-z]*matrix\*|aligned|gathered)\})\s*\[[lcrtb]\]"
)
_ROW_SPACING = re.compile(r"\\\\\s*\[\s*-?[0-9.]+\s*(?:pt|em|ex|mu|cm|mm|in)\s*\]")
_DEGREE = re.compile(r"\s*(?:\{\s*(?:\\circ|\\degree|o)\s*\}|\\circ(?![A-Za-z])|\\degree(?![A-Za-z]))")
_PRIME = re.compile(r"\s*(?:\{\s*((?:\\prime\s*)+)\}|\\prime(?![A-Za-z]))")
_ARGUMENT = re.compile(r"\s*(?:[_({\[]|\\[{(\[]|\\left|\\lbrace)")
_PERCENTS = frozenset({"percent", "pct", "percentage"})
_DEGREES = frozenset({"degree", "degrees", "deg"})
_ORDINALS = frozenset({"st", "nd", "rd", "th"})


def tokenize(text: str, *, grouping: bool = True) -> list[Token]:
    r"""Split an answer into tokens; the last one is of kind "end".

    Args:
        text: the answer, with or without `$` around it.
        grouping: whether "1,000" outside brackets is one number; inside brackets it is always two.

    Raises:
        ParseError: the text is too long or has a character or command that mathematics does not know.

    """
    if len(text) > MAX_CHARS:
        raise ParseError(f"{len(text)} characters, more than {MAX_CHARS}")
    return _Lexer(_regular(_single_backslashes(_plain(text))), grouping).run()


def _single_backslashes(text: str) -> str:
    r"""A formula that was escaped twice, "\\frac", as it was meant."""
    if "\\\\" not in text or "\\begin" in text:
        return text
    return _ESCAPED_TWICE.sub(r"\\", text)


def _regular(text: str) -> str:
    """LaTeX without the sizes of delimiters, and without how the columns and rows of a matrix are set."""
    if "\\" not in text:
        return text
    text = without_sizes(text)
    return _ROW_SPACING.sub(r"\\\\", _COLUMNS.sub(r"\1\2", text)) if r"\begin" in text else text


def _plain(text: str) -> str:
    text = _TIMES_TEN.sub("*", _CLOCK.sub(_meridiem, text))
    if "elsius" in text or "ahrenheit" in text:
        text = _TEMPERATURE.sub(_temperature, text)
    if "(base" in text:
        text = _BASE.sub(r"_{\1}", text)
    if text.isascii():
        return text
    text = _MICRO.sub(r"\\text{u\1}", text)
    text = _SUPERSCRIPT.sub(lambda m: f"^{{{m.group().translate(symbols.SUPERSCRIPTS)}}}", text)
    text = _SUBSCRIPT.sub(lambda m: f"_{{{m.group().translate(symbols.SUBSCRIPTS)}}}", text)
    text = text.translate(symbols.CHARACTERS)
    if text.isascii():
        return text
    return "".join(_vulgar(character) for character in text)


def _temperature(match: re.Match[str]) -> str:
    return rf"\text{{{match.group(1).lower()}}}"


def _meridiem(match: re.Match[str]) -> str:
    letter = match.group(1) or match.group(2)
    return rf"\text{{{'ante' if letter in 'aA' else 'post'} meridiem}}"


def _vulgar(character: str) -> str:
    if character.isascii():
        return character
    if (digit := unicodedata.decimal(character, None)) is not None:
        return str(digit)  # of another script
    top, slash, bottom = unicodedata.normalize("NFKC", character).partition("⁄")
    return rf"\frac{{{top}}}{{{bottom}}}" if slash and top and bottom else character


class _Lexer:
    def __init__(self, text: str, grouping: bool) -> None:
        self.text = text
        self.at = 0
        self.brackets = Brackets()
        self.grouping = grouping
        self.spaced = False
        self.tokens: list[Token] = []
        self.math_dollars = text.count("$") - text.count(r"\$")

    def run(self) -> list[Token]:
        if self.grouping and " " in self.text:
            self.text = _SPACED_GROUPS.sub(lambda match: match.group().replace(" ", ""), self.text)
        while self.at < len(self.text):
            text = self.text
            if self.grouping and text[self.at].isdigit() and not self.brackets.is_inside:
                match = _WITH_GROUPS.match(text, self.at)
                if match:
                    self.at = match.end()
                    self.add("number", re.sub(r"[^0-9.]", "", match.group()))
                    continue
            match = _TOKEN.match(text, self.at)
            if match is None:
                if text[self.at] == "." and not text[self.at + 1 :].strip(" \t\r\n$*\\)]}"):
                    self.at += 1  # the full stop of a sentence
                    continue
                raise ParseError(f"{text[self.at]!r} is no part of a formula")
            self.at = match.end()
            kind = match.lastgroup
            if kind == "space":
                self.spaced = True
            else:
                getattr(self, f"read_{kind}")(match.group())
        self.add("end", "")
        return self.tokens

    def add(self, kind: str, text: str) -> None:
        if len(self.tokens) >= MAX_TOKENS:
            raise ParseError(f"more than {MAX_TOKENS} tokens")
        self.tokens.append(Token(kind, text, self.spaced))
        self.spaced = False
        if kind == "open":
            self.brackets.opened(self.tokens, self.text, self.at)
        elif kind == "close":
            self.brackets.closed(self.tokens)
        elif kind == "separator" and text in (",", ";"):
            self.brackets.separated()

    def read_number(self, text: str) -> None:
        mantissa, e, exponent = text.partition("e") if "e" in text else text.partition("E")
        self.add("number", re.sub(r"[^0-9.]", "", mantissa) + e.lower() + exponent)

    def read_word(self, word: str) -> None:
        lower = word.lower()
        if lower in _CONJUNCTIONS:
            self.add("separator", _CONJUNCTIONS[lower])
        elif lower in _PERCENTS or lower in _DEGREES:
            self.add("operator", "%" if lower in _PERCENTS else "°")
        elif word in symbols.WORDS:
            self.add("constant", symbols.WORDS[word])
        elif word in ("sqrt", "cbrt"):
            self.add("structure", word)
        elif word == "mod":
            self.add("operator", "mod")
        elif word == "in" and self.text[self.at :].lstrip()[:1] in ("(", "[", "{", "\\"):
            self.add("relation", "in")
        elif word == "min" and self.is_minutes():
            self.add("word", word)
        elif word in symbols.NAMES_OF_FUNCTIONS and len(word) > 1:
            self.add("function", symbols.NAMES_OF_FUNCTIONS[word])
        elif lower in _ORDINALS and self.after_number() and not self.spaced:
            pass
        else:
            self.add("word", word)

    def after_number(self) -> bool:
        """Whether a number stands before this place."""
        return bool(self.tokens) and self.tokens[-1].kind == "number"

    def is_minutes(self) -> bool:
        """Whether "min", which was just read, is a unit: behind a number or "/"; behind brackets, if none follow."""
        before = self.tokens[-1] if self.tokens else None
        if before is None or before.kind != "close":
            return before is not None and (before.kind == "number" or before.text == "/")
        return _ARGUMENT.match(self.text, self.at) is None

    def read_relation(self, text: str) -> None:
        if text == "!=" and not self.spaced and self.after_number() and not any(map(str.isalpha, self.text)):
            self.add("operator", "!")  # "3!=6", where no name is that could differ from a number
            text = "="
        self.add("relation", symbols.RELATIONS[text])

    def read_operator(self, text: str) -> None:
        if text == "^":
            match = _DEGREE.match(self.text, self.at)
            if match:
                self.at = match.end()
                self.add("operator", "°")
                return
            match = _PRIME.match(self.text, self.at)
            if match:
                self.at = match.end()
                for _ in range(max(1, (match.group(1) or "").count(r"\prime"))):
                    self.add("operator", "'")
                return
        self.add("operator", {"**": "^", "+/-": "±"}.get(text, text))

    def read_bracket(self, text: str) -> None:
        self.add("open" if text in "([{" else "close", text)

    def read_separator(self, text: str) -> None:
        self.add("separator", text)

    def read_dollar(self, text: str) -> None:
        if self.math_dollars % 2 == 0:
            self.spaced = True
            return
        if self.text[self.at : self.at + 1].isdigit() or self.after_number():
            self.add("currency", "$")
        self.math_dollars -= 1

    def read_dots(self, text: str) -> None:
        self.add("letter", "...")

    def read_escaped(self, text: str) -> None:
        character = text[1]
        if character in "()[]":  # \( \) \[ \] around a formula
            self.spaced = True
        elif character in "{}":
            self.add("open" if character == "{" else "close", text)
        elif character in "%|$&_#\\":
            names = {"%": "operator", "|": "operator", "$": "currency", "&": "operator", "_": "operator"}
            if character == "\\":
                self.add("separator", "\\\\")
            elif character == "#":
                raise ParseError("'#' is no part of a formula")
            else:
                self.add(names[character], "||" if character == "|" else character)
        else:
            raise ParseError(f"{text!r} is no part of a formula")

    def read_command(self, text: str) -> None:
        name = text[1:]
        if name in symbols.SKIPPED:
            self.spaced = True
        elif name in symbols.RELATIONS:
            self.add("relation", symbols.RELATIONS[name])
        elif name in symbols.OPERATORS:
            operator = symbols.OPERATORS[name]
            self.add("separator" if operator in ("and", "or") else "operator", operator)
        elif name in symbols.BRACKETS:
            bracket = symbols.BRACKETS[name]
            self.add("open" if bracket[-1] in "([{|" else "close", bracket)
        elif name in symbols.TEXTS:
            self.read_text(name)
        elif name in symbols.TRANSPARENT:
            self.add("structure", "transparent")
        elif name in symbols.ACCENTS:
            self.add("structure", f"accent {name}")
        elif name in ("angle", "measuredangle", "triangle"):
            self.add("structure", "△" if name == "triangle" else "∠")
        elif name == "bar":
            self.add("structure", "overline")
        elif name in symbols.CONSTANTS:
            self.add("constant", symbols.CONSTANTS[name])
        elif name in symbols.STRUCTURES:
            self.add("structure", name)
        elif name in symbols.CURRENCIES:
            self.add("currency", symbols.CURRENCIES[name])
        elif name in symbols.NAMES_OF_FUNCTIONS:
            self.add("function", symbols.NAMES_OF_FUNCTIONS[name])
        elif name in symbols.GREEK or name in symbols.VARIANTS:
            self.add("letter", "\\" + symbols.VARIANTS.get(name, name))
        elif name in ("ell", "hbar", "wp", "imath", "jmath", "complement"):
            self.add("letter", text)
        elif name in ("ldots", "cdots", "dots", "dotsc"):
            self.add("letter", "...")
        elif name == "circ":
            self.add("operator", "∘")
        elif name.startswith("quad"):  # "\quadx_2"
            self.at -= len(name) - len("quad")
            self.spaced = True
        else:
            raise ParseError(f"the command {text!r} is unknown")

    def read_text(self, name: str) -> None:
        content = self.argument()
        words = " ".join(content.replace("~", " ").replace("\\ ", " ").replace("\\,", " ").split())
        lower = words.lower().strip(" ,;")
        if not words:
            self.spaced = True
        elif lower in _CONJUNCTIONS:
            self.add("separator", _CONJUNCTIONS[lower])
        elif lower in _PERCENTS or lower in _DEGREES:
            self.add("operator", "%" if lower in _PERCENTS else "°")
        elif words in symbols.NAMES_OF_FUNCTIONS and len(words) > 1 and not (words == "min" and self.is_minutes()):
            self.add("function", symbols.NAMES_OF_FUNCTIONS[words])
        elif lower in _ORDINALS and self.after_number():
            pass
        elif name in ("mathrm", "rm", "operatorname", "text", "textrm") and words in ("d", "e", "i", "T"):
            self.add("word", words)
        elif lower in ("degrees celsius", "degrees fahrenheit", "celsius", "fahrenheit"):
            self.add("text", "celsius" if "celsius" in lower else "fahrenheit")
        elif words[0] in "0123456789.-+($" and any(character.isdigit() for character in words):
            self.text = f"{self.text[: self.at]} {words}{self.text[self.at :]}"  # \text{13} is 13
        else:
            self.add("text", words)

    def argument(self) -> str:
        """The braced argument at this place, without its braces."""
        start = self.at
        while start < len(self.text) and self.text[start].isspace():
            start += 1
        if self.text[start : start + 1] != "{":
            raise ParseError("a \\text without braces")
        depth = 0
        for at in range(start, len(self.text)):
            character = self.text[at]
            if character in "{}" and self.text[at - 1] != "\\":
                depth += 1 if character == "{" else -1
                if depth == 0:
                    self.at = at + 1
                    return self.text[start + 1 : at]
        raise ParseError("a brace is never closed")
