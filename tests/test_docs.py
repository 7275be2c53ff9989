"""Every block of code of README.md and docs/ is run, or says why it cannot be; the site builds without a warning."""

from __future__ import annotations

import ast
import asyncio
import builtins
import dis
import importlib
import inspect
import json
import os
import re
import subprocess
import sys
import tomllib
import types
from pathlib import Path

import gymnasium
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from rlsd_env.cli.samples import ROWS
from tests import doc_commands
from tests.conftest import ROOT
from tests.doc_blocks import Block, blocks, joined

PAGES = ["README.md", *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))]
WHOLE = ("docs/quickstart.md", "docs/tutorials/", "docs/own_tasks.md", "docs/own_model.md", "docs/verifiers.md")
"""Pages whose trainings and evaluations are run to their ends, with small budgets."""
GIVEN = {
    "README.md": {
        r"external\(FOLDER\)": f"external({ROOT}/agents/tiny/tiny-qwen3-vl)",
        "FOLDER": "mathvision",
        "FILE": f"{ROOT}/configs/qwen3-vl-8b-rlsd-4x8.toml",
        "/shared": "shared",
    },
    "docs/laboratory.md": {"FOLDER": "made"},
    "docs/results.md": {"30": "0"},
    "docs/scaling.md": {"FILE": f"{ROOT}/configs/qwen3-vl-8b-rlsd-4x8.toml", "FOLDER": "eight", "HOST": "localhost"},
    "docs/tutorials/2_scale.md": {"HOST": "localhost", "FOLDER": "mathvision"},
    "docs/verifiers.md": {r"FILE\.jsonl\[\.gz\]": "FILE.jsonl"},
}
"""What stands in the place of placeholders."""
MARKS = {
    "[env_kwargs]": "<!-- file: folders.toml -->",
    "OUT/": "<!-- shown -->",
    "reward.custom_reward_function.path=pkg://rlsd_env.adapters.verl "
    "reward.custom_reward_function.name=compute_score": "<!-- shown -->",
    "agent  seed   step  reward  length  entropy    kl  tokens/s  left": "<!-- shown -->",
    "interrupted: runs/two holds 3 finished runs and the first steps of 1 run, go on with: python -m agents.compare "
    "--agents grpo,rlsd --out runs/two --resume": "<!-- shown -->",
    "rlsd seed 1 step 12/40 reward .734 length 24.1 entropy .41 kl .012 1,830 tokens/s 2:05 left": "<!-- shown -->",
}
"""Comments for blocks of pages that have none, by their first lines."""
BEFORE = {
    "docs/adapters.md": "python -m agents.train --lora-rank 4 --steps 1 --out runs/lora",
    "docs/results.md": "python -m agents.compare --agents grpo,rlsd --out runs/compare",
    "docs/scaling.md": "python -m agents.train --lora-rank 4 --out runs/lora",
    "docs/verifiers.md": "python -m agents.train --env rlsd/Chain-v0 --policy lab-q0 --out runs/rlsd",
}
"""What a reader has run before; it is run whole."""
PROBLEM = {"id": "a", "question": "<image>How many dots?", "answer": "3", "images": ["dots.png"]}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """From a page to a folder with the files that it speaks of as the reader's own."""

    def made(page):
        folder = tmp_path_factory.mktemp(Path(page).stem)
        (folder / "configs").symlink_to(ROOT / "configs")
        Image.fromarray(np.full((32, 32, 3), 200, np.uint8)).save(folder / "dots.png")
        data = folder / "mathvision"
        data.mkdir()
        rows = [ROWS["MathVision"] | {"id": str(n), "image": "figure.png"} for n in range(1, 9)]
        (data / "testmini.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        Image.fromarray(np.full((32, 32, 3), 90, np.uint8)).save(data / "figure.png")
        (folder / "problems.csv").write_text("uid,prompt,gold,picture,options\na,<image>How many dots?,3,dots.png,\n")
        row = {"prompt": "How many dots?", "gold": "3", "picture": "dots.png", "detail": None, "options": None}
        row |= {"rationale": "", "uid": "a", "type": "integer", "unit": "", "decimals": None, "subject": "counting"}
        row |= {"figure": "dots"}
        pq.write_table(pa.table({name: [value] for name, value in row.items()}), folder / "my.parquet")
        for split in ("train", "test"):
            row = json.dumps(PROBLEM | {"id": split}) + "\n"
            for target in (folder / f"{split}.jsonl", folder / "data" / f"{split}.jsonl"):
                target.parent.mkdir(exist_ok=True)
                target.write_text(row)
        Image.open(folder / "dots.png").save(folder / "data" / "dots.png")
        graded = [ROWS["MathVision"] | {"response": f"<answer>{n}</answer>"} for n in range(3)]
        (folder / "outputs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in graded))
        (folder / "FILE.jsonl").write_text('{"gold": "1/2", "prediction": "0.5"}\n')
        own = next(block for block in read("docs/own_tasks.md") if block.mark == "file")
        (folder / own.detail).write_text(own.text)
        return folder

    return made


def read(page):
    return blocks((ROOT / page).read_text("utf-8"), MARKS)


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_a_page(page, place):
    found = read(page)
    if not found:
        return
    folder = place(page)
    namespace = {"__name__": "page"}
    if page.startswith("docs/environments/"):  # made from docstrings, whose examples import nothing
        namespace |= {"gymnasium": gymnasium}
    said = ""
    for block in found:  # files first: some pages show one after the command that reads it
        if block.mark == "file":
            (folder / block.detail).write_text(block.text + "\n")
    with doc_commands.at_home(folder):
        if page in BEFORE:
            doc_commands.run(BEFORE[page], folder, whole=True, given={})
        for block in found:
            try:
                said = follow(block, page, folder, namespace, said)
            except doc_commands.Begun:
                raise
            except Exception as error:
                raise AssertionError(f"{page}:{block.line}: {error}") from error


def follow(block: Block, page: str, folder: Path, namespace: dict, said: str) -> str:
    """Do what a block says, and return what its last command printed."""
    if block.mark == "file":
        if block.kind == "python":
            namespace |= vars(importlib.import_module(Path(block.detail).stem))
        return said
    if block.mark == "output":
        if not block.detail:
            assert plain(block.text) == plain(said)
        return said
    if block.kind == "python":
        if block.mark == "not run":
            compile(block.text, page, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        else:
            run_python(block.text, page, namespace)
    elif block.kind == "toml":
        tomllib.loads(block.text)
    elif block.kind in ("console", "options") and block.mark != "shown":
        said = run_console(block, page, folder)
    return said


def plain(text: str) -> str:
    """Leave out what lines are padded with, and how long something took."""
    text = re.sub(r"(?m)^seconds .*$|\b\d+\.\d+ s\b", "seconds", text)
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


def run_python(text, page, namespace):
    """Run statements, and hold expressions to the values in comments behind them."""
    tree = ast.parse(text)
    lines = text.splitlines()
    for node in tree.body:
        comment = lines[node.end_lineno - 1][node.end_col_offset :].strip()
        code = compile(ast.Module([node], []), page, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if isinstance(node, ast.Expr) and (value := literal(comment)) is not None:
            assert eval(ast.unparse(node), namespace) == value[0], f"{ast.unparse(node)} is not {value[0]!r}"
        elif inspect.CO_COROUTINE & code.co_flags:
            asyncio.run(types.FunctionType(code, namespace)())
        else:
            exec(code, namespace)
    for one in [*namespace.values()]:
        if inspect.isfunction(one) and one.__module__ == "page":
            unknown = unresolved(one.__code__, namespace)
            assert not unknown, f"{one.__name__} uses {unknown}, which nothing on the page defines"


def literal(comment):
    """Return what a comment says that a value is, in a tuple; None: it says something else."""
    try:
        return (ast.literal_eval(comment.removeprefix("#").strip()),) if comment.startswith("#") else None
    except (SyntaxError, ValueError):
        return None


def unresolved(code, namespace):
    """Return the global names of a function, and of those inside, that there are not."""
    found = {
        step.argval
        for step in dis.get_instructions(code)
        if step.opname == "LOAD_GLOBAL" and step.argval not in namespace and not hasattr(builtins, step.argval)
    }
    for inner in code.co_consts:
        if inspect.iscode(inner):
            found |= unresolved(inner, namespace)
    return found


def run_console(block: Block, page: str, folder: Path) -> str:
    if block.text.startswith("#!"):
        doc_commands.syntax(block.text)
        return ""
    if block.kind == "options":
        text = "\n".join(
            f"python -m agents.compare --out runs/options{n} {one}" for n, one in enumerate(joined(block.text))
        )
    else:
        text = block.text
    text = re.sub(r" \[(--[^\]]*)\]", r" \1", text)  # of a synopsis all that may be left out
    said = ""
    for command in doc_commands.each(text):
        whole = page.startswith(WHOLE) and block.mark != "not run"
        said = doc_commands.run(command, folder, whole=whole, given=GIVEN.get(page, {}))
    return said


# -- the site ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site as `make docs` builds it."""
    pytest.importorskip("mkdocs", reason="mkdocs is not installed; the extra docs has it")
    folder = tmp_path_factory.mktemp("site")
    assert "WARNING" not in build(folder, ROOT)
    return folder


def build(folder, project, code=0):
    """Build the site of a project into a folder, and return what MkDocs says."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == code, done.stderr
    return done.stderr


def test_every_page_is_in_the_site(site):
    for page in PAGES[1:]:
        assert (site / Path(page).relative_to("docs").with_suffix(".html")).exists(), page


def test_the_navigation_has_the_pages_of_folders(site):
    home = (site / "index.html").read_text("utf-8")
    for page in ("algorithms/grpo-opsd", "tutorials/5_judge", "environments/Clock", "benchmarks/LOG", "CHANGELOG"):
        assert f'href="{page}.html"' in home
    assert ">More<" not in home


@pytest.mark.parametrize("link", ["nowhere.md", "index.md#nowhere", "../benchmarks/nowhere.md", "/index.md"])
def test_a_link_that_leads_nowhere_fails_the_build(link, tmp_path):
    pytest.importorskip("mkdocs", reason="mkdocs is not installed; the extra docs has it")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(f"# Home\n\n[a link]({link})\n")
    (tmp_path / "docs" / "hooks.py").write_bytes((ROOT / "docs" / "hooks.py").read_bytes())
    settings = (ROOT / "mkdocs.yml").read_text("utf-8")
    (tmp_path / "mkdocs.yml").write_text(settings[: settings.index("\nnav:")] + "\nnav:\n  - index.md\n")
    (warning,) = (line for line in build(tmp_path / "site", tmp_path, code=1).splitlines() if "WARNING" in line)
    assert f"link '{link.removeprefix('../')}'" in warning


def test_the_site_asks_nothing_of_a_network(site):
    asked = re.compile(r"<(script|img|iframe|source|link)[^>]*\s(src|href)=[\"'](https?:)?//[^\"']*")
    for page in site.rglob("*.html"):
        text = page.read_text("utf-8")
        assert not asked.search(text), f"{page}: {asked.search(text)[0]}"
        assert 'class="mermaid"' not in text  # whose renderer the theme fetches
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\([\"']?(https?:)?//", sheet.read_text("utf-8")), sheet


# -- what the tests themselves are held to -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("Look:\n\n    whatever this is\n", "line 3: 'whatever this is' is of no known kind"),
        ("```\nno language\n```", "line 2: 'no language' is of no known kind"),
        ("<!-- not run: needs time -->\n```python\nx\n```", "line 3: not run: 'needs time'; allowed are needs Docker"),
    ],
)
def test_a_block_of_no_known_kind_is_named(page, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        blocks(page)


def test_blocks_are_found():
    page = "- an item\n\n    goes on\n\ntext\n\n    make lab  # a comment\n\n"
    page += "<!-- file: a.py -->\n```python\nx = 1\n\ny = 2\n```\n"
    page += "<!-- output: why -->\n\n    drawn\n\n```text\n    said\n```"
    assert blocks(page) == [
        Block(7, "console", "make lab  # a comment"),
        Block(11, "python", "x = 1\n\ny = 2", "file", "a.py"),
        Block(17, "", "drawn", "output", "why"),
        Block(20, "text", "    said"),
    ]


def test_commands_are_taken_apart():
    text = "A=1 make lab  # a comment; not a command\npython -m x 'a b; c' \\\n    --d #e\npip install y; make z"
    assert list(doc_commands.each(text)) == ["A=1 make lab", "python -m x 'a b; c' --d", "pip install y", "make z"]


@pytest.mark.parametrize(
    "command",
    [
        "make nothing",
        "make compare NOTHING=1",
        "pip install 'rlsd[nothing]'",
        "rm -rf runs",
        "python -m http.server",
        "python -m agents.nothing",
        "python -m benchmarks.nothing",
        "python -m agents.train --agent rlds --out runs/a",
        "python -m agents.compare --agents grpo --nothing 3 --out runs/a",
        "python -m agents.evaluate --env rlsd/Nothing-v0 --policy tiny --out runs/a",
        "python -m rlsd_env validate rlsd/Nothing-v0",
        "python -m rlsd_env overlap rlsd/MathVista-v0 rlsd/Nothing-v0",
        "python -m verifiers grade --nothing",
    ],
)
def test_a_command_that_does_not_run_fails(command, tmp_path):
    with pytest.raises((AssertionError, ModuleNotFoundError)):
        doc_commands.run(command, tmp_path, whole=False, given={})


def test_a_command_is_run_up_to_where_its_work_begins(tmp_path):
    doc_commands.run("python -m agents.train --steps 9 --out a", tmp_path, whole=False, given={})
    assert not (tmp_path / "a").exists()
    doc_commands.run("python -m agents.train --steps 9 --out OUT", tmp_path, whole=True, given={"OUT": "a"})
    assert (tmp_path / "a" / "result.json").exists()


@pytest.mark.parametrize("code", ["1 + 1  # 3", "def f():\n    return no_such_name", "assert False", "await 3"])
def test_python_that_is_not_so_fails(code):
    with pytest.raises((AssertionError, TypeError)):
        run_python(code, "page", {"__name__": "page"})
