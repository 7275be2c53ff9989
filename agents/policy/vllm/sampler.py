"""Sampling by a vLLM engine that this process owns.

The engine runs in processes of its own, so that vLLM's hold on torch's threads and on the global generators stays
there. What it runs is what the learner scores: the learner's token ids, patches and grids go in as they are; vLLM's
own defaults of sampling (a checkpoint's top-k, top-p and penalties) are off; log-probabilities are those of the
distribution that was sampled from, at its temperature and without the vision placeholders.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from agents.episodes import Completion
from agents.policy.base import OnCompletion, Request
from agents.policy.transformers_policy import TransformersPolicy
from agents.policy.vllm.arguments import FIXED, check_arguments, defaults
from agents.policy.vllm.inputs import (
    blindness,
    check_length,
    check_temperature,
    completion,
    engine_inputs,
    fixedness,
    sampling_parameters,
)
from agents.policy.vllm.process import Guard, children, engine_variables, environment
from agents.policy.vllm.weights import (
    SharedMemoryTransfer,
    as_loaded,
    tied_weights,
    untied,
    weights_folder,
    write_weights,
)
from rlsd_env.errors import ConfigurationError, one_line


class VLLMSampler:
    """Samples with `vllm.LLM`.

    Args:
        path: the checkpoint folder or hub id that the trained model was loaded from.
        policy: what is trained; its prompts, stop ids and names of weights are the engine's.
        device: cpu or cuda.
        precision: float32 or bfloat16.
        threads: CPU threads of the engine.
        follows: whether it is to get new weights.
        arguments: of vLLM's engine (`vllm.EngineArgs`), and `transfer`, one of `TRANSFERS`.

    Raises:
        ConfigurationError: an argument is unknown, not to be given, or unusable, or vLLM does not run the model.

    """

    def __init__(
        self,
        path: str,
        policy: TransformersPolicy,
        *,
        device: str = "cpu",
        precision: str = "float32",
        threads: int = 1,
        follows: bool = True,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        self.encoder = policy.encoder
        self.stop_ids = policy.stop_ids
        self._trained, self.tied = policy.model, tied_weights(policy.model)
        self.dtype = getattr(torch, precision)
        given = dict(arguments or {})
        transfer = given.pop("transfer", "auto")
        check_arguments(given, transfer, device)
        shared_memory = transfer == "ipc" or (transfer == "auto" and device == "cuda")
        own = defaults(device) | given | FIXED | {"model": path, "dtype": precision}
        if shared_memory:
            own["weight_transfer_config"] = {"backend": "ipc"}
            os.environ["VLLM_ALLOW_INSECURE_SERIALIZATION"] = "1"  # between this process and its own engine
        own_threads = torch.get_num_threads()
        before = children()
        with environment(engine_variables(device, threads, bool(own.get("enforce_eager")))):
            from vllm import LLM

            try:
                self._llm: Any = LLM(**own)
            except Exception as error:  # vLLM has code for every family, which fails in ways of its own
                raise ConfigurationError(
                    f"vLLM does not start with {path!r} and {given or 'its defaults'}: {one_line(error, 500)} "
                    "(VLLM_LOGGING_LEVEL=INFO shows vLLM's own log); where vLLM lacks the model, use --sampler "
                    "transformers"
                ) from error
        self._guard = Guard(before)
        torch.set_num_threads(own_threads)
        self.longest: int = self._llm.model_config.max_model_len
        self.blind = blindness(self._llm.model_config, device)
        self._transfer = SharedMemoryTransfer(self._llm, self.dtype) if shared_memory else None
        self._fixed = fixedness(self._llm.model_config, device)
        self._try(path, follows)
        self._count = 0
        self.cached_tokens = 0
        self.prompt_tokens = 0

    def _try(self, path: str, follows: bool) -> None:
        """Sample one token: some of what vLLM lacks for a model it says only then."""
        from vllm import SamplingParams

        try:
            if follows and self._fixed:
                raise ConfigurationError(f"vLLM {self._fixed}; use --sampler transformers")
            once = SamplingParams(max_tokens=1, detokenize=False)
            ids = [min(self.stop_ids)] * 8  # of one token alone some kernels on a CPU cannot make anything
            self._llm.generate({"prompt_token_ids": ids}, once, use_tqdm=False)
        except ConfigurationError:
            self.close()
            raise
        except Exception as error:  # whatever the kernels of a model that nobody here has seen may raise
            self.close()
            reason = " ".join(str(error).split())[:300]
            raise ConfigurationError(
                f"vLLM loads {path!r} and does not run it in {str(self.dtype).removeprefix('torch.')}: {reason} "
                "(vLLM's log says more); use another --precision, or --sampler transformers"
            ) from error

    def generate(self, request: Request, on_completion: OnCompletion | None = None) -> list[list[Completion]]:
        """Sample; see `Sampler.generate`.

        The engine starts when it knows of all completions, so what is run together does not depend on their arrival.
        Of those that share a prompt one computes it, block by block, and the others read it from the cache.

        Raises:
            ConfigurationError: a prompt and its completion do not fit into the engine's longest sequence, or vLLM
                does not sample at that temperature.
            RuntimeError: vLLM gave up on a completion.

        """
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        check_temperature(request.sampling.temperature)
        for i, prompt in enumerate(request.prompts):
            check_length(self.encoder.token_ids(prompt), max(map(request.limit, request.numbers(i))), self.longest)
        engine = self._llm.llm_engine
        numbers: dict[str, int] = {}
        completions: dict[int, Completion] = {}
        self._llm.sleep(level=0, mode="keep")
        try:
            for i, prompt in enumerate(request.prompts):
                first, later = engine_inputs(self.encoder, prompt, self._llm.renderer, self.blind)
                for number in request.numbers(i):
                    parameters = sampling_parameters(request, number, self.stop_ids, self.encoder.vision_ids)
                    name = f"rlsd-{self._count}"
                    self._count += 1
                    engine.add_request(
                        name,
                        first if number == request.numbers(i)[0] else later,
                        SamplingParams(**parameters, output_kind=RequestOutputKind.FINAL_ONLY),
                    )
                    numbers[name] = number
            self._llm.wake_up(tags=["scheduling"])
            while numbers:
                for output in engine.step():
                    if output.finished and output.request_id in numbers:
                        number = numbers.pop(output.request_id)
                        completions[number] = done = self._completion(output, request, number)
                        if on_completion is not None:
                            on_completion(number, done)
        finally:
            if numbers:  # an error or an interrupt: the engine must not go on with what nobody waits for
                engine.abort_request(list(numbers))
            self._llm.wake_up(tags=["scheduling"])
        return request.groups(completions)

    def _completion(self, output: Any, request: Request, number: int) -> Completion:
        prompt_ids = self.encoder.token_ids(request.prompt(number))
        if list(output.prompt_token_ids) != list(prompt_ids):
            raise RuntimeError("vLLM ran other prompt token ids than the learner's; its version is not supported")
        self.cached_tokens += output.num_cached_tokens or 0
        self.prompt_tokens += len(prompt_ids)
        (sampled,) = output.outputs
        ids = [int(id) for id in sampled.token_ids]
        logprobs = [chosen[id].logprob for id, chosen in zip(ids, sampled.logprobs or ())]
        return completion(self.encoder, self.stop_ids, ids, logprobs, sampled.finish_reason, request.limit(number))

    def load_weights(self, weights: Iterable[tuple[str, Tensor]]) -> None:
        """Take over weights, and forget what was computed from the old ones.

        Raises:
            ConfigurationError: vLLM would keep the old ones.

        """
        if self._fixed:
            raise ConfigurationError(f"vLLM {self._fixed}; use --sampler transformers")
        weights = as_loaded(self._trained, untied(weights, self.tied))
        if self._transfer is not None:
            self._transfer.send(weights)
        else:
            with weights_folder() as folder:
                write_weights(weights, folder, self.dtype)
                self._llm.collective_rpc("reload_weights", kwargs={"weights_path": str(folder)})
        self._llm.llm_engine.reset_encoder_cache()
        if not self._llm.reset_prefix_cache():
            raise RuntimeError("vLLM did not reset its prefix cache after new weights: requests are still running")

    def close(self) -> None:
        """End the engine's processes."""
        self._llm.llm_engine.engine_core.shutdown()
        self._guard.dismiss()
