"""What a training shows on a terminal, and the report that it leaves, with and without matplotlib."""

from __future__ import annotations

import os
import pty
import re
import sys

from tests.agents.commands import SMALL, call
from tests.conftest import ROOT


def on_a_terminal(module, *argv):
    """Run a command as one does who looks on; exit code, and all that the terminal was sent."""
    process, terminal = pty.fork()
    if process == 0:
        env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "TERM": "xterm"}
        os.execve(sys.executable, [sys.executable, "-m", module, *map(str, argv)], env)
    sent = b""
    while True:
        try:
            sent += os.read(terminal, 65536)
        except OSError:  # the other end is closed
            break
    os.close(terminal)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    return code, re.sub(r"\x1b\[[0-9;]*m", "", sent.decode())  # without colours


def test_on_a_terminal_a_table_stays_in_its_place(tmp_path):
    out = tmp_path / "out"
    code, sent = on_a_terminal("agents.train", "--agent", "grpo", "--out", out, *SMALL)
    assert code == 0, sent
    assert "\x1b[1A" in sent  # it goes up, to draw over what is there
    assert "step 1/4 reward" not in sent
    last = sent[sent.rindex("agent  seed") :].splitlines()
    assert last[1].split()[:3] == ["grpo", "0", "4/4"]
    assert last[1].split()[-1] == "done"
    assert f"metrics, report.html, model: {out}" in sent
    assert "grpo on ShapeCount-v0" in (out / "report.html").read_text()


def test_without_matplotlib_a_training_has_no_report_and_no_error(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = call("agents.train", "--agent", "grpo", "--out", "out", *SMALL, "--keep", "figures", cwd=tmp_path)
    assert done.stdout.endswith("metrics: out\n")
    assert done.stderr.splitlines()[-1].startswith("grpo seed 0 step 4/4 reward ")
    assert not list((tmp_path / "out").glob("*.png"))
