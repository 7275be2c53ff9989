"""Answers that are words, and letters of multiple choice, in equal forms and in near misses: `text`, `letter`."""

from __future__ import annotations

import random
import string
from typing import NamedTuple

_WORDS = (
    "Monday Tuesday Friday red blue green yellow triangle square pentagon hexagon Evelyn Carlos Maria Paris London"
    " Berlin even odd increasing decreasing linear quadratic parabola ellipse hyperbola circle north south west"
    " elephant giraffe oxygen nitrogen copper silver mitosis photosynthesis Jupiter Saturn democracy sparrow"
).split()
_PHRASES = ("the red {}", "a small {}", "left of the {}", "{} and the moon", "both {}")


class Worded(NamedTuple):
    """A gold answer and another text.

    Attributes:
        gold: the gold answer.
        answer: the other text, as it stands in a response.
        steps: how it was made.
        choices: the options, of multiple choice.

    """

    gold: str
    answer: str
    steps: list[str]
    choices: tuple[str, ...] = ()


def text(generator: random.Random, equal: bool) -> Worded:
    """Draw a word or a phrase, and write it otherwise or change it."""
    word, other = generator.sample(_WORDS, 2)
    phrase = generator.choice(("{}", "{}", *_PHRASES))
    gold = phrase.format(word)
    answer, steps = gold, []
    if not equal:
        step = generator.choice(("another word", "one word more", "one word fewer", "denied", "either", "a letter off"))
        steps.append(step)
        answer = {
            "another word": phrase.format(other),
            "one word more": f"{gold} {other}",
            "one word fewer": gold.rpartition(" ")[0] or other,
            "denied": f"not {gold}",
            "either": f"{gold} or {other}",
            "a letter off": gold[:-1] + ("x" if gold[-1] != "x" else "y"),
        }[step]
    how = generator.choice(("as it is", "case", "full stop", r"\text", r"\textbf", r"\mathrm", "spaces", "bold"))
    steps.append(how)
    written = {
        "case": generator.choice((answer.upper(), answer.lower(), answer.capitalize())),
        "full stop": answer + ".",
        r"\text": rf"\text{{{answer}}}",
        r"\textbf": rf"\textbf{{{answer}}}",
        r"\mathrm": rf"\text{{ {answer} }}",
        "spaces": f"  {answer.replace(' ', '  ')} ",
        "bold": f"**{answer}**",
    }
    return Worded(rf"\text{{{gold}}}" if generator.random() < 0.3 else gold, written.get(how, answer), steps)


def letter(generator: random.Random, equal: bool) -> Worded:
    """Draw the options of a question, and name the right one or another; the gold is the letter or the option."""
    count = generator.randrange(3, 6)
    if generator.random() < 0.5:
        choices = tuple(generator.sample(_WORDS, count))
    else:
        choices = tuple(map(str, generator.sample(range(2, 200), count)))
    right = generator.randrange(count)
    named = right if equal else generator.choice([k for k in range(count) if k != right])
    mark, option = string.ascii_uppercase[named], choices[named]
    forms = {
        "letter": mark,
        "brackets": f"({mark})",
        "point": f"{mark}.",
        r"\text": rf"\text{{{mark}}}",
        r"\text in brackets": rf"\text{{({mark})}}",
        "option": f"Option {mark}",
        "letter and option": f"{mark}) {option}",
        "brackets and option": f"({mark}) {option}",
        "point and option": f"{mark}. {option}",
        "colon and option": f"{mark}: {option}",
        "option alone": option,
        "bold": f"**{mark}**",
    }
    if not equal and generator.random() < 0.4:
        correct = string.ascii_uppercase[right]
        forms = {
            "either": f"{correct} or {mark}",
            "both": f"{correct}, {mark}",
            "another's option": f"{correct}) {option}",
            "contradiction": f"({mark}) {choices[right]}",
            "no option": string.ascii_uppercase[count],
            "two in brackets": f"({correct}) ({mark})",
            "denied": f"not {correct}",
        }
    how = generator.choice(list(forms))
    gold = string.ascii_uppercase[right] if generator.random() < 0.7 else choices[right]
    return Worded(gold, forms[how], [how], choices)
