"""`DataSource`: a data set of the Hugging Face hub, or a local copy of it, as a source of tasks."""

from __future__ import annotations

import abc
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

from rlsd_env.errors import ConfigurationError, DataError, one_of
from rlsd_env.sources.base import TaskSource
from rlsd_env.sources.cache import THREADS, ItemCache
from rlsd_env.sources.cells import joined
from rlsd_env.sources.opening import Origin, open_tables
from rlsd_env.sources.pictures import DATA_URL, SKIP_THEM, Picture, quoted
from rlsd_env.sources.record import Record
from rlsd_env.sources.tables import MissingColumnError
from rlsd_env.sources.task_index import TaskIndex
from rlsd_env.task import Item, Privileged, Task

IMAGES = ("required", "absent")
"""`required`: every row has its pictures. `absent`: texts only, "[image]" where a picture belongs."""
ABSENT_IMAGE = "[image]"
_NUMBER = "__row_number__"
_BROKEN = (ValueError, TypeError, LookupError, AttributeError)  # what a broken cell makes `convert` raise


class DataSource(TaskSource):
    """A split of a data set. A subclass names the data set and its columns, and converts a row.

    Args:
        path: a local copy: a folder in the hub's layout, a folder with `<split>.jsonl` (or .jsonl.gz, .json,
            .parquet, .csv), or one such file, which then is the split. Image paths in it are relative to the folder,
            and a picture may be a data URL, "data:image/png;base64,..". None: the hub, through the library `datasets`
            and its cache.
        split: one of `splits`; None: the first.
        revision: a branch, tag or commit on the hub; None: the latest.
        skip_broken: leave rows out that cannot be read (a line that is not JSON or not UTF-8, a row without a column
            or an id) or converted, or of which a picture is missing or cannot be decoded to its end. All rows are
            converted and all pictures decoded at once, a JPEG at an eighth of its size: 304 of MathVision in 0.3 s on
            two cores. A warning counts what is left out, `skipped` tells why. Two rows of one id are refused all the
            same.
        max_pixels: larger pictures are scaled down to so many pixels.
        images: "required", or "absent" for a copy without pictures, to check texts and golds only: each picture is
            then written as "[image]".

    Attributes:
        hub_id: the data set's name on the hub.
        config: the hub's configuration, None for the only one. See `configs` for several.
        splits: the splits that can be opened, the default first.
        withheld: further splits, whose answers are not public.
        columns: columns that every row must have.
        id_column: the column that names a row, or several that do together; "": rows have no id and are called
            "<split>-<row number>", from 0.
        group_columns: columns in which rows that belong together agree; a fold keeps such a group whole. Empty:
            rows are independent.
        filter_columns: further columns that `leave_out` reads.
        column_advice: what to do about a column that is not there, for messages.
        licence: the licence of the data.
        train_allowed: whether the data's terms allow training.
        gated: whether the hub asks to accept terms before it hands the data out.
        revision: of an instance, the exact content: a commit of the hub or a fingerprint of the files.
        skipped: the ids of broken rows that were skipped, with what is wrong; of a row that has none or cannot be
            read, its place instead, e.g. "train.jsonl, line 3".
        left_out: how many rows `leave_out` refused, by reason.

    Raises:
        ConfigurationError: an argument is not usable, or the data are not there.
        DataError: the data are broken.

    """

    hub_id: ClassVar[str]
    config: ClassVar[str | None] = None
    splits: ClassVar[tuple[str, ...]]
    withheld: ClassVar[tuple[str, ...]] = ()
    columns: ClassVar[tuple[str, ...]]
    id_column: ClassVar[str | tuple[str, ...]] = "id"
    group_columns: ClassVar[tuple[str, ...]] = ()
    filter_columns: ClassVar[tuple[str, ...]] = ()
    column_advice: ClassVar[str] = "Rename its columns to the data set's own, or download it again"
    licence: ClassVar[str]
    train_allowed: ClassVar[bool] = True
    gated: ClassVar[bool] = False

    def __init__(
        self,
        path: str | None = None,
        split: str | None = None,
        revision: str | None = None,
        skip_broken: bool = False,
        max_pixels: int | None = None,
        images: str = "required",
    ) -> None:
        self.split = self._split(split)
        if images not in IMAGES:
            raise ConfigurationError(one_of("value of images", images, IMAGES))
        if max_pixels is not None and max_pixels < 1:
            raise ConfigurationError(f"max_pixels is {max_pixels}; it must be 1 or more, or None for no limit")
        if path is not None and revision is not None:
            raise ConfigurationError(f"revision {revision!r} is one of the hub's; a local copy (path) has none")
        self.path, self.images, self.max_pixels = path, images, max_pixels
        local = None if path is None else Path(path)
        self._folder = local if local is None or local.is_dir() else local.parent
        self._table = open_tables(
            [Origin(self.hub_id, config, self.split, local, revision, self.gated) for config in self.configs()]
        )
        self.revision = self._table.revision
        self.skipped: dict[str, str] = {}
        self.left_out: Counter[str] = Counter()
        self._cache = ItemCache(self._load)
        self._index = self._scan(skip_broken)
        if skip_broken:
            self._skip_broken()
        if not self._index:
            raise DataError(f"{self._table.label} holds no usable rows; {self._why_empty()}")

    # what a subclass defines

    @abc.abstractmethod
    def convert(self, row: dict[str, Any]) -> Record:
        """Turn one row into a record, without decoding a picture.

        Use `row_id(row)` for the id and `picture(cell)` for pictures.

        Raises:
            ValueError: the row is broken; the message says how. File, row and id are put in front of it.

        """

    def configs(self) -> Sequence[str | None]:
        """Name the hub's configurations that are opened, one after the other; called before anything is opened."""
        return (self.config,)

    def leave_out(self, cells: dict[str, Any]) -> str:
        """Say why a row is no task although it is not broken, in a few words; "" for a task.

        Args:
            cells: the row's columns of ids, groups and `filter_columns`, where they are there; of an image only
                True or None. A table of JSON gives whole rows.

        Raises:
            ValueError: a cell is not of its column's type. File and row are put in front of the message.

        """
        return ""

    # for subclasses

    def row_id(self, row: dict[str, Any]) -> str:
        """Return the id of a row that `convert` was given."""
        return self._id(row, row.get(_NUMBER, 0))

    def where(self, row: dict[str, Any]) -> str:
        """Name a row in a message: file or split, row and id."""
        return f"{self._table.where(row.get(_NUMBER, 0))} (id {self.row_id(row)})"

    def picture(self, cell: Any) -> Picture | None:
        """Make a picture of an image cell, undecoded.

        Args:
            cell: {"bytes": .., "path": ..} as the hub's image columns hold, bytes, a path relative to the data
                set's folder, a data URL ("data:image/png;base64,.."), or None or "" for no picture.

        Raises:
            DataError: a path leads out of the folder, or there is no folder.
            ValueError: the cell is something else.

        """
        if isinstance(cell, dict):
            data, path = cell.get("bytes"), cell.get("path")
            return Picture(data=bytes(data), name=str(path or "image")) if data is not None else self.picture(path)
        if cell is None or cell == "":
            return None
        if isinstance(cell, bytes):
            return Picture(data=cell)
        if not isinstance(cell, str):
            raise ValueError(f"an image cell is a {type(cell).__name__}; it must be an image, a path or a data URL")
        if cell[: len(DATA_URL)].lower() == DATA_URL:
            return Picture(url=cell, name=cell)
        if self._folder is None:
            raise DataError(f"image {quoted(cell)} is a path, and the hub's table does not hold it; {self._download}")
        return Picture.inside(self._folder, cell)

    def required_picture(self, row: dict[str, Any], *columns: str) -> tuple[Picture, ...]:
        """Return the picture in the first of `columns` that has one; none where images are absent.

        Raises:
            DataError: no column has one.

        """
        if self.images == "absent":
            return ()
        for column in columns:
            if (picture := self.picture(row.get(column))) is not None:
                return (picture,)
        raise DataError(
            f"no image in column {' or '.join(columns)}; download the data set with its images, or pass "
            'images="absent" to read texts only'
        )

    # opening

    def _split(self, split: str | None) -> str:
        split = self.splits[0] if split is None else split
        if split in self.withheld:
            raise ConfigurationError(
                f"split {split!r} of {self.hub_id} has no public answers, so nothing can be graded here; "
                f"use {' or '.join(map(repr, self.splits))}, or hand predictions in at the benchmark's own site"
            )
        if split not in self.splits:
            raise ConfigurationError(one_of(f"split of {type(self).__name__}", split, self.splits))
        return split

    @property
    def _download(self) -> str:
        return Origin(self.hub_id, self.config, self.split, None, None, self.gated).download

    def _why_empty(self) -> str:
        if self.skipped:
            return next(iter(self.skipped.values()))
        if self.left_out:
            return "left out were " + ", ".join(f"{count:,} ({reason})" for reason, count in self.left_out.items())
        return self._download if self.path is None else "it is empty: write rows into it, or pass another path"

    @property
    def _id_columns(self) -> tuple[str, ...]:
        return (self.id_column,) if isinstance(self.id_column, str) else self.id_column

    def _id(self, cells: dict[str, Any], number: int) -> str:
        if not self.id_column:
            return f"{self.split}-{number}"
        return joined(cells, self._id_columns)

    def _scan(self, skip_broken: bool) -> TaskIndex:
        """Read ids and groups of all rows, once, and nothing of their images."""
        id_columns = tuple(filter(None, self._id_columns))
        wanted = {*id_columns, *self.group_columns, *self.filter_columns}
        required = tuple(dict.fromkeys((*id_columns, *self.group_columns, *self.columns)))
        index, seen = TaskIndex(), dict[str, int]()
        for number, cells in enumerate(self._cells(tuple(wanted), required)):
            where = self._table.where(number)
            try:
                task_id, group, reason = self._named(cells, number)
            except DataError as error:
                if not skip_broken:
                    raise
                self.skipped[where] = str(error)
                continue
            if task_id in seen:
                raise DataError(
                    f"{where}: id {task_id!r} is at {self._table.where(seen[task_id])} already; ids must be unique: "
                    "remove one of the rows"
                )
            seen[task_id] = number
            if reason:
                self.left_out[reason] += 1
            else:
                index.add(number, task_id, group)
        return index

    def _named(self, cells: dict[str, Any] | DataError, number: int) -> tuple[str, str, str]:
        """Return a row's id, its group, and why it is left out."""
        if isinstance(cells, DataError):
            raise cells
        try:
            task_id = self._id(cells, number)
            return task_id, joined(cells, self.group_columns) or task_id, self.leave_out(cells)
        except _BROKEN as error:
            raise self._row_error(self._table.where(number), error) from error

    def _cells(self, columns: Sequence[str], required: Sequence[str]) -> Iterator[dict[str, Any] | DataError]:
        """Read columns of all rows; where one is missing the error says what to do."""
        try:
            for cells in self._table.cells(columns, required):
                yield self._advised(cells) if isinstance(cells, MissingColumnError) else cells
        except MissingColumnError as error:
            raise self._advised(error) from error

    def _advised(self, error: MissingColumnError) -> DataError:
        return DataError(f"{error}. {self.column_advice}")

    def _skip_broken(self) -> None:
        total = len(self._index) + len(self.skipped)
        with ThreadPoolExecutor(THREADS) as pool:
            faults = pool.map(self._fault, range(len(self._index)))
            self.skipped |= {task_id: fault for task_id, fault in zip(self._index.ids, faults) if fault}
        if self.skipped:
            warnings.warn(
                f"{self._table.label}: {len(self.skipped)} of {total} rows are broken and skipped, e.g. "
                f"{', '.join(list(self.skipped)[:5])}; source.skipped says why",
                stacklevel=3,
            )
            self._index = self._index.without(self.skipped)

    def _fault(self, index: int) -> str:
        """Say what is wrong with a row or its pictures; "" for nothing."""
        try:
            for picture in self.record(index).pictures:
                picture.check()
        except DataError as error:
            return str(error)
        return ""

    # use

    def __len__(self) -> int:
        return len(self._index)

    def record(self, index: int) -> Record:
        """Return row number `index` with its pictures undecoded.

        Raises:
            DataError: the row is broken.
            IndexError: there is no such row.

        """
        if not 0 <= index < len(self):
            raise IndexError(f"task index {index}: it must be 0 to {len(self) - 1}")
        number = self._index.rows[index]
        where = f"{self._table.where(number)} (id {self._index.ids[index]})"
        try:
            record = self.convert({**self._table.row(number), _NUMBER: number})
            return record.without_pictures(ABSENT_IMAGE) if self.images == "absent" else record.in_row(where)
        except _BROKEN as error:
            raise self._row_error(where, error) from error

    @staticmethod
    def _row_error(where: str, error: Exception) -> DataError:
        """Put the place of a broken row in front of what is wrong, and the fix behind."""
        what = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        return DataError(f"{where}: {what.removeprefix(f'{where}: ')}. Correct the row, or {SKIP_THEM}")

    def privileged(self, index: int) -> Privileged:
        """Return the privileged part of task number `index`, without its pictures."""
        record = self.record(index)
        return Privileged(record.reference, record.trace, record.extras)

    def row(self, index: int) -> dict[str, Any]:
        """Return row number `index` as the data set has it, its answer included."""
        if not 0 <= index < len(self):
            raise IndexError(f"task index {index}: it must be 0 to {len(self) - 1}")
        return self._table.row(self._index.rows[index])

    def _load(self, index: int) -> Item:
        record = self.record(index)
        return Item(
            Task(
                id=record.id,
                question=record.question,
                images=tuple(picture.decode(self.max_pixels) for picture in record.pictures),
                choices=record.choices,
                kind=record.kind,
                metadata=record.metadata,
                licence=self.licence,
                train_allowed=self.train_allowed,
            ),
            Privileged(record.reference, record.trace, record.extras),
        )

    def item(self, index: int) -> Item:
        """Return task number `index`; the latest stay decoded, up to `rlsd_env.sources.cache.LIMIT_BYTES`.

        Raises:
            DataError: the row or a picture is broken.
            IndexError: there is no such task.

        """
        return self._cache.get(index)

    def prefetch(self, indices: Sequence[int]) -> None:
        """Begin to decode tasks in the background, as many as the cache holds."""
        self._cache.prefetch(indices)

    def index_of(self, task_id: str) -> int:
        """Look an id up."""
        if task_id in self.skipped:
            raise ConfigurationError(f"task {task_id!r} was skipped: {self.skipped[task_id]}")
        return self._index.number_of(task_id)

    def groups(self) -> dict[str, list[int]]:
        """Return the task numbers of each group; without `group_columns` every task is a group of its own."""
        return self._index.groups()

    def fold(self, name: str) -> Sequence[int]:
        """Return a fold: "heldout" is a fixed fifth of the groups, by their names, "tuning" a tenth."""
        return self._index.fold(name)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_cache"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._cache = ItemCache(self._load)
