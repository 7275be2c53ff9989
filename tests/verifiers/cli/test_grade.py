"""`grade`, in this process: every row, in order, with its verdict; what cannot be judged is said and counted."""

import gzip
import json
import multiprocessing
import os

import pytest

from verifiers import AnswerVerifier, BadReference, Reference, Status, Verdict, Verifier
from verifiers.cli.main import main

HERE = "tests.verifiers.cli.test_grade"


class Wild(Verifier):
    """Fails in the way that the response names."""

    def verify(self, response, reference):
        if response == "crash":
            raise ZeroDivisionError("by zero")
        if response == "bad":
            raise BadReference("no such answer")
        failed = Status(response) if response in ("timeout", "error") else Status.OK
        return Verdict(0.5, False, response, failed, f"said {response}", method="wild")


class Deadly(AnswerVerifier):
    """Takes its process with it."""

    def verify(self, response, reference):
        if response == "die" and multiprocessing.parent_process() is not None:
            os._exit(3)
        return super().verify(response, reference)


class Bench(AnswerVerifier):
    """A benchmark of its own columns."""

    version = "b1"

    def __init__(self, mode="strict"):
        super().__init__()
        if mode not in ("official", "strict"):
            raise ValueError(f"mode is {mode!r}; it must be 'official' or 'strict'")
        self.mode = mode

    def reference(self, row):
        return Reference(row["solution"], precision=row.get("decimals"))

    def response(self, row):
        return f"<answer>{row['output']}</answer>"

    def metrics(self, rows, verdicts):
        if rows[0].get("no_metrics"):
            raise KeyError("no_metrics")
        right = sum(verdict.correct for verdict in verdicts)
        return {"n": float(len(rows)), "name": "b", self.mode: {"accuracy": right / len(rows)}}


@pytest.fixture
def graded(tmp_path, capsys):
    """Grade rows (dictionaries, or lines as bytes) and return exit code, written rows and printed summary."""

    def run(rows, *options):
        lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
        (tmp_path / "in.jsonl").write_bytes(b"\n".join(lines))
        code = main(["grade", str(tmp_path / "in.jsonl"), "--out", str(tmp_path / "out.jsonl"), *options])
        captured = capsys.readouterr()
        assert captured.err == ""
        written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("ascii").splitlines()]
        return code, written, captured.out

    return run


def pick(rows, *names):
    return [tuple(row[name] for name in names) for row in rows]


def test_every_row_in_order_with_its_verdict(graded):
    code, rows, _ = graded([
        {"id": "a", "gold": "7", "prediction": "7"},
        {"id": "b", "gold": "7", "prediction": "8", "note": [1]},
        {"id": "c", "gold": "7", "prediction": r"so it is \boxed{7}."},
        {"id": "d", "gold": "7", "prediction": "<think> 7 </think>"},
        {"id": "e", "gold": "7", "prediction": None},
        {"id": "f", "gold": 7, "prediction": 7},
        {"id": "g", "gold": ["1", 7], "prediction": "7"},
        {"id": "h", "gold": "B", "options": ["x", "y"], "prediction": "y"},
        {"id": "i", "gold": "7", "prediction": "\\boxed{7} or \\boxed{8}"},
    ])  # fmt: skip
    assert code == 0
    assert pick(rows, "id", "correct", "reward", "status") == [
        ("a", True, 1.0, "ok"),
        ("b", False, 0.0, "ok"),
        ("c", True, 1.0, "ok"),
        ("d", False, 0.0, "no_answer"),
        ("e", False, 0.0, "no_answer"),
        ("f", True, 1.0, "ok"),
        ("g", True, 1.0, "ok"),
        ("h", True, 1.0, "ok"),
        ("i", False, 0.0, "ambiguous"),
    ]
    assert pick(rows[:4], "extracted", "method") == [
        ("7", "conclusion"),
        ("8", "conclusion"),
        ("7", "boxed"),
        (None, ""),
    ]
    assert rows[1]["note"] == [1]
    assert all(row["seconds"] >= 0 and "error" not in row for row in rows)


def test_a_short_answer_of_several_lines_is_one_answer(graded):
    row = {"gold": "7", "prediction": "6\n7"}
    _, rows, _ = graded([row | {"kind": "response"}, row | {"kind": "answer"}])
    assert pick(rows, "correct", "extracted") == [(True, "7"), (False, "6 7")]


def test_what_is_no_answer_is_not_rewarded_and_said(graded):
    _, rows, summary = graded([{"gold": "42", "prediction": value} for value in (["42"], {}, True)])
    assert {(row["correct"], row["reward"], row["status"]) for row in rows} == {(False, 0.0, "unparsable")}
    assert rows[0]["error"] == "the prediction is a list, neither a text nor a number"
    assert "status unparsable  3" in summary


def test_numbers_that_python_does_not_convert(tmp_path):
    huge = "9" * 5_000
    (tmp_path / "in.jsonl").write_text(
        f'{{"gold": 42, "prediction": {huge}}}\n{{"gold": {huge}, "prediction": "{huge}"}}\n'
        '{"gold": "42", "prediction": 5000, "prediction_type": "int_pow10"}\n'
    )
    assert main(["grade", str(tmp_path / "in.jsonl"), "--out", str(tmp_path / "out.jsonl")]) == 0
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert lines[0].startswith(f'{{"gold": 42, "prediction": {huge}, "correct": false, "reward": 0.0,')
    assert '"correct": true' in lines[1]
    assert '"correct": false' in lines[2]


def test_text_that_is_no_unicode_survives(graded):
    _, rows, _ = graded([{"gold": "42", "prediction": "\\boxed{\udcff}"}, {"gold": "42", "prediction": "4\u00002"}])
    assert pick(rows, "prediction", "correct") == [("\\boxed{\udcff}", False), ("4\u00002", False)]
    assert rows[0]["extracted"] == "\udcff"


def test_a_described_prediction_is_judged_and_not_written_out(graded):
    parts = [["lit", "\\boxed{"], ["rep", "1", 1_000_000], ["lit", "}"]]
    _, rows, _ = graded([{"gold": "7", "prediction_gen": parts}, {"gold": "77", "prediction_gen": [["rep", "7", 2]]}])
    assert pick(rows, "correct") == [(False,), (True,)]
    assert rows[0]["prediction_gen"] == parts
    assert rows[0]["extracted"] == "1" * 10_000 + "… [200000 characters]"


def test_bad_golds_are_counted_and_no_answers(graded):
    code, rows, summary = graded(
        [{"gold": "", "prediction": ""}, {"gold": "E", "choices": ["x"], "prediction": None}, {"prediction": "7"}]
    )
    assert code == 0
    assert {(row["status"], row["reward"], row["correct"], row["extracted"]) for row in rows} == {
        ("bad_gold", 0.0, False, None)
    }
    assert rows[0]["error"] == "the reference answer is ''; it must be a non-empty string"
    assert "neither a letter" in rows[1]["error"]
    assert "status bad_gold  3" in summary
    assert "line 1           bad_gold: the reference answer is ''" in summary


def test_a_broken_line_is_a_row_of_its_own(graded):
    code, rows, summary = graded([{"gold": "7", "prediction": "7"}, b'{"gold": ', b"", {"gold": 7, "prediction": "7"}])
    assert code == 1
    assert pick(rows, "correct", "status") == [(True, "ok"), (False, "bad_row"), (True, "ok")]
    assert rows[1]["line"] == 2
    assert rows[1]["error"].startswith("the line is not JSON")
    assert "line 2          bad_row: the line is not JSON" in summary
    for depth in (600, 100_000):  # which json can read and which it cannot
        code, rows, _ = graded([b'{"gold": "7", "prediction": ' + b"[" * depth + b"]" * depth + b"}"])
        assert (code, pick(rows, "line", "error")) == (1, [(1, "the line is nested too deeply")])
    code, rows, _ = graded([{"id": "x", "gold": "7"}, {"gold": "7", "prediction": "7", "precision": "two"}])
    assert (code, pick(rows, "status")) == (1, [("bad_row",), ("bad_row",)])
    assert rows[0]["id"] == "x"


def test_results_of_an_earlier_run_are_replaced(graded):
    _, rows, _ = graded([{"gold": "7", "prediction": "7", "correct": False, "error": "x", "status": "old"}])
    assert rows == [
        {"gold": "7", "prediction": "7", "correct": True, "reward": 1.0, "status": "ok", "extracted": "7",
         "method": "conclusion", "seconds": rows[0]["seconds"]}
    ]  # fmt: skip


def test_a_failing_verifier_is_said_row_by_row(graded):
    names = ["crash", "bad", "timeout", "error", "fine"]
    code, rows, summary = graded([{"gold": "7", "prediction": name} for name in names], "--verifier", f"{HERE}:Wild")
    assert code == 1
    assert pick(rows, "status", "reward", "method") == [
        ("error", 0.0, ""),
        ("bad_gold", 0.0, ""),
        ("timeout", 0.5, "wild"),
        ("error", 0.5, "wild"),
        ("ok", 0.5, "wild"),
    ]
    assert [row.get("error") for row in rows] == [
        "the verifier failed: ZeroDivisionError: by zero", "no such answer", "said timeout", "said error", None,
    ]  # fmt: skip
    assert "mean reward      0.3000" in summary


def test_a_verifier_of_answers_alone_is_never_asked_about_nothing(graded):
    """`length` would reward an empty response; null is not one."""
    _, rows, _ = graded([{"gold": "7", "prediction": value} for value in (None, [], "")], "--verifier", f"{HERE}:Wild")
    assert pick(rows, "reward", "status") == [(0.0, "no_answer"), (0.0, "unparsable"), (0.5, "ok")]


ROWS = [{"id": i, "gold": str(i), "prediction": str(i if i % 3 else -1)} for i in range(100)]


def test_workers_say_what_one_process_says(graded):
    alone, together = graded(ROWS)[1], graded([*ROWS, b"{"], "--workers", "2")
    for rows in (alone, together[1]):
        for row in rows:
            del row["seconds"]
    assert together[1][:-1] == alone
    assert (together[0], together[1][-1]["status"]) == (1, "bad_row")


def test_a_worker_that_dies_is_said(tmp_path, capsys):
    path = tmp_path / "in.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in [*ROWS, {"gold": "7", "prediction": "die"}]))
    assert main(["grade", str(path), "--verifier", f"{HERE}:Deadly", "--workers", "2"]) == 1
    assert capsys.readouterr().err.startswith("error: a worker process died; with --workers 1, the last row")


def test_a_benchmark_reads_its_own_columns(graded):
    rows = [
        {"solution": "1.234", "output": "1.2", "decimals": 1, "n": 10**20},
        {"solution": "7", "output": 8},
        {"output": "7"},
        {"solution": "", "output": "7"},
        {"solution": "7"},
    ]
    for workers in ("1", "2"):
        code, written, summary = graded(rows, "--verifier", f"{HERE}:Bench", "--mode", "official", "--workers", workers)
        assert code == 1
        assert pick(written, "correct", "status") == [
            (True, "ok"), (False, "ok"), (False, "bad_gold"), (False, "bad_gold"), (False, "bad_row"),
        ]  # fmt: skip
        assert written[2]["error"] == "KeyError: 'solution'"
        assert "verifier                  answer, version b1, mode official" in summary
        assert "metric n                  2\n" in summary
        assert "metric name               b\n" in summary
        assert "metric official.accuracy  0.5000\n" in summary


def test_failing_metrics_are_said_after_the_summary(tmp_path, capsys):
    (tmp_path / "in.jsonl").write_text('{"solution": "7", "output": "7", "no_metrics": 1}')
    assert main(["grade", str(tmp_path / "in.jsonl"), "--verifier", f"{HERE}:Bench"]) == 1
    captured = capsys.readouterr()
    assert "correct    1 (100.0 %)" in captured.out
    assert captured.err == "error: the metrics of 'answer' failed: KeyError: 'no_metrics'\n"


def test_where_rows_and_summary_go(tmp_path, capsys):
    path = tmp_path / "in.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"gold": "7", "prediction": "7"}\n'))
    assert main(["grade", str(path)]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("verifier   answer, version")
    assert main(["grade", str(path), "--out", "-"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["correct"] is True
    assert captured.err.startswith("verifier   answer, version")
    options = ["--out", str(tmp_path / "o.gz"), "--summary-json", str(tmp_path / "s.json")]
    assert main(["grade", str(path), *options]) == 0
    assert json.loads(gzip.decompress((tmp_path / "o.gz").read_bytes()))["correct"] is True
    assert json.loads((tmp_path / "s.json").read_text())["rows"] == 1
