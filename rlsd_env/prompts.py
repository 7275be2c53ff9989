"""How a task becomes the text that a student reads: a Jinja template over the public part of the task.

The text keeps one `<image>` placeholder per image and one `<video>` per video; an observation pairs it with the
pictures, and an agent turns both into its policy's chat format.

A template may use

- `question`: the question with its placeholders;
- `choices`: pairs (letter, text) of the options; empty for an open question, and where the options are drawn in
  the picture and named by letter only (`drawn_choices` is true then);
- `kind`: what sort of answer is asked for, e.g. "integer", or "" where that is not said;
- `metadata`: the task's public facts;
- `instruction`: the sentence of the answer format, "" for the format "none";
- `tools`: how to call the environment's tools, "" where it has none.

>>> from rlsd_env.task import Task
>>> print(render(Task("1", "How many?", choices=("one", "two")), answer_format="boxed"))
How many?
(A) one
(B) two
Think step by step, then put the final answer in \\boxed{}.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from rlsd_env.errors import ConfigurationError, one_of
from rlsd_env.task import IMAGE_PLACEHOLDER, MEANT_AS_WORD, VIDEO_PLACEHOLDER, Task

if TYPE_CHECKING:
    from jinja2 import Template

FORMATS: dict[str, str] = {
    "tags": "Think in <think> </think>, then answer in <answer> </answer>.",
    "boxed": "Think step by step, then put the final answer in \\boxed{}.",
    "none": "",
}
"""Answer formats by name: the sentence that ends the prompt."""

PLAIN = (
    "{{ question }}"
    "{% for letter, choice in choices %}\n({{ letter }}) {{ choice }}{% endfor %}"
    "{% if tools %}\n{{ tools }}{% endif %}"
    "{% if instruction %}\n{{ instruction }}{% endif %}"
)
"""The template of sources that have none of their own."""


def choice_letter(index: int) -> str:
    """Return the letter of option number `index`, A for the first.

    Raises:
        ValueError: there is no such letter (more than 26 options).

    """
    if not 0 <= index < 26:
        raise ValueError(f"option number {index} has no letter; a question has at most 26 options")
    return chr(ord("A") + index)


def compiled(template: str) -> Template:
    """Compile a template, or return it where that was done before.

    Raises:
        ConfigurationError: the template is not valid Jinja.

    """
    from jinja2 import TemplateSyntaxError

    try:
        return _compile(template)
    except TemplateSyntaxError as error:
        raise ConfigurationError(f"prompt template, line {error.lineno}: {error.message}") from error


@functools.lru_cache(maxsize=64)
def _compile(template: str) -> Template:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(template)


def names_file(prompt: str) -> bool:
    """Tell whether a prompt is the name of a file and no template."""
    return "{" not in prompt and "\n" not in prompt


def template_of(prompt: str) -> str:
    """Return a template: the text itself, or that of the file that it names.

    Raises:
        ConfigurationError: it is neither a template nor a file.

    """
    if not names_file(prompt):
        return prompt
    try:
        return Path(prompt).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"prompt {prompt!r} is neither a template, which writes {{{{ question }}}}, nor a readable file ({error})"
        ) from error


def render(task: Task, answer_format: str = "tags", template: str = PLAIN, tools: str = "") -> str:
    """Write the prompt of a task.

    Args:
        task: the public part of a task.
        answer_format: how to answer, a key of `FORMATS`.
        template: a Jinja template over the names that the module lists.
        tools: how to call tools.

    Raises:
        ConfigurationError: `answer_format` is not one of `FORMATS`, the template is not valid, uses a name that
            is not there, or does not write each placeholder of the question exactly once.

    """
    from jinja2 import TemplateError

    if answer_format not in FORMATS:
        raise ConfigurationError(one_of("answer format", answer_format, FORMATS))
    letters = tuple(choice_letter(index) for index in range(len(task.choices)))
    drawn = bool(letters) and task.choices == letters  # the options are drawn in the picture
    try:
        text = compiled(template).render(
            question=task.question,
            choices=[] if drawn else list(zip(letters, task.choices)),
            drawn_choices=drawn,
            kind=str(task.kind or ""),
            metadata=task.metadata,
            instruction=FORMATS[answer_format],
            tools=tools,
        )
    except TemplateError as error:
        names = "question, choices, drawn_choices, kind, metadata, instruction, tools"
        raise ConfigurationError(f"prompt template, task {task.id!r}: {error}; it may use {names}") from error
    for placeholder in (IMAGE_PLACEHOLDER, VIDEO_PLACEHOLDER):
        if (written := text.count(placeholder)) != (wanted := task.placeholders(placeholder)):
            raise ConfigurationError(
                f"prompt template: it wrote {written} {placeholder} for task {task.id!r}, which has {wanted}; "
                f"write {{{{ question }}}} once, and all choices in their order; {MEANT_AS_WORD}"
            )
    return text
