"""One attempt at each task: enough for some methods, refused for those that compare attempts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from agents import Algorithm
from agents.methods import make_method
from agents.options.commands import TrainOptions
from agents.setup import check, check_group_size
from rlsd_env import ConfigurationError
from tests.agents.commands import SMALL, call

ENOUGH = ("opsd", "sdpo", "grpo+opsd", "opd")
"""Methods with a loss of their own beside, or in place of, the comparison of attempts; sdpo's teacher may see what the
verifier said of the one attempt."""
COMPARE = ("grpo", "rlsd", "rlsd-gated", "cepo", "rlcsd", "belief")


@pytest.mark.parametrize("name", [*ENOUGH, *COMPARE])
def test_one_attempt_is_refused_exactly_where_nothing_could_be_learned(name):
    method = make_method(name, {"teacher": "external(tiny)"} if name == "opd" else {})
    if name in ENOUGH:
        check_group_size(method, TrainOptions(group_size=1))
    else:
        message = f"{name.replace('+', '.')} compares the attempts .* group_size must be at least 2, is 1"
        with pytest.raises(ConfigurationError, match=message):
            check_group_size(method, TrainOptions(group_size=1))
    check_group_size(method, TrainOptions(group_size=2))


def test_it_depends_on_hyperparameters():
    with pytest.raises(ConfigurationError, match="compares the attempts"):
        check_group_size(make_method("grpo+opsd", {"coefficient": 0.0}), TrainOptions(group_size=1))


@dataclass(frozen=True)
class Reinforce(Algorithm):
    """No baseline: the advantage is the reward."""

    name: ClassVar[str] = "reinforce"

    def group_advantages(self, rewards_BG, valid_BG):
        """Return the rewards."""
        return rewards_BG


def test_a_method_whose_advantage_needs_no_group_is_taken():
    check_group_size(Reinforce(), TrainOptions(group_size=1))


def test_the_command_refuses_before_anything_is_written(tmp_path):
    done = call("agents.compare", "--agents", "opsd,rlsd", "--group-size", "1", "--out", tmp_path / "out", check=False)
    assert (done.returncode, "rlsd compares the attempts" in done.stderr) == (2, True)
    assert not (tmp_path / "out").exists()


def test_a_baseline_knows_no_groups():
    check([TrainOptions(agent="ppo", env="rlsd/DotSumTokens-v0", env_kwargs={"difficulty": 1}, group_size=1)])


def test_opsd_learns_from_one_attempt(tmp_path):
    call("agents.train", "--agent", "opsd", *SMALL, "--group-size", "1", "--out", tmp_path / "out")
    header, *rows = (tmp_path / "out" / "metrics.csv").read_text().splitlines()
    found = [dict(zip(header.split(","), row.split(","))) for row in rows]
    assert all(float(row["grad_norm"]) > 0 and float(row["active_share"]) == 1 for row in found)
