"""Answers written as responses, in the form that a prompt asks for."""

from __future__ import annotations

from rlsd_env.desk import Desk
from rlsd_env.errors import ConfigurationError

PLACE = "{gold}"
FORMS: dict[str, str] = {
    "tags": "<answer>{gold}</answer>",
    "boxed": "\\boxed{{gold}}",
    "answer line": "Answer: {gold}",
    "plain": "{gold}",
    "double angles": "<Answer>: <<{gold}>>",
    "braces": "{{gold}}",
}
"""Ways to write an answer, by name; `{gold}` is replaced."""
OWN_FORMS = {
    "mathvision": "boxed",
    "mathvista": "plain",
    "mmmu": "plain",
    "mmmu_pro": "answer line",
    "wemath": "double angles",
    "zerobench": "braces",
}
"""What the official prompts of the benchmarks ask for, by verifier; they come with the answer format "none"."""


ODD_ANSWERS = ("7", "-1.5", "B", "ten", "x = y", "1/0", "(1, 2)", "?")
"""What a policy may answer, right or wrong: a verifier judges all of it and fails on none."""


def written(form: str, gold: str) -> str:
    r"""Write a gold answer.

    >>> written(FORMS["boxed"], "7"), written(FORMS["braces"], "7")
    ('\\boxed{7}', '{7}')
    """
    return form.replace(PLACE, gold)


def forms_of(desk: Desk, own: str | None = None) -> dict[str, str]:
    """Return the forms to try, the one that the environment's prompt asks for first.

    Args:
        desk: the environment's desk.
        own: a form of the user's, which then is the only one.

    Raises:
        ConfigurationError: the form of the user's has no place for the answer.

    """
    if own is not None:
        if PLACE not in own:
            raise ConfigurationError(f"form {own!r} has no place for the answer; write {PLACE} there")
        return {"own": own}
    asked = desk.answer_format if desk.answer_format in FORMS else OWN_FORMS.get(desk.verifier.name, "plain")
    return {asked: FORMS[asked], **FORMS}
