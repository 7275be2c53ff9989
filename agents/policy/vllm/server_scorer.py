"""Scoring by a vLLM server: log-probabilities of given responses, and the likeliest entries, over HTTP.

A response goes in as the end of a prompt, by its token ids; the server says how likely each was
(`prompt_logprobs`). Its distribution is the model's at temperature 1 over the whole vocabulary, vision placeholders
included, to which a trained model gives next to nothing.
"""

from __future__ import annotations

import urllib.error
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import torch

from agents.episodes import Prompt
from agents.losses import NEVER
from agents.policy.base import Policy
from agents.policy.scores import GivenScores, TopK
from agents.policy.vllm.connection import AT_ONCE, Connection
from agents.policy.vllm.inputs import server_inputs
from rlsd_env.errors import ConfigurationError

WAIT, TIMEOUT = 30.0, 600.0
"""Seconds to wait for an answer at the start, and for one response's scores."""


def answering(address: str) -> Connection:
    """Return a connection to a server that is there.

    Raises:
        ConfigurationError: none answers.

    """
    command = f"vllm serve MODEL --port {urlsplit(address).port or 8000} --enable-scale-out --max-logprobs 64"
    connection = Connection(address, command, TIMEOUT)
    connection.wait(WAIT)
    return connection


class VLLMServerScorer:
    """Scores with a `vllm serve` of another model of the same tokenizer.

    Args:
        address: of the server, http://HOST:PORT.
        policy: what is trained; its prompts go to the server.

    Raises:
        ConfigurationError: no server answers, it was not started as it must be, or it reads text otherwise.

    """

    vocabulary_size = None
    """It does not give whole distributions."""

    def __init__(self, address: str, policy: Policy) -> None:
        self.encoder = policy.encoder
        self.size = policy.vocabulary_size
        self.device = next(policy.model.parameters()).device
        self.connection = answering(address)
        self.model = self._check(self.connection.command)

    def _check(self, command: str) -> str:
        """Return the served model's name, after a look at whether it reads text as the trained one does."""
        try:
            served = self.connection.send("/v1/models", None, 60.0)["data"][0]["id"]
            ids = list(range(0, len(self.encoder.tokenizer), max(1, len(self.encoder.tokenizer) // 64)))
            theirs = [
                self.connection.send("/detokenize", {"model": served, "tokens": [id]}, 60.0)["prompt"] for id in ids
            ]
        except urllib.error.HTTPError as error:
            raise ConfigurationError(
                f"scorer server({self.connection.address}) lacks {error.url} ({error}); start it so: {command}"
            ) from None
        for id, text in zip(ids, theirs):
            if text != (mine := self.encoder.tokenizer.decode([id])):
                raise ConfigurationError(
                    f"scorer server({self.connection.address}) has another tokenizer than the trained model: id {id} "
                    f"of {served!r} is {text!r} there and {mine!r} here; take a teacher of the same family"
                )
        return served

    def check(self, temperature: float, top_k: int) -> None:
        """Refuse what a server does not score; see `agents.policy.other_models.Elsewhere.check`."""
        if temperature != 1:
            raise ConfigurationError(
                f"temperature is {temperature}; scorer server({self.connection.address}) scores at 1, so train at 1 or "
                "use external(FOLDER)"
            )

    def score(
        self,
        prompts: Sequence[Prompt],
        owners: Sequence[int],
        responses: Sequence[Sequence[int]],
        *,
        temperature: float,
        top_k: int,
    ) -> GivenScores:
        """Score responses; see `agents.policy.other_models.Scoring.score`.

        Raises:
            ConfigurationError: the temperature is not 1, or a prompt has a video.
            RuntimeError: the server fails, or ran other token ids than the learner's.

        """
        self.check(temperature, top_k)
        bodies = [self._body(prompts[owner], ids, top_k) for owner, ids in zip(owners, responses)]
        with ThreadPoolExecutor(max(1, min(AT_ONCE, len(bodies)))) as pool:
            answers = list(pool.map(lambda body: self.connection.post("/inference/v1/generate", body), bodies))
        rows = [
            self._read(answer, self.encoder.token_ids(prompts[owner]), ids, top_k)
            for answer, owner, ids in zip(answers, owners, responses)
        ]
        logp = [torch.tensor(chosen) for chosen, _ in rows]
        lengths = torch.tensor([len(ids) for ids in responses])
        mask_NT = torch.arange(int(lengths.max())) < lengths[:, None]
        likeliest = None
        if top_k:
            entries = [entry for _, found in rows for entry in found]
            likeliest = TopK(
                torch.tensor([[id for id, _ in entry] for entry in entries], device=self.device),
                torch.tensor([[value for _, value in entry] for entry in entries], device=self.device),
            )
        padded = torch.nn.utils.rnn.pad_sequence(logp, batch_first=True)
        return GivenScores(mask_NT.to(self.device), padded.to(self.device), likeliest)

    def _body(self, prompt: Prompt, response: Sequence[int], top_k: int) -> dict[str, Any]:
        parameters = {"max_tokens": 1, "temperature": 0.0, "prompt_logprobs": self._asked(top_k), "detokenize": False}
        return {"model": self.model, **server_inputs(self.encoder, prompt, response), "sampling_params": parameters}

    def _read(
        self, answer: Mapping[str, Any], prompt_ids: Sequence[int], response: Sequence[int], top_k: int
    ) -> tuple[list[float], list[list[tuple[int, float]]]]:
        """Return each response token's log-probability and the likeliest entries in its place."""
        if answer["prompt_token_ids"] != [*prompt_ids, *response]:
            raise RuntimeError(
                f"the vLLM server at {self.connection.address} ran other token ids than the learner's; its model must "
                "have the same tokenizer and picture sizes"
            )
        places = answer["prompt_logprobs"][len(prompt_ids) :]
        chosen = [max(NEVER, place[str(id)]["logprob"]) for id, place in zip(response, places)]
        return chosen, [self._likeliest(place, top_k) for place in places]

    def _asked(self, top_k: int) -> int:
        """Return how many entries are asked for, so that enough are left without those the learner never says."""
        return top_k + len(self.encoder.vision_ids) if top_k else 0

    def _likeliest(self, place: Mapping[str, Any], top_k: int) -> list[tuple[int, float]]:
        found = [(int(id), entry["logprob"]) for id, entry in place.items()]
        sayable = [(id, value) for id, value in found if id < self.size and id not in self.encoder.vision_ids]
        return sorted(sayable, key=lambda entry: -entry[1])[:top_k]
