"""`reverify`: stored rollouts under another verifier."""

import gzip
import json

import pytest

from rlsd_env.cli.main import main
from tests.rlsd_env.cli.tasks import ME

SUMS = f"{ME}:clitest/Sums-v0"
ROWS = [  # the answers are 2, 3, 4
    {"task_id": "sum-0", "greedy": True, "response": "<answer>2</answer>", "extracted": "2", "status": "ok",
     "correct": True, "reward": 1.0},
    {"task_id": "sum-1", "greedy": False, "response": "<answer>4</answer>", "extracted": "4", "status": "ok",
     "correct": False, "reward": 0.0},
    {"task_id": "sum-2", "greedy": False, "response": "so \\boxed{4}", "extracted": None, "status": "no_answer",
     "correct": False, "reward": 0.0},
]  # fmt: skip


@pytest.fixture
def stored(tmp_path):
    path = tmp_path / "rollouts.jsonl"
    path.write_text("\n".join(map(json.dumps, ROWS)) + "\n")
    return path


def test_agreement_table_changed_rows_and_the_new_file(stored, tmp_path, capsys):
    out = tmp_path / "new.jsonl"
    assert main(["reverify", str(stored), "--env", SUMS, "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "agreement: 2 of 3 (66.7 %)\n" in shown
    assert (
        "accuracy  rows   before    after\nall          3   33.3 %   66.7 %\n"
        "greedy       1  100.0 %  100.0 %\nsampled      2    0.0 %   50.0 %\n"
    ) in shown
    assert "benchmark" not in shown
    assert (
        "           new right  new wrong\nold right          1          0\nold wrong          1          1\n" in shown
    )
    assert "line  task   new    status  extracted\n   3  sum-2  right  ok      '4'\n" in shown
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["correct"] for row in rows] == [True, False, True]
    assert [row["previous"]["correct"] for row in rows] == [True, False, False]
    assert rows[2] | {"previous": {}, "verifier_version": ""} == ROWS[2] | {
        "extracted": "4", "status": "ok", "correct": True, "reward": 1.0, "verifier": "answer",
        "verifier_version": "", "previous": {},
    }  # fmt: skip
    assert main(["reverify", str(stored), "--env", SUMS, "--out", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["reverify", str(out), "--env", SUMS]) == 0
    assert "agreement: 3 of 3 (100.0 %)" in capsys.readouterr().out


def test_another_verifier_with_arguments(stored, capsys):
    words = ["reverify", str(stored), "--env", SUMS, "--verifier", "zerobench", "--verifier-kwargs", "mode=official"]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "by zerobench, version official" in shown
    assert "agreement: 1 of 3" in shown  # the rule wants braces: only "\boxed{4}" has them
    assert main([*words, "--changed", "1"]) == 0
    assert ".. and 1 more changed\n" in capsys.readouterr().out


def test_a_verifiers_failure_is_not_a_disagreement(stored, capsys):
    words = ["reverify", str(stored), "--env", SUMS, "--verifier", "tests.rlsd_env.cli.test_reverify:Failing"]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "agreement: 0 of 0\n" in shown
    assert "not judged, for the verifier failed: 3\n" in shown


def Failing():
    from verifiers import Status, Verdict, Verifier

    class Timeout(Verifier):
        def verify(self, response, reference):
            return Verdict(0.0, False, None, Status.TIMEOUT)

    return Timeout()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task_id": "sum-9"}, "line 2: unknown task id 'sum-9'"),
        ({"response": None}, "line 2: response is None; it must be a text"),
        ({"greedy": "no"}, "line 2: greedy is 'no'; it must be true or false, or left out"),
        ({"correct": 1}, "line 2: correct is 1; it must be true or false"),
    ],
)
def test_bad_rows_are_named_by_line(change, message, tmp_path, capsys):
    path = tmp_path / "rollouts.jsonl.gz"
    with gzip.open(path, "wt") as file:
        file.write("\n".join(map(json.dumps, [ROWS[0], ROWS[1] | change])))
    assert main(["reverify", str(path), "--env", SUMS]) == 2
    assert f"{path}, {message}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"task_id": "sum-1", "correct": true}', "line 4: no column 'response'; it has task_id, correct"),
        ("[1]", "line 4: a JSON list; it must be an object"),
        ("{", "line 4: not JSON"),
    ],
)
def test_lines_that_are_no_rollouts(line, message, stored, capsys):
    stored.write_text(stored.read_text() + line)
    assert main(["reverify", str(stored), "--env", SUMS]) == 2
    assert message in capsys.readouterr().err


def test_a_missing_file_and_a_folder(tmp_path, capsys):
    assert main(["reverify", "nothing.jsonl", "--env", SUMS]) == 2
    assert "'nothing.jsonl' cannot be read" in capsys.readouterr().err
    assert main(["reverify", str(tmp_path), "--env", SUMS]) == 2
    assert f"is a folder; give a file in it, such as {tmp_path}/responses.jsonl" in capsys.readouterr().err


def test_a_benchmarks_own_numbers_are_those_of_the_greedy_rows(mathvision_dir, tmp_path, capsys):
    path = tmp_path / "rollouts.jsonl"
    rows = [  # the answer to 4 is 6, to 5 it is 61
        {"task_id": "4", "response": "\\boxed{6}", "correct": False},
        {"task_id": "4", "response": "\\boxed{7}", "correct": False},
        {"task_id": "5", "response": "\\boxed{nothing}", "correct": False},
    ]
    words = ["reverify", str(path), "--env", "rlsd/MathVision-testmini-v0", "--env-kwargs", f"path={mathvision_dir}"]
    for greedy, told in (
        ([{}, {}, {}], "need one response to a task, and some tasks have several here\n"),
        ([{"greedy": True}, {"greedy": False}, {"greedy": True}], "after, on 2 of 304 tasks:\naccuracy "),
    ):
        path.write_text("\n".join(json.dumps(row | more) for row, more in zip(rows, greedy)))
        assert main(words) == 0
        shown = capsys.readouterr().out
        assert f"the benchmark's own numbers{', ' if 'after' in told else ' '}{told}" in shown
    numbers = dict(line.split() for line in shown.partition("304 tasks:\n")[2].splitlines())
    assert numbers["accuracy"] == "0.500"


def test_pictures_are_not_decoded(mathvision_dir, tmp_path, monkeypatch):
    from rlsd_env.sources.pictures import Picture

    monkeypatch.setattr(Picture, "decode", lambda *arguments: pytest.fail("a picture was decoded"))
    path = tmp_path / "rollouts.jsonl"
    path.write_text(json.dumps({"task_id": "4", "response": "\\boxed{B}", "correct": False}))
    words = ["reverify", str(path), "--env", "rlsd/MathVision-testmini-v0", "--env-kwargs", f"path={mathvision_dir}"]
    assert main(words) == 0
