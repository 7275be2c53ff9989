"""How a task becomes the text that a student reads.

The text keeps one `<image>` placeholder per image; an observation pairs it with the pictures, and an agent turns
both into its policy's chat format.
"""

from __future__ import annotations

from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.task import Task

FORMATS: dict[str, str] = {
    "tags": "Think in <think> </think>, then answer in <answer> </answer>.",
    "boxed": "Think step by step, then put the final answer in \\boxed{}.",
    "none": "",
}
"""Answer formats by name: the sentence that ends the prompt."""


def choice_letter(index: int) -> str:
    """Return the letter of option number `index`, A for the first.

    Raises:
        ValueError: there is no such letter (more than 26 options).

    """
    if not 0 <= index < 26:
        raise ValueError(f"option number {index} has no letter; a question has at most 26 options")
    return chr(ord("A") + index)


def render(task: Task, answer_format: str = "tags") -> str:
    """Write the prompt: the question, its lettered choices, and how to answer.

    Raises:
        ConfigurationError: `answer_format` is not one of `FORMATS`.

    """
    if answer_format not in FORMATS:
        raise ConfigurationError(one_of("answer format", answer_format, FORMATS))
    lines = [task.question]
    letters = tuple(choice_letter(index) for index in range(len(task.choices)))
    if task.choices != letters:  # otherwise the options are drawn in the picture
        lines += [f"({letter}) {choice}" for letter, choice in zip(letters, task.choices)]
    if FORMATS[answer_format]:
        lines.append(FORMATS[answer_format])
    return "\n".join(lines)
