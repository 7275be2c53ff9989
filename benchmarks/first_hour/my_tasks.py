"""Tasks and a verifier that a user might write, with a fault: copied into the folder where the mistakes are made."""

# mypy: ignore-errors

from __future__ import annotations

import numpy as np
from PIL import Image

from rlsd_env import Item, Privileged, Task, TaskSource
from verifiers import AnswerKind, Reference, Status, Verdict, Verifier


class Sums(TaskSource):
    """Sums of two digits, or what `fault` says instead."""

    def __init__(self, fault: str = ""):
        self.fault = fault

    def __len__(self):
        return 100

    def item(self, index):
        """Make a sum, or something else."""
        answer = str(index // 10 + index % 10)
        pictures = {
            "empty": np.zeros((0, 0, 3), np.uint8),
            "line": np.zeros((2, 900, 3), np.uint8),
            "huge": np.broadcast_to(np.zeros(3, np.uint8), (20_000, 20_000, 3)),
            "pil": Image.new("RGB", (32, 32)),
        }
        images = (pictures[self.fault],) if self.fault in pictures else ()
        question = "<image>" * len(images) + f"What is {index // 10} + {index % 10}?"
        task = Task(id=f"sum-{index}", question=question, images=images, kind=AnswerKind.INTEGER)
        item = Item(task, Privileged(Reference(answer, kind=AnswerKind.INTEGER)))
        wrong = {"none": None, "text": question, "list": [item]}
        if self.fault == "raises":
            raise KeyError("width")
        return wrong.get(self.fault, item)

    def index_of(self, task_id):
        """Return a task's number."""
        return int(task_id.removeprefix("sum-"))

    def fold(self, name):
        """Divide the tasks."""
        return {"all": range(100), "train": range(60), "tuning": range(60, 70), "heldout": range(70, 100)}[name]


class Marks(Verifier):
    """Returns what `fault` says."""

    def __init__(self, fault: str = ""):
        self.fault = fault

    def verify(self, response, reference):
        """Judge a response, or do something else."""
        if self.fault == "raises":
            raise AttributeError("'NoneType' object has no attribute 'group'")
        while self.fault == "hangs":
            pass
        right = reference.answer in response
        verdict = Verdict(float(right), right, response, Status.OK, "")
        wrong = {
            "float": 1.0,
            "none": None,
            "tuple": (1.0, "right"),
            "fields": Verdict("1", "yes", response, Status.OK, ""),
            "nan": Verdict(float("nan"), True, response, Status.OK, ""),
        }
        return wrong.get(self.fault, verdict)
