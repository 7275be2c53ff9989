"""Signals of a whole batch, a row per episode with its turns end to end, put together from the parts that are run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from agents.algorithms import Credit, Signals
from agents.learner.plan import Plan


class WholeBatch:
    """Where the tokens of the parts that count stand in rows of whole episodes.

    Args:
        plan: what is run.

    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.parts = [part for part in plan.parts if part.rows[0].counts]
        self.rows = [row for part in self.parts for row in part.rows]
        self.numbers = sorted({row.episode for row in self.rows})
        place = {number: e for e, number in enumerate(self.numbers)}
        self.lengths = [plan.episodes[number].length for number in self.numbers]
        before = [
            sum(len(turn.action.token_ids) for turn in plan.episodes[row.episode].turns[: row.number])
            for row in self.rows
        ]
        counts = [len(row.turn.action.token_ids) for row in self.rows]
        self.shape = (len(self.numbers), max(self.lengths, default=0))
        width = self.shape[1]
        # Where each token of the parts, row by row, stands among the cells of the episodes.
        self.cell_M = torch.tensor(
            [
                place[row.episode] * width + start + t
                for row, start, count in zip(self.rows, before, counts)
                for t in range(count)
            ],
            dtype=torch.long,
            device=plan.A_N.device,
        )

    def gather(self, values: Sequence[Tensor], fill: float = 0.0) -> Tensor:
        """Bring tokens of the parts into rows of episodes, [E, L].

        Args:
            values: for each part that counts the values of its tokens, row by row, [M] each.
            fill: what stands where there is no token.

        """
        flat = torch.cat(list(values)) if values else self.plan.A_N.new_zeros(0)
        cells = flat.new_full((self.shape[0] * self.shape[1],), fill)
        cells[self.cell_M] = flat
        return cells.view(self.shape)

    def signals(
        self,
        student: Sequence[Tensor],
        logp: Sequence[Mapping[str, Tensor]],
        entropy: Sequence[Mapping[str, Tensor]],
        base: Signals,
    ) -> Signals:
        """Put the signals of all episodes that run together.

        Args:
            student: for each part its tokens' student log-probabilities, [M].
            logp: for each part those of its contexts.
            entropy: for each part the entropies of its contexts.
            base: signals whose step, state and kinds of tokens are taken over.

        """
        plan, device = self.plan, self.plan.A_N.device
        names = list(plan.contexts)
        number_E = torch.tensor(self.numbers, dtype=torch.long, device=device)
        S_EL = self.gather(student)
        kind_of = {row.episode: part.kind for part in self.parts for row in part.rows}

        def each(values: Sequence[Tensor]) -> Tensor:
            return self.gather([value.to(device) for value in values])

        def tokens(values: Sequence[Sequence[int]]) -> Tensor:
            flat = [torch.tensor([value for row in values for value in row], dtype=torch.long, device=device)]
            return self.gather(flat, fill=0)

        ids = [row.turn.action.token_ids for row in self.rows]
        return replace(
            base,
            A_N1=plan.A_N[number_E][:, None],
            S_NT=S_EL,
            S_old_NT=S_EL,
            mask_NT=torch.arange(self.shape[1], device=device) < torch.tensor(self.lengths, device=device)[:, None],
            logp={name: each([found.get(name, mine) for found, mine in zip(logp, student)]) for name in names},
            entropy={
                name: each([found.get(name, torch.zeros_like(mine)) for found, mine in zip(entropy, student)])
                for name in names
                if plan.contexts[name].entropy
            },
            shown={
                name: torch.tensor([[name in kind_of[number]] for number in self.numbers], device=device)
                for name in names
            },
            success_N1=plan.success_N[number_E][:, None],
            group_N1=plan.groups(number_E)[:, None],
            turn_NT=tokens([[row.number] * len(own) for row, own in zip(self.rows, ids)]),
            ids_NT=tokens(ids),
        )

    def hand_out(self, credit: Credit) -> None:
        """Give each part its rows of what was worked out for whole episodes."""
        advantages_EL = credit.advantages.expand(self.shape)
        start = 0
        for part in self.parts:
            lengths = [len(row.turn.action.token_ids) for row in part.rows]
            cell_M = self.cell_M[start : start + sum(lengths)]
            start += sum(lengths)

            def rows(values_EL: Tensor, cell_M: Tensor = cell_M, lengths: list[int] = lengths) -> Tensor:
                pieces = values_EL.reshape(-1)[cell_M].split(lengths)
                return torch.nn.utils.rnn.pad_sequence(list(pieces), batch_first=True)

            per_token = {name: rows(values_EL.expand(self.shape)) for name, values_EL in credit.per_token.items()}
            unclipped = None if credit.unclipped is None else rows(credit.unclipped)
            evidence = None if credit.evidence is None else rows(credit.evidence)
            part.credit = Credit(rows(advantages_EL), per_token, unclipped, evidence)
