"""The agents of a comparison: their own options, equal budgets, sweeps."""

from __future__ import annotations

import dataclasses

import pytest

from agents.command_line import parse
from agents.entrants import resolve
from agents.options.commands import CompareOptions, to_toml
from agents.report.budget import budget_lines
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


def test_a_sweep_is_the_product_of_its_values():
    found = entrants(
        agents=("rlsd", "grpo"),
        sweep={"rlsd.lam": [0.1, 1], "rlsd.lr": [1e-5, 1e-4]},
        agent_kwargs={"rlsd.epsilon": 0.3},
    )
    assert list(found) == [
        "rlsd@lam=0.1,lr=1e-05",
        "rlsd@lam=0.1,lr=0.0001",
        "rlsd@lam=1.0,lr=1e-05",
        "rlsd@lam=1.0,lr=0.0001",
        "grpo",
    ]
    third = found["rlsd@lam=1.0,lr=1e-05"]
    assert (third.swept, third.options, third.kwargs["lam"], third.kwargs["epsilon"]) == (
        {"lam": 1.0, "lr": 1e-5},
        {"lr": 1e-5},
        1.0,
        0.3,
    )
    assert found["grpo"].swept == {}


def test_an_option_of_all_is_swept_for_every_language_model(tmp_path):
    found = entrants(agents=("ppo", "a=rlsd", "opsd"), sweep={"lr": [1e-5, 1e-4]})
    assert list(found) == ["ppo", "a@lr=1e-05", "a@lr=0.0001", "opsd@lr=1e-05", "opsd@lr=0.0001"]
    options = CompareOptions(agents=("ppo", "a=rlsd", "opsd"), sweep={"lr": [1e-5, 1e-4]})
    run = found["opsd@lr=0.0001"].train_options(options, 3, tmp_path)
    assert (run.agent, run.label, run.lr, run.seed) == ("opsd", "opsd@lr=0.0001", 1e-4, 3)


def test_names_of_variants_are_names_of_folders():
    found = entrants(agents=("rlsd",), sweep={"rlsd.teacher": ["synced(10)", "external(a/b)"]})
    assert list(found) == ["rlsd@teacher=synced-10", "rlsd@teacher=external-a-b"]
    assert found["rlsd@teacher=external-a-b"].kwargs["teacher"] == "external(a/b)"
    message = "two agents are called 'rlsd@teacher=external-a-b'"
    with pytest.raises(ConfigurationError, match=message):
        entrants(agents=("rlsd",), sweep={"rlsd.teacher": ["external(a/b)", "external(a-b)"]})


def test_what_must_be_given_may_be_swept():
    assert len(entrants(agents=("opd",), sweep={"opd.teacher": ["external(a/b)", "external(c/d)"]})) == 2


def test_a_baseline_is_swept_over_its_hyperparameters():
    found = entrants(agents=("ppo",), sweep={"ppo.max_grad_norm": [0.5, 1]})
    assert [entrant.kwargs["max_grad_norm"] for entrant in found.values()] == [0.5, 1.0]
    with pytest.raises(ConfigurationError, match="option of ppo in sweep 'lr'"):
        entrants(agents=("ppo",), sweep={"ppo.lr": [0.5, 1]})


def test_the_resolved_options_of_a_sweep_can_be_given_back(tmp_path):
    options, found = resolve(CompareOptions(agents=("rlsd",), sweep={"rlsd.lam": [0.1, 0.5], "lr": [1e-5]}))
    assert "rlsd.lam" not in options.agent_kwargs
    assert options.agent_kwargs["rlsd.epsilon"] == 0.2
    path = tmp_path / "config.toml"
    path.write_text(to_toml(options))
    again = dataclasses.replace(parse(CompareOptions, ["--config", str(path)], "prog", ""), config=None)
    assert resolve(again) == (options, found)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sweep": {"rlsd.lamm": [1]}}, "unknown option of rlsd in sweep 'lamm'; did you mean 'lam'"),
        ({"sweep": {"epsilon": [1]}}, "unknown option of all agents in sweep 'epsilon'.* is AGENT.epsilon"),
        ({"sweep": {"steps": [1, 2]}}, "unknown option of all agents in sweep 'steps'"),
        ({"sweep": {"rsld.lam": [1]}}, "sweep has 'rsld.lam'; write AGENT.OPTION=V,V with one of grpo, rlsd"),
        ({"sweep": {"rlsd.lam": []}}, r"sweep rlsd.lam is \[\]; it must be a list of at least one value"),
        ({"sweep": {"rlsd.lam": 0.1}}, "sweep rlsd.lam is 0.1; it must be a list"),
        ({"sweep": {"rlsd.lam": [0.5, 1, 0.5]}}, "sweep rlsd.lam has 0.5 twice"),
        ({"sweep": {"rlsd.lam": [1, 1.0]}}, "sweep rlsd.lam has 1.0 twice"),
        ({"sweep": {"rlsd.lam": ["much"]}}, "rlsd.lam is 'much'; it must be of type float"),
        ({"sweep": {"rlsd.lam": [2.0]}}, "lam"),
        ({"sweep": {"rlsd.lr": [-1.0]}}, "rlsd@lr=-1.0: lr is -1.0; it must be above 0"),
        ({"sweep": {"rlsd.lr": ["fast"]}}, "sweep rlsd.lr is 'fast'; it must be of type float"),
        ({"sweep": {"lr": [1e-5], "rlsd.lr": [1e-4]}}, "sweep has lr for all agents and rlsd.lr; leave one out"),
        (
            {"sweep": {"rlsd.lam": [0.1]}, "agent_kwargs": {"rlsd.lam": 0.2}},
            "rlsd.lam is swept and given in agent_kwargs; leave one out",
        ),
        (
            {"sweep": {"lr": [1e-5]}, "agent_options": {"rlsd.lr": 1e-4}},
            "rlsd.lr is swept and given in agent_options; leave one out",
        ),
        ({"sweep": {"rlsd.group_size": [4]}}, r"grpo has 16 x 8 = 128 .* rlsd@group_size=4 16 x 4 = 64"),
    ],
)
def test_bad_sweeps_are_refused_in_one_line(given, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        entrants(agents=("grpo", "rlsd"), **given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "sweep"),
    [
        (["--sweep", "rlsd.lam=0.1,1", "rlsd.epsilon=0.2"], {"rlsd.lam": [0.1, 1], "rlsd.epsilon": [0.2]}),
        (["--sweep", "rlsd.lam=0.1", "--sweep", "rlsd.epsilon=0.2"], {"rlsd.lam": [0.1], "rlsd.epsilon": [0.2]}),
        (["--sweep=rlsd.lam=0.1", "--steps", "3", "--sweep=lr=1e-5"], {"rlsd.lam": [0.1], "lr": [1e-5]}),
        (["--sweep", "rlsd.teacher=synced(10),external(a,b)"], {"rlsd.teacher": ["synced(10)", "external(a,b)"]}),
        (["--sweep", "grpo.divide_by_std=[true, false]"], {"grpo.divide_by_std": [True, False]}),
    ],
)
def test_sweeps_are_read(words, sweep):
    assert parse(CompareOptions, words, "prog", "").sweep == sweep


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--sweep", "rlsd.lam"], "'rlsd.lam' is not of the form AGENT.OPTION=VALUE"),
        (["--sweep", "rlsd.lam="], "it must be a list of at least one value"),
        (
            ["--sweep", "rlsd.lam=0.1", "--sweep", "rlsd.lam=0.2"],
            "rlsd.lam is swept twice; give all its values",
        ),
    ],
)
def test_words_that_are_no_sweep(words, message):
    with pytest.raises(ConfigurationError, match=message):
        parse(CompareOptions, words, "prog", "")


def test_pairs_may_be_given_in_several_places():
    options = parse(CompareOptions, ["--agent-kwargs", "rlsd.lam=1", "--agent_kwargs", "opsd.beta=0.0"], "prog", "")
    assert options.agent_kwargs == {"rlsd.lam": 1, "opsd.beta": 0.0}


def test_a_sweep_in_toml(tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text('agents = ["rlsd"]\n[sweep]\nlr = [1e-5, 1e-4]\n[sweep.rlsd]\nlam = [0.1]\n')
    assert parse(CompareOptions, ["--config", str(path)], "prog", "").sweep == {"lr": [1e-5, 1e-4], "rlsd.lam": [0.1]}


def test_the_budget_by_hand():
    options, found = resolve(
        CompareOptions(
            agents=("rlsd", "ppo"), sweep={"rlsd.lam": [0.1, 0.5], "rlsd.updates_per_batch": [1, 3]}, seeds=(0, 1),
            steps=5, prompts_per_step=4, group_size=8, eval_tasks=10, eval_samples=2,
        )
    )  # fmt: skip
    assert budget_lines(options, found) == [
        "budget: 4 variants x 2 seeds = 8 runs",
        "  rollouts: 5 steps x 32 = 160 each, 1,280 in all",
        "  updates: 5 to 15 each, 80 in all",  # (5 + 15) x 2 values of lam x 2 seeds
        "  held-out completions: 10 tasks x (2 sampled + 1 greedy) = 30 for each run and the untrained model, "
        "300 in all",
        "  ppo: a budget of its own",
    ]
    options, found = resolve(CompareOptions(agents=("grpo",), seeds=(0,), steps=5, eval_every=2, eval_fold="tuning"))
    # 128 x 9 = 1152; last, best and untrained: 3456; at steps 0, 2, 4, 5: 4608
    assert budget_lines(options, found)[3:] == [
        "  tuning completions: 128 tasks x (8 sampled + 1 greedy) = 1,152 for each run's last and best weights and the "
        "untrained model, at most 3,456 in all",
        "  tuning completions on the way: 4 times as many in each run, 4,608 in all",
    ]


def test_the_budget_counts_attempts_with_help_apart():
    options, found = resolve(
        CompareOptions(
            agents=("grpo", "hdpo", "npo"), agent_kwargs={"npo.guide": "external(tiny)"}, seeds=(0,), steps=2
        )
    )
    lines = budget_lines(options, found)
    assert lines[1].startswith("  rollouts: 2 steps x")
    assert lines[2] == "  and attempts with help, at most as many again: hdpo, npo"
    options, found = resolve(CompareOptions(agents=("grpo",), steps=2))
    assert "with help" not in "".join(budget_lines(options, found))
