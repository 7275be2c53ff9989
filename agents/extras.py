"""What the extra `agents` brings: the packages without which nothing here runs; importing `agents` does without."""

from __future__ import annotations

from rlsd_env.extras import require

PACKAGES = (
    "torch", "torchvision", "transformers", "tokenizers", "stable_baselines3", "scipy", "rich", "tomli_w", "tyro",
)  # fmt: skip


def require_agents(user: str) -> None:
    """Refuse to go on without the packages of the extra `agents`.

    Raises:
        ConfigurationError: one is not installed; the message says what `user` needs and how to install it.

    """
    require(user, "agents", *PACKAGES)
