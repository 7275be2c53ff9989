"""Stable-Baselines3's PPO on a numeric view: what a small classical agent makes of the same tasks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import gymnasium

from agents.baselines.base import Baseline, Outcome
from agents.options.commands import TrainingOptions, TrainOptions
from agents.rollouts.environments import find_view, in_fold
from agents.runs.progress import Progress, shown_figures
from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.views.ids import LEVELS

if TYPE_CHECKING:
    import stable_baselines3

    from agents.runs.logging import Row

STREAM_TRAINING, STREAM_EVALUATION = 11, 12


@dataclass(frozen=True)
class PPO(Baseline):
    """Proximal policy optimisation (Schulman et al. 2017) as Stable-Baselines3 implements it.

    Its budget is `total_steps` steps in the environment, rounded up to whole rollouts, whatever the language agents'
    is. An interrupted training starts again from the beginning, and gives the same bytes.

    Defaults are Stable-Baselines3's own, but for those marked "ours", with which DotSum is learned at difficulty 1.
    """

    name: ClassVar[str] = "ppo"

    view: str = "auto"
    """choices, tokens, or auto: the environment itself where it is a view, else choices before tokens."""
    total_steps: int = 25_000
    """Environment steps (ours)."""
    learning_rate: float = 1e-3
    """Of Adam (ours)."""
    n_envs: int = 8
    """Environments that are stepped together (ours)."""
    n_steps: int = 64
    """Steps in each of them per update (ours)."""
    batch_size: int = 128
    """Steps per minibatch; n_envs * n_steps must be a multiple (ours)."""
    n_epochs: int = 4
    """Passes over the steps of an update (ours)."""
    gamma: float = 1.0
    """Discount; the reward comes at the end of a short episode (ours)."""
    gae_lambda: float = 0.95
    """Of generalised advantage estimation."""
    clip_range: float = 0.2
    """How far the probability ratio may leave 1."""
    ent_coef: float = 0.05
    """Weight of the entropy bonus; with .01 more of the rare answers were never tried on DotSum (ours)."""
    normalize_advantage: bool = False
    """Whether each minibatch's advantages are divided by their deviation, which magnifies noise where nearly all are
    alike (ours)."""
    vf_coef: float = 0.5
    """Weight of the value loss."""
    max_grad_norm: float = 0.5
    """The gradient is scaled down to this norm."""

    def __post_init__(self) -> None:
        if self.view not in ("auto", *LEVELS):
            raise ConfigurationError(one_of("ppo.view", self.view, ("auto", *LEVELS)))
        for name in ("total_steps", "n_envs", "n_steps", "batch_size", "n_epochs"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"ppo.{name} is {getattr(self, name)}; it must be at least 1")
        for name in ("learning_rate", "clip_range", "max_grad_norm"):
            if not getattr(self, name) > 0:
                raise ConfigurationError(f"ppo.{name} is {getattr(self, name)}; it must be above 0")
        for name in ("gamma", "gae_lambda"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigurationError(f"ppo.{name} is {getattr(self, name)}; it must be 0 to 1")
        if self._rollout % self.batch_size or self._rollout < 2:
            raise ConfigurationError(
                f"ppo.batch_size is {self.batch_size}; n_envs * n_steps = {self._rollout} must be a multiple of it and "
                "at least 2"
            )

    @property
    def _rollout(self) -> int:
        return self.n_envs * self.n_steps

    @property
    def updates(self) -> int:
        """How many updates a training has."""
        return -(-self.total_steps // self._rollout)

    def check(self, options: TrainingOptions) -> None:
        """Find the view and make it once."""
        for fold in ("train", options.eval_fold):
            _make(find_view(options.env, self.view), in_fold(options.env_kwargs, fold)).close()

    def train(self, options: TrainOptions, report: Callable[[Progress], None]) -> Outcome:
        """Train and evaluate; the model is kept in `options.out`/model/ppo.zip."""
        import torch

        from agents.baselines import training
        from agents.rollouts.tasks import evaluation_tasks
        from agents.runs.logging import RunLog
        from agents.runs.records import evaluation_record, training_record
        from agents.runs.storage import write_csv

        torch.set_num_threads(options.threads)
        view = find_view(options.env, self.view)
        train_kwargs = in_fold(options.env_kwargs, "train")
        heldout = _make(view, in_fold(options.env_kwargs, options.eval_fold))
        tasks = evaluation_tasks(options, options.eval_fold)
        seed, evaluation_seed = (
            training.derived_seed(options.seed, stream) for stream in (STREAM_TRAINING, STREAM_EVALUATION)
        )

        def evaluated() -> dict[str, Any]:
            return evaluation_record(training.evaluate(model, heldout, tasks, options.eval_samples, evaluation_seed))

        def progress(update: int, seconds: float, row: Row) -> None:
            report(Progress(options.label, options.seed, update, self.updates, seconds, shown_figures(row)))

        with RunLog(options) as log, training.seeded_globals(seed):
            report(Progress(options.label, options.seed, 0, self.updates))
            model = self._model(view, train_kwargs, seed, options.device)
            before = evaluated()
            recorder = training.Recorder(log, progress)
            model.learn(self.total_steps, callback=recorder)
            log.save()
            write_csv(options.out / "timing.csv", recorder.timing)
            (options.out / "model").mkdir(exist_ok=True)
            model.save(options.out / "model" / "ppo.zip")
            outcome = Outcome(
                environment=view,
                environment_steps=model.num_timesteps,
                evaluation=evaluated(),
                untrained=before,
                training=training_record(log.rows),
                seconds={
                    part: sum(row[f"seconds_{part}"] for row in recorder.timing) for part in ("rollout", "update")
                },
            )
            log.conclude(dataclasses.asdict(outcome))
            return outcome

    def _model(self, view: str, env_kwargs: dict[str, Any], seed: int, device: str) -> stable_baselines3.PPO:
        import stable_baselines3
        from stable_baselines3.common.logger import Logger
        from stable_baselines3.common.vec_env import DummyVecEnv

        from agents.baselines.networks import SmallPicture
        from agents.baselines.training import EndsForGood

        values = dataclasses.asdict(self)
        for ours in ("view", "total_steps", "n_envs"):
            del values[ours]
        venv = DummyVecEnv([lambda: EndsForGood(_make(view, env_kwargs))] * self.n_envs)
        model = stable_baselines3.PPO(
            "MultiInputPolicy" if isinstance(venv.observation_space, gymnasium.spaces.Dict) else "CnnPolicy",
            venv,
            seed=seed,
            device=device,
            policy_kwargs={"features_extractor_class": SmallPicture, "net_arch": []},
            **values,
        )
        model.set_logger(Logger(folder=None, output_formats=[]))  # `Recorder` reads what it is told
        return model


def _make(view: str, env_kwargs: dict[str, Any]) -> gymnasium.Env:
    return gymnasium.make(view, disable_env_checker=True, **env_kwargs)
