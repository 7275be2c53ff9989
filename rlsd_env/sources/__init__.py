"""Where tasks come from: procedural families and real data sets behind one interface."""

from rlsd_env.sources.base import FOLDS, TaskSource, load_source

__all__ = ["FOLDS", "TaskSource", "load_source"]
