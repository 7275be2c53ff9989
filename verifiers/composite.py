"""Rewards with more than one part: `WeightedVerifier`, `FormatVerifier`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from verifiers.base import Verifier
from verifiers.types import Reference, Status, Verdict

_TAGS = ("<think>", "</think>", "<answer>", "</answer>")


class FormatVerifier(Verifier):
    """1.0 if the response is exactly `<think>..</think> <answer>..</answer>`, each tag once, else 0.0.

    Space around the two blocks is allowed, text is not. The answer itself is not looked at.
    """

    name = "format"

    def verify(self, response: str, reference: Reference) -> Verdict:
        """Judge the format of one response."""
        fits = isinstance(response, str) and _fits(response)
        verdict = Verdict(float(fits), fits, None, Status.OK)
        return replace(verdict, feedback=self.feedback(response, reference, verdict))

    def feedback(self, response: str, reference: Reference, verdict: Verdict) -> str:
        """What the format is, unless it is met."""
        if verdict.correct:
            return "Correct."
        return "Write exactly <think> ... </think> <answer> ... </answer>."


def _fits(response: str) -> bool:
    text = response.strip()
    if any(text.count(tag) != 1 for tag in _TAGS):
        return False
    think_end, answer_start = text.find("</think>"), text.find("<answer>")
    return (
        text.startswith("<think>")
        and text.endswith("</answer>")
        and think_end < answer_start
        and not text[think_end + len("</think>") : answer_start].strip()
    )


class WeightedVerifier(Verifier):
    """A weighted sum of verifiers' rewards.

    Whether the response is correct, what was extracted and the status come from the part called
    "accuracy", so that a shaped reward never counts as a success; but where another part fails (`TIMEOUT`
    or `ERROR`), so does the whole. `Verdict.parts` holds each part's own reward, unweighted.

    Args:
        parts: (verifier, weight) by name, with one called "accuracy".

    Raises:
        ValueError: there is no part "accuracy", or a weight is not finite.

    """

    name = "weighted"

    def __init__(self, parts: Mapping[str, tuple[Verifier, float]]) -> None:
        if "accuracy" not in parts:
            raise ValueError(f"parts are {sorted(parts)}; one must be called 'accuracy'")
        for part, (_, weight) in parts.items():
            if not math.isfinite(weight):
                raise ValueError(f"the weight of {part!r} is {weight!r}; it must be finite")
        self.parts = dict(parts)
        self.version = "+".join(f"{part}:{verifier.version}" for part, (verifier, _) in parts.items())

    def verify(self, response: str, reference: Reference) -> Verdict:
        """Judge one response by every part."""
        verdicts = {part: verifier.verify(response, reference) for part, (verifier, _) in self.parts.items()}
        accuracy = verdicts["accuracy"]
        failed = [verdict.status for verdict in verdicts.values() if verdict.status.failed]
        texts = [accuracy.feedback]
        texts += [v.feedback for part, v in verdicts.items() if part != "accuracy" and not v.correct]
        return replace(
            accuracy,
            reward=sum(self.parts[part][1] * verdict.reward for part, verdict in verdicts.items()),
            status=failed[0] if failed else accuracy.status,
            feedback=" ".join(texts),
            parts={part: verdict.reward for part, verdict in verdicts.items()},
        )

    def privileged(self, reference: Reference, level: str) -> str | None:
        """What the part "accuracy" would show."""
        return self.parts["accuracy"][0].privileged(reference, level)

    def feedback(self, response: str, reference: Reference, verdict: Verdict) -> str:
        """The feedback of the part "accuracy"."""
        return self.parts["accuracy"][0].feedback(response, reference, verdict)
