"""Items are loaded once, the cache is bounded by bytes, loading ahead stops when it is full, and a fork works."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest

from rlsd_env.sources.cache import ItemCache
from rlsd_env.task import Item, Privileged, Task
from verifiers import Reference

SIZE = 300_000
"""Bytes of one picture of the items here."""


def made(number):
    task = Task(str(number), "<image>", images=(np.full((100, 1000, 3), number, np.uint8),))
    return Item(task, Privileged(Reference("1")))


class Loader:
    """Makes items, counts, and waits where it is told to."""

    def __init__(self):
        self.loaded = []
        self.go = threading.Event()
        self.go.set()
        self.begun = threading.Event()

    def __call__(self, number):
        self.loaded.append(number)
        self.begun.set()
        assert self.go.wait(10)
        if number < 0:
            raise ValueError(f"item {number} is broken")
        return made(number)


def settled(cache):
    """Wait until nothing is loaded ahead any more."""
    for _ in range(1000):
        with cache._lock:
            if not cache._wanted and not cache._loading:
                return
        threading.Event().wait(0.005)
    raise AssertionError("still loading")


def test_an_item_is_loaded_once_and_the_oldest_goes_first():
    loader = Loader()
    cache = ItemCache(loader, limit_bytes=2 * (SIZE + 5000))
    assert cache.get(1) is cache.get(1)
    cache.get(2)
    cache.get(1)
    cache.get(3)  # pushes 2 out
    cache.get(1)
    cache.get(2)
    assert loader.loaded == [1, 2, 3, 2]
    assert cache.nbytes <= 2 * (SIZE + 5000)


def test_an_item_larger_than_the_cache_is_returned_and_not_kept():
    cache = ItemCache(Loader(), limit_bytes=SIZE // 2)
    assert cache.get(7).task.id == "7"
    assert cache.nbytes == 0


def test_long_traces_count_as_well():
    item = Item(Task("1", "?"), Privileged(Reference("1"), trace="x" * 1_000_000))
    cache = ItemCache(lambda number: item, limit_bytes=5_000_000)
    for number in range(9):
        cache.get(number)
    assert 4_000_000 <= cache.nbytes <= 5_000_000  # two items: a character may take two bytes


def test_what_is_loaded_ahead_is_not_loaded_again():
    loader = Loader()
    cache = ItemCache(loader)
    cache.prefetch([4, 5, 6])
    settled(cache)
    assert [cache.get(number).task.id for number in (4, 5, 6)] == ["4", "5", "6"]
    assert sorted(loader.loaded) == [4, 5, 6]


def test_get_waits_for_what_is_being_loaded_ahead():
    loader = Loader()
    loader.go.clear()
    cache = ItemCache(loader)
    cache.prefetch([4])
    assert loader.begun.wait(10)
    threading.Timer(0.05, loader.go.set).start()
    assert cache.get(4).task.id == "4"
    assert loader.loaded == [4]


def test_loading_ahead_stops_when_the_cache_is_full():
    loader = Loader()
    cache = ItemCache(loader, limit_bytes=3 * (SIZE + 5000))
    cache.get(100)
    cache.prefetch(range(50))
    settled(cache)
    assert 3 * SIZE <= cache.nbytes <= 3 * (SIZE + 5000)
    assert len(loader.loaded) < 12  # one before, three that fit, at most one a thread that did not
    assert cache.get(49).task.id == "49"


def test_an_error_while_loading_ahead_is_raised_by_get():
    loader = Loader()
    cache = ItemCache(loader)
    cache.prefetch([-1, 2])
    settled(cache)
    with pytest.raises(ValueError, match="item -1 is broken"):
        cache.get(-1)
    assert cache.get(2).task.id == "2"


def test_threads_that_ask_at_once_share_one_load():
    loader = Loader()
    loader.go.clear()
    cache = ItemCache(loader)
    found = []
    threads = [threading.Thread(target=lambda: found.append(cache.get(1))) for _ in range(8)]
    for thread in threads:
        thread.start()
    threading.Timer(0.05, loader.go.set).start()
    for thread in threads:
        thread.join(10)
    assert loader.loaded == [1]
    assert len(found) == 8
    assert all(item is found[0] for item in found)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_loads_on_its_own():
    loader = Loader()
    cache = ItemCache(loader)
    cache.get(1)
    cache.prefetch([2, 3])
    settled(cache)
    child = os.fork()
    if child == 0:
        cache.prefetch([5, 6])
        os._exit(0 if cache.get(5).task.id == "5" and cache.get(1).task.id == "1" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
