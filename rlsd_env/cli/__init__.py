"""The command line `python -m rlsd_env`, also installed as `rlsd-env`: one module per command.

`list` and `docs` say what there is, `show` and `play` let a person see it, `validate` and `overlap` check data,
`reverify` grades stored rollouts again, `bench` measures speed and memory.
"""
