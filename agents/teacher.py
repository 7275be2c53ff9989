"""The teacher: what it sees (views) and whose weights it has (`TeacherWeights`).

A view is a pure function of one group's episodes and the task's privileged part. It adds text to the first
user message; pictures and the conversation so far stay, so the teacher always sees the image.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from agents.episodes import Episode, EpisodeGroup, Message, Prompt
from agents.policy.tensors import is_sharded, local
from rlsd_env.errors import ConfigurationError

HINTS: dict[str, str] = {
    "answer": "The reference answer is {}.",
    "solution": "The reference solution is: {}",
    "sibling": "An earlier correct response was: {}",
    "feedback": "Feedback on an earlier attempt: {}",
}
"""What introduces each kind of privileged text in a teacher's prompt."""

REQUEST = "Now answer the question yourself."


def hint(**texts: str) -> str:
    """Write the privileged paragraph of a teacher's prompt from texts by kind, in the order given.

    >>> print(hint(answer="7"))
    The reference answer is 7.
    Now answer the question yourself.

    Raises:
        KeyError: a kind is not one of `HINTS`.

    """
    return "\n".join([*(HINTS[kind].format(text) for kind, text in texts.items()), REQUEST])


@dataclass(frozen=True)
class TeacherView:
    """What the teacher sees for one episode: one prompt per turn, before the student's action of that turn."""

    prompts: tuple[Prompt, ...]


def view(episode: Episode, **texts: str) -> TeacherView:
    """Show the teacher the episode with privileged texts at the end of the first user message."""
    paragraph = hint(**texts)
    return TeacherView(tuple(_with_paragraph(turn.prompt, paragraph) for turn in episode.turns))


def _with_paragraph(prompt: Prompt, paragraph: str) -> Prompt:
    messages: list[Message] = list(prompt.messages)
    first = next(i for i, message in enumerate(messages) if message["role"] == "user")
    content = messages[first]["content"]
    if isinstance(content, str):
        content = f"{content}\n{paragraph}"
    elif content and content[-1]["type"] == "text":
        content = [*content[:-1], {"type": "text", "text": f"{content[-1]['text']}\n{paragraph}"}]
    else:
        content = [*content, {"type": "text", "text": paragraph}]
    messages[first] = {**messages[first], "content": content}
    return Prompt(tuple(messages), prompt.images, prompt.videos)


def answer_view(group: EpisodeGroup, i: int) -> TeacherView:
    """Show the final answer only (RLSD)."""
    return view(group.episodes[i], answer=group.hints["answer"])


def solution_view(group: EpisodeGroup, i: int) -> TeacherView:
    """Show the reasoning trace, else the worked solution, else, where a task has neither, the answer (OPSD)."""
    text = group.hints.get("trace") or group.hints.get("solution")
    if text is None:
        return answer_view(group, i)
    return view(group.episodes[i], solution=text)


def successful_sibling(group: EpisodeGroup, i: int) -> Episode | None:
    """Return the first correct OTHER episode of the group, by accuracy and not by a shaped reward; else None."""
    others = (episode for number, episode in enumerate(group.episodes) if number != i)
    return next((episode for episode in others if episode.valid and episode.verdict.correct), None)


def sibling_or_feedback_view(group: EpisodeGroup, i: int, feedback: str) -> TeacherView | None:
    """Show a successful sibling and/or the verifier's feedback on this very attempt (SDPO).

    Args:
        group: the group.
        i: the episode that the teacher scores.
        feedback: "never", "without_sibling" (only where no sibling succeeded) or "always". A correct attempt
            is never given feedback.

    Returns:
        None where there is nothing to show.

    """
    episode, sibling = group.episodes[i], successful_sibling(group, i)
    texts: dict[str, str] = {}
    if sibling is not None:
        texts["sibling"] = sibling.response
    wanted = feedback == "always" or (feedback == "without_sibling" and sibling is None)
    if wanted and not episode.verdict.correct and episode.verdict.feedback:
        texts["feedback"] = episode.verdict.feedback
    return view(episode, **texts) if texts else None


class TeacherWeights:
    """Whose weights the teacher has: those of the student as it is, or a copy that follows them by a rule.

    Only weights that are trained are copied, so that a teacher of a model with adapters costs no second model; to
    score, they change places with the student's.

    Args:
        rule: "live" (the student as it is), "frozen" (as it was at the start), "ema(RATE)" (moves by RATE of
            the difference after every optimiser step, 0 < RATE <= 1) or "synced(EVERY)" (a copy renewed after
            every EVERY training steps, frozen in between).
        student: the model that is trained.

    Raises:
        ConfigurationError: the rule is none of these.

    """

    def __init__(self, rule: str, student: nn.Module) -> None:
        self.kind, self.number = parse_rule(rule)
        self.age = 0
        """Training steps since the teacher last changed; 0 for a live teacher."""
        self._model = student
        self._student = {name: p for name, p in student.named_parameters() if p.requires_grad}
        self._copy: dict[str, Tensor] | None = None
        if self.kind != "live":
            self._copy = {name: p.detach().clone() for name, p in self._student.items()}

    @property
    def fixed_within_step(self) -> bool:
        """Whether the weights stay as they are between the updates of one training step."""
        return self.kind in ("frozen", "synced")

    @property
    def weights(self) -> dict[str, Tensor]:
        """The teacher's values of the trained weights, by name."""
        return dict(self._student) if self._copy is None else self._copy

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Give the student's model the teacher's weights for the length of the context; no gradient may need them."""
        if self._copy is None:
            yield
            return
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    @torch.no_grad()
    def _exchange(self) -> None:
        assert self._copy is not None
        if any(is_sharded(p) for p in self._student.values()):
            from agents.policy.sharding import reshard

            reshard(self._model)
        for name, parameter in self._student.items():
            mine = self._copy[name]
            if type(parameter.data) is Tensor:
                parameter.data, self._copy[name] = mine, parameter.data
            else:  # shards of a distributed tensor stay where they are, their values change places
                here, there = local(parameter), local(mine)
                kept = here.clone()
                here.copy_(there)
                there.copy_(kept)

    @torch.no_grad()
    def after_update(self) -> None:
        """Follow the student after one of its optimiser steps (ema)."""
        if self._copy is not None and self.kind == "ema":
            mine, theirs = self._pairs()
            torch._foreach_lerp_(mine, theirs, self.number)
            self.age = -1

    @torch.no_grad()
    def after_step(self) -> None:
        """Follow the student after a training step, one in which nothing was updated included (synced)."""
        if self._copy is None:
            return
        self.age += 1
        if self.kind == "synced" and self.age >= self.number:
            mine, theirs = self._pairs()
            torch._foreach_copy_(mine, theirs)
            self.age = 0

    def _pairs(self) -> tuple[list[Tensor], list[Tensor]]:
        assert self._copy is not None
        names = list(self._student)
        return [local(self._copy[name]) for name in names], [local(self._student[name].detach()) for name in names]

    def state_dict(self) -> dict[str, Any]:
        """Return all that a resumed run needs: the weights, which no rule can rebuild, and their age."""
        return {"age": self.age, "weights": None if self._copy is None else dict(self._copy)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        if (state["weights"] is None) != (self._copy is None):
            raise ValueError(f"the stored teacher does not fit the rule {self.kind!r}; resume with the stored options")
        self.age = state["age"]
        if self._copy is not None:
            if state["weights"].keys() != self._copy.keys():
                raise ValueError(
                    "the stored teacher has other weights than those trained; resume with the stored options"
                )
            for name, value in state["weights"].items():
                local(self._copy[name]).copy_(local(value))


def parse_rule(rule: str) -> tuple[str, float]:
    """Read a rule of `TeacherWeights` as (kind, number).

    >>> parse_rule("ema(0.05)")
    ('ema', 0.05)
    """
    match = re.fullmatch(r"(live|frozen|ema|synced)(?:\(([0-9.eE+-]+)\))?", rule)
    if match:
        kind, text = match.groups()
        try:
            number = float(text) if text else None
        except ValueError:
            number = -1.0
        if kind in ("live", "frozen") and number is None:
            return kind, 0.0
        if kind == "ema" and number is not None and 0 < number <= 1:
            return kind, number
        if kind == "synced" and number is not None and number >= 1 and number == int(number):
            return kind, number
    raise ConfigurationError(
        f"teacher weights {rule!r}: allowed are live, frozen, ema(RATE) with 0 < RATE <= 1, synced(EVERY) with "
        "EVERY a whole number of training steps, e.g. ema(0.05) or synced(10)"
    )
