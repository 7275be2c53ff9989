"""Memory of each GPU, part by part, while it samples and while it updates."""

from __future__ import annotations

from dataclasses import dataclass

from agents.estimate.activations import text_bytes, vision_bytes
from agents.estimate.workload import Workload

GIB = 2**30
CHUNK = 2**24
"""Largest distributions that are held at once, in numbers: `agents.policy.scores.CHUNK_NUMBERS`."""
CHUNKS = {False: 3, True: 11}
"""Float32 tensors of that size at the peak, for sampled tokens and for comparing distributions (measured on a CPU)."""
NEXT_TOKEN_BYTES = 28
"""Per vocabulary entry and completion while transformers samples: logits, their logarithms and exponentials in float32,
probabilities and their sums in float64."""
MOMENTS = {"adamw": 8.0, "adamw8bit": 2.0 + 8 / 256}
"""Bytes per weight of both moments; in 8 bits there are two float32 scales for every 256."""
KEPT_FEATURES = 2**31
"""Features of pictures that are kept where the tower is frozen, bytes: `agents.policy.vision_cache.MOST_BYTES`."""
VLLM_SHARE = {False: 0.3, True: 0.92}
"""`gpu_memory_utilization` where it is not given: beside training, as `agents.policy.vllm.arguments` has it, and of a
server (vLLM's default)."""


@dataclass(frozen=True)
class Part:
    """A part of a GPU's memory, in bytes.

    Attributes:
        name: what it is.
        sampling: bytes while completions are sampled.
        updating: bytes while the weights are updated.

    """

    name: str
    sampling: float
    updating: float


@dataclass(frozen=True)
class Memory:
    """All parts, and what vLLM makes of its share.

    Attributes:
        parts: those that are not empty.
        cache_tokens: tokens whose keys and values one vLLM engine has room for; 0 without vLLM.

    """

    parts: tuple[Part, ...]
    cache_tokens: float

    @property
    def sampling(self) -> float:
        """Bytes while completions are sampled."""
        return sum(part.sampling for part in self.parts)

    @property
    def updating(self) -> float:
        """Bytes while the weights are updated."""
        return sum(part.updating for part in self.parts)

    @property
    def peak(self) -> float:
        """The larger of both."""
        return max(self.sampling, self.updating)


def memory(work: Workload) -> Memory:
    """Add up what each GPU holds."""
    always = [(name, size, size) for name, size in _weights(work)]
    cache_tokens = 0.0
    sampling: list[tuple[str, float, float]] = []
    if work.vllm:
        weights, cache, cache_tokens = _vllm(work)
        if not work.serves:
            engine = work.assumptions.engine_gib * GIB
            always += [(f"vLLM: {name}", size, size) for name, size in
                       (("weights", weights), ("keys and values", cache), ("engine", engine))]  # fmt: skip
    else:
        sampling = [(name, size, 0.0) for name, size in _transformers_sampling(work)]
    if work.sharded:  # one matrix at a time is gathered for the sampler
        sampling.append(("a matrix on its way to the sampler", 4.0 * work.architecture.text.embeddings, 0.0))
    reserve = work.assumptions.reserve_gib * GIB
    rows = [*always, *sampling, *_updating(work), ("context, buffers, fragmentation", reserve, reserve)]
    return Memory(tuple(Part(*row) for row in rows if row[1] or row[2]), cache_tokens)


def _weights(work: Workload) -> list[tuple[str, float]]:
    width = work.precision.compute
    shards = work.assumptions.gpus if work.sharded else 1
    # Each process has a frozen vision tower whole: it runs it when it needs to.
    frozen = width * (work.frozen_vision + (work.frozen - work.frozen_vision) / shards)
    copy = work.copies * 4 * work.trained / shards
    vision = work.architecture.vision
    features = 0.0
    if vision is not None and not work.vision_trained:
        seen = work.groups * work.options.steps * work.picture
        features = min(KEPT_FEATURES, seen * vision.out * (1 + vision.deepstack) * width)
    return [
        ("trained weights, float32", 4 * work.trained / shards),
        ("frozen weights", frozen),
        ("gradients, float32", 4 * work.trained / shards),
        ("AdamW's moments", MOMENTS[work.options.optimizer] * work.trained / shards),
        ("scorers' copies of trained weights", copy),
        ("other models that score", float(width * work.others)),
        ("kept features of pictures", features),
        ("replica that samples", float(width * work.architecture.parameters) if work.replica else 0.0),
    ]


def _vllm(work: Workload) -> tuple[float, float, float]:
    """Return bytes of an engine's weights and of its cache on each GPU, and the tokens that the cache has room for."""
    text, width = work.architecture.text, work.precision.compute
    share = float(work.options.sampler_kwargs.get("gpu_memory_utilization", VLLM_SHARE[work.serves]))
    weights = width * work.architecture.parameters / work.tensor_parallel
    cache = (share * work.assumptions.gpu_memory_gib - work.assumptions.engine_gib) * GIB - weights
    return weights, max(0.0, cache), max(0.0, cache) * work.tensor_parallel / text.cache_bytes(width)


def _transformers_sampling(work: Workload) -> list[tuple[str, float]]:
    text, options = work.architecture.text, work.options
    completions = work.groups * options.group_size
    # Keys come out of norms, whose weights are float32 where they are trained.
    width = 2 if work.options.precision == "bfloat16" and (not work.whole or work.replica) else 4
    tokens = work.groups * work.prompt + completions * options.max_tokens
    return [
        ("keys and values of completions", float(tokens * text.cache_bytes(width))),
        ("distributions of the next token", float(completions * text.vocabulary * NEXT_TOKEN_BYTES)),
    ]


def _updating(work: Workload) -> list[tuple[str, float, float]]:
    text, vision, options = work.architecture.text, work.architecture.vision, work.options
    precision, tokens = work.precision, work.micro_batch
    saved = text_bytes(text, tokens, precision, work.adapters, options.gradient_checkpointing)
    pictures = 0.0
    if vision is not None and work.vision_trained:
        pictures = vision_bytes(vision, work.pictures_at_once, work.picture, precision, options.gradient_checkpointing)
    chunk = min(CHUNK, tokens * text.vocabulary)
    rows = [
        ("activations of the language model", saved),
        ("activations of the vision tower", pictures),
        ("distributions, a chunk at a time", 4.0 * CHUNKS[work.matches] * chunk),
    ]
    if work.whole:
        rows.append(("gradient of the head, as it is added up", 4.0 * text.embeddings))
    if work.sharded:
        rows.append(("gathered layers and their gradients", _gathered(work)))
    elif work.whole and options.precision == "bfloat16":
        looked_up = 0 if text.tied else 1  # embeddings are not multiplied by, and a float32 head is taken as it is
        wide = options.head_dtype == "float32"
        matrices = work.trained - (looked_up + wide) * text.embeddings
        rows.append(("trained weights in bfloat16", 2.0 * matrices))
    if work.assumptions.gpus > 1 and not work.sharded:
        # All gradients are added up over the processes at once, when the activations are gone.
        gone = sum(size for _, size in rows)
        rows.append(("gradients, to be added up", max(0.0, 4.0 * work.trained - gone)))
    return [(name, 0.0, float(size)) for name, size in rows]


def _gathered(work: Workload) -> float:
    """Bytes of what is gathered at the same time: everything outside of layers, and two layers."""
    text, vision = work.architecture.text, work.architecture.vision
    outside = text.embeddings * (1 if text.tied else 2) + text.hidden
    if vision is not None and work.vision_trained:
        outside += vision.parameters - vision.depth * vision.block
    numbers = outside + 2 * text.layer
    return work.precision.compute * numbers * (2 if work.whole else 1)
