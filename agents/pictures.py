"""Pictures of the next step: decoded, resized and cut into patches in the background while the weights move."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from agents.policy.media import MediaProcessor
from rlsd_env.sources import TaskSource

_LOG = logging.getLogger(__name__)


class PicturesAhead:
    """Makes pictures ready before they are asked for.

    A source that has nothing to load ahead draws its pictures anew each time; of such a one nothing is processed here.

    Args:
        source: of the tasks.
        media: where processed pictures are kept.

    """

    def __init__(self, source: TaskSource, media: MediaProcessor) -> None:
        self._source = source
        self._media = media
        self._pool = ThreadPoolExecutor(1, "pictures") if type(source).prefetch is not TaskSource.prefetch else None

    def begin(self, indices: Sequence[int]) -> None:
        """Begin with the pictures of some tasks."""
        self._source.prefetch(indices)
        if self._pool is not None and self._media.sees:
            for index in indices:
                self._pool.submit(self._process, index)

    def _process(self, index: int) -> None:
        try:
            self._media.images(self._source.item(index).task.images)
        except Exception:  # it is raised again when the task is asked for
            _LOG.debug("task %d could not be made ready", index, exc_info=True)

    def close(self) -> None:
        """Drop what has not begun."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
