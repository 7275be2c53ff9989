"""What samples for a policy, tried before a run: whether it gives what it says the probability that the policy does.

An importance ratio makes small differences good, and hides that a model is run wrongly: with the product of its output
matrix unscaled, with pictures that are seen otherwise, or with experts that new weights have broken.
"""

from __future__ import annotations

import torch

from agents.policy.actor import Actor
from agents.policy.base import Request, Sampling
from agents.policy.transformers_policy import TransformersPolicy
from agents.policy.trial import trial_prompts
from agents.policy.vllm.sampler import VLLMSampler
from agents.policy.vllm.server_sampler import VLLMServerSampler
from rlsd_env.errors import ConfigurationError, one_line

COMPLETIONS, TOKENS = 4, 8
NEAR = {torch.float32: 0.02, torch.bfloat16: 0.25}
"""How far log-probabilities of an engine may be from the policy's on average, by the engine's type of weights, nats."""


def check_engine(actor: Actor, engine: VLLMSampler | VLLMServerSampler, policy: TransformersPolicy) -> None:
    """Let an engine answer a few prompts with the policy's weights, and compare log-probabilities.

    An engine that fails at a prompt with pictures is not judged by it: a run that has such prompts is told then.

    Args:
        actor: the policy with its engine.
        engine: the actor's; where pictures alone make the difference it is given none (`blind`).
        policy: the actor's.

    Raises:
        ConfigurationError: of prompts without pictures they differ by more than rounding, or it answers none of them.

    """
    actor.synchronise()
    for prompt in trial_prompts(policy):
        failed: Exception | None = None
        try:
            (completions,) = actor.generate(
                Request([prompt], COMPLETIONS, Sampling(1.0, TOKENS), list(range(COMPLETIONS)))
            )
            said = [one.token_ids for one in completions]
        except Exception as error:  # whatever its code for a family that nobody here has seen may raise
            failed, said = error, [tuple(policy.stop_ids)[:1]] * COMPLETIONS
        with torch.no_grad():  # also where nothing was said: all processes of a sharded policy score together
            scores = policy.score([prompt], [0] * COMPLETIONS, said)
        if failed is not None:
            if prompt.images:
                continue
            asked = prompt.messages[0]["content"]
            raise ConfigurationError(f"vLLM does not answer {asked!r}: {one_line(failed, 500)}") from failed
        recorded = torch.tensor([value for one in completions for value in one.logprobs], device=scores.logp_NT.device)
        off = float((scores.logp_NT[scores.mask_NT] - recorded).abs().mean())
        if off <= NEAR[engine.dtype]:
            continue
        told = f"log-probabilities {off:.2g} from the learner's on average ({NEAR[engine.dtype]:g} are allowed)"
        if not prompt.images:
            raise ConfigurationError(
                f"vLLM runs this {policy.encoder.media.model_type} otherwise than it is scored: its answers to "
                f"{prompt.messages[0]['content']!r} have {told}; use --sampler transformers"
            )
        engine.blind = engine.blind or f"gives answers to one {told}"
