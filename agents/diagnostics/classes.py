"""Which kinds of tokens the credit and the evidence go to (`agents.policy.token_kinds`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from agents.episodes import EpisodeBatch
from agents.evidence import EvidenceSink, TokenEvidence
from agents.policy.token_kinds import TokenKind

if TYPE_CHECKING:
    from agents.learner.learner import Learner

Sums = dict[str, list[float]]
"""By name and kind: tokens, sum of abs(Ahat), sum of abs(D)."""


def sums_by_kind(kept: Sequence[TokenEvidence], kinds: Sequence[int], context: str | None) -> Sums:
    """Add up what tokens earned by their kind.

    Args:
        kept: what they earned.
        kinds: kind of each token of the vocabulary.
        context: whose D is added up; None: there is none.

    """
    names = ["tokens", *(["credit"] if any("credit" in one.values for one in kept) else [])]
    names += ["gain"] if any(f"logp_{context}" in one.values for one in kept) else []
    sums = {name: [0.0] * len(TokenKind) for name in names}
    for one in kept:
        values = {"tokens": (1.0,) * len(one.token_ids), "credit": one.values.get("credit", ())}
        if context is not None and f"logp_{context}" in one.values:
            values["gain"] = one.gain(context)
        for name, of_tokens in values.items():
            for id, value in zip(one.token_ids, of_tokens):
                sums[name][kinds[id]] += abs(value)
    return sums


def shares(sums: Sums) -> dict[str, float]:
    """Return each kind's share of the tokens and of the credit, and its mean evidence; kinds without tokens have none.

    >>> sums = {"tokens": [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 3.0], "credit": [0.0, 0.0, 3.0, 0.0, 0.0, 0.0, 1.0]}
    >>> {name: value for name, value in shares(sums).items() if name.endswith("number")}
    {'class_tokens_number': 0.25, 'class_credit_number': 0.75}
    """
    found = {}
    for kind in TokenKind:
        if not (tokens := sums["tokens"][kind]):
            continue
        name = kind.name.lower()
        found[f"class_tokens_{name}"] = tokens / sum(sums["tokens"])
        if (total := sum(sums.get("credit", ()))) > 0:
            found[f"class_credit_{name}"] = sums["credit"][kind] / total
        if "gain" in sums:
            found[f"class_gain_{name}"] = sums["gain"][kind] / tokens
    return found


def measure(learner: Learner, batch: EpisodeBatch) -> Mapping[str, float]:
    """Measure over the responses that are run, D in the first context; one more pass of an update."""
    sink = EvidenceSink()
    learner.gradient(batch, keep=sink)
    learner.optimizer.zero_grad(set_to_none=True)
    context = next(iter(learner.algorithm.contexts(batch.step, learner.state)), None)
    total: Sums = {}
    for part in learner.world.gather(sums_by_kind(sink.kept, learner.kinds_V.tolist(), context)):
        for name, by_kind in part.items():
            total[name] = [a + b for a, b in zip(total.get(name, [0.0] * len(by_kind)), by_kind)]
    return shares(total)
