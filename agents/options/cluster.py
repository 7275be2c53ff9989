"""Options that decide where the trials of a comparison run, and not what they find."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.options.types import at_least
from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.extras import require

ADDRESS = re.compile(r"(ray://)?[\w.-]+:\d+|(ray://)?\[[0-9a-fA-F:]+\]:\d+")


@dataclass(frozen=True)
class ClusterOptions:
    """Where trials run, on what, and how often one is started again."""

    cluster: str = "local"
    """local (processes on this machine), ray (the Ray cluster of this machine or of RAY_ADDRESS, or one started for
    the comparison), or the address of a Ray cluster: host:6379, or ray://host:10001 from outside of it. --out must be
    a folder that this machine and every node share."""
    trial_cpus: float = 0
    """CPUs that a trial takes of a Ray cluster; 0: as many as --threads."""
    trial_gpus: float = 0
    """GPUs that a trial takes of a Ray cluster, 0.5 to have two trials share one; 0: on a GPU as many as its model is
    spread over, else none."""
    retries: int = 2
    """How often a trial is started again whose worker was lost (killed, out of memory, its node gone). It continues
    from its checkpoint."""

    def check_cluster(self, device: str) -> None:
        """Refuse unusable values.

        Raises:
            ConfigurationError: a value is unknown or out of range, or needs a package that is not there.

        """
        if self.cluster not in ("local", "ray") and not ADDRESS.fullmatch(self.cluster):
            message = one_of("cluster", self.cluster, ("local", "ray"))
            raise ConfigurationError(f"{message}, or an address such as host:6379 or ray://host:10001")
        for name in ("trial_cpus", "trial_gpus", "retries"):
            at_least(name, getattr(self, name), 0)
            if name != "retries" and self.cluster == "local" and getattr(self, name):
                raise ConfigurationError(f"{name} is for a Ray cluster; here --jobs says how many run at a time")
        if self.trial_gpus > 1 and self.trial_gpus % 1:
            raise ConfigurationError(f"trial_gpus is {self.trial_gpus}; above 1 it must be a whole number")
        if self.trial_gpus and device == "cpu":
            raise ConfigurationError(f"trial_gpus is {self.trial_gpus} but device is cpu; use --device cuda or auto")
        if self.cluster != "local":
            require(f"cluster {self.cluster}", "ray", "ray")
        if self.cluster.startswith("ray://") and importlib.util.find_spec("grpc") is None:
            raise ConfigurationError(
                f"cluster {self.cluster} needs Ray's client, which is not installed; pip install 'ray[client]'"
            )

    def trial_resources(self, device: str, threads: int, sampler_kwargs: Mapping[str, Any]) -> dict[str, float]:
        """Return the CPUs and GPUs that a trial takes of a Ray cluster on a device."""
        spread = [int(sampler_kwargs.get(f"{kind}_parallel_size", 1)) for kind in ("tensor", "pipeline")]
        gpus = self.trial_gpus or spread[0] * spread[1]
        return {"CPU": self.trial_cpus or threads, "GPU": gpus if device == "cuda" else 0}
