"""The same tasks with numbers instead of text, for classical agents."""
