"""A real vLLM server of a checkpoint for the length of a test."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import sys

from agents.policy.vllm.server_sampler import serve_command


@contextlib.contextmanager
def serving(path, log):
    """Start a server; its address and process. Nobody waits here until it is up."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    command = (
        serve_command(address, str(path), "cpu", "float32") + " --kv-cache-memory-bytes 268435456 --max-logprobs 64"
    )
    variables, _, rest = command.partition(" ")
    program = [sys.executable, *shlex.split(rest)[1:]]
    name, _, value = variables.partition("=")
    environment = {
        **os.environ, name: value, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TORCH_COMPILE_DISABLE": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind", "VLLM_NO_USAGE_STATS": "1",
    }  # fmt: skip
    with log.open("w") as file:
        process = subprocess.Popen(program, env=environment, stdout=file, stderr=file, start_new_session=True)
    try:
        yield address, process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
