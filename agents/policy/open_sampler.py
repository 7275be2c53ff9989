"""Who samples for a policy, by the options: the policy itself, vLLM in this process, or a vLLM server, once tried."""

from __future__ import annotations

from agents.bundled import has_adapters, whole_model
from agents.options.commands import EvaluateOptions, TrainingOptions
from agents.policy.actor import Actor
from agents.policy.loading import find_policy
from agents.policy.transformers_policy import TransformersPolicy
from agents.policy.vllm.sampler import VLLMSampler
from agents.policy.vllm.server_sampler import VLLMServerSampler
from agents.policy.vllm.trial import check_engine


def with_sampler(policy: TransformersPolicy, options: TrainingOptions | EvaluateOptions) -> Actor:
    """Let a policy be sampled as the options say.

    Raises:
        ConfigurationError: an argument of the sampler is unusable, no server answers, or what is sampled has other
            probabilities than the policy gives it.

    """
    if options.sampler == "transformers":
        return Actor(policy)
    path, device = find_policy(options.policy, options.device)
    adapted, path = has_adapters(path), whole_model(path)
    engine: VLLMSampler | VLLMServerSampler
    if options.sampler == "vllm":
        engine = VLLMSampler(
            path,
            policy,
            device=device,
            precision=options.precision,
            threads=options.threads,
            follows=adapted or isinstance(options, TrainingOptions),
            arguments=options.sampler_kwargs,
        )
    else:
        engine = VLLMServerSampler(
            options.sampler,
            path,
            policy,
            device=device,
            precision=options.precision,
            arguments=options.sampler_kwargs,
        )
    # whose weights a server has is not known
    actor = Actor(policy, engine, current=options.sampler == "vllm" and not adapted)
    try:
        check_engine(actor, engine, policy)
    except BaseException:
        actor.close()
        raise
    return actor
