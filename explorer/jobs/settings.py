"""The settings of jobs in the environment, checked before anything is started."""

from __future__ import annotations

import os

from explorer.errors import RequestError
from explorer.models.memory_setting import networks_memory
from explorer.store.errors import CacheError
from explorer.store.settings import size_limit
from explorer.store.store import Store

SCHEDULER = "DASK_SCHEDULER_ADDRESS"


def check_settings() -> None:
    """Raise RequestError, with the variable as its field, for a setting that cannot be used.

    Creates the cache directory where it does not exist.
    """
    networks_memory()
    try:
        size_limit()
    except CacheError as error:
        raise RequestError("IRI_CACHE_LIMIT", str(error)) from error
    store = Store()
    try:
        store.check()
    except CacheError as error:
        raise RequestError("IRI_CACHE_DIR", str(error)) from error
    finally:
        store.close()
    check_scheduler_address(os.environ.get(SCHEDULER))


def check_scheduler_address(address: str | None) -> None:
    """Raise RequestError where DASK_SCHEDULER_ADDRESS is set but not a scheduler's address."""
    if not address:
        return
    from explorer.jobs.encryption import check_address

    try:
        check_address(address, "client")
    except RequestError as error:
        raise RequestError(SCHEDULER, error.message) from error
