"""The one store of judgements of this process, over the database that the environment names."""

from __future__ import annotations

import atexit
import logging
import threading
import time

from explorer.study.database import database_url
from explorer.study.records import StudyError
from explorer.study.store import Study

log = logging.getLogger(__name__)

_REFUSING_S = 1.0
_studies: dict[str, Study] = {}
_failures: dict[str, tuple[float, StudyError]] = {}  # until when nothing is tried, and why
_studies_lock = threading.Lock()


def study_of_this_process() -> Study:
    """The one store of this process, opened at the first call: of the database that is set now.

    Where its SQLite file was deleted or replaced, the one that is there now, or a new one. Raises
    StudyError where it cannot be opened.
    """
    url = database_url()
    with _studies_lock:
        study = _studies.get(url)
        if study is not None and study.is_gone:
            log.error(
                "the file of people's judgements was deleted or replaced: its sessions and answers "
                "are gone, unless the file is put back; going on with the one that is there now"
            )
            _studies.pop(url).disconnect()
            study = None
        if study is None:
            study = _studies[url] = _opened(url)
        return study


@atexit.register
def _disconnect() -> None:
    """At the end of the process all is in the database's own file: whoever copies it has it all."""
    for study in _studies.values():
        study.disconnect()


def _opened(url: str) -> Study:
    """Open it; where that has just failed, the same failure at once: many may be asking."""
    until, failure = _failures.get(url, (0.0, None))
    if failure is not None and time.monotonic() < until:
        raise type(failure)(str(failure)) from failure
    try:
        return Study(url)
    except StudyError as error:
        _failures[url] = time.monotonic() + _REFUSING_S, error
        raise
