"""What is said where verifiers failed: accuracies and rewards leave those responses out, and then say little."""

from __future__ import annotations

from collections.abc import Mapping

from agents.runs.progress import failed_share


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
