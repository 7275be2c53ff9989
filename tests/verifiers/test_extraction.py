"""Where the answer of a response is found, and when it is ambiguous."""

import pytest

from verifiers import ExtractionPolicy, Status

FOUND = [
    ("<answer>7</answer>", "7", "answer_tag"),
    ("<think> 3 or 4? </think> <answer> 4 </answer>", "4", "answer_tag"),
    ("<think> <answer>3</answer> </think> <answer>4</answer>", "4", "answer_tag"),
    ("so it is 3 </think> <answer>4</answer>", "4", "answer_tag"),  # the prompt opened the thought
    ("<think>a</think> no: <think>b</think><answer>4</answer>", "4", "answer_tag"),
    ("<ANSWER>4</ANSWER>", "4", "answer_tag"),
    ("in <answer> tags: <answer>4</answer>", "4", "answer_tag"),
    ("<answer></answer><answer>4</answer>", "4", "answer_tag"),
    ("<answer>4</answer> and again <answer> 4 </answer>", "4", "answer_tag"),
    (r"<answer>\boxed{4}</answer>", "4", "answer_tag"),
    (r"<answer>It is $\boxed{4}$.</answer>", "4", "answer_tag"),
    (r"<answer>x = \boxed{4}</answer>", "4", "answer_tag"),
    (r"<answer>\[\boxed{4}\]</answer>", "4", "answer_tag"),
    (r"<answer>-\boxed{4}</answer>", r"-\boxed{4}", "answer_tag"),  # the sign counts
    (r"<answer>\boxed{4}\%</answer>", r"4\%", "answer_tag"),
    (r"<answer>not \boxed{4}</answer>", r"not \boxed{4}", "answer_tag"),
    (r"<answer>4</answer> \boxed{4}", "4", "answer_tag"),
    (r"I said 3. No: \boxed{4}", "4", "boxed"),
    ("The answer is 3. Wait, no. <answer>4</answer>", "4", "answer_tag"),
    (r"The answer is 3. Wait, no. \boxed{4}", "4", "boxed"),
    (r"\fbox{4}", "4", "boxed"),
    (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}", "boxed"),
    (r"\boxed{\{1,2\}}", r"\{1,2\}", "boxed"),
    (r"\boxed{\boxed{4}}", r"\boxed{4}", "boxed"),
    (r"an open { and \boxed{4}", "4", "boxed"),
    (r"\boxed{4} \boxed{$4$}", "4", "boxed"),
    ("The answer is 4.", "4", "statement"),
    ("the final answer is $3.5$. Good.", "$3.5$", "statement"),
    ("**Answer:** B", "B", "statement"),
    ("Answer: 4", "4", "statement"),
    ("The answer is:\n\n4\nDone", "4", "statement"),
    ("After ruling out A, C and D, the answer is (B).", "(B)", "statement"),
    ("The answer is 3? The final answer is 4.", "4", "statement"),
    ("the answer is 4 because 2 + 2 is 4", "4", "statement"),
    (r"\[\text{Answer: 4}\]", "4", "statement"),
    (r"\[ \text{The answer is } 4 \]", "4", "statement"),
    (r"$\text{Answer: } 4$", "4", "statement"),
    (r"\textbf{Answer:} $\frac{1}{2}$", r"$\frac{1}{2}$", "statement"),
    ("**Choose the correct option:**\n\nIt is about 60.\n\nAnswer: B", "B", "statement"),
    ("Select the best answer: A, B or C?\nThe answer is B.", "B", "statement"),
    ("Final Answer: The number that could be reached is 19.", "The number that could be reached is 19", "statement"),
]

NOT_FOUND = [
    "",
    "   ",
    "4",
    "It is 4",
    "<think> the answer is 4 <answer>4</answer>",  # never closed
    "<think>a</think> <think> <answer>4</answer>",
    "<think> <answer>4</answer> </think>",
    "<answer>4",
    "<answer>4</think>",
    "4</answer>",
    "<answer>  </answer>",
    r"\boxed{}",
    r"\boxed{4",
    "answers vary",
    "I doubt it. Maybe the answer is 4.",
    "Choose the correct answer: 4",
]

AMBIGUOUS = [
    "<answer>3</answer> <answer>4</answer>",
    "<answer>4</answer> <answer>3",
    r"<answer>3</answer> \boxed{4}",
    r"\boxed{4} <answer>3</answer>",
    r"\boxed{3} \boxed{4}",
    r"<answer>\boxed{3} \boxed{4}</answer>",
    "The answer is 3. The answer is 4.",
    "Answer: A. Answer: B",
    "Answer: A Answer: B",
    "<answer>3</answer><answer>4</answer><answer>3</answer>",
]


@pytest.mark.parametrize(("response", "text", "method"), FOUND)
def test_finds(response, text, method):
    found = ExtractionPolicy().extract(response)
    assert (found.text, found.status, found.method) == (text, Status.OK, method)


@pytest.mark.parametrize("response", NOT_FOUND)
def test_finds_nothing(response):
    found = ExtractionPolicy().extract(response)
    assert (found.text, found.status) == (None, Status.NO_ANSWER)


@pytest.mark.parametrize("response", AMBIGUOUS)
def test_several_answers_are_ambiguous(response):
    found = ExtractionPolicy().extract(response)
    assert (found.text, found.status) == (None, Status.AMBIGUOUS)


def test_the_caller_says_when_two_answers_are_the_same():
    response = "<answer>1/2</answer> <answer>0.5</answer>"
    assert ExtractionPolicy().extract(response).status is Status.AMBIGUOUS
    assert ExtractionPolicy().extract(response, same=lambda a, b: True).text == "1/2"


@pytest.mark.parametrize(
    ("methods", "response", "text"),
    [
        (("answer_tag",), r"<answer>3</answer> \boxed{4}", "3"),
        (("answer_tag",), r"\boxed{4}", None),
        (("boxed",), r"<answer>3</answer> \boxed{4}", "4"),
        (("last_line",), "thinking\n4\n\n", "4"),
        (("answer_tag", "last_line"), "<answer>3</answer>\n4", "3"),
    ],
)
def test_only_the_methods_of_the_policy_are_used(methods, response, text):
    assert ExtractionPolicy(methods).extract(response).text == text


@pytest.mark.parametrize("methods", [(), ("boxd",), ("boxed", "boxed")])
def test_a_policy_of_unknown_methods_is_refused(methods):
    with pytest.raises(ValueError, match="answer_tag"):
        ExtractionPolicy(methods)


READ_AFTER_ITS_IS = [
    ("Final Answer: The number that could be reached is 4.", "4"),
    ("Final Answer: The largest number which does not occur is 4", "4"),
    ("Final Answer: There are x points, so the total is 4", "4"),
    ("Final Answer: The number might be 4", None),
    ("Final Answer: It is one that could be 4", None),
    ("Final Answer: It is not known whether it is 4", None),
    ("Final Answer: The total is 4 or the total is 5", None),
]


@pytest.mark.parametrize(("response", "text"), READ_AFTER_ITS_IS)
def test_a_sentence_as_final_answer(response, text):
    reads = str.isdigit
    found = ExtractionPolicy().extract(response, reads=reads)
    assert (found.text if found.text and reads(found.text) else None) == text


def test_a_heading_without_an_answer_is_none_where_one_follows():
    response = "**Correct option:**\n\nWe compute.\n\nAnswer: B"
    assert ExtractionPolicy().extract(response, reads=lambda text: len(text) == 1).text == "B"
