"""Peak memory of one update at a vocabulary of 151,936, ours and TRL's: `python -m benchmarks.memory` (15 minutes).

Each measurement has a process of its own. The level is taken when model and rollouts are ready, the peak is the highest
resident memory until the optimiser has stepped (on a GPU: of what torch has allocated). What an update adds holds the
gradient and AdamW's two moments, 12 bytes a parameter, which any trainer needs; what is above them is the trainer's.
Memory depends on micro-batches and on gradient checkpointing, so both are varied on both sides. TRL is measured
where it is installed: `make bench-peers`.
"""

from __future__ import annotations

import ctypes
import dataclasses
import gc
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from rich.console import Console
from rich.table import Table

from agents.agent import make
from agents.options.learner import LearnerOptions
from agents.options.model import TrainedModelOptions
from agents.policy.loading import load_policy
from agents.terminal import terminal
from benchmarks import trl_peer
from benchmarks.workloads import Workload, facts, make_batch, random_checkpoint, response_token_count, write_json

MIB = 2**20


@dataclass(frozen=True)
class Setting:
    """How one side makes its update.

    Attributes:
        side: ours or trl.
        checkpointing: gradient checkpointing.
        micro_batch: ours: tokens that are run at once; TRL: responses that are.

    """

    side: str
    checkpointing: bool
    micro_batch: int

    @property
    def name(self) -> str:
        """Name it for a table."""
        unit = "tokens" if self.side == "ours" else "responses"
        return f"{self.side}, {self.micro_batch:,} {unit} at once" + (", checkpointing" if self.checkpointing else "")


@dataclass(frozen=True)
class Options:
    """What to measure."""

    vocabulary: int = 151_936
    """Token ids; Qwen3-VL's number."""
    groups: int = 8
    """Prompts."""
    group_size: int = 8
    """Responses to each."""
    response_tokens: int = 60
    """Their mean length."""
    json: Path | None = None
    """File for the figures."""
    setting: Annotated[str, tyro.conf.arg(help_behavior_hint="")] = ""
    """For the processes that this command starts: the setting to measure, as JSON."""

    def workload(self) -> Workload:
        """Return the batch to update on."""
        return Workload(self.groups, self.group_size, response_tokens=self.response_tokens)

    def settings(self) -> list[Setting]:
        """Return what is measured: the whole batch at once, then smaller parts, then with checkpointing."""
        rows = self.groups * self.group_size
        ours = [
            Setting("ours", on, size) for on in (False, True) for size in (LearnerOptions().micro_batch_tokens, 2048)
        ]
        trl = [Setting("trl", on, size) for on in (False, True) for size in (rows, max(self.group_size, rows // 8))]
        return ours + (trl if trl_peer.available() else [])


class Gauge:
    """Reads the memory of this process, or of its GPU."""

    def __init__(self) -> None:
        self.cuda = torch.cuda.is_available()
        self.level: int | None = None

    def start(self) -> None:
        """Take the level, once, and forget the peak so far."""
        if self.level is not None:
            return
        gc.collect()
        if self.cuda:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
            self.level = torch.cuda.memory_allocated()
        else:
            ctypes.CDLL(None).malloc_trim(0)
            Path("/proc/self/clear_refs").write_text("5")
            self.level = _resident("VmRSS")

    def stop(self) -> dict[str, float]:
        """Return level and peak in MiB."""
        assert self.level is not None
        peak = torch.cuda.max_memory_allocated() if self.cuda else _resident("VmHWM")
        return {"level_mib": self.level / MIB, "peak_mib": peak / MIB, "added_mib": (peak - self.level) / MIB}


def _resident(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def measure(setting: Setting, options: Options) -> dict[str, Any]:
    """Measure one update in this process."""
    gauge = Gauge()
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = str(random_checkpoint(Path(folder), vocabulary=options.vocabulary))
        held = TrainedModelOptions(gradient_checkpointing=setting.checkpointing)
        policy = load_policy(checkpoint, options=held)
        batch = make_batch(policy, options.workload())
        parameters = sum(p.numel() for p in policy.model.parameters())
        if setting.side == "ours":
            agent = make("grpo", policy=policy, learner=_learner(setting))
            gauge.start()
            agent.update(batch)
            found = gauge.stop()
        else:
            policy.model = None  # TRL loads one of its own
            trl_peer.grpo(
                checkpoint, policy, batch, updates=1, splits=options.groups * options.group_size // setting.micro_batch,
                before=gauge.start, after=lambda step: found.update(gauge.stop()),
                gradient_checkpointing=setting.checkpointing,
            )  # fmt: skip
    needed = 12 * parameters / MIB
    return {
        **dataclasses.asdict(setting),
        **found,
        "gradient_and_moments_mib": needed,
        "above_them_mib": found["added_mib"] - needed,
        "response_tokens": response_token_count(batch),
        "facts": facts(),
    }


def _learner(setting: Setting) -> LearnerOptions:
    return LearnerOptions(lr=trl_peer.LR, micro_batch_tokens=setting.micro_batch)


def measure_apart(setting: Setting, options: Options) -> dict[str, Any]:
    """Measure one update in a process of its own."""
    argv = [f"--{name.replace('_', '-')}={getattr(options, name)}" for name in ("vocabulary", "groups", "group_size")]
    argv += [f"--response-tokens={options.response_tokens}", f"--setting={json.dumps(dataclasses.asdict(setting))}"]
    done = subprocess.run([sys.executable, "-m", "benchmarks.memory", *argv], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{setting.name} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def show(found: list[dict[str, Any]], options: Options, console: Console) -> None:
    """Print a table."""
    title = f"One update, vocabulary {options.vocabulary:,}, {options.workload()}; MiB"
    table = Table(title=title, title_justify="left")
    for column in ("trainer", "level", "peak", "added", "above gradient and moments"):
        table.add_column(column, justify="left" if column == "trainer" else "right")
    names = ("level_mib", "peak_mib", "added_mib", "above_them_mib")
    for one in found:
        setting = Setting(one["side"], one["checkpointing"], one["micro_batch"])
        table.add_row(setting.name, *(f"{one[name]:,.0f}" for name in names))
    console.print(table)
    ours, trl = ([one for one in found if one["side"] == side] for side in ("ours", "trl"))
    if not trl:
        console.print("TRL is not installed, so it is not measured; `make bench-peers` does both.")
    else:
        shares = (f"{name.removesuffix('_mib')} {ours[0][name] / trl[0][name]:.2f}" for name in names[1:])
        console.print(f"ours / TRL's, both with the whole batch at once: {', '.join(shares)}")


def main() -> None:
    """Measure, print and, where asked, store."""
    options = tyro.cli(Options, description=__doc__)
    if options.setting:
        print(json.dumps(measure(Setting(**json.loads(options.setting)), options)))
        return
    found = [measure_apart(setting, options) for setting in options.settings()]
    show(found, options, terminal(120))
    write_json(options.json, {"workload": dataclasses.asdict(options.workload()), "settings": found})


if __name__ == "__main__":
    main()
