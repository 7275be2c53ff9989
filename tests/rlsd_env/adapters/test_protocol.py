"""Environments that do not keep to Gymnasium's protocol: each is refused in one line that says what it did."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import verifiers.base
from rlsd_env.adapters.foreign import ForeignGroups
from rlsd_env.adapters.texts import AnswerToAction, DiscreteToText, ObservationToText
from rlsd_env.errors import ConfigurationError
from verifiers import Status

ACTIONS = ("left", "right")


class Told(gymnasium.Env):
    """Says one word, ends with the first action, and returns what it is told to."""

    observation_space, action_space = spaces.Text(9), spaces.Discrete(2)

    def __init__(self, began=("word", {}), came=("word", 1.0, True, False, {})):
        self.began, self.came = began, came

    def reset(self, *, seed=None, options=None):
        return self.began

    def step(self, action):
        return self.came


class Seedless(Told):
    def reset(self):
        return "word", {}


class Optionless(Told):
    def reset(self, seed=None):
        return "word", {}


def limited(**kwargs):
    return gymnasium.wrappers.TimeLimit(Told(**kwargs), 5)


def upper(**kwargs):
    """Make one whose wrapper, of Gymnasium's own, takes apart what it is given."""
    return gymnasium.wrappers.TransformObservation(Told(**kwargs), str.upper, None)


def tried(make, make_kwargs=None):
    """Begin one attempt and take one action."""
    env = ForeignGroups(1, make, make_kwargs=make_kwargs)
    env.reset()
    return env.step(["<answer>left</answer>"])


def passing(**kwargs):
    return Told(**kwargs)


@pytest.mark.parametrize(
    ("make", "make_kwargs", "message"),
    [
        (Told, {"began": "word"}, r"reset\(\) of Told returned 'word' \(str\); it must return \(observation, info\)"),
        (Told, {"began": ("a", "b")}, r"reset\(\) of Told returned \('a', 'b'\) \(tuple\); it must return \(obs"),
        (limited, {"began": "word"}, r"reset\(\) of Told returned 'word' \(str\)"),
        (upper, {"began": "word"}, r"reset\(\) of Told returned 'word' \(str\)"),
        (upper, {"came": ("word", 1.0, True, {})}, r"step\(\) of Told returned 4 values, as Gym before 0.26"),
        (lambda **k: AnswerToAction(Told(**k)), {"began": "wo"}, r"reset\(\) of Told returned 'wo' \(str\)"),
        (lambda **k: ObservationToText(Told(**k), str), {"began": "wo"}, r"reset\(\) of Told returned 'wo' \(str\)"),
        (Seedless, {}, r"reset\(\) of Seedless does not take .*argument 'seed'.*def reset\(self, \*, seed=None, "),
        (lambda: AnswerToAction(Seedless()), {}, r"reset\(\) of Seedless does not take .*'seed'"),
        (lambda: gymnasium.wrappers.TimeLimit(Optionless(), 5), {}, "Optionless does not take .*argument 'options'"),
        (Told, {"came": ("word", 1.0, True, {})}, r"step\(\) of Told returned 4 values, as Gym before 0.26 wanted"),
        (limited, {"came": ("word", 1.0, True, {})}, r"step\(\) of Told returned 4 values, as Gym before 0.26"),
        (lambda **k: DiscreteToText(Told(**k), ACTIONS), {"came": ("word", 1.0, True, {})}, "Told returned 4 values"),
        (Told, {"came": None}, r"step\(\) of Told returned None \(NoneType\); it must return \(observation, reward, "),
        (Told, {"came": ("word", "1", True, False, {})}, r"returned the reward '1' \(str\); it must be a number"),
        (Told, {"came": ("word", None, True, False, {})}, r"returned the reward None \(NoneType\); it must be"),
        (Told, {"came": ("word", 1.0, True, {}, {})}, r"returned truncated=\{\} \(dict\); it must be True or False"),
        (Told, {"came": ("word", 1.0, True, False, None)}, r"returned the info None \(NoneType\); it must be a dict"),
        (lambda: None, {}, r"<lambda> returned None \(NoneType\); it must return a gymnasium.Env"),
        (dict, {}, r"dict returned \{\} \(dict\); it must return a gymnasium.Env"),
        (Told, {"hihg": 3}, r"Told\(began=.*\) is given make_kwargs \{'hihg': 3\}: got an unexpected keyword argument"),
        (passing, {"hihg": 3}, r"passing\(\*\*kwargs\) is given make_kwargs .*unexpected keyword argument 'hihg'"),
        (Told, 3, r"make_kwargs is 3; it must be a table such as \{high=3\}"),
    ],
)  # fmt: skip
def test_it_is_said_in_one_line(make, make_kwargs, message):
    with pytest.raises(ConfigurationError, match=message) as refused:
        tried(make, make_kwargs)
    assert "\n" not in str(refused.value)


def test_what_the_maker_itself_gets_wrong_is_raised_as_it_is():
    def make():
        raise TypeError("can only concatenate str")

    with pytest.raises(TypeError, match="can only concatenate"):
        tried(make)


@pytest.mark.parametrize("reward", [float("nan"), float("inf")])
def test_a_reward_that_is_no_number_is_an_error_of_the_environment(reward):
    _, rewards, terminated, _, infos = tried(Told, {"came": ("word", reward, False, False, {})})
    assert (rewards.tolist(), terminated.tolist()) == ([0.0], [True])
    (verdict,) = infos["verdict"]
    assert (verdict.status, verdict.reward) == (Status.ERROR, 0.0)
    assert verdict.feedback == f"the environment failed: the reward is {reward}; it must be finite"


def test_an_exception_is_logged_once_with_where_it_came_up(caplog, monkeypatch):
    class Raises(Told):
        def step(self, action):
            raise KeyError("oops")

    monkeypatch.setattr(verifiers.base, "_SEEN", set())
    verdicts = [tried(Raises)[4]["verdict"][0] for _ in range(2)]
    assert [verdict.feedback for verdict in verdicts] == ["the environment failed: KeyError: 'oops'"] * 2
    (logged,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert logged.startswith("Raises.step raised KeyError: 'oops'; the attempt is left out of rewards.")
    assert 'raise KeyError("oops")' in logged


def test_rewards_and_ends_may_be_of_numpy():
    came = ("word", np.float32(0.5), np.bool_(True), np.False_, {})
    _, rewards, terminated, truncated, _ = tried(Told, {"came": came})
    assert (rewards.tolist(), terminated.tolist(), truncated.tolist()) == ([0.5], [True], [False])


def test_the_order_of_the_wrappers():
    class Numbers(Told):
        def reset(self, *, seed=None, options=None):
            return 0, {}

    with pytest.raises(ConfigurationError, match=r"goes inside DiscreteToText, .*DiscreteToText\(ObservationToText\("):
        ObservationToText(DiscreteToText(Numbers(), ACTIONS), str)
    with pytest.raises(ConfigurationError, match=r"ObservationToText goes inside AnswerToAction, not around it"):
        ObservationToText(gymnasium.wrappers.TimeLimit(AnswerToAction(Numbers()), 5), str)
    with pytest.raises(ConfigurationError, match=r"write DiscreteToText\(ObservationToText\(env, \.\.\), \.\.\)"):
        tried(lambda: DiscreteToText(Numbers(), ACTIONS))
    assert tried(lambda: DiscreteToText(ObservationToText(Numbers(), str), ACTIONS))[1].tolist() == [1.0]
