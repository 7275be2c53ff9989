"""Freed memory stays with the process: pages that are used again are not taken from the system again."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from tests.conftest import ROOT

SCRIPT = """
import resource
from agents.runs.heap import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        blocks = [bytearray(2**20) for _ in range(40)]
        del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
before, kept = faults(), keep_freed_memory()
faults()
print(before, kept, faults())
"""
PAGES = 20 * 40 * 2**20 // 4096


def run(**variables):
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, cwd=ROOT, env=env | variables, capture_output=True, text=True, check=True)
    before, kept, after = done.stdout.split()
    return int(before), kept == "True", int(after)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_memory_is_taken_from_the_system_once():
    before, kept, after = run()
    assert kept
    assert before > 0.9 * PAGES
    assert after < 0.01 * PAGES


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_a_heap_that_the_user_has_tuned_is_left_alone():
    _, kept, after = run(MALLOC_TRIM_THRESHOLD_="131072", MALLOC_MMAP_THRESHOLD_="131072")
    assert not kept
    assert after > 0.9 * PAGES
