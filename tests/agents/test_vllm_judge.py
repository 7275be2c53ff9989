"""A judge behind a real vLLM server: the bundled model, which writes no verdicts. `make test-vllm`."""

from __future__ import annotations

import importlib.util
import time

import pytest

from agents.bundled import TINY
from tests.agents.commands import call
from tests.agents.vllm_serving import serving
from verifiers import Reference, Status
from verifiers.judge import JudgeVerifier, Usage

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("vllm") is None, reason="vLLM is not installed; make test-vllm installs it"
)

FOUR = Reference("4")


def judge(url, **options):
    return JudgeVerifier(str(TINY), url, **{"max_tokens": 16, "seconds": 120.0} | options)


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    log = tmp_path_factory.mktemp("server") / "log"
    with serving(TINY, log) as (address, process):
        for _ in range(300):
            found = judge(f"{address}/v1", retries=0).verify("The answer is 4", FOUR)
            if "cannot be asked" not in found.feedback:
                break
            if process.poll() is not None:
                break
            time.sleep(1)
        assert process.poll() is None, log.read_text()[-3000:]
        assert "cannot be asked" not in found.feedback, log.read_text()[-3000:]
        yield f"{address}/v1"


def test_what_is_no_verdict_is_no_reward_and_its_tokens_are_told(url, tmp_path):
    verifier = judge(url, cache=tmp_path, extra={"seed": 1})
    found = verifier.verify("The answer is 4", FOUR)
    assert (found.status, found.reward, found.correct) == (Status.ERROR, 0.0, False)
    assert "must be" in found.feedback or "cut off at max_tokens" in found.feedback
    used = verifier.usage
    assert (used.requests, used.untold, used.remembered) == (1, 0, 0)
    assert 100 < used.prompt_tokens < 4000
    assert 1 <= used.completion_tokens <= 16
    assert not list(tmp_path.rglob("*.json"))


def test_a_batch_is_asked_and_counted_one_by_one(url):
    verifier = judge(url, max_concurrency=4)
    found = verifier.verify_batch([f"The answer is {number}" for number in range(4)] * 2, [FOUR] * 8)
    assert [one.status for one in found] == [Status.ERROR] * 8
    assert verifier.usage.requests == 4
    assert verifier.usage.untold == 0


def test_what_the_server_refuses_is_told(url):
    stranger = JudgeVerifier("no/such-model", url)
    assert "HTTP 404" in stranger.verify("The answer is 4", FOUR).feedback
    assert stranger.usage == Usage(requests=1)
    too_long = judge(url, max_chars=100_000).verify("4 is not 5, " * 2_000, FOUR)
    assert "HTTP 400" in too_long.feedback


def test_an_evaluation_refuses_a_judge_that_gives_no_verdict(url):
    argv = ["--judge", TINY, "--judge-url", url, "--judge-kwargs", "max_tokens=16", "retries=0"]
    done = call("agents.evaluate", *argv, check=False)
    assert done.returncode == 2
    assert "is of no use" in done.stderr
