"""The command line: `python -m verifiers grade FILE` and `python -m verifiers explain GOLD PREDICTION`.

`main` reads the arguments, `grade` and `explain` are the commands; `rows` reads and writes lines, `grading` makes a
verdict of a line, `workers` does so in processes, `default` says what judges where no verifier is named, and
`summary` counts.
"""
