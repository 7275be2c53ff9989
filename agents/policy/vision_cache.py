"""What the vision tower makes of pictures and videos; where the tower is frozen, each is run once and remembered."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from agents.policy.media import Processed

MOST_BYTES = 2**31
"""Memory for features that are kept, on the model's device; the least recently used go first."""
OF_THE_TOWER = ("last_hidden_state", "pooler_output", "hidden_states", "attentions", "deepstack_features")
"""What towers say of pictures and of themselves; whatever else they hand on is of no picture."""


@dataclass(frozen=True, eq=False)
class Features:
    """Features of some pictures or videos.

    Attributes:
        embeddings: what stands in the prompt, one tensor per picture.
        deepstack: what is added in some layers, one tensor per picture for each of them; None: nothing is.
        layers: numbers of those layers, where the tower names them; None: they are the first.
        joined: whether the model takes embeddings as one tensor, [all tokens, 1, H], and not as one per picture.
        rest: what else the tower hands on by name, which is of no picture (Ovis2: embeddings of marks around them).

    """

    embeddings: tuple[Tensor, ...]
    deepstack: tuple[tuple[Tensor, ...], ...] | None
    layers: tuple[int, ...] | None = None
    joined: bool = False
    rest: Mapping[str, Tensor] = field(default_factory=dict)

    def of(self, numbers: Sequence[int]) -> Any:
        """Return what stands for the tower's output of several occurrences of the pictures, by number."""
        deepstack: list[Any] | None = None
        if self.deepstack is not None:
            deepstack = [tuple(level[number] for number in numbers) for level in self.deepstack]
            if self.layers is not None:
                deepstack = list(zip(self.layers, deepstack))
        embeddings = tuple(self.embeddings[number] for number in numbers)
        taken = torch.cat(embeddings)[:, None] if self.joined else embeddings
        return SimpleNamespace(pooler_output=taken, deepstack_features=deepstack, **self.rest)

    def only(self, number: int) -> Features:
        """Return the features of one picture."""
        levels = None if self.deepstack is None else tuple((level[number],) for level in self.deepstack)
        return replace(self, embeddings=(self.embeddings[number],), deepstack=levels)

    def copy(self) -> Features:
        """Return a copy that holds nothing but these features in memory."""
        levels = None
        if self.deepstack is not None:
            levels = tuple(tuple(one.clone() for one in level) for level in self.deepstack)
        return replace(self, embeddings=tuple(one.clone() for one in self.embeddings), deepstack=levels)

    @property
    def bytes(self) -> int:
        """Memory of the tensors."""
        tensors = [*self.embeddings, *(tensor for level in self.deepstack or () for tensor in level)]
        return sum(tensor.nbytes for tensor in tensors)


class FeatureCache:
    """Runs a vision tower, and remembers what it made of each picture where that cannot change.

    Attributes:
        frozen: whether the tower's weights stay as they are, so that features may be kept.
        joins: whether the tower reads several pictures in one call, their inputs end to end.
        runs: pictures and videos that the tower has been run on.
        reused: those that were remembered.

    """

    def __init__(self) -> None:
        self.frozen = False
        self.joins = True
        self.runs = 0
        self.reused = 0
        self._kept: OrderedDict[tuple[int, int], tuple[Processed, Features]] = OrderedDict()
        self._bytes = 0

    def features(self, media: Sequence[Processed], tower: Callable[..., Any], model: Any) -> Features:
        """Return the features of distinct pictures or videos of one kind.

        Args:
            media: the pictures or videos.
            tower: runs the vision tower on what was made of them, and names its arguments as their `inputs` do.
            model: whose tower it is.

        """
        if not self.frozen:
            self.runs += len(media)
            return self._run(media, tower, model)
        keys = [(id(model), id(one)) for one in media]
        new = [one for key, one in zip(keys, media) if key not in self._kept]
        self.reused += len(media) - len(new)
        self.runs += len(new)
        found = {key: self._kept[key][1] for key in keys if key in self._kept}
        if new:
            with torch.no_grad():
                made = self._run(new, tower, model)
            for number, one in enumerate(new):
                found[id(model), id(one)] = self._keep(model, one, made.only(number).copy())
        for key in keys:
            if key in self._kept:
                self._kept.move_to_end(key)
        return _in_order([found[key] for key in keys])

    def _keep(self, model: Any, one: Processed, features: Features) -> Features:
        self._kept[id(model), id(one)] = (one, features)  # holds the picture, so that its id stays taken
        self._bytes += features.bytes
        while self._bytes > MOST_BYTES and len(self._kept) > 1:
            _, (_, oldest) = self._kept.popitem(last=False)
            self._bytes -= oldest.bytes
        return features

    def _run(self, media: Sequence[Processed], tower: Callable[..., Any], model: Any) -> Features:
        """Run the tower once for each kind of input, and put what comes out in the order of the media."""
        kinds: dict[Hashable, list[int]] = {}
        for number, one in enumerate(media):
            kinds.setdefault(one.kind if self.joins else number, []).append(number)
        parts: dict[int, Features] = {}
        for numbers in kinds.values():
            made = _run_kind([media[number] for number in numbers], tower, model)
            if len(kinds) == 1:
                return made
            parts |= {number: made.only(place) for place, number in enumerate(numbers)}
        return _in_order([parts[number] for number in range(len(media))])


def _in_order(parts: Sequence[Features]) -> Features:
    """Join the features of single pictures."""
    stacks = [part.deepstack for part in parts if part.deepstack is not None]
    deepstack = tuple(tuple(one for (one,) in level) for level in zip(*stacks)) if stacks else None
    return replace(parts[0], embeddings=tuple(part.embeddings[0] for part in parts), deepstack=deepstack)


def _run_kind(media: Sequence[Processed], tower: Callable[..., Any], model: Any) -> Features:
    taken = inspect.signature(tower).parameters
    inputs = {
        name: torch.cat([one.inputs[name] for one in media]).to(model.device)
        for name in media[0].inputs
        if name in taken
    }
    output = tower(**inputs, return_dict=True)
    deepstack, layers = getattr(output, "deepstack_features", None), None
    if deepstack and not isinstance(deepstack[0][0], Tensor):  # (number of the layer, its features)
        layers, deepstack = zip(*deepstack)
    found = deepstack[0] if output.pooler_output is None and deepstack else output.pooler_output
    joined = isinstance(found, Tensor)
    rows_TH = _flat(found)
    counts = [one.tokens for one in media]
    if len(rows_TH) != sum(counts):
        raise ValueError(
            f"{type(model).__name__} makes {len(rows_TH)} features of pictures for which its processor writes "
            f"{sum(counts)} tokens; use a processor that fits the model"
        )
    levels = None if deepstack is None else tuple(level.split(counts) for level in map(_flat, deepstack))
    rest = {name: value for name, value in output.items() if isinstance(value, Tensor) and name not in OF_THE_TOWER}
    return Features(rows_TH.split(counts), levels, layers, joined, rest)


def _flat(level: Tensor | Sequence[Tensor]) -> Tensor:
    return level.flatten(0, -2) if isinstance(level, Tensor) else torch.cat([one.flatten(0, -2) for one in level])
