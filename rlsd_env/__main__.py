"""`python -m rlsd_env`: see `rlsd_env.cli`."""

from rlsd_env.cli.main import entry

if __name__ == "__main__":
    entry()
