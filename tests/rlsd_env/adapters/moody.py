"""A verifier that fails on some responses, for adapters."""

from __future__ import annotations

from verifiers import Status, Verdict, Verifier


class Moody(Verifier):
    """Judges what is in <answer> tags to the letter, and fails on "crash"."""

    def verify(self, response, reference):
        if "crash" in response:
            return Verdict(0.0, False, None, Status.ERROR, f"crashed on {reference.answer}")
        right = f"<answer>{reference.answer}</answer>" in response
        return Verdict(float(right), right, None, Status.OK)


class Failing(Verifier):
    """Fails on everything, for models whose vocabulary cannot say "crash"."""

    def verify(self, response, reference):
        return Verdict(0.0, False, None, Status.ERROR, "broken")


MOODY = {"verifier": "tests.rlsd_env.adapters.moody:Moody", "grading_workers": 0}
"""Arguments of an environment that has it."""
