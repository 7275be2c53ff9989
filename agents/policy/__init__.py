"""Policies: the interface, the transformers implementation, the bundled model."""
