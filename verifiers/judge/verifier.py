"""`JudgeVerifier`: asks a model whether an answer equals the reference."""

from __future__ import annotations

import json
import logging
import os
import unicodedata
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, replace
from typing import NamedTuple

from verifiers.base import Verifier
from verifiers.extraction import answer_region
from verifiers.judge.cache import Stored, VerdictCache, key_of
from verifiers.judge.client import ChatClient, ChatError, ChatTimeout
from verifiers.judge.prompt import PROMPT_VERSION, MalformedVerdict, Question, read_verdict
from verifiers.judge.usage import Meter, Usage
from verifiers.types import FrozenDict, Reference, Status, Verdict

API_KEY_VARIABLE = "RLSD_JUDGE_API_KEY"
"""Where the key is looked for; a name of its own, so that a key for another service is never sent to `base_url`."""

_LOG = logging.getLogger(__name__)
_RIGHT_PARTS = FrozenDict(accuracy=1.0)
_WRONG_PARTS = FrozenDict(accuracy=0.0)


class _Answer(NamedTuple):
    status: Status
    equal: bool
    failure: str = ""


class JudgeVerifier(Verifier):
    """Asks a model, over an OpenAI-compatible endpoint, whether the response's final answer equals the reference.

    1. Only the text after the last `</think>` is judged, of a longer one the last `max_chars` characters. Without
       any (or without a letter, digit or symbol in it) the status is `NO_ANSWER`, and nobody is asked.
    2. The text is fenced and its markup broken up; see `verifiers.judge.prompt`.
    3. A reply that is not exactly a verdict, and an endpoint that fails, is `ERROR`; one that is late is `TIMEOUT`.
       Neither is a wrong answer, and neither is cached.

    The contract of determinism is the model's to keep: it is asked at temperature 0, but servers batch, and every
    request has another fence. With a `cache` each (model, request options, prompt version, answer, reference)
    has one verdict from then on; a batch asks the same question once. Give a cache wherever verdicts must repeat.

    Args:
        model: the model's name at the endpoint.
        base_url: the endpoint, e.g. "http://localhost:8000/v1".
        api_key: sent to the endpoint only; by default what `RLSD_JUDGE_API_KEY` in the environment holds, if set.
        seconds: the longest that one request may take.
        retries: further tries after a failed connection, HTTP 429 or 5xx; a timeout is not tried again.
        cache: a folder for verdicts, which processes may share; None keeps none.
        first: a rule-based verifier that is asked first. Its verdict stands, right, wrong or failed, unless it is
            `UNPARSABLE`; then the judge decides on the answer that it extracted.
        max_concurrency: most requests at once of a `verify_batch`, and of all `averify` of a process.
        max_tokens: the longest reply; a model that thinks aloud needs more.
        max_chars: the longest text that is judged.
        extra: further fields of the request, e.g. {"chat_template_kwargs": {"enable_thinking": False}}.
        backoff: seconds before the second try; doubled for each further one.

    Raises:
        ValueError: an argument is unusable.

    """

    name = "judge"

    def __init__(
        self,
        model: str,
        base_url: str,
        api_key: str | None = None,
        seconds: float = 30.0,
        retries: int = 2,
        cache: str | os.PathLike[str] | None = None,
        *,
        first: Verifier | None = None,
        max_concurrency: int = 16,
        max_tokens: int = 1024,
        max_chars: int = 8_000,
        extra: Mapping[str, object] = FrozenDict(),
        backoff: float = 0.5,
    ) -> None:
        limits = {"max_concurrency": max_concurrency, "max_tokens": max_tokens, "max_chars": max_chars}
        for argument, value in limits.items():
            if value < 1:
                raise ValueError(f"{argument} is {value!r}; it must be 1 or more")
        if taken := sorted(extra.keys() & {"model", "messages", "temperature", "max_tokens", "stream", "n"}):
            raise ValueError(
                f"extra holds {', '.join(map(repr, taken))}, which JudgeVerifier sets itself; leave it out"
            )
        self.model, self.first = model, first
        self._client = ChatClient(base_url, api_key or os.environ.get(API_KEY_VARIABLE), seconds, retries, backoff)
        self._cache = None if cache is None else VerdictCache(cache)
        self._max_concurrency, self._max_tokens, self._max_chars = max_concurrency, max_tokens, max_chars
        self._extra = json.loads(json.dumps(dict(extra)))  # what is sent, however `extra` changes
        self._meter = Meter()
        self._threads: tuple[int, ThreadPoolExecutor] | None = None
        self.version = f"{PROMPT_VERSION}:{model}"
        if first is not None:
            self.version += f"+{first.name}:{first.version}"

    def __repr__(self) -> str:
        return f"JudgeVerifier({self.model!r}, {self._client.base_url!r})"

    def __getstate__(self) -> dict[str, object]:
        return {**vars(self), "_threads": None}

    @property
    def usage(self) -> Usage:
        """What all verdicts so far took, those of a cache with what they took when they were asked for."""
        return self._meter.read()

    def verify(self, response: str, reference: Reference) -> Verdict:
        """Judge one response.

        Raises:
            BadReference: `first` cannot use the gold answer.

        """
        ruled = None if self.first is None else self.first.verify(response, reference)
        question = self._question(response, reference, ruled)
        if isinstance(question, Verdict):
            return question
        return self._verdict(self._answer(question), question, response, reference)

    def verify_batch(self, responses: Sequence[str], references: Sequence[Reference]) -> list[Verdict]:
        """Judge responses[i] against references[i], in order, `max_concurrency` at a time.

        `first` sees the whole batch at once, and no question is asked twice.

        Raises:
            BadReference: `first` cannot use a gold answer.
            ValueError: the two sequences differ in length.

        """
        if len(responses) != len(references):
            raise ValueError(f"{len(responses)} responses but {len(references)} references")
        ruled = [None] * len(responses) if self.first is None else self.first.verify_batch(responses, references)
        questions = [self._question(*row) for row in zip(responses, references, ruled)]
        asked = dict.fromkeys(question for question in questions if isinstance(question, Question))
        with ThreadPoolExecutor(self._max_concurrency, "judge") as pool:
            answers = dict(zip(asked, pool.map(self._answer, asked)))
        return [
            question
            if isinstance(question, Verdict)
            else self._verdict(answers[question], question, response, reference)
            for question, response, reference in zip(questions, responses, references)
        ]

    async def averify(self, response: str, reference: Reference) -> Verdict:
        """Judge one response without blocking the event loop, `max_concurrency` at a time in each process.

        Raises:
            BadReference: `first` cannot use the gold answer.

        """
        import asyncio  # here, because its import takes as long as that of all verifiers

        owner, pool = self._threads or (None, None)
        if pool is None or owner != os.getpid():  # threads do not outlive a fork
            pool = ThreadPoolExecutor(self._max_concurrency, "judge")
            self._threads = (os.getpid(), pool)
        return await asyncio.get_running_loop().run_in_executor(pool, self.verify, response, reference)

    def _question(self, response: str, reference: Reference, ruled: Verdict | None) -> Question | Verdict:
        """What to ask the judge, or the verdict that is reached without it."""
        if ruled is not None and ruled.status is not Status.UNPARSABLE:
            return ruled
        if not isinstance(response, str):
            message = f"the response is a {type(response).__name__}, not a string"
            _LOG.error("verifier %r: %s", self.name, message)
            return Verdict(0.0, False, None, Status.ERROR, message, _WRONG_PARTS)
        found = answer_region(response) if ruled is None or ruled.extracted is None else ruled.extracted
        shown = (found or "").strip()[-self._max_chars :]
        if not any(char.isalnum() or unicodedata.category(char) in ("Sm", "So") for char in shown):
            verdict = Verdict(0.0, False, None, Status.NO_ANSWER, parts=_WRONG_PARTS)
            return replace(verdict, feedback=self.feedback(response, reference, verdict))
        return Question.of(shown, reference)

    def _answer(self, question: Question) -> _Answer:
        """The judge's answer, from the cache where it has one."""
        key = key_of(PROMPT_VERSION, self.model, self._extra, astuple(question))
        stored = None if self._cache is None else self._cache.get(key)
        if stored is not None:
            self._meter.add(stored.usage + Usage(remembered=1))
            return _Answer(Status.OK, stored.equal)
        code, messages = question.messages()
        request = {"model": self.model, "messages": messages, "temperature": 0, "max_tokens": self._max_tokens}
        try:
            reply = self._client.complete(request | self._extra)
        except ChatError as error:
            self._meter.add(error.usage)
            return self._failed(Status.TIMEOUT if isinstance(error, ChatTimeout) else Status.ERROR, error)
        self._meter.add(reply.usage)
        try:
            equal = read_verdict(reply.content, code)
        except MalformedVerdict as error:
            return self._failed(Status.ERROR, error)
        if self._cache is not None:
            self._cache.put(key, Stored(equal, reply.usage))
        return _Answer(Status.OK, equal)

    def _failed(self, status: Status, error: Exception) -> _Answer:
        _LOG.warning("the judge %r gave no verdict: %s", self.model, error)
        return _Answer(status, False, f"The judge gave no verdict: {error}")

    def _verdict(self, answer: _Answer, question: Question, response: str, reference: Reference) -> Verdict:
        verdict = Verdict(
            reward=float(answer.equal),
            correct=answer.equal,
            extracted=question.response,
            status=answer.status,
            feedback=answer.failure,
            parts=_RIGHT_PARTS if answer.equal else _WRONG_PARTS,
            method="judge",
        )
        if answer.failure:
            return verdict
        return replace(verdict, feedback=self.feedback(response, reference, verdict))
