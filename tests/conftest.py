"""Nothing that the tests do, in this process or a child, touches a user's cache or the network."""

import os
import tempfile

_cache = tempfile.TemporaryDirectory(prefix="iri-tests-")
os.environ["IRI_CACHE_DIR"] = _cache.name
os.environ["IRI_OFFLINE"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
# Two threads wait for each other at every small layer whenever another process is busy.
os.environ.setdefault("OMP_NUM_THREADS", "1")
for name in [name for name in os.environ if name.startswith("DASK_")]:
    del os.environ[name]  # a cluster of the user's, and its certificates


def pytest_sessionfinish() -> None:
    """Remove the cache that the tests filled."""
    _cache.cleanup()
