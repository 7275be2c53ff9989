r"""What single characters and LaTeX commands mean, as tables for the lexer."""

from __future__ import annotations

from verifiers.expressions.tree import FUNCTIONS

_GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau"
    " upsilon phi chi psi omega"
).split()
_GREEK_CHARACTERS = dict(zip("αβγδεζηθικλμνξοπρστυφχψω", _GREEK))
_GREEK_CHARACTERS |= {"Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma"}
_GREEK_CHARACTERS |= {"Φ": "Phi", "Ψ": "Psi", "Ω": "Omega", "ς": "sigma", "ϕ": "phi", "ϵ": "epsilon"}

GREEK = frozenset(_GREEK) | frozenset(name.capitalize() for name in _GREEK)
"""Commands that are letters, without the backslash; \\pi is a constant."""
VARIANTS = {f"var{name}": name for name in ("epsilon", "theta", "phi", "rho", "sigma", "kappa", "pi")}
"""Commands for another shape of the same letter."""

_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n"))
_SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋ₙ", "0123456789+-n"))
SUPERSCRIPTS = str.maketrans(_SUPERSCRIPTS)
SUBSCRIPTS = str.maketrans(_SUBSCRIPTS)
SUPERSCRIPT_CLASS = "".join(_SUPERSCRIPTS)
SUBSCRIPT_CLASS = "".join(_SUBSCRIPTS)

CHARACTERS = str.maketrans(
    {symbol: rf"\{name} " for symbol, name in _GREEK_CHARACTERS.items()}
    | dict.fromkeys("−﹣－‐‑–", "-")
    | dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u200a\u202f\u3000", " ")
    | dict.fromkeys("·⋅∙•×✕∗", "*")
    | {
        "（": "(",
        "）": ")",
        "，": ",",
        "；": ";",
        "：": ":",
        "＝": "=",
        "＋": "+",
        "［": "[",
        "］": "]",
        "。": ".",
        "٫": ".",
        "٬": ",",
    }
    | {"÷": "/", "∕": "/", "⁄": "/", "＜": "<", "＞": ">", "％": "%", "√": r"\sqrt ", "∛": r"\cbrt "}
    | {"≤": r"\le ", "⩽": r"\le ", "≦": r"\le ", "≥": r"\ge ", "⩾": r"\ge ", "≧": r"\ge ", "≠": r"\ne "}
    | {"≈": r"\approx ", "≡": r"\equiv ", "∈": r"\in ", "∉": r"\notin ", "⊂": r"\subset ", "⊆": r"\subset "}
    | {"∞": r"\infty ", "∪": r"\cup ", "∩": r"\cap ", "∖": r"\setminus ", "∅": r"\emptyset ", "±": r"\pm "}
    | {"∓": r"\mp ", "°": r"\degree ", "º": r"\degree ", "˚": r"\degree ", "′": "'", "’": "'", "∠": r"\angle "}
    | {"→": r"\to ", "∧": r"\land ", "∨": r"\lor ", "∑": r"\sum ", "∏": r"\prod ", "∫": r"\int "}
    | {"⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ", "ℝ": r"\mathbb{R} ", "ℤ": r"\mathbb{Z} "}
    | {"ℕ": r"\mathbb{N} ", "ℚ": r"\mathbb{Q} ", "ℂ": r"\mathbb{C} ", "𝑖": "i", "ⅇ": "e", "µ": "μ", "△": r"\triangle "}
    | {
        "€": r"\euro ",
        "£": r"\pounds ",
        "¥": r"\yen ",
        "₹": r"\rupee ",
        "…": r"\ldots ",
        "⟨": r"\langle ",
        "⟩": r"\rangle ",
    }
)
r"""Characters as the ASCII or LaTeX that means the same."""

SKIPPED = frozenset(
    (
        "left right mleft mright middle big Big bigg Bigg bigm Bigm biggm Biggm displaystyle textstyle hline"
        " scriptstyle limits nolimits mathop mathbin mathrel mathopen mathclose quad qquad thinspace enspace allowbreak"
        " nobreak nonumber notag cr strut hfill relax rm bf it sf tt"
    ).split()
)
"""Commands without a meaning for an answer."""

TRANSPARENT = frozenset(
    ("boxed fbox mathbf mathit mathsf mathcal mathfrak boldsymbol bm bold underline ensuremath").split()
)
"""Commands with one argument that is read as if they were not there."""

ACCENTS = frozenset(
    "vec hat tilde dot ddot check widehat widetilde overrightarrow overleftrightarrow wideparen".split()
)
"""Commands that put a mark on a name; over two points, as in AB, they mean nothing for an answer."""

TEXTS = frozenset(
    ("text textbf textit textrm textsf textnormal texttt mbox hbox mathrm operatorname rm textup emph").split()
)
"""Commands whose argument is words, a unit or an upright name."""

_INVERSE = {f"a{name}": f"arc{name}" for name in ("sin", "cos", "tan", "cot", "sec", "csc")}
_INVERSE |= {f"a{name}": f"ar{name}" for name in ("sinh", "cosh", "tanh")}
_INVERSE |= {f"arc{name}": f"ar{name}" for name in ("sinh", "cosh", "tanh")}
NAMES_OF_FUNCTIONS = {name: name for name in FUNCTIONS if "_" not in name} | _INVERSE
NAMES_OF_FUNCTIONS |= {"lg": "lg", "tg": "tan", "ctg": "cot", "cosec": "csc", "sgn": "sign", "ceiling": "ceil"}
NAMES_OF_FUNCTIONS |= {
    "Re": "re",
    "Im": "im",
    "Gamma": "gamma",
    "arctg": "arctan",
    "nCr": "binomial",
    "comb": "binomial",
}
NAMES_OF_FUNCTIONS |= {"nPr": "permutation", "Abs": "abs", "trace": "tr", "cis": "cis"}

WORDS = {"pi": "pi", "inf": "inf", "infty": "inf", "infinity": "inf", "oo": "inf"}
"""Plain words that are constants."""

RELATIONS = {
    "=": "=",
    "==": "=",
    ":=": "=",
    "<": "<",
    ">": ">",
    "<=": "<=",
    ">=": ">=",
    "=<": "<=",
    "=>": "=>",
    "!=": "!=",
    "<>": "!=",
    "->": "to",
    "~=": "~",
    "lt": "<",
    "gt": ">",
    "le": "<=",
    "leq": "<=",
    "leqslant": "<=",
    "ge": ">=",
    "geq": ">=",
    "geqslant": ">=",
    "ne": "!=",
    "neq": "!=",
    "approx": "~",
    "simeq": "~",
    "thickapprox": "~",
    "equiv": "equiv",
    "cong": "cong",
    "sim": "similar",
    "in": "in",
    "notin": "notin",
    "subset": "subset",
    "subseteq": "subset",
    "to": "to",
    "rightarrow": "to",
    "longrightarrow": "to",
    "mapsto": "to",
    "perp": "perp",
    "parallel": "parallel",
    "mid": "|",
    "propto": "propto",
}
"""Relation signs by what is written."""

OPERATORS = {
    "times": "*",
    "colon": ":",
    "cdot": "*",
    "ast": "*",
    "star": "*",
    "div": "/",
    "pm": "±",
    "mp": "∓",
    "degree": "°",
    "cup": "∪",
    "bigcup": "∪",
    "cap": "∩",
    "bigcap": "∩",
    "setminus": "\\",
    "backslash": "\\",
    "vert": "|",
    "Vert": "||",
    "prime": "'",
    "bmod": "mod",
    "mod": "mod",
    "pmod": "pmod",
    "over": "over",
    "land": "and",
    "wedge": "and",
    "lor": "or",
    "vee": "or",
}
"""Operators by the command that writes them."""

BRACKETS = {
    "lbrace": r"\{",
    "rbrace": r"\}",
    "lparen": "(",
    "rparen": ")",
    "lbrack": "[",
    "rbrack": "]",
    "langle": "<|",
    "rangle": "|>",
    "lfloor": "floor(",
    "rfloor": "floor)",
    "lceil": "ceil(",
    "rceil": "ceil)",
    "lgroup": "(",
    "rgroup": ")",
    "lang": "<|",
    "rang": "|>",
    "lvert": "abs(",
    "rvert": "abs)",
    "lVert": "norm(",
    "rVert": "norm)",
}
"""Brackets by the command that writes them."""

STRUCTURES = frozenset(
    (
        "frac dfrac tfrac cfrac sqrt cbrt binom dbinom tbinom choose sum prod int iint oint lim begin end"
        " overline mathbb partial not"
    ).split()
)
"""Commands that the parser reads itself."""

CONSTANTS = {"infty": "inf", "emptyset": "empty", "varnothing": "empty", "pi": "pi", "varpi": "pi", "reals": "R"}
"""Commands that are constants."""

CURRENCIES = {"$": "$", "euro": "€", "pounds": "£", "yen": "¥", "rupee": "₹", "texteuro": "€", "textyen": "¥"}
"""Currency signs by what writes them; they stand before or after the amount."""
