"""What a run asks of its GPUs: its options, its architecture and its assumptions, put together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from agents.estimate.activations import Precision, precision_of
from agents.estimate.architecture import Architecture
from agents.estimate.published import find_architecture
from agents.options.assumptions import Assumptions, read_assumptions, resolve
from agents.options.commands import TrainOptions
from agents.options.model import ALL_LINEAR
from rlsd_env.errors import ConfigurationError


@dataclass(frozen=True)
class Workload:
    """One training run.

    Attributes:
        options: its options.
        architecture: of its model.
        assumptions: with nothing left open.
        scored_by: the architecture behind each context, the policy's own or another's, in a step that asks for most;
            a server's is not here.
        others: parameters of other models on each GPU that score, or act with help.
        copies: copies of the trained weights that scorers hold.
        steady: whether every scorer's weights stay as they are between the updates of a step.
        teacher_steps: training steps in which scorers are asked.
        helped_steps: those in which attempts are made with help.
        helped_attempts: how many of them a group that is helped has at most.
        matches: whether distributions over the vocabulary are compared, and not only sampled tokens.

    """

    options: TrainOptions
    architecture: Architecture
    assumptions: Assumptions
    scored_by: tuple[Architecture, ...]
    others: int
    copies: int
    steady: bool
    teacher_steps: int
    helped_steps: int
    helped_attempts: int
    matches: bool

    # -- weights -------------------------------------------------------------------------------------------

    @property
    def whole(self) -> bool:
        """Whether weights themselves are trained, and not adapters."""
        return not self.options.lora_rank

    @property
    def vision_trained(self) -> bool:
        """Whether the vision tower is."""
        return self.architecture.vision is not None and self.whole and not self.options.freeze_vision

    @property
    def adapters(self) -> tuple[str, ...] | None:
        """Linear layers with adapters; None: there are none."""
        if self.whole:
            return None
        asked = self.options.lora_targets
        return tuple(self.architecture.text.linears) if asked == (ALL_LINEAR,) else asked

    @cached_property
    def trained_parts(self) -> dict[str, int]:
        """Trained parameters by part."""
        if self.adapters is not None:
            return {"LoRA adapters": self.architecture.text.adapter(self.adapters, self.options.lora_rank)}
        parts = self.architecture.parts
        return parts if self.vision_trained else {name: n for name, n in parts.items() if name != "vision tower"}

    @property
    def trained(self) -> int:
        """Trained parameters."""
        return sum(self.trained_parts.values())

    @property
    def frozen(self) -> int:
        """Parameters that stay as they are."""
        return self.architecture.parameters - (self.trained if self.whole else 0)

    @property
    def frozen_vision(self) -> int:
        """Those of a vision tower that is not trained."""
        vision = self.architecture.vision
        return 0 if vision is None or self.vision_trained else vision.parameters

    @property
    def sharded(self) -> bool:
        """Whether weights lie in shards on all GPUs."""
        return self.options.shard and self.assumptions.gpus > 1

    @property
    def precision(self) -> Precision:
        """How numbers are held."""
        return precision_of(self.options.precision, self.whole, self.sharded)

    # -- tokens --------------------------------------------------------------------------------------------

    @property
    def picture(self) -> int:
        """Tokens of a prompt's pictures."""
        return self.assumptions.image_tokens if self.architecture.vision is not None else 0

    @property
    def prompt(self) -> int:
        """Tokens of a prompt, P."""
        return self.assumptions.text_tokens + self.picture

    @property
    def response(self) -> float:
        """Tokens of a completion on average, R."""
        return self.assumptions.response_tokens

    @property
    def longest(self) -> int:
        """Tokens of the longest row: a prompt and a completion that runs to the limit."""
        return self.prompt + self.options.max_tokens

    @property
    def groups(self) -> int:
        """Groups of each GPU in a step."""
        return math.ceil(self.options.prompts_per_step / self.assumptions.gpus)

    def group_tokens(self, prompt: float) -> float:
        """Tokens that scoring one group runs, for prompts of so many tokens."""
        prompts = 1 if self.packed else self.options.group_size
        return prompts * prompt + self.options.group_size * self.response

    @property
    def packed(self) -> bool:
        """Whether a group's prompt is run once."""
        return self.options.scoring != "plain"

    @property
    def micro_batch(self) -> float:
        """Tokens of a full micro-batch; a single row may be longer than its budget."""
        everything = self.groups * (self.prompt + self.options.group_size * self.options.max_tokens)
        return min(max(self.options.micro_batch_tokens, self.longest), everything)

    @property
    def micro_batches(self) -> int:
        """Micro-batches of each GPU in an update."""
        tokens = self.groups * self.assumptions.active_share * self.group_tokens(self.prompt)
        return math.ceil(tokens / self.micro_batch) if tokens else 0

    @property
    def pictures_at_once(self) -> int:
        """Prompts with pictures in a micro-batch."""
        if not self.picture:
            return 0
        return min(self.groups, math.ceil(self.micro_batch / self.group_tokens(self.prompt)) + 1)

    # -- sampler -------------------------------------------------------------------------------------------

    @property
    def vllm(self) -> bool:
        """Whether vLLM samples, in process or as a server."""
        return self.options.sampler != "transformers"

    @property
    def serves(self) -> bool:
        """Whether the sampler is a server with GPUs of its own."""
        return self.options.sampler not in ("transformers", "vllm")

    @property
    def tensor_parallel(self) -> int:
        """GPUs that one vLLM engine spans."""
        return int(self.options.sampler_kwargs.get("tensor_parallel_size", 1))

    @property
    def engines(self) -> int:
        """Samplers that work at the same time."""
        gpus = self.assumptions.sampler_gpus if self.serves else self.assumptions.gpus
        return max(1, gpus // self.tensor_parallel)

    @property
    def replica(self) -> bool:
        """Whether transformers samples from weights of its own: for a sharded model, or beside the update."""
        return not self.vllm and (self.sharded or self.options.rollouts_ahead)

    @property
    def gpus(self) -> int:
        """All GPUs, those of a server included."""
        return self.assumptions.gpus + (self.assumptions.sampler_gpus if self.serves else 0)


def make_workload(options: TrainOptions) -> Workload:
    """Put a run's workload together; nothing is loaded but a `config.json`.

    Raises:
        ConfigurationError: the policy has no configuration without a network, the agent is no language model, or an
            option does not fit either.

    """
    from agents import algorithms
    from agents.algorithms.rules import parse_rule

    given = read_assumptions(options.assumptions, options.max_tokens)
    architecture = find_architecture(options.policy)
    for target in options.lora_targets if options.lora_rank else ():
        if target not in (*(linears := architecture.text.linears), ALL_LINEAR):
            raise ConfigurationError(
                f"lora_targets has {target!r}; this model's layers have {', '.join(linears)}, and {ALL_LINEAR} is all "
                "of them"
            )
    if options.freeze_vision and architecture.vision is None:
        raise ConfigurationError(f"freeze_vision: {options.policy!r} has no vision tower; leave the option out")
    algorithm = algorithms.make(options.agent, options.agent_kwargs)
    state = algorithm.initial()
    asked = [algorithm.contexts(step, state) for step in range(options.steps)]
    most = max(asked, key=len)
    helps = [one for step in range(options.steps) if (one := algorithm.guidance(step, state)) is not None]
    rules = {name: parse_rule(text) for name, text in algorithm.scorers().items()}
    elsewhere = {rule.place for rule in rules.values() if rule.kind == "external"}
    behind = {
        name: find_architecture(rule.place) if rule.kind == "external" else architecture
        for name, rule in rules.items()
        if rule.kind != "server"
    }
    vllm = options.sampler != "transformers"
    return Workload(
        options,
        architecture,
        resolve(given, options.precision, architecture.text.layers, options.max_tokens, vllm),
        scored_by=tuple(behind[context.scorer] for context in most.values() if context.scorer in behind),
        others=sum(find_architecture(place).parameters for place in elsewhere),
        copies=sum({rule.text: rule.copies for rule in rules.values()}.values()),
        steady=all(rule.steady for rule in rules.values()),
        teacher_steps=sum(map(bool, asked)),
        helped_steps=len(helps),
        helped_attempts=max((one.attempts or options.group_size for one in helps), default=0),
        matches=any(context.full or context.top_k for context in most.values()),
    )
