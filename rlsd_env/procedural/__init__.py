"""Unlimited visual tasks, drawn with Pillow: exact answers by construction, deterministic by seed, offline."""
