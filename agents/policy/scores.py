"""Scores of given responses, without ever holding all tokens times the whole vocabulary.

What a vocabulary of 151,936 entries makes large is the distributions, not the hidden states that they are computed
from. So scores keep the hidden states; distributions are computed for some tokens at a time, used and dropped, and
computed again in the backward pass.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from agents.losses import NEVER, entropy
from agents.policy.widened import product, times

CHUNK_NUMBERS = 2**24
"""Largest distributions that are held at once, in numbers: tokens times vocabulary; 64 MiB in float32. Below 32 MiB the
C library takes such blocks from its heap, which they fragment until it holds gigabytes."""


@dataclass(frozen=True, eq=False)
class Head:
    """From hidden states, [C, H], to distributions over the vocabulary, [C, V].

    It holds tensors and not the model, so that a teacher's head stays what it was when the model has the student's
    weights again.

    Attributes:
        weight_VH: the output matrix.
        bias_V: its bias, or None.
        never: ids that are never sampled; their probability is 0 (a finite, very negative logarithm).
        temperature: divides the logits; 0 (greedy sampling) is scored as 1.
        wide: compute the product in float32, whatever the matrix's precision; False: in the matrix's.
        cap: logits l become cap x tanh(l / cap) before they are divided; None: they stay.
        factor: multiplies the logits, as the models of Cohere and Granite do; 1 in most.

    """

    weight_VH: Tensor
    bias_V: Tensor | None
    never: Tensor
    temperature: float = 1.0
    wide: bool = True
    cap: float | None = None
    factor: float = 1.0

    @property
    def scale(self) -> float:
        """What logits are multiplied by in all."""
        return self.factor / self.temperature if self.temperature else self.factor

    @property
    def dtype(self) -> torch.dtype:
        """What the product is computed in."""
        narrow = self.weight_VH.dtype
        return torch.promote_types(narrow, torch.float32) if self.wide else narrow

    def logits(self, hidden_CH: Tensor) -> Tensor:
        """Compute logits at the temperature, [C, V] in float32."""
        logits = product(hidden_CH, self.weight_VH, self.bias_V, self.dtype).float()
        if self.cap is not None:
            logits = self.cap * torch.tanh(logits / self.cap)
        if self.scale != 1.0:
            logits.mul_(self.scale)
        return logits.index_fill_(-1, self.never, NEVER)

    def __call__(self, hidden_CH: Tensor) -> Tensor:
        """Compute log-probabilities, [C, V] in float32."""
        return self.logits(hidden_CH).log_softmax(-1)


class TopK(NamedTuple):
    """The likeliest entries of M distributions.

    Attributes:
        ids_MK: their token ids, the likeliest first.
        logp_MK: their log-probabilities.

    """

    ids_MK: Tensor
    logp_MK: Tensor


@dataclass(frozen=True, eq=False)
class GivenScores:
    """Scores that another engine computed: of the tokens themselves and, where asked for, the likeliest entries."""

    mask_NT: Tensor
    logp_NT: Tensor
    likeliest: TopK | None = None
    of_entropy_M: Tensor | None = None

    @property
    def entropy_M(self) -> Tensor:
        """Entropy of each token's distribution, nats."""
        assert self.of_entropy_M is not None, "it was not asked for"
        return self.of_entropy_M

    def top_k(self, k: int) -> TopK:
        """Return the k likeliest entries of each token's distribution."""
        assert self.likeliest is not None, "they were not asked for"
        assert self.likeliest.ids_MK.shape[1] == k
        return self.likeliest


@dataclass(frozen=True, eq=False)
class TokenScores:
    """Scores of given responses; M is the number of tokens where the mask is true, row by row.

    Attributes:
        mask_NT: true on response tokens.
        logp_NT: log-probabilities of the given tokens, nats; 0 beyond a response's end.
        hidden_KH: the states that the tokens' distributions are computed from, those of equal responses once.
        head: what computes them.
        state_M: number of each token's state; None: each has its own, in order.
        whole_KV: all log-probabilities, where they are small enough to be held at once; else None.
        chunked_entropy_K: entropy of each state's distribution, where they are not.
        sayable: of scores by another model: ids that the model whose responses these are never says, and its number of
            ids; None: its own.

    """

    mask_NT: Tensor
    logp_NT: Tensor
    hidden_KH: Tensor
    head: Head
    state_M: Tensor | None
    whole_KV: Tensor | None
    chunked_entropy_K: Tensor | None
    sayable: tuple[Tensor, int] | None = None

    def _of_tokens(self, values_K: Tensor) -> Tensor:
        return values_K if self.state_M is None else values_K.index_select(0, self.state_M)

    @property
    def hidden_MH(self) -> Tensor:
        """The state of each token."""
        return self._of_tokens(self.hidden_KH)

    @property
    def entropy_M(self) -> Tensor:
        """Entropy of each token's distribution, nats, without gradient."""
        if self.chunked_entropy_K is not None:
            return self._of_tokens(self.chunked_entropy_K)
        assert self.whole_KV is not None  # the one or the other is there
        return self._of_tokens(entropy(self.whole_KV.detach()))

    @property
    def vocabulary_size(self) -> int:
        """The number of token ids."""
        return self.head.weight_VH.shape[0]

    @property
    def logp_MV(self) -> Tensor:
        """All log-probabilities over the vocabulary at once, however large."""
        return self._of_tokens(self.head(self.hidden_KH) if self.whole_KV is None else self.whole_KV)

    def _sayable(self, logp_CV: Tensor) -> Tensor:
        """Leave out entries that the model whose responses these are cannot say."""
        if self.sayable is None:
            return logp_CV
        never, size = self.sayable
        return logp_CV[:, :size].index_fill(-1, never, NEVER)

    @torch.no_grad()
    def top_k(self, k: int) -> TopK:
        """Return the k likeliest entries of each token's distribution."""
        chunks = self.hidden_MH.split(max(1, CHUNK_NUMBERS // self.vocabulary_size))
        found = [self._sayable(self.head(hidden_CH)).topk(k, dim=-1) for hidden_CH in chunks]
        return TopK(torch.cat([one.indices for one in found]), torch.cat([one.values for one in found]))

    def reduce(
        self, function: Callable[..., Tensor], *others: TokenScores, per_token: tuple[Tensor, ...] = ()
    ) -> Tensor:
        """Compute a number per token from the distributions of these scores and of others of the same tokens, [M].

        Args:
            function: from log-probabilities [C, V], one for each of the scores, and the tokens' `per_token` values to
                [C]. A token's number may depend on that token's arguments alone.
            others: scores of the same tokens under other weights or prompts.
            per_token: further values, [M] or [M, K] each.

        """
        scores = (self, *others)
        tokens = len(self.hidden_KH if self.state_M is None else self.state_M)
        if all(one.whole_KV is not None for one in scores) and tokens * self.vocabulary_size <= CHUNK_NUMBERS:
            return function(*(one.logp_MV for one in scores), *per_token)
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


def score_tokens(
    mask_NT: Tensor, ids_K: Tensor, hidden_KH: Tensor, head: Head, state_M: Tensor | None = None
) -> TokenScores:
    """Score tokens by their hidden states.

    Args:
        mask_NT: true on the M tokens.
        ids_K: the id that each state is asked for.
        hidden_KH: the states before the tokens.
        head: see `Head`.
        state_M: number of each token's state; None: each has its own, in order.

    """
    whole_KV = entropy_K = None
    if hidden_KH.shape[0] * head.weight_VH.shape[0] <= CHUNK_NUMBERS:
        whole_KV = head(hidden_KH)
        logp_K = whole_KV.gather(-1, ids_K[:, None])[:, 0]
    else:
        logp_K, entropy_K = _ChosenLogps.apply(hidden_KH, head.weight_VH, head.bias_V, ids_K, head)
    logp_M = logp_K if state_M is None else logp_K.index_select(0, state_M)
    logp_NT = torch.zeros(mask_NT.shape, dtype=logp_M.dtype, device=mask_NT.device).masked_scatter(mask_NT, logp_M)
    return TokenScores(mask_NT, logp_NT, hidden_KH, head, state_M, whole_KV, entropy_K)


class _ChosenLogps(torch.autograd.Function):
    """Log-probability of the given ids and entropy of their distributions, a chunk of tokens at a time.

    The gradient of a token's logits is `g (onehot - softmax)`; the softmax is computed again from hidden states and
    the stored log of its denominator, so that one chunk of [C, V] is held, and nothing of that shape is kept.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden_MH: Tensor, weight_VH: Tensor, bias_V: Tensor | None, ids_M: Tensor, head: Head
    ) -> tuple[Tensor, Tensor]:
        tokens = max(1, CHUNK_NUMBERS // weight_VH.shape[0])
        logp, log_sum, entropies = [], [], []
        for hidden_CH, ids_C in zip(hidden_MH.split(tokens), ids_M.split(tokens)):
            logits_CV = head.logits(hidden_CH)
            chosen_C = logits_CV.gather(-1, ids_C[:, None])[:, 0]
            # As log_softmax does it: log-probabilities close to 0 keep their digits.
            logp_CV = logits_CV.log_softmax(-1)
            del logits_CV
            logp.append(logp_CV.gather(-1, ids_C[:, None])[:, 0])
            log_sum.append(chosen_C - logp[-1])
            entropies.append(-torch.linalg.vecdot(logp_CV.exp(), logp_CV))
            del logp_CV
        ctx.save_for_backward(hidden_MH, weight_VH, bias_V, ids_M, torch.cat(log_sum))
        ctx.head = head
        ctx.mark_non_differentiable(entropies_M := torch.cat(entropies))
        return torch.cat(logp), entropies_M

    @staticmethod
    def backward(ctx: Any, grad_M: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        hidden_MH, weight_VH, bias_V, ids_M, log_sum_M = ctx.saved_tensors
        head = dataclasses.replace(ctx.head, weight_VH=weight_VH, bias_V=bias_V)
        tokens = max(1, CHUNK_NUMBERS // weight_VH.shape[0])
        grads_hidden = []
        # Sums over chunks are in float32, whatever the precision of the products.
        grad_weight = torch.zeros_like(weight_VH, dtype=torch.float32) if ctx.needs_input_grad[1] else None
        grad_bias = torch.zeros_like(bias_V, dtype=torch.float32) if ctx.needs_input_grad[2] else None
        for hidden_CH, ids_C, grad_C, log_sum_C in zip(
            hidden_MH.split(tokens), ids_M.split(tokens), grad_M.split(tokens), log_sum_M.split(tokens)
        ):
            grad_CV = head.logits(hidden_CH)
            of_cap = None if head.cap is None else (1 - (grad_CV / (head.scale * head.cap)).square_()).clamp_(min=0)
            grad_CV.sub_(log_sum_C[:, None]).exp_().mul_(-grad_C[:, None])
            grad_CV.scatter_add_(1, ids_C[:, None], grad_C[:, None])
            if head.scale != 1.0:
                grad_CV.mul_(head.scale)
            if of_cap is not None:
                grad_CV.mul_(of_cap)
            if grad_bias is not None:
                grad_bias += grad_CV.sum(0)
            grad_CV = grad_CV.to(head.dtype)
            grads_hidden.append(times(grad_CV, weight_VH).to(hidden_CH.dtype))
            if grad_weight is not None:
                if grad_weight.dtype == head.dtype:
                    grad_weight.addmm_(grad_CV.T, hidden_CH.to(head.dtype))
                else:
                    grad_weight += grad_CV.T @ hidden_CH.to(head.dtype)
        return (
            torch.cat(grads_hidden),
            None if grad_weight is None else grad_weight.to(weight_VH.dtype),
            None if grad_bias is None or bias_V is None else grad_bias.to(bias_V.dtype),
            None,
            None,
        )
