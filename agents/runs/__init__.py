"""What a run keeps: files, checkpoints, logs, progress."""
