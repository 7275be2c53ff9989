"""What a baseline sees with."""

from __future__ import annotations

import gymnasium
import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

PATCH = 4
"""Side of the first layer's patches in pixels; the smallest things that count in the pictures are some ten wide."""


class SmallPicture(BaseFeaturesExtractor):
    """Two convolutions over the ink of a picture, joined with whatever else is observed.

    Stable-Baselines3's default network begins with patches of eight pixels and two further reductions, which leaves
    nothing of a picture of 48. What else is observed is also handed on as it is, so that a policy can
    tell at once whether anything is written.

    Args:
        space: a picture, channels first as Stable-Baselines3 hands it over, or a `Dict` with one under "image".
        features: numbers that picture and the rest are joined in.
        channels: of both convolutions.

    """

    def __init__(self, space: gymnasium.Space, features: int = 128, channels: int = 32) -> None:
        others = [space[key] for key in space if key != "image"] if isinstance(space, spaces.Dict) else []
        width = sum(map(spaces.flatdim, others))
        super().__init__(space, features + width)
        picture = space["image"] if isinstance(space, spaces.Dict) else space
        assert isinstance(picture, spaces.Box)
        self.picture = nn.Sequential(
            nn.Conv2d(picture.shape[0], channels, PATCH, stride=PATCH),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
        )
        with torch.no_grad():
            seen = self.picture(torch.zeros(1, *picture.shape)).shape[1]
        self.joined = nn.Sequential(nn.Linear(seen + width, features), nn.ReLU())

    def forward(self, observations: Tensor | dict[str, Tensor]) -> Tensor:
        """Return features, [B, features + other numbers]; pictures come as [B, C, H, W] in 0..1, where 1 is paper."""
        if isinstance(observations, Tensor):
            return self.joined(self.picture(1 - observations))
        others = torch.cat([values.flatten(1) for key, values in observations.items() if key != "image"], dim=1)
        joined = self.joined(torch.cat([self.picture(1 - observations["image"]), others], dim=1))
        return torch.cat([joined, others], dim=1)
