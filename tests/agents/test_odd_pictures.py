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

from agents.episodes import Fit, Prompt
from agents.options.model import ModelOptions
from agents.pictures import refusals
from agents.policy.loading import load_media, load_policy
from agents.policy.padding import border_colour, padded
from agents.policy.vllm.inputs import server_inputs
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
    ("choice", "noted", "agent"),
    [
        ("pad", "padded", "rlsd"),
        ("skip", "left_out", "rlsd"),
        ("skip", "left_out", "opsd"),
        ("skip", "left_out", "hdpo"),  # attempts are made again with help
    ],
)
def test_a_run_goes_on_and_counts(table, tmp_path, choice, noted, agent):
    done = call("agents.train", *small(table, tmp_path / "out", "--agent", agent, "--pictures", choice))
    rows = steps(tmp_path / "out")
    other = {"padded": "left_out", "left_out": "padded"}[noted]
    shares = [float(row[f"pictures_{noted}_share"]) for row in rows]
    assert any(shares)
    assert not all(share == 1 for share in shares)
    assert {float(row[f"pictures_{other}_share"]) for row in rows} == {0}
    assert f"{sum(shares) / len(shares):.1%} of the training attempts" in done.stdout
    assert "pictures that the model refuses" in done.stdout
    assert "verifier failed" not in done.stdout
    if agent == "opsd" and noted == "left_out":  # it learns from every attempt that there is
        assert [float(row["active_share"]) for row in rows] == pytest.approx([1 - share for share in shares])
    metrics = json.loads((tmp_path / "out" / "result.json").read_text())["evaluation"]["metrics"]
    assert documented("Of odd pictures") == {name for name in metrics if name.startswith("pictures_")}


def test_a_step_of_nothing_but_refused_pictures_learns_nothing(table, tmp_path):
    """With one task to a step its picture is now and then a refused one."""
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
    assert "validate rlsd/Table-v0 --policy tiny" in done.stderr
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
