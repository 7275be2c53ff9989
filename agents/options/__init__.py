"""The options of the command lines, each declared once."""
