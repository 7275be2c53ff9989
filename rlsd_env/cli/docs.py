"""`python -m rlsd_env docs`: pages about the environments, made from the docstrings of their sources."""

from __future__ import annotations

import argparse
import contextlib
import inspect
import io
import re
from collections.abc import Iterator
from pathlib import Path

import gymnasium

from rlsd_env.cli.common import make_env, reasoning_ids, view_ids
from rlsd_env.cli.listing import HEAD, Facts, cells, facts, source_class
from rlsd_env.cli.samples import sample_prompt
from rlsd_env.desk import EnvConfig
from rlsd_env.errors import ConfigurationError
from rlsd_env.plugins import resolve
from rlsd_env.procedural.base import ProceduralSource
from rlsd_env.sources.base import TaskSource
from rlsd_env.sources.dataset import DataSource
from rlsd_env.task import Image

SUMMARY = "write a Markdown page for each source of tasks, one for the numeric views, and an index"
EPILOG = "A file in FOLDER that is no page any more is named and left alone."
INDEX = "index.md"
VIEWS = "Views.md"
_ENTRY = re.compile(r"    (\w+): (.*)")
_MADE = "<!-- made by `python -m rlsd_env docs`; change the docstrings instead -->\n"


def pages() -> dict[str, bytes]:
    """Make all pages and pictures, by file name."""
    by_source: dict[type[TaskSource], list[Facts]] = {}
    for id in reasoning_ids():
        by_source.setdefault(source_class(id), []).append(facts(id))
    made: dict[str, bytes] = {INDEX: _index(by_source).encode(), VIEWS: _views().encode()}
    for cls, found in by_source.items():
        made[f"{cls.__name__}.md"] = _page(cls, found).encode()
        if issubclass(cls, ProceduralSource) and (picture := sample_picture(found[0].id)) is not None:
            made[f"{cls.__name__}.png"] = as_png(picture)
    return made


def _index(by_source: dict[type[TaskSource], list[Facts]]) -> str:
    rows = [(f"[{one.id}]({cls.__name__}.md)", *cells(one)[2:]) for cls, found in by_source.items() for one in found]
    head = (HEAD[0], *HEAD[2:])
    return "\n".join(
        [
            _MADE + "# Environments\n",
            "`python -m rlsd_env list` prints this table, with ids of your own. rows are those of the data set as "
            "published; made: the tasks are made, as many as are asked for.\n",
            table(head, sorted(rows)),
            f"\n## Numeric views\n\nA text environment for agents that read and write numbers: [spaces]({VIEWS}).\n",
            table(("id", "of"), list(view_ids().items())),
            "\n## Arguments of every environment\n",
            *arguments(EnvConfig, "Attributes"),
            "\n## Arguments of every data set\n",
            *arguments(DataSource, "Args"),
            "",
        ]
    )


def _views() -> str:
    """Write the page of the numeric views: their spaces at the default arguments, and their classes' manuals."""
    rows: list[tuple[str, ...]] = []
    classes: dict[str, type] = {}
    for id, text_env in view_ids().items():
        with contextlib.closing(gymnasium.make(id, disable_env_checker=True)) as env:
            rows.append((id, text_env, f"`{env.action_space}`", f"`{env.observation_space}`"))
        entry = str(gymnasium.registry[id].entry_point)
        classes[entry.rpartition(":")[2]] = resolve(entry)
    manuals = {name: (inspect.getdoc(cls) or "").partition("\n\nAttributes:")[0] for name, cls in classes.items()}
    return "\n".join(
        [
            f"{_MADE}# Numeric views\n",
            "A view shows the tasks of a text environment in spaces of fixed size. These are the spaces at the default "
            "arguments; those of the text environment, such as `difficulty` and `cell`, change them.\n",
            table(("id", "of", "actions", "observations"), rows),
            *("\n## " + f"{name}\n\n{manual}".replace("\n## ", "\n### ") for name, manual in manuals.items()),
            "",
        ]
    )


def _page(cls: type[TaskSource], found: list[Facts]) -> str:
    head = (HEAD[0], *HEAD[2:])
    summary, _, manual = (inspect.getdoc(cls) or "").partition("\n\n")
    sample = _sample(cls, found[0].id)
    return "\n".join(
        [
            f"{_MADE}# {cls.__name__}\n",
            f"{summary}\n",
            table(head, [(one.id, *cells(one)[2:]) for one in found]),
            f"\n{manual}\n",
            *sample,
            "",
        ]
    )


def _sample(cls: type[TaskSource], id: str) -> Iterator[str]:
    """Show the first task; of a data set, which is not here, an invented one, or else the prompt's template."""
    if issubclass(cls, ProceduralSource):
        with contextlib.closing(make_env(id, {})) as env:
            task = env.desk.source.item(0).task
            yield "## Sample task\n"
            if task.images or task.videos:
                yield f"![a task of {cls.__name__}]({cls.__name__}.png)\n"
            yield f"```text\n{env.desk.prompt(task)}\n```"
    elif (prompt := sample_prompt(id, cls.__name__)) is not None:
        yield "## Sample prompt\n\nOf an invented task.\n"
        yield f"```text\n{prompt}\n```"
    else:
        yield "## Prompt\n\nA Jinja template; see `rlsd_env.prompts`.\n"
        yield f"```jinja\n{cls.template}\n```"


def sample_picture(id: str) -> Image | None:
    """Render the first task of an environment; None where it is text only."""
    with contextlib.closing(make_env(id, {}, render_mode="rgb_array")) as env:
        observation, _ = env.reset(options={"task_index": 0})
        return env.render() if observation["images"] or observation["videos"] else None


def as_png(picture: Image) -> bytes:
    """Write a picture in 64 colours, with Pillow's version in it: another may write other bytes."""
    import PIL
    from PIL import Image as PILImage
    from PIL.PngImagePlugin import PngInfo

    noted = PngInfo()
    noted.add_text("Software", f"Pillow {PIL.__version__}")
    file = io.BytesIO()
    PILImage.fromarray(picture).quantize(64, dither=PILImage.Dither.NONE).save(
        file, "png", optimize=True, pnginfo=noted
    )
    return file.getvalue()


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Write a Markdown table.

    >>> print(table(("a", "b"), [("1", "x|y")]))
    | a | b |
    |---|---|
    | 1 | x\\|y |
    """
    lines = [head, *rows]
    written = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines]
    return "\n".join([written[0], "|" + "---|" * len(head), *written[1:]])


def arguments(cls: type, section: str) -> Iterator[str]:
    """Write a section of a docstring in Google's style as a list.

    >>> list(arguments(EnvConfig, "Attributes"))[0][:35]
    '- `verifier`: a registered name, "p'
    """
    _, _, body = (inspect.getdoc(cls) or "").partition(f"{section}:\n")
    entry = ""
    for line in body.splitlines():
        if not line.startswith("    "):
            break
        if match := _ENTRY.fullmatch(line):
            if entry:
                yield entry
            entry = f"- `{match[1]}`: {match[2]}"
        else:
            entry += f" {line.strip()}"
    yield entry


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--out", metavar="FOLDER", type=Path, required=True, help="where the pages go")


def run(options: argparse.Namespace) -> int:
    """Write the pages that are new or have changed."""
    made = pages()
    changed = 0
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        for name, content in made.items():
            path = options.out / name
            if not path.exists() or path.read_bytes() != content:
                path.write_bytes(content)
                changed += 1
        left = sorted(path.name for path in options.out.iterdir() if path.name not in made)
    except OSError as error:
        raise ConfigurationError(f"{str(options.out)!r} cannot be written: {error}") from error
    print(f"{options.out}: {len(made)} files, {changed} written")
    if left:
        print(f"no pages any more: {', '.join(left)}")
    return 0
