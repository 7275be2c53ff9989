"""`rlsd/DynaMath-v0`: ten variants of each problem, for worst-case accuracy."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, ClassVar

from rlsd_env.errors import ConfigurationError
from rlsd_env.sources.base import TaskSource
from rlsd_env.sources.cache import ItemCache
from rlsd_env.sources.dataset import DataSource
from rlsd_env.sources.record import Record
from rlsd_env.sources.rows import facts, gradable, placed, text
from rlsd_env.task import Item
from verifiers import AnswerKind, Reference

VARIANTS = 10
KINDS = {"multiple choice": AnswerKind.CHOICE, "float": AnswerKind.DECIMAL, "text": AnswerKind.TEXT}
"""How answers of each answer_type are compared."""


class DynaMathVariant(DataSource):
    """One variant of each of DynaMath's problems; see `DynaMath`, whose parts these are."""

    hub_id: ClassVar[str] = "DynaMath/DynaMath_Sample"
    splits: ClassVar[tuple[str, ...]] = tuple(f"sample_variant{number}" for number in range(1, VARIANTS + 1))
    columns: ClassVar[tuple[str, ...]] = ("question", "ground_truth", "answer_type")
    licence: ClassVar[str] = "Apache-2.0"

    def convert(self, row: dict[str, Any]) -> Record:
        """Turn one row into a record.

        Raises:
            ValueError: the answer_type is unknown.

        """
        kind = KINDS.get(row["answer_type"])
        if kind is None:
            raise ValueError(f"column 'answer_type' is {row['answer_type']!r}; it must be one of {', '.join(KINDS)}")
        return Record(
            id=self.row_id(row),
            question=placed(text(row, "question")),
            reference=gradable(
                Reference(
                    text(row, "ground_truth").strip(), kind=kind, precision=3 if kind is AnswerKind.DECIMAL else None
                )
            ),
            pictures=self.required_picture(row, "decoded_image", "image"),
            kind=kind,
            metadata=facts(row, ("subject", "knowledge_level")),
        )

    def decoded(self, index: int) -> Item:
        """Return task number `index`, decoded anew: `DynaMath` keeps what is decoded."""
        return self._load(index)


class DynaMath(TaskSource):
    """501 problems of mathematics, of each of which ten variants differ in numbers, functions or drawing.

    ## Description
    Plots, figures and tables; the answer is an option's letter, a number or a few words. Options stand in the
    question. The variants of a problem stay in one fold; `groups()` gives them together.

    ## Action Space
    Text: the completion, with the answer in `<answer> </answer>`. The paper asks for JSON instead.

    ## Observation Space
    `question` (text with one `<image>`), `images` (one picture), `choices` (none), `feedback`, `turn`.

    ## Rewards
    1 for the right letter, the same words, or a number equal to three decimals (the paper: within .001; and words
    that are part of the gold answer count there), else 0.

    ## Starting State
    A task drawn from the fold by the seed, or `options={"task_id": "1-v10"}` (problem 1, variant 10), or
    `{"task_index": n}`.

    ## Episode End
    After one completion.

    ## Information
    `task` with variant, subject and knowledge_level, `task_id`; after a step `verdict` and `reward/<part>`.

    ## Arguments
    `variant`: 1 to 10; None: all, 5,010 tasks. `path`, `revision`, `skip_broken`, `max_pixels`, `images`: as for
    `DataSource`; a file as `path` holds one variant and needs `variant`.

    ## Version History
    v0: first version.

    Data: DynaMath/DynaMath_Sample, Apache-2.0; Zou et al. 2024, arXiv 2411.00836.
    """

    licence: ClassVar[str] = DynaMathVariant.licence

    hub_id: ClassVar[str] = DynaMathVariant.hub_id

    def __init__(
        self,
        path: str | None = None,
        variant: int | None = None,
        revision: str | None = None,
        skip_broken: bool = False,
        max_pixels: int | None = None,
        images: str = "required",
    ) -> None:
        if variant is not None and variant not in range(1, VARIANTS + 1):
            raise ConfigurationError(f"variant is {variant!r}; it must be 1 to {VARIANTS}, or None for all")
        self.variants = tuple(range(1, VARIANTS + 1)) if variant is None else (variant,)
        self._parts = {
            number: DynaMathVariant(path, f"sample_variant{number}", revision, skip_broken, max_pixels, images)
            for number in self.variants
        }
        self._places = [(number, index) for number, part in self._parts.items() for index in range(len(part))]
        self._cache = ItemCache(self._load)

    @property
    def revision(self) -> str:
        """The exact content of all variants."""
        return "+".join(dict.fromkeys(part.revision for part in self._parts.values()))

    @property
    def skipped(self) -> dict[str, str]:
        """The ids of broken rows that were skipped, with what is wrong."""
        return {f"{id}-v{number}": why for number, part in self._parts.items() for id, why in part.skipped.items()}

    def __len__(self) -> int:
        return len(self._places)

    def record(self, index: int) -> Record:
        """Return task number `index` with its picture undecoded.

        Raises:
            DataError: the row is broken.
            IndexError: there is no such task.

        """
        number, inner = self._place(index)
        record = self._parts[number].record(inner)
        return dataclasses.replace(record, id=f"{record.id}-v{number}", metadata={**record.metadata, "variant": number})

    def item(self, index: int) -> Item:
        """Return task number `index`; the latest stay decoded.

        Raises:
            DataError: the row or its picture is broken.
            IndexError: there is no such task.

        """
        self._place(index)
        return self._cache.get(index)

    def prefetch(self, indices: Sequence[int]) -> None:
        """Begin to decode tasks in the background, as many as the cache holds."""
        self._cache.prefetch(indices)

    def index_of(self, task_id: str) -> int:
        """Look up an id such as "1-v10"."""
        problem, mark, variant = task_id.rpartition("-v")
        if not mark or not variant.isdecimal() or int(variant) not in self._parts:
            raise ConfigurationError(
                f"unknown task id {task_id!r}; ids are PROBLEM-vN, N one of {', '.join(map(str, self.variants))}"
            )
        return self._places.index((int(variant), self._parts[int(variant)].index_of(problem)))

    def groups(self) -> dict[str, list[int]]:
        """Return the task numbers of each problem's variants."""
        ids = {
            number: {index: name for name, (index,) in part.groups().items()} for number, part in self._parts.items()
        }
        found: dict[str, list[int]] = {}
        for index, (number, inner) in enumerate(self._places):
            found.setdefault(ids[number][inner], []).append(index)
        return found

    def fold(self, name: str) -> Sequence[int]:
        """Return a fold, in which all variants of a problem are: that of the problem's id, see `DataSource.fold`."""
        chosen = {number: set(part.fold(name)) for number, part in self._parts.items()}
        return [index for index, (number, inner) in enumerate(self._places) if inner in chosen[number]]

    def metrics(self, correct: Mapping[str, float]) -> dict[str, float]:
        """Aggregate scores as the paper does.

        Args:
            correct: by task id, 1.0 where the response is right, else 0.0; every task must be there.

        Returns:
            `average` over all tasks, and `worst_case`: the share of problems of which all variants are right.

        Raises:
            ConfigurationError: a task is missing.

        """
        by_problem: dict[str, list[float]] = {}
        for problem, indices in self.groups().items():
            for index in indices:
                task_id = f"{problem}-v{self._places[index][0]}"
                if task_id not in correct:
                    raise ConfigurationError(f"no score for task {task_id!r}; worst-case accuracy needs every variant")
                by_problem.setdefault(problem, []).append(correct[task_id])
        return {
            "average": fmean(score for scores in by_problem.values() for score in scores),
            "worst_case": fmean(min(scores) for scores in by_problem.values()),
        }

    def _place(self, index: int) -> tuple[int, int]:
        if not 0 <= index < len(self):
            raise IndexError(f"task index {index}: it must be 0 to {len(self) - 1}")
        return self._places[index]

    def _load(self, index: int) -> Item:
        number, inner = self._places[index]
        item = self._parts[number].decoded(inner)
        metadata = {**item.task.metadata, "variant": number}
        task = dataclasses.replace(item.task, id=f"{item.task.id}-v{number}", metadata=metadata)
        return dataclasses.replace(item, task=task)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_cache"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._cache = ItemCache(self._load)
