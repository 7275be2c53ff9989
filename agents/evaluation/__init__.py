"""Accuracy on benchmarks: what `python -m agents.evaluate` asks, keeps and counts."""
