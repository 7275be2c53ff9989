"""The command line itself: words, exit codes, one line for what a user got wrong."""

import json
import subprocess
import sys

import pytest

from tests.conftest import DATA, ROOT
from verifiers.cli.main import main


def command(*words, **options):
    return subprocess.run(
        [sys.executable, "-m", "verifiers", *words], capture_output=True, text=True, cwd=ROOT, timeout=60, **options
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["judge"], "invalid choice: 'judge' (choose from 'grade', 'explain')"),
        (["grade"], "the following arguments are required: FILE; see python -m verifiers grade --help"),
        (["grade", "nothing.jsonl"], "there is no file 'nothing.jsonl'"),
        (["grade", "FILE", "--worker", "2"], "unrecognized arguments: --worker 2"),
        (["grade", "FILE", "--workers", "0"], "argument --workers: invalid integer of 1 or more value: '0'"),
        (["grade", "FILE", "--errors", "-1"], "argument --errors: invalid integer of 0 or more value: '-1'"),
        (["grade", "FILE", "--mode", "strict"], "--mode strict is for a verifier that has modes"),
        (["grade", "FILE", "--verifier", "relaxed", "--mode", "strict"], "verifier 'relaxed' has no modes; leave out"),
        (["grade", "FILE", "--verifier", "anwser"], "did you mean 'answer'?"),
        (["grade", "FILE", "--verifier", "no.such:Thing"], "there is no module 'no.such'"),
        (["grade", "FILE", "--verifier", "verifiers:Reference"], "verifier 'verifiers:Reference' cannot be made"),
        (
            ["grade", "FILE", "--verifier", "tests.verifiers.cli.test_grade:Bench", "--mode", "lax"],
            "mode is 'lax'; it must be 'official' or 'strict'",
        ),
        (["grade", "FILE", "--out", "FILE"], "is the file that is read; write to another one"),
        (["grade", "FILE", "--out", "no/such/folder.jsonl"], "'no/such/folder.jsonl' cannot be written: it is a"),
        (["grade", "FILE", "--summary-json", "/"], "'/' cannot be written: it is a folder"),
        (["grade", "FILE", "--out", "/dev/null/x"], "'/dev/null/x' cannot be written"),
        (
            ["explain", "7", "7", "--knd", "x"],
            "unrecognized arguments: --knd x; see python -m verifiers explain --help",
        ),
        (["explain", "7"], "the following arguments are required: PREDICTION"),
        (["explain", "", "7"], "the reference answer is ''; it must be a non-empty string"),
        (["explain", "C", "7", "--choices", "x", "y"], "'C' is neither a letter from A to B nor"),
        (["explain", "7", "7", "--kind", "sum"], "argument --kind: invalid choice: 'sum'"),
        (["explain", "7", "7", "--precision", "x"], "invalid integer of 0 or more value: 'x'"),
    ],
)
def test_what_a_user_got_wrong_is_one_line(words, message, tmp_path, capsys):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"gold": "7", "prediction": "7"}\n')
    assert main([str(path) if word == "FILE" else word for word in words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert path.read_text() == '{"gold": "7", "prediction": "7"}\n'


def test_through_the_shell(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"gold": "7", "prediction": "é 7"}\n{"gold": "7", "prediction": 7}\n')
    done = command("grade", str(tmp_path / "rows.jsonl"), "--out", "-", "--workers", "2")
    assert done.returncode == 0
    assert [json.loads(line)["correct"] for line in done.stdout.splitlines()] == [False, True]
    assert "correct            1 (50.0 %)" in done.stderr
    missing = command("grade", "nothing.jsonl")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert missing.stderr == "error: there is no file 'nothing.jsonl'\n"


def test_help_says_what_a_row_is():
    done = command("grade", "--help")
    assert done.returncode == 0
    for word in ("gold", "prediction_gen", "expected", "bad_gold", "--summary-json", "Exit code"):
        assert word in done.stdout


def test_a_reader_may_stop_early(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"gold": "7", "prediction": "7"}\n' * 5_000)
    line = f"'{sys.executable}' -m verifiers grade '{tmp_path}/rows.jsonl' --out - | head -n 1"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert json.loads(done.stdout)["correct"] is True
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_it_starts_quickly():
    code = (
        "import sys, time; from verifiers.cli.main import main; main(['explain', '7', '7']);"
        "print(time.process_time(), *sys.modules)"
    )
    seconds = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
        spent, *modules = done.stdout.splitlines()[-1].split()
        seconds.append(float(spent))  # of the process itself: 0.15 s where it has a processor to itself
        assert not {"sympy", "numpy", "pint", "multiprocessing", "asyncio"} & set(modules)
    assert min(seconds) < 1.0


def test_the_hostile_rows(tmp_path):
    path = DATA / "verifiers" / "dev_hostile.jsonl"
    if not path.exists():
        pytest.skip("no ../shared/data/verifiers/dev_hostile.jsonl")
    out, summary = tmp_path / "out.jsonl", tmp_path / "summary.json"
    assert main(["grade", str(path), "--out", str(out), "--summary-json", str(summary)]) == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["id"] for row in rows] == [json.loads(line)["id"] for line in path.read_text("utf-8").splitlines()]
    assert not [row["id"] for row in rows if row["expected"] is False and (row["correct"] or row["reward"])]
    assert json.loads(summary.read_text())["statuses"].get("error", 0) == 0
