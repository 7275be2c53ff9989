"""Models of families that no test holds to the contract: tried when they are loaded, against transformers alone.

The way without packing is taken where the packed one does not fit, pictures are read one at a time where the tower
does not read several end to end, and a model that no way fits is refused with the reason, before anything is sampled
from it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image

from agents.episodes import Prompt
from agents.messages import user_message
from agents.policy.base import Request, Sampling
from agents.policy.transformers_policy import TransformersPolicy
from rlsd_env.errors import ConfigurationError, one_line

HELD = frozenset(
    {
        "gemma3", "gemma4", "glm46v", "internvl", "llava_onevision", "mistral3", "qwen2_5_vl", "qwen3_vl",
        "qwen3_vl_moe", "smolvlm", "llama", "mistral", "qwen2", "qwen3", "qwen3_5", "qwen3_5_moe", "qwen3_5_moe_text",
        "qwen3_5_text", "qwen3_next",
    }
)  # fmt: skip
"""Values of `model_type` whose models tests compare with transformers."""
SIZES = ((64, 64), (48, 96), (64, 64))
"""Heights and widths of pictures that are shown, the first alone and the others in one prompt."""
SAMPLED = 3
NEAR = {"float32": 1e-3, "bfloat16": 0.25}
"""How far log-probabilities may be from those of transformers, by precision, nats."""


def trial_prompts(policy: TransformersPolicy) -> list[Prompt]:
    """Return two prompts of words, of different lengths, and for a policy that sees one of a picture and one of two."""
    asked = ("What is two and two, and how much more is it than three ?", "Why ?")
    prompts = [Prompt((user_message(text),)) for text in asked]
    if policy.encoder.media.sees:
        rng = np.random.default_rng(0)
        first, *others = (rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES)
        prompts.append(Prompt((user_message("<image>What is this ?"),), (first,)))
        prompts.append(Prompt((user_message("<image><image>Which is larger ?"),), tuple(others)))
    return prompts


def is_held(config: Any) -> bool:
    """Tell whether tests hold the family to the contract."""
    return config.model_type in HELD


def fit(policy: TransformersPolicy, asked: str | None = None) -> None:
    """Try a policy, and let it score without packing, or read pictures one at a time, where that alone fits.

    Args:
        policy: just loaded.
        asked: its option `scoring`.

    Raises:
        ConfigurationError: it does not score, or sample, as transformers says; the message has the reason.

    """
    policy.logit_factor = _logit_factor(policy)
    ways = [(packs, joins) for packs in (True, False) for joins in (True, False)]
    for packs, joins in ways:
        if (
            (packs and not policy.packs)
            or (not packs and asked == "packed")
            or not (joins or policy.encoder.media.sees)
        ):
            continue
        policy.packs, policy.encoder.kept.joins = packs, joins
        if not (reason := _misfit(policy)):
            return
    raise ConfigurationError(
        f"{type(policy.model).__name__} is of no family that is known here, and it does not fit: {reason}; use a "
        "model of docs/models.md"
    )


@torch.no_grad()
def _logit_factor(policy: TransformersPolicy) -> float:
    """Return what the model multiplies its output matrix's product by; 1 where that is not what it does to it."""
    products: list[torch.Tensor] = []
    output: Any = policy.model.get_output_embeddings()
    hook = output.register_forward_hook(lambda module, inputs, product: products.append(product))
    ids = policy.encoder.token_ids(Prompt((user_message("What is two and two ?"),)))
    try:
        with policy.autocast():
            logits = policy.model(torch.tensor([ids], device=policy.model.device)).logits.double()
    except Exception:  # of which the trial tells
        return 1.0
    finally:
        hook.remove()
    if len(products) != 1 or products[0].shape != logits.shape:
        return 1.0
    product = products[0].double()
    factor = float(f"{float((logits * product).sum() / product.square().sum()):.7g}")  # as far as float32 tells
    off = (logits - factor * product).abs().max()
    return factor if off < NEAR[policy.precision] else 1.0


@torch.no_grad()
def _misfit(policy: TransformersPolicy) -> str:
    """Return what is wrong with a policy's scores or samples; "" where nothing is."""
    # with two responses each: neither padding nor what lies beside in a packed row may be seen
    prompts = trial_prompts(policy)
    said = [id for id in policy.encoder.text_ids("it is four") if id not in policy.encoder.vision_ids]
    owners = [number // 2 for number in range(2 * len(prompts))]
    responses = [said[:: 1 if number % 2 else -1] for number in range(len(owners))]
    try:
        scores = policy.score(prompts, owners, responses).logp_NT
        alone = torch.stack([_alone(policy, prompts[owner], ids) for owner, ids in zip(owners, responses)])
        groups = policy.generate(Request(prompts, 2, Sampling(1.0, SAMPLED), list(range(len(owners)))))
        sampled = [one for group in groups for one in group]
        again = policy.score(prompts, owners, [one.token_ids for one in sampled])
    except Exception as error:  # whatever the code of a model that nobody here has seen may raise
        return one_line(error, 200)
    recorded = torch.tensor([value for one in sampled for value in one.logprobs], device=scores.device)
    for what, found, expected in (
        ("scores", scores, alone),
        ("log-probabilities of what is sampled", again.logp_NT[again.mask_NT], recorded),
    ):
        off = float((found - expected).abs().max())
        if not off <= NEAR[policy.precision]:
            return f"its {what} are {off:.2g} from those of transformers"
    return ""


def _alone(policy: TransformersPolicy, prompt: Prompt, said: list[int]) -> torch.Tensor:
    """Score a response by the model's own forward, on what its own processor makes of the prompt."""
    model, encoder = policy.model, policy.encoder
    ids = encoder.token_ids(prompt)
    inputs: dict[str, Any] = {"input_ids": torch.tensor([[*ids, *said]])}
    if prompt.images:
        text = encoder.rendered(prompt)
        shown = [[Image.fromarray(image) for image in prompt.images]]
        made = policy.processor(text=[text], images=shown, return_tensors="pt", add_special_tokens=False)
        if made["input_ids"][0].tolist() != ids:
            raise ValueError("its processor makes other tokens of a prompt with a picture")
        inputs |= {name: value for name, value in made.items() if name not in ("input_ids", "attention_mask")}
        rest = torch.zeros(1, len(said), dtype=torch.long)
        of_tokens = [name for name in inputs if getattr(inputs[name], "shape", None) == (1, len(ids))]
        inputs |= {name: torch.cat([inputs[name], rest], dim=1) for name in of_tokens}
    inputs = {name: value.to(model.device) if torch.is_tensor(value) else value for name, value in inputs.items()}
    with policy.autocast():
        logits = model(**inputs).logits[0, len(ids) - 1 : -1].float()
    logits[:, encoder.vision_ids] = -torch.inf
    return logits.log_softmax(-1).gather(-1, torch.tensor(said, device=logits.device)[:, None])[:, 0]
