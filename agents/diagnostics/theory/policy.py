"""The tabular world as the learner meets it: a policy whose weights are a table of logits, and a batch of everything.

Prompts name the task, and under a context the hint; the policy reads them, and has for each task, hint and prefix a row
of its table. What a learner never asks a policy for is left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import torch
from torch import Tensor, nn

from agents.diagnostics.theory.tabular import Tabular
from agents.episodes import Completion, Episode, EpisodeBatch, EpisodeGroup, Prompt, StopReason, Turn
from agents.policy.base import Policy
from agents.policy.scores import Head, TokenScores
from rlsd_env.task import Item, Privileged, Task
from verifiers import Reference, Status, Verdict


class Table(nn.Module):
    """The student's logits, which are trained, and a teacher's, which are not.

    Args:
        world: where they are from.

    """

    def __init__(self, world: Tabular) -> None:
        super().__init__()
        self.logits_XPV = nn.Parameter(world.logits_XPV.clone())
        self.register_buffer("teacher_XRPV", world.teacher_XRPV)

    def forward(self, prompt: Prompt) -> Tensor:
        """Return the log-probabilities of all that may follow a prompt, [P, V]."""
        read = re.fullmatch(r"task (\d+)(?:.*\bhint (\d+).*)?", prompt.messages[0]["content"], re.DOTALL)
        assert read is not None
        task, hint = read.groups()
        if hint is None:
            return self.logits_XPV[int(task)].log_softmax(-1)
        return cast(Tensor, self.teacher_XRPV)[int(task), int(hint)]


class TabularPolicy:
    """What a learner needs of a policy.

    Args:
        world: whose other student it is.

    """

    packs = True

    def __init__(self, world: Tabular) -> None:
        self.world = world
        self.model = Table(world)
        self.vocabulary_size = world.teacher_XRPV.shape[-1]
        self.tokenizer = SimpleNamespace(decode=lambda ids: "".join(map(chr, ids)))
        self.encoder = SimpleNamespace(
            tokenizer=self.tokenizer,
            vision_ids=(),
            text_ids=lambda text: [ord(letter) for letter in text],
            token_ids=lambda prompt: [ord(letter) for letter in prompt.messages[0]["content"]],
        )

    def count_tokens(self, prompt: Prompt) -> int:
        """Count a prompt's letters."""
        return len(prompt.messages[0]["content"])

    def score(
        self,
        prompts: Sequence[Prompt],
        owners: Sequence[int],
        responses: Sequence[Sequence[int]],
        *,
        temperature: float = 1.0,
    ) -> TokenScores:
        """Look the responses up, in float64."""
        assert temperature == 1
        numbers = {tuple(ids): number for number, ids in enumerate(self.world.ids_YT.tolist())}
        rows = [(self.model(prompts[owner]), numbers[tuple(ids)]) for owner, ids in zip(owners, responses)]
        logp_MV = torch.cat([logp_PV[self.world.prefix_YT[number]] for logp_PV, number in rows])
        ids_NT = torch.tensor([list(ids) for ids in responses])
        logp_NT = logp_MV.gather(-1, ids_NT.view(-1, 1)).view(ids_NT.shape)
        head = Head(torch.eye(self.vocabulary_size, dtype=logp_MV.dtype), None, torch.zeros(0, dtype=torch.long))
        return TokenScores(torch.ones_like(ids_NT, dtype=torch.bool), logp_NT, logp_MV, head, None, logp_MV, None)

    def weights_changed(self) -> None:
        """Nobody else has these weights."""


def as_policy(world: Tabular) -> Policy:
    """Make the policy; it has what a learner uses of the interface."""
    return cast(Policy, TabularPolicy(world))


def everything(world: Tabular) -> EpisodeBatch:
    """Return a batch with a group for each task and hint, of all responses once each."""
    logp_XYT = world.along(world.logits_XPV.log_softmax(-1))
    groups = []
    for x, r in torch.cartesian_prod(*map(torch.arange, world.prior_XR.shape)).tolist():
        prompt = Prompt(({"role": "user", "content": f"task {x}"},))
        hints = {"answer": f"hint {r}", "solution": f"hint {r}"}
        item = Item(Task(f"{x}", f"task {x}"), Privileged(Reference(hints["answer"])))
        episodes = []
        for ids, logp, reward in zip(world.ids_YT.tolist(), logp_XYT[x].tolist(), world.reward_XY[x].tolist()):
            said = Completion(tuple(ids), tuple(logp), " ".join(map(str, ids)), StopReason.LENGTH)
            verdict = Verdict(reward, reward == 1, said.text, Status.OK)
            episodes.append(Episode((Turn(prompt, said),), reward, verdict))
        groups.append(EpisodeGroup(item, tuple(episodes), hints))
    return EpisodeBatch(tuple(groups), step=0)
