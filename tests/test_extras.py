"""The light core and the extras: each part runs with the packages that it names, and says which others it needs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib import metadata

import pytest
from packaging.requirements import Requirement

from agents.extras import PACKAGES
from rlsd_env.extras import absence
from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = {extra: list(map(Requirement, texts)) for extra, texts in PROJECT["optional-dependencies"].items()}
HOMES = metadata.packages_distributions()
EVERY_MODULE = """
import importlib, pkgutil, rlsd_env, verifiers
for package in (verifiers, rlsd_env):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
"""
PLAY = """
import gymnasium, rlsd_env
env = gymnasium.make("rlsd/ShapeCount-v0")
env.reset(seed=0)
print(env.step("<answer> 5 </answer>")[4]["verdict"].status)
gymnasium.make_vec("rlsd/ShapeCount-v0", num_envs=4, group_size=2).reset(seed=0)
"""


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def distributions(requirements):
    """Everything that comes with some requirements, by what is installed here."""
    found, waiting = set(), [(requirement, "") for requirement in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        for wanted in ("", *requirement.extras):
            if (key := (normal(requirement.name), wanted)) not in found:
                found.add(key)
                waiting += [(Requirement(text), wanted) for text in metadata.requires(requirement.name) or ()]
    return {name for name, _ in found}


def python(code, extras=(), argv=()):
    """Run code where nothing is installed but the core and some extras."""
    requirements = [Requirement(text) for text in PROJECT["dependencies"]]
    requirements += [requirement for extra in extras for requirement in EXTRAS[extra]]
    installed = {*distributions(requirements), "rlsd"}
    hidden = sorted(name for name, homes in HOMES.items() if not installed & set(map(normal, homes)))
    assert {"pytest", "hypothesis"} <= set(hidden)
    hidden = [
        name for name in hidden if name != "pandas"
    ]  # pyarrow looks for it and stumbles over None in the place of a module
    code = f"import sys; sys.modules.update(dict.fromkeys({hidden})); sys.argv = {['', *argv]}\n{code}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=300)


def command(module, *argv, extras=()):
    return python(f"import runpy; runpy.run_module({module!r}, run_name='__main__')", extras, argv)


def test_the_core_is_light():
    core = distributions(Requirement(text) for text in PROJECT["dependencies"])
    assert not core & {"torch", "transformers", "scipy", "pandas", "pyarrow", "matplotlib", "huggingface-hub"}


@pytest.mark.parametrize("code", [EVERY_MODULE, PLAY, "import agents; agents.Completion, agents.first_prompt"])
def test_the_core_suffices_for_verifiers_and_environments(code):
    done = python(code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("module", "argv"),
    [
        ("verifiers", ["explain", "1/2", r"\boxed{.5}"]),
        ("rlsd_env", ["list"]),
        ("rlsd_env", ["validate", "rlsd/Algebra-v0", "--limit", "3"]),
    ],
)
def test_commands_of_the_core(module, argv):
    done = command(module, *argv)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("module", "argv", "extras", "extra"),
    [
        ("agents.train", [], [], "agents"),
        ("agents.compare", ["--help"], [], "agents"),
        ("agents.evaluate", [], ["data", "report"], "agents"),
        ("agents.compare", ["--out", "OUT"], ["agents"], "report"),
        ("agents.train", ["--log", "csv,tensorboard", "--out", "OUT"], ["agents"], "tensorboard"),
        ("agents.train", ["--log", "csv,wandb", "--out", "OUT"], ["agents"], "wandb"),
        ("agents.compare", ["--cluster", "ray", "--out", "OUT"], ["agents", "report"], "ray"),
        ("rlsd_env", ["show", "rlsd/MathVista-v0"], [], "data"),
        ("rlsd_env", ["overlap", "rlsd/Clock-v0", "rlsd/Angle-v0"], [], "data"),
    ],
)
def test_a_missing_package_is_one_line_that_names_the_extra(module, argv, extras, extra, tmp_path):
    done = command(module, *(word.replace("OUT", str(tmp_path / "out")) for word in argv), extras=extras)
    assert done.returncode == 2
    assert re.fullmatch(rf"error: .* needs \w+, which is not installed; pip install 'rlsd\[{extra}\]'\n", done.stderr)
    assert done.stdout == ""
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("code", "extra"),
    [
        ("import agents; agents.make", "agents"),
        ("import agents; agents.load_policy", "agents"),
        ("import gymnasium, rlsd_env; gymnasium.make('rlsd/GSM8K-v0')", "data"),
    ],
)
def test_in_code_the_error_names_the_extra(code, extra):
    done = python(code)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(f"which is not installed; pip install 'rlsd[{extra}]'")


def test_the_tests_of_adapters_are_found_without_the_extra_agents():
    """What conftest.py imports is loaded in the environment of `make test-adapters` too, which has no tyro."""
    names = re.search(r"adapters/test_%\.py,([\w ]+)\)", (ROOT / "Makefile").read_text("utf-8"))[1].split()
    files = [f"tests/rlsd_env/adapters/test_{name}.py" for name in names]
    absent = sorted({*PACKAGES} - {"torch", "transformers"})
    code = f"import sys, pytest; sys.modules.update(dict.fromkeys({absent}))\n"
    code += f"raise SystemExit(pytest.main(['--collect-only', '--quiet', *{files}]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "test_verl.py" in done.stdout


@pytest.mark.slow
def test_the_extra_agents_suffices_to_train(tmp_path):
    small = "--agent rlsd --steps 1 --prompts-per-step 2 --group-size 2 --eval-tasks 1 --eval-samples 1"
    done = command("agents.train", *small.split(), "--out", str(tmp_path / "out"), extras=["agents"])
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "result.json").exists()


def test_a_folder_with_a_packages_name_is_no_package(tmp_path, monkeypatch):
    """wandb leaves a folder "wandb" where it is started, which may be on the path."""
    (tmp_path / "no_such_tracker").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert (
        absence("log", "no_such_tracker", "x")
        == "log needs no_such_tracker, which is not installed; pip install 'rlsd[x]'"
    )


def named_in_the_code():
    """The (extra, package) pairs that `require` and `absence` are called with, and those of the extra agents."""
    pairs = {("agents", package) for package in PACKAGES}
    for top in ("rlsd_env", "agents"):
        for path in (ROOT / top).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    words = [word.value for word in node.args[1:] if isinstance(word, ast.Constant)]
                    if node.func.id == "require" and len(words) > 1:
                        pairs |= {(words[0], package) for package in words[1:]}
                    elif node.func.id == "absence" and len(words) == 2:
                        pairs.add((words[1], words[0]))
    return pairs


def test_the_extras_that_messages_name_bring_the_packages():
    pairs = named_in_the_code()
    options = {"lora", "ray", "adamw8bit", "tensorboard", "wandb", "trackio", "mlflow", "vllm", "openenv", "textarena"}
    assert {"agents", "data", "report", *options} == {extra for extra, _ in pairs}
    for extra, package in pairs:
        names = {normal(requirement.name) for requirement in EXTRAS[extra]}
        assert names & set(map(normal, HOMES.get(package, [package]))), f"extra {extra} has no {package}"
