"""`rlsd/Table-v0`: any table of questions and answers, by saying which column is what."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.prompts import choice_letter
from rlsd_env.sources.cells import optional_text, shown, whole_number
from rlsd_env.sources.dataset import DataSource
from rlsd_env.sources.record import Record
from rlsd_env.sources.rows import facts, gradable, listed, pictures, placed, text, without_labels
from rlsd_env.sources.task_index import TaskIndex
from rlsd_env.task import IMAGE_PLACEHOLDER, unescaped
from verifiers import AnswerKind, Reference

Names = str | Sequence[str]
PRIVATE = ("answer", "solution", "trace")
PUBLIC = ("question", "choices", "images", "id", "kind")
SINGLE = ("question", "answer", "solution", "trace", "id", "kind", "unit", "precision")
SEVERAL = ("images", "choices", "group")
NEEDED = ("question", "answer")
ANSWERS = ("auto", "letter", "text")
"""How an answer among choices is read. `auto`: either way, but a letter that is another option's text is refused."""
MAPPING: dict[str, type] = {"columns": dict, "metadata": list, "answers": str, "licence": str, "train_allowed": bool}
"""What a mapping file may hold."""


class OwnTable(DataSource):
    """A table of the user's own: a file, a folder, or a data set of the Hugging Face hub.

    ## Description
    Each row is a task. `columns` says which column is what:

        gymnasium.make(
            "rlsd/Table-v0",
            path="my.parquet",
            columns={
                "question": "prompt",               # needed; "question" where left out
                "answer": "gold",                   # needed: the answer, or for choices a letter or an option's text
                "images": ["picture", "detail"],    # one column (an image or a list), or several columns
                "choices": "options",               # a list, a list written as JSON or Python, or several columns
                "solution": "rationale",            # for teachers only, as is "trace"
                "group": "figure",                  # rows that agree in it (one column or several) are in one fold
                "id": "uid",                        # left out, rows are called "train-0", "train-1" ..
                "kind": "type",                     # an AnswerKind, e.g. "integer"; left out or empty: inferred
                "unit": "unit",
                "precision": "decimals",
            },
            metadata=["subject"],
        )

    A table whose columns have these names already, such as question, answer and choices, needs no `columns`; where one
    of them is given, question and answer are found by their names, and nothing else is. A group is taken only where
    `columns` says so, which leaves the others found: without one, each row falls into a fold by its id.

    The same in a file, `mapping="table.toml"`:

        metadata = ["subject"]
        licence = "MIT"

        [columns]
        question = "prompt"
        answer = "gold"

    ## Action Space
    Text: the completion, with the answer in `<answer> </answer>`.

    ## Observation Space
    `question` (text with one `<image>` per picture; where the column has none they are put in front; write the word
    itself as `<!image>`), `images`, `choices`, `feedback`, `turn`.

    ## Rewards
    1 for the right option or an equal answer of its kind, else 0; pass `verifier` for rules of your own.

    ## Starting State
    A task drawn from the fold by the seed, or `options={"task_id": "train-0"}`, or `{"task_index": n}`.

    ## Episode End
    After one completion.

    ## Information
    `task` with the columns of `metadata`, `task_id`; after a step `verdict` and `reward/<part>`.

    ## Arguments
    `path`: a file (.parquet, .jsonl, .jsonl.gz, .json, .csv) or a folder; image paths in it are relative to the
    folder, and a picture may be a data URL, `data:image/png;base64,..`. `hub_id`, `config`, `revision`: a data set of
    the hub instead. `split`: "train", or another name. `columns`, `metadata`: as above. `answers`: what an answer among
    choices is, "letter" or "text" (of an option); "auto": either, and a row in which both readings differ is refused.
    `mapping`: a TOML file with all three. `licence`, `train_allowed`: what the tasks say of themselves. Further those
    of `DataSource`.

    ## Version History
    v0: first version.
    """

    column_advice: ClassVar[str] = "Correct `columns`, `metadata` or `mapping`"

    def __init__(
        self,
        path: str | None = None,
        columns: Mapping[str, Names] | Iterable[tuple[str, Names]] | None = None,
        metadata: Sequence[str] = (),
        mapping: str | None = None,
        hub_id: str | None = None,
        config: str | None = None,
        split: str = "train",
        licence: str = "unknown",
        train_allowed: bool = True,
        revision: str | None = None,
        skip_broken: bool = False,
        max_pixels: int | None = None,
        images: str = "required",
        answers: str = "auto",
    ) -> None:
        if (path is None) == (hub_id is None):
            raise ConfigurationError("a table needs path=FILE_OR_FOLDER or hub_id=NAME, and not both")
        if mapping is not None:
            if columns is not None or metadata or answers != "auto":
                raise ConfigurationError("mapping is given, and columns, metadata or answers too; give one of the two")
            read = _read_mapping(Path(mapping))
            columns, metadata, answers = read.get("columns"), read.get("metadata", ()), read.get("answers", answers)
            licence, train_allowed = read.get("licence", licence), read.get("train_allowed", train_allowed)
        if not isinstance(metadata, (list, tuple)) or not all(isinstance(name, str) for name in metadata):
            raise ConfigurationError(f"metadata is {metadata!r}; it must be a list of columns' names")
        if path is not None and not Path(path).exists():
            raise ConfigurationError(f"path {path!r} does not exist; it must be a file or a folder")
        if answers not in ANSWERS:
            raise ConfigurationError(one_of("value of answers", answers, ANSWERS))
        self.roles = _roles(columns)
        self.metadata_columns, self.answers = tuple(metadata), answers
        # for every other data set these belong to the class; here a table is described by its arguments
        self.hub_id = hub_id or ""  # type: ignore[misc]
        self.config = config  # type: ignore[misc]
        self.splits = (split,)  # type: ignore[misc]
        self.licence, self.train_allowed = licence, train_allowed  # type: ignore[misc]
        super().__init__(path, split, revision, skip_broken, max_pixels, images)

    def _scan(self, skip_broken: bool) -> TaskIndex:
        """Read ids, once it is known which column is what."""
        if len(self._table):
            self.roles = _completed(self.roles, self._table.names())
        _keep_apart(self.roles, self.metadata_columns)
        named = [name for names in self.roles.values() for name in names]
        self.columns = (*named, *self.metadata_columns)  # type: ignore[misc]
        self.group_columns = self.roles.get("group", ())  # type: ignore[misc]
        self.id_column = self.roles["id"][0] if "id" in self.roles else ""  # type: ignore[misc]
        return super()._scan(skip_broken)

    def convert(self, row: dict[str, Any]) -> Record:
        """Turn one row into a record.

        Raises:
            ValueError: a cell is not what its column was said to hold.

        """
        choices = without_labels(self._choices(row))
        kind = self._kind(row, bool(choices))
        question = text(row, self.roles["question"][0])
        image_columns = self.roles.get("images", ())
        if not any(IMAGE_PLACEHOLDER in choice for choice in choices):
            question = placed(question, sum(_count(row[name]) for name in image_columns))
        said = tuple(map(unescaped, choices))  # as a policy reads them, and answers
        return Record(
            id=self.row_id(row),
            question=question,
            reference=gradable(
                Reference(
                    self._choice(row, said) if choices and kind == AnswerKind.CHOICE else self._answer(row),
                    kind=kind,
                    choices=said,
                    precision=whole_number(self._cell(row, "precision"), "the precision"),
                    unit=self._text(row, "unit"),
                    solution=self._text(row, "solution"),
                )
            ),
            pictures=tuple(picture for name in image_columns for picture in pictures(self, row, name)),
            choices=choices,
            kind=kind,
            metadata=facts(row, self.metadata_columns),
            trace=self._text(row, "trace"),
        )

    def _cell(self, row: dict[str, Any], role: str) -> Any:
        return row[self.roles[role][0]] if role in self.roles else None

    def _text(self, row: dict[str, Any], role: str) -> str | None:
        return optional_text(self._cell(row, role), f"the {role}")

    def _kind(self, row: dict[str, Any], choices: bool) -> AnswerKind | None:
        value = self._text(row, "kind")
        if value is None:
            return AnswerKind.CHOICE if choices else None
        if value not in tuple(AnswerKind):
            raise ValueError(one_of("kind of answer", value, map(str, AnswerKind)))
        return AnswerKind(value)

    def _answer(self, row: dict[str, Any]) -> str:
        return text(row, self.roles["answer"][0]).strip()

    def _choice(self, row: dict[str, Any], choices: tuple[str, ...]) -> str:
        """Read the answer of a multiple-choice row, as a letter where its column says letter or text."""
        answer = self._answer(row)
        letters = [choice_letter(index) for index in range(len(choices))]
        letter = answer.strip("().").upper()
        options = [choice.strip() for choice in choices]
        exact = [option == answer for option in options]
        same = exact if any(exact) else [option.casefold() == answer.casefold() for option in options]
        texts = list(itertools.compress(letters, same))
        if self.answers == "letter":
            if letter not in letters:
                raise ValueError(f"the answer {shown(answer)} is not the letter of one of the {len(choices)} choices")
            return letter
        if self.answers == "text":
            if len(texts) != 1:
                raise ValueError(
                    f"the answer {shown(answer)} is the text of {len(texts)} of the choices {shown(options)}"
                )
            return texts[0]
        if letter in letters and texts and letter not in texts:
            raise ValueError(
                f"the answer {shown(answer)} is the letter of one option and the text of another ({texts[0]}); pass "
                'answers="letter" or answers="text" (also a key of a mapping file) to say which is meant'
            )
        return answer

    def _choices(self, row: dict[str, Any]) -> tuple[str, ...]:
        names = self.roles.get("choices", ())
        if len(names) == 1:
            return listed(row[names[0]], names[0])
        cells = [optional_text(row[name], f"column {name!r}") or "" for name in names]
        filled = [cell for cell in cells if cell]
        if cells[: len(filled)] != filled:
            empty = names[cells.index("")]
            raise ValueError(f"column {empty!r} is empty and a later choice is not; choices must not have gaps")
        return tuple(filled)


def _count(cell: object) -> int:
    return len(cell) if isinstance(cell, (list, tuple)) else int(cell is not None and cell != "")


def _roles(columns: Mapping[str, Names] | Iterable[tuple[str, Names]] | None) -> dict[str, tuple[str, ...]]:
    """Check which column is what; pairs are what a cached source's arguments become."""
    try:
        given = dict(columns or {})
    except (TypeError, ValueError):
        raise ConfigurationError(f"columns is {columns!r}; it must say which column is what, as a dictionary") from None
    roles: dict[str, tuple[str, ...]] = {}
    for role, names in given.items():
        if role not in (*SINGLE, *SEVERAL):
            raise ConfigurationError(one_of("key of columns", role, (*SINGLE, *SEVERAL)))
        several = (names,) if isinstance(names, str) or not isinstance(names, Iterable) else tuple(names)
        if not several or not all(isinstance(name, str) and name for name in several):
            raise ConfigurationError(f"columns[{role!r}] is {names!r}; it must be the name of a column")
        if role in SINGLE and len(several) > 1:
            raise ConfigurationError(f"columns[{role!r}] names {len(several)} columns; only {', '.join(SEVERAL)} may")
        roles[role] = several
    return roles


def _completed(roles: Mapping[str, tuple[str, ...]], names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Add the columns that are called what they are: all where none is named but group, else question and answer."""
    # a column that happens to be called group would change the folds
    own = NEEDED if roles.keys() - {"group"} else tuple(role for role in (*SINGLE, *SEVERAL) if role != "group")
    complete = {**{role: (role,) for role in own if role in names}, **roles}
    for role in NEEDED:
        if role not in complete:
            raise ConfigurationError(
                f"columns has no {role!r}, and no column is called so (the table has {', '.join(names)}); say which "
                f'one it is: columns={{"{role}": NAME, ..}}'
            )
    return complete


def _keep_apart(roles: Mapping[str, tuple[str, ...]], metadata: Sequence[str]) -> None:
    """Refuse a column that is the answer, or leads to it, and is shown to a student too."""
    shown = {role: roles[role] for role in PUBLIC if role in roles} | {"metadata": metadata}
    for private, (public, names) in itertools.product(PRIVATE, shown.items()):
        for name in set(roles.get(private, ())).intersection(names):
            raise ConfigurationError(
                f"column {name!r} is the {private}, and {public} too, which a student sees; name another column as "
                f"{public}, or leave it out"
            )


def _read_mapping(file: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"mapping {str(file)!r} cannot be read as TOML ({error})") from error
    for key, value in content.items():
        if key not in MAPPING:
            raise ConfigurationError(one_of(f"key of {file.name}", key, MAPPING))
        if not isinstance(value, MAPPING[key]):
            raise ConfigurationError(f"{key} of {file.name} is {value!r}; it must be a {MAPPING[key].__name__}")
    return content
