"""What a user got wrong and names, paths and a `config.json` tell: found before torch is imported, which takes long."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agents.bundled import check_ended, found_place, has_adapters, json_object, whole_model
from agents.evaluation.benchmarks import rest_of_suite
from agents.evaluation.grading import check_judge, make_judge, references
from agents.names import check_agent, check_hyperparameters
from agents.rollouts.environments import in_fold, make_group_env, require_trainable
from agents.runs.storage import check_place, check_stored
from rlsd_env import GroupEnv, Item, testing
from rlsd_env.adapters.foreign import ForeignGroups
from rlsd_env.adapters.foreign_checks import check_start
from rlsd_env.desk import Desk, is_our_class, is_ours
from rlsd_env.errors import ConfigurationError
from rlsd_env.forms import ODD_ANSWERS, forms_of, written
from rlsd_env.pairs import validate_command
from verifiers.service import IsolatedVerifier

_LOG = logging.getLogger(__name__)

MOST_TASKS = 1_000_000
"""Of an environment that is evaluated in whole."""
TASKS_CHECKED = 3
"""Of a source that is not ours."""
WEIGHTS = ("*.safetensors", "*.bin")
OTHER_HEADS = (
    "ForMaskedLM", "Classification", "ForQuestionAnswering", "ForMultipleChoice", "ForCTC", "ForPreTraining",
    "Detection", "Segmentation",
)  # fmt: skip
"""Ends of the names of classes that do not generate text."""


def foresee_training(options: Any, agents: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Check what a training or a comparison is told.

    Args:
        options: `TrainOptions` or `CompareOptions`.
        agents: names of agents, each with the hyperparameters that it is given.

    Raises:
        ConfigurationError: an agent, the environment, the policy or the output folder is unusable.

    """
    for agent, given in agents:
        check_agent(agent)
        check_hyperparameters(agent, given)
    check_out(options.out, resume=options.resume)
    if options.resume:
        check_stored(options.out, options, final=False)
    check_adapters(options.policy, options.lora_rank)
    config = policy_config(options.policy)
    env = opened(options.env, in_fold(options.env_kwargs, "train"))
    require_trainable(env.items)
    check_sight(options.policy, config, options.env, env)
    in_fold(options.env_kwargs, options.eval_fold)


def foresee_evaluation(options: Any) -> dict[str, GroupEnv]:
    """Check what an evaluation is told, and return its environments by label.

    Args:
        options: `EvaluateOptions`.

    Raises:
        ConfigurationError: an environment, the policy, the judge or the output folder is unusable.

    """
    if options.out is not None:
        check_out(options.out, resume=options.resume)
        if options.resume:
            check_stored(options.out, options)
    config = policy_config(options.policy)
    found = {}
    for label, env in options.specs():
        try:
            found[label] = opened(env, {**options.kwargs_of(label), "fold": options.fold})
        except ConfigurationError as error:
            if len(options.specs()) == 1:
                raise
            others = ",".join(env for _, env in options.specs() if env != label)
            without = (
                f"; the suite without it is --env {others} {rest_of_suite(options.suite)}" if options.suite else ""
            )
            told = f"{label}: {error}; its own arguments are --env-kwargs {label}.KEY=VALUE{without}"
            raise ConfigurationError(told) from error
        check_sight(options.policy, config, env, found[label])
        if not options.limit and (count := len(found[label].task_indices)) > MOST_TASKS:
            raise ConfigurationError(f"limit is 0, all tasks, and {label} makes {count:,}; give --limit a number")
    if options.judge:
        for made in found.values():
            references(made, [])
        check_judge(make_judge(options.judge, options.judge_url, options.judge_kwargs, cache=None))
    return found


def opened(env: str, env_kwargs: Mapping[str, Any]) -> GroupEnv:
    """Make an environment and begin its first task, so that a broken picture or verifier shows."""
    made = make_group_env(env, env_kwargs, 1, 1)
    made.reset(options={"task_index": [made.task_indices[0]]})
    if isinstance(made, ForeignGroups):
        check_start(made)
    desk = getattr(made, "desk", None)
    if isinstance(desk, Desk):
        check_source(desk, env, env_kwargs)
        check_verifier(desk, made.items[0], env, env_kwargs)
    return made


def check_source(desk: Desk, env: str, env_kwargs: Mapping[str, Any]) -> None:
    """Hold a source that is not ours to its contract, by its folds and its first tasks.

    Raises:
        ConfigurationError: folds share tasks, or a task is another one when it is asked for again.

    """
    source = desk.source
    if is_our_class(type(source)):
        return
    try:
        testing.check_source(source, limit=TASKS_CHECKED)
    except AssertionError as error:
        raise ConfigurationError(
            f"{type(source).__name__}: {error}; {validate_command(env, env_kwargs)} checks every task"
        ) from error


def check_verifier(desk: Desk, item: Item, env: str, env_kwargs: Mapping[str, Any]) -> None:
    """Have a verifier that is not ours judge no answer, the right one and odd ones.

    A right answer that scores nothing is told of and no more: a verifier may want more than the answer.

    Raises:
        ConfigurationError: it returns no verdict, fails or runs out of time.

    """
    own_verifier = not is_ours(desk.verifier) or isinstance(desk.verifier, IsolatedVerifier)
    if not own_verifier and is_our_class(type(desk.source)):
        return
    form = next(iter(forms_of(desk).values()))
    right = written(form, item.privileged.reference.answer)
    for response in ("", right, *(written(form, answer) for answer in ODD_ANSWERS if own_verifier)):
        (verdict,) = desk.grade([response], [item.privileged.reference], [item.task.id])
        if verdict.status.failed:
            raise ConfigurationError(
                f"on the response {response!r} to task {item.task.id!r}: {verdict.feedback}; it must give a "
                "verdict for any response, Status.UNPARSABLE where it cannot read one"
            )
        if response == right and not verdict.reward > 0:
            _LOG.warning(
                f"the right answer {right!r} to task {item.task.id!r} scores {verdict.reward:g} (status "
                f"{verdict.status}, extracted {verdict.extracted!r}); {validate_command(env, env_kwargs)} tells "
                "more"
            )


def check_out(folder: Path, *, resume: bool | None) -> None:
    """Refuse an output folder that holds something else, or that cannot be written; `resume` as in `check_place`.

    Raises:
        ConfigurationError: see above.

    """
    check_place(folder, resume=resume)
    check_writable(folder)


def check_writable(path: Path) -> None:
    """Refuse a path that cannot be made.

    Raises:
        ConfigurationError: its nearest existing folder is none, or may not be written.

    """
    place = path.absolute()
    while not place.exists():
        place = place.parent
    if not place.is_dir() and place != path.absolute():
        raise ConfigurationError(f"out {str(path)!r}: {str(place)!r} is a file; give another --out")
    if not os.access(place, os.W_OK):
        raise ConfigurationError(f"out {str(path)!r}: {str(place)!r} may not be written; give another --out")


def policy_config(policy: str) -> Mapping[str, Any] | None:
    """Return the `config.json` of a policy's folder, of adapters that of the model below; None: that is a hub id.

    Raises:
        ConfigurationError: there is no such folder, and the name is no hub id, or it holds no model.

    """
    own = Path(found_place(policy))
    if has_adapters(own) and not holds_weights(own):
        raise ConfigurationError(f"policy {policy!r} has adapters without weights; it must hold {' or '.join(WEIGHTS)}")
    place = Path(whole_model(str(own)))
    policy = str(place) if has_adapters(own) else policy
    if not place.is_dir():
        return None
    try:
        config = json_object(place / "config.json")
    except FileNotFoundError:
        check_ended(policy)
        inside = sorted(one.name for one in place.iterdir() if (one / "config.json").exists())
        advice = f"; did you mean {str(place / inside[0])!r}?" if inside else ", so it is no checkpoint"
        raise ConfigurationError(f"policy {policy!r} has no config.json{advice}") from None
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"policy {policy!r}: its config.json cannot be read: {error}") from error
    check_generates(policy, config)
    if not holds_weights(place):
        raise ConfigurationError(f"policy {policy!r} has no weights; it must hold {' or '.join(WEIGHTS)}")
    return config


def holds_weights(folder: Path) -> bool:
    """Tell whether a folder has a file of weights."""
    return any(next(folder.glob(pattern), None) for pattern in WEIGHTS)


def check_generates(policy: str, config: Mapping[str, Any]) -> None:
    """Refuse a model that writes no text from left to right.

    Raises:
        ConfigurationError: it has an encoder, or another head.

    """
    named = config.get("architectures") or []
    if config.get("is_encoder_decoder") or (named and all(name.endswith(OTHER_HEADS) for name in named)):
        kind = named[0] if named else config.get("model_type", "no architecture")
        raise ConfigurationError(
            f"policy {policy!r} is a {kind}, which does not write on from what it reads; take a causal language model "
            "or a vision-language model that has one, such as Qwen3-VL"
        )


def check_adapters(policy: str, lora_rank: int) -> None:
    """Refuse to train new adapters on a model that has some: those alone are saved, as adapters of the model below.

    Raises:
        ConfigurationError: that is so.

    """
    if lora_rank and has_adapters(found_place(policy)):
        raise ConfigurationError(
            f"policy {policy!r} holds adapters, and a run with lora_rank {lora_rank} would save its own without them; "
            f"merge them first, python -m agents.export {policy} --out FOLDER, and take --policy FOLDER"
        )


def check_sight(policy: str, config: Mapping[str, Any] | None, name: str, env: GroupEnv) -> None:
    """Refuse a model that reads text only where tasks have pictures.

    Raises:
        ConfigurationError: that is so.

    """
    (item,) = env.items
    if item.task.images or item.task.videos:
        check_sees(policy, config, f"tasks of {name} have pictures", ", or an environment without pictures")


def check_sees(policy: str, config: Mapping[str, Any] | None, what: str, advice: str = "") -> None:
    """Refuse pictures where a policy is known to read text only.

    Args:
        policy: which.
        config: its config.json, where that is known.
        what: what has pictures, in words.
        advice: what else would do than a model that sees.

    Raises:
        ConfigurationError: it reads text only.

    """
    if config is not None and "vision_config" not in config:
        kind = config.get("model_type", "model")
        raise ConfigurationError(
            f"policy {policy!r} ({kind}) reads text only, and {what}; take a model with a vision_config{advice}"
        )
