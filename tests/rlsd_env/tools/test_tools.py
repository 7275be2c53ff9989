from __future__ import annotations

import json
import time
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsd_env import ConfigurationError
from rlsd_env.tools import Tool, ToolBox, ToolError, ToolResult


def call(name, **arguments):
    return json.dumps({"name": name, "arguments": arguments})


def wrapped(*calls):
    return "\n".join(f"<tool_call>{one}</tool_call>" for one in calls)


@pytest.fixture(scope="module")
def box():
    return ToolBox(["crop", "calculator"])


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("I look. " + wrapped("a"), ["a"]),
        (wrapped("a", "b") + " \n", ["a", "b"]),
        ("<think> hm </think>" + wrapped("a"), ["a"]),
        ("<think> hm " + wrapped("a"), []),  # a thought that goes on
        (wrapped("a") + "<answer> 3 </answer>", []),  # answered instead of waiting
        ("<tool_call>a", []),
        ("a</tool_call>", []),
        (wrapped("a") + " so " + wrapped("b"), ["b"]),
        ("", []),
    ],
)
def test_calls_are_what_a_response_ends_with(box, response, expected):
    assert box.calls(response) == expected


def test_without_tools_nothing_is_a_call():
    assert ToolBox([]).calls(wrapped("a")) == []
    assert ToolBox([]).instructions() == ""


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("3*(4+5)/2", "= 13.5"),
        ("2**10", "= 1024"),
        ("1/3", "= 1/3 = 0.333333333333 (rounded)"),
        ("sqrt(2)", "= 1.41421356237 (rounded)"),
        ("sqrt(9)", "= 3"),
        ("30!", "= 265252859812191058636308480000000"),
        ("100!", "= 9.33262154439e+157 (rounded)"),
        (r"\frac{1}{2}", "= 0.5"),
        ("1/0", "Error: 1/0: has no value (is it a division by zero?)"),
        ("x+1", "Error: x+1: x has no value; only numbers can be computed"),
        ("9^9^9^9", "Error: 9^9^9^9: is too large to be computed"),
        ("sqrt(-1)", "Error: the value is not a real number"),
        ("1,000", "Error: 1,000: is not a single number"),
        ("__import__('os')", None),
    ],
)
def test_calculator(box, expression, expected):
    text = box.run([call("calculator", expression=expression)], []).text
    if expected is None:
        assert text.startswith("Error: ")
    else:
        assert text in (expected, f"{expression} {expected}")


def numbered(height, width):
    """A picture in which each pixel says where it is."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, np.zeros_like(rows)], axis=-1).astype(np.uint8)


def test_crop_cuts_the_box_out_of_the_picture(box):
    image = numbered(40, 20)
    result = box.run([call("crop", image=1, box=[500, 250, 1000, 500], zoom=1)], [image])
    (part,) = result.images
    np.testing.assert_array_equal(part, image[10:20, 10:20])
    assert result.text == "Picture 2, a part of picture 1: <image>"


def test_crop_enlarges_and_can_be_cropped_again(box):
    calls = [call("crop", image=1, box=[0, 0, 500, 500]), call("crop", image=2, box=[0, 0, 1000, 500], zoom=1)]
    first, second = box.run(calls, [numbered(40, 20)]).images
    assert first.shape == (40, 20, 3)  # 20 x 10, twice as large
    np.testing.assert_array_equal(second, first[:20])


def test_crop_keeps_to_its_limit_of_pixels(box):
    (part,) = box.run([call("crop", image=1, box=[0, 0, 1000, 1000], zoom=8)], [numbered(1000, 1500)]).images
    assert part.shape[0] * part.shape[1] <= 4_000_000 * 1.01


@pytest.mark.parametrize(
    ("one", "part"),
    [
        ("{", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ('{"name": "crop", "arguments": {}, "more": 1}', "not of the right form"),
        (call("zoom"), "there are crop, calculator"),
        ('{"name": "crop", "arguments": [1]}', "not a JSON object"),
        (call("crop", picture=1), "has no argument 'picture'; it has image, box, zoom"),
        (call("crop", image=1), "'box' is missing"),
        (call("crop", image=3, box=[0, 0, 9, 9]), "from 1 to 1"),
        (call("crop", image=True, box=[0, 0, 9, 9]), "from 1 to 1"),
        (call("crop", image=1, box=[9, 0, 9, 9]), "left must be below right"),
        (call("crop", image=1, box=[0, 0, float("nan"), 9]), "from 0 to 1000"),
        (call("crop", image=1, box=[0, 0, 9, 9], zoom="<image>"), "zoom '[image]'"),
        (call("calculator", expression=""), "must be a text"),
        (call("calculator", expression="1+" * 200), "at most 300"),
    ],
)
def test_a_wrong_call_is_told_to_the_student(box, one, part):
    result = box.run([one], [numbered(8, 8)])
    assert result.text.startswith("Error: ")
    assert part in result.text
    assert result.images == ()


def test_calls_beyond_the_limit_are_refused_once(box):
    lines = box.run([call("calculator", expression="1")] * 50, []).text.splitlines()
    assert len(lines) == 9
    assert "at most 8 calls" in lines[-1]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(["crop", "calculator"]), arguments=JSON, text=st.text(max_size=60))
def test_no_call_raises(name, arguments, text):
    box = ToolBox(["crop", "calculator"])
    keyed = dict.fromkeys(("image", "box", "zoom", "expression"), arguments)
    for one in (
        json.dumps({"name": name, "arguments": arguments}),
        json.dumps({"name": name, "arguments": keyed}),
        text,
    ):
        result = box.run([one, call("calculator", expression=text)], [numbered(4, 4)])
        assert result.text.count("<image>") == len(result.images)


def test_long_responses_are_read_in_linear_time(box):
    started = time.process_time()
    box.calls("<tool_call>" * 20_000 + "</tool_call>")
    box.calls("<tool_call>x</tool_call> " * 20_000 + "y</tool_call>")
    assert len(box.calls(wrapped(*["x"] * 20_000))) == 20_000
    assert time.process_time() - started < 5


class Shout(Tool):
    name = "shout"
    description = "say it louder"
    parameters: ClassVar = {"word": "what to say"}

    def __call__(self, arguments, seen):
        if "word" not in arguments:
            raise ToolError("say something")
        return ToolResult(arguments["word"].upper())


def test_a_tool_of_the_users_own():
    box = ToolBox([f"{__name__}:Shout"])
    assert box.run([call("shout", word="yes")], []).text == "YES"
    assert "- shout: say it louder. Arguments: word: what to say." in box.instructions()


@pytest.mark.parametrize(
    ("specs", "part"),
    [
        (["corp"], "did you mean 'crop'"),
        (["crop", "crop"], "two tools are called 'crop'"),
        ([f"{__name__}:numbered"], "is not a class derived from"),
    ],
)
def test_unusable_tools_are_refused(specs, part):
    with pytest.raises(ConfigurationError, match=part):
        ToolBox(specs)
