"""Scores of given responses, without ever holding all tokens times the whole vocabulary.

What a vocabulary of 151,936 entries makes large is the distributions, not the hidden states that they are computed
from. So scores keep the hidden states; distributions are computed for some tokens at a time, used and dropped, and
computed again in the backward pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

CHUNK_NUMBERS = 2**25
"""Largest distributions that are held at once, in numbers: tokens times vocabulary; 128 MiB in float32."""

Head = Callable[[Tensor], Tensor]
"""From hidden states, [C, H], to log-probabilities over the vocabulary, [C, V]; ids never sampled have probability 0
(a finite, very negative number)."""


@dataclass(frozen=True, eq=False)
class TokenScores:
    """Scores of given responses; M is the number of tokens where the mask is true, row by row.

    Attributes:
        mask_NT: true on response tokens.
        logp_NT: log-probabilities of the given tokens, nats; 0 beyond a response's end.
        hidden_MH: the states that the tokens' distributions are computed from.
        head: what computes them.
        vocabulary_size: V.
        whole_MV: all log-probabilities, where they are small enough to be held at once; else None.

    """

    mask_NT: Tensor
    logp_NT: Tensor
    hidden_MH: Tensor
    head: Head
    vocabulary_size: int
    whole_MV: Tensor | None

    @property
    def logp_MV(self) -> Tensor:
        """All log-probabilities over the vocabulary at once, however large."""
        return self.head(self.hidden_MH) if self.whole_MV is None else self.whole_MV

    def reduce(
        self, function: Callable[..., Tensor], *others: TokenScores, per_token: tuple[Tensor, ...] = ()
    ) -> Tensor:
        """Compute a number per token from the distributions of these scores and of others of the same tokens, [M].

        Args:
            function: from log-probabilities [C, V], one for each of the scores, and the tokens' `per_token` values to
                [C]. A token's number may depend on that token's arguments alone.
            others: scores of the same tokens under other weights or prompts.
            per_token: further values, [M] each.

        """
        scores = (self, *others)
        if all(one.whole_MV is not None for one in scores):
            return function(*(one.whole_MV for one in scores), *per_token)
        heads = [one.head for one in scores]

        def chunk(*tensors: Tensor) -> Tensor:
            distributions = [head(hidden_CH) for head, hidden_CH in zip(heads, tensors)]
            return function(*distributions, *tensors[len(heads) :])

        return over_chunks(chunk, (*(one.hidden_MH for one in scores), *per_token), self.vocabulary_size)


def over_chunks(function: Callable[..., Tensor], tensors: tuple[Tensor, ...], vocabulary_size: int) -> Tensor:
    """Apply a function to some tokens at a time and join the results; what it holds is not kept for the gradient.

    Args:
        function: from tensors of C tokens to a tensor of C.
        tensors: tensors of M tokens each.
        vocabulary_size: numbers that the function holds per token.

    """
    tokens = max(1, CHUNK_NUMBERS // vocabulary_size)
    parts = zip(*(tensor.split(tokens) for tensor in tensors))
    if not torch.is_grad_enabled():
        return torch.cat([function(*part) for part in parts])
    return torch.cat([checkpoint(function, *part, use_reentrant=False) for part in parts])


def score_tokens(mask_NT: Tensor, ids_M: Tensor, hidden_MH: Tensor, head: Head, vocabulary_size: int) -> TokenScores:
    """Score tokens by their hidden states.

    Args:
        mask_NT: true on the M tokens.
        ids_M: their ids.
        hidden_MH: the states before them.
        head: see `Head`.
        vocabulary_size: V.

    """

    def chosen(logp_CV: Tensor, ids_C: Tensor) -> Tensor:
        return logp_CV.gather(-1, ids_C[:, None])[:, 0]

    whole_MV = head(hidden_MH) if hidden_MH.shape[0] * vocabulary_size <= CHUNK_NUMBERS else None
    if whole_MV is not None:
        chosen_M = chosen(whole_MV, ids_M)
    else:
        chosen_M = over_chunks(lambda hidden, ids: chosen(head(hidden), ids), (hidden_MH, ids_M), vocabulary_size)
    zeros_NT = torch.zeros(mask_NT.shape, dtype=chosen_M.dtype, device=mask_NT.device)
    return TokenScores(mask_NT, zeros_NT.masked_scatter(mask_NT, chosen_M), hidden_MH, head, vocabulary_size, whole_MV)
