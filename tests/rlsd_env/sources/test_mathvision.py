from __future__ import annotations

import gzip
import json

import gymnasium
import numpy as np
import pytest
from PIL import Image

import rlsd_env  # noqa: F401
import verifiers
from rlsd_env import ConfigurationError
from rlsd_env.sources.mathvision import MathVision

ROW = {
    "id": "7",
    "question": "Which one?\n<image1> and <image2>, like <image1>",
    "options": ["red", "blue"],
    "answer": "B",
    "solution": None,
    "level": 2,
    "subject": "logic",
    "image": "images/7.png",
}


@pytest.fixture
def folder(tmp_path):
    """A small copy of the official schema."""
    (tmp_path / "images").mkdir()
    Image.new("RGBA", (8, 6), (255, 0, 0, 0)).save(tmp_path / "images" / "7.png")
    write(tmp_path, [ROW])
    return tmp_path


def write(folder, rows):
    (folder / "testmini.jsonl").write_text("\n".join(json.dumps(row) for row in rows))


def load(folder):
    return MathVision(data_dir=str(folder))


def test_a_row_becomes_a_task(folder):
    item = load(folder).item(0)
    assert item.task.question == "Which one?\n<image> and (picture 2), like (picture 1)"
    assert item.task.choices == ("red", "blue")
    np.testing.assert_array_equal(item.task.images[0], np.full((6, 8, 3), 255, np.uint8))  # transparent is white
    assert item.task.train_allowed
    verifier = verifiers.make("answer")
    for response, reward in (
        ("<answer> B </answer>", 1.0),
        ("<answer> blue </answer>", 1.0),
        ("<answer> A </answer>", 0.0),
    ):
        assert verifier.verify(response, item.privileged.reference).reward == reward


def test_gzip_works_too(folder):
    text = (folder / "testmini.jsonl").read_bytes()
    (folder / "testmini.jsonl").unlink()
    with gzip.open(folder / "testmini.jsonl.gz", "wb") as file:
        file.write(text)
    assert len(load(folder)) == 1


def test_options_that_are_drawn_in_the_picture_are_not_listed(folder):
    write(folder, [ROW | {"options": ["A", "B", "C"]}])
    env = gymnasium.make("rlsd/MathVision-testmini-v0", data_dir=str(folder))
    observation, _ = env.reset(seed=0)
    assert "(A)" not in observation["question"]
    assert observation["choices"] == ("A", "B", "C")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "images" / "7.png").unlink(), r"line 1 \(id 7\).*'images/7.png' is missing"),
        (lambda f: (f / "images" / "7.png").write_bytes(b"\x89PNG broken"), "cannot be read.*download it again"),
        (lambda f: write(f, [ROW | {"image": "../../secret.png"}]), "lies outside"),
        (lambda f: write(f, [{k: v for k, v in ROW.items() if k != "answer"}]), "line 1: no column answer"),
        (lambda f: write(f, [ROW, ROW]), "line 2: id '7' is on line 1 already"),
        (lambda f: write(f, []), "holds no rows"),
        (lambda f: (f / "testmini.jsonl").write_bytes(b'{"id": "\xff"}'), "line 1: not a UTF-8 JSON object"),
        (lambda f: (f / "testmini.jsonl").write_text("[1]"), "line 1: a list"),
        (lambda f: (f / "testmini.jsonl").unlink(), "neither testmini.jsonl nor testmini.jsonl.gz"),
        (lambda f: write(f, [ROW | {"answer": " "}]), r"line 1 \(id 7\).*non-empty"),
    ],
)
def test_broken_data_is_named_with_file_and_row(folder, damage, message):
    damage(folder)
    with pytest.raises(ConfigurationError, match=message):
        load(folder).item(0)


def test_a_truncated_picture_is_named(folder):
    path = folder / "images" / "7.png"
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(folder).item(0)


def test_a_huge_picture_is_refused_before_it_is_decoded(folder):
    Image.new("1", (20_000, 20_000)).save(folder / "images" / "7.png")
    with pytest.raises(ConfigurationError, match=r"20000 x 20000|decompression bomb"):
        load(folder).item(0)


def test_missing_data_says_what_to_pass():
    with pytest.raises(ConfigurationError, match=r"pass data_dir=FOLDER.*MathLLMs/MathVision"):
        gymnasium.make("rlsd/MathVision-testmini-v0")
    with pytest.raises(ConfigurationError, match="'/nowhere' is not a folder"):
        gymnasium.make("rlsd/MathVision-testmini-v0", data_dir="/nowhere")


def test_every_real_problem_opens_and_its_gold_scores(mathvision_dir):
    source = MathVision(data_dir=mathvision_dir)
    verifier = verifiers.make("answer")
    assert len(source) == 304
    choices = 0
    for index in range(len(source)):
        item = source.item(index)
        reference = item.privileged.reference
        assert verifier.verify(f"<answer> {reference.answer} </answer>", reference).reward == 1.0, item.task.id
        assert verifier.verify("", reference).reward == 0.0
        assert item.task.question.count("<image>") == len(item.task.images) == 1
        choices += bool(item.task.choices)
    assert choices == 190


def test_real_folds_are_disjoint_and_complete(mathvision_dir):
    source = MathVision(data_dir=mathvision_dir)
    train, heldout = set(source.fold("train")), set(source.fold("heldout"))
    assert not train & heldout
    assert train | heldout == set(range(304))
    assert 40 <= len(heldout) <= 80
