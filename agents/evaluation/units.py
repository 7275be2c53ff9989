"""What of an environment's tasks a benchmark counts, and which tasks belong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agents.evaluation.benchmarks import Benchmark
from agents.evaluation.scores import Group, Units
from rlsd_env import GroupEnv
from rlsd_env.desk import Desk
from rlsd_env.sources.dataset import DataSource
from rlsd_env.sources.wemath import WeMath
from rlsd_env.sources.zerobench import ZeroBench


@dataclass(frozen=True)
class Counted:
    """What an evaluation counted.

    Attributes:
        units: what is counted.
        unit: its name, in the singular.
        count: how many units there are.
        clusters: how many clusters they are in.
        cluster: the name of one.
        of: how many a benchmark has; None: the environment is none.
        measure: what the number is called.

    """

    units: Units
    unit: str
    count: int
    clusters: int
    cluster: str
    of: int | None
    measure: str

    @property
    def whole(self) -> bool:
        """Whether this is the benchmark's number: all of it was asked, and nothing else."""
        return self.count == self.of


def counted_units(env: GroupEnv, tasks: Sequence[int], ids: Sequence[str], benchmark: Benchmark | None) -> Counted:
    """Find the units among tasks.

    Args:
        env: their environment.
        tasks: their numbers.
        ids: their ids.
        benchmark: which one it is.

    """
    desk = getattr(env, "desk", None)
    source = desk.source if isinstance(desk, Desk) else None
    if isinstance(source, WeMath):
        units = wemath_units(source, tasks)
    elif isinstance(source, ZeroBench):
        units = Units(tuple(map(question_of, ids)))
    elif isinstance(source, DataSource):
        group_of = {number: name for name, numbers in source.groups().items() for number in numbers}
        units = Units(tuple(group_of[task] for task in tasks))
    else:
        units = Units(tuple(ids))
    unit, measure = ("task", "accuracy") if benchmark is None else (benchmark.unit, benchmark.measure)
    if isinstance(source, WeMath):
        unit, measure = "group", "score (strict)"
    of = None if benchmark is None else benchmark.denominator
    cluster = "question" if isinstance(source, ZeroBench) else "group"
    return Counted(units, unit, len(units.clusters), len(set(units.clusters)), cluster, of, measure)


def chosen(env: GroupEnv, limit: int) -> list[int]:
    """Return the numbers of the first tasks of an environment's fold.

    Of We-Math, which counts groups, as many whole groups as have no more tasks together, where one has.

    Args:
        env: the environment.
        limit: how many tasks at most; 0: all, in their order.

    """
    count = min(limit or len(env.task_indices), len(env.task_indices))
    first = [int(env.task_indices[place]) for place in range(count)]
    source = getattr(getattr(env, "desk", None), "source", None)
    if not isinstance(source, WeMath) or count == len(env.task_indices):
        return first
    found: list[int] = []
    fold = set(map(int, env.task_indices))
    for tasks in source.groups().values():
        if set(tasks) <= fold and wemath_units(source, tasks).clusters:
            if len(found) + len(tasks) > limit:
                break
            found += tasks
    return found or first


def wemath_units(source: WeMath, tasks: Sequence[int]) -> Units:
    """Return the groups of We-Math of which all questions are among the tasks."""
    found: dict[str, dict[str, int]] = {}
    for place, task in enumerate(tasks):
        facts = source.record(task).metadata
        found.setdefault(f"{facts['steps']} {facts['group']}", {})[str(facts["step"])] = place
    groups = {}
    for name, places in found.items():
        if len(places) == int(name.partition(" ")[0]) + 1:
            steps = tuple(place for step, place in places.items() if step != "multi")
            groups[name] = Group(steps, places["multi"])
    return Units(tuple(groups), tuple(groups.values()))


def question_of(task_id: str) -> str:
    """Return the question that a subquestion of ZeroBench is of: ids are "12_3", number and subquestion.

    >>> question_of("12_3"), question_of("12")
    ('12', '12')
    """
    return task_id.rpartition("_")[0] or task_id
