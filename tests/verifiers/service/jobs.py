"""What the tests run in workers."""

import collections
import itertools
import os
import pathlib
import signal
import subprocess
import sys
import time


def square(n):
    return n * n


def square_after(seconds, n):
    time.sleep(seconds)
    return n * n


def square_or_hang(n):
    if n % 10 == 9:
        block()
    time.sleep(0.02)
    return n * n


def block():
    """Loops in C: holds the interpreter's lock, allocates nothing and never looks at signals."""
    collections.deque(itertools.repeat(0), maxlen=0)


def block_with_child():
    print(subprocess.Popen(["sleep", "600"]).pid, file=sys.stderr, flush=True)
    block()


def noisy(n):
    print("printed")
    os.write(1, b"\x00raw\xff" * 100)
    os.write(2, b"to stderr")
    return n * n


def fail():
    raise ZeroDivisionError("by zero")


def leave():
    sys.exit("enough")


def die(code):
    os._exit(code)


def die_once(marker):
    if not os.path.exists(marker):
        pathlib.Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def fork_and_die():
    """Leaves a process behind that has inherited everything."""
    if os.fork() == 0:
        time.sleep(600)
    os._exit(1)


def hoard():
    kept = []
    while True:
        kept.append(bytearray(2**20))


def alarm():
    """Uses the process's alarm, as graders made for the main thread do."""
    signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(TimeoutError("own alarm")))
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        time.sleep(10)
    except TimeoutError as error:
        return str(error)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def stop():
    """Stops this process, until somebody lets it go on."""
    os.kill(os.getpid(), signal.SIGSTOP)


def forgotten_alarm():
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(1)


class UnreadableError(Exception):
    """Pickles, and cannot be unpickled."""

    def __init__(self, one, two):
        super().__init__(one)


def unreadable():
    return UnreadableError(1, 2)


def environment(name):
    return os.environ.get(name)


def wait_for(path):
    """Is done once somebody has made the file."""
    while not os.path.exists(path):
        time.sleep(0.01)


def touch(path):
    pathlib.Path(path).touch()


def pid_of_two(folder):
    """Is done once another process has come here as well."""
    pathlib.Path(folder, str(os.getpid())).touch()
    while len(os.listdir(folder)) < 2:
        time.sleep(0.01)
    return os.getpid()


def order_of_two(folder, letters):
    return pid_of_two(folder), list(set(letters))


def children_now():
    """How many child processes this one has, waited for or not."""
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return len(file.read().split())


def work_on(processor, seconds):
    """Works on a processor for this long, not counting what others have of it."""
    os.sched_setaffinity(0, {processor})
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
