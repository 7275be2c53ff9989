"""What every trial imports, for the server that workers come from; see `agents.trials.server`."""

from agents.trials.server import ends_with_parent

with ends_with_parent():
    import agents.experiment  # noqa: F401
