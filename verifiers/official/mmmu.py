r"""MMMU: `MMMUVerifier`.

The official rule is in `verifiers.official.mmmu_rules`. What differs here:

1. Where the original draws a letter from Python's global generator (seed 42, in the order of the rows), a
   generator of the row's own draws it, from the seed, the row's id and the response: the same guess in any order
   and process. The verdict's method is "random_guess"; `guesses="zero"` gives such responses nothing.
2. Numbers are found in linear time.

Source: `mmmu/utils/eval_utils.py` and `mmmu/utils/data_utils.py` of MMMU-Benchmark/MMMU (arXiv 2311.16502).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from verifiers.official.base import BenchmarkVerifier, grouped, guess, judged, one_of
from verifiers.official.mmmu_rules import DOMAINS, eval_open, parse_multi_choice_response, parse_open_response
from verifiers.official.texts import list_literal
from verifiers.types import AnswerKind, Reference, Status, Verdict

GUESSES = ("random", "zero")
"""What the official mode does where a response names no option."""
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SUBJECT = re.compile(r"[^_]+_(.+)_[0-9]+")
_DOMAIN_OF = {subject: domain for domain, subjects in DOMAINS.items() for subject in subjects}
_LONGEST_EXTRACTED = 1_000


class MMMUVerifier(BenchmarkVerifier):
    """MMMU, rows of `MMMU/MMMU` or of the official outputs.

    Columns: id, answer, question_type, and options (a list or a list literal) or all_choices and index2ans.

    Args:
        mode: "official" for the benchmark's own rules, "strict" for a reward.
        guesses: what the official mode does where a response names no option: "random" draws a letter as the
            original does, "zero" gives it nothing.
        seed: the seed of the guesses; the original's is 42.

    Raises:
        ValueError: an argument has a value that is not allowed.

    """

    name = "mmmu"
    where: ClassVar[str] = "<answer> </answer>, with nothing but the option's letter or the short answer"

    def __init__(self, mode: str = "strict", guesses: str = "random", seed: int = 42) -> None:
        super().__init__(mode)
        self.guesses = one_of("guesses", guesses, GUESSES)
        self.seed = seed
        if mode == "official":
            self.version += f" (guesses: {guesses if guesses == 'zero' else f'seed {seed}'})"

    def reference(self, row: Mapping[str, Any]) -> Reference:
        """The reference of one row; several gold answers are in `extras["golds"]`, the first is the answer."""
        golds, choices = self._golds(row), self.choices(row)
        letters = tuple(_LETTERS[: len(choices)])
        if choices and not any(gold in letters for gold in golds):
            raise ValueError(f"{self.which(row)}: column 'answer' is {golds!r}, not a letter from A to {letters[-1]}")
        return Reference(
            answer=golds[0],
            kind=AnswerKind.CHOICE if choices else None,
            choices=choices,
            extras={"id": str(row.get("id", "")), "golds": golds},
        )

    def choices(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        """The options' texts in order; none for an open question."""
        if "question_type" in row and row["question_type"] != "multiple-choice":
            return ()
        if "index2ans" in row and "options" not in row:
            options = self.column(row, "index2ans") or {}
            letters = self.texts(row, "all_choices") if "all_choices" in row else tuple(sorted(options))
            if letters != tuple(_LETTERS[: len(letters)]) or set(letters) != set(options):
                raise ValueError(f"{self.which(row)}: 'index2ans' is {options!r}, not the options A, B, .. in order")
            return tuple(str(options[letter]) for letter in letters)
        return self.texts(row, "options")

    def official(self, response: str, reference: Reference) -> Verdict:
        """The official rule; see the module."""
        if reference.choices:
            letters = _LETTERS[: len(reference.choices)]
            letter = self.letter(response, letters, dict(zip(letters, reference.choices)))
            return self._lettered(letter, response, letters, reference)
        answers = parse_open_response(response)
        shown = "; ".join(str(answer) for answer in answers[:20])[:_LONGEST_EXTRACTED]
        return judged(eval_open(_golds_of(reference), answers), shown or None, "open")

    def letter(self, response: str, letters: str, options: Mapping[str, str]) -> str | None:
        """The letter that a response names by the official rule; None where the original guesses."""
        return parse_multi_choice_response(response, letters, options)

    def _lettered(self, letter: str | None, response: str, letters: str, reference: Reference) -> Verdict:
        golds = _golds_of(reference)
        if letter is not None:
            return judged(letter in golds, letter, "official")
        if self.guesses == "zero":
            return judged(False, None, "random_guess")
        drawn = guess(letters, self.seed, str(reference.extras.get("id", "")), response)
        return judged(drawn in golds, drawn, "random_guess")

    def strict(self, response: str, reference: Reference) -> Verdict:
        """The general verifier, for each gold answer where there are several."""
        best: Verdict | None = None
        for gold in _golds_of(reference):
            verdict = super().strict(response, replace(reference, answer=gold))
            if verdict.correct or verdict.status is Status.NO_ANSWER:
                return verdict
            if best is None or best.status is not Status.OK:
                best = verdict
        assert best is not None  # there is at least one gold answer
        return best

    def group_metrics(self, rows: Sequence[Mapping[str, Any]], scores: Sequence[float]) -> dict[str, float]:
        """Accuracy by subject and by domain, every question counting the same."""
        subjects = [self.subject(row) for row in rows]
        domains = [(_DOMAIN_OF[subject], s) for subject, s in zip(subjects, scores) if subject in _DOMAIN_OF]
        return grouped("accuracy/subject", zip(subjects, scores)) | grouped("accuracy/domain", domains)

    def subject(self, row: Mapping[str, Any]) -> str:
        """The subject: column `subject`, else from the id, e.g. "validation_Art_Theory_3".

        Raises:
            ValueError: there is neither.

        """
        if row.get("subject"):
            return str(row["subject"]).replace(" ", "_")
        match = _SUBJECT.fullmatch(str(self.column(row, "id")))
        if match is None:
            raise ValueError(f"{self.which(row)}: the id names no subject, as in 'validation_Art_Theory_3'")
        return match[1]

    def _golds(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        value = self.gold(row)
        if isinstance(value, str) and value.startswith("["):
            try:
                value = list_literal(value)
            except ValueError:
                value = str(value)  # a gold that only looks like a list
        golds = (value,) if isinstance(value, str | int | float) else tuple(value)
        return tuple(str(gold) for gold in golds)


def _golds_of(reference: Reference) -> tuple[str, ...]:
    golds = reference.extras.get("golds", ())
    return golds if isinstance(golds, tuple) and golds else (reference.answer,)
