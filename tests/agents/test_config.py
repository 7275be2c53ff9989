from __future__ import annotations

import tomllib

import pytest

from agents.command_line import parse
from agents.options.commands import CompareOptions, EvaluateOptions, TrainOptions, resolved, to_toml
from rlsd_env import ConfigurationError


def read(cls, *argv):
    return parse(cls, argv, "prog", "what it does")


def test_defaults_and_flags():
    options = read(
        CompareOptions, "--agents", "grpo,rlsd", "--seeds", "3,4", "--env-kwargs", "difficulty=3", "path=a/b"
    )
    assert options.agents == ("grpo", "rlsd")
    assert options.seeds == (3, 4)
    assert options.env_kwargs == {"difficulty": 3, "path": "a/b"}
    assert options.steps == CompareOptions().steps
    assert read(CompareOptions, "--agents", "grpo", "rlsd").agents == ("grpo", "rlsd")
    assert read(TrainOptions, "--env-kwargs", "difficulty=2").env_kwargs == {"difficulty": 2}
    booleans = read(TrainOptions, "--env-kwargs", "a=True", "b=False", "c=true", 'd="False"', "e=[true]").env_kwargs
    assert booleans == {"a": True, "b": False, "c": True, "d": "False", "e": [True]}


def test_toml_with_overrides(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(
        'agents = ["grpo", "rlsd"]\nsteps = 7\nlr = 1\ngroup-size = 4\n[env_kwargs]\ndifficulty = 3\n'
        "[agent_kwargs.rlsd]\nepsilon = 0.1\n"
    )
    options = read(CompareOptions, "--config", str(path), "--steps", "9")
    assert (options.steps, options.group_size, options.lr) == (9, 4, 1.0)
    assert options.agents == ("grpo", "rlsd")
    assert options.env_kwargs == {"difficulty": 3}
    assert options.train_options("rlsd", "rlsd", 0, tmp_path).agent_kwargs == {"epsilon": 0.1}
    assert options.train_options("grpo", "grpo", 0, tmp_path).agent_kwargs == {}


def test_a_switch_that_the_file_has_set_may_be_given_too(tmp_path):
    (tmp_path / "config.toml").write_text("shard = true\n")
    config = ["--config", str(tmp_path / "config.toml")]
    assert parse(TrainOptions, [*config, "--shard", "--steps", "7"], "train", "").shard
    assert parse(TrainOptions, [*config, "--dry-run"], "train", "").shard


def test_an_agent_has_options_for_itself(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text('agents = ["grpo", "opsd"]\nlr = 1e-6\n[agent_options.opsd]\nlr = 1e-5\nclip_low = 0\n')
    options = read(CompareOptions, "--config", str(path))
    opsd, grpo = (options.train_options(label, label, 0, tmp_path) for label in ("opsd", "grpo"))
    assert (opsd.lr, opsd.clip_low, type(opsd.clip_low), grpo.lr, grpo.clip_low) == (1e-5, 0.0, float, 1e-6, 0.2)
    path.write_text(to_toml(options))
    assert read(CompareOptions, "--config", str(path)).options_of("opsd") == {"lr": 1e-5, "clip_low": 0.0}


def test_a_label_stands_for_an_agent_with_other_hyperparameters(tmp_path):
    options = read(CompareOptions, "--agents", "rlsd,tight=rlsd,m:A", "--agent-kwargs", "tight.epsilon=0.1", "m:A.x=1")
    assert options.specs() == [("rlsd", "rlsd"), ("tight", "rlsd"), ("m:A", "m:A")]
    tight = options.train_options("tight", "tight", 0, tmp_path)
    assert (tight.agent, tight.label, tight.agent_kwargs) == ("rlsd", "tight", {"epsilon": 0.1})
    assert options.kwargs_of("rlsd") == {}
    assert options.kwargs_of("m:A") == {"x": 1}


def test_tables_within_env_kwargs_survive(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text("[env_kwargs.verifier_kwargs]\na = 1\n")
    assert read(TrainOptions, "--config", str(path)).env_kwargs == {"verifier_kwargs": {"a": 1}}


def test_jobs_follow_the_cores_and_a_gpu_takes_one():
    assert CompareOptions(threads=10_000).parallel_jobs("cpu") == 1
    assert CompareOptions().parallel_jobs("cuda") == 1
    assert CompareOptions(jobs=3).parallel_jobs("cuda") == 3


def test_the_stored_options_can_be_given_back(tmp_path):
    options = read(
        CompareOptions, "--agents", "grpo", "--env-kwargs", "difficulty=3", "--agent-kwargs", "grpo.divide_by_std=false"
    )
    path = tmp_path / "config.toml"
    path.write_text(to_toml(options))
    again = read(CompareOptions, "--config", str(path))
    assert resolved(again) == resolved(options)
    assert again.agent_kwargs == {"grpo.divide_by_std": False}
    assert tomllib.loads(path.read_text())["steps"] == options.steps


@pytest.mark.parametrize(
    ("cls", "argv", "message"),
    [
        (TrainOptions, ["--stepz", "3"], "unknown option '--stepz'; did you mean '--steps'"),
        (TrainOptions, ["--lerning-rate", "1e-4"], "unknown option '--lerning-rate'; did you mean '--lr'"),
        (CompareOptions, ["--model_name_or_path", "tiny"], "did you mean '--policy'"),
        (
            TrainOptions,
            ["--verifier", "x:Y"],
            "option '--verifier'; .*; the environment's own go into --env-kwargs NAME=",
        ),
        (TrainOptions, ["--steps", "abc"], "--steps.*'abc'"),
        (TrainOptions, ["--steps"], "--steps"),
        (TrainOptions, ["stray"], "stray"),
        (TrainOptions, ["--steps", "0"], "steps is 0; it must be at least 1"),
        (TrainOptions, ["--group-size", "0"], "group_size is 0; it must be at least 1"),
        (TrainOptions, ["--temperature", "0"], "temperature is 0.0"),
        (TrainOptions, ["--env-kwargs", "difficulty"], "'difficulty' is not of the form KEY=VALUE"),
        (CompareOptions, ["--agents", "grpo,grpo"], "each may be there once"),
        (CompareOptions, ["--agents", ","], "agents is empty"),
        (CompareOptions, ["--jobs", "-1"], "jobs is -1; it must be at least 0"),
        (CompareOptions, ["--seeds", "-1"], "seed is -1; it must be at least 0"),
        (TrainOptions, ["--seed", "-1"], "seed is -1; it must be at least 0"),
        (EvaluateOptions, ["--temperature", "-1"], "temperature is -1.0; it must be at least 0"),
        (EvaluateOptions, ["--env-kwargs", "fold=all"], "give it as --fold"),
        (CompareOptions, ["--seeds", "a"], "'a' is not a list of whole numbers"),
        (CompareOptions, ["--agent-kwargs", "epsilon=0.1"], "write AGENT.OPTION"),
        (CompareOptions, ["--agent-kwargs", "rlst.epsilon=0.1"], "write AGENT.OPTION with one of grpo"),
        (CompareOptions, ["--agent-options", "lr=1e-5"], "agent_options has 'lr'; write AGENT.OPTION"),
        (CompareOptions, ["--agent-options", "opds.lr=1e-5"], "write AGENT.OPTION with one of grpo"),
        (CompareOptions, ["--agent-options", "opsd.lrr=1e-5"], "'lrr'; did you mean 'lr'"),
        (CompareOptions, ["--agent-options", "opsd.steps=5"], "unknown option of an agent in agent_options opsd.steps"),
        (CompareOptions, ["--agent-options", "opsd.lr=fast"], "opsd.lr is 'fast'; it must be of type float"),
        (CompareOptions, ["--agent-options", "opsd.group_size=4.0"], "opsd.group_size is 4.0; it must be of type int"),
        (CompareOptions, ["--agent-options", "opsd.lr=-1"], "agent_options of opsd: lr is -1.0; it must be above 0"),
        (CompareOptions, ["--agent-options", "sdpo.aggregation=sum"], "unknown aggregation 'sum'"),
        (TrainOptions, ["--eval-every", "-1"], "eval_every is -1; it must be at least 0"),
        (TrainOptions, ["--eval-fold", "train"], "unknown eval_fold 'train'.*heldout, tuning"),
        (EvaluateOptions, ["--limit", "-1"], "limit is -1; it must be at least 0"),
        (EvaluateOptions, ["--config", "/nowhere.toml"], "'/nowhere.toml' does not exist"),
    ],
)
def test_bad_arguments_are_one_line_that_names_them(cls, argv, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        read(cls, *argv)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps = ", "not readable TOML"),
        ("stepz = 3", "unknown option 'stepz'; did you mean 'steps'"),
        ("learning_rate = 3e-4", "unknown option 'learning_rate'; did you mean 'lr'"),
        ('steps = "many"', "steps is 'many'; it must be of type int"),
        ("steps = true", "steps is True; it must be of type int"),
        ('agents = "grpo"', "agents is 'grpo'; it must be of type list"),
        ("agents = [1]", "must be a list of str"),
    ],
)
def test_bad_toml_is_named(tmp_path, text, message):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        read(CompareOptions, "--config", str(path))
