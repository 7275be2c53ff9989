"""An invented row of each data set, in its own columns, so that documentation can show a prompt without the data."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any

from rlsd_env.cli.common import make_env
from rlsd_env.sources.dataset import ABSENT_IMAGE
from rlsd_env.task import IMAGE_PLACEHOLDER

_ANGLE = "In the figure, AB and CD are parallel. What is the size of angle x in degrees?"
_CHART = "In which year were the sales highest?"
_TRACE = "<think>The bars of 2021 are the tallest.</think><answer>A</answer>"

ROWS: dict[str, dict[str, Any]] = {
    "AI2D": {
        "question": "What eats the grass?", "options": ["hawk", "rabbit", "fox", "oak"], "answer": "1",
        "image": "web.png",
    },
    "ChartQA": {"query": _CHART, "label": ["2021"], "human_or_machine": 0, "image": "chart.png"},
    "ChartQATest": {"type": "human_test", "question": _CHART, "answer": "2021", "image": "chart.png"},
    "DynaMath": {
        "id": "1", "question": _ANGLE, "ground_truth": "110.0", "answer_type": "float",
        "subject": "plane geometry", "knowledge_level": "high school",
    },
    "GSM8K": {
        "question": "A box holds 12 pencils. How many pencils are in 3 boxes?",
        "answer": "3 boxes hold 3 * 12 = <<3*12=36>>36 pencils.\n#### 36",
    },
    "Geometry3K": {"problem": "<image>Find x.", "answer": "110", "images": ["figure.png"]},
    "LogicVista": {
        "question": "Which shape continues the row, A, B, C or D?", "answer": "B", "skill": "inductive",
        "image": "row.png",
    },
    "MATH500": {
        "problem": "What is the sum of the roots of $x^2 - 5x + 6$?", "solution": "It is $\\boxed{5}$.", "answer": "5",
        "subject": "Algebra", "level": 1, "unique_id": "test/algebra/1.json",
    },
    "MMFineReason": {
        "source": "TQA", "id": 1, "question": f"<image>{_CHART}\nA. 2021\nB. 2022", "answer": "A", "pass_rate": 0.0,
        "is_consistent": True, "qwen3vl_235b_thinking_response": _TRACE,
    },
    "MMK12": {"id": "1", "question": f"<image>{_ANGLE}", "answer": "110", "subject": "math", "image": "figure.png"},
    "MMMU": {
        "id": "validation_Math_1", "question": "Which graph in <image 1> is a parabola?", "answer": "A",
        "options": "['the left one', 'the right one']", "question_type": "multiple-choice", "topic_difficulty": "Easy",
        "subfield": "Calculus", "img_type": "['Plots and Charts']", "explanation": "",
    },
    "MMMUPro": {
        "id": "test_Math_1", "question": "Which graph in <image 1> is a parabola?", "answer": "A",
        "options": "['the left one', 'the right one', 'both', 'none']", "topic_difficulty": "Easy", "subject": "Math",
        "img_type": "['Plots and Charts']", "explanation": "",
    },
    "MathVerse": {
        "sample_index": "1", "problem_index": "1", "problem_version": "Text Lite", "question": _ANGLE, "answer": "110",
        "question_type": "free-form", "metadata": {"subject": "Plane Geometry", "subfield": "Angle"},
    },
    "MathVision": {
        "id": "1", "question": "How many triangles are in the picture?\n<image1>", "options": [], "answer": "5",
        "level": 1, "subject": "counting",
    },
    "MathVista": {
        "pid": "1", "question": _CHART, "choices": ["2020", "2021"], "answer": "2021", "question_type": "multi_choice",
        "answer_type": "text", "precision": None, "unit": None, "metadata": {"source": "PlotQA", "skills": []},
    },
    "OwnTable": {"prompt": _ANGLE, "gold": "110", "picture": "figure.png"},
    "RLSDRelease": {
        "problem": f"<image>{_CHART}", "answer": "A", "options": ["2021", "2022"], "problem_type": "multiple choice",
        "images": ["chart.png"],
    },
    "ViRL39K": {"qid": "1", "question": f"<image>{_ANGLE}", "answer": "\\boxed{110}", "image": ["figure.png"]},
    "WeMath": {
        "ID": "2steps_1", "key": "2steps_1", "question": _ANGLE, "option": "A. 70;B. 110;C. 140", "answer": "B",
        "knowledge concept": "Angles and Length",
    },
    "ZeroBench": {"question_id": "1", "question_text": "How many red dice show a six?", "question_answer": "4"},
}  # fmt: skip
"""Rows by the name of the source's class."""
_ARGUMENTS: dict[str, dict[str, Any]] = {
    "DynaMath": {"variant": 1},
    "MMMU": {"subject": "Math"},
    "OwnTable": {"columns": {"question": "prompt", "answer": "gold", "images": "picture"}},
}
"""What the sources need beside the path of a file."""


def sample_prompt(id: str, source: str) -> str | None:
    """Write the prompt of a data set's invented row.

    Args:
        id: the environment's id.
        source: the name of its source's class.

    Returns:
        The prompt, with an `<image>` for each picture; None where there is no row for this class.

    """
    if source not in ROWS:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "row.jsonl"
        path.write_text(json.dumps(ROWS[source]), encoding="utf-8")
        env_kwargs = {"path": str(path), "images": "absent", **_ARGUMENTS.get(source, {})}
        with contextlib.closing(make_env(id, env_kwargs)) as env:
            return env.desk.prompt(env.desk.source.item(0).task).replace(ABSENT_IMAGE, IMAGE_PLACEHOLDER)
