"""The laboratory's experiments: `python -m benchmarks.lab`."""
