"""An exception in the user's own code ends a command in two lines, a worker's too; --debug shows its traceback."""

from __future__ import annotations

import pytest

from agents import faults
from agents.trials.local import failure
from tests.agents.commands import SMALL, algorithm, call

FAILING = algorithm("Failing", "return Credit(signals.A)")
PLACE = (
    "AttributeError in credit (my_module.py, line 13: return Credit(signals.A)): 'Signals' object has no attribute 'A'"
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "my_module.py").write_text(FAILING)
    return tmp_path


def test_a_training(folder):
    argv = ("--agent", "my_module:Failing", "--out", "out", *SMALL)
    done = call("agents.train", *argv, cwd=folder, check=False)
    assert done.returncode == 1
    assert f"error: {PLACE}\n(--debug shows the whole traceback)\n" in done.stderr
    assert "Traceback" not in done.stderr
    with pytest.raises(AttributeError, match="'Signals' object has no attribute 'A'"):
        call("agents.train", *argv, "--debug", "--resume", cwd=folder)


def test_a_worker_of_a_comparison(folder):
    argv = ("--agents", "my_module:Failing", "--seeds", "0", "--out", "out", *SMALL)
    done = call("agents.compare", *argv, cwd=folder, check=False, workers=True)
    assert done.returncode == 1
    assert f"error: failing, seed 0: {PLACE}\n" in done.stderr


def test_what_is_in_none_of_it_keeps_its_traceback():
    error = failure("rlsd, seed 0", ZeroDivisionError("by zero"))
    assert faults.place(error) is None
    assert str(error) == "rlsd, seed 0 failed: by zero"


def test_a_note_is_what_another_process_reads():
    error = ValueError("three")
    error.add_note(f"{faults.MARK}ValueError in credit (a.py, line 3: x): three")
    assert faults.place(error) == "ValueError in credit (a.py, line 3: x): three"
    told = failure("rlsd, seed 0", error)
    assert faults.place(told) == "rlsd, seed 0: ValueError in credit (a.py, line 3: x): three"
