"""Test tasks that stand in a training set are found; different ones are not."""

from __future__ import annotations

import doctest
import io
import json
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from rlsd_env import ConfigurationError, fingerprints
from rlsd_env.contamination import DISTANCE, Match, overlaps
from rlsd_env.fingerprints import near, question_key
from rlsd_env.procedural.shape_count import ShapeCount
from rlsd_env.sources.mmfinereason import MMFineReason
from rlsd_env.sources.own_table import OwnTable
from tests.conftest import DATA

COLUMNS = {"question": "q", "answer": "a", "images": "i", "id": "id"}
LONG = "How long is the side opposite of the right angle?"


def drawing(seed, size=96):
    """A picture with a structure of its own: a coarse random pattern, smoothly enlarged."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)


def encode(image, format="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


@pytest.fixture
def table(tmp_path):
    def make(name, *rows):
        """Rows are (id, question, encoded pictures)."""
        folder = tmp_path / name
        folder.mkdir()
        lines = []
        for id, question, pictures in rows:
            files = [f"{id}-{number}.img" for number in range(len(pictures))]
            for file, data in zip(files, pictures):
                (folder / file).write_bytes(data)
            lines.append(json.dumps({"id": id, "q": question, "a": "1", "i": files}))
        (folder / "train.jsonl").write_text("\n".join(lines))
        return OwnTable(path=str(folder), columns=COLUMNS)

    return make


def test_folds_of_one_table(table):
    """By their ids q0 and q2 are of the fold train, q1 of tuning, q8 and q11 of heldout."""
    source = table(
        "own",
        ("q0", "Find x.", [encode(drawing(1))]),
        ("q1", "Find y.", [encode(drawing(1))]),
        ("q8", "How many?", [encode(drawing(1), "BMP")]),
        ("q2", "Find z.", [encode(drawing(2))]),
        ("q11", "Find z.", [encode(drawing(3))]),
    )
    report = overlaps(source, source, folds=("train", "heldout"))
    assert report.matches == (Match("q0", "q8", "pixels", 0, False),)
    assert (report.compared["tasks_a"], report.compared["tasks_b"]) == (2, 2)
    assert overlaps(source, source, folds=("heldout", "heldout"), limit=1).counts["tasks_b"] == 1
    assert len(overlaps(source, source).matches) == 11  # the whole with itself: 3 x 3 + 2


def test_what_is_shared_is_named(table):
    train = table(
        "train",
        ("same", "Find x.", [encode(drawing(1))]),
        ("jpeg", "Find y.", [encode(drawing(7)), encode(drawing(2).resize((48, 48)), "JPEG", quality=60)]),
        ("text", LONG.upper(), []),
        ("both", f"<image> {LONG}?!", [encode(drawing(3))]),
        ("other", "Find x.", [encode(drawing(4))]),
    )
    test = table(
        "test",
        ("t-same", "How many?", [encode(drawing(1), "BMP")]),  # other bytes, the same pixels
        ("t-jpeg", "How many?", [encode(drawing(2))]),
        ("t-text", LONG, []),
        ("t-clean", "Find x.", [encode(drawing(5))]),
    )
    report = overlaps(train, test)
    found = [(match.id_a, match.id_b, match.kind, match.same_question) for match in report.matches]
    assert found == [
        ("same", "t-same", "pixels", False),
        ("jpeg", "t-jpeg", "picture", False),
        ("text", "t-text", "question", True),
        ("both", "t-text", "question", True),
    ]
    assert report.matches[0].distance == 0
    assert report.matches[1].distance <= DISTANCE
    assert report.matches[2].distance is None
    assert dict(report.counts) == {"pixels": 1, "picture": 1, "question": 1, "tasks_a": 4, "tasks_b": 3}
    assert dict(report.compared) == {"tasks_a": 5, "tasks_b": 4, "pictures_a": 5, "pictures_b": 3}


def test_a_task_with_both_is_one_match_and_the_closest_comes_first(table):
    train = table("train", ("far", LONG, []), ("near", LONG, [encode(drawing(3))]))
    test = table("test", ("t", LONG, [encode(drawing(3))]))
    assert overlaps(train, test).matches == (
        Match("near", "t", "pixels", 0, True),
        Match("far", "t", "question", None, True),
    )
    assert overlaps(train, test, per_task=1).matches == (Match("near", "t", "pixels", 0, True),)


def test_a_picture_that_thousands_share_is_counted_in_full(table):
    shared = encode(drawing(1))
    train = table("train", *((f"a{number}", "q", [shared]) for number in range(1200)))
    report = overlaps(train, table("test", ("b", "q", [shared]), ("c", "q", [shared])))
    assert len(report.matches) == 2 * 20
    assert dict(report.counts) == {"pixels": 2, "picture": 0, "question": 0, "tasks_a": 1200, "tasks_b": 2}


def test_pictures_of_one_colour_only_match_pixel_by_pixel(table):
    blank = encode(Image.new("RGB", (40, 40), "white"))
    train = table("train", ("white", "q", [blank]), ("grey", "q", [encode(Image.new("RGB", (40, 40), "grey"))]))
    assert [match.id_a for match in overlaps(train, table("test", ("t", "q", [blank]))).matches] == ["white"]


def test_the_report_as_text_and_json(table):
    train = table("train", *((f"a{number}", "q", [encode(drawing(1))]) for number in range(3)))
    test = table("test", ("b", "q", [encode(drawing(1))]))
    report = overlaps(train, test)
    written = json.loads(report.as_json())
    assert written["matches"][0] == {
        "id_a": "a0", "id_b": "b", "kind": "pixels", "distance": 0, "same_question": False,
    }  # fmt: skip
    assert written["counts"]["tasks_a"] == 3
    lines = report.as_table(rows=2).splitlines()
    assert lines[0] == "3 tasks with 3 pictures against 1 with 1, hashes within 4 bits"
    assert lines[1] == "1 tasks of the second stand in the first: 1 by pixels, 0 by picture, 0 by question"
    assert lines[3].split() == ["a0", "b", "pixels", "0", "no"]
    assert lines[-1] == ".. and 1 more"


def test_nothing_shared(table):
    train, test = table("train", ("a", "q", [])), table("test", ("b", "q", [encode(drawing(1))]))
    report = overlaps(train, test)
    assert report.matches == ()
    assert len(report.as_table().splitlines()) == 3
    assert len(overlaps(test, test).as_table(rows=0).splitlines()) == 3  # two lines, and "1 more"


@pytest.mark.parametrize("absent", ["a", "b"])
def test_one_side_without_its_pictures_is_compared_by_question(table, absent):
    source = table("train", ("one", f"<image> {LONG}", [encode(drawing(1))]))
    texts = OwnTable(path=source.path, columns=COLUMNS, images="absent")
    report = overlaps(texts, source) if absent == "a" else overlaps(source, texts)
    assert report.matches == (Match("one", "one", "question", None, True),)
    side = "first" if absent == "a" else "second"
    told = f"no pictures in the {side}: only questions were compared, those of 30 characters or more"
    assert report.as_table().splitlines()[2] == told
    assert "no pictures in the first and the second: " in overlaps(texts, texts).as_table()


def test_generated_tasks_are_compared_up_to_a_limit():
    source = ShapeCount()
    report = overlaps(source, source, limit=20)
    assert report.compared["tasks_a"] == 20
    assert report.counts["pixels"] == 20
    assert fingerprints.fingerprints(source, 20) is fingerprints.fingerprints(source, 20)


@pytest.mark.parametrize(
    "options", [{"distance": -1}, {"distance": 17}, {"limit": 0}, {"per_task": 0}, {"distance": 1.5}]
)
def test_wrong_arguments(options):
    (name,) = options
    with pytest.raises(ConfigurationError, match=f"{name} is {options[name]!r}; it must be a whole number"):
        overlaps(ShapeCount(), ShapeCount(), **options)


WORDS = st.lists(st.integers(0, 2**64 - 1), max_size=30)


@given(WORDS, WORDS, st.integers(0, 63), st.integers(0, 16))
def test_near_is_what_two_loops_find(left, right, bit, distance):
    left += [value ^ (1 << bit) for value in right[:3]]  # some that are near
    found = set()
    for some, others, bits in near(np.array(left, np.uint64), np.array(right, np.uint64), distance):
        found |= {(i, j, bits) for i in some.tolist() for j in others.tolist()}
    expected = {
        (i, j, (x ^ y).bit_count())
        for i, x in enumerate(left)
        for j, y in enumerate(right)
        if (x ^ y).bit_count() <= distance
    }
    assert found == expected


@pytest.mark.slow
def test_a_hundred_thousand_against_a_thousand():
    rng = np.random.default_rng(0)
    train = rng.integers(0, 2**64, 100_000, dtype=np.uint64)
    test = train[:1000] ^ np.uint64(0b101)
    start = time.process_time()
    assert len(list(near(train, test, 4))) == 1000  # two random words within 4 bits: 1 in 3e13
    assert time.process_time() - start < 60


def test_the_documented_measurement_holds_on_real_pictures():
    folders = [DATA / name / "images" for name in ("mathvision", "wemath", "mmfinereason")]
    if not all(folder.is_dir() for folder in folders):
        pytest.skip("no real pictures in ../shared/data")
    hashes, copies, sets = [], [], []
    for number, folder in enumerate(folders):
        for file in sorted(folder.iterdir())[:60]:
            image = Image.open(file).convert("RGB")
            small = image.resize((max(8, image.width // 2), max(8, image.height // 2)), Image.Resampling.BICUBIC)
            copy = Image.open(io.BytesIO(encode(small, "JPEG", quality=50))).convert("RGB")
            hashes.append(fingerprints.hashes(np.asarray(image))[0])
            copies.append(fingerprints.hashes(np.asarray(copy))[0])
            sets.append(number)
    found = sum((one ^ other).bit_count() <= DISTANCE for one, other in zip(hashes, copies))
    assert found / len(hashes) >= 0.97
    across = [(hashes[i] ^ hashes[j]).bit_count() for i in range(len(sets)) for j in range(i) if sets[i] != sets[j]]
    assert min(across) > DISTANCE


def test_a_real_training_set_against_itself():
    path = DATA / "mmfinereason" / "sample220.jsonl.gz"
    if not path.is_file():
        pytest.skip("no real rows in ../shared/data/mmfinereason")
    source = MMFineReason(path=str(path))
    report = overlaps(source, MMFineReason(path=str(path), max_pass_rate=0.5))
    assert report.counts["pixels"] == report.compared["tasks_b"]  # each test task stands in the training set
    assert {match.id_b for match in report.matches if match.id_a == match.id_b} == {
        match.id_b for match in report.matches
    }


def test_examples():
    assert question_key("<image 1> WHAT is the area,  of the \uff54riangle?") == "what is the area of the triangle"
    found = doctest.testmod(fingerprints)
    assert found.attempted
    assert not found.failed
