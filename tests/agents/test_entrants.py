"""The agents of a comparison: their own options, equal budgets, sweeps."""

from __future__ import annotations

import pytest

from agents.entrants import resolve
from agents.options.commands import CompareOptions
from rlsd_env import ConfigurationError


def entrants(**given):
    return {entrant.name: entrant for entrant in resolve(CompareOptions(**given))[1]}


def test_own_options_reach_the_runs_of_their_agent_alone(tmp_path):
    options = CompareOptions(agents=("grpo", "slow=opsd"), agent_options={"slow.lr": 1e-6, "slow.updates_per_batch": 2})
    grpo, slow = (entrant.train_options(options, 0, tmp_path) for entrant in resolve(options)[1])
    assert (slow.agent, slow.label, slow.lr, slow.updates_per_batch) == ("opsd", "slow", 1e-6, 2)
    assert (grpo.lr, grpo.updates_per_batch) == (5e-5, 1)


def test_the_shape_of_a_batch_may_differ_and_its_size_may_not():
    # 16 x 8 = 128 and 32 x 4 = 128
    same = entrants(agents=("grpo", "opsd"), agent_options={"opsd.group_size": 4, "opsd.prompts_per_step": 32})
    assert same["opsd"].options == {"group_size": 4, "prompts_per_step": 32}
    message = r"grpo has 16 x 8 = 128 rollouts per step .*, opsd 16 x 4 = 64; give both the same product"
    with pytest.raises(ConfigurationError, match=message):
        entrants(agents=("grpo", "opsd"), agent_options={"opsd.group_size": 4})
    # a baseline has no rollouts of the model
    assert len(entrants(agents=("ppo", "grpo"), agent_options={"grpo.group_size": 4})) == 2


def test_a_baseline_has_no_options_of_the_learner():
    with pytest.raises(ConfigurationError, match=r"agent_options has ppo.lr; ppo is no language model"):
        entrants(agents=("ppo", "grpo"), agent_options={"ppo.lr": 1e-3})
