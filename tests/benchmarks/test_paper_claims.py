"""Claims held against the laboratory: verdicts by hand, what is missing said, the stored runs whole."""

from __future__ import annotations

import json
import math

import pytest

from benchmarks.paper_claims import __main__ as command
from benchmarks.paper_claims.claims import CLAIMS, LESS, MORE, SAME_LEAKS
from benchmarks.paper_claims.effects import Effect, Expectation, over_seeds
from benchmarks.paper_claims.measured import (
    Measured,
    NotRunError,
    accuracy,
    end,
    final,
    growth,
    less,
    log_ratio,
)
from rlsd_env.errors import ConfigurationError
from tests.conftest import ROOT


def run(seed, final, curve=(1.0, None, 2.0)):
    return {
        "seed": seed,
        "final": final,
        "final_leaks": 10 * final,
        "accuracy": {"area": final / 2},
        "curves": {"entropy": list(curve)},
    }


LAB = Measured(
    {
        "lazy": {
            "agents": {
                "grpo": {"runs": [run(0, 0.5), run(1, 0.7), run(2, 0.1)]},
                "rlsd": {"runs": [run(1, 0.8), run(0, 0.8)]},
            }
        }
    }
)


def test_differences_are_of_the_same_seeds():
    """.3 and .1: mean .2, deviation .1414, half the interval 12.706 x .1."""
    effect = LAB.difference("rlsd", "grpo", final)
    assert (effect.mean, effect.seeds) == (pytest.approx(0.2), 2)
    assert effect.high - effect.mean == pytest.approx(1.27062, abs=1e-4)
    assert LAB.difference("rlsd", "grpo", accuracy("area")).mean == pytest.approx(0.1)


def test_curves_without_values_at_some_steps():
    one = run(0, 0.5)
    assert (end("entropy")(one), growth("entropy")(one)) == (2.0, 1.0)
    assert log_ratio("entropy")(one) == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    ("expected", "effect", "verdict"),
    [
        (MORE, (0.2, 0.1, 0.3), "reproduced"),
        (MORE, (-0.2, -0.3, -0.1), "contradicted"),
        (MORE, (0.1, -0.1, 0.3), "not decided"),
        (LESS, (-0.2, -0.3, -0.1), "reproduced"),
        (LESS, (0.2, 0.1, 0.3), "contradicted"),
        (SAME_LEAKS, (0.0, -1.0, 1.0), "reproduced"),
        (SAME_LEAKS, (9.0, 6.0, 12.0), "contradicted"),
        (SAME_LEAKS, (4.0, 2.0, 6.0), "not decided"),
        (SAME_LEAKS, (0.0, 0.0, 0.0), "reproduced"),
        (MORE, (0.0, 0.0, 0.0), "not decided"),
        (MORE, (0.2, math.nan, math.nan), "not decided"),
    ],
)
def test_verdicts(expected, effect, verdict):
    assert expected.verdict(Effect(*effect)) == verdict


def test_the_seeds_that_would_decide():
    """((1.95996 + .84162) x .02 / .01)^2 = 31.4; from the nearest bound; a claim that is not of seeds has none."""
    assert MORE.seeds_needed(Effect(0.01, -0.01, 0.03, 4, 0.02)) == 32
    assert Expectation(-5, 5).seeds_needed(Effect(4, 2, 6, 4, 2.0)) == 32
    assert MORE.seeds_needed(Effect(1e-5, -1, 1, 4, 0.5)) is None
    assert MORE.seeds_needed(Effect(0.01, -0.01, 0.03)) is None
    assert math.isnan(over_seeds([0.3]).low)


def test_a_difference_of_independent_effects():
    """Halves .03 and .04 make .05."""
    found = less(Effect(0.5, 0.47, 0.53), Effect(0.3, 0.26, 0.34))
    assert (found.mean, found.low, found.high) == pytest.approx((0.2, 0.15, 0.25))


def test_what_was_not_run_is_said():
    for ask in (
        lambda: LAB.difference("opsd", "grpo", final),
        lambda: LAB.difference("rlsd", "grpo", final, "honest"),
        lambda: LAB.alone("rlsd", end("kl_student_teacher")),
        lambda: LAB.credit("rlsd", "credit", "share_first_wrong_step"),
    ):
        with pytest.raises(NotRunError):
            ask()
    cells = [command.row(claim, LAB) for claim in CLAIMS]
    assert any(one[-1].startswith("not run: no opsd") for one in cells)
    (mine,) = (one for one in cells if one[2] == "lazy: final accuracy, RLSD - GRPO")
    assert mine[3:] == ("+0.200 [-1.071, +1.471]", "2", "> 0", "not decided; 4 seeds would")


def test_the_command(tmp_path, capsys):
    path = tmp_path / "lab.json"
    path.write_text(json.dumps(LAB.comparisons))
    command.main(["--lab", str(path), "--markdown"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + len(CLAIMS)
    with pytest.raises(ConfigurationError, match="make it with"):
        command.run(command.ClaimOptions(tmp_path / "no.json"))


def test_the_stored_runs_answer_every_claim_and_the_page_shows_them(capsys):
    rows = command.run(command.ClaimOptions(markdown=True))
    assert not [one for one in rows if "not run" in one[-1]]
    page = (ROOT / "docs" / "claims.md").read_text("utf-8")
    assert page.endswith(capsys.readouterr().out)
