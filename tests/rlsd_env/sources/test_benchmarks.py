"""MathVista, MMMU, MMMU-Pro, ZeroBench and We-Math on small copies in their official schema."""

from __future__ import annotations

import json
import pickle
import warnings

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env

import verifiers
from rlsd_env import ConfigurationError, ReasoningEnv
from rlsd_env.prompts import render
from rlsd_env.registration import IDS
from rlsd_env.sources.ids import BENCHMARKS
from rlsd_env.sources.mathvista import MathVista
from rlsd_env.sources.mmmu import MMMU, SUBJECTS
from rlsd_env.sources.mmmu_pro import MMMUPro
from rlsd_env.sources.wemath import WeMath
from rlsd_env.sources.zerobench import ZeroBench
from tests.rlsd_env.sources.hub_copy import png, write_split
from tests.rlsd_env.swapped import Swapped

RED, LIME, BLUE = [255, 0, 0], [0, 255, 0], [0, 0, 255]
MATHVISTA = {
    "pid": "3",
    "question": "How heavy?",
    "image": "images/3.jpg",
    "decoded_image": png("red"),
    "choices": ["97 kg", "102 kg"],
    "unit": None,
    "precision": None,
    "answer": "102 kg",
    "question_type": "multi_choice",
    "answer_type": "text",
    "metadata": {"source": "Geometry3K", "task": "geometry problem solving", "skills": ["algebra", "geometry"]},
}
_NO_IMAGES = {f"image_{number}": None for number in range(1, 8)}
MMMU_ROW = _NO_IMAGES | {
    "id": "validation_Math_1",
    "question": "Compare <image 2> with <image 1>. What is <image 2>?",
    "options": "['a disc', '<image 3>', '<image 1>']",
    "explanation": "",
    "image_1": png("red"),
    "image_2": png("lime"),
    "image_3": png("blue"),
    "img_type": "['Diagrams']",
    "answer": "B",
    "topic_difficulty": "Hard",
    "question_type": "multiple-choice",
    "subfield": "Geometry",
}
PRO_ROW = {name: value for name, value in MMMU_ROW.items() if name not in ("question_type", "subfield")} | {
    "id": "test_Art_Theory_1",
    "subject": "Art_Theory",
}
VISION_ROW = {
    "id": "test_Art_Theory_1",
    "image": png("blue"),
    "options": "['a disc', 'a square']",
    "answer": "B",
    "subject": "Art_Theory",
}
MATHVISION_ROW = {
    "id": "4",
    "question": "Which?\n<image1>",
    "options": ["red", "blue"],
    "answer": "A",
    "solution": None,
    "level": 1,
    "subject": "counting",
    "decoded_image": png("red"),
}
ZERO_ROW = {
    "question_id": "1",
    "question_text": "How much?",
    "question_images_decoded": [png("red"), png("blue")],
    "question_answer": "11.90",
    "question_images": ["images/1_0.png", "images/1_1.png"],
    "image_attribution": "own work",
}
WEMATH = [
    {
        "ID": "2steps_1",
        "split": "testmini",
        "knowledge concept": "Length",
        "question": "How long?",
        "option": "A. 3, 4;B. 4 cm; C. 5 cm",
        "answer": "B",
        "image_path": png("red"),
        "key": key,
        "question number": 1,
        "knowledge concept description": "1 m is 100 cm",
    }
    for key in ("2steps_1", "2steps_2", "2steps_multi")
]


def opened(cls, folder, rows, split, config=None, **arguments):
    return cls(path=write_split(folder, split, rows, config), **arguments)


def as_files(folder, rows, split):
    """The same rows as JSON lines with pictures in files; what `images` names is the picture."""

    def plain(value):
        if isinstance(value, bytes):
            name = f"images/{len(list((folder / 'images').iterdir()))}.png"
            (folder / name).write_bytes(value)
            return name
        return [plain(element) for element in value] if isinstance(value, list) else value

    (folder / "images").mkdir(parents=True)
    lines = [json.dumps({name: plain(value) for name, value in row.items()}) for row in rows]
    (folder / f"{split}.jsonl").write_text("\n".join(lines))
    return str(folder)


def prompt(source, number=0, answer_format=None):
    return render(source.item(number).task, answer_format or source.answer_format, source.template)


def pixels(source, number=0):
    return [image[0, 0].tolist() for image in source.item(number).task.images]


def reward(source, response, number=0, **kwargs):
    verifier = verifiers.make(source.verifier, **{**source.verifier_kwargs, **kwargs})
    return verifier.verify(response, source.item(number).privileged.reference).reward


COPIES = {
    "MathVista": (MathVista, [MATHVISTA], "testmini", {}),
    "MMMU": (MMMU, [MMMU_ROW], "validation", {"subject": "Math"}),
    "MMMUPro": (MMMUPro, [PRO_ROW], "test", {}),
    "MMMUPro-vision": (MMMUPro, [VISION_ROW], "test", {"setting": "vision"}),
    "ZeroBench": (ZeroBench, [ZERO_ROW], "zerobench", {}),
    "WeMath": (WeMath, WEMATH, "testmini", {}),
}


@pytest.mark.parametrize("name", COPIES)
def test_parquet_and_json_lines_give_the_same_tasks(tmp_path, name):
    cls, rows, split, arguments = COPIES[name]
    hub = opened(cls, tmp_path / "hub", rows, split, **arguments)
    local = cls(path=as_files(tmp_path / "local", rows, split), **arguments)
    assert len(hub) == len(local) == len(rows)
    for number in range(len(rows)):
        left, right = hub.item(number), local.item(number)
        assert left.task.info == right.task.info
        assert (left.task.question, left.task.choices) == (right.task.question, right.task.choices)
        assert left.privileged.reference == right.privileged.reference
        assert hub.index_of(left.task.id) == number
        assert prompt(hub, number) == prompt(local, number)
    assert pixels(hub) == pixels(local) != []


@pytest.mark.parametrize("name", COPIES)
def test_an_answer_format_of_the_user_s_replaces_the_official_request(tmp_path, name):
    cls, rows, split, arguments = COPIES[name]
    source = opened(cls, tmp_path, rows, split, **arguments)
    official, tags = prompt(source), prompt(source, answer_format="tags")
    assert tags.endswith("\nThink in <think> </think>, then answer in <answer> </answer>.")
    assert "<answer>" not in official
    for request in ("at the end.", "directly.", "$LETTER", "curly braces", "two <> symbols"):
        assert request not in tags


def test_mathvista(tmp_path):
    free = {"choices": None, "question_type": "free_form", "pid": "4"}
    table = [
        MATHVISTA,
        MATHVISTA | free | {"answer": "7", "answer_type": "integer", "unit": "g"},
        MATHVISTA | free | {"pid": "5", "answer": "1.20", "answer_type": "float", "precision": 2.0},
        MATHVISTA | {"pid": "6", "choices": ["A", "B", "C"], "answer": "B"},
    ]
    source = opened(MathVista, tmp_path, table, "testmini")
    assert prompt(source) == (
        "<image>\nHint: Please answer the question and provide the correct option letter, e.g., A, B, C, D, at the "
        "end.\nQuestion: How heavy?\nChoices:\n(A) 97 kg\n(B) 102 kg"
    )
    assert prompt(source, 1) == (
        "<image>\nHint: Please answer the question requiring an integer answer and provide the final value, e.g., 1, "
        "2, 3, at the end.\nQuestion: How heavy? (Unit: g)"
    )
    assert "with two decimal places and provide the final value, e.g., 1.23, 1.34, 1.45" in prompt(source, 2)
    assert prompt(source, 3).endswith("Choices:\n(A) A\n(B) B\n(C) C")
    task = source.item(0).task
    assert not task.train_allowed
    assert task.metadata["skills"] == "algebra, geometry"
    assert source.item(1).task.metadata["unit"] == "g"
    assert reward(source, "The answer is (B)") == 1.0
    assert reward(source, "103 kg") == 1.0  # the official rule takes the nearest choice
    assert reward(source, "103 kg", mode="strict") == 0.0
    assert reward(source, "so 7", number=1) == 1.0


def test_mmmu_places_pictures_in_question_and_options(tmp_path):
    source = opened(MMMU, tmp_path, [MMMU_ROW], "validation", subject="Math")
    assert prompt(source) == (
        "Compare <image> with <image>. What is (picture 1)?\n(A) a disc\n(B) <image>\n(C) (picture 2)\n\n"
        "Answer with the option's letter from the given choices directly."
    )
    assert pixels(source) == [LIME, RED, BLUE]
    assert source.item(0).task.metadata["subject"] == "Math"
    assert reward(source, "<answer>B</answer>") == 1.0
    assert reward(source, "no idea") == 0.0


def test_mmmu_open_questions_and_several_golds(tmp_path):
    row = MMMU_ROW | {"question": "Which city?", "options": "[]", "question_type": "open", "image_3": None}
    row |= {"answer": "['Tampa', 'Florida']"}
    source = opened(MMMU, tmp_path, [row], "validation", subject="Math")
    assert prompt(source) == "<image>\n<image>\nWhich city?\nAnswer the question using a single word or phrase."
    assert pixels(source) == [RED, LIME]
    assert source.item(0).task.choices == ()
    for city in ("Tampa", "Florida"):
        assert reward(source, f"<answer>{city}</answer>") == 1.0
    assert reward(source, "<answer>Miami</answer>") == 0.0


def test_mmmu_opens_all_subjects_or_one(tmp_path):
    for subject in SUBJECTS:
        write_split(tmp_path, "validation", [MMMU_ROW | {"id": f"validation_{subject}_1"}], config=subject)
    whole = MMMU(path=str(tmp_path))
    assert len(whole) == len(SUBJECTS) == 30
    assert whole.item(29).task.id == "validation_Sociology_1"
    assert whole.item(whole.index_of("validation_Art_Theory_1")).task.metadata["subject"] == "Art_Theory"
    assert [MMMU(path=str(tmp_path), subject="Music").record(0).id] == ["validation_Music_1"]
    with pytest.raises(ConfigurationError, match="unknown subject of MMMU 'Maths'; did you mean 'Math'"):
        MMMU(path=str(tmp_path), subject="Maths")


def test_mmmu_opens_a_merged_copy_once(tmp_path):
    rows = [MMMU_ROW, MMMU_ROW | {"id": "validation_Art_1"}]
    assert len(opened(MMMU, tmp_path, rows, "validation")) == 2


def test_a_missing_subject_is_named_with_the_bad_row_s_file(tmp_path):
    write_split(tmp_path, "validation", [MMMU_ROW | {"id": "validation_Art_1", "answer": "Z"}], config="Art")
    with pytest.raises(ConfigurationError, match=r"Art/validation-.*row 1 \(id validation_Art_1\).*'Z'"):
        MMMU(path=str(tmp_path), subject="Art").item(0)
    with pytest.raises(ConfigurationError, match="does not hold the split 'validation' of MMMU/MMMU Accounting"):
        MMMU(path=str(tmp_path))


def test_mmmu_pro_settings(tmp_path):
    for setting, row in (("standard (10 options)", PRO_ROW), ("vision", VISION_ROW)):
        write_split(tmp_path, "test", [row], config=setting)
    standard, vision = MMMUPro(path=str(tmp_path)), MMMUPro(path=str(tmp_path), setting="vision")
    request = (
        "The last line of your response should be of the following format: 'Answer: $LETTER' (without quotes) where "
        "LETTER is one of options. Think step by step before answering."
    )
    assert prompt(standard) == (
        "Compare <image> with <image>. What is (picture 1)?\nA. a disc\nB. <image>\nC. (picture 2)\n"
        f"Answer the preceding multiple choice question. {request}"
    )
    assert prompt(vision) == (
        f"<image>\nWrite out the multiple-choice question in the image and then solve it. {request}"
    )
    assert vision.item(0).task.choices == ("A", "B")
    assert reward(vision, "It is the square.\nAnswer: B") == 1.0
    assert reward(standard, "Answer: A") == 0.0
    with pytest.raises(ConfigurationError, match="unknown setting of MMMU-Pro 'visual'; did you mean 'vision'"):
        MMMUPro(path=str(tmp_path), setting="visual")


def test_zerobench(tmp_path):
    source = opened(ZeroBench, tmp_path, [ZERO_ROW], "zerobench")
    assert prompt(source) == (
        "<image>\n<image>\nHow much?\n\n\nLet's think step by step and give the final answer in curly braces, like "
        "this: {final answer}"
    )
    assert pixels(source) == [RED, BLUE]
    assert not source.item(0).task.train_allowed
    assert reward(source, "so {11.90}") == 1.0
    assert reward(source, "so {11.9}") == 0.0  # the official rule compares characters
    assert reward(source, "so {11.9}", mode="strict") == 1.0
    with pytest.raises(ConfigurationError, match="accept the terms on the page of jonathan-roberts1/zerobench"):
        ZeroBench()


def test_wemath(tmp_path):
    table = [*WEMATH, *({**row, "ID": "2steps_2"} for row in WEMATH)]
    source = opened(WeMath, tmp_path, table, "testmini")
    assert source.groups() == {"2steps_1": [0, 1, 2], "2steps_2": [3, 4, 5]}
    item = source.item(source.index_of("2steps_2/2steps_multi"))
    assert item.task.choices == ("3, 4", "4 cm", "5 cm")
    assert (item.task.metadata["step"], item.task.metadata["steps"]) == ("multi", 2)
    assert item.privileged.extras["knowledge_concept_description"] == "1 m is 100 cm"
    assert prompt(source) == (
        "<image>\nNow, we require you to solve a multiple-choice math question. Please briefly describe your thought "
        "process and provide the final answer(option).\nQuestion: How long?\nOption: A. 3, 4;B. 4 cm; C. 5 cm\n"
        "Regarding the format, please answer following the template below, and be sure to include two <> symbols:\n"
        "<Thought process>: <<your thought process>> <Answer>: <<your option>>"
    )
    assert reward(source, "<Thought process>: <<4>> <Answer>: <<B>>") == 1.0
    assert reward(source, "<Thought process>: <<4>> <Answer>: <<C>>") == 0.0


@pytest.mark.parametrize(
    ("name", "changed", "message"),
    [
        ("MathVista", {"choices": []}, r"\(id 3\): .*'102 kg', which is none of \[\]"),
        ("MathVista", {"answer": "98 kg"}, r"\(id 3\): .*'98 kg', which is none of"),
        ("MathVista", {"decoded_image": None, "image": ""}, r"\(id 3\): no image in column decoded_image or image"),
        ("MathVista", {"answer_type": "float", "question_type": "free_form"}, "'precision' is None; .* must be 1 or 2"),
        ("MMMU", {"options": "[]"}, "a multiple-choice question has no options; column 'options' must list them"),
        ("MMMU", {"options": "{"}, "column 'options' is '{', not a list of texts"),
        ("MMMU", {"answer": "D"}, r"\(id validation_Math_1\): .*\('D',\), not a letter from A to C"),
        ("MMMU", {"image_3": None}, r"\(id validation_Math_1\): no image in column image_3"),
        ("MMMUPro", {"answer": "?"}, r"\(id test_Art_Theory_1\): .*not a letter from A to C"),
        ("MMMUPro-vision", {"image": None}, "no image in column image;"),
        ("ZeroBench", {"question_answer": ""}, r"\(id 1\): .*'question_answer' is ''"),
        ("ZeroBench", {"question_images_decoded": [png(), b"x"]}, "image 'image' is none of PNG"),
        (
            "WeMath",
            {"answer": "D"},
            r"\(id 2steps_1/2steps_1\): the answer is 'D', and the row lists no such choice",
        ),
        ("WeMath", {"key": "steps"}, "'key' is 'steps'; it must be like '2steps_1' or '3steps_multi'"),
    ],
)
def test_broken_rows_are_named_with_what_is_wrong(tmp_path, name, changed, message):
    cls, rows, split, arguments = COPIES[name]
    source = opened(cls, tmp_path, [rows[0] | changed], split, **arguments)
    with pytest.raises(ConfigurationError, match=rf"{split}-00000-of-00001\.parquet, row 1 .*{message}"):
        source.item(0)


@pytest.mark.parametrize(("cls", "split"), [(MathVista, "test"), (MMMU, "test")])
def test_splits_without_answers_cannot_be_opened(cls, split):
    with pytest.raises(ConfigurationError, match=f"split '{split}' of .* has no public answers"):
        cls(split=split)


LICENCES = {
    "MathVista": ("CC BY-SA 4.0, not for training", False),
    "MMMU": ("Apache-2.0", True),
    "MMMUPro": ("Apache-2.0", True),
    "MMMUPro-vision": ("Apache-2.0", True),
    "ZeroBench": ("MIT, not for training", False),
    "WeMath": ("CC BY-NC 4.0", True),
}


@pytest.mark.parametrize("name", COPIES)
def test_a_task_has_the_licence_of_its_benchmark(tmp_path, name):
    cls, rows, split, arguments = COPIES[name]
    task = opened(cls, tmp_path, rows, split, **arguments).item(0).task
    assert (task.licence, task.train_allowed) == LICENCES[name]


def test_what_may_not_be_trained_on_is_scored_officially():
    for cls in (MathVista, MMMU, MMMUPro, ZeroBench, WeMath):
        assert cls.verifier_kwargs == {"mode": "strict" if cls.train_allowed else "official"}
        assert cls.train_allowed == (cls not in (MathVista, ZeroBench))


ROWS = {
    "MathVista": [MATHVISTA],
    "MMMU": [MMMU_ROW],
    "MMMUPro": [PRO_ROW],
    "MMMUPro-vision": [VISION_ROW],
    "MathVision": [MATHVISION_ROW],
    "ZeroBench": [ZERO_ROW],
    "WeMath": WEMATH,
}


@pytest.mark.parametrize("id", BENCHMARKS)
def test_every_id_passes_gymnasium_s_checker_and_shows_no_answer(tmp_path, id):
    name = id.removeprefix("rlsd/").removesuffix("-v0")
    rows = ROWS.get(name) or ROWS[name.partition("-")[0]]
    arguments = BENCHMARKS[id]
    path = write_split(tmp_path, arguments.get("split", "test"), rows, arguments.get("setting"))
    assert BENCHMARKS.items() <= IDS.items()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make(id, path=path)
        check_env(env.unwrapped)
    source = env.get_wrapper_attr("desk").source
    shown = [ReasoningEnv(honest).reset(seed=0) for honest in (source, Swapped(source))]
    assert pickle.dumps(shown[0]) == pickle.dumps(shown[1])


@pytest.mark.parametrize("id", BENCHMARKS)
def test_every_id_says_where_its_data_come_from(id):
    with pytest.raises(ConfigurationError, match=r"hf download .* path=FOLDER"):
        gymnasium.make(id)
