"""What every trial imports, for the server that workers come from; see `agents.trials.server`."""

import agents.experiment  # noqa: F401
