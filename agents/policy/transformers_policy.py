"""A policy over transformers' own model classes: vision-language models and, without pictures, language models.

A prompt is run once, whatever the number of its responses, in sampling and, with gradients, in training.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
)

from agents.bundled import has_adapters, whole_model
from agents.distributed import World
from agents.episodes import Completion, Prompt
from agents.options.model import ModelOptions, TrainedModelOptions
from agents.policy.adapters import merge_adapters, merged_weights
from agents.policy.base import OnCompletion, OnToken, Request
from agents.policy.inputs import PromptEncoder
from agents.policy.layout import save_as_published
from agents.policy.preparation import prepare_model, vision_is_frozen
from agents.policy.sampling import sample
from agents.policy.scores import Head, TokenScores, score_tokens
from agents.policy.scoring import distinct, packed_states, plain_states, states_of_tokens
from agents.policy.sharding import run_whole, shard
from agents.policy.tensors import narrowed, whole
from rlsd_env.errors import ConfigurationError


class TransformersPolicy:
    """Samples from and scores with a transformers model.

    Args:
        model: a `...ForConditionalGeneration` or `...ForCausalLM` with `model.model` and `lm_head`, float32; it is
            changed as the options say.
        processor: its processor (or tokenizer, for text only).
        options: how it is run, and with `TrainedModelOptions` (the default) what of it is trained.

    Attributes:
        stored_dtype: the precision that its checkpoint has, in which it is saved again; None: that of its weights.

    Raises:
        ConfigurationError: an option does not fit the architecture, or the architecture is none that is run here.

    """

    def __init__(self, model: Any, processor: Any, options: ModelOptions | None = None) -> None:
        options = options or TrainedModelOptions()
        below = getattr(model, "model", None)
        if below is None or (hasattr(model.config, "vision_config") and not hasattr(below, "get_image_features")):
            missing = "`model`" if below is None else "`model` with `get_image_features`"
            raise ConfigurationError(
                f"{type(model).__name__} is built otherwise than nearly all models of transformers: below its output "
                f"head is no {missing}; use a model of docs/models.md"
            )
        self.model = model
        self.processor = processor
        self.precision, self.head_dtype = options.precision, options.head_dtype
        self.packs = prepare_model(model, options)
        self.sharded = False
        self.stored_dtype: torch.dtype | None = None
        self.weights_version = 0
        self.logit_factor = 1.0
        self.encoder = PromptEncoder(processor, model.config, options.pictures)
        self.encoder.kept.frozen = vision_is_frozen(model)
        stop = model.generation_config.eos_token_id
        self.stop_ids = frozenset([stop] if isinstance(stop, int) else stop or [])
        if not self.stop_ids:
            raise ValueError("the model's generation_config has no eos_token_id; set it, or sampling cannot stop")
        # Sampling a placeholder would break the next forward, so no distribution here has one.
        self.never_ids = torch.tensor(self.encoder.vision_ids, dtype=torch.long, device=model.device)

    @classmethod
    def from_pretrained(cls, path: str, device: str = "cpu", options: ModelOptions | None = None) -> TransformersPolicy:
        """Load a model and its processor (its tokenizer, for a text-only one) from a folder or a hub id.

        Adapters that were trained before are merged into the weights that they belong to.

        Raises:
            ConfigurationError: these are adapters that cannot be merged, or the model below them is not to be found.

        """
        whole_at = whole_model(path)
        config = AutoConfig.from_pretrained(whole_at)
        sees = hasattr(config, "vision_config")
        loader: Any = AutoModelForImageTextToText if sees else AutoModelForCausalLM
        model = loader.from_pretrained(whole_at, dtype=torch.float32)
        save_as_published(model)
        if has_adapters(path):
            model = merge_adapters(model, path)
        policy = cls(model.to(device).eval(), load_processor(path, config), options)
        policy.stored_dtype = config.dtype
        return policy

    def shard(self, world: World) -> None:
        """Spread the model over processes, before it is trained; samples come from a replica then."""
        shard(self.model, world, self.precision)
        self.sharded = True
        self.encoder.keeps_step = not self.encoder.kept.frozen

    def save(self, folder: Path) -> None:
        """Write model and processor so that `from_pretrained` reads them; of a model with adapters, those alone.

        Weights are written in the precision of the checkpoint that they came from, adapters in their own. All processes
        must call it for a sharded model; the first one writes.
        """
        state = None
        if self.sharded:
            state = {name: whole(p.detach()).cpu() for name, p in self.model.named_parameters()}
            if torch.distributed.get_rank():
                return
        dtype = self.stored_dtype
        if getattr(self.model, "_hf_peft_config_loaded", False):
            dtype = None
        if dtype is not None:
            state = narrowed(self.model.state_dict() if state is None else state, dtype)
        self.model.save_pretrained(folder, state_dict=state)
        config = copy.deepcopy(self.model.config)  # which names the class by now, as vLLM asks for
        if dtype is not None:
            config.dtype = dtype
        config.save_pretrained(folder)
        self.model.generation_config.save_pretrained(folder)
        self.processor.save_pretrained(folder)

    @property
    def tokenizer(self) -> Any:
        """What turns token ids into text."""
        return self.encoder.tokenizer

    @property
    def vocabulary_size(self) -> int:
        """The number of token ids."""
        return self.model.get_output_embeddings().weight.shape[0]

    def count_tokens(self, prompt: Prompt) -> int:
        """Count the tokens that a prompt is run as, those of its pictures included."""
        return len(self.encoder.token_ids(prompt))

    def weights(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the weights as a checkpoint of the model has them; see `Policy.weights`."""
        yield from merged_weights(self.model)

    def weights_changed(self) -> None:
        """Count it; what is kept was computed from weights that are not trained."""
        self.weights_version += 1

    # -- sampling ------------------------------------------------------------------------------------------

    def generate(
        self, request: Request, on_completion: OnCompletion | None = None, on_token: OnToken | None = None
    ) -> list[list[Completion]]:
        """Sample with the weights of now; see `Sampler.generate`. `on_token` is told of each token."""
        head = self.head(request.sampling.temperature).logits
        with torch.no_grad(), self.autocast():
            return sample(self.model, self.encoder, head, self.stop_ids, request, on_completion, on_token)

    # -- scoring -------------------------------------------------------------------------------------------

    def score(
        self,
        prompts: Sequence[Prompt],
        owners: Sequence[int],
        responses: Sequence[Sequence[int]],
        *,
        temperature: float = 1.0,
    ) -> TokenScores:
        """Score responses; gradients flow where they are enabled. See `Policy.score`."""
        if len(owners) != len(responses) or not responses or not all(len(ids) for ids in responses):
            raise ValueError(f"{len(owners)} owners, {len(responses)} responses: one owner each, none empty")
        device = self.model.device
        lengths = torch.tensor([len(ids) for ids in responses], device=device)
        mask_NT = torch.arange(int(lengths.max()), device=device) < lengths[:, None]
        run_owners, run_responses, place_N = distinct(owners, responses)
        ids_K = torch.tensor([token for ids in run_responses for token in ids], device=device)
        if torch.isin(ids_K, self.never_ids).any():
            raise ValueError("a response has vision placeholder tokens, which are never sampled and have no log-prob")
        states = packed_states if self.packs else plain_states
        with self.autocast():
            hidden_KH = run_whole(self.model, states, self.encoder, prompts, run_owners, run_responses)
            state_M = None
            if len(run_responses) < len(responses):
                state_M = states_of_tokens([len(ids) for ids in run_responses], place_N).to(device)
            return score_tokens(mask_NT, ids_K, hidden_KH, self.head(temperature), state_M)

    def head(self, temperature: float) -> Head:
        """Return the output head with the weights that the model has now."""
        output = self.model.get_output_embeddings()
        weight, bias = output.weight, output.bias
        if not torch.is_grad_enabled():  # the tensors of now: a teacher's, while the model has its weights
            weight, bias = weight.detach(), None if bias is None else bias.detach()
            if self.sharded:  # gathered weights do not outlast the next change of the shards
                weight, bias = weight.clone(), None if bias is None else bias.clone()
        wide = self.head_dtype == "float32"
        if self.precision == "bfloat16" and not wide:
            weight = weight.to(torch.bfloat16)
            bias = None if bias is None else bias.to(torch.bfloat16)
        cap = getattr(self.model.config.get_text_config(), "final_logit_softcapping", None)
        return Head(weight, bias, self.never_ids, temperature, wide, cap, self.logit_factor)

    def autocast(self) -> torch.autocast:
        """Return the context of the model's precision."""
        return torch.autocast(self.model.device.type, torch.bfloat16, enabled=self.precision == "bfloat16")


def load_processor(path: str, config: Any) -> Any:
    """Load the processor of a model that sees, or the tokenizer of one that reads text only.

    A folder of adapters need not have one; it is then that of the model below.
    """
    sees = hasattr(config, "vision_config")
    reader: Any = AutoProcessor if sees else AutoTokenizer
    own = ("processor_config.json", "preprocessor_config.json") if sees else ("tokenizer_config.json",)
    here = not has_adapters(path) or any((Path(path) / name).exists() for name in own)
    return reader.from_pretrained(path if here else whole_model(path))
