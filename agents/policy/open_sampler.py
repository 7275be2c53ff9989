"""Who samples for a policy, by the options: the policy itself, vLLM in this process, or a vLLM server."""

from __future__ import annotations

from agents.bundled import has_adapters, whole_model
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
    adapted, path = has_adapters(path), whole_model(path)
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
