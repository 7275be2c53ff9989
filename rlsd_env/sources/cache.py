"""`ItemCache`: the latest decoded items of a source, bounded by bytes, and a thread pool that decodes ahead."""

from __future__ import annotations

import functools
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from rlsd_env.task import Item

LIMIT_BYTES = 256 * 2**20
"""How many bytes of decoded items one source keeps."""
THREADS = min(4, os.cpu_count() or 1)
"""How many pictures are decoded at a time; Pillow releases the interpreter while it decodes."""
_OVERHEAD_BYTES = 4096  # counted for an item beside its pictures and long texts


class ItemCache:
    """Items by number, the least recently used first out.

    An item is loaded once, however many threads ask for it at a time. What was loaded ahead and not fetched yet is
    never pushed out; when it fills the cache, loading ahead stops. An error while loading ahead is dropped: `get`
    loads the item again and raises it.

    Args:
        load: makes item number n; called in any thread.
        limit_bytes: how many bytes are kept. What is being decoded at the moment comes on top.

    """

    def __init__(self, load: Callable[[int], Item], limit_bytes: int = LIMIT_BYTES) -> None:
        self._load = load
        self._limit = limit_bytes
        self._forget()
        _CACHES.add(self)

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._items: OrderedDict[int, tuple[Item, int]] = OrderedDict()
        self._loading: dict[int, Future[Item]] = {}
        self._wanted: dict[int, None] = {}  # to be loaded ahead, in order
        self._ahead: set[int] = set()  # loaded ahead and not fetched yet
        self.nbytes = 0

    def get(self, index: int) -> Item:
        """Return an item: from the cache, from a thread that loads it already, or loaded now.

        Raises:
            Exception: what loading it raises.

        """
        with self._lock:
            self._wanted.pop(index, None)
        return self._fetch(index, ahead=False)

    def prefetch(self, indices: Iterable[int]) -> None:
        """Begin to load items in the background, in their order, as many as fit; what was loaded before may go."""
        with self._lock:
            self._ahead.clear()
            self._wanted = dict.fromkeys(index for index in indices if index not in self._items)
            count = len(self._wanted)
        for _ in range(count):
            _pool().submit(self._load_next)

    def _load_next(self) -> None:
        with self._lock:
            if not self._wanted:
                return
            index = next(iter(self._wanted))
            del self._wanted[index]
        self._fetch(index, ahead=True)

    def _fetch(self, index: int, *, ahead: bool) -> Item:
        with self._lock:
            if not ahead:
                self._ahead.discard(index)
            if index in self._items:
                self._items.move_to_end(index)
                return self._items[index][0]
            other = self._loading.get(index)
            if other is None:
                own = self._loading[index] = Future[Item]()
        if other is not None:
            return other.result()
        try:
            item = self._load(index)
        except BaseException as error:
            with self._lock:
                self._loading.pop(index, None)
            own.set_exception(error)
            raise
        with self._lock:
            self._loading.pop(index, None)
            self._keep(index, item, ahead=ahead)
        own.set_result(item)
        return item

    def _keep(self, index: int, item: Item, *, ahead: bool) -> None:
        size = _size(item)
        for old in [number for number in self._items if number not in self._ahead]:
            if self.nbytes + size <= self._limit:
                break
            self.nbytes -= self._items.pop(old)[1]
        if self.nbytes + size <= self._limit:
            self._items[index] = (item, size)
            self.nbytes += size
            if ahead:
                self._ahead.add(index)
        elif ahead:
            self._wanted.clear()


def _size(item: Item) -> int:
    texts = (item.task.question, item.privileged.trace or "", item.privileged.reference.solution or "")
    return _OVERHEAD_BYTES + sum(image.nbytes for image in item.task.images) + 2 * sum(map(len, texts))


_CACHES: weakref.WeakSet[ItemCache] = weakref.WeakSet()


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="rlsd-decode")


def _after_fork() -> None:
    """A forked process has none of its parent's threads: begin anew."""
    _pool.cache_clear()
    for cache in list(_CACHES):
        cache._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
