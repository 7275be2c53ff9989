"""The trials of a comparison, and where they run: this machine or a Ray cluster."""
