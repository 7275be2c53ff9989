"""`python -m agents.evaluate`: several environments, both modes of a scorer, a judge, and going on after a kill."""

from __future__ import annotations

import json
import re

import pytest

from agents import evaluate
from agents.evaluation import asking, judging, table
from agents.evaluation.benchmarks import PAPER
from agents.evaluation.responses import Chunk, Store
from agents.options.commands import EvaluateOptions
from agents.rollouts.environments import make_group_env
from agents.runs.kept import kept
from rlsd_env.cli import main as environments
from rlsd_env.errors import ConfigurationError
from tests.agents.commands import call
from tests.conftest import DATA
from tests.verifiers.judge_server import completion, honest, saying, serving, verdict
from verifiers import Status, Verdict
from verifiers.judge import Usage

SMALL = ["--limit", "6", "--samples", "2"]


def rows_of(folder):
    return [json.loads(line) for line in (folder / "responses.jsonl").read_text().splitlines()]


def results_of(folder):
    return json.loads((folder / "results.json").read_text())


def files_of(folder):
    """All files of an evaluation but the lock, by name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


@pytest.fixture
def zerobench(tmp_path):
    """Made subquestions in the columns of ZeroBench, without pictures: 3 questions of 2."""
    path = tmp_path / "zerobench_subquestions.jsonl"
    rows = [{"question_id": f"{n // 2}_{n % 2}", "question_text": f"{n} + 0?", "question_answer": n} for n in range(6)]
    path.write_text("".join(json.dumps(row | {"question_answer": str(row["question_answer"])}) + "\n" for row in rows))
    return path


# options


def test_arguments_are_of_all_environments_or_of_one():
    options = EvaluateOptions(
        env="easy=rlsd/Chain-v0,m:mine/Sums-v0",
        env_kwargs={
            "difficulty": 2,
            "easy.difficulty": 1,
            "m:mine/Sums-v0": {"path": "x"},
            "verifier_kwargs": {"a": 1},
        },
    )
    assert options.specs() == [("easy", "rlsd/Chain-v0"), ("m:mine/Sums-v0", "m:mine/Sums-v0")]
    assert options.kwargs_of("easy") == {"difficulty": 1, "verifier_kwargs": {"a": 1}}
    assert options.kwargs_of("m:mine/Sums-v0") == {"difficulty": 2, "path": "x", "verifier_kwargs": {"a": 1}}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"env": "a/B-v0,a/B-v0"}, "env has 'a/B-v0' twice; name each"),
        ({"env": "x:a/B-v0,x/a/B-v0"}, "'x:a/B-v0' would share its folder with another"),
        ({"env": ","}, "it must be ids separated by commas"),
        ({"env": "..=a/B-v0"}, "it must be ids separated by commas"),
        ({"env": "a/B-v0", "env_kwargs": {"a/C-v0.path": 1}}, "'a/C-v0'; did you mean 'a/B-v0'"),
        ({"env": "a/B-v0", "env_kwargs": {"a/B-v0.fold": "all"}}, "give it as --fold"),
        ({"env": "a/B-v0", "env_kwargs": {"a/B-v0": 3}}, r"write a/B-v0\.KEY=VALUE"),
        ({"suite": "papr"}, "unknown suite 'papr'; did you mean 'paper'"),
        ({"suite": "paper", "env": "a/B-v0"}, "suite paper has its own"),
        ({"resume": True}, "give --out as well"),
        ({"judge": "m"}, "give judge_url, such as http"),
        ({"judge_url": "http://localhost/v1"}, "give judge, the model's name"),
        ({"judge_kwargs": {"seconds": 1}}, "give --judge, or leave them out"),
        ({"judge": "m", "judge_url": "http://x", "judge_kwargs": {"api_key": "k"}}, "judge_kwargs has api_key"),
        ({"judge_audit": 3}, "judge_audit is for a judge"),
        ({"judge": "m", "judge_url": "http://x", "judge_audit": -1}, "judge_audit is -1; it must be at least 0"),
        ({"judge": "m", "judge_url": "http://x", "judge_prices": {"prompts": 1}}, "did you mean 'prompt'"),
        ({"judge": "m", "judge_url": "http://x", "judge_prices": {"prompt": 1}}, "needs both prompt and completion"),
        ({"judge": "m", "judge_url": "http://x", "judge_prices": {"prompt": "a"}}, "prompt is 'a'; it must be a num"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(given, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        EvaluateOptions(**given)
    assert "\n" not in str(caught.value)


def test_a_suite_stands_for_options_that_others_override(tmp_path, monkeypatch):
    found = []
    monkeypatch.setattr(evaluate, "run", found.append)
    (tmp_path / "c.toml").write_text('[env_kwargs."rlsd/MMMU-v0"]\npath = "x"\n')
    evaluate.main(["--suite", "paper", "--config", str(tmp_path / "c.toml"), "--limit", "20"])
    (options,) = found
    assert options.env.split(",") == list(PAPER)
    assert (options.fold, options.limit, options.max_tokens) == ("all", 20, 4096)
    assert options.kwargs_of("rlsd/MMMU-v0") == {"path": "x"}
    assert options.kwargs_of("rlsd/WeMath-v0") == {}


def test_a_suite_whose_data_are_not_there_says_how_to_go_without(tmp_path):
    done = call("agents.evaluate", "--suite", "paper", "--env-kwargs", f"path={tmp_path}/no", check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "its own arguments are --env-kwargs rlsd/MMMU-v0.KEY=VALUE; the suite without it is --env" in done.stderr


def test_all_tasks_of_what_makes_them_are_refused():
    done = call("agents.evaluate", "--env", "rlsd/Chain-v0", "--limit", "0", check=False)
    assert re.search(r"limit is 0, all tasks, and rlsd/Chain-v0 makes [\d,]{9,}; give --limit a number", done.stderr)


# what is found


def test_both_modes_are_of_the_same_responses(mathvision_dir, tmp_path, capsys):
    out = tmp_path / "out"
    env = "rlsd/MathVision-testmini-v0"
    done = call("agents.evaluate", "--env", f"{env},rlsd/Chain-v0", "--env-kwargs", f"{env}.path={mathvision_dir}",
                *SMALL, "--out", out)  # fmt: skip
    folder = out / "rlsd-MathVision-testmini-v0"
    rows, found = rows_of(folder), results_of(out)["environments"]
    assert len(rows) == 6 * 3
    assert list(found) == [env, "rlsd/Chain-v0"]
    assert list(found[env]["scores"]) == ["official", "strict"]
    assert list(found["rlsd/Chain-v0"]["scores"]) == ["verifier"]
    for row in rows:  # the environment's own verdict is that of its mode
        assert row["verdicts"]["strict"] == {name: row[name] for name in ("extracted", "status", "correct")}
    for mode in ("official", "strict"):
        argv = ["reverify", str(folder / "responses.jsonl"), "--env", env, "--env-kwargs", f"path={mathvision_dir}"]
        again = tmp_path / f"{mode}.jsonl"
        assert environments.main([*argv, "--verifier-kwargs", f"mode={mode}", "--out", str(again)]) == 0
        graded = [json.loads(line) for line in again.read_text().splitlines()]
        assert [row["correct"] for row in graded] == [row["verdicts"][mode]["correct"] for row in rows]
        greedy = [row["correct"] for row in graded if row["greedy"]]
        assert found[env]["scores"][mode]["greedy"]["mean"] == pytest.approx(sum(greedy) / 6)
        assert found[env]["benchmark"][mode]["accuracy"] == pytest.approx(sum(greedy) / 6)
    drawn = [row["correct"] for row in rows if not row["greedy"]]  # two of each task, one after the other
    passed = [any(drawn[place : place + 2]) for place in range(0, 12, 2)]
    assert found[env]["scores"]["strict"]["pass@2"]["mean"] == pytest.approx(sum(passed) / 6)
    assert "6 of 304 problems" in done.stdout
    assert "MathVision (testmini): 6 of 304: not the benchmark's number; for it, --fold all --limit 0" in done.stdout
    capsys.readouterr()


def test_subquestions_count_by_their_question_and_the_data_are_held_to_the_denominator(zerobench, tmp_path):
    env = ["--env", "rlsd/ZeroBench-subquestions-v0", "--env-kwargs", f"path={zerobench}", "images=absent"]
    done = call("agents.evaluate", *env, "--fold", "all", "--limit", "0", "--samples", "1", "--out", tmp_path / "out")
    (found,) = results_of(tmp_path / "out")["environments"].values()
    assert (found["units"], found["clusters"], found["benchmark_units"], found["whole"]) == (6, 3, 334, False)
    assert list(found["scores"]["official"]) == ["greedy", "avg@1"]
    assert "6 of 334 subquestions (3 questions)" in done.stdout
    assert "6 of 334: not the benchmark's number, these are all that the data have" in done.stdout
    assert "The paper's numbers" not in done.stdout


def test_a_limit_takes_whole_groups_of_wemath(tmp_path):
    path = DATA / "wemath" / "subset60_with_images.jsonl.gz"
    if not path.exists():
        pytest.skip("no We-Math data in ../shared/data/wemath")
    env = ["--env", "rlsd/WeMath-v0", "--env-kwargs", f"path={path}"]
    call("agents.evaluate", *env, "--fold", "all", "--limit", "8", "--samples", "1", "--out", tmp_path / "out")
    (found,) = results_of(tmp_path / "out")["environments"].values()
    ids = {row["task_id"].partition("/")[0] for row in rows_of(tmp_path / "out")}
    assert (found["units"], found["unit"], found["measure"]) == (len(ids), "group", "score (strict)")
    assert 6 <= found["tasks"] <= 8
    for mode in ("official", "strict"):
        assert found["benchmark"][mode]["groups"] == found["units"]
        assert found["benchmark"][mode]["score_strict"] == found["scores"][mode]["greedy"]["mean"]


def test_the_papers_table_is_marked_as_the_papers():
    whole = {"env": "rlsd/MathVista-v0", "whole": True}
    assert table.published_table({"x": whole | {"whole": False}}, always=False) is None
    shown = table.published_table({"x": whole}, always=False)
    assert shown.title.startswith("The paper's numbers, none of ours: arXiv 2604.03128")
    assert list(shown.columns[1].cells) == ["0.7380", "0.7620", "0.7510", "0.7400", "0.7590", "0.7810"]


# a judge


def test_a_judge_decides_what_rules_cannot_read_in_a_column_of_its_own(mathvision_dir, tmp_path):
    def lenient(messages):
        return verdict(messages, True)

    env = ["--env", "rlsd/MathVision-testmini-v0", "--env-kwargs", f"path={mathvision_dir}"]
    out = tmp_path / "out"
    with serving(saying(lenient)) as server:
        judge = ["--judge", "m", "--judge-url", server.url]
        done = call("agents.evaluate", *env, *judge, "--limit", "12", "--samples", "2", "--out", out)
        asked = len(server.requests)
        call("agents.evaluate", *env, *judge, "--limit", "12", "--samples", "2", "--out", out, "--resume")
        assert len(server.requests) == asked + 1  # whether 4 is 4; the rest is remembered
    rows = rows_of(out)
    unread = [row for row in rows if row["verdicts"]["strict"]["status"] == "unparsable"]
    assert 0 < len(unread) < len(rows)
    (found,) = results_of(out)["environments"].values()
    judged = [json.loads(line) for line in (out / judging.FILE).read_text().splitlines()]
    assert [(row["task_id"], row["greedy"], row["sample"]) for row in judged] == [
        (row["task_id"], row["greedy"], row["sample"]) for row in unread
    ]
    told = {name: found["judge"][name] for name in ("after", "asked", "right", "failed", "audited")}
    assert told == {"after": "strict", "asked": len(unread), "right": len(unread), "failed": 0, "audited": 0}
    by_rules = sum(row["correct"] for row in rows if row["greedy"])
    by_judge = by_rules + sum(row["greedy"] for row in unread)
    assert found["scores"]["strict"]["greedy"]["mean"] == pytest.approx(by_rules / 12)
    assert found["scores"]["judged"]["greedy"]["mean"] == pytest.approx(by_judge / 12)
    assert "judged" not in rows[0]["verdicts"]
    assert f"and m on {len(unread)} answers that strict rules could not read" in done.stdout


def test_what_a_judge_took_and_where_rules_disagree_is_told(mathvision_dir, tmp_path):
    def reply(request, number):
        told = {"prompt_tokens": 1000, "completion_tokens": 20}
        return 200, completion(verdict(request["messages"], True)) | {"usage": told}, {}

    argv = ["--env", "rlsd/MathVision-testmini-v0", "--env-kwargs", f"path={mathvision_dir}", "--limit", "12"]
    argv += ["--samples", "2", "--judge-audit", "5", "--judge-prices", "prompt=1", "completion=10"]
    out = tmp_path / "out"
    with serving(reply) as server:
        argv += ["--judge", "m", "--judge-url", server.url, "--out", out]
        done = call("agents.evaluate", *argv)
        requests = len(server.requests) - 1  # but for whether 4 is 4
        first = (out / "results.json").read_bytes()
        again = call("agents.evaluate", *argv, "--resume")
        assert len(server.requests) == requests + 2
    assert (out / "results.json").read_bytes() == first
    rows = rows_of(out)
    lines = [json.loads(line) for line in (out / judging.FILE).read_text().splitlines()]
    audited = [line for line in lines if line["audit"]]
    (found,) = results_of(out)["environments"].values()
    told = found["judge"]
    assert told["asked"] + told["audited"] == len(lines)
    assert told["audited"] == len(audited) == min(5, sum(row["verdicts"]["strict"]["status"] == "ok" for row in rows))
    assert (told["requests"], told["prompt_tokens"], told["completion_tokens"], told["untold"]) == (
        requests, 1000 * requests, 20 * requests, 0,
    )  # fmt: skip
    assert told["cost"] == pytest.approx(requests * 1.2e-3)
    right = sum(line["rules"]["official"] for line in lines)
    assert told["agreement"]["official"] == {"both": right, "rules": 0, "judge": len(lines) - right, "neither": 0}
    if audited:  # answers that strict rules could not read are no disagreement with them
        assert sum(told["agreement"]["strict"].values()) == len(audited)
    assert f"m and official rules agree on {right:,} of {len(lines)} answers" in done.stdout
    assert f"m took {requests} requests, {1000 * requests:,} tokens read and {20 * requests:,} written" in done.stdout
    assert "verdicts of them remembered" in again.stdout
    strict = sum(row["verdicts"]["strict"]["correct"] for row in rows if row["greedy"])
    unread = sum(line["greedy"] and not line["audit"] for line in lines)
    assert found["scores"]["judged"]["greedy"]["mean"] == pytest.approx((strict + unread) / 12)


def test_the_judge_reads_the_whole_response_where_rules_found_only_a_line_of_it():
    verdicts = {"strict": {"extracted": "Explanation: no", "status": "unparsable", "correct": False}}
    shown = []

    class Judge:
        version, usage = "1:m", Usage()

        def verify_batch(self, responses, references):
            shown.extend(responses)
            return [Verdict(0.0, False, response, Status.OK) for response in responses]

    base = {"env": "e", "task": 0, "task_id": "t", "greedy": True, "sample": 0, "correct": False, "status": "ok"}
    rows = [
        base | {"response": text, "verdicts": {mode: dict(one) for mode, one in verdicts.items()}, "extracted": "x"}
        for text in ("It is (B).\n\nExplanation: no", "so \\boxed{Explanation: no}")
    ]
    asked = judging.judge_rows(Judge(), make_group_env("rlsd/Chain-v0", {}, 1, 1), rows, None)
    assert shown == ["It is (B).\n\nExplanation: no", "Explanation: no"]
    assert (asked.count, asked.right, asked.audited) == (2, 0, 0)
    assert asked.record({"prompt": 1.0, "completion": 1.0})["cost"] == 0.0


def test_a_judge_without_verdicts_is_told_of_and_its_answers_are_left_out(mathvision_dir):
    def moody(request, number):
        return saying(honest)(request, number) if number == 0 else (400, "no", {})

    env = ["--env", "rlsd/MathVision-testmini-v0", "--env-kwargs", f"path={mathvision_dir}"]
    with serving(moody) as server:
        judge = ["--judge", "m", "--judge-url", server.url]
        done = call("agents.evaluate", *env, *judge, "--limit", "12", "--samples", "1")
    count, failed = re.search(r"m on (\d+) answers? that .*: 0 right, no verdict on (\d+), which", done.stdout).groups()
    assert count == failed != "0"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--judge-url", "http://127.0.0.1:9/v1", "--judge-kwargs", "retries=0"], "is of no use: .*cannot be asked"),
        (["--judge-url", "ftp://x"], "base_url is 'ftp://x'"),
        (["--judge-url", "http://x", "--judge-kwargs", "second=1"], "did you mean 'seconds'"),
    ],
)
def test_a_judge_of_no_use_is_found_before_anything_is_loaded(argv, message, tmp_path):
    done = call("agents.evaluate", "--judge", "m", *argv, "--out", tmp_path / "out", check=False)
    assert done.returncode == 2
    assert re.search(message, done.stderr)
    assert "loading" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_judge_that_says_that_4_is_not_4_is_refused():
    with serving(saying(lambda messages: verdict(messages, False))) as server:
        done = call("agents.evaluate", "--judge", "m", "--judge-url", server.url, check=False)
    assert "says that 4 is not 4; take another model" in done.stderr


# going on


@pytest.fixture
def killed(monkeypatch):
    """Have evaluations ask in chunks of two tasks, and break off after some of them."""
    monkeypatch.setattr(asking, "ROWS_AT_ONCE", 4)
    sums = asking.distribution_sums

    def after(chunks):
        left = [chunks]

        def broken(*argv):
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1
            return sums(*argv)

        monkeypatch.setattr(asking, "distribution_sums", broken)

    return after


def test_a_killed_evaluation_goes_on_to_the_same_bytes(tmp_path, killed):
    argv = ["--env", "rlsd/Chain-v0,rlsd/ShapeCount-v0", *SMALL]
    killed(-1)
    call("agents.evaluate", *argv, "--out", tmp_path / "whole")
    whole = files_of(tmp_path / "whole")
    assert whole["rlsd-Chain-v0/chunks.jsonl"].count(b"\n") == 3
    out = tmp_path / "out"
    for chunks, tasks in ((0, ""), (2, "4 tasks"), (0, "4 tasks"), (2, "8 tasks")):
        killed(chunks)
        done = call("agents.evaluate", *argv, "--out", out, "--resume", check=False)
        assert done.returncode == 130
        assert kept(out) == (tasks and f"the responses to {tasks}")
        for path in out.glob("*/*.jsonl"):  # what a kill leaves of a write
            path.write_bytes(path.read_bytes() + b'{"task')
    killed(-1)
    assert call("agents.evaluate", *argv, "--out", out, "--resume").returncode == 0
    assert files_of(out) == whole


def test_what_is_done_is_shown_again_without_a_model(tmp_path, monkeypatch):
    argv = ["--env", "rlsd/Chain-v0", *SMALL, "--out", tmp_path / "out"]
    begun = call("agents.evaluate", *argv, "--resume")
    assert f"{tmp_path / 'out'}: nothing to resume is there; it begins from the start" in begun.stderr
    monkeypatch.setattr("agents.setup.prepare", None)
    again = call("agents.evaluate", *argv, "--resume")
    assert again.stdout == begun.stdout
    assert "nothing to resume" not in again.stderr
    report = call("agents.report.__main__", tmp_path / "out", check=False)
    assert report.returncode == 2
    assert "is an evaluation, whose tables are in its results.json" in report.stderr
    assert not (tmp_path / "out" / "report.html").exists()
    refused = call("agents.evaluate", *argv, "--resume", "--seed", "1", "--temperature", "2", check=False)
    assert "was made with seed = 0, not 1; temperature = 1.0, not 2.0; resume with the stored" in refused.stderr
    assert f"(--config {tmp_path / 'out' / 'config.toml'})" in refused.stderr
    refused = call("agents.evaluate", *argv, check=False)
    assert "holds a run already; pass --resume to continue it" in refused.stderr


def test_stored_responses_of_other_data_or_rules_are_refused(tmp_path):
    store = Store(tmp_path, "answer 2", "abc")
    store.add([{"status": "ok", "response": "4"}], 1, [0.5, 0.25, 3.0])
    again = Store(tmp_path, "answer 2", "abc")
    assert (again.done, again.rows) == (1, [{"status": "ok"}])
    assert again.chunks == [Chunk(1, 34, (0.5, 0.25, 3.0), "answer 2", "abc")]
    with pytest.raises(ConfigurationError, match="are of verifier 'answer 2', not 'answer 3'; give another --out"):
        Store(tmp_path, "answer 3", "abc")
    with pytest.raises(ConfigurationError, match="are of revision 'abc', not 'abd'"):
        Store(tmp_path, "answer 2", "abd")
    (tmp_path / "responses.jsonl").write_text("")
    with pytest.raises(ConfigurationError, match=r"is shorter than chunks\.jsonl says"):
        Store(tmp_path, "answer 2", "abc")
