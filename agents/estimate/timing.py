"""Seconds of a training step: floating-point operations, bytes read and bytes sent, over assumed rates."""

from __future__ import annotations

from dataclasses import dataclass

from agents.estimate.architecture import Architecture, Text
from agents.estimate.memory import CHUNK, Memory
from agents.estimate.workload import Workload

MOST_SEQUENCES = 256
"""Completions that a vLLM engine runs at once where `max_num_seqs` is not given."""


@dataclass(frozen=True)
class Operations:
    """Floating-point operations of one group; a multiply-add is two.

    Attributes:
        prompt: of running its prompt.
        completions: of sampling its completions, token by token.
        teacher: of scoring its completions with the teacher, once.
        update: of scoring them with the student, forward and backward, once.

    """

    prompt: float
    completions: float
    teacher: float
    update: float


@dataclass(frozen=True)
class Rollout:
    """Seconds of sampling.

    Attributes:
        weights: for handing the new weights over.
        prompts: for running prompts.
        decoding: for completions.

    """

    weights: float
    prompts: float
    decoding: float

    @property
    def total(self) -> float:
        """All three."""
        return self.weights + self.prompts + self.decoding


@dataclass(frozen=True)
class Timing:
    """Seconds of each part of a step, and what the whole run takes.

    Attributes:
        rollout: sampling.
        helped: attempts with help, in a step that has some.
        teacher: scoring with the teacher, in a step that asks it.
        update: of the weights.
        update_sent: seconds of the update's traffic between GPUs, which runs beside its computation.
        evaluation: of all evaluations, those during training included.
        overlaps: whether sampling runs beside the update, on other GPUs.
        steps: training steps.
        teacher_steps: those that ask the teacher.
        helped_steps: those with attempts with help.
        gpus: GPUs, a server's included.

    """

    rollout: Rollout
    helped: float
    teacher: float
    update: float
    update_sent: float
    evaluation: float
    overlaps: bool
    steps: int
    teacher_steps: int
    helped_steps: int
    gpus: int

    def step(self, taught: bool, helped: bool = True) -> float:
        """Seconds of a step, with the teacher or without, and with help, if there ever is, or without."""
        learning = self.update + (self.teacher if taught else 0.0)
        step = max(self.rollout.total, learning) if self.overlaps else self.rollout.total + learning
        return step + (self.helped if helped else 0.0)

    @property
    def hours(self) -> float:
        """Hours of all steps and evaluations."""
        untaught = self.steps - self.teacher_steps
        steps = self.teacher_steps * self.step(True, helped=False) + untaught * self.step(False, helped=False)
        return (steps + self.helped_steps * self.helped + self.evaluation) / 3600

    @property
    def gpu_hours(self) -> float:
        """Those hours of every GPU."""
        return self.hours * self.gpus


def operations(work: Workload) -> Operations:
    """Count what one group costs."""
    text, options = work.architecture.text, work.options
    size, prompt, response = options.group_size, work.prompt, work.response
    picture = _picture(work)

    def forward(prompt: float, text: Text = text) -> float:
        prompts = 1 if work.packed else size
        pairs = prompts * prompt * (prompt + 1) / 2 + size * response * (prompt + (response + 1) / 2)
        return text.flops(work.group_tokens(prompt), pairs)

    scored = size * response
    head = text.head_flops(scored)
    hinted = prompt + work.assumptions.hint_tokens
    again = picture if work.vision_trained else 0.0  # a frozen tower's features are kept
    teacher = sum(
        forward(hinted, one.text)
        + one.text.head_flops(scored)
        + (again if one is work.architecture else _picture(work, one))
        for one in work.scored_by
    )
    # Backward: gradients of inputs, and of weights that are trained, cost a forward each.
    backward = 2 if work.whole else 1
    rerun = 1 if options.gradient_checkpointing else 0
    layers = forward(prompt) * (1 + backward + rerun)
    if work.adapters is not None:
        adapter = 2 * text.adapter(work.adapters, options.lora_rank) * work.group_tokens(prompt)
        layers += adapter * (3 + rerun)
        own = sum(one is work.architecture for one in work.scored_by)
        teacher += own * 2 * text.adapter(work.adapters, options.lora_rank) * work.group_tokens(hinted)
    chunked = 1 if work.micro_batch * text.vocabulary > CHUNK else 0  # chunks of distributions are computed again
    heads = 1 + chunked + backward
    if work.matches:
        heads += 1 + chunked + backward + (1 + chunked)  # once more for the divergence, and the teacher's
    towers = picture * (3 + rerun) if work.vision_trained else picture
    return Operations(_prompt(work), size * _decoding(work), teacher, layers + head * heads + towers)


def timing(work: Workload, memory: Memory) -> Timing:
    """Estimate the seconds of a step."""
    assumptions, options = work.assumptions, work.options
    rate = assumptions.peak_tflops * 1e12 * assumptions.compute_share
    cost = operations(work)
    groups = work.groups * assumptions.active_share
    sent = (1 - 1 / assumptions.gpus) / (assumptions.link_gb_s * 1e9)
    layers = work.precision.compute * (work.architecture.parameters - work.frozen_vision)
    gathered = layers * sent * work.micro_batches if work.sharded else 0.0
    if work.sharded:  # gathered for the forward and the backward pass; gradients are summed in float32
        update_sent = 2 * gathered + 4 * work.trained * sent * work.micro_batches
    else:
        update_sent = 2 * 4 * work.trained * sent
    passes = 1 if work.steady else options.updates_per_batch
    completions = options.prompts_per_step * options.group_size / work.engines
    evaluated = options.eval_tasks / work.engines
    helped = options.prompts_per_step * assumptions.helped_share / work.engines if work.helped_steps else 0.0
    again = _rollout(work, memory, helped, helped * work.helped_attempts) if helped else Rollout(0.0, 0.0, 0.0)
    return Timing(
        rollout=_rollout(work, memory, options.prompts_per_step / work.engines, completions),
        helped=again.prompts + again.decoding,
        teacher=passes * max(groups * cost.teacher / rate, gathered) if work.teacher_steps else 0.0,
        update=options.updates_per_batch * max(groups * cost.update / rate, update_sent),
        update_sent=options.updates_per_batch * update_sent,
        evaluation=options.evaluations
        * _rollout(work, memory, evaluated, evaluated * (options.eval_samples + 1)).total,
        overlaps=options.rollouts_ahead and work.serves,
        steps=options.steps,
        teacher_steps=work.teacher_steps,
        helped_steps=work.helped_steps,
        gpus=work.gpus,
    )


def _picture(work: Workload, architecture: Architecture | None = None) -> float:
    vision = (architecture or work.architecture).vision
    return vision.flops(work.picture * vision.merge**2) if vision is not None and work.picture else 0.0


def _prompt(work: Workload) -> float:
    """Operations of running one prompt."""
    return _picture(work) + work.architecture.text.flops(work.prompt, work.prompt * (work.prompt + 1) / 2)


def _decoding(work: Workload) -> float:
    """Operations of sampling one completion, token by token."""
    text, response = work.architecture.text, work.response
    pairs = response * (work.prompt + (response + 1) / 2)
    return text.flops(response, pairs) + text.head_flops(response)


def _rollout(work: Workload, memory: Memory, prompts: float, completions: float) -> Rollout:
    """Estimate the seconds of one engine for its prompts and completions.

    Each step of decoding reads the weights once, and the keys and values of every completion that runs; it takes no
    less than the matrix products do. Some completion runs to the limit.
    """
    text, options, assumptions = work.architecture.text, work.options, work.assumptions
    gpus = work.tensor_parallel
    rate = gpus * assumptions.peak_tflops * 1e12 * assumptions.compute_share
    bandwidth = gpus * assumptions.memory_gb_s * 1e9 * assumptions.memory_share
    width = work.precision.compute
    # transformers samples from the trained weights themselves, unless it has a replica
    held = 4 if not work.vllm and work.whole and not work.replica else width
    prefill = prompts * _prompt(work) / rate
    at_once = completions
    if work.vllm:
        room = memory.cache_tokens / (work.prompt / options.group_size + work.response)
        at_once = max(1.0, min(completions, float(options.sampler_kwargs.get("max_num_seqs", MOST_SEQUENCES)), room))
    steps = max(float(options.max_tokens), completions * work.response / at_once)
    seen = work.prompt if work.vllm else work.prompt / options.group_size  # a group's prompt is read once there
    cached = completions * work.response * (seen + work.response / 2) * text.cache_bytes(width)
    read = steps * held * (text.layers * text.matrix + text.embeddings) + cached
    decoding = max(read / bandwidth, completions * _decoding(work) / rate) + steps * assumptions.decode_ms / 1000
    elsewhere = 1.0 if work.serves else 1 - 1 / assumptions.gpus if work.sharded else 0.0
    sent = (4 * work.trained + width * work.frozen) * elsewhere / (assumptions.link_gb_s * 1e9)
    return Rollout(sent, prefill, decoding)
