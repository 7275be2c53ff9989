"""What a server of workers imports and is never done with: run by test_trial_server.py."""

import time

from agents.trials.server import ends_with_parent

with ends_with_parent():
    while True:
        time.sleep(0.1)
