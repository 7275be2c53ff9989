"""What grades where no verifier is named."""

from __future__ import annotations

import verifiers
from verifiers.base import Verifier

SHORT = "answer"
"""The `kind` of a row whose prediction is an answer alone."""
WHOLE = "response"
"""The `kind` of a row whose prediction is a whole response."""


def default_verifier() -> Verifier:
    """The verifier of answers, which also takes a prediction without tag, box or statement: its last line."""
    return verifiers.make("answer", mode="lenient")


def default_response(prediction: str, kind: object) -> str:
    """A prediction as `default_verifier` is to read it: a short answer of several lines is one answer."""
    return prediction.replace("\n", " ") if kind == SHORT else prediction
