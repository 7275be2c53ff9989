"""A verifier in workers judges as it does here, except that it can neither hang nor crash the caller."""

import asyncio
import copy
import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest

import verifiers
from tests.verifiers.service.conftest import children, wait_until
from verifiers import (
    AnswerVerifier,
    BadReference,
    BrokenVerifierError,
    ExtractionPolicy,
    Reference,
    Status,
    Verdict,
    WeightedVerifier,
)
from verifiers.service import IsolatedVerifier, WorkerPool
from verifiers.testing import check_verifier

SEVEN = Reference("7", solution="3 + 4")
RESPONSES = ["<answer>7</answer>", "<answer>8</answer>", "", "<answer>7 or 8</answer>", "<answer>apple</answer>"]
REWARDS = [1.0, 0.0, 0.0, 0.0, 0.0]

MOODY = """
    import os, time
    from verifiers import BadReference, Status, Verdict, Verifier

    class Moody(Verifier):
        name = "moody"
        version = "2.5"

        def __init__(self, word="right"):
            self.word = word
            self.calls = 0

        def verify(self, response, reference):
            self.calls += 1
            if response == "hang":
                time.sleep(600)
            if response == "crash":
                raise ZeroDivisionError("by zero")
            if response == "die":
                os._exit(1)
            if response == "hoard":
                bytearray(10**12)
            if response == "none":
                return None
            if response == "print":
                print("to stdout")
            if reference.answer == "broken":
                raise BadReference("no such answer")
            right = response == self.word
            return Verdict(float(right), right, response, Status.OK, f"call {self.calls} in {os.getpid()}")

        def privileged(self, reference, level):
            return f"{level} from {os.getpid()}"

        def feedback(self, response, reference, verdict):
            return f"feedback from {os.getpid()}"

    THIS = Moody("this")
"""


@pytest.fixture
def moody(module):
    return module("moody_module", MOODY) + ":Moody"


@pytest.fixture(scope="module")
def answer():
    with IsolatedVerifier("answer") as made:
        yield made


def test_the_contract(answer):
    check_verifier(answer, SEVEN, right=RESPONSES[0], wrong=RESPONSES[1], max_seconds=60.0)


def test_the_verdicts_are_the_same_everywhere(answer):
    expected = AnswerVerifier().verify_batch(RESPONSES, [SEVEN] * 5)
    assert [verdict.reward for verdict in expected] == REWARDS

    assert [answer.verify(response, SEVEN) for response in RESPONSES] == expected
    assert answer.verify_batch(RESPONSES, [SEVEN] * 5) == expected
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda response: answer.verify(response, SEVEN), RESPONSES * 8)) == expected * 8

    async def fifty():
        return await asyncio.gather(*(answer.averify(response, SEVEN) for response in RESPONSES * 10))

    assert asyncio.run(fifty()) == expected * 10
    with WorkerPool(workers=1) as pool:
        outcome = pool.call("verifiers.service:IsolatedVerifier.verify_batch", answer, RESPONSES, [SEVEN] * 5)
        assert outcome.value == expected
        assert pool.call("tests.verifiers.service.jobs:children_now").value == 0


def test_every_verifier_can_be_awaited():
    async def both():
        return await asyncio.gather(*(AnswerVerifier().averify(response, SEVEN) for response in RESPONSES))

    assert [verdict.reward for verdict in asyncio.run(both())] == REWARDS


def test_a_hang_a_crash_and_a_death_are_no_wrong_answers(moody):
    responses = ["right", "hang", "crash", "die", "hoard", "print", "right"]
    with IsolatedVerifier(moody, seconds=0.5, memory_mb=512) as verifier:
        verdicts = verifier.verify_batch(responses, [SEVEN] * 7)
        with pytest.raises(BrokenVerifierError, match=r"Moody.verify returned None \(NoneType\)"):
            verifier.verify("none", SEVEN)
        assert verifier.stats()["timeouts"] == 1
        with pytest.raises(BadReference, match="no such answer"):
            verifier.verify("right", Reference("broken"))
        with pytest.raises(BadReference, match="no such answer"):
            verifier.verify_batch(["right"] * 3, [SEVEN, Reference("broken"), SEVEN])
        assert verifier.verify("right", SEVEN).correct
    assert [verdict.status.value for verdict in verdicts] == [
        "ok", "timeout", "error", "error", "error", "ok", "ok",
    ]  # fmt: skip
    assert verdicts[1] == Verdict(0.0, False, None, Status.TIMEOUT, "The verifier ran out of time: its limit is 0.5 s.")
    assert verdicts[2] == Verdict(0.0, False, None, Status.ERROR, "The verifier failed: ZeroDivisionError: by zero")
    assert "exited with code 1" in verdicts[3].feedback
    assert "memory_mb=512" in verdicts[4].feedback
    assert [verdicts[i].reward for i in (0, 5, 6)] == [1.0, 0.0, 1.0]


def test_it_is_made_once_in_each_worker_and_reused(moody):
    with IsolatedVerifier(moody, workers=1) as verifier:
        texts = [verdict.feedback for verdict in verifier.verify_batch(["a"] * 3, [SEVEN] * 3)]
    assert [text.split(" in ")[0] for text in texts] == ["call 1", "call 2", "call 3"]


def test_it_goes_by_the_inner_name_and_arguments(moody):
    with IsolatedVerifier(moody, workers=1, word="left") as verifier:
        assert (verifier.name, verifier.version) == ("moody", "2.5")
        assert [verifier.verify(word, SEVEN).correct for word in ("right", "left")] == [False, True]
    with IsolatedVerifier("moody_module:THIS", workers=1) as verifier:
        assert verifier.verify("this", SEVEN).correct


def test_privileged_and_feedback_come_from_this_process(moody):
    verifier = IsolatedVerifier(moody)
    assert verifier.privileged(SEVEN, "answer") == f"answer from {os.getpid()}"
    assert verifier.feedback("", SEVEN, Verdict(0.0, False, None, Status.OK)) == f"feedback from {os.getpid()}"
    with pytest.raises(ValueError, match="level is 'x'"):
        IsolatedVerifier("answer").privileged(SEVEN, "x")


def test_objects_and_names_that_only_this_process_knows(monkeypatch):
    weighted = WeightedVerifier({"accuracy": (AnswerVerifier(ExtractionPolicy()), 0.5)})
    with IsolatedVerifier(weighted, workers=1) as verifier:
        assert verifier.verify(RESPONSES[0], SEVEN).reward == 0.5
    monkeypatch.setattr("verifiers.registry._FACTORIES", {"mine": lambda: weighted})
    assert verifiers.names() == ("mine",)
    with IsolatedVerifier("mine", workers=1) as verifier:
        assert verifier.verify(RESPONSES[0], SEVEN).reward == 0.5


def test_it_can_be_copied_and_pickled(answer):
    with pickle.loads(pickle.dumps(answer)) as other, copy.deepcopy(answer) as third:
        assert [made.verify(RESPONSES[0], SEVEN).reward for made in (other, third, answer)] == [1.0] * 3
    assert answer.verify(RESPONSES[0], SEVEN).correct


class Unpicklable(AnswerVerifier):
    def __init__(self):
        super().__init__()
        self.function = lambda: 1


def test_what_cannot_be_sent_to_a_worker_is_refused():
    with pytest.raises(TypeError, match=r"Unpicklable object.*cannot be sent to a worker process.*cannot be pickled"):
        IsolatedVerifier(Unpicklable())
    with IsolatedVerifier(f"{__name__}:Unpicklable", workers=1) as verifier:
        assert verifier.verify(RESPONSES[0], SEVEN).correct
    with pytest.raises(ValueError, match=r"no verifier is called 'anwser'.*did you mean 'answer'"):
        IsolatedVerifier("anwser")
    with pytest.raises(ValueError, match="1 responses but 2 references"):
        IsolatedVerifier("answer").verify_batch([""], [SEVEN] * 2)


def test_an_item_that_cannot_be_sent_is_an_error_of_that_item(answer):
    odd = Reference("7", extras={"function": lambda: 1})
    good, bad = answer.verify_batch([RESPONSES[0]] * 2, [SEVEN, odd])
    assert good.correct
    assert bad.status is Status.ERROR
    assert "cannot be pickled" in bad.feedback


MAIN = """
    from verifiers import AnswerVerifier, Reference
    from verifiers.service import IsolatedVerifier

    class Mine(AnswerVerifier):
        pass

    for given in (Mine(), "__main__:Mine"):
        try:
            IsolatedVerifier(given)
        except TypeError as error:
            print("lives in __main__" in str(error), "move it to a module of its own" in str(error))
    print(IsolatedVerifier("answer").verify("<answer>7</answer>", Reference("7")).reward)
"""


def test_a_class_of_the_script_itself_is_refused_with_the_fix(script):
    assert script(MAIN).communicate(timeout=120) == ("True True\nTrue True\n1.0\n", "")


def test_ray(answer, monkeypatch):
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # else Ray writes a token into the home folder
    ray.init(address="local", num_cpus=1, include_dashboard=False)
    try:
        verify = ray.remote(lambda verifier: verifier.verify(RESPONSES[0], SEVEN).reward)
        assert ray.get(verify.remote(answer), timeout=600) == 1.0
    finally:
        ray.shutdown()


def test_a_dropped_verifier_ends_its_workers():
    before = set(children(os.getpid()))
    verifier = IsolatedVerifier("answer", workers=1)
    verifier.verify("", SEVEN)
    assert set(children(os.getpid())) > before
    del verifier
    assert wait_until(lambda: set(children(os.getpid())) <= before)
