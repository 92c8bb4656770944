"""The settings of jobs in the environment, checked before anything is started."""

from __future__ import annotations

import os
import re

from explorer.errors import RequestError, shortened
from explorer.files import expanded
from explorer.hosting import check_hosting
from explorer.images.errors import PictureError
from explorer.images.folder import digest_of
from explorer.models.memory_setting import networks_memory
from explorer.store.errors import CacheError
from explorer.store.settings import size_limit
from explorer.store.signing import installation
from explorer.store.store import Store

SCHEDULER = "DASK_SCHEDULER_ADDRESS"

_THREADS = (r"[1-9]\d*(,[1-9]\d*)*", "a number of threads, such as 4")
_WORDS = (
    ("IRI_OFFLINE", "0|1", "1, for no contact to a model hub, or 0"),
    ("IRI_LPIPS", "all", "all, which allows the download of large backbones"),
    ("HF_ENDPOINT", r"https?://[^\s/]+(/\S*)?", "a web address, such as https://huggingface.co"),
    ("OMP_NUM_THREADS", *_THREADS),
    ("MKL_NUM_THREADS", *_THREADS),
)
"""Variables that are read elsewhere, where anything else would be taken for nothing: the form of
their values, and what would be right."""


def check_settings() -> None:
    """Raise RequestError, with the variable as its field, for a setting that cannot be used.

    Creates the cache directory where it does not exist.
    """
    check_hosting()
    networks_memory()
    try:
        size_limit()
    except CacheError as error:
        raise RequestError("IRI_CACHE_LIMIT", error.for_operator) from error
    store = Store()
    variable = "IRI_SIGNING_KEY_FILE"
    try:
        installation(store.directory)
        variable = "IRI_CACHE_DIR"
        store.check()
    except CacheError as error:
        raise RequestError(variable, error.for_operator) from error
    finally:
        store.close()
    check_scheduler_address(os.environ.get(SCHEDULER))
    _check_null_folder(os.environ.get("IRI_NULL_FOLDER"))
    _check_models_folder(os.environ.get("IRI_MODELS_DIR"))
    for name, form, right in _WORDS:
        value = os.environ.get(name, "").strip()
        if value and not re.fullmatch(form, value):
            raise RequestError(name, f"{shortened(value)} is not {right}")


def _check_models_folder(name: str | None) -> None:
    """Raise RequestError where downloaded weights cannot be in this folder."""
    if not name:
        return
    named = path = expanded("IRI_MODELS_DIR", name)
    while not path.exists() and path != path.parent:
        path = path.parent
    if not path.is_dir():
        raise RequestError("IRI_MODELS_DIR", f"{path} is not a folder")
    if path != named and not os.access(path, os.W_OK):
        raise RequestError(
            "IRI_MODELS_DIR", f"there is no folder {name}, and no folder can be added to {path}"
        )


def _check_null_folder(name: str | None) -> None:
    if name:
        try:
            digest_of(expanded("IRI_NULL_FOLDER", name))
        except (PictureError, OSError) as error:
            raise RequestError("IRI_NULL_FOLDER", str(error)) from error


def check_scheduler_address(address: str | None) -> None:
    """Raise RequestError where DASK_SCHEDULER_ADDRESS is set but not a scheduler's address."""
    if not address:
        return
    from explorer.jobs.encryption import check_address

    try:
        check_address(address, "client")
    except RequestError as error:
        raise RequestError(SCHEDULER, error.message) from error
