"""Decoded results are shared by all who read the same bytes, and only by those."""

from __future__ import annotations

import pytest

from explorer.archive import decoded
from explorer.archive.decoded import DecodedResults
from explorer.result import Result, ResultError
from explorer.store.store import Store


@pytest.fixture(scope="module")
def stored() -> list[tuple[str, bytes]]:
    store = Store()
    return [(key, store.get(key) or b"") for key in list(store.shipped())[:3]]


def test_the_same_bytes_are_decoded_once(stored):
    results = DecodedResults()
    (key, data), *_ = stored
    first = results.read(key, data)
    assert first.to_json() == Result.from_bytes(data).to_json()
    assert results.read(key, bytes(bytearray(data))) is first


def test_other_bytes_under_the_same_key_are_read_anew(stored):
    results = DecodedResults()
    (key, data), (_, other), *_ = stored
    results.read(key, data)
    assert results.read(key, other).request == Result.from_bytes(other).request
    with pytest.raises(ResultError):
        results.read(key, b"damaged")


def test_nobody_changes_what_others_are_shown(stored):
    (key, data), *_ = stored
    with pytest.raises(ValueError, match="read-only"):
        DecodedResults().read(key, data).iri[0, 0, 0] = 1


def test_no_more_than_the_limit_is_kept(stored, monkeypatch):
    read = []
    decode = Result.from_bytes
    monkeypatch.setattr(
        decoded.Result, "from_bytes", lambda data: read.append(data) or decode(data)
    )
    limit = sum(len(data) for _, data in stored) - 1
    results = DecodedResults(limit)
    for key, data in [*stored, stored[0]]:
        results.read(key, data)
    assert len(read) == 4  # the first one had to go for the third
    results.read(*stored[0])
    assert len(read) == 4
