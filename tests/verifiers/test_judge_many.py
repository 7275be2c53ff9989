"""A judge's verdicts in batches, on disk, and after a rule-based verifier."""

import asyncio
import json
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.verifiers.judge_server import honest, judge, saying, serving, verdict
from verifiers import AnswerVerifier, BadReference, Reference, Status, Verdict, Verifier
from verifiers.judge import JudgeVerifier

SEVEN = Reference("7")
KEY = "sk-canary-1234567890"


def test_a_stored_verdict_is_not_asked_for_again(tmp_path):
    with serving(saying(honest)) as server:
        verifier = judge(server, cache=tmp_path, api_key=KEY)
        first = [verifier.verify("7", SEVEN), verifier.verify("8", SEVEN)]
        assert len(server.requests) == 2
        again = judge(server, cache=tmp_path)
        assert [again.verify("<think> a </think> 7", SEVEN), again.verify("8", SEVEN)] == first
        assert len(server.requests) == 2
        judge(server, cache=tmp_path).verify("7", Reference("8"))
        JudgeVerifier("other", server.url, cache=tmp_path).verify("7", SEVEN)
        judge(server, cache=tmp_path, extra={"seed": 2}).verify("7", SEVEN)
        assert len(server.requests) == 5
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 5
    assert not any(KEY in path.read_text() for path in files)


def test_failures_are_not_stored(tmp_path):
    with serving(lambda request, number: (200, "x", {}) if number == 0 else saying(honest)(request, number)) as server:
        verifier = judge(server, cache=tmp_path)
        assert verifier.verify("7", SEVEN).status is Status.ERROR
        assert verifier.verify("7", SEVEN).correct


@pytest.mark.parametrize("content", ["", '{"equal": true}', '{"key": "x", "equal": true}', "[", "\xff", "1"])
def test_a_broken_stored_verdict_is_asked_for_again(tmp_path, content):
    with serving(saying(honest)) as server:
        verifier = judge(server, cache=tmp_path)
        verifier.verify("8", SEVEN)
        (path,) = tmp_path.rglob("*.json")
        path.write_text(content, "latin-1")
        assert verifier.verify("8", SEVEN).reward == 0.0
        assert len(server.requests) == 2
        assert json.loads(path.read_text())["equal"] is False


def test_many_writers_of_one_verdict(tmp_path):
    with serving(saying(honest)) as server, ThreadPoolExecutor(8) as pool:
        verifiers = [judge(server, cache=tmp_path) for _ in range(16)]
        assert all(pool.map(lambda verifier: verifier.verify("7", SEVEN).correct, verifiers))
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".json"]


def test_a_batch_is_asked_at_once_and_each_question_once():
    at_once, most = 4, []
    barrier = threading.Barrier(at_once, timeout=60)
    running = set()

    def reply(request, number):
        running.add(number)
        most.append(len(running))
        barrier.wait()
        running.discard(number)
        return saying(honest)(request, number)

    responses = [f"<think> {i} </think> {i % 8}" for i in range(16)]
    with serving(reply) as server:
        verdicts = judge(server, max_concurrency=at_once).verify_batch(responses, [SEVEN] * 16)
        assert len(server.requests) == 8
    assert [found.correct for found in verdicts] == [i % 8 == 7 for i in range(16)]
    assert max(most) <= at_once
    assert judge(server).verify_batch([], []) == []
    with pytest.raises(ValueError, match="1 responses but 0 references"):
        judge(server).verify_batch(["7"], [])


def test_a_failure_in_a_batch_is_its_own():
    def reply(request, number):
        return (200, "x", {}) if "> 9" in request["messages"][1]["content"] else saying(honest)(request, number)

    with serving(reply) as server:
        statuses = [v.status for v in judge(server).verify_batch(["7", "9", ""], [SEVEN] * 3)]
    assert statuses == [Status.OK, Status.ERROR, Status.NO_ANSWER]


def test_async():
    async def both(verifier):
        return await asyncio.gather(verifier.averify("7", SEVEN), verifier.averify("8", SEVEN))

    with serving(saying(honest)) as server:
        verifier = judge(server, max_concurrency=2)
        assert [found.correct for found in asyncio.run(both(verifier))] == [True, False]
        again = pickle.loads(pickle.dumps(verifier))
        assert [found.correct for found in asyncio.run(both(again))] == [True, False]


def test_only_what_the_rules_cannot_read_is_judged():
    responses = [
        "<answer>7</answer>",
        "<answer>8</answer>",
        "7",
        "<answer>7 or 8</answer>",
        "<answer>a lucky number</answer>",
    ]
    with serving(saying(lambda messages: verdict(messages, True))) as server:
        verifier = judge(server, first=AnswerVerifier())
        verdicts = verifier.verify_batch(responses, [SEVEN] * 5)
        assert verdicts == [verifier.verify(response, SEVEN) for response in responses]
        assert len(server.requests) == 2
        assert "> a lucky number\n" in server.requests[0]["messages"][1]["content"]
        with pytest.raises(BadReference):
            verifier.verify_batch(["<answer>A</answer>"], [Reference("C", choices=("x", "y"))])
    assert [found.reward for found in verdicts] == [1.0, 0.0, 0.0, 0.0, 1.0]
    assert [found.status.value for found in verdicts] == ["ok", "ok", "no_answer", "ambiguous", "ok"]
    assert verdicts[-1].extracted == "a lucky number"
    assert verifier.version == f"1:m+answer:{AnswerVerifier.version}"


def test_a_failed_rule_is_not_overruled():
    class Late(Verifier):
        def verify(self, response, reference):
            return Verdict(0.0, False, None, Status.TIMEOUT)

    assert JudgeVerifier("m", "http://nowhere", first=Late()).verify("7", SEVEN).status is Status.TIMEOUT
