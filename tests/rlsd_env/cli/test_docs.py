"""`docs`: the pages in docs/environments are those that the docstrings make."""

import io
import subprocess
import sys

import numpy as np
import PIL
import pytest
from PIL import Image

from rlsd_env.cli.docs import INDEX
from rlsd_env.cli.main import main
from rlsd_env.cli.samples import ROWS
from rlsd_env.registration import IDS
from rlsd_env.views.ids import VIEWS
from tests.conftest import ROOT

PAGES = ROOT / "docs" / "environments"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The pages as they are made by a process that knows the project's own ids only."""
    folder = tmp_path_factory.mktemp("docs")
    words = [sys.executable, "-m", "rlsd_env", "docs", "--out", str(folder)]
    subprocess.run(words, check=True, cwd=ROOT, timeout=120, capture_output=True)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_committed_pages_are_up_to_date(made):
    committed = {path.name: path.read_bytes() for path in PAGES.iterdir()}
    renew = "run: python -m rlsd_env docs --out docs/environments"
    assert committed.keys() == made.keys(), renew
    changed = [name for name in made if not same(made[name], committed[name])]
    assert not changed, f"{', '.join(changed)}: {renew}"


def same(made: bytes, committed: bytes) -> bool:
    """Whether two files are equal; pictures by their pixels where another Pillow has compressed them."""
    if made == committed:
        return True
    if not made.startswith(b"\x89PNG"):
        return False
    with Image.open(io.BytesIO(committed)) as picture, Image.open(io.BytesIO(made)) as new:
        if picture.info["Software"] == f"Pillow {PIL.__version__}":
            return False
        return np.array_equal(np.asarray(picture.convert("RGB")), np.asarray(new.convert("RGB")))


def test_every_id_has_a_page_and_every_link_a_file(made):
    index = made[INDEX].decode()
    for id in IDS:
        assert f"| [{id}](" in index
    linked = {part.partition(")")[0] for page in made.values() if page[:4] == b"<!--" for part in
              page.decode().split("](")[1:]}  # fmt: skip
    assert linked == made.keys() - {INDEX}


def test_a_page_has_the_manual_and_a_prompt(made):
    clock = made["Clock.md"].decode()
    for heading in ("Description", "Action Space", "Rewards", "Arguments", "Version History", "Sample task"):
        assert f"\n## {heading}\n" in clock
    assert "```text\n<image>What time" in clock
    vista = made["MathVista.md"].decode()
    assert "```text\n<image>\nHint: Please answer the question and provide the correct option letter" in vista
    with Image.open(io.BytesIO(made["Clock.png"])) as picture:
        assert picture.info["Software"] == f"Pillow {PIL.__version__}"
    assert all(len(page) < 30_000 for page in made.values())


def test_the_views_have_their_spaces(made):
    index, page = made[INDEX].decode(), made["Views.md"].decode()
    for id in VIEWS:
        assert f"| {id} | {VIEWS[id]['text_env']} |\n" in index
        assert f"| {id} | {VIEWS[id]['text_env']} | `Discrete(" in page
    assert "\n## ChoiceView\n" in page
    assert "\n### Action Space\n" in page


def test_every_data_set_has_a_sample_row(made):
    assert ROWS.keys() == {name[:-3] for name, page in made.items() if b"## Sample prompt" in page}
    assert not [name for name, page in made.items() if b"## Prompt" in page]


def test_pages_of_the_users_own_and_what_is_left(tmp_path, capsys):
    (tmp_path / "old.md").write_text("")
    words = ["docs", "--out", str(tmp_path), "--import", "tests.rlsd_env.cli.tasks"]
    assert main(words) == 0
    page = (tmp_path / "Sums.md").read_text()
    assert "# Sums\n\nFive small sums.\n" in page
    assert "```jinja\n{{ question }}" in page
    assert "no pages any more: old.md\n" in capsys.readouterr().out
    assert main(words) == 0
    assert ", 0 written" in capsys.readouterr().out
