"""What environments cost: steps and pictures per second, memory, and how they grow.

    python -m benchmarks.environments [--data ../shared/data/mathvision] [--json FILE]

1. `rlsd_env bench` for text, drawn and, with --data, real pictures, beside a bare Gymnasium loop of the same run.
2. Drawn pictures of growing size.
3. With --data: 2,000 environments of real pictures in one `make_vec`, group size 8: seconds, memory, and how many
   bytes of pixels the observations hold against what a copy for each member would.
4. Grading in this process and in processes of its own.

Each part runs in a process of its own, so that its peak of memory is its own.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium

from rlsd_env.cli.bench import machine, measure, peak_mib

ENVS, GROUP = 2000, 8
CELLS = (16, 32, 64, 128)


def rates(env: str, env_kwargs: dict[str, Any]) -> dict[str, Any]:
    """Measure an environment; see `rlsd_env.cli.bench`."""
    bench = measure(env, env_kwargs, group_size=GROUP, seconds=1.0)
    print(bench.as_table(), flush=True)
    return json.loads(bench.as_json())


def picture_sizes() -> list[dict[str, Any]]:
    """Measure drawn pictures of growing size."""
    found = []
    for cell in CELLS:
        bench = measure("rlsd/ShapeCount-v0", {"cell": cell}, sizes=(512,), group_size=GROUP, seconds=1.0)
        (vector,) = bench.vector
        pictures = bench.pictures_per_second or 0.0
        found.append({"side": 4 * cell, "pictures_per_second": pictures, **vars(vector)})
        print(
            f"{4 * cell} x {4 * cell}: {pictures:,.0f} pictures/s, "
            f"{vector.resets_per_second:,.0f} resets/s, {vector.steps_per_second:,.0f} steps/s",
            flush=True,
        )
    return found


def many_real(path: str) -> dict[str, Any]:
    """Make, reset and step 2,000 environments of real pictures."""
    start, before = time.perf_counter(), peak_mib()
    kwargs: dict[str, Any] = {"path": path, "group_size": GROUP, "expose_privileged": True}
    env = gymnasium.make_vec("rlsd/MathVision-testmini-v0", num_envs=ENVS, **kwargs)
    made = time.perf_counter()
    observations, _ = env.reset(seed=0)
    reset = time.perf_counter()
    golds = [privileged.reference.answer for privileged in env.privileged for _ in range(GROUP)]  # type: ignore[attr-defined]
    env.step([f"\\boxed{{{gold}}}" for gold in golds])
    stepped = time.perf_counter()
    pictures = [image for images in observations["images"] for image in images]
    distinct = {image.__array_interface__["data"][0]: image.nbytes for image in pictures}
    found = {
        "seconds_make": made - start,
        "seconds_reset": reset - made,
        "seconds_step": stepped - reset,
        "mib_before": before,
        "mib_peak": peak_mib(),
        "mib_pixels_held": sum(distinct.values()) / 2**20,
        "mib_pixels_if_copied": sum(image.nbytes for image in pictures) / 2**20,
    }
    print("\n".join(f"{name}: {value:.2f}" for name, value in found.items()), flush=True)
    return found


def grading() -> dict[str, float]:
    """Time a step of 512 answers, graded here and in two processes."""
    found = {}
    for workers in (0, 2):
        env = gymnasium.make_vec("rlsd/Algebra-v0", num_envs=512, group_size=GROUP, grading_workers=workers)
        seconds = []
        for _ in range(4):  # the first one starts the workers
            env.reset(seed=0)
            start = time.perf_counter()
            env.step(["<answer> x = 3 or x = -2 </answer>"] * 512)
            seconds.append(time.perf_counter() - start)
        env.close()
        found[f"{workers} workers"] = 512 / min(seconds)
        print(f"graded with {workers} processes: {512 / min(seconds):,.0f} answers/s", flush=True)
    return found


def _apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run a part in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def main() -> None:
    """Measure, print and, where asked, store."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.environments", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--data", metavar="FOLDER", help="MathVision testmini with its images")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures")
    options = parser.parse_args()
    found: dict[str, Any] = {"machine": machine()}
    found["rates"] = [_apart(rates, f"rlsd/{name}-v0", {}) for name in ("Arithmetic", "ShapeCount", "BounceCount")]
    if options.data:
        found["rates"].append(_apart(rates, "rlsd/MathVision-testmini-v0", {"path": options.data}))
        found["many_real"] = _apart(many_real, options.data)
    found["picture_sizes"] = _apart(picture_sizes)
    found["grading"] = _apart(grading)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
