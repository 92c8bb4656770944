"""Nothing that the tests do, in this process or a child, touches a user's data or the network."""

import functools
import os
import sys
import tempfile
from collections.abc import Iterator

import pytest

_cache = tempfile.TemporaryDirectory(prefix="iri-tests-")
os.environ["IRI_CACHE_DIR"] = os.path.join(_cache.name, "data")
os.environ["IRI_OFFLINE"] = "1"
for name in ("IRI_DATABASE_URL", "IRI_HOSTED", "IRI_HOSTING"):
    os.environ.pop(name, None)
os.environ["HF_HUB_OFFLINE"] = "1"
# Two threads wait for each other at every small layer whenever another process is busy.
os.environ.setdefault("OMP_NUM_THREADS", "1")
for name in [name for name in os.environ if name.startswith("DASK_")]:
    del os.environ[name]  # a cluster of the user's, and its certificates


def pytest_sessionfinish() -> None:
    """Remove the cache that the tests filled."""
    _cache.cleanup()


@pytest.fixture(autouse=True)
def _main_is_pytest() -> Iterator[None]:
    """An AppTest leaves its script as `__main__`, which a process pool would run once more."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(scope="session", autouse=True)
def _packages_are_searched_once() -> Iterator[None]:
    """An AppTest reads what every installed package says of itself: more than half of its time."""
    if "streamlit.testing.v1" not in sys.modules:
        yield
        return
    from streamlit.components.v2 import manifest_scanner

    with pytest.MonkeyPatch.context() as patch:
        once = functools.cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", once)
        yield
