"""Pictures that a model's processor refuses: padded, left out, or told of before a run; never its end in the middle."""

from __future__ import annotations

import base64
import csv
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from agents.distributed import World
from agents.episodes import Fit, Prompt
from agents.options.model import ModelOptions
from agents.pictures import refusals
from agents.policy.loading import load_media, load_policy
from agents.policy.padding import border_colour, padded
from agents.policy.vllm.inputs import server_inputs
from agents.rollouts.environments import make_group_env
from agents.rollouts.pictures import FittingTasks
from agents.rollouts.tasks import TaskStream
from rlsd_env.errors import ConfigurationError
from tests.agents.commands import call, run
from tests.agents.test_metrics import documented

SIZES = [(1, 1), (1, 3), (3, 1), (2, 900), (900, 2), (1, 201), (300, 1), (13, 13)]
"""Heights and widths; the bundled model refuses more than 200 : 1."""
REFUSED = {"900x2", "2x900", "1x201", "300x1"}
FORMS = {"palette": "P", "alpha": "RGBA"}
COPIES = 6
"""So that each fold has some of each."""


def picture(height, width):
    made = np.random.default_rng(height * width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    made.setflags(write=False)
    return made


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A table of a user's own with ten odd pictures, several times over."""
    folder = tmp_path_factory.mktemp("odd")
    pictures = {f"{height}x{width}": Image.fromarray(picture(height, width)) for height, width in SIZES}
    pictures |= {name: Image.fromarray(picture(32, 32)).convert(mode) for name, mode in FORMS.items()}
    for name, made in pictures.items():
        made.save(folder / f"{name}.png")
    rows = [
        {"id": f"{name}-{copy}", "question": "<image>How many red circles are there?", "answer": "3",
         "images": [f"{name}.png"]}
        for copy in range(COPIES)
        for name in pictures
    ]  # fmt: skip
    path = folder / "odd.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def small(table, out, *more):
    sizes = "--steps 3 --prompts-per-step 5 --group-size 2 --eval-tasks 4 --eval-samples 2 --max-tokens 6".split()
    return ("--env", "rlsd/Table-v0", "--env-kwargs", f"path={table}", "--out", out, *sizes, *more)


def steps(out):
    with (out / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("choice", "agent"),
    [("pad", "rlsd"), ("skip", "rlsd"), ("skip", "opsd"), ("skip", "hdpo")],  # hdpo makes attempts again with help
)
def test_a_run_goes_on_and_counts(table, tmp_path, choice, agent):
    done = call("agents.train", *small(table, tmp_path / "out", "--agent", agent, "--pictures", choice))
    rows = steps(tmp_path / "out")
    counted = {"pad": "pictures_padded_share", "skip": "tasks_replaced_share"}[choice]
    shares = [float(row[counted]) for row in rows]
    assert any(shares)
    assert not all(share == 1 for share in shares)
    shown = {"pad": "of the training attempts had one padded", "skip": "of the tasks trained on stand in"}[choice]
    assert f"{sum(shares) / len(shares):.1%} {shown}" in done.stdout
    assert "pictures that the model refuses" in done.stdout
    assert "verifier failed" not in done.stdout
    assert {float(row["pictures_left_out_share"]) for row in rows} == {0}
    if choice == "skip":
        assert {float(row["pictures_padded_share"]) for row in rows} == {0}
        assert documented("Of tasks in the place of others") == {"tasks_replaced_share"}
    if agent == "opsd":  # it learns from every attempt that there is
        assert [float(row["active_share"]) for row in rows] == [1] * len(rows)
    metrics = json.loads((tmp_path / "out" / "result.json").read_text())["evaluation"]["metrics"]
    assert documented("Of odd pictures") == {name for name in metrics if name.startswith("pictures_")}


@pytest.fixture
def bundled_that_skips():
    media = load_media("tiny")
    media.pictures = "skip"
    return media


def refused_tasks(env):
    return {index for index in env.task_indices if env.desk.item(index).task.id.rpartition("-")[0] in REFUSED}


def test_another_task_of_the_fold_comes_instead(table, bundled_that_skips):
    """Tasks that are taken stay in their places; the others have each another, that is taken and not there already."""
    env = make_group_env("rlsd/Table-v0", {"path": str(table), "fold": "train"}, 4, 2)
    refused, stream = refused_tasks(env), TaskStream(env.task_indices, 4, 5)
    assert refused
    fitting = FittingTasks(env, bundled_that_skips, 5)
    seen = left = 0
    for step in range(12):
        tasks = stream(step)
        found, replaced = fitting(step, tasks, World())
        assert len(set(found)) == len(found)
        seen += replaced
        for task, one in zip(tasks, found):
            assert one == task or (task in refused and one not in refused and one not in tasks)
        assert replaced == sum(one not in tasks for one in found)
        left += sum(one in refused for one in found)
        again, _ = FittingTasks(env, bundled_that_skips, 5)(step, tasks, World())  # as after a resume
        halves = [fitting(step, tasks, World(rank, 2)) for rank in range(2)]
        assert again == found == [task for half, _ in halves for task in half]
        assert sum(count for _, count in halves) == replaced
    assert seen > 10 * left


def test_tasks_stay_where_pictures_are_not_left_out_or_no_other_fits(table, bundled_that_skips):
    env = make_group_env("rlsd/Table-v0", {"path": str(table), "fold": "train"}, 4, 2)
    refused = sorted(refused_tasks(env))
    assert FittingTasks(env, load_media("tiny"), 0)(0, refused, World()) == (refused, None)
    all_of_them = list(env.task_indices)  # none is left to come instead
    assert FittingTasks(env, bundled_that_skips, 0)(0, all_of_them, World()) == (all_of_them, 0)
    drawn = make_group_env("rlsd/DotSum-v0", {}, 4, 2)
    assert FittingTasks(drawn, bundled_that_skips, 0)(0, [3, 5], World()) == ([3, 5], None)


def test_a_step_of_nothing_but_refused_pictures_learns_nothing(table, tmp_path, monkeypatch):
    """With one task to a step, and none drawn in its place, its picture is now and then a refused one."""
    monkeypatch.setattr("agents.rollouts.pictures.DRAWS", 0)
    argv = small(table, tmp_path / "out", "--prompts-per-step", "1", "--steps", "6", "--pictures", "skip")
    call("agents.train", *argv, "--agent", "grpo")
    alone = [row for row in steps(tmp_path / "out") if float(row["pictures_left_out_share"]) == 1]
    assert alone
    for row in alone:
        assert row["reward"] == ""
        assert float(row["active_share"]) == float(row["grad_norm"]) == 0


def test_a_run_that_is_to_stop_does_so_before_it_begins(table, tmp_path):
    done = call("agents.train", *small(table, tmp_path / "out"), check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "of rlsd/Table-v0 (fold train): Qwen3VLProcessor refuses a picture of" in done.stderr
    assert "--pictures pad, skip" in done.stderr
    assert f"python -m rlsd_env validate rlsd/Table-v0 --env-kwargs path={table} --policy tiny finds" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("choice", ["stop", "pad", "skip"])
def test_a_picture_that_cannot_be_read_ends_a_run_before_it_begins(tmp_path, choice):
    """The first task is looked at anyway, so that the broken one is another one."""
    Image.fromarray(picture(32, 32)).save(tmp_path / "0.png")
    rows = [{"question": "<image>How many?", "answer": "3", "images": ["0.png"]} for _ in range(40)]
    rows[-1]["images"] = ["none.png"]  # train-39, of the fold heldout
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = call("agents.train", *small(tmp_path / "t.jsonl", tmp_path / "out", "--pictures", choice), check=False)
    assert done.returncode == 2
    assert re.fullmatch(r"error: .*\(id train-39\): image 'none.png' is missing; .*\n", done.stderr)
    assert not (tmp_path / "out").exists()


def test_a_refused_picture_that_was_not_looked_at_ends_the_run_in_one_line(table, tmp_path, monkeypatch):
    monkeypatch.setattr("agents.pictures.LOOKED_AT", 1)
    done = call("agents.train", *small(table, tmp_path / "out"), check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: Qwen3VLProcessor refuses a picture of")


def test_a_comparison_counts_too(table, tmp_path):
    argv = small(table, tmp_path / "out", "--agents", "grpo", "--seeds", "0", "--pictures", "pad")
    assert "grpo's attempts in training had one padded" in call("agents.compare", *argv).stdout.replace("\n", " ")


@pytest.mark.parametrize(("choice", "word"), [("pad", "had one padded"), ("skip", "are left out for one")])
def test_an_evaluation_counts_too(table, tmp_path, choice, word):
    argv = ("--env", "rlsd/Table-v0", "--env-kwargs", f"path={table}", "--fold", "all", "--limit", "10")
    argv += ("--samples", "1", "--max-tokens", "6", "--out", tmp_path / "out", "--pictures", choice)
    assert f"40.0% of the sampled responses {word}" in call("agents.evaluate", *argv).stdout
    results = json.loads((tmp_path / "out" / "results.json").read_text())["environments"]["rlsd/Table-v0"]
    left_out = {"pad": 0, "skip": 4}[choice]
    assert set(results["not_judged"].values()) == {2 * left_out}  # a sample and a greedy one
    assert results["metrics"]["pictures_left_out_share"] == left_out / 10


def test_an_evaluation_stops_before_it_begins(table):
    argv = ("--env", "rlsd/Table-v0", "--env-kwargs", f"path={table}", "--fold", "all")
    done = call("agents.evaluate", *argv, check=False)
    assert done.returncode == 2
    assert "refuses a picture of" in done.stderr.splitlines()[-1]
    assert f"validate rlsd/Table-v0 --env-kwargs path={table} --policy tiny finds" in done.stderr
    (table.parent / "missing.jsonl").write_text(table.read_text().replace('["1x3.png"]', '["none.png"]'))
    argv = [str(word).replace("odd.jsonl", "missing.jsonl") for word in argv]
    done = call("agents.evaluate", *argv, "--pictures", "pad", check=False)
    assert done.returncode == 2
    assert "image 'none.png' is missing" in done.stderr.splitlines()[-1]
    assert "loading" not in done.stderr


def test_an_unknown_choice_is_named(table, tmp_path):
    done = call("agents.train", *small(table, tmp_path / "out", "--pictures", "drop"), check=False)
    assert done.returncode == 2
    assert "unknown pictures 'drop'; " in done.stderr
    assert "allowed: pad, skip, stop" in done.stderr


def test_validate_finds_what_a_policy_refuses(table):
    argv = ("validate", "rlsd/Table-v0", "--env-kwargs", f"path={table}", "--limit", "10")
    done = run("rlsd_env", *argv, "--policy", "tiny", check=False)
    assert done.returncode == 1
    told = "".join(line for line in done.stdout.splitlines() if line.startswith(("FAILED", "   ")))
    assert set(re.findall(r"(\w+)-0\b", told)) == REFUSED
    assert "refuses a picture of" in told
    assert run("rlsd_env", *argv).returncode == 0
    unknown = run("rlsd_env", *argv, "--policy", "nowhere/at-all", check=False)
    assert unknown.returncode == 2
    assert "nowhere/at-all" in unknown.stderr


def test_the_bundled_model_says_what_it_refuses():
    refusal = refusals("tiny")
    found = {f"{height}x{width}" for height, width in SIZES if refusal(picture(height, width))}
    assert found == REFUSED
    assert refusal(picture(1, 200)) == ""
    assert "1 x 300 pixels" in refusal(picture(300, 1))
    with pytest.raises(ConfigurationError, match="nowhere"):
        refusals("nowhere/at-all")


@pytest.mark.parametrize(
    ("choice", "size", "fit", "shown"),
    [
        ("pad", (2, 900), Fit.PADDED, (5, 900)),
        ("pad", (1, 201), Fit.PADDED, (2, 201)),
        ("pad", (1, 200), Fit.TAKEN, None),
        ("skip", (300, 1), Fit.LEFT_OUT, (64, 64)),
        ("skip", (13, 13), Fit.TAKEN, None),
    ],
)
def test_what_stands_in_the_place_of_a_picture(choice, size, fit, shown):
    media = load_media("tiny")
    media.pictures = choice
    kept, one = media.images([picture(16, 16), picture(*size)])
    assert (kept.fit, kept.instead) == (Fit.TAKEN, None)
    assert one.fit is fit
    assert (None if one.instead is None else one.instead.shape[:2]) == shown
    assert media.fit([picture(16, 16), picture(*size)]) is fit
    assert bool(media.refusal(picture(*size))) is (fit is not Fit.TAKEN)


@pytest.mark.parametrize(("size", "shown"), [((1, 201), (2, 201)), ((1, 200), (1, 200))])
def test_a_server_gets_the_picture_that_stands_in(size, shown):
    policy = load_policy("tiny", "cpu", ModelOptions(pictures="pad"))
    message = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "How many?"}]}
    (part,) = server_inputs(policy.encoder, Prompt((message,), (picture(*size),)))["content_parts"]
    data = base64.b64decode(part["url"].partition(",")[2])
    width, height = Image.open(io.BytesIO(data)).size
    assert (height, width) == shown


def slim(longest):
    return lambda image: max(image.shape[:2]) <= longest * min(image.shape[:2])


def large(height, width):
    return lambda image: image.shape[0] >= height and image.shape[1] >= width


@pytest.mark.parametrize(
    ("size", "takes", "expected"),
    [
        ((2, 5), lambda image: True, (2, 5)),
        ((1, 201), slim(200), (2, 201)),
        ((2, 900), slim(200), (5, 900)),
        ((300, 1), slim(200), (300, 2)),
        ((1, 1), large(14, 14), (14, 14)),
        ((13, 13), large(14, 14), (14, 14)),
        ((3, 40), large(14, 14), (14, 40)),
        ((1, 1), large(2, 28), (2, 28)),
        ((3, 3), lambda image: False, None),
    ],
)
def test_a_border_is_as_small_as_can_be(size, takes, expected):
    found = padded(picture(*size), takes)
    assert (None if found is None else found.shape[:2]) == expected


def test_a_picture_stands_in_the_middle_of_its_border():
    image = np.full((1, 4, 3), 200, np.uint8)
    image[0, 1] = (10, 20, 30)
    found = padded(image, large(3, 6))
    assert found.shape == (3, 6, 3)
    assert (found[1, 1:5] == image).all()
    found = found.copy()
    found[1, 1:5] = 200
    assert (found == 200).all()


@pytest.mark.parametrize(
    ("inside", "edge", "expected"),
    [((0, 0, 0), (255, 255, 255), (255, 255, 255)), ((255, 255, 255), (9, 8, 7), (9, 8, 7))],
)
def test_a_border_has_the_colour_of_the_edge(inside, edge, expected):
    image = np.full((5, 5, 3), edge, np.uint8)
    image[1:4, 1:4] = inside
    assert tuple(border_colour(image)) == expected
