"""Wrappers that turn observations and actions into text."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from rlsd_env.adapters.foreign import ForeignGroups
from rlsd_env.adapters.texts import AnswerToAction, DiscreteToText, ObservationToText, plain, seen
from rlsd_env.errors import ConfigurationError
from verifiers import Status

NAMES = ("left", "down", "right", "up")
PICTURE = np.zeros((4, 6, 3), np.uint8)


def lake(**options):
    made = gymnasium.make("FrozenLake-v1", desc=["SFG"], is_slippery=False, render_mode="ansi")
    return DiscreteToText(ObservationToText(made), NAMES, **options)


class Echo(gymnasium.Env):
    """Acts on text; ends when it is told "stop"."""

    action_space = spaces.Text(20)
    observation_space = spaces.Text(20)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return "say something", {}

    def step(self, action):
        return f"you said {action}", 1.0, action == "stop", False, {"length": len(action)}


@pytest.mark.parametrize(
    "response",
    [
        "<think> left? no </think> <answer> right </answer>",
        "<answer>RIGHT</answer>",
        r"so \boxed{right}",
        "<answer>right</answer> that is <answer> right </answer>",
    ],
)
def test_a_name_in_the_answer_is_the_action(response):
    env = lake()
    env.reset(seed=0)
    observation, reward, terminated, truncated, info = env.step(response)
    assert observation["text"].splitlines()[-1] == "S[F]G"
    assert (reward, terminated, truncated) == (0.0, False, False)
    assert (info["action"].lower(), info["invalid"]) == ("right", "ok")
    assert "prob" in info  # the environment's own


@pytest.mark.parametrize(
    ("response", "status"),
    [
        ("", "no_answer"),
        ("right", "no_answer"),
        ("<think> <answer> right </answer>", "no_answer"),
        ("<answer> </answer>", "no_answer"),
        ("<answer> go right </answer>", "unparsable"),
        ("<answer> rightt </answer>", "unparsable"),
        ("<answer> 2 </answer>", "unparsable"),
        ("<answer> right, down </answer>", "unparsable"),
        ("<answer> right </answer> <answer> left </answer>", "ambiguous"),
    ],
)
@pytest.mark.parametrize("invalid", ["stay", "end"])
def test_what_names_no_action_is_invalid_and_told_of(response, status, invalid):
    env = lake(invalid=invalid, invalid_reward=-0.5)
    env.reset(seed=0)
    observation, reward, terminated, truncated, info = env.step(response)
    assert (reward, terminated, truncated) == (-0.5, invalid == "end", False)
    assert info["invalid"] == status
    first, *rest = observation["text"].splitlines()
    found = status == "unparsable"
    assert first == f"{'That is no action' if found else 'No action was found'}. Actions: left, down, right, up."
    assert rest[-1] == "[S]FG"  # nothing has moved
    if invalid == "stay":
        assert env.step("<answer>right</answer>")[4]["invalid"] == "ok"


def test_the_first_observation_lists_the_actions_and_later_ones_do_not():
    env = lake(answer_format="boxed")
    text = env.reset(seed=0)[0]["text"]
    assert text == "[S]FG\nActions: left, down, right, up.\nThink step by step, then put the final answer in \\boxed{}."
    assert "Actions" not in env.step(r"\boxed{right}")[0]["text"]
    assert env.step(r"\boxed{right}")[1:3] == (1.0, True)


def test_discrete_actions_may_begin_at_any_number():
    class From5(Echo):
        action_space = spaces.Discrete(2, start=5)

        def step(self, action):
            return f"took {action}", 0.0, False, False, {}

    env = DiscreteToText(From5(), ("a", "b"))
    env.reset()
    assert env.step("<answer>b</answer>")[0]["text"] == "took 6"


def test_an_environment_that_acts_on_text_gets_the_answer():
    env = AnswerToAction(Echo())
    assert env.reset()[0]["text"].startswith("say something\nThink in <think>")
    observation, reward, terminated, _, info = env.step("<think> hm </think> <answer> stop </answer>")
    assert (observation["text"], reward, terminated) == ("you said stop", 1.0, True)
    assert info == {"length": 4, "action": "stop", "invalid": "ok"}
    assert env.reset()[0]["text"].startswith("say something")
    assert env.step("stop")[4]["invalid"] == "no_answer"


class Flags(Echo):
    """Has a flag of its own of the name under which a wrapper tells how an action was invalid."""

    def __init__(self, flag):
        super().__init__()
        self.flag = flag

    def step(self, action):
        *others, info = super().step(action)
        return *others, {**info, "invalid": self.flag}


@pytest.mark.parametrize(
    ("flag", "status"),
    [(False, "ok"), (True, "ok"), ("illegal move", "ok"), (None, "ok"), (3, "ok"), ("unparsable", "unparsable")],
)
def test_an_environment_may_have_a_flag_of_the_same_name(flag, status):
    env = AnswerToAction(Flags(flag))
    env.reset()
    assert env.step("<answer>go</answer>")[4]["invalid"] == status
    for make, action in (
        (lambda: Flags(flag), "stop"),
        (lambda: AnswerToAction(Flags(flag)), "<answer>stop</answer>"),
    ):
        groups = ForeignGroups(1, make, group_size=1)
        groups.reset(options={"task_index": [0]})
        *_, infos = groups.step([action])
        assert (infos["verdict"][0].status, infos["verdict"][0].reward) == (Status(status), 1.0)


def test_spaces_hold_what_is_seen():
    env = lake()
    observation, _ = env.reset(seed=0)
    assert env.observation_space.contains(observation)
    assert env.action_space.contains("<answer>right</answer>")


@pytest.mark.parametrize(
    ("observation", "text", "pictures"),
    [
        ("a <image> b", "a <!image> b", 0),
        (PICTURE, "<image>", 1),
        ({"picture": PICTURE, "mission": "go"}, "<image>\ngo", 1),
        (("one", ["two", PICTURE]), "one\ntwo\n<image>", 1),
        ({"text": "<image>as it is", "images": (PICTURE,)}, "<image>as it is", 1),
        ("", "", 0),
    ],
)
def test_texts_and_pictures_are_shown_in_order(observation, text, pictures):
    shown = seen(observation)
    assert shown["text"] == text
    assert len(shown["images"]) == pictures


@pytest.mark.parametrize("observation", [3, np.int64(3), np.zeros(4), PICTURE.astype(float), {"n": 3}, None])
def test_other_observations_are_one_line(observation):
    with pytest.raises(ConfigurationError, match=r"it must be text, pictures .*: wrap the environment in Observation"):
        seen(observation)


def test_a_picture_is_kept_as_it_was_shown():
    frame = PICTURE.copy()
    shown = seen(frame)
    frame[:] = 255
    assert not shown["images"][0].any()


def test_terminal_codes_are_left_out_and_highlights_marked():
    assert plain("\x1b[41mS\x1b[0mFG \x1b[1mbold\x1b[m \x1b[2K.") == "[S]FG [bold] ."


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lake(invalid="ignore"), "unknown way with invalid actions 'ignore'; .*allowed: end, stay"),
        (lambda: lake(answer_format="tag"), "unknown answer format 'tag'; did you mean 'tags'"),
        (
            lambda: DiscreteToText(Echo(), NAMES),
            "the action space of .* is Text.*; DiscreteToText needs a Discrete one",
        ),
        (lambda: DiscreteToText(gymnasium.make("FrozenLake-v1"), NAMES[:3]), "has 4 actions: give each a name of its"),
        (lambda: DiscreteToText(gymnasium.make("FrozenLake-v1"), "aabA"), "has 4 actions: give each a name of its own"),
        (
            lambda: ObservationToText(gymnasium.make("FrozenLake-v1")),
            "make it with render_mode='ansi', or give describe",
        ),
    ],
)
def test_what_cannot_be_wrapped_is_one_line(make, message):
    with pytest.raises(ConfigurationError, match=message):
        make()
