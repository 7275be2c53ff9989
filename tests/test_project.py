"""Rules about the project as a whole: who may import whom, no circles among files, and how light an import is."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from tests.conftest import ROOT

ALLOWED = {"verifiers": set(), "rlsd_env": {"verifiers"}, "agents": {"verifiers", "rlsd_env"}}
OURS = {"verifiers", "rlsd_env", "agents", "benchmarks", "tests"}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_run_downwards_only(package):
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for path in files:
        upward = set(imported(path)) & OURS - ALLOWED[package] - {package}
        assert not upward, f"{path} imports {upward}"


def imports(sources):
    """For each module of `sources` the others of them that it imports, anywhere: in functions and for types too."""
    graph = {}
    for module, source in sources.items():
        found = set()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{module} has a relative import; write the whole name"
                whole = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
                found |= {name if name in sources else node.module for name in whole.values()}
        graph[module] = sorted(found & set(sources))
    return graph


def circle(graph):
    """A circle of modules that import each other, as "a -> b -> a"; "" where there is none."""
    done, path = set(), []

    def visit(module):
        if module in path:
            return " -> ".join([*path[path.index(module) :], module])
        if module in done:
            return ""
        path.append(module)
        found = next(filter(None, map(visit, graph[module])), "")
        path.pop()
        done.add(module)
        return found

    return next(filter(None, map(visit, graph)), "")


def test_no_files_import_each_other():
    sources = {}
    for package in OURS - {"tests"}:
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            sources[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text("utf-8")
    graph = imports(sources)
    assert sum(map(len, graph.values())) > len(graph) > 100
    assert not circle(graph)


def test_a_circle_is_found_and_printed():
    sources = {
        "p": "from p.a import A",
        "p.a": "import json\nfrom p import b",
        "p.b": "def f():\n    from p.c import C",
        "p.c": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import p.a",
        "p.d": "import p.c",
    }
    assert imports(sources)["p.a"] == ["p.b"]
    assert circle(imports(sources)) == "p.a -> p.b -> p.c -> p.a"
    assert circle(imports(sources | {"p.c": "from p import A"})) == "p -> p.a -> p.b -> p.c -> p"
    assert circle(imports(sources | {"p.c": ""})) == ""


@pytest.mark.parametrize("module", ["verifiers", "rlsd_env", "agents"])
def test_importing_a_package_loads_nothing_heavy(module):
    heavy = ["torch", "transformers", "vllm", "matplotlib", "stable_baselines3"]
    code = f"import sys, {module}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("package", sorted(OURS))
def test_the_packages_are_this_projects_own(package):
    """PyPI has other packages under these names; one of them on the path would be a silent mix-up."""
    module = __import__(package)
    assert module.__file__.startswith(str(ROOT))


def test_a_foreign_verifiers_package_is_named(tmp_path):
    (tmp_path / "verifiers").mkdir()
    (tmp_path / "verifiers" / "__init__.py").write_text("")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import rlsd_env"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode != 0
    assert "another package" in done.stderr
    assert str(tmp_path) in done.stderr
