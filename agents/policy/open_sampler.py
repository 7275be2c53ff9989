"""Who samples for a policy, by the options: the policy itself, vLLM in this process, or a vLLM server."""

from __future__ import annotations

import json
from pathlib import Path

from agents.options.commands import EvaluateOptions, TrainingOptions
from agents.policy.actor import Actor
from agents.policy.base import Engine
from agents.policy.loading import find_policy
from agents.policy.transformers_policy import TransformersPolicy
from agents.policy.vllm.sampler import VLLMSampler
from agents.policy.vllm.server_sampler import VLLMServerSampler


def with_sampler(policy: TransformersPolicy, options: TrainingOptions | EvaluateOptions) -> Actor:
    """Let a policy be sampled as the options say.

    Raises:
        ConfigurationError: an argument of the sampler is unusable, or no server answers.

    """
    if options.sampler == "transformers":
        return Actor(policy)
    path, device = find_policy(options.policy, options.device)
    path, adapted = _base(path)
    if options.sampler == "vllm":
        engine: Engine = VLLMSampler(
            path,
            policy,
            device=device,
            precision=options.precision,
            threads=options.threads,
            follows=adapted or isinstance(options, TrainingOptions),
            arguments=options.sampler_kwargs,
        )
        return Actor(policy, engine, current=not adapted)
    engine = VLLMServerSampler(
        options.sampler,
        path,
        policy,
        device=device,
        precision=options.precision,
        arguments=options.sampler_kwargs,
    )
    return Actor(policy, engine)  # whose weights the server has is not known


def _base(path: str) -> tuple[str, bool]:
    """Return the model that adapters in a folder belong to, and whether there are any."""
    adapters = Path(path) / "adapter_config.json"
    if not adapters.exists():
        return path, False
    return str(json.loads(adapters.read_text("utf-8"))["base_model_name_or_path"]), True
