"""Speed and fidelity measurements: each module is one command, `python -m benchmarks.NAME`."""
