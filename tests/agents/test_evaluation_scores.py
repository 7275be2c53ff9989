"""From what was right to a benchmark's number: by hand, by We-Math's own figures, and by simulation."""

from __future__ import annotations

import gzip
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.evaluation.benchmarks import BENCHMARKS, PAPER
from agents.evaluation.published import PERCENT
from agents.evaluation.scores import Group, Units, avg_at_k, clustered_interval, pass_at_k, scores
from agents.evaluation.units import question_of
from agents.report.statistics import accuracy_interval
from rlsd_env.cli.listing import facts
from tests.conftest import DATA

NAN = math.nan


def test_avg_and_pass_at_k_by_hand():
    right_KS = np.array([[1, 0, 0, 1], [0, 0, 0, 0], [1, NAN, 1, 1], [0, NAN, 0, 0], [NAN] * 4])
    assert avg_at_k(right_KS).tolist()[:4] == [0.5, 0.0, 1.0, 0.0]
    assert pass_at_k(right_KS).tolist()[:3] == [1.0, 0.0, 1.0]
    assert np.isnan(avg_at_k(right_KS)[4])
    assert np.isnan(pass_at_k(right_KS)[3:]).all()  # the sample without a verdict may have been right


def test_two_clusters_by_hand():
    """Residuals of the clusters: 1 and -1, so v = 2/1 * 2 / 4^2 = 1/4 and the effective size is (1/4) / (1/4) = 1.

    At q = 12.7062, Student's t of one degree of freedom, half of Wilson's interval is q / 2 / sqrt(1 + q^2) = .49846.
    """
    found = clustered_interval(np.array([1.0, 1.0, 0.0, 0.0]), ["a", "a", "b", "b"])
    assert found.mean == 0.5
    assert (found.low, found.high) == (pytest.approx(0.00154, abs=1e-5), pytest.approx(0.99846, abs=1e-5))


def test_an_interval_of_equal_values_counts_clusters_and_not_what_is_in_them():
    """Wilson's upper end at 0 of n is q^2 / (n + q^2), here with n = 4 and q = 3.18245, Student's t of 3."""
    found = clustered_interval(np.zeros(40), [number // 10 for number in range(40)])
    assert (found.mean, found.low, found.high) == (0.0, 0.0, pytest.approx(3.18245**2 / (4 + 3.18245**2), rel=1e-5))


def test_clusters_that_are_more_alike_than_chance_make_no_interval_narrower():
    """One of each two right in both clusters: between them v is 0, of 4 independent units (1/3) / 4 = 1/12.

    So the effective size is (1/4) / (1/12) = 3, and at q = 12.7062 half of it is q / 2 / sqrt(3 + q^2) = .49542.
    """
    found = clustered_interval(np.array([1.0, 0.0, 1.0, 0.0]), ["a", "a", "b", "b"])
    assert (found.low, found.high) == (pytest.approx(0.00458, abs=1e-5), pytest.approx(0.99542, abs=1e-5))


def test_clusters_of_one_are_no_clusters_and_one_cluster_tells_nothing():
    values_U = np.array([1.0, 0.0, 1.0, NAN])
    assert clustered_interval(values_U, "abcd") == accuracy_interval(values_U)
    one = clustered_interval(np.array([1.0, 0.0]), "aa")
    assert one.mean == 0.5
    assert math.isnan(one.low)
    with pytest.raises(ValueError, match="2 values and 3 clusters"):
        clustered_interval(np.ones(2), "abc")


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.25, 1.0, NAN]), st.integers(0, 5)), min_size=1, max_size=30))
def test_an_interval_holds_its_mean_and_is_of_accuracies(drawn):
    values_U, clusters = np.array([value for value, _ in drawn]), [cluster for _, cluster in drawn]
    found = clustered_interval(values_U, clusters)
    if not math.isnan(found.low):
        assert 0 <= found.low <= found.mean + 1e-12
        assert found.mean - 1e-12 <= found.high <= 1
        assert found.high > found.low


def test_an_interval_over_clusters_covers_where_one_over_tasks_does_not():
    """100 questions of 3 or 4 subquestions whose success rates differ from question to question."""
    rng = np.random.default_rng(0)
    clusters = np.repeat(np.arange(100), [3 + (number % 3 == 0) for number in range(100)])
    held, naive = 0, 0
    for _ in range(400):
        rates = rng.beta(0.3, 0.7, 100)
        values_U = (rng.random(len(clusters)) < rates[clusters]).astype(float)
        found, over_tasks = clustered_interval(values_U, clusters.tolist()), accuracy_interval(values_U)
        held += found.low <= 0.3 <= found.high
        naive += over_tasks.low <= 0.3 <= over_tasks.high
    assert held / 400 >= 0.93
    assert naive / 400 < 0.9


def test_groups_of_wemath_by_hand():
    """Mastered, not generalised, learnt by heart, one step not judged: 1, 1/2, 0 and nobody knows."""
    units = Units(tuple("abcd"), tuple(Group((3 * n, 3 * n + 1), 3 * n + 2) for n in range(4)))
    right_K = np.array([1, 1, 1, 1, 1, 0, 0, 1, 1, NAN, 1, 1])
    values_US = units.values(right_K[:, None])
    assert values_US[:3, 0].tolist() == [1.0, 0.5, 0.0]
    assert np.isnan(values_US[3, 0])
    found = scores(np.stack([right_K, 1 - right_K], axis=1), right_K[:, None], units)
    assert list(found) == ["greedy", "avg@2", "pass@2"]
    # the other sample has every verdict turned round: 0, 0 and 0 for the groups that were judged
    assert (found["greedy"].mean, found["avg@2"].mean, found["pass@2"].mean) == (0.5, 0.25, 0.5)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_score_of_all_groups_is_the_official_one(seed):
    """Responses that We-Math's own code has scored."""
    folder = DATA / "wemath"
    if not folder.is_dir():
        pytest.skip("no We-Math data in ../shared/data/wemath")
    (golden,) = (of for of in json.loads((folder / "golden_metrics.json").read_text()) if of["seed"] == seed)
    with gzip.open(folder / f"golden_responses_seed{seed}.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    right_K = np.array([float(row["official_correct"]) for row in rows])
    places: dict[str, dict[str, int]] = {}
    for place, row in enumerate(rows):
        steps, _, step = row["key"].partition("steps_")
        places.setdefault(f"{steps} {row['ID']}", {})[step] = place
    groups = [Group(tuple(v for k, v in of.items() if k != "multi"), of["multi"]) for of in places.values()]
    units = Units(tuple(places), tuple(groups))
    assert len(groups) == BENCHMARKS["rlsd/WeMath-v0"].denominator == 525
    found = scores(right_K[:, None], right_K[:, None], units)
    assert found["greedy"].mean == pytest.approx(golden["score_strict"], abs=1e-9)


def test_denominators_are_the_sizes_of_the_published_splits():
    for env, benchmark in BENCHMARKS.items():
        assert facts(env).rows == benchmark.problems, env
    assert [BENCHMARKS[env].denominator for env in PAPER] == [900, 1000, 3040, 334, 525]


def test_the_papers_numbers_are_fractions_of_these_denominators():
    """Of MMMU, MathVista and MathVision within rounding, but for one cell of OPSD; means are those of its table."""
    means = {method: round(sum(of.values()) / 5, 2) for method, of in PERCENT.items()}
    assert means == {"base": 51.49, "GRPO": 53.86, "OPSD": 52.49, "SDPO": 52.74, "GRPO+OPSD": 52.91, "RLSD": 56.18}
    for method, of in PERCENT.items():
        for env in PAPER[:3]:
            count = round(of[env] / 100 * BENCHMARKS[env].denominator)
            fits = abs(100 * count / BENCHMARKS[env].denominator - of[env]) <= 0.0051
            assert fits != ((method, env) == ("OPSD", "rlsd/MMMU-v0")), (method, env)


def test_subquestions_are_named_after_their_question():
    assert [question_of(name) for name in ("12_3", "12_10", "7", "a_b_1")] == ["12", "12", "7", "a_b"]
