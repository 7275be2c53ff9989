"""The statements of Self-Distilled RLVR (arXiv 2604.03128) on a world small enough to count."""
