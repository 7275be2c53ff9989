"""What accuracies do not say: who failed to judge, odd pictures, engines that run another model, partial rewards."""

from __future__ import annotations

from collections.abc import Mapping

from agents.runs.progress import failed_share

MOST_APART = 0.25
"""Nats, of `sampler_difference`: more than bfloat16's rounding makes."""


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
    told = f"warning: the verifier or environment failed on {share:.1%} of {where}, which accuracy and reward leave out"
    if accuracy is None:
        return told
    return f"{told}: of those judged {accuracy:.3f} were right, of all {accuracy * (1 - share):.3f}"


def odd_pictures(where: str, metrics: Mapping[str, float]) -> str:
    """Tell of pictures that the model's processor refuses; "" where there are none.

    Args:
        where: as in `failures`.
        metrics: as in `failures`.

    >>> odd_pictures("the training attempts", {"pictures_padded_share": 0.25, "pictures_left_out_share": 0.0})
    'pictures that the model refuses: 25.0% of the training attempts had one padded'

    """
    became = {"padded": "had one padded", "left_out": "are left out for one, as if they had not been made"}
    shares = {told: metrics.get(f"pictures_{name}_share", 0.0) for name, told in became.items()}
    told = ", ".join(f"{share:.1%} of {where} {told}" for told, share in shares.items() if share)
    if replaced := metrics.get("tasks_replaced_share", 0.0):
        told += f"{', ' if told else ''}{replaced:.1%} of the tasks trained on stand in for one with such a picture"
    return told and f"pictures that the model refuses: {told}"


def other_sampler(where: str, metrics: Mapping[str, float]) -> str:
    """Warn that what samples does not run the model as the learner does; "" where it does, but for rounding.

    Args:
        where: as in `failures`.
        metrics: of a training.

    >>> other_sampler("the training attempts", {"sampler_difference": 0.02})
    ''

    """
    off = metrics.get("sampler_difference", 0.0)
    if off <= MOST_APART:
        return ""
    return (
        f"warning: log-probabilities recorded while sampling {where} are {off:.2g} from the learner's on average "
        "(sampler_difference): what samples runs the model otherwise, or with other weights"
    )
