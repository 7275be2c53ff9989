"""What the laboratory's base models learn from a row: the expert's distributions, and its knowledge of the end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase, Qwen3VLForConditionalGeneration, Qwen3VLProcessor

from agents.lab.beliefs import Digits
from agents.lab.data import LabRow
from agents.tiny.fitting import adamw, collate
from rlsd_env.procedural.chain import MODULUS

FIRST_PROBED = 2
"""The layer after which the last step's left digit is probed; the step before it one layer later, and so on."""
PROBED = 3
"""How many steps are probed, from the last one backwards."""


class Imitation:
    """The loss of a row: cross-entropy, at results with the expert's whole distribution, and linear probes.

    To weigh a result by where it leads, a model must read what it was shown backwards through the steps that are to
    come. It hardly finds that out by itself. So a probe at every result asks the states after layer `FIRST_PROBED` what
    is known of the last step's left digit, after the next layer of the one before, and so on: the loss of the probes
    teaches the layers to do one step each. The probes are no part of the model.

    Args:
        model: what learns.
        processor: of the model.
        probes: those to go on with; none: new ones.

    Attributes:
        probes: of each step, the last one first.

    """

    def __init__(
        self,
        model: Qwen3VLForConditionalGeneration,
        processor: Qwen3VLProcessor,
        probes: torch.nn.ModuleList | None = None,
    ) -> None:
        self.model, self.processor = model, processor
        tokenizer = processor.tokenizer
        self.digits = torch.tensor([_token(tokenizer, f" {digit}") for digit in range(MODULUS)])
        self.equals = _token(tokenizer, " =")
        width = model.lm_head.in_features
        self.probes = probes or torch.nn.ModuleList(torch.nn.Linear(width, MODULUS) for _ in range(PROBED))

    def __call__(self, rows: Sequence[LabRow]) -> tuple[torch.Tensor, int]:
        """Return the summed loss of the rows' responses and how many tokens they have."""
        inputs, labels = collate(self.processor, rows)
        found = self.model.model(**inputs, output_hidden_states=True)
        targets, before = labels[:, 1:], inputs["input_ids"][:, :-1]
        chosen = targets != -100
        log_p = self.model.lm_head(found.last_hidden_state[:, :-1][chosen]).log_softmax(-1)
        result = (before == self.equals)[chosen]
        plain = log_p[~result].gather(1, targets[chosen][~result][:, None])
        expected = _stacked([row.expected.results_KD for row in rows])
        of_results = (expected * log_p[result][:, self.digits]).sum()
        at = (before == self.equals) & chosen
        states = [hidden[:, :-1][at] for hidden in found.hidden_states]
        return -plain.sum() - of_results + self._probed(states, rows), int(chosen.sum())

    def _probed(self, states: Sequence[torch.Tensor], rows: Sequence[LabRow]) -> torch.Tensor:
        """Return the summed cross-entropy of all probes."""
        loss = states[0].new_zeros(())
        for back, probe in enumerate(self.probes):
            known = [(row.expected.ahead_KD, len(row.expected.results_KD)) for row in rows]
            has = torch.tensor([back < len(ahead_KD) for ahead_KD, steps in known for _ in range(steps)])
            if not has.any():
                continue
            told = _stacked([np.tile(ahead_KD[-1 - back], (n, 1)) for ahead_KD, n in known if back < len(ahead_KD)])
            after = states[min(FIRST_PROBED + back, len(states) - 1)][has]
            log_p = probe(torch.nn.functional.rms_norm(after, after.shape[-1:])).log_softmax(-1)
            loss = loss - (told * log_p).sum()
        return loss


def _stacked(found: Sequence[Digits]) -> torch.Tensor:
    return torch.from_numpy(np.concatenate(found)).float()


def _token(tokenizer: PreTrainedTokenizerBase, text: str) -> int:
    (token,) = tokenizer.encode(text, add_special_tokens=False)
    return token


def optimizers_of(imitation: Imitation, lr: float, matrix_lr: float) -> list[torch.optim.Optimizer]:
    """Return Muon for the matrices of the text's layers, and AdamW for all else.

    Args:
        imitation: what learns.
        lr: the peak learning rate of AdamW.
        matrix_lr: that of Muon, in AdamW's units.

    """
    layers = imitation.model.model.language_model.layers
    matrices = [one for one in layers.parameters() if one.ndim == 2]
    known = {id(one) for one in matrices}
    rest = [one for one in imitation.model.parameters() if id(one) not in known]
    muon = torch.optim.Muon(matrices, lr=matrix_lr, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
    return [muon, adamw([*rest, *imitation.probes.parameters()], lr)]
