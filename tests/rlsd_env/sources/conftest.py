"""A cache of their own for what the tests open through the library `datasets`."""

import pytest


@pytest.fixture(scope="session")
def cache_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("datasets_cache")


@pytest.fixture(autouse=True)
def datasets_cache(cache_folder, monkeypatch):
    """Nothing that a test opens is written into, or read from, the user's own cache."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", cache_folder)
    return cache_folder
