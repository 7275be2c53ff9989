"""Verdicts for lm-eval and for tables of responses."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

from rlsd_env.adapters import scorer
from rlsd_env.adapters.tasks import rows
from rlsd_env.cli.common import make_env
from tests.rlsd_env.adapters.moody import MOODY

SUMS = "rlsd/Arithmetic-v0"


@pytest.fixture
def doc():
    (row,) = rows(SUMS, fold="heldout", limit=1, **MOODY)
    return {"question": row.words, "task": row.key}


@pytest.fixture
def right(doc):
    source = make_env(SUMS, {}).desk.source
    (row,) = rows(SUMS, fold="heldout", limit=1, **MOODY)
    return f"<answer>{source.privileged(source.index_of(row.task_id)).reference.answer}</answer>"


def test_rows_have_prompt_and_pictures(tmp_path):
    path = scorer.write("rlsd/ShapeCount-v0", tmp_path / "heldout.parquet", limit=2)
    for doc, row in zip(pq.read_table(path).to_pylist(), rows("rlsd/ShapeCount-v0", fold="heldout", limit=2)):
        assert scorer.doc_to_text(doc) == row.words
        (picture,) = scorer.doc_to_image(doc)
        assert np.array_equal(np.asarray(picture), row.images[0])
    assert scorer.doc_to_image({"question": "1 + 1"}) == []


def test_a_response_is_judged_and_one_that_is_not_is_in_no_mean(doc, right):
    assert scorer.process_results(doc, [right]) == {"acc": 1.0, "reward": 1.0, "verifier_failures": 0.0}
    assert scorer.process_results(doc, [[right, "no"]]) == {"acc": 1.0, "reward": 1.0, "verifier_failures": 0.0}
    assert scorer.process_results(doc, ["no"]) == {"acc": 0.0, "reward": 0.0, "verifier_failures": 0.0}
    assert scorer.process_results(doc, ["crash"]) == {"verifier_failures": 1.0}


def test_a_table_is_scored(doc, right):
    table = [{"task": doc["task"], "prediction": text} for text in (right, "no", "crash", right)]
    assert scorer.evaluate(table) == {
        "accuracy": pytest.approx(2 / 3),
        "reward": pytest.approx(2 / 3),
        "verifier_failures": 0.25,
        "responses": 4.0,
    }
    assert scorer.evaluate(table[2:3]) == {"verifier_failures": 1.0, "responses": 1.0}
    assert scorer.evaluate([]) == {"verifier_failures": 0.0, "responses": 0.0}


def test_lm_evals_means_are_over_what_was_judged(tmp_path, right):
    lm_eval = pytest.importorskip("lm_eval", reason="lm-eval is not installed; make test-adapters installs it")
    from lm_eval.api.model import LM

    class Said(LM):
        """Answers the first task rightly, the next wrongly, and has the verifier fail on the third."""

        def generate_until(self, requests, disable_tqdm=False):
            return [right, "<answer>no</answer>", "crash"][: len(requests)]

        def loglikelihood(self, requests, disable_tqdm=False):
            raise NotImplementedError

        loglikelihood_rolling = loglikelihood

    path = scorer.write(SUMS, tmp_path / "heldout.parquet", limit=3, **MOODY)
    metrics = ("acc", "reward", "verifier_failures")
    task = {
        "task": "sums",
        "dataset_path": "parquet",
        "dataset_kwargs": {"data_files": {"test": str(path)}, "cache_dir": str(tmp_path / "cache")},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": scorer.doc_to_text,
        "doc_to_target": "",
        "process_results": scorer.process_results,
        "metric_list": [{"metric": name, "aggregation": "mean", "higher_is_better": True} for name in metrics],
    }
    found = lm_eval.simple_evaluate(model=Said(), tasks=[task], bootstrap_iters=0)["results"]["sums"]
    assert found["acc,none"] == found["reward,none"] == 0.5
    assert found["verifier_failures,none"] == pytest.approx(1 / 3)
