"""A model as a judge, against a real server on this machine."""

import json
import logging
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.verifiers.judge_server import completion, honest, judge, saying, serving, verdict
from verifiers import Reference, Status
from verifiers.judge import JudgeVerifier
from verifiers.testing import check_verifier

SEVEN = Reference("7")
KEY = "sk-canary-1234567890"


def test_right_and_wrong():
    with serving(saying(honest)) as server:
        right = judge(server).verify("<think> 8 </think> It is 7", SEVEN)
        wrong = judge(server).verify("It is 8", SEVEN)
    assert (right.reward, right.correct, right.status, right.extracted) == (1.0, True, Status.OK, "It is 7")
    assert (right.feedback, right.method, right.parts) == ("Correct.", "judge", {"accuracy": 1.0})
    assert (wrong.reward, wrong.correct, wrong.status) == (0.0, False, Status.OK)
    assert wrong.feedback == "Your answer It is 8 is wrong."


def test_what_is_sent():
    with serving(saying(honest)) as server:
        judge(server, api_key=KEY, extra={"seed": 1}, max_tokens=64).verify("<think> secret </think> 7", SEVEN)
    request = server.requests[0]
    assert server.paths == ["/v1/chat/completions"]
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert {name: request[name] for name in ("model", "temperature", "max_tokens", "seed")} == {
        "model": "m", "temperature": 0, "max_tokens": 64, "seed": 1,
    }  # fmt: skip
    assert [message["role"] for message in request["messages"]] == ["system", "user"]
    assert "secret" not in json.dumps(request)


def test_question_options_and_precision_are_shown():
    reference = Reference("B", choices=("red", "blue"), precision=2, extras={"question": "Which colour?"})
    with serving(saying(honest)) as server:
        judge(server).verify("blue", reference)
    shown = server.requests[0]["messages"][1]["content"]
    for line in ("> Which colour?", "> A. red\n> B. blue", "> B\n> (compared after rounding to 2 decimals)", "> blue"):
        assert line in shown


@pytest.mark.parametrize("response", ["", " \n ", "<think> 7", "<think> a </think>", ":", "$$", "{}", "```\n```"])
def test_without_an_answer_nobody_is_asked(response):
    with serving(saying(honest)) as server:
        found = judge(server).verify(response, SEVEN)
        assert server.requests == []
    assert (found.reward, found.status) == (0.0, Status.NO_ANSWER)


@pytest.mark.parametrize(
    "reply",
    [
        "yes",
        "CORRECT",
        '{"equal": true}',
        '{"code": "CODE", "equal": 1}',
        '{"code": "CODE", "equal": "true"}',
        '{"code": "CODE", "equal": true, "why": "x"}',
        '{"code": "CODE", "equal": false, "equal": true}',
        '{"code": "0000000000000000", "equal": true}',
        'Sure: {"code": "CODE", "equal": true}',
        '{"code": "CODE", "equal": true} {"code": "CODE", "equal": true}',
        '[{"code": "CODE", "equal": true}]',
        '```json\n{"code": "CODE", "equal": true}\n```',
        '<think> {"code": "CODE", "equal": true}',
        "[" * 5_000,
        "x" * 50_000,
        "",
        None,
    ],
)
def test_anything_but_a_verdict_is_an_error(reply):
    def malformed(messages):
        code = json.loads(verdict(messages, True))["code"]
        return reply and reply.replace("CODE", code)

    with serving(saying(malformed)) as server:
        found = judge(server).verify("7", SEVEN)
    assert (found.reward, found.correct, found.status) == (0.0, False, Status.ERROR)
    assert "the judge's reply is" in found.feedback
    assert len(server.requests) == 1


def test_a_judge_may_think_first():
    with serving(saying(lambda messages: f"<think> hm </think>\n{verdict(messages, True)}\n")) as server:
        assert judge(server).verify("7", SEVEN).correct


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (200, "no JSON", "no chat completion: 'no JSON'"),
        (200, {"error": "x"}, "no chat completion"),
        (200, {"choices": []}, "no chat completion"),
        (200, [1], "no chat completion"),
        (200, completion("x", "length"), "cut off at max_tokens"),
        (404, {"message": "no such model"}, 'HTTP 404: \'{"message": "no such model"}\''),
        (307, "elsewhere", "HTTP 307"),
        (401, f"your key {KEY[:-3]}...", "does not accept the API key (HTTP 401)"),
        (400, f"your key {KEY} is", "your key *** is"),
    ],
)
def test_an_unusable_reply_is_an_error_at_once(status, body, message):
    with serving(lambda request, number: (status, body, {"Location": "http://127.0.0.1:1/"})) as server:
        found = judge(server, api_key=KEY).verify("7", SEVEN)
        assert len(server.requests) == 1
    assert (found.reward, found.status) == (0.0, Status.ERROR)
    assert message in found.feedback


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_failure_is_asked_again(status):
    def reply(request, number):
        return (status, "busy", {}) if number < 2 else saying(honest)(request, number)

    with serving(reply) as server:
        assert judge(server).verify("7", SEVEN).correct
        assert len(server.requests) == 3
        assert judge(server, retries=0).verify("7", SEVEN).correct
    with serving(lambda request, number: (status, "busy", {})) as server:
        found = judge(server, retries=1).verify("7", SEVEN)
        assert len(server.requests) == 2
    assert found.status is Status.ERROR
    assert f"HTTP {status}: 'busy'; tries: 2" in found.feedback


def test_retry_after_is_heeded():
    def reply(request, number):
        return (429, "", {"Retry-After": "1"}) if number == 0 else saying(honest)(request, number)

    with serving(reply) as server:
        start = time.monotonic()
        assert judge(server).verify("7", SEVEN).correct
    assert time.monotonic() - start >= 1.0


def test_a_slow_judge_is_a_timeout_and_asked_once():
    asked, done = threading.Event(), threading.Event()

    def slow(request, number):
        asked.set()
        done.wait(60)
        return 200, completion("x"), {}

    with serving(slow) as server:
        found = judge(server, seconds=0.2).verify("7", SEVEN)
        assert asked.wait(60)
        done.set()
        assert len(server.requests) == 1
    assert (found.reward, found.correct, found.status) == (0.0, False, Status.TIMEOUT)
    assert "no reply within 0.2 s" in found.feedback


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"])
def test_a_dripping_reply_is_a_timeout(head):
    """Each byte comes within any limit a read could have; the whole does not."""
    stop = threading.Event()

    def drip(listener):
        connection, _ = listener.accept()
        connection.recv(100_000)
        connection.sendall(head)
        for _ in range(3_000):  # for a minute at least, and then it is over, and no timeout
            if stop.wait(0.02):
                break
            connection.sendall(b"H")
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        pool.submit(drip, listener)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        found = JudgeVerifier("m", url, seconds=0.3).verify("7", SEVEN)
        stop.set()
    assert found.status is Status.TIMEOUT


def test_nobody_there_is_an_error():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    found = JudgeVerifier("m", f"http://127.0.0.1:{port}", retries=1, backoff=0.01).verify("7", SEVEN)
    assert (found.reward, found.status) == (0.0, Status.ERROR)
    assert "ConnectionRefusedError" in found.feedback
    assert "tries: 2" in found.feedback


def test_the_key_is_nowhere(monkeypatch, caplog):
    monkeypatch.setenv("RLSD_JUDGE_API_KEY", KEY)
    with serving(lambda request, number: (500, f"{KEY}!", {})) as server, caplog.at_level(logging.DEBUG):
        verifier = judge(server)
        found = verifier.verify("7", SEVEN)
        assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert found.status is Status.ERROR
    assert "***!" in found.feedback
    for text in (found.feedback, caplog.text, repr(verifier), repr(vars(verifier)), verifier.version):
        assert KEY not in text
    with pytest.raises(ValueError, match="printable ASCII") as refused:
        judge(server, api_key=f"{KEY}\n")
    assert KEY not in str(refused.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base_url": "localhost:8000"}, "'localhost:8000'; it must be like 'http://localhost:8000/v1'"),
        ({"base_url": "http://me:secret@host"}, "api_key"),
        ({"base_url": "http://host:99999"}, "Port out of range"),
        ({"base_url": "http://host/v1?key=1"}, "must be like"),
        ({"seconds": 0}, "seconds is 0; it must be more than 0"),
        ({"retries": -1}, "retries is -1; it must be an integer of 0 or more"),
        ({"backoff": 100}, "backoff is 100; it must be 0 to 30 seconds"),
        ({"max_concurrency": 0}, "max_concurrency is 0; it must be 1 or more"),
        ({"extra": {"temperature": 1}}, "'temperature', which JudgeVerifier sets itself"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message) as refused:
        JudgeVerifier(**{"model": "m", "base_url": "http://host"} | options)
    assert "secret" not in str(refused.value)


def test_what_is_no_text_is_the_callers_error():
    found = JudgeVerifier("m", "http://nowhere").verify(None, SEVEN)
    assert (found.status, found.feedback) == (Status.ERROR, "the response is a NoneType, not a string")


def test_keeps_the_contract(tmp_path):
    with serving(saying(honest)) as server:
        check_verifier(judge(server, cache=tmp_path), SEVEN, right="It is 7", wrong="It is 8", max_seconds=60.0)
