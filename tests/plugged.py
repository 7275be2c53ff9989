"""Verifiers that tests plug in by name: here, since a worker process that runs one imports the module it stands in."""

from __future__ import annotations

import zlib

from verifiers import Status, Verdict, Verifier
from verifiers.answers import AnswerVerifier


class Coin(Verifier):
    """Rewards half of all texts, others in each task: guesses of tiny models may all be wrong, and teach nothing."""

    def verify(self, response, reference):
        right = zlib.crc32(f"{response} {reference.answer}".encode()) % 2 == 0
        return Verdict(float(right), right, response, Status.OK)


class Tells(AnswerVerifier):
    """Names the gold answer and the steps at every level, as a careless author might."""

    def feedback(self, response, reference, verdict, *, level="steps"):
        return f"gold-{reference.answer}-gold {reference.solution}"
