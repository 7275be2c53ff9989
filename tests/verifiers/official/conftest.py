"""Real rows of the benchmarks, where they are there."""

import gzip
import json

import pytest

from tests.conftest import DATA


@pytest.fixture(scope="session")
def load():
    """A function that reads a file of the real data, or skips the test, saying so."""

    def read(name):
        path = DATA / name
        if not path.exists():
            pytest.skip(f"{name} is absent from ../shared/data: real data are not part of the project")
        if path.suffix == ".json":
            return json.loads(path.read_text("utf-8"))
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]

    return read
