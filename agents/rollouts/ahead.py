"""The batches of a run, one by one: each sampled when it is asked for, or while the one before is learned from.

One step ahead, batch k + 1 is sampled from the weights before update k, in a thread, while update k runs. Which
weights a batch is sampled from depends on its number alone and never on timing. A checkpoint after update k holds
what was sampled for batch k + 1; a resumed run plays just that and grades it again, so it goes on as if it had
never stopped.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

import torch

from agents.episodes import Completion, EpisodeBatch, StopReason
from agents.policy.actor import Actor
from agents.policy.base import OnCompletion, Request, Sampler

Roll = Callable[[Sampler, int], EpisodeBatch]
"""Samples and grades the batch of a training step with a sampler."""
Sampled = list[list[list[Any]]]
"""For each episode of a batch, for each turn: token ids, log-probabilities, text and stop reason."""


class Rollouts:
    """Batches as they are needed.

    Args:
        roll: samples and grades the batch of a step.
        sampler: what samples, with the trained weights.

    """

    def __init__(self, roll: Roll, sampler: Sampler) -> None:
        self._roll = roll
        self._sampler = sampler

    def batch(self, step: int) -> EpisodeBatch:
        """Return the batch of a step; steps must be asked for in order."""
        return self._roll(self._sampler, step)

    def wait(self) -> None:
        """Wait until nothing is being sampled; nothing is."""

    def sampled_ahead(self) -> Sampled:
        """Return what was sampled for the next step; nothing is."""
        return []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class RolloutsAhead(Rollouts):
    """Batches of which the next one is sampled while this one is learned from.

    The two threads share torch's threads; with one, each has one.

    Args:
        roll: samples and grades the batch of a step; run in a thread.
        actor: what is trained, and the engine that samples meanwhile, with weights of its own.
        steps: the steps of the run.
        sampled: what a checkpoint has of the batch that comes first.

    Raises:
        ValueError: the actor has no engine.

    """

    def __init__(self, roll: Roll, actor: Actor, steps: int, sampled: Sampled | None = None) -> None:
        super().__init__(roll, actor)
        if actor.engine is None:
            raise ValueError("the actor has no engine, and its policy cannot be sampled while it is trained; give one")
        self._actor = actor
        self._stopped = threading.Event()
        self._ahead = _Stoppable(actor.engine, self._stopped)
        self._steps = steps
        self._first: Sampler = Recorded(sampled) if sampled else actor
        self._next: Future[EpisodeBatch] | None = None
        self._pool = ThreadPoolExecutor(1, "rollouts")
        self._stream = torch.cuda.Stream() if next(actor.policy.model.parameters()).is_cuda else None
        self._threads = torch.get_num_threads()

    def batch(self, step: int) -> EpisodeBatch:
        """Return the batch of a step, and begin with the next one, from the weights of now."""
        batch = self._roll(self._first, step) if self._next is None else self._next.result()
        self._next = None
        self._actor.synchronise()
        if step + 1 < self._steps:
            if self._stream is not None:  # the weights must be there
                self._stream.wait_stream(torch.cuda.current_stream())
            self._next = self._pool.submit(self._roll_ahead, step + 1)
        return batch

    def _roll_ahead(self, step: int) -> EpisodeBatch:
        torch.set_num_threads(max(1, self._threads // 2))
        with torch.cuda.stream(self._stream) if self._stream is not None else contextlib.nullcontext():
            return self._roll(self._ahead, step)

    def wait(self) -> None:
        """Wait until the next batch is sampled, so that the engine may get other weights."""
        if self._next is not None:
            self._next.result()

    def sampled_ahead(self) -> Sampled:
        """Return what was sampled for the next step, once it is; nothing after the last."""
        if self._next is None:
            return []
        return [[_plain(turn.action) for turn in episode.turns] for _, _, episode in self._next.result()]

    def __enter__(self) -> Self:
        torch.set_num_threads(max(1, self._threads - self._threads // 2))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop what is being sampled, at its next completion, and wait for it."""
        self._stopped.set()
        self._pool.shutdown(cancel_futures=True)
        torch.set_num_threads(self._threads)


class NotWantedError(Exception):
    """Nobody wants the batch any more."""


class _Stoppable:
    """A sampler that gives up when it is told to."""

    def __init__(self, sampler: Sampler, stopped: threading.Event) -> None:
        self.sampler, self.stopped = sampler, stopped

    def generate(self, request: Request, on_completion: OnCompletion | None = None) -> list[list[Completion]]:
        def told(number: int, completion: Completion) -> None:
            if self.stopped.is_set():
                raise NotWantedError
            if on_completion is not None:
                on_completion(number, completion)

        return self.sampler.generate(request, told)


class Recorded:
    """Says again what was sampled for a batch, turn by turn.

    Args:
        sampled: for each episode what it said in each turn.

    """

    def __init__(self, sampled: Sampled) -> None:
        self._left = [[_completion(*turn) for turn in turns] for turns in sampled]

    def generate(self, request: Request, on_completion: OnCompletion | None = None) -> list[list[Completion]]:
        """Return the next turn of each episode that goes on; nobody is told, as they ended long ago.

        Raises:
            ValueError: the episodes that go on are not those that went on.

        """
        said = [turns.pop(0) for turns in self._left if turns]
        if len(said) != request.count:
            raise ValueError(
                f"the checkpoint has {len(said)} completions of the next turn for {request.count} episodes that go "
                "on; has the environment or its verifier changed?"
            )
        return request.groups(dict(enumerate(said)))


def _plain(completion: Completion) -> list[Any]:
    return [list(completion.token_ids), list(completion.logprobs), completion.text, completion.stop_reason.value]


def _completion(token_ids: Sequence[int], logprobs: Sequence[float], text: str, reason: str) -> Completion:
    return Completion(tuple(token_ids), tuple(logprobs), text, StopReason(reason))
