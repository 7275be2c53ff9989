"""The command line itself: words, exit codes, one line for what a user got wrong, and how light it is."""

import doctest
import importlib
import json
import shlex
import subprocess
import sys

import gymnasium
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rlsd_env
from rlsd_env import pairs
from rlsd_env.cli.common import pair
from rlsd_env.cli.listing import PUBLISHED_ROWS, facts
from rlsd_env.cli.main import COMMANDS, main
from rlsd_env.registration import IDS
from tests.conftest import DATA, ROOT
from tests.rlsd_env.cli.tasks import ME

SHAPES = "rlsd/ShapeCount-v0"


def command(*words, **options):
    return subprocess.run(
        [sys.executable, "-m", "rlsd_env", *words], capture_output=True, text=True, cwd=ROOT, timeout=60, **options
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["lst"], "unknown command 'lst'; did you mean 'list'?"),
        (["show"], "the following arguments are required: ID; see python -m rlsd_env show --help"),
        (["show", "rlsd/ShapCount-v0"], "did you mean 'rlsd/ShapeCount-v0'"),
        (["show", "mine/Tasks-v0"], "for one of your own write module:namespace/Name-v0, or --import module"),
        (["show", "CartPole-v1"], "'CartPole-v1' is no reasoning environment; rlsd_env.adapters.foreign.register("),
        (["show", "no.such.module:a/B-v0"], "no module named 'no'"),
        (["show", SHAPES, "--import", "no_such_module"], "no module named 'no_such_module'"),
        (["show", SHAPES, "--env-kwargs", "dificulty=3"], "did you mean 'difficulty'?"),
        (["show", SHAPES, "--env-kwargs", "difficulty"], "'difficulty' is not of the form KEY=VALUE"),
        (["show", SHAPES, "--env-kwargs", "source=x:Y"], "--env-kwargs has source; this command sets that itself"),
        (["show", SHAPES, "--index", "-1"], "invalid integer of 0 or more value: '-1'"),
        (["show", SHAPES, "--index", "1", "--task-id", "x"], "not allowed with argument"),
        (["play", SHAPES, "--index", "1", "--seed", "3"], "not allowed with argument"),
        (["show", f"{ME}:clitest/Sums-v0", "--index", "5"], "task_index 5: it must be a whole number from 0 to 4"),
        (["play", f"{ME}:clitest/Sums-v0", "--task-id", "sum-9"], "unknown task id 'sum-9'"),
        (["show", SHAPES, "--sed", "3"], "unrecognized arguments: --sed 3; see python -m rlsd_env show --help"),
        (["show", SHAPES, "--task-id", "shape_count-d3-1"], "unknown task id 'shape_count-d3-1'"),
        (["show", SHAPES, "--image", "no/such/folder.png"], "'no/such/folder.png' cannot be written"),
        (["show", SHAPES, "--image", "task.nothing"], "give a name such as task.png"),
        (["validate", SHAPES, "--form", "<answer></answer>"], "has no place for the answer; write {gold} there"),
        (["validate", SHAPES, "--images", "absent"], "unknown option of ShapeCount 'images'"),
        (["validate", SHAPES, "--known", "nothing.txt"], "--known 'nothing.txt' cannot be read"),
        (["validate", SHAPES, "--allow", "x-1"], "unknown task id 'x-1'"),
        (["bench", SHAPES, "--num-envs", "12"], "sizes are 12; they must go up and be multiples of the group size, 8"),
        (["bench", SHAPES, "--num-envs", "16", "8"], "sizes are 16, 8; they must go up"),
        (["bench", SHAPES, "--seconds", "0"], "--seconds is 0.0; it must be above 0"),
        (["overlap", SHAPES, SHAPES, "--a-kwargs", "fold=trian"], "unknown fold 'trian'; did you mean 'train'?"),
        (["overlap", SHAPES, SHAPES, "--distance", "17"], "distance is 17"),
        (["docs", "--out", "pyproject.toml"], "'pyproject.toml' cannot be written"),
    ],
)
def test_what_a_user_got_wrong_is_one_line(words, message, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err


def test_a_view_leads_to_its_environment(capsys):
    from rlsd_env.views.ids import register_views

    register_views()
    assert main(["show", "rlsd/DotSumTokens-v0"]) == 2
    assert "use the environment 'rlsd/DotSum-v0'" in capsys.readouterr().err
    assert main(["list"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["rlsd/DotSumTokens-v0", "rlsd/DotSum-v0"] in lines


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_each_command(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([name, "--help"])
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    assert f"usage: python -m rlsd_env {name}" in shown
    assert COMMANDS[name].EPILOG in shown
    assert max(map(len, shown.splitlines())) <= 120


def test_list_has_every_id():
    done = command("list", "--json")
    found = {one["id"]: one for one in json.loads(done.stdout)["environments"]}
    assert found.keys() == IDS.keys()
    vista = found["rlsd/MathVista-v0"]
    assert (vista["source"], vista["split"], vista["rows"]) == ("MathVista", "testmini", 1000)
    assert (vista["train_allowed"], vista["verifier"], vista["mode"]) == (False, "mathvista", "official")
    assert found["rlsd/ZeroBench-v0"]["gated"]
    assert found["rlsd/ZeroBench-v0"]["needs"] == "jonathan-roberts1/zerobench"
    assert found["rlsd/ShapeCount-v0"]["generated"]
    assert found["rlsd/ShapeCount-v0"]["licence"] == "Apache-2.0"


def test_list_has_the_users_ids(capsys):
    assert main(["list", "--import", ME]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("clitest/Sums-v0"))
    assert line.split() == ["clitest/Sums-v0", "Sums", "?", "unknown", "yes", "answer", "-"]


def test_square_brackets_are_shown_as_they_are(capsys):
    """Some of the project's commands print with Rich, which would take "[bold]" for markup and drop it."""
    id = f"{ME}:clitest/Bracketed-v0"
    assert main(["show", id, "--reference"]) == 0
    shown = capsys.readouterr().out
    for line in (
        "task         [red]-0, number 0 of 2\n",
        "licence      CC [BY]\n",
        "choice A     [bold]x[/bold]\n",
        "choice B     [/red]\n",
        "m            [i]\n",
        "\nIs [link=a] in [0, 1]?\n",
        "answer        [/red]\n",
    ):
        assert line in shown
    assert main(["list", "--import", ME]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("clitest/Bracketed-v0"))
    assert "  CC [BY]  " in line
    assert main(["validate", id]) == 1
    assert "FAILED [red]-1: the gold answer '[none]' cannot be used: " in capsys.readouterr().out
    assert main(["show", id, "--task-id", "[green]-5"]) == 2
    assert capsys.readouterr().err == "error: unknown task id '[green]-5'\n"


def test_an_ids_own_arguments_count():
    rlsd_env.register(
        "clitest/Own-v0", "rlsd_env.sources.mathvista:MathVista", verifier_kwargs={"mode": "strict"}, max_pixels=9
    )
    found = facts("clitest/Own-v0")
    assert (found.mode, found.arguments, found.split) == ("strict", {"max_pixels": 9}, "testmini")
    rlsd_env.register("clitest/Own-v1", "rlsd_env.sources.mathvista:MathVista", verifier="answer")
    found = facts("clitest/Own-v1")
    assert (found.verifier, found.mode) == ("answer", "")


@pytest.mark.parametrize(
    ("id", "path"),
    [
        ("rlsd/MathVision-v0", "mathvision"),
        ("rlsd/MathVision-testmini-v0", "mathvision"),
        ("rlsd/MathVista-v0", "mathvista/testmini_problems.jsonl.gz"),
        ("rlsd/MMMUPro-v0", "mmmu_pro/problems_standard10.jsonl.gz"),
        ("rlsd/WeMath-v0", "wemath"),
    ],
)
def test_the_rows_that_are_stated_are_there(id, path):
    if not (DATA / path).exists():
        pytest.skip(f"no real data in ../shared/data/{path}")
    env = gymnasium.make(id, path=str(DATA / path), images="absent").unwrapped
    assert len(env.desk.source) == PUBLISHED_ROWS[id]


def test_rows_are_stated_of_registered_ids_only():
    assert PUBLISHED_ROWS.keys() <= IDS.keys()


def test_through_the_shell_with_a_module_of_the_users(tmp_path):
    picture = tmp_path / "task.png"
    done = command("show", f"{ME}:clitest/Sums-v0", "--task-id", "sum-3", "--image", str(picture))
    assert (done.returncode, done.stderr) == (0, "")
    assert "task         sum-3, number 3 of 5\n" in done.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")
    missing = command("show", "clitest/Sums-v0")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert missing.stderr.startswith("error: unknown environment 'clitest/Sums-v0'")


def test_list_starts_quickly_and_loads_nothing_heavy():
    code = "import sys, time, rlsd_env.cli.main as cli; cli.main(['list']);print(time.process_time(), *sys.modules)"
    seconds = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
        spent, *modules = done.stdout.splitlines()[-1].split()
        seconds.append(float(spent))  # of the process itself: 0.6 s where it has a processor to itself
        heavy = {"torch", "transformers", "datasets", "pandas", "matplotlib", "jinja2", "imagehash", "tqdm", "scipy"}
        assert not heavy & set(modules)
    assert min(seconds) < 3.0


def test_a_reader_may_stop_early():
    line = f"'{sys.executable}' -m rlsd_env list | head -n 1"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.stdout.startswith("id ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["cli.common", "cli.docs", "forms", "pairs"])
def test_examples(name):
    found = doctest.testmod(importlib.import_module(f"rlsd_env.{name}"))
    assert found.attempted > 0
    assert found.failed == 0


def test_a_source_that_is_no_class_is_named(capsys):
    rlsd_env.register("clitest/Function-v0", source="rlsd_env.sources:load_source")
    try:
        assert main(["list"]) == 2
    finally:
        del gymnasium.registry["clitest/Function-v0"]
    assert "the source of 'clitest/Function-v0', 'rlsd_env.sources:load_source', is no class" in capsys.readouterr().err


VALUES = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("a.b 'c\"=", max_size=5), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


@given(VALUES)
def test_what_a_message_advises_is_read_as_it_was_meant(value):
    again = pairs.read_value(pairs.written_value(value))
    assert (again, type(again)) == (value, type(value))


def test_an_advised_command_is_quoted_for_a_shell_and_has_no_fold():
    kwargs = {"path": "a b.csv", "columns": {"question": "q"}, "fold": "train", "skip_broken": True}
    words = shlex.split(pairs.validate_command("rlsd/Table-v0", kwargs))
    assert words[4] == "rlsd/Table-v0"
    assert dict(map(pair, words[6:])) == {name: value for name, value in kwargs.items() if name != "fold"}
