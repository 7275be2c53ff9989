"""What the vision tower makes of pictures and videos; where the tower is frozen, each is run once and remembered."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from agents.policy.media import Processed

MOST_BYTES = 2**31
"""Memory for features that are kept, on the model's device; the least recently used go first."""


@dataclass(frozen=True, eq=False)
class Features:
    """Features of some pictures or videos.

    Attributes:
        embeddings: what stands in the prompt, one tensor per picture.
        deepstack: what is added to the first layers, one tensor per picture for each of them; None: nothing is.

    """

    embeddings: tuple[Tensor, ...]
    deepstack: tuple[tuple[Tensor, ...], ...] | None

    def of(self, numbers: Sequence[int]) -> Any:
        """Return what stands for the tower's output of several occurrences of the pictures, by number."""
        deepstack = None
        if self.deepstack is not None:
            deepstack = [tuple(level[number] for number in numbers) for level in self.deepstack]
        embeddings = tuple(self.embeddings[number] for number in numbers)
        return SimpleNamespace(pooler_output=embeddings, deepstack_features=deepstack)

    def only(self, number: int) -> Features:
        """Return a copy of the features of one picture."""
        deepstack = self.deepstack
        return Features(
            (self.embeddings[number].clone(),),
            None if deepstack is None else tuple((level[number].clone(),) for level in deepstack),
        )

    @property
    def bytes(self) -> int:
        """Memory of the tensors."""
        tensors = [*self.embeddings, *(tensor for level in self.deepstack or () for tensor in level)]
        return sum(tensor.nbytes for tensor in tensors)


class FeatureCache:
    """Runs a vision tower, and remembers what it made of each picture where that cannot change.

    Attributes:
        frozen: whether the tower's weights stay as they are, so that features may be kept.
        runs: pictures and videos that the tower has been run on.
        reused: those that were remembered.

    """

    def __init__(self) -> None:
        self.frozen = False
        self.runs = 0
        self.reused = 0
        self._kept: OrderedDict[tuple[int, int], tuple[Processed, Features]] = OrderedDict()
        self._bytes = 0

    def features(self, media: Sequence[Processed], tower: Callable[..., Any], model: Any) -> Features:
        """Return the features of distinct pictures or videos of one kind.

        Args:
            media: the pictures or videos.
            tower: runs the vision tower on patches and grids.
            model: whose tower it is.

        """
        if not self.frozen:
            self.runs += len(media)
            return _run(media, tower, model)
        keys = [(id(model), id(one)) for one in media]
        new = [one for key, one in zip(keys, media) if key not in self._kept]
        self.reused += len(media) - len(new)
        self.runs += len(new)
        found = {key: self._kept[key][1] for key in keys if key in self._kept}
        if new:
            with torch.no_grad():
                made = _run(new, tower, model)
            for number, one in enumerate(new):
                found[id(model), id(one)] = self._keep(model, one, made.only(number))
        for key in keys:
            if key in self._kept:
                self._kept.move_to_end(key)
        parts = [found[key] for key in keys]
        stacks = [part.deepstack for part in parts if part.deepstack is not None]
        deepstack = tuple(tuple(one for (one,) in level) for level in zip(*stacks)) if stacks else None
        return Features(tuple(part.embeddings[0] for part in parts), deepstack)

    def _keep(self, model: Any, one: Processed, features: Features) -> Features:
        self._kept[id(model), id(one)] = (one, features)  # holds the picture, so that its id stays taken
        self._bytes += features.bytes
        while self._bytes > MOST_BYTES and len(self._kept) > 1:
            _, (_, oldest) = self._kept.popitem(last=False)
            self._bytes -= oldest.bytes
        return features


def _run(media: Sequence[Processed], tower: Callable[..., Any], model: Any) -> Features:
    output = tower(
        torch.cat([one.pixels for one in media]).to(model.device),
        torch.stack([one.grid for one in media]).to(model.device),
        return_dict=True,
    )
    deepstack = getattr(output, "deepstack_features", None)
    levels = None if deepstack is None else tuple(tuple(level) for level in deepstack)
    return Features(tuple(output.pooler_output), levels)
