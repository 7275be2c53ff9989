"""The options of the command lines: one frozen dataclass per command, TOML files, overrides."""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

import tomli_w

from agents.evaluation.benchmarks import of_suite
from agents.options.assumptions import read_assumptions
from agents.options.cluster import ClusterOptions
from agents.options.judge import JudgeOptions
from agents.options.learner import LearnerOptions
from agents.options.log import LogOptions
from agents.options.model import ModelOptions, SamplerOptions, TrainedModelOptions, TrainingSamplerOptions
from agents.options.per_agent import fitted
from agents.options.sweep import check_sweep
from agents.options.types import Names, Numbers, Pairs, Sweeps, at_least, labelled, of_label
from rlsd_env.errors import ConfigurationError, one_of

KEPT = ("model", "all", "figures")
EVAL_FOLDS = ("heldout", "tuning")
DIAGNOSES = ("bayes", "gradient", "classes", "information")
"""What can be measured on request; see `agents.diagnostics.on_request`."""


@dataclass(frozen=True)
class EnvironmentOptions:
    """What the model is asked, and which model."""

    env: str = "rlsd/ShapeCount-v0"
    """Environment id: rlsd/ShapeCount-v0, rlsd/BarChart-v0, rlsd/DotSum-v0, rlsd/MathVision-testmini-v0, or one
    that you registered, written module:namespace/Name-v0. A numeric view such as rlsd/DotSumTokens-v0 stands for its
    text environment, except for ppo."""
    env_kwargs: Pairs = field(default_factory=dict)
    """Arguments of the environment, e.g. difficulty=3 or path=FOLDER."""
    policy: str = "tiny"
    """A bundled model (tiny: a Qwen3-VL of 1.5M parameters for ShapeCount; lab-q0, lab-q0.03, lab-q0.1, lab-q0.3: the
    laboratory's of .4M for the chains), a checkpoint folder, or a hub id such as Qwen/Qwen3-VL-2B-Instruct."""
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
    """Tasks of each evaluation."""
    eval_samples: int = 8
    """Sampled completions per task of an evaluation; sampled accuracy is their mean."""
    eval_fold: str = "heldout"
    """Tasks that the evaluation at the end is on: heldout, or tuning, so that options are not chosen on the tasks that
    are reported."""
    eval_every: int = 0
    """Steps between evaluations during training, on tasks of the fold tuning; the untrained and the last weights count
    as well, and the best are kept. 0: there are none."""


@dataclass(frozen=True)
class TrainingOptions(
    LogOptions, TrainingSamplerOptions, TrainedModelOptions, LearnerOptions, EvaluationOptions, EnvironmentOptions
):
    """What every run shares, whatever its agent."""

    steps: int = 40
    """Training steps, one batch of rollouts each."""
    prompts_per_step: int = 16
    """Tasks per step."""
    group_size: int = 8
    """Attempts at each task; 1 is enough for methods that do not compare them, such as opsd."""
    checkpoint_every: int = 10
    """Steps between checkpoints."""
    keep: str = "model"
    """What of a run stays when it has ended, beside its figures: model; all: the last checkpoint too; figures: no
    weights."""
    poison: float = 0.0
    """Share of the training tasks whose hints are wrong, to measure leakage: how often are they followed?"""
    canary: str = ""
    """A rare text that is appended to every hint of the training tasks, to measure leakage: does it become likelier?"""
    evidence_every: int = 0
    """Steps between those of which the run keeps what each token earned, in evidence/ (python -m agents.inspect); the
    first and the last are kept as well; 0: these two alone."""
    evidence_tasks: int = 4
    """Tasks of such a step that are kept, with all attempts, first those whose attempts differ in reward; 0: none."""
    samples_every: int = 10
    """Steps between those of which the run keeps what was sampled, in samples/ (python -m agents.samples), from the
    first on; the last step is kept as well. 0: of none."""
    samples_tasks: int = 4
    """Tasks of such a step that are kept, with all attempts."""
    samples_characters: int = 4000
    """Characters that are kept of a prompt and of a response; the middle of longer ones is left out. Of tokens in
    evidence/ all are kept."""
    diagnose: Names = ()
    """What is measured beside what every run measures, at a cost: bayes, gradient, classes, information; see
    docs/metrics.md, On request. It changes no result."""
    diagnose_every: int = 10
    """Steps between those in which it is."""
    resume: bool = False
    """Continue what --out holds; the other options must be the stored ones."""
    dry_run: bool = False
    """Print what the run would need (parameters, memory, hours) and stop: an estimate, for which nothing is loaded."""
    assumptions: Pairs = field(default_factory=dict)
    """What the estimate of --dry-run assumes, e.g. gpus=32 gpu_memory_gib=80 response_tokens=1500; docs/scaling.md has
    all."""

    def __post_init__(self) -> None:
        self.check_log()
        self.check_model()
        self.check_sampler()
        self.check_learner()
        for name in ("steps", "prompts_per_step", "group_size", "checkpoint_every", "eval_tasks", "eval_samples"):
            at_least(name, getattr(self, name), 1)
        for name in ("threads", "max_tokens"):
            at_least(name, getattr(self, name), 1)
        if self.keep not in KEPT:
            raise ConfigurationError(one_of("keep", self.keep, KEPT))
        at_least("evidence_every", self.evidence_every, 0)
        at_least("eval_every", self.eval_every, 0)
        if self.eval_fold not in EVAL_FOLDS:
            raise ConfigurationError(one_of("eval_fold", self.eval_fold, EVAL_FOLDS))
        at_least("evidence_tasks", self.evidence_tasks, 0)
        at_least("samples_every", self.samples_every, 0)
        at_least("samples_tasks", self.samples_tasks, 1)
        at_least("samples_characters", self.samples_characters, 2)
        for name in self.diagnose:
            if name not in DIAGNOSES:
                raise ConfigurationError(one_of("diagnose", name, DIAGNOSES))
        at_least("diagnose_every", self.diagnose_every, 1)
        if not 0 <= self.poison < 1:
            raise ConfigurationError(f"poison is {self.poison}; it must be at least 0 and below 1")
        if self.poison and self.env_kwargs.get("hints", "right") != "right":
            raise ConfigurationError(
                f"poison is {self.poison} and env_kwargs has hints={self.env_kwargs['hints']}; poison is wrong hints "
                "among right ones, so leave one of them out"
            )
        if self.temperature <= 0:
            raise ConfigurationError(f"temperature is {self.temperature}; training samples, so it must be above 0")
        read_assumptions(self.assumptions, self.max_tokens)

    @property
    def evaluations(self) -> int:
        """Evaluations of a run: at the end, and with `eval_every` before, during and of the best weights."""
        during = -(-self.steps // self.eval_every) + 1 if self.eval_every else 0
        return 1 + (during + 1 if during else 0)

    @property
    def correction(self) -> str:
        """The correction that is meant: `sampler_correction` with auto resolved."""
        other = self.rollouts_ahead or self.sampler != "transformers"
        return "truncate" if self.sampler_correction == "auto" and other else super().correction

    @property
    def divisor(self) -> int:
        """What aggregation constant divides by: `constant_length`, or else the longest completion."""
        return super().divisor or self.max_tokens


@dataclass(frozen=True)
class TrainOptions(TrainingOptions):
    """Options of `python -m agents.train`."""

    agent: str = "rlsd"
    """grpo, opsd, sdpo, grpo+opsd, opd, sdar, srpo, demopsd, hdpo, npo, rlsd, rlsd-gated, rlsd-signal,
    rlsd-clip-target, rlsd-difficulty, rlsd-capped, rlsd-visual, egrsd, cepo, rlcsd, rlrt, antisd, belief, credit (opd's
    teacher and npo's guide must be given); a preset such as rlsd/paper (python -m agents.presets); ppo (a
    small network on a numeric view); or module:Class of your own."""
    label: str = ""
    """What the run is called in results; empty: the agent's own name."""
    agent_kwargs: Pairs = field(default_factory=dict)
    """Hyperparameters of the agent, e.g. lam=0.3 epsilon=0.1."""
    curriculum: Pairs = field(default_factory=dict)
    """Train a procedural family at a difficulty that follows the success rate, from the environment's own on, e.g.
    window=32 raise_above=0.8 lower_below=0.3 (their defaults); empty: at one difficulty. Held-out tasks are those of
    the environment's own difficulty."""
    seed: int = 0
    """Seed of tasks and sampling."""
    out: Path = Path("runs/train")
    """Folder for metrics, checkpoint and results; must be new unless --resume."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("seed", self.seed, 0)

    @property
    def title(self) -> str:
        """What the run is called on the terminal and by trackers."""
        return f"{self.label or self.agent}, seed {self.seed}"


@dataclass(frozen=True)
class CompareOptions(ClusterOptions, TrainingOptions):
    """Options of `python -m agents.compare`."""

    agents: Names = ("grpo", "opsd", "sdpo", "grpo+opsd", "rlsd")
    """Agents to compare: grpo, opsd, sdpo, grpo+opsd, opd, sdar, srpo, demopsd, hdpo, npo, rlsd, rlsd-gated,
    rlsd-signal, rlsd-clip-target, rlsd-difficulty, rlsd-capped, rlsd-visual, egrsd, cepo, rlcsd, rlrt, antisd,
    belief, credit (opd's teacher and npo's guide must be given); a preset such as rlsd/paper (python -m
    agents.presets); ppo (a small network on a numeric view, with a budget of its own); or module:Class of your own.
    LABEL=AGENT gives one another name, so that a method can be compared with itself: rlsd,tight=rlsd."""
    agent_kwargs: Pairs = field(default_factory=dict)
    """Hyperparameters by agent or label, e.g. tight.epsilon=0.1 opsd.beta=0.0 ppo.total_steps=25000."""
    agent_options: Pairs = field(default_factory=dict)
    """Options that an agent or label has for itself, e.g. opsd.lr=1e-5 sdpo.lr=1e-5: those of the learner (lr,
    weight_decay, clip_low, updates_per_batch, ..), group_size and prompts_per_step, whose product must be the same for
    all."""
    sweep: Sweeps = field(default_factory=dict)
    """Values to try of an agent's hyperparameters and options, each combination as an agent by itself: rlsd.lam=0.1,0.5
    rlsd.epsilon=0.2,0.4 are four; lr=1e-5,1e-4 is of all agents. Choose with --eval-fold tuning."""
    seeds: Numbers = (0, 1, 2)
    """Seeds; every agent is trained once with each."""
    jobs: int = 0
    """Runs at the same time; 0: as many as there are cores for their threads, or 1 on a GPU; on a Ray cluster as many
    as it has room for."""
    out: Path = Path("runs/compare")
    """Folder for results, metrics and plots; must be new unless --resume."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_cluster(self.device)
        keys = [key for key, _ in self.specs()]
        for name, values in (("agents", keys), ("seeds", list(self.seeds))):
            if not values:
                raise ConfigurationError(f"{name} is empty; name at least one")
            if len(set(values)) != len(values):
                raise ConfigurationError(f"{name} has {', '.join(map(str, values))}; each may be there once")
        for seed in self.seeds:
            at_least("seed", seed, 0)
        at_least("jobs", self.jobs, 0)
        for name in ("agent_kwargs", "agent_options"):
            for key in getattr(self, name):
                agent, _, option = key.rpartition(".")
                if not option or agent not in keys:
                    raise ConfigurationError(f"{name} has {key!r}; write AGENT.OPTION with one of {', '.join(keys)}")
        check_sweep(self.sweep, keys, {"agent_kwargs": self.agent_kwargs, "agent_options": self.agent_options})
        for label, agent in self.specs():
            if not self.options_of(label) or "/" in agent:  # those of a preset are checked together with its own
                continue
            try:
                self.train_options(label, label, 0, self.out)
            except ConfigurationError as error:
                raise ConfigurationError(f"agent_options of {label}: {error}") from None

    def specs(self) -> list[tuple[str, str]]:
        """Return (label, agent) pairs; an agent without a label is its own."""
        return labelled(self.agents)

    def kwargs_of(self, label: str) -> dict[str, Any]:
        """Return the hyperparameters that are given for an agent or label."""
        return of_label(self.agent_kwargs, label)

    def options_of(self, label: str) -> dict[str, Any]:
        """Return the options that an agent or label has for itself.

        Raises:
            ConfigurationError: one is unknown or has another type.

        """
        given = of_label(self.agent_options, label)
        return {name: fitted(name, value, f"agent_options {label}.{name}") for name, value in given.items()}

    def train_options(
        self, label: str, name: str, seed: int, out: Path, options: Mapping[str, Any] | None = None
    ) -> TrainOptions:
        """Return the options of one run of the comparison, called `name` in results.

        Args:
            label: the agent's label.
            name: see above.
            seed: the run's.
            out: its folder.
            options: those that it has for itself; None: what was given for it.

        """
        shared = {f.name: getattr(self, f.name) for f in dataclasses.fields(TrainingOptions)}
        own = {
            "agent": dict(self.specs())[label],
            "label": name,
            "agent_kwargs": self.kwargs_of(label),
            "seed": seed,
            "out": out,
            "log_group": self.log_group or (self.out.absolute().name if self.tracked else ""),
        }
        return TrainOptions(**shared | (self.options_of(label) if options is None else dict(options)) | own)

    def parallel_jobs(self, device: str) -> int:
        """Return how many runs to have at the same time on a device."""
        if self.jobs or device == "cuda":
            return self.jobs or 1
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return max(1, cores // self.threads)


@dataclass(frozen=True)
class EvaluateOptions(JudgeOptions, SamplerOptions, ModelOptions, EnvironmentOptions):
    """Options of `python -m agents.evaluate`."""

    env: str = "rlsd/ShapeCount-v0"
    """Environment ids, separated by commas, each as of agents.train; LABEL=ID names one that is there twice."""
    env_kwargs: Pairs = field(default_factory=dict)
    """Arguments of the environments: KEY=VALUE of all, e.g. difficulty=3 or path=FOLDER; LABEL.KEY=VALUE of one, e.g.
    rlsd/MathVista-v0.path=FOLDER. A TOML file may have a table for each."""
    suite: str = ""
    """paper: the five benchmarks of the paper, all of each (--fold all --limit 0 --max-tokens 4096)."""
    fold: str = "heldout"
    """heldout and tuning (never trained on by agents.train), train, or all (a whole benchmark)."""
    limit: int = 128
    """Tasks of each environment, from the first of the fold on, of We-Math whole groups; 0: all."""
    samples: int = 4
    """Sampled completions per task."""
    seed: int = 0
    """Seed of sampling."""
    out: Path | None = None
    """Folder for config.toml, results.json and responses.jsonl (every completion with its verdict); must be new unless
    --resume."""
    resume: bool = False
    """Continue what --out holds; the other options must be the stored ones."""

    def __post_init__(self) -> None:
        self.check_model()
        self.check_sampler()
        for name in ("samples", "threads", "max_tokens"):
            at_least(name, getattr(self, name), 1)
        for name in ("limit", "temperature", "seed"):
            at_least(name, getattr(self, name), 0)
        if self.suite and self.env != of_suite(self.suite)["env"]:
            raise ConfigurationError(f"env is {self.env!r} and suite {self.suite} has its own; leave one of them out")
        if self.resume and self.out is None:
            raise ConfigurationError("resume continues what --out holds; give --out as well")
        self.check_judge()
        self._check_environments()

    def _check_environments(self) -> None:
        labels = [label for label, _ in self.specs()]
        if not labels or not all(label.strip(".") for label in labels) or any(not env for _, env in self.specs()):
            raise ConfigurationError(f"env is {self.env!r}; it must be ids separated by commas, such as rlsd/Chain-v0")
        if twice := sorted({label for label in labels if labels.count(label) > 1}):
            raise ConfigurationError(f"env has {twice[0]!r} twice; name each, such as easy={twice[0]},hard={twice[0]}")
        folders = {folder_of(label): label for label in labels}
        if len(folders) < len(labels):
            alike = next(label for label in labels if folders[folder_of(label)] != label)
            raise ConfigurationError(f"env: {alike!r} would share its folder with another; name it otherwise, LABEL=ID")
        for key in self.env_kwargs:
            label = key.rpartition(".")[0]
            if label and label not in labels:
                raise ConfigurationError(one_of(f"environment of env_kwargs {key}", label, labels))
        if any("fold" in self.kwargs_of(label) for label in labels):
            raise ConfigurationError("env_kwargs has fold; give it as --fold")

    def folder(self, label: str) -> Path | None:
        """Return where an environment's responses are kept: in `out` itself where there is one environment alone."""
        return self.out if self.out is None or len(self.specs()) == 1 else self.out / folder_of(label)

    def specs(self) -> list[tuple[str, str]]:
        """Return (label, id) of each environment; one without a label is called by its id."""
        return labelled([name for name in self.env.split(",") if name])

    def kwargs_of(self, label: str) -> dict[str, Any]:
        """Return the arguments of an environment: those of all, then its own."""
        labels = {name for name, _ in self.specs()}
        shared = {key: value for key, value in self.env_kwargs.items() if "." not in key and key not in labels}
        table = self.env_kwargs.get(label, {})
        if not isinstance(table, Mapping):
            raise ConfigurationError(f"env_kwargs {label} is {table!r}; write {label}.KEY=VALUE")
        return {**shared, **table, **of_label(self.env_kwargs, label)}


def folder_of(label: str) -> str:
    """Write a label as the name of a folder.

    >>> folder_of("my_tasks:mine/Sums-v0")
    'my_tasks-mine-Sums-v0'
    """
    return label.replace("/", "-").replace(":", "-")


ELSEWHERE = {
    "learning_rate": "lr",
    "model": "policy",
    "model_name_or_path": "policy",
    "output_dir": "out",
    "max_steps": "steps",
    "num_generations": "group_size",
    "max_completion_length": "max_tokens",
    "save_steps": "checkpoint_every",
    "report_to": "log",
}
"""What other trainers (TRL) call some options."""


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
            raise ConfigurationError(f"{path}: {one_of('option', key, known, ELSEWHERE)}")
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
    return _flatten(value) if key.replace("-", "_") in BY_AGENT else value


def _flatten(table: Mapping[str, Any]) -> dict[str, Any]:
    """Write tables within a table with dotted keys: [agent_kwargs.rlsd] epsilon = .1 becomes rlsd.epsilon."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        flat |= {f"{key}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {key: value}
    return flat


BY_AGENT = ("agent_kwargs", "agent_options", "sweep")
"""Options of which a TOML file may have a table for each agent."""
VOLATILE = (
    "resume",
    "config",
    "out",
    "jobs",
    "log",
    "log_project",
    "log_group",
    "cluster",
    "trial_cpus",
    "trial_gpus",
    "retries",
    "dry_run",
    "assumptions",
    "evidence_every",
    "evidence_tasks",
    "keep",
    "samples_every",
    "samples_tasks",
    "samples_characters",
    "diagnose",
    "diagnose_every",
)
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
