"""What a judge takes: requests, tokens, money, and what a cache saves."""

import json
import pickle

import pytest

from tests.verifiers.judge_server import completion, honest, judge, saying, serving
from verifiers import Reference, Status
from verifiers.judge import JudgeVerifier, Usage

SEVEN = Reference("7")
TOLD = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}


def telling(usage, say=honest):
    """A `reply` that tells `usage`."""
    return lambda request, number: (200, completion(say(request["messages"])) | {"usage": usage}, {})


def test_tokens_and_requests_are_added_up():
    with serving(telling(TOLD)) as server:
        verifier = judge(server)
        assert verifier.usage == Usage()
        verifier.verify("7", SEVEN)
        verifier.verify_batch(["8", "9", "9", ""], [SEVEN] * 4)
    assert verifier.usage == Usage(requests=3, prompt_tokens=300, completion_tokens=30)


@pytest.mark.parametrize(
    "usage", [None, {}, [1], {"prompt_tokens": 7}, TOLD | {"prompt_tokens": -1}, TOLD | {"completion_tokens": True},
              TOLD | {"prompt_tokens": "9"}, TOLD | {"prompt_tokens": 1.5}]
)  # fmt: skip
def test_tokens_that_are_not_told_are_counted_as_that(usage):
    with serving(telling(usage)) as server:
        verifier = judge(server)
        assert verifier.verify("7", SEVEN).correct
    assert verifier.usage == Usage(requests=1, untold=1)


def test_a_reply_that_is_no_verdict_took_tokens_too():
    with serving(telling(TOLD, say=lambda messages: "yes")) as server:
        verifier = judge(server)
        assert verifier.verify("7", SEVEN).status is Status.ERROR
    assert verifier.usage == Usage(requests=1, prompt_tokens=100, completion_tokens=10)
    cut = (200, completion("{", "length") | {"usage": TOLD}, {})
    with serving(lambda request, number: cut) as server:
        verifier = judge(server)
        assert "cut off at max_tokens" in verifier.verify("7", SEVEN).feedback
    assert verifier.usage == Usage(requests=1, prompt_tokens=100, completion_tokens=10)


def test_further_tries_are_requests():
    def moody(request, number):
        return (503, "busy", {}) if number < 2 else telling(TOLD)(request, number)

    with serving(moody) as server:
        verifier = judge(server)
        assert verifier.verify("7", SEVEN).correct
    assert verifier.usage == Usage(requests=3, prompt_tokens=100, completion_tokens=10)
    with serving(lambda request, number: (503, "busy", {})) as server:
        verifier = judge(server)
        assert verifier.verify("7", SEVEN).status is Status.ERROR
    assert verifier.usage == Usage(requests=3)


def test_a_remembered_verdict_tells_what_it_took(tmp_path):
    with serving(telling(TOLD)) as server:
        first = judge(server, cache=tmp_path)
        first.verify_batch(["7", "8"], [SEVEN] * 2)
        again = judge(server, cache=tmp_path)
        again.verify_batch(["7", "8"], [SEVEN] * 2)
        assert len(server.requests) == 2
    assert again.usage == first.usage + Usage(remembered=2)
    assert again.usage - first.usage == Usage(remembered=2)


@pytest.mark.parametrize("usage", [None, 3, {"requests": 1}, {**Usage().record(), "requests": -1}])
def test_a_stored_verdict_without_its_usage_stands(tmp_path, usage):
    with serving(telling(TOLD)) as server:
        judge(server, cache=tmp_path).verify("7", SEVEN)
        (path,) = tmp_path.rglob("*.json")
        path.write_text(json.dumps(json.loads(path.read_text()) | {"usage": usage}))
        again = judge(server, cache=tmp_path)
        assert again.verify("7", SEVEN).correct
        assert len(server.requests) == 1
    assert again.usage == Usage(requests=1, untold=1, remembered=1)


def test_a_copy_goes_on_from_there():
    with serving(telling(TOLD)) as server:
        verifier = judge(server)
        verifier.verify("7", SEVEN)
        copy: JudgeVerifier = pickle.loads(pickle.dumps(verifier))
        copy.verify("8", SEVEN)
    assert (verifier.usage.requests, copy.usage.requests) == (1, 2)


def test_money():
    assert Usage(2, 3_000_000, 500_000).cost(prompt=0.5, completion=2.0) == 2.5
    assert Usage(2, 3_000_000, 500_000, untold=1).cost(0.5, 2.0) is None
    assert Usage().cost(0.5, 2.0) == 0.0


def test_silence_takes_a_request():
    with serving(saying(honest)) as server:
        url = server.url
    verifier = JudgeVerifier("m", url, seconds=5.0, retries=1, backoff=0.0)
    assert verifier.verify("7", SEVEN).status is Status.ERROR
    assert verifier.usage == Usage(requests=2)
