"""The options of the command lines: one frozen dataclass per command, TOML files, overrides."""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import tomli_w
import tyro

from rlsd_env.errors import ConfigurationError, one_of


def _read_names(words: list[str]) -> tuple[str, ...]:
    return tuple(name for word in words for name in word.split(",") if name)


def _read_numbers(words: list[str]) -> tuple[int, ...]:
    try:
        return tuple(int(name) for name in _read_names(words))
    except ValueError:
        raise ValueError(f"{' '.join(words)!r} is not a list of whole numbers such as 0,1,2") from None


def _read_pairs(words: list[str]) -> dict[str, Any]:
    """Read KEY=VALUE words; a value that is TOML (number, true, "text", [list]) is read as such."""
    pairs: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not key or not equals:
            raise ValueError(f"{word!r} is not of the form KEY=VALUE")
        try:
            pairs[key] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            pairs[key] = text
    return pairs


def _spec(metavar: str, read: Any, kind: type, write: Any) -> Any:
    return tyro.constructors.PrimitiveConstructorSpec(
        nargs="*",
        metavar=metavar,
        instance_from_str=read,
        is_instance=lambda value: isinstance(value, kind),
        str_from_instance=write,
    )


def _write_list(values: Any) -> list[str]:
    return [",".join(str(value) for value in values)]


def _write_pairs(values: Any) -> list[str]:
    return [f"{key}={value}" for key, value in values.items()]


Names = Annotated[tuple[str, ...], _spec("A,B,..", _read_names, tuple, _write_list)]
Numbers = Annotated[tuple[int, ...], _spec("0,1,..", _read_numbers, tuple, _write_list)]
Pairs = Annotated[dict[str, Any], _spec("KEY=VALUE", _read_pairs, dict, _write_pairs)]


@dataclass(frozen=True)
class EnvironmentOptions:
    """What the model is asked, and which model."""

    env: str = "rlsd/ShapeCount-v0"
    """Environment id: rlsd/ShapeCount-v0, rlsd/BarChart-v0, rlsd/DotSum-v0, rlsd/MathVision-testmini-v0, or one
    that you registered, written module:namespace/Name-v0."""
    env_kwargs: Pairs = field(default_factory=dict)
    """Arguments of the environment, e.g. difficulty=3 or data_dir=FOLDER."""
    policy: str = "tiny"
    """tiny (the bundled Qwen3-VL of 1.5M parameters), a checkpoint folder, or a hub id such as
    Qwen/Qwen3-VL-2B-Instruct."""
    device: str = "auto"
    """auto, cpu or cuda."""
    threads: int = 1
    """CPU threads of torch in each run. Results are the same bytes for the same number."""
    max_tokens: int = 48
    """Longest completion in tokens."""
    temperature: float = 1.0
    """Sampling temperature; scoring uses the same."""
    config: Path | None = None
    """TOML file with any of these options; the command line overrides it."""


@dataclass(frozen=True)
class EvaluationOptions:
    """How a policy is evaluated on held-out tasks."""

    eval_tasks: int = 128
    """Held-out tasks."""
    eval_samples: int = 8
    """Sampled completions per held-out task; sampled accuracy is their mean."""


@dataclass(frozen=True)
class TrainingOptions(EvaluationOptions, EnvironmentOptions):
    """What every run shares, whatever its agent."""

    steps: int = 40
    """Training steps, one batch of rollouts each."""
    prompts_per_step: int = 16
    """Tasks per step."""
    group_size: int = 8
    """Attempts at each task."""
    lr: float = 1e-4
    """Learning rate of AdamW (1e-4 suits the bundled model, 1e-6 one of 8B parameters)."""
    max_grad_norm: float = 1.0
    """The gradient is scaled down to this norm."""
    updates_per_batch: int = 1
    """Optimiser steps per batch of rollouts."""
    clip_low: float = 0.2
    """How far the importance ratio may fall below 1."""
    clip_high: float = 0.28
    """How far it may rise above 1."""
    aggregation: str = "sequence_mean"
    """sequence_mean (mean over responses of the mean over tokens) or token_mean."""
    micro_batch_tokens: int = 16384
    """Tokens that are run at once; lowers memory, changes no result."""
    checkpoint_every: int = 10
    """Steps between checkpoints."""
    resume: bool = False
    """Continue what --out holds; the other options must be the stored ones."""

    def __post_init__(self) -> None:
        least = {
            "steps": 1, "prompts_per_step": 1, "group_size": 2, "checkpoint_every": 1, "eval_tasks": 1,
            "eval_samples": 1, "threads": 1, "max_tokens": 1,
        }  # fmt: skip
        for name, minimum in least.items():
            if getattr(self, name) < minimum:
                raise ConfigurationError(f"{name} is {getattr(self, name)}; it must be at least {minimum}")
        if self.temperature <= 0:
            raise ConfigurationError(f"temperature is {self.temperature}; training samples, so it must be above 0")


@dataclass(frozen=True)
class TrainOptions(TrainingOptions):
    """Options of `python -m agents.train`."""

    agent: str = "rlsd"
    """grpo, opsd, sdpo, grpo+opsd, rlsd, or module:Class of your own."""
    agent_kwargs: Pairs = field(default_factory=dict)
    """Hyperparameters of the agent, e.g. lam=0.3 epsilon=0.1."""
    seed: int = 0
    """Seed of tasks and sampling."""
    out: Path = Path("runs/train")
    """Folder for metrics, checkpoint and results; must be new unless --resume."""


@dataclass(frozen=True)
class CompareOptions(TrainingOptions):
    """Options of `python -m agents.compare`."""

    agents: Names = ("grpo", "opsd", "sdpo", "grpo+opsd", "rlsd")
    """Agents to compare: grpo, opsd, sdpo, grpo+opsd, rlsd, or module:Class of your own."""
    agent_kwargs: Pairs = field(default_factory=dict)
    """Hyperparameters by agent, e.g. rlsd.epsilon=0.1 opsd.beta=0.0."""
    seeds: Numbers = (0, 1, 2)
    """Seeds; every agent is trained once with each."""
    jobs: int = 0
    """Runs at the same time; 0: as many as there are cores for their threads, or 1 on a GPU."""
    out: Path = Path("runs/compare")
    """Folder for results, metrics and plots; must be new unless --resume."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("agents", "seeds"):
            values = getattr(self, name)
            if not values:
                raise ConfigurationError(f"{name} is empty; name at least one")
            if len(set(values)) != len(values):
                raise ConfigurationError(f"{name} has {', '.join(map(str, values))}; each may be there once")
        for key in self.agent_kwargs:
            agent, _, option = key.rpartition(".")
            if not option or agent not in self.agents:
                raise ConfigurationError(
                    f"agent_kwargs has {key!r}; write AGENT.OPTION with one of {', '.join(self.agents)}"
                )

    def train_options(self, agent: str, seed: int, out: Path) -> TrainOptions:
        """Return the options of one run of the comparison."""
        shared = {f.name: getattr(self, f.name) for f in dataclasses.fields(TrainingOptions)}
        mine = {key.rpartition(".")[2]: v for key, v in self.agent_kwargs.items() if key.rpartition(".")[0] == agent}
        return TrainOptions(**shared, agent=agent, agent_kwargs=mine, seed=seed, out=out)

    def parallel_jobs(self) -> int:
        """Return how many runs to have at the same time."""
        if self.jobs < 0:
            raise ConfigurationError(f"jobs is {self.jobs}; it must be 0 (automatic) or more")
        if self.jobs or self.device == "cuda":
            return self.jobs or 1
        return max(1, len(os.sched_getaffinity(0)) // self.threads)


@dataclass(frozen=True)
class EvaluateOptions(EnvironmentOptions):
    """Options of `python -m agents.evaluate`."""

    limit: int = 128
    """Tasks to evaluate on, from the first of the fold on."""
    samples: int = 4
    """Sampled completions per task."""
    seed: int = 0
    """Seed of sampling."""
    out: Path | None = None
    """JSON-lines file for every completion with its verdict; must be new."""

    def __post_init__(self) -> None:
        for name in ("limit", "samples", "threads", "max_tokens"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} is {getattr(self, name)}; it must be at least 1")


def from_toml(cls: type[Any], path: Path) -> dict[str, Any]:
    """Read options of `cls` from a TOML file; dashes in keys are as good as underscores.

    Raises:
        ConfigurationError: the file is missing or not TOML, a key is unknown, or a value has the wrong type.

    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(f"config file {str(path)!r} does not exist") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigurationError(f"config file {str(path)!r} is not readable TOML: {error}") from None
    hints = get_type_hints(cls)
    known = {f.name: hints[f.name] for f in dataclasses.fields(cls) if f.name != "config"}
    options: dict[str, Any] = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if name not in known:
            raise ConfigurationError(f"{path}: {one_of('option', key, known)}")
        options[name] = _fit(path, key, value, known[name])
    return options


def _fit(path: Path, key: str, value: Any, wanted: Any) -> Any:
    kinds = {Path: str, Path | None: str, tuple[str, ...]: list, tuple[int, ...]: list, dict[str, Any]: dict}
    kind = kinds.get(wanted, wanted)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise ConfigurationError(f"{path}: {key} is {value!r}; it must be of type {kind.__name__}")
    if kind is list:
        element = str if wanted == tuple[str, ...] else int
        if not all(type(item) is element for item in value):
            raise ConfigurationError(f"{path}: {key} is {value!r}; it must be a list of {element.__name__}")
        return tuple(value)
    if wanted in (Path, Path | None):
        return Path(value)
    return _flatten(value) if kind is dict else value


def _flatten(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Write nested tables with dotted keys: [agent_kwargs.rlsd] epsilon = .1 becomes rlsd.epsilon."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        flat |= _flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat


VOLATILE = ("resume", "config", "out", "jobs")
"""Options that do not change a result."""


def resolved(options: Any) -> dict[str, Any]:
    """Return the options that decide a result, as TOML values."""
    table = {}
    for f in dataclasses.fields(options):
        value = getattr(options, f.name)
        if f.name in VOLATILE or value is None:
            continue
        table[f.name] = list(value) if isinstance(value, tuple) else value
    return dict(sorted(table.items()))


def to_toml(options: Any) -> str:
    """Write the resolved options; the file can be given to --config again."""
    return tomli_w.dumps(resolved(options))
