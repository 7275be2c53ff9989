"""Policies by name: the bundled model, a folder, or a hub id."""

from __future__ import annotations

import torch
from transformers import AutoConfig

from agents.bundled import found_place, whole_model
from agents.options.model import DEVICES, ModelOptions
from agents.policy.media import MediaProcessor
from agents.policy.transformers_policy import TransformersPolicy, load_processor
from agents.policy.trial import fit, is_held
from rlsd_env.errors import ConfigurationError, one_of


def find_policy(name: str, device: str = "auto") -> tuple[str, str]:
    """Return the path or hub id and the device that `load_policy` will use, after a look at the configuration.

    Raises:
        ConfigurationError: the device is not there, or no model can be found under that name.

    """
    if device not in DEVICES:
        raise ConfigurationError(one_of("device", device, DEVICES))
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigurationError("device 'cuda': torch sees no GPU here; use cpu or auto")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    path = found_place(name)
    try:
        AutoConfig.from_pretrained(whole_model(path))
    except (OSError, ValueError) as error:
        raise _not_loadable(name, error) from error
    return path, device


def load_policy(name: str = "tiny", device: str = "auto", options: ModelOptions | None = None) -> TransformersPolicy:
    """Load a policy: a bundled one such as "tiny", a checkpoint folder, a folder of adapters, or a hub id.

    Adapters (PEFT) are merged into the model that they belong to: what is trained is then that model.

    Args:
        name: which.
        device: auto, cpu or cuda.
        options: how it is run and what of it is trained; None: all of it, float32. An object with more than these
            options, such as those of a command line, will do.

    Raises:
        ConfigurationError: the device is not there, nothing can be loaded under that name, or it is a model of a family
            that is not held to a contract and it does not score or sample as transformers says.

    """
    path, device = find_policy(name, device)
    try:
        policy = TransformersPolicy.from_pretrained(path, device, options)
        if not is_held(policy.model.config):
            fit(policy, asked=None if options is None else options.scoring)
    except ConfigurationError:
        raise
    except Exception as error:  # whatever the code of a model that nobody here has seen may raise
        raise _not_loadable(name, error) from error
    return policy


def load_media(name: str) -> MediaProcessor:
    """Return what makes pictures into the inputs of a policy, without its weights; it stops at what it refuses.

    Raises:
        ConfigurationError: as of `load_policy`.

    """
    path, _ = find_policy(name)
    config = AutoConfig.from_pretrained(whole_model(path))
    try:
        return MediaProcessor(load_processor(path, config), config)
    except Exception as error:  # as of a policy
        raise _not_loadable(name, error) from error


def _not_loadable(name: str, error: Exception) -> ConfigurationError:
    reason = " ".join(str(error).split())
    if not isinstance(error, OSError | ValueError | ImportError):
        reason = f"{type(error).__name__}: {reason}"
    return ConfigurationError(f"policy {name!r} cannot be loaded: {reason[:300]}")
