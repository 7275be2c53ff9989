"""Each package says what there is to run."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest

from agents import __main__ as overview
from rlsd_env.cli import main as environments
from tests.conftest import ROOT
from verifiers.cli import main as graders


def test_every_command_of_the_overview_is_there(capsys):
    overview.main()
    shown = capsys.readouterr().out
    for command in overview.COMMANDS:
        assert importlib.util.find_spec(f"agents.{command}") is not None
        assert overview.summary(command)
        assert f"  {command} " in shown


@pytest.mark.parametrize(("command", "named"), [(environments, "validate"), (graders, "explain")])
def test_without_arguments_there_is_help(command, named, capsys):
    assert command.main([]) == 0
    assert named in capsys.readouterr().out


def test_a_reader_that_has_gone_ends_a_command_quietly():
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "agents.algorithms", "--markdown"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, cwd=ROOT, timeout=300)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")
