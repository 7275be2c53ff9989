"""What accuracies do not say: the responses on which verifiers failed, and rewards between 0 and 1."""

from __future__ import annotations

from collections.abc import Mapping

from agents.runs.progress import failed_share


def partial_reward(metrics: Mapping[str, float]) -> float | None:
    """Return the mean reward where it is not the accuracy, as where answers may be partly right; else None.

    >>> partial_reward({"reward": 0.5, "accuracy": 0.25}), partial_reward({"reward": 0.5, "accuracy": 0.5})
    (0.5, None)
    """
    reward = metrics.get("reward")
    return None if reward == metrics.get("accuracy") else reward


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
