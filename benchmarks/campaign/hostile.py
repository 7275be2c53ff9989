"""Random and hostile answers for fuzzing: `answers`."""

from __future__ import annotations

import random
from collections.abc import Iterator

from benchmarks.campaign.pairs import KINDS, pairs
from verifiers import Reference

_PIECES = (
    *"0123456789xyabnefgiCABD+-*/^_=<>!%'|:;,.()[]{} $&~\\\"#@?",
    *(
        r"\frac{ \dfrac{ \sqrt{ \sqrt[3]{ \left( \right) \mleft[ \bigl\{ \{ \} \cup \cap \infty \pi \pm \sin \cos \log_"
        r" \ln \sum_{k=1}^{ \prod_{k=1}^{ \int_0^1 \lim_{x\to0} \binom{ \begin{pmatrix} \end{pmatrix} \begin{cases}"
        r" \end{cases} \\ \text{ \mathrm{ \operatorname{ \boxed{ \cdot \times \le \ne \in \mathbb{R} \setminus ^\circ"
        r" \% \$ dx ! !! ' ** <answer> </answer> <think> </think> and or not if cm km/h apples percent 10 99 9^9 1e9"
        " 1e999999 0.5 ² ½ √ π ≤ ∞ ∑ é 中 ٣ ０ 𝟙 \u200b \u202e \ud800 \x00 \x7f \ufeff \n"
    ).split(" "),
)
_TOWERS = (
    "9^{9^{9^{9^{9}}}}",
    "9**9**9**9",
    "((9!)!)!",
    "100000000!",
    r"\binom{10^9}{5 \cdot 10^8}",
    "10^{10^{9}}",
    "(a+b+c+d)^{300}",
    "x^{10^{12}}-1",
    r"\sum_{k=1}^{10^{9}} k^{k}",
    r"\prod_{k=1}^{10^{8}} k!",
    r"\int_0^{10^9} \sin(x^{x^x}) \, dx",
    r"\lim_{n \to \infty} (1+\frac{1}{n})^{n^{n}}",
    r"\sqrt[10^{9}]{2^{10^{9}}}",
    r"\log_{1.0000000001}(10^{1000})",
    "1e999999999",
    "0.(142857)^{99999}",
    "(2^{99999}) \\bmod 1000007",
    r"\gcd(10^{5000}+1, 10^{4999}+3)",
    r"\{x \mid x^{100}-x^{99}+1=0\}",
    r"\left|\sin(10^{10^{5}})\right| < x^{x} < 10",
)
_PAYLOADS = (
    "__import__('pathlib').Path('{0}').touch()",
    "open('{0}','w')",
    "exec(\"open('{0}','w')\")",
    "eval(compile(\"open('{0}','w')\",'','exec'))",
    r"\pi**__import__('pathlib').Path('{0}').touch()",
    r"\begin{{pmatrix}} [open('{0}','w')] \end{{pmatrix}}",
    "[x for x in [open('{0}','w')]]",
    "(lambda: open('{0}','w'))()",
    "Symbol('x').func(open('{0}','w'))",
    "{{open('{0}','w')}}",
    'f\'{{open("{0}","w")}}\'',
    "$(touch {0})",
    "`touch {0}`",
    "; touch {0} #",
    r"\input{{|touch {0}}}",
    r"\write18{{touch {0}}}",
    "().__class__.__base__.__subclasses__()[0](open('{0}','w'))",
    "1 if open('{0}','w') else 2",
    "!!python/object/apply:os.system ['touch {0}']",
    "x=open('{0}','w')",
    r"\sqrt{{open('{0}','w')}}",
)
_HERE = "ANSWER"
_WRAPPED = (
    *["<answer>ANSWER</answer>"] * 5,
    *[r"\boxed{ANSWER}"] * 3,
    *["The final answer is $ANSWER$."] * 2,
    "ANSWER",
    "<think>ANSWER</think><answer>ANSWER</answer>",
    "<answer>ANSWER",
)
_BESIDE = (
    *["ANSWER"] * 2,
    "7+ANSWER",
    "(ANSWER)",
    r"\frac{1}{ANSWER}",
    "[ANSWER, 2]",
    "x = ANSWER",
    "ANSWER = 7",
    r"\sqrt{ANSWER}",
    "-ANSWER",
    "ANSWER-ANSWER",
    "ANSWER cm",
)


def answers(count: int, seed: int, mark: str) -> Iterator[tuple[str, Reference]]:
    """Draw responses: answers of the grammar changed in a few places, pieces in a row, nests, towers and payloads.

    Args:
        count: how many.
        seed: of the draws.
        mark: a file that a payload makes where it is run.

    """
    generator = random.Random(f"fuzz {seed}")
    rows = [row for found in pairs(4 * len(KINDS) * 4, seed + 1) for row in found]
    for _ in range(count):
        row, other = generator.choice(rows), generator.choice(rows)
        how = generator.random()
        if how < 0.5:
            text = changed(row.answer, generator)
        elif how < 0.7:
            text = "".join(generator.choice(_PIECES) for _ in range(generator.randrange(1, 40)))
        elif how < 0.8:
            text = _nested(other.answer if generator.random() < 0.5 else "x", generator)
        elif how < 0.9:
            text = _combined(generator.choice(_TOWERS), generator)
        else:
            text = _combined(generator.choice(_PAYLOADS).format(mark), generator)
        gold, choices = (row.gold, row.choices) if generator.random() < 0.95 else ("B", ("1", "2", "red"))
        yield generator.choice(_WRAPPED).replace(_HERE, text), Reference(gold, choices=choices)


def changed(text: str, generator: random.Random) -> str:
    """Change a text in up to four places: leave out, double, insert, exchange."""
    for _ in range(generator.randrange(1, 5)):
        start = generator.randrange(len(text) + 1)
        end = min(len(text), start + generator.randrange(4))
        middle = generator.choice(("", text[start:end] * 2, generator.choice(_PIECES), text[start:end][::-1]))
        text = text[:start] + middle + text[end:]
    return text


def _nested(text: str, generator: random.Random) -> str:
    opener, closer = generator.choice(
        (
            ("(", ")"),
            ("{", "}"),
            (r"\frac{1}{1+", "}"),
            (r"\sqrt{", "}"),
            ("[", "]"),
            ("|", "|"),
            ("-", ""),
            ("x^{", "}"),
            (r"\left(", r"\right)"),
            (r"\text{", "}"),
            (r"\boxed{", "}"),
            ("sin(", ")"),
            ("2(", ")!"),
        )
    )
    depth = generator.choice((5, 30, 39, 41, 100, 1_000, 20_000))
    return opener * depth + text + closer * (depth - (generator.random() < 0.2))


def _combined(text: str, generator: random.Random) -> str:
    """Put a text beside or into something ordinary."""
    made = generator.choice(_BESIDE).replace(_HERE, text)
    return changed(made, generator) if generator.random() < 0.3 else made
