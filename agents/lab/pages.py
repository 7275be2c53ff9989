"""Write docs/algorithms/, a page for each algorithm with a picture of what it pays: `python -m agents.lab.pages`.

What is behind the pictures goes into a file, for reports to show side by side. Descriptions and options are read from
the algorithms' modules. The pictures and what teachers are shown come from the algorithms themselves, each asked
through a learner about the same responses (`agents.lab.example`).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents import command_line
from rlsd_env.errors import ConfigurationError

if TYPE_CHECKING:
    from agents.lab.example import Example

MADE = "<!-- made by `python -m agents.lab.pages`; change the docstrings in agents/algorithms/ instead -->"
CAPTION = """\
Two attempts of one group at the task "{question}". The first is right, the second goes wrong at `{step}`.
{bars} Each row has a scale of its own; a number stands where a bar differs from the usual one. The boxes
below are coloured by what was known of each token before it was clipped or added to anything: blue for, orange against,
in full from 3 nats on."""
PAID = "Bars are what each token earns."
PULLED = "It has no policy gradient. Bars are D: the loss pulls the student's distribution towards the teacher's."
SHARED = ("step", "task_id", "group", "member", "turn", "reward", "correct", "token_ids", "tokens")
"""What all algorithms have in common of a response."""
HELP = (
    "Attempts that are made again with help are not in this group: what is shown is paid to the policy's own attempts."
)


@dataclasses.dataclass(frozen=True)
class PagesOptions:
    """Options of `python -m agents.lab.pages`."""

    out: Path = Path("docs/algorithms")
    """Folder that the pages are written to, those that have changed."""
    rows: Path = Path("agents/lab/example.json")
    """File for what every algorithm says of the same two responses."""


def pages(examples: Mapping[str, Example]) -> Iterator[tuple[str, str]]:
    """Yield each page and picture, as file name and content.

    Args:
        examples: by algorithm.

    """
    from agents.algorithms.catalogue import file_name

    for name, example in examples.items():
        yield file_name(name), page(name, example)
        yield file_name(name, ".svg"), drawn(name, example)


def rows(examples: Mapping[str, Example]) -> list[dict[str, Any]]:
    """Return what algorithms keep of the right and the wrong response, those that all of them are asked about.

    Args:
        examples: by algorithm; one with other tasks is left out.

    Returns:
        For each response its fields of `TokenEvidence`, and by agent `advantage` and `values`.

    """
    from agents.lab.example import RIGHT, VISUAL, WRONG

    found = []
    for member in (RIGHT, WRONG):
        kept = {
            name: one.evidence[member] for name, one in examples.items() if name != VISUAL and member in one.evidence
        }
        first = next(iter(kept.values()))
        said = {
            name: {"advantage": round(one.advantage, 4), "values": {of: _rounded(v) for of, v in one.values.items()}}
            for name, one in kept.items()
        }
        found.append({of: getattr(first, of) for of in SHARED} | {"agents": said})
    return found


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 4) + 0.0 for value in values]  # no -0.0


def drawn(name: str, example: Example) -> str:
    """Draw what an algorithm pays."""
    from agents.lab.credit_picture import Row, number, picture
    from agents.lab.example import RIGHT, WRONG

    rows = []
    for member, title in ((RIGHT, "right"), (WRONG, "wrong")):
        paid = example.paid(member)
        told = "left out: no token has a gradient" if paid is None else f"A = {number(paid.advantage)}"
        if paid is not None and paid.credit is None:
            told = "bars are D"
        bars = None if paid is None else paid.credit or paid.evidence
        rows.append(Row(f"{title}, {told}", example.tokens(member), bars, None if paid is None else paid.evidence))
    return picture(rows, f"what {name} pays each token of a right and of a wrong response")


def page(name: str, example: Example) -> str:
    """Write an algorithm's page."""
    from agents.algorithms import find
    from agents.algorithms.catalogue import defaults_of, describe, file_name, options_table
    from agents.lab.example import OPTIONS, RIGHT, WRONG
    from rlsd_env.procedural.chain import stated_links

    found = describe(name)
    paid = [one for one in (example.paid(RIGHT), example.paid(WRONG)) if one is not None]
    links = stated_links(example.group.episodes[WRONG].turns[0].action.text)
    wrong = next(link for link in links if not link.correct)
    question = example.group.item.task.question.partition("\n")[0].replace("<image>", "")
    bars = " ".join(dict.fromkeys(PAID if one.credit is not None else PULLED for one in paid))
    lines = [f"# {name}\n", f"{MADE}\n", f"{found.title}\n"]
    lines += [f"![what {name} pays each token]({file_name(name, '.svg')})\n"]
    lines += [
        CAPTION.format(question=question, step=f"{wrong.left} {wrong.sign} {wrong.right} = {wrong.result}", bars=bars)
        + (f" {HELP}" if example.algorithm.guides else "")
        + "\n"
    ]
    if name in OPTIONS:
        given = ", ".join(f"`{option}={value}`" for option, value in OPTIONS[name].items())
        lines += [f"The picture is made with {given}.\n"]
    lines += [f"## What it does\n\n{found.body}\n"]
    lines += [f"**Inferred**: {found.inferred}\n"] if found.inferred else []
    lines += ["## What its teacher is shown\n", *shown(example)]
    lines += [f"## Options\n\n{options_table(name)}"]
    same = defaults_of(name)
    lines += [f"The defaults are those of {', '.join(same)}.\n"] if same else []
    module = find(name).__module__.replace(".", "/")
    lines += [
        f"`{module}.py` is all of it. Published settings by name: [presets.md](../presets.md). Names of formulas are "
        "those of [metrics.md](../metrics.md): S, Q and A, and D = Q - S.\n"
    ]
    return "\n".join(lines)


def shown(example: Example) -> Iterator[str]:
    """Yield what scorers read before the two responses; what both are shown once."""
    from agents.lab.example import RIGHT, WRONG

    both = {which: list(example.seen(member)) for which, member in (("right", RIGHT), ("wrong", WRONG))}
    if not any(both.values()):
        yield "Nothing" + (", in a group like this one.\n" if example.algorithm.guides else ": it has none.\n")
    for which, seen in both.items():
        for one in seen:
            if which == "wrong" and one in both["right"]:
                continue
            before = "either response" if one in both["right"] and one in both["wrong"] else f"the {which} response"
            yield f"Context `{one.context}`, weights `{one.scorer}`, before {before}:\n"
            yield f"```text\n{one.prompt}\n```\n"


def examples() -> dict[str, Example]:
    """Have every algorithm asked."""
    from agents.algorithms import names
    from agents.lab.example import Example, load

    policy = load()
    return {name: Example(name, policy) for name in names()}


def run(options: PagesOptions) -> int:
    """Write the pages, and the file, that are new or have changed, and return how many.

    Raises:
        ConfigurationError: the folder or the file cannot be written.

    """
    from agents.terminal import counted

    changed = 0
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        asked = examples()
        made = {options.out / name: text for name, text in pages(asked)}
        made[options.rows] = json.dumps(rows(asked), ensure_ascii=False) + "\n"
        for path, text in made.items():
            if not path.exists() or path.read_text("utf-8") != text:
                path.write_text(text, "utf-8")
                changed += 1
    except OSError as error:
        raise ConfigurationError(
            f"{error.filename!r} cannot be written: {error}; give another --out or --rows"
        ) from error
    print(f"{options.out}: {counted(len(made), 'file')}, {changed} written")
    return changed


def main(argv: Sequence[str]) -> None:
    """Read the arguments and write."""
    import os

    options = command_line.parse(PagesOptions, argv, "python -m agents.lab.pages", __doc__ or "")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    run(options)


if __name__ == "__main__":
    command_line.main(main)
