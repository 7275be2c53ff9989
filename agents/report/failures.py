"""What is said where verifiers failed: accuracies and rewards leave those responses out, and then say little."""

from __future__ import annotations

from collections.abc import Mapping

from verifiers import Status


def failed_share(metrics: Mapping[str, float]) -> float:
    """Return the share of responses on which the verifier failed.

    >>> failed_share({"status_error_share": 0.25, "status_timeout_share": 0.5, "status_no_answer_share": 0.25})
    0.75
    """
    return sum(metrics.get(f"status_{status}_share", 0.0) for status in Status if status.failed)


def failures(where: str, metrics: Mapping[str, float], accuracy: float | None = None) -> str:
    """Warn of responses without a verdict, and say what they may hide; "" where there are none.

    Args:
        where: what the metrics are of.
        metrics: of `agents.rollouts.metrics.episode_metrics`, or their means.
        accuracy: the share of right ones among those judged, of the same responses and no others; None: not said.

    """
    share = failed_share(metrics)
    if not share:
        return ""
    told = f"warning: the verifier failed on {share:.1%} of {where}, which accuracy and reward leave out"
    if accuracy is None:
        return told
    return f"{told}: of those judged {accuracy:.3f} were right, of all {accuracy * (1 - share):.3f}"
