"""Sources and verifiers of the user's own that keep no contract: refused before anything is trained, or told of."""

from __future__ import annotations

import re
import textwrap

import pytest

from tests.agents.commands import SMALL, call

TASKS = '''
import zlib
import numpy as np
import rlsd_env
from rlsd_env import Item, Privileged, Task, TaskSource
from verifiers import AnswerKind, AnswerVerifier, Reference, Status, Verdict, Verifier


class Sums(TaskSource):
    def __len__(self):
        return 40

    def item(self, index):
        reference = Reference(str(index % 8), AnswerKind.INTEGER)
        return Item(Task(f"sum-{index}", f"{index % 8} + 0 = ?", kind=AnswerKind.INTEGER), Privileged(reference))

    def index_of(self, task_id):
        return int(task_id.removeprefix("sum-"))

    def fold(self, name):
        return {"all": range(40), "train": range(20), "tuning": range(20, 24), "heldout": range(24, 40)}[name]


class OneFold(Sums):
    def fold(self, name):
        return {"train": range(10)}[name]


class Overlap(Sums):
    def fold(self, name):
        return range(10)


class Unseeded(Sums):
    def item(self, index):
        picture = np.random.default_rng().integers(0, 255, (8, 8, 3)).astype("uint8")
        item = super().item(index)
        return Item(Task(item.task.id, "<image>?", images=(picture,)), item.privileged)


class NoIndex(TaskSource):
    __len__, item, fold = Sums.__len__, Sums.item, Sums.fold


class OnlyNumbers(Verifier):
    def verify(self, response, reference):
        answer = response.rpartition("<answer>")[2].partition("</answer>")[0]
        if not answer:
            return Verdict(0.0, False, None, Status.NO_ANSWER, "no answer")
        right = int(answer) == int(reference.answer)
        return Verdict(float(right), right, answer, Status.OK, "" if right else "wrong")


class NeverRight(Verifier):
    def verify(self, response, reference):
        return Verdict(0.0, False, None, Status.NO_ANSWER, "no answer")


class Moody(Verifier):
    """Pays half for every answer, and fails on about half of what a policy says, which is longer than a bare answer."""

    def verify(self, response, reference):
        if len(response) > 30 and zlib.crc32(response.encode()) % 2:
            raise RuntimeError("not today")
        right = f">{reference.answer}<" in response
        reward = 1.0 if right else 0.5 if response else 0.0
        return Verdict(reward, right, response[-9:], Status.OK, "" if right else "no")


for source in (Sums, OneFold, Overlap, Unseeded, NoIndex):
    rlsd_env.register(f"mine/{source.__name__}-v0", source=f"unsound_tasks:{source.__name__}")
'''


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "unsound_tasks.py").write_text(TASKS)
    return tmp_path


def refused(folder, name, verifier=None):
    kwargs = ["--env-kwargs", f"verifier=unsound_tasks:{verifier}"] if verifier else []
    done = call("agents.train", "--env", f"unsound_tasks:mine/{name}-v0", *kwargs, "--out", "out", *SMALL, cwd=folder,
        check=False)  # fmt: skip
    assert done.returncode == 2, done.stdout + done.stderr
    assert not (folder / "out").exists()
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("OneFold", r"OneFold: fold\('all'\) raises KeyError: 'all'; there must be all, train, tuning, heldout; "),
        (
            "Overlap",
            "Overlap: task number 0 is in both folds, train and tuning; .* validate unsound_tasks:mine/Overlap-v0 ",
        ),
        ("Unseeded", r"item\(0\) has another images when it is asked for again; .*default_rng\(\[SEED, index\]\)"),
        ("NoIndex", "'unsound_tasks:NoIndex' has no index_of; a TaskSource needs __len__, item, index_of and fold"),
    ],
)
def test_a_source_that_keeps_no_contract(folder, source, told):
    assert re.search(told, refused(folder, source))


def test_a_verifier_that_fails_on_an_odd_answer(folder):
    told = refused(folder, "Sums", "OnlyNumbers")
    assert told.startswith("error: on the response '<answer>-1.5</answer>' to task 'sum-0': The verifier failed: ")
    assert "ValueError: invalid literal for int()" in told


def test_a_right_answer_that_scores_nothing_is_told_of(folder, caplog):
    kwargs = ["--env-kwargs", "verifier=unsound_tasks:NeverRight"]
    done = call("agents.train", "--env", "unsound_tasks:mine/Sums-v0", *kwargs,
        "--agent", "grpo", "--out", "out", *SMALL, cwd=folder)  # fmt: skip
    told = "the right answer '<answer>0</answer>' to task 'sum-0' scores 0 (status no_answer, extracted None)"
    assert any(message.startswith(told) for message in caplog.messages)
    assert "warning: nothing was learned" in done.stdout
    command = "python -m rlsd_env validate unsound_tasks:mine/Sums-v0 --env-kwargs verifier=unsound_tasks:NeverRight"
    assert f"; {command} tells whether" in done.stdout
    assert any(message.endswith(f"; {command} tells more") for message in caplog.messages)


def test_what_a_failing_verifier_leaves_out_is_said_wherever_accuracies_are(folder):
    env = ["--env", "unsound_tasks:mine/Sums-v0", "--env-kwargs", "verifier=unsound_tasks:Moody", "grading_workers=0"]
    done = call("agents.train", *env, "--agent", "grpo", "--out", "one", *SMALL, cwd=folder)
    trained = done.stdout
    assert (
        len(
            re.findall(
                r"^grpo, seed 0, step \d: the verifier or environment failed on .*% of the attempts", done.stderr, re.M
            )
        )
        == 1
    )
    assert re.search(r"^reward of the sampled responses to held-out tasks, .*: 0\.\d+$", trained, re.M)
    share = r"the verifier or environment failed on (\d+\.\d)% of "
    of = r"the sampled responses to held-out tasks, .*: of those judged (\S+) were right, of all (\S+)\n"
    told = re.search(share + of, trained)
    failed, judged, whole = map(float, told.groups())
    assert 0 < failed < 100
    assert whole == pytest.approx(judged * (1 - failed / 100), abs=2e-3)
    assert re.search(share + "the training attempts", trained)

    evaluated = call("agents.evaluate", *env, "--limit", "8", "--samples", "2", cwd=folder).stdout
    assert re.search(share + "the sampled responses, ", evaluated)
    assert re.search(r"│ reward +│ +0\.\d+ │", evaluated)  # half for every answer: another number than the accuracy

    compared = call(
        "agents.compare", *env, "--agents", "grpo", "--seeds", "0", "--out", "two", *SMALL, cwd=folder
    ).stdout
    assert re.search(share + "grpo's responses to these tasks", compared)
    assert re.search(share + "grpo's attempts in training", compared)
    assert "not judged %" in " ".join(compared.split())


def test_a_run_that_did_nothing_leaves_its_folder_to_the_next(folder):
    (folder / "unwritten.py").write_text(
        textwrap.dedent(
            """
            from dataclasses import dataclass
            from typing import ClassVar
            from agents import Algorithm

            @dataclass(frozen=True)
            class Fails(Algorithm):
                name: ClassVar[str] = "fails"

                def contexts(self, step, state):
                    raise RuntimeError("not yet written")
            """
        )
    )
    argv = ["--out", "out", *SMALL]
    failed = call("agents.train", "--agent", "unwritten:Fails", *argv, cwd=folder, check=False)
    assert failed.returncode == 1
    assert "not yet written" in failed.stderr
    assert (folder / "out" / "config.toml").exists()
    call("agents.train", "--agent", "grpo", *argv, cwd=folder)
    assert 'agent = "grpo"' in (folder / "out" / "config.toml").read_text()
    again = call("agents.train", "--agent", "grpo", *argv, cwd=folder, check=False)
    assert (again.returncode, again.stderr.splitlines()[-1]) == (
        2,
        "error: out 'out' holds a run already; pass --resume to continue it, or another --out",
    )
