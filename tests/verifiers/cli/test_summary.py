"""What a run comes to, in numbers and in words."""

import json

import pytest

from verifiers.cli.main import main
from verifiers.cli.summary import quantile

ROWS = [
    {"id": "a", "category": "x", "expected": True, "gold": "7", "prediction": "7"},
    {"id": "b", "category": "x", "expected": False, "gold": "7", "prediction": "7"},
    {"id": "c", "category": "x", "expected": True, "gold": "7", "prediction": "It is\x1b[31m\n" + "8" * 99},
    {"id": "d", "category": "y", "expected": None, "gold": "7", "prediction": "7"},
    {"id": "e", "category": "y", "expected": False, "gold": "7", "prediction": None},
    {"id": "f", "category": "y", "expected": False, "gold": "", "prediction": "7"},
    {"id": "g", "gold": "7", "prediction": "7", "kind": "sum"},
    {"id": "h", "category": "y", "expected": True, "gold": "7", "prediction": ["7"]},
]


@pytest.fixture
def summary(tmp_path, capsys):
    def run(rows, *options):
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        assert main(["grade", str(path), "--summary-json", str(tmp_path / "s.json"), *options]) == 0
        return capsys.readouterr().out, json.loads((tmp_path / "s.json").read_text())

    return run


def test_agreement_with_labels(summary):
    text, data = summary(ROWS, "--errors", "2")
    assert (data["rows"], data["correct"], data["accuracy"]) == (8, 4, 0.5)
    assert data["statuses"] == {"ok": 5, "no_answer": 1, "bad_gold": 1, "unparsable": 1}
    agreement = data["agreement"]
    assert {name: agreement[name] for name in ("rows", "undecided", "agree")} == {"rows": 7, "undecided": 1, "agree": 3}
    assert (agreement["false_positives"], agreement["false_negatives"]) == (1, 2)
    assert agreement["by_category"] == {
        "x": {"rows": 3, "undecided": 0, "agree": 1, "false_positives": 1, "false_negatives": 1},
        "y": {"rows": 4, "undecided": 1, "agree": 2, "false_positives": 0, "false_negatives": 1},
    }
    assert "agreement          3 of 6 (50.0 %), 1 false positives, 2 false negatives, 1 undecided" in text
    assert "  x                1 of 3 (33.3 %), 1 false positives, 1 false negatives\n" in text


def test_the_first_disagreements_are_named(summary):
    text, data = summary(ROWS, "--errors", "2")
    assert [row["id"] for row in data["agreement"]["errors"]] == ["b", "c"]
    lines = [line for line in text.splitlines() if line.startswith("error ")]
    assert lines[0] == "error b            gold 7 | prediction 7 | extracted 7 | right"
    assert lines[1].startswith(r"error c            gold 7 | prediction It is\x1b[31m\n888")
    assert lines[1].endswith("… | not right (ok)")
    assert summary(ROWS)[1]["agreement"]["errors"] == []


def test_warnings_and_what_could_not_be_judged(summary):
    text, data = summary(ROWS)
    assert data["warnings"] == {'kind "sum" is unknown, the kind is inferred': 1}
    assert 'warning            kind "sum" is unknown, the kind is inferred: 1 row' in text
    assert [(row["line"], row["status"]) for row in data["failures"]["first"]] == [(6, "bad_gold"), (8, "unparsable")]
    text, data = summary([{"gold": "", "prediction": "7"}] * 9)
    assert (data["failures"]["rows"], len(data["failures"]["first"])) == (9, 5)
    assert "and 4 more rows with an error" in text


def test_seconds(summary):
    text, data = summary(ROWS)
    seconds = data["seconds"]
    assert 0 < seconds["p50"] <= seconds["p99"] <= seconds["slowest"]["seconds"] <= seconds["total"]
    assert seconds["slowest"]["id"] in "abcdefgh"
    assert f"(row {seconds['slowest']['id']})" in text
    assert summary([{"gold": "7", "prediction": "7"}])[1]["seconds"]["slowest"]["id"] == "1"


def test_nothing_to_count(summary):
    text, data = summary([])
    assert (data["rows"], data["accuracy"], data["seconds"]["p50"]) == (0, None, None)
    assert text.splitlines()[1:] == ["rows      0"]


def test_without_labels_there_is_no_agreement(summary):
    text, data = summary([{"gold": "7", "prediction": "7"}])
    assert "agreement" not in data
    assert "agreement" not in text
    text, _ = summary([{"gold": "7", "prediction": "7", "expected": True}])
    assert "\nagreement  1 of 1 (100.0 %), 0 false positives, 0 false negatives\n" in f"{text}\n"


def test_quantiles():
    values = [float(i) for i in range(1, 101)]
    assert (quantile(values, 0.5), quantile(values, 0.99), quantile(values, 1.0)) == (50.0, 99.0, 100.0)
    assert quantile([3.0], 0.5) == quantile([3.0], 0.99) == 3.0
    assert quantile([], 0.5) is None
