from __future__ import annotations

import re
import subprocess
import sys

from tests.conftest import ROOT


def test_the_benchmark_runs_and_both_ways_agree():
    argv = ["--prompts", "2", "--group-sizes", "3", "--repetitions", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.prefix", *argv],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        timeout=120,
    )
    difference = float(re.search(r"\d\.\de[-+]\d\d", done.stdout)[0])
    assert difference < 1e-4
