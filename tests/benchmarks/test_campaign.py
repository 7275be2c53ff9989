from __future__ import annotations

import json
import random
import re
import sys
from fractions import Fraction

import pytest

from benchmarks.campaign import fuzzing
from benchmarks.campaign.__main__ import CampaignOptions, judge, main, run
from benchmarks.campaign.meaning import same
from benchmarks.campaign.notation import Writer
from benchmarks.campaign.pairs import KINDS, Row, pairs
from benchmarks.campaign.structures import write
from benchmarks.campaign.trees import (
    IMAGINARY,
    INF,
    PI,
    Node,
    add,
    decimal,
    div,
    integer,
    mul,
    negative,
    power,
    rational,
    root,
    symbol,
    value,
)
from rlsd_env.errors import ConfigurationError
from verifiers import Status, Verdict, Verifier

X, Y = symbol("x"), symbol("y")
ONE, TWO, THREE = integer(1), integer(2), integer(3)
HALF = rational(Fraction(1, 2))


def interval(low, high, brackets="()"):
    return Node("interval", (low, high), brackets)


def quantity(amount, unit):
    return Node("quantity", (amount,), unit)


def verdict(correct, status=Status.OK):
    return Verdict(float(correct), correct, "", status)


class Same(Verifier):
    """Judges by a function of the response and the gold."""

    name = version = "same"

    def __init__(self, judged):
        self.judged = judged

    def verify(self, response, reference):
        return verdict(self.judged(response, reference.answer))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (HALF, decimal("0.5")),
        (HALF, Node("percent", (integer(50),))),
        (Node("mixed", (), (1, 1, 2)), decimal("1.5")),
        (Node("sci", (), ("1.5", 3)), integer(1500)),
        (root(integer(12)), mul(TWO, root(THREE))),
        (div(ONE, root(TWO)), div(root(TWO), TWO)),
        (power(integer(8), rational(Fraction(2, 3))), integer(4)),
        (Node("log", (TWO, integer(8))), THREE),
        (Node("call", (div(PI, integer(6)),), "sin"), HALF),
        (power(add(X, ONE), TWO), add(power(X, TWO), mul(TWO, X), ONE)),
        (power(add(ONE, IMAGINARY), TWO), mul(TWO, IMAGINARY)),
        (Node("det", (Node("matrix", (ONE, TWO, THREE, integer(4)), 2),)), integer(-2)),
        (Node("set", (ONE, TWO, TWO)), Node("set", (TWO, ONE))),
        (Node("list", (ONE, TWO)), Node("list", (TWO, ONE))),
        (Node("condition", (interval(integer(-5), INF, "[)"),), (-1, 4)), interval(negative(INF), integer(9), "(]")),
        (Node("distance", (TWO, THREE), "<="), interval(integer(-1), integer(5), "[]")),
        (Node("equation", (Y, add(X, ONE))), Node("equation", (add(mul(TWO, X), TWO), mul(TWO, Y)))),
        (Node("system", (ONE, TWO), ("x", "y")), Node("system", (TWO, ONE), ("y", "x"))),
        (Node("ratio", (TWO, THREE)), Node("ratio", (integer(4), integer(6)))),
        (quantity(ONE, "m"), quantity(integer(100), "cm")),
        (quantity(integer(18), "km/h"), quantity(integer(5), "m/s")),
        (quantity(integer(5), "cm"), integer(5)),
        (decimal("3.14"), PI),
        (rational(Fraction(1, 3)), decimal("0.33333333")),
    ],
)
def test_equal_forms_are_the_same(left, right):
    assert same(left, right) is True


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (HALF, decimal("0.6")),
        (decimal("3.14"), decimal("3.15")),
        (decimal("2.5"), decimal("2.54")),
        (PI, decimal("3.14")),
        (rational(Fraction(1, 3)), decimal("0.33333334")),
        (Node("percent", (integer(50),)), integer(50)),
        (integer(10**20), integer(10**20 + 1)),
        (power(add(X, ONE), TWO), add(power(X, TWO), ONE)),
        (interval(ONE, TWO), interval(ONE, TWO, "[)")),
        (Node("distance", (TWO, THREE), "<"), Node("distance", (TWO, THREE), "<=")),
        (Node("tuple", (ONE, TWO)), Node("tuple", (TWO, ONE))),
        (Node("tuple", (ONE, TWO)), Node("set", (ONE, TWO))),
        (Node("tuple", (ONE, TWO)), interval(ONE, TWO, "[]")),
        (Node("list", (ONE, TWO)), Node("list", (ONE, TWO, TWO))),
        (Node("matrix", (ONE, TWO), 2), Node("matrix", (ONE, TWO), 1)),
        (Node("equation", (Y, add(X, ONE))), Node("equation", (Y, add(X, TWO)))),
        (Node("system", (ONE, TWO), ("x", "y")), Node("system", (TWO, ONE), ("x", "y"))),
        (quantity(ONE, "m"), quantity(ONE, "km")),
        (quantity(ONE, "m"), quantity(ONE, "s")),
    ],
)
def test_near_misses_are_not(left, right):
    assert same(left, right) is False


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (root(power(X, TWO)), X),  # for positive numbers only
        (quantity(decimal("5.25"), "m"), quantity(decimal("525.1"), "cm")),  # rounds to it
        (Node("ratio", (THREE, integer(15))), Node("ratio", (ONE, integer(5)))),  # or the time of the day
        (Node("tuple", (ONE, TWO)), interval(ONE, TWO)),  # both are written (1, 2)
    ],
)
def test_what_is_open_has_no_label(left, right):
    assert same(left, right) is None


def test_what_divides_by_zero_has_no_value():
    with pytest.raises(ArithmeticError):
        value(div(ONE, add(ONE, integer(-1))))


@pytest.mark.parametrize(
    ("node", "written"),
    [
        (div(negative(root(THREE)), TWO), ["(-sqrt(3))/2"]),
        (mul(TWO, power(add(X, ONE), TWO)), ["2(x+1)^2", "2(x+1)**2", "2*(x+1)^2", "2*(x+1)**2"]),
        (power(TWO, add(X, ONE)), ["2^(x+1)", "2**(x+1)"]),
        (negative(add(X, integer(-1))), ["-(x-1)"]),
        (div(ONE, mul(TWO, X)), ["1/(2x)", "1/(2*x)"]),
        (mul(integer(27), Node("e")), ["27*e"]),
        (quantity(add(ONE, TWO), "ft"), ["(1+2) ft", "(1+2) feet"]),
        (Node("list", (integer(1), integer(250))), ["1, 250", "1 and 250"]),
    ],
)
def test_plain_notation_says_what_the_tree_is(node, written):
    seen = set()
    for seed in range(60):
        writer = Writer(random.Random(seed), "plain")
        seen.add(write(node, writer).replace(" * ", "*").replace(" + ", "+").replace(" - ", "-"))
    assert {text.replace("2 (", "2(").replace("2 x", "2x") for text in seen} == set(written)


def test_pairs_are_drawn_again_alike_and_have_both_labels():
    drawn = list(pairs(2 * len(KINDS) * 3, 5))
    assert drawn == list(pairs(2 * len(KINDS) * 3, 5))
    rows = [row for found in drawn for row in found]
    assert {(row.kind, row.expected) for row in rows} == {(kind, label) for kind in KINDS for label in (True, False)}
    assert rows != [row for found in pairs(2 * len(KINDS) * 3, 6) for row in found]
    changes = [
        [step for step in row.steps if step.endswith("!")] for row in rows if row.kind not in ("text", "letters")
    ]
    assert {(row.expected, len(steps)) for row, steps in zip(rows, changes) if row.kind == "integers"} == {
        (True, 0),
        (False, 1),
    }


def test_a_row_on_which_the_verifier_differs_is_kept():
    rows = [[Row("integers", "7", text, text, text == "7", ("digit!",))] for text in ("7", "8", "9")]
    found = judge(rows, Same(lambda response, gold: response == "8"))
    assert [(row["response"], row["said"], row["status"]) for row in found.disagreements] == [
        ("7", False, "ok"),
        ("8", True, "ok"),
    ]
    shares = found.shares(["integers"])
    assert (shares["equal"]["rows"], shares["equal"]["accepted"]) == (1, 0)
    assert (shares["near_miss"]["rows"], shares["near_miss"]["accepted"]) == (2, 1)
    assert 0.09 < shares["near_miss"]["low"] < 0.1 < 0.9 < shares["near_miss"]["high"] < 0.91


def test_an_exception_is_neither_accepted_nor_refused():
    found = judge([[Row("integers", "7", "7", "7", False, ())]], Same(lambda response, gold: 1 / 0))
    assert found.disagreements[0]["status"].startswith("ZeroDivisionError")
    assert found.shares(["integers"])["near_miss"]["accepted"] == 0


def test_the_command_writes_figures_and_disagreements(tmp_path, capsys):
    files = {"json": tmp_path / "a.json", "disagreements": tmp_path / "rows.jsonl"}
    given = [word for name, path in files.items() for word in (f"--{name}", str(path))]
    main(["--pairs", "40", "--kinds", "fractions,letters", *given])
    assert "fractions" in capsys.readouterr().out
    figures = json.loads((tmp_path / "a.json").read_text())
    assert figures["shares"]["all"]["near_miss"]["accepted"] == 0
    assert figures["shares"]["fractions"]["equal"]["rows"] == 20
    assert all(json.loads(line)["kind"] in KINDS for line in (tmp_path / "rows.jsonl").read_text().splitlines())


def test_an_unknown_kind_is_told():
    with pytest.raises(ConfigurationError, match="did you mean 'fractions'"):
        run(CampaignOptions(kinds=("fraction",)))


@pytest.fixture
def alone(monkeypatch):
    """No workers to wait for."""
    monkeypatch.setattr(fuzzing.WorkerMeter, "settle", lambda self: None)
    monkeypatch.setattr(fuzzing.WorkerMeter, "calls", lambda self: 0)


def test_fuzzing_sees_what_runs_an_answer(alone):
    def judged(response, gold):
        for payload in re.findall(r"(?<!')open\('[^']+','w'\)", response):
            eval(payload).close()
        return False

    assert fuzzing.fuzz(Same(judged), 500, 0, lambda found: None).executed > 0
    assert fuzzing.fuzz(Same(lambda response, gold: False), 500, 0, lambda found: None).executed == 0


def test_fuzzing_sees_exceptions_and_slow_verdicts(alone, monkeypatch):
    monkeypatch.setattr(fuzzing, "LATE", 0.02)
    monkeypatch.setattr(fuzzing, "STOP_S", 0.05)

    def judged(response, gold):
        if len(response) % 50 == 1:
            raise KeyError("odd")
        while len(response) % 50 == 2:
            pass
        return True

    told = []
    found = fuzzing.fuzz(Same(judged), 300, 1, lambda found: told.append(found.answers))
    assert told == [300]
    assert [name.partition(":")[0] for name in found.raised] == ["KeyError"]
    assert found.statuses["stopped"] == len(found.late) > 0
    assert found.statuses.total() == 300
    assert found.figures()["max_ms"] == 50


@pytest.mark.skipif(sys.platform != "linux", reason="workers' time is read from /proc")
def test_time_of_children_is_seen():
    import subprocess

    meter = fuzzing.WorkerMeter()
    busy = subprocess.Popen([sys.executable, "-c", "print(flush=True)\nwhile True: pass"], stdout=subprocess.PIPE)
    try:
        assert busy.stdout is not None
        busy.stdout.readline()
        meter.spent()
        spent = 0.0
        for _ in range(200):
            spent += meter.spent()
            if spent > 0:
                break
            subprocess.run(["sleep", "0.05"], check=True)
        assert spent > 0
    finally:
        busy.kill()
        busy.wait()
