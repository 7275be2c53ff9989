"""`rlsd/MathVerse-v0`: each problem in five versions, with ever more of it in the picture."""

from __future__ import annotations

from typing import Any, ClassVar

from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.sources.dataset import DataSource
from rlsd_env.sources.record import Record
from rlsd_env.sources.rows import facts, gradable, placed, text
from verifiers import AnswerKind, Reference

PROMPTS = ("question", "query_wo", "query_cot")
VERSIONS = ("Text Dominant", "Text Lite", "Text Only", "Vision Intensive", "Vision Dominant", "Vision Only")
_UNWRITTEN = "Solve the problem that is written in the picture."  # the question of "Vision Only" is empty


class MathVerse(DataSource):
    """788 problems of plane, solid and analytic geometry, each in five versions: 3,940 tasks.

    ## Description
    From "Text Dominant" to "Vision Only" what the text says moves into the picture. Options stand in the question.
    The versions of a problem stay in one fold; `groups()` gives them together.

    ## Action Space
    Text: the completion, with the answer in `<answer> </answer>`.

    ## Observation Space
    `question` (text with one `<image>`, none in the split of texts), `images`, `choices` (none), `feedback`,
    `turn`.

    ## Rewards
    1 for the right letter or an equal value, else 0. The paper's scores are a language model's judgement: theirs
    and these differ.

    ## Starting State
    A problem drawn from the fold by the seed, or `options={"task_id": "1"}`, or `{"task_index": n}`.

    ## Episode End
    After one completion.

    ## Information
    `task` with problem_index, problem_version, subject and subfield, `task_id`; after a step `verdict` and
    `reward/<part>`.

    ## Arguments
    `split`: "testmini" or "testmini_text_only" (788 tasks without picture). `version`: only one, e.g. "Vision
    Only"; None: all. `asked`: the column that is asked, "question" or, with answer_format="none", the paper's own
    prompts "query_wo" and "query_cot". Further those of `DataSource`.

    ## Version History
    v0: first version.

    Data: AI4Math/MathVerse, MIT licence; Zhang et al. 2024, arXiv 2403.14624.
    """

    hub_id: ClassVar[str] = "AI4Math/MathVerse"
    splits: ClassVar[tuple[str, ...]] = ("testmini", "testmini_text_only")
    columns: ClassVar[tuple[str, ...]] = ("problem_index", "problem_version", "question", "answer", "question_type")
    id_column: ClassVar[str] = "sample_index"
    group_columns: ClassVar[tuple[str, ...]] = ("problem_index",)
    filter_columns: ClassVar[tuple[str, ...]] = ("problem_version",)
    licence: ClassVar[str] = "MIT"

    def __init__(
        self,
        path: str | None = None,
        split: str | None = None,
        version: str | None = None,
        asked: str = "question",
        revision: str | None = None,
        skip_broken: bool = False,
        max_pixels: int | None = None,
        images: str = "required",
    ) -> None:
        if version is not None and version not in VERSIONS:
            raise ConfigurationError(one_of("version of MathVerse", version, VERSIONS))
        if asked not in PROMPTS:
            raise ConfigurationError(one_of("value of asked", asked, PROMPTS))
        self.version, self.asked = version, asked
        super().__init__(path, split, revision, skip_broken, max_pixels, images)

    def configs(self) -> tuple[str, ...]:
        """Name the configuration, which is called as its only split."""
        return (self.split,)

    def leave_out(self, cells: dict[str, Any]) -> str:
        """Leave the other versions out, where one is asked for."""
        return "another version" if self.version not in (None, cells["problem_version"]) else ""

    def convert(self, row: dict[str, Any]) -> Record:
        """Turn one row into a record."""
        with_picture = self.split == "testmini"
        question = str(row[self.asked] or "").strip()
        if not question and row["problem_version"] == "Vision Only":
            question = _UNWRITTEN
        question = question or text(row, self.asked)
        choice = row["question_type"] == "multi-choice"
        return Record(
            id=self.row_id(row),
            question=placed(question) if with_picture else question,
            reference=gradable(Reference(text(row, "answer").strip(), kind=AnswerKind.CHOICE if choice else None)),
            pictures=self.required_picture(row, "image") if with_picture else (),
            kind=AnswerKind.CHOICE if choice else None,
            metadata=facts(row, ("problem_index", "problem_version"))
            | facts(row.get("metadata") or {}, ("subject", "subfield")),
        )
