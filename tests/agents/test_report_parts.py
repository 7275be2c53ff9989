"""What a report's parts take from runs: curves, examples, quotes, token credit, cost and the first answers."""

from __future__ import annotations

import pytest

from agents.report.answers import best, cost, leaked, leaks
from agents.report.cost import costs
from agents.report.curves import charts, thinned
from agents.report.examples import examples, kept_samples, leaking_share, quotes
from agents.report.folders import find_runs
from agents.report.heatmaps import heatmaps
from agents.report.tables import Table, interval_bar, markdown, row, without_empty
from tests.agents.runs_on_disk import (
    EVIDENCE,
    SAMPLE,
    but,
    keep_evidence,
    keep_samples,
    write_comparison,
    write_run,
)


@pytest.fixture
def folder(tmp_path):
    return write_comparison(tmp_path / "two")


def test_a_curve_is_the_mean_over_seeds_in_a_band(folder):
    found = {chart.key: chart for chart in charts(find_runs([folder]))}
    line = found["reward"].lines[0]
    assert (line.agent, line.seeds) == ("grpo", 2)
    assert line.steps == (1, 2, 3, 4)
    assert line.mean == pytest.approx((0.05, 0.3, 0.55, 0.8))  # seed 1 is .1 above seed 0
    assert line.low == pytest.approx((0.0, 0.25, 0.5, 0.75))
    assert line.high == pytest.approx((0.1, 0.35, 0.6, 0.85))
    assert "leakage_per_1000" not in found  # 0 throughout


def test_a_seed_that_got_less_far_counts_as_far_as_it_got(tmp_path):
    folder = write_comparison(tmp_path / "one", agents=("grpo",), absent=[("grpo", 1)])
    write_run(folder / "runs" / "grpo" / "seed1", "grpo", 1, steps=2, ended=False)
    (chart,) = (chart for chart in charts(find_runs([folder])) if chart.key == "reward")
    assert chart.lines[0].mean == pytest.approx((0.05, 0.3, 0.5, 0.75))


def test_long_curves_are_thinned_to_means_of_neighbours():
    rows = [(float(i), 2.0 * i) for i in range(1000)]
    assert len(thinned(rows, 400)) == 334
    assert thinned(rows, 400)[0] == (1.0, 2.0)


def test_examples_are_tasks_that_all_met_where_they_differ_most_first(folder):
    keep_samples(
        folder / "runs" / "grpo" / "seed0",
        but(SAMPLE, task_id="same", pictures=(b"\x89PNG..",)),
        but(SAMPLE, task_id="apart"),
        but(SAMPLE, step=2),
    )
    keep_samples(
        folder / "runs" / "rlsd" / "seed0",
        but(SAMPLE, task_id="same"),
        but(SAMPLE, task_id="apart", correct=True, reward=1.0, response="It is 4."),
        but(SAMPLE, task_id="apart", member=1, status="timeout"),
        but(SAMPLE, task_id="apart", member=2, response="It is 5."),
        but(SAMPLE, task_id="mine alone"),
    )
    found = find_runs([folder])
    told = examples([(run, kept_samples(run)) for run in found.runs])
    assert [one.task_id for one in told] == ["apart", "same"]
    grpo, rlsd = told[0].answers
    assert (grpo.right, grpo.judged) == (0, 1)
    assert (rlsd.right, rlsd.judged) == (1, 2)  # the timeout is neither
    assert [one.response for one in rlsd.samples] == ["It is 4.", "It is 3."]
    assert (told[0].reference, told[1].pictures) == ("4", (b"\x89PNG..",))


def test_quotes_mark_the_words_that_tell_and_no_text_comes_twice(folder):
    leak = but(SAMPLE, leaks=True, response="So. The reference answer is 7, so 7.")
    keep_samples(
        folder / "runs" / "rlsd" / "seed0", leak, but(leak, member=1), but(SAMPLE, member=2), but(leak, step=1)
    )
    found = find_runs([folder])
    samples = [(run, kept_samples(run)) for run in found.runs]
    (quote,) = quotes(samples)
    assert (quote.agent, quote.step) == ("rlsd", 3)
    assert (quote.before, quote.phrase, quote.after) == ("So. ", "The reference answer", " is 7, so 7.")
    assert leaking_share(found, samples) == {"grpo": (0, 0), "rlsd": (3, 4)}


def test_the_same_response_is_shown_in_the_colours_of_all_who_sampled_it(folder):
    keep_evidence(folder / "runs" / "grpo" / "seed0", EVIDENCE, but(EVIDENCE, member=1, token_ids=(1, 2)))
    matching = {"student": (-1.0, -2.0), "logp_solution": (-0.25, -2.0)}
    keep_evidence(folder / "runs" / "rlsd" / "seed0", but(EVIDENCE, values=matching))
    first, second = heatmaps(find_runs([folder]))
    assert [told.agent for told in first.rows] == ["grpo", "rlsd"]
    assert [told.agent for told in second.rows] == ["grpo"]
    grpo, rlsd = first.rows
    assert grpo.shown == ("credit", pytest.approx((0.6, 0.4)))
    assert grpo.gains == {"answer": pytest.approx((0.5, -0.5))}
    assert rlsd.shown == ("D, solution", pytest.approx((0.75, 0.0)))
    assert (first.tokens, first.label) == (("It", " is"), "clock-1, step 0, seed 0, attempt 0, right, 2 agents")


def test_what_runs_cost_by_hand(folder):
    grpo, rlsd = costs(find_runs([folder]))
    assert (grpo.seconds, grpo.step_seconds) == ({"rollout": 4.0, "update": 12.0}, 4.0)
    assert (grpo.tokens, grpo.teacher_tokens) == (2 * 2 * 4 * 4.0, 40.0)
    told = cost([grpo, rlsd], None)
    assert told.short == "1 min 4 s"  # 2 x 2 runs of 16 s
    assert "rlsd 1.00" in " ".join(told.sentences)


def results(verdicts):
    accuracy = {"low": 0.4, "high": 0.9}
    return {
        "agents": {
            name: {"sampled_accuracy": {"mean": mean, **accuracy}}
            for name, mean in (("grpo", 0.5), ("rlsd", 0.7), ("opsd", 0.2))
        },
        "seeds": [0, 1],
        "heldout_tasks": 8,
        "comparisons": [{"a": a, "b": b, "kind": "sampled", "verdict": told} for (a, b), told in verdicts.items()],
    }


def test_the_best_agent_is_named_with_those_it_cannot_be_told_from():
    pairs = {("rlsd", "grpo"): "no difference shown", ("opsd", "grpo"): "grpo higher", ("rlsd", "opsd"): "rlsd higher"}
    told = best(results(pairs))
    assert told.short == "rlsd, level with grpo"
    assert told.sentences[0] == "rlsd has the highest sampled accuracy, .700 [.400, .900]."
    assert told.sentences[1:3] == ("No difference between it and grpo is shown.", "opsd is lower in sampled accuracy.")
    assert "corrected for 3 pairs" in told.sentences[3]


def test_where_nobody_can_be_told_apart_that_is_what_is_said():
    pairs = {("rlsd", "grpo"): "no difference shown", ("rlsd", "opsd"): "no difference shown"}
    assert best(results(pairs)).short == "No difference shown"
    assert best(results({})).short == "rlsd, by its mean alone"


def test_who_leaks_more_than_the_untrained_model():
    def agent(rate):
        return {"heldout_metrics": {"leakage_per_1000": rate}, "runs": [{}, {}]}

    table = {
        "untrained": {"metrics": {"leakage_per_1000": 0.0}},
        "agents": {"grpo": agent(10.0), "opsd": agent(300.0)},
        "seeds": [0, 1],
        "heldout_tasks": 50,
    }
    found = leaks(table, 2)  # 2 seeds x 50 tasks x 2 samples = 200 responses
    assert [(leak.agent, leak.responses, leak.more) for leak in found] == [
        ("untrained", 200, False),
        ("grpo", 200, False),  # 2 of 200 against 0 of 200
        ("opsd", 200, True),
    ]
    # Wilson, 60 of 200: (.3 + z^2/400 -+ z sqrt(.21/200 + z^2/160000)) / (1 + z^2/200), z = 1.96
    assert (found[2].low, found[2].high) == pytest.approx((240.7, 366.7), abs=0.1)
    told = leaked(found)
    assert told.short == "opsd"
    assert "opsd in 300" in told.sentences[0]


def test_tables_leave_out_what_nobody_has_and_survive_markdown():
    table = without_empty(Table(("a", "b", "c"), (row("x", "-", "1|2"), row("y", "", "3")), texts=frozenset({2})))
    assert (table.columns, table.texts) == (("a", "c"), frozenset({1}))
    assert markdown(table).splitlines() == ["| a | c |", "| --- | --- |", "| x | 1\\|2 |", "| y | 3 |"]


def test_an_interval_is_drawn_to_scale_and_cut_at_the_ends():
    bar = str(interval_bar(0.5, 0.25, 1.5, 0, 1, "#123456"))
    assert 'cx="75.0"' in bar  # 4 + 142 / 2
    assert 'x1="39.5" x2="146.0"' in bar
    assert interval_bar(None, None, None, 0, 1, "") == ""
