"""Training sets and further benchmarks: each from a small copy in the hub's own schema."""

from __future__ import annotations

import itertools
import pickle
import warnings
from pathlib import Path

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env

import rlsd_env  # noqa: F401
import verifiers
from rlsd_env import ConfigurationError
from rlsd_env.errors import DataError
from rlsd_env.sources import load_source
from rlsd_env.sources.dynamath import DynaMath
from rlsd_env.sources.ids import DATASETS
from tests.rlsd_env.sources.hub_copy import png, write_split

GEOMETRY = {"images": [png("red"), png("blue")], "problem": "<image><image>Find x.", "answer": "48"}
VIRL = {
    "qid": "MMMath-1",
    "question": "<image>\nWhat is AB?",
    "answer": r"\boxed{\frac{5}{2}}",
    "image": ["images/a.png"],
    "category": "STEM",
    "source": "MMMath",
    "PassRate_32BTrained": 0.5,
    "PassRate_7BBase": None,
}
MMK12 = {"id": "k1", "question": "<image>y = ?", "answer": "$$2\\pi$$", "subject": "math", "image": png()}
VERSE = {
    "sample_index": "1",
    "problem_index": "1",
    "problem_version": "Text Dominant",
    "question": "Find the angle.\nChoices:\nA:30\nB:60",
    "answer": "B",
    "question_type": "multi-choice",
    "image": png(),
    "metadata": {"split": "testmini", "source": "GeoQA", "subject": "Plane Geometry", "subfield": "Angle"},
    "query_wo": "Please directly answer: Find the angle.",
    "query_cot": "Please reason: Find the angle.",
}
LOGIC = {"question": "Which two?", "answer": "C, A", "skill": "inductive", "image": png()}
CHART_TEST = {"type": "human_test", "question": "How many?", "answer": "200", "image": png()}
CHART = {"image": png(), "query": "How many?", "label": ["200"], "human_or_machine": 1}
AI2D = {"question": "Which is it?", "options": ["c", "D", "b", "a"], "answer": "2", "image": png()}
GSM = {"question": "Half of 48?", "answer": "48/2 = <<48/2=24>>24 clips.\n#### 1,024"}
MATH = {
    "problem": "Convert.",
    "solution": r"It is $\boxed{\left( 3, \frac{\pi}{2} \right)}$.",
    "answer": r"\left( 3, \frac{\pi}{2} \right)",
    "subject": "Precalculus",
    "level": 2,
    "unique_id": "test/precalculus/807.json",
}

SETS = [
    ("Geometry3K-v0", "train", None, GEOMETRY, r"\boxed{48}", r"\boxed{49}"),
    ("Geometry3K-test-v0", "test", None, GEOMETRY, r"\boxed{48.0}", "48"),
    ("ViRL39K-v0", "train", None, VIRL, r"\boxed{2.5}", r"\boxed{2}"),
    ("MMK12-v0", "train", None, MMK12, r"\boxed{2\pi}", r"\boxed{2}"),
    ("MMK12-test-v0", "test", None, MMK12, r"\boxed{2π}", r"\boxed{\pi}"),
    ("MathVerse-v0", "testmini", "testmini", VERSE, "<answer>B</answer>", "<answer>A</answer>"),
    ("LogicVista-v0", "test", None, LOGIC, "<answer>A, C</answer>", "<answer>A</answer>"),
    ("ChartQA-v0", "train", None, CHART, "<answer>195</answer>", "<answer>180</answer>"),
    ("ChartQA-val-v0", "val", None, CHART, "<answer>200</answer>", "<answer>180</answer>"),
    ("ChartQA-test-v0", "test", None, CHART_TEST, "<answer>210</answer>", "<answer>211</answer>"),
    ("AI2D-v0", "test", None, AI2D, "<answer>C</answer>", "<answer>B</answer>"),
    ("GSM8K-v0", "train", "main", GSM, "<answer>1024</answer>", "<answer>24</answer>"),
    ("GSM8K-test-v0", "test", "main", GSM, "<answer>1,024</answer>", "<answer>1</answer>"),
    ("MATH500-v0", "test", None, MATH, r"\boxed{(3, \pi/2)}", r"\boxed{(\pi/2, 3)}"),
]


LICENCES = {
    "Geometry3K": ("MIT", True),
    "ViRL39K": ("MIT", True),
    "MMK12": ("unknown", True),
    "MathVerse": ("MIT", True),
    "DynaMath": ("Apache-2.0", True),
    "LogicVista": ("Apache-2.0", True),
    "ChartQA": ("GPL-3.0", True),
    "AI2D": ("unknown", True),
    "GSM8K": ("MIT", True),
    "MATH500": ("MIT", True),
}
"""What the publishers say, and whether that allows training; "unknown" where no licence was found."""


@pytest.fixture
def copy(tmp_path):
    numbers = itertools.count()  # a folder for each copy: sources are cached by their path

    def make(row, split, config=None):
        folder = tmp_path / str(next(numbers))
        (folder / "images").mkdir(parents=True)
        (folder / "images" / "a.png").write_bytes(png())
        return write_split(folder, split, [row], config)

    return make


@pytest.mark.parametrize(("name", "split", "config", "row", "right", "wrong"), SETS, ids=[case[0] for case in SETS])
def test_each_set_from_a_copy_in_its_own_schema(copy, name, split, config, row, right, wrong):
    env = gymnasium.make(f"rlsd/{name}", path=copy(row, split, config))
    for response, reward in ((right, 1.0), (wrong, 0.0)):
        observation, info = env.reset(seed=0)
        assert observation["question"].count("<image>") == len(observation["images"])
        assert (info["task"].licence, info["task"].train_allowed) == LICENCES[name.partition("-")[0]]
        assert env.step(response)[1] == reward


@pytest.mark.parametrize(
    ("name", "split", "config", "row"), [case[:4] for case in SETS], ids=[case[0] for case in SETS]
)
def test_gymnasiums_own_checker(copy, name, split, config, row):
    env = gymnasium.make(f"rlsd/{name}", path=copy(row, split, config), render_mode="ansi")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)


OTHER_GOLDS = {
    "GSM8K-v0": {"answer": "10 / 2.\n#### 5"},
    "MATH500-v0": {"answer": "7", "solution": "It is $7$."},
    "ViRL39K-v0": {"answer": r"\boxed{7}"},
    "MathVerse-v0": {"answer": "A"},
    "LogicVista-v0": {"answer": "B"},
    "ChartQA-v0": {"label": ["300"]},
    "AI2D-v0": {"answer": "0"},
    "MMK12-v0": {"answer": "7"},
    "Geometry3K-v0": {"answer": "7"},
}


@pytest.mark.parametrize("name", OTHER_GOLDS)
def test_another_gold_changes_no_byte_that_a_student_sees(copy, name):
    ((split, config, row),) = [case[1:4] for case in SETS if case[0] == name]
    seen = []
    for other in ({}, OTHER_GOLDS[name]):
        path = copy(row | other, split, config)
        observation, info = gymnasium.make(f"rlsd/{name}", path=path).reset(seed=0)
        pictures = [image.tobytes() for image in observation["images"]]
        seen.append((observation["question"], pictures, observation["choices"], info["task"]))
    assert seen[0] == seen[1]


def first(copy, name, row, split, config=None, **options):
    arguments = DATASETS[f"rlsd/{name}"] | options
    spec = arguments.pop("source")
    return load_source(spec, arguments | {"path": copy(row, split, config)}).item(0)


def test_pictures_keep_their_order(copy):
    images = first(copy, "Geometry3K-v0", GEOMETRY, "train").task.images
    assert [tuple(image[0, 0]) for image in images] == [(255, 0, 0), (0, 0, 255)]


def test_public_facts(copy):
    task = first(copy, "ViRL39K-v0", VIRL, "train").task
    assert dict(task.metadata) == {"category": "STEM", "source": "MMMath", "PassRate_32BTrained": 0.5}
    assert first(copy, "ChartQA-v0", CHART, "train").task.metadata == {"type": "augmented"}
    task = first(copy, "MathVerse-v0", VERSE, "testmini", "testmini").task
    assert dict(task.metadata) == {
        "problem_index": "1", "problem_version": "Text Dominant", "subject": "Plane Geometry", "subfield": "Angle",
    }  # fmt: skip


def test_worked_solutions_are_for_teachers(copy):
    item = first(copy, "GSM8K-v0", GSM, "train", "main")
    assert item.privileged.reference.solution == "48/2 = 24 clips."
    assert "24" not in item.task.question
    item = first(copy, "MATH500-v0", MATH, "test")
    assert item.privileged.reference.solution == MATH["solution"]
    assert item.task.id == "test/precalculus/807.json"


def test_all_letters_of_logicvista_must_match(copy):
    reference = first(copy, "LogicVista-v0", LOGIC, "test").privileged.reference
    verifier = verifiers.make("answer")
    verdicts = {answer: verifier.verify(f"<answer>{answer}</answer>", reference).correct for answer in
                ("A, C", "C, A", "(A), (C)", "A and C", "A", "C", "A, B, C", "A, B")}  # fmt: skip
    assert [answer for answer, correct in verdicts.items() if correct] == ["A, C", "C, A", "(A), (C)", "A and C"]


def test_a_letter_that_is_an_option_of_ai2d_is_the_option_of_its_place(copy):
    item = first(copy, "AI2D-v0", AI2D, "test")
    assert item.task.choices == ("c", "D", "b", "a")
    verify = verifiers.make("answer").verify
    assert [verify(f"<answer>{answer}</answer>", item.privileged.reference).reward for answer in "CbD"] == [1, 1, 0]


def test_a_label_of_several_texts_is_one_answer(copy):
    reference = first(copy, "ChartQA-v0", CHART | {"label": ["2003", "2005"]}, "train").privileged.reference
    assert reference.answer == "2003, 2005"


@pytest.mark.parametrize(
    ("name", "row", "split", "config", "message"),
    [
        (
            "Geometry3K-v0",
            GEOMETRY | {"problem": "<image>Find x."},
            "train",
            None,
            r"1 <image> and the row has 2 images",
        ),
        ("Geometry3K-v0", GEOMETRY | {"problem": "Find x."}, "train", None, r"0 <image> and the row has 2 images"),
        ("Geometry3K-v0", GEOMETRY | {"answer": " "}, "train", None, r"row 1 \(id train-0\): column 'answer' is ' '"),
        ("ViRL39K-v0", VIRL | {"image": ["../a.png"]}, "train", None, "lies outside"),
        ("ViRL39K-v0", VIRL | {"image": ["images/b.png"]}, "train", None, "'images/b.png' is missing"),
        ("MMK12-v0", MMK12 | {"image": None}, "train", None, "no image in column image"),
        ("MathVerse-v0", VERSE | {"answer": "60 degrees"}, "testmini", "testmini", "neither a letter from A to Z"),
        ("LogicVista-v0", LOGIC | {"answer": "the first"}, "test", None, "must be a letter, or letters"),
        ("AI2D-v0", AI2D | {"answer": "4"}, "test", None, "must be the number of one of 4 options"),
        ("AI2D-v0", AI2D | {"options": []}, "test", None, "the number of one of 0 options"),
        ("ChartQA-v0", CHART | {"label": []}, "train", None, "reference answer is ''"),
        ("GSM8K-v0", GSM | {"answer": "24"}, "train", "main", "must follow '####'"),
    ],
)
def test_broken_rows_name_file_row_and_fault(copy, name, row, split, config, message):
    with pytest.raises(DataError, match=message) as caught:
        first(copy, name, row, split, config)
    assert ".parquet, row 1 (id " in str(caught.value)


def test_a_missing_column_is_named(copy):
    row = {name: cell for name, cell in MMK12.items() if name != "answer"}
    with pytest.raises(DataError, match="no column answer; it has id, question, subject, image"):
        first(copy, "MMK12-v0", row, "train")


VERSIONS = [
    VERSE,
    VERSE | {"sample_index": "2", "problem_version": "Vision Only", "question": ""},
    VERSE | {"sample_index": "3", "problem_index": "2", "problem_version": "Vision Only", "question": ""},
]


def test_versions_of_mathverse(tmp_path):
    path = write_split(tmp_path, "testmini", VERSIONS, "testmini")
    spec = DATASETS["rlsd/MathVerse-v0"]["source"]
    source = load_source(spec, {"path": path})
    assert source.groups() == {"1": [0, 1], "2": [2]}
    assert source.record(1).question == "<image>\nSolve the problem that is written in the picture."
    only = load_source(spec, {"path": path, "version": "Vision Only"})
    assert [only.record(index).id for index in range(len(only))] == ["2", "3"]
    asked = load_source(spec, {"path": path, "asked": "query_wo"})
    assert asked.record(0).question == "<image>\nPlease directly answer: Find the angle."
    with pytest.raises(ConfigurationError, match="did you mean 'Vision Only'"):
        load_source(spec, {"path": path, "version": "vision only"})
    with pytest.raises(ConfigurationError, match="did you mean 'query_wo'"):
        load_source(spec, {"path": path, "asked": "cot_query"})


def test_mathverse_without_pictures(tmp_path):
    row = {name: cell for name, cell in VERSE.items() if name != "image"} | {"problem_version": "Text Only"}
    env = gymnasium.make(
        "rlsd/MathVerse-text-v0", path=write_split(tmp_path, "testmini_text_only", [row], "testmini_text_only")
    )
    observation, _ = env.reset(seed=0)
    assert observation["images"] == ()


def dyna_rows(variant):
    common = {"image": "images/1.png", "decoded_image": png(), "subject": "algebra", "knowledge_level": "high school"}
    return [
        common | {"id": "1", "question": "Value?", "ground_truth": f"{variant}.333", "answer_type": "float"},
        common | {"id": "2", "question": "Which?", "ground_truth": "B", "answer_type": "multiple choice"},
        common | {"id": "3", "question": "Even?", "ground_truth": "even", "answer_type": "text"},
    ]


@pytest.fixture
def dynamath(tmp_path):
    for variant in range(1, 11):
        write_split(tmp_path, f"sample_variant{variant}", dyna_rows(variant))
    return str(tmp_path)


def test_all_variants_are_one_source(dynamath):
    source = DynaMath(path=dynamath)
    assert len(source) == 30
    assert source.groups()["2"] == list(range(1, 30, 3))
    assert source.index_of("1-v10") == 27
    item = source.item(27)
    assert (item.task.id, item.task.metadata["variant"]) == ("1-v10", 10)
    assert (item.task.licence, item.task.train_allowed) == LICENCES["DynaMath"]
    assert source.record(27).id == "1-v10"
    verify = verifiers.make(source.verifier).verify
    answers = ("10.333", "10.3331", "31/3", "10.334", "10.3")
    reference = item.privileged.reference
    assert [verify(f"<answer>{answer}</answer>", reference).reward for answer in answers] == [1, 1, 1, 0, 0]
    assert pickle.loads(pickle.dumps(source)).item(27).task.id == "1-v10"


def test_variants_of_a_problem_share_a_fold(dynamath):
    source = DynaMath(path=dynamath)
    folds = [set(source.fold(name)) for name in ("train", "tuning", "heldout")]
    assert set().union(*folds) == set(range(30))
    assert sum(map(len, folds)) == 30
    for indices in source.groups().values():
        assert sorted(len(fold.intersection(indices)) for fold in folds) == [0, 0, 10]


def test_worst_case_accuracy(dynamath):
    source = DynaMath(path=dynamath)
    correct = {source.record(index).id: 1.0 for index in range(30)} | {"1-v4": 0.0, "1-v5": 0.0, "3-v1": 0.0}
    # 27 of 30 are right; of three problems only the second has all ten variants right
    assert source.metrics(correct) == {"average": pytest.approx(0.9), "worst_case": pytest.approx(1 / 3)}
    del correct["2-v7"]
    with pytest.raises(ConfigurationError, match="no score for task '2-v7'"):
        source.metrics(correct)


def test_a_broken_variant_is_skipped(dynamath):
    write_split(Path(dynamath), "sample_variant2", [dyna_rows(2)[0] | {"ground_truth": "none"}, *dyna_rows(2)[1:]])
    with pytest.raises(DataError, match="'none'"):
        DynaMath(path=dynamath).item(3)
    with pytest.warns(UserWarning, match="1 of 3 rows are broken"):
        source = DynaMath(path=dynamath, skip_broken=True)
    assert (len(source), list(source.skipped)) == (29, ["1-v2"])
    assert [source.record(index).id for index in source.groups()["2"]] == [f"2-v{number}" for number in range(1, 11)]


def test_one_variant(dynamath):
    source = DynaMath(path=dynamath, variant=3)
    assert [source.record(index).id for index in range(3)] == ["1-v3", "2-v3", "3-v3"]
    for bad in ("1-v4", "1", "9-v3"):
        with pytest.raises(ConfigurationError, match="unknown task id"):
            source.index_of(bad)
    with pytest.raises(ConfigurationError, match="variant is 11; it must be 1 to 10"):
        DynaMath(path=dynamath, variant=11)
    with pytest.raises(IndexError, match="task index 3: it must be 0 to 2"):
        source.item(3)


def test_every_id_is_registered():
    for name in DATASETS:
        assert name in gymnasium.registry
