"""Files appear whole or not at all."""

import os
import stat
import threading
from pathlib import Path

import pytest

from explorer.files import replacing, write_atomically


def test_a_file_is_created_and_replaced_with_the_permissions_of_the_umask(tmp_path):
    path = tmp_path / "result.json"
    before = os.umask(0o027)
    try:
        write_atomically(path, b"first")
        write_atomically(path, b"second")
    finally:
        os.umask(before)
    assert path.read_bytes() == b"second"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def write_half(path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(b"half")
        raise OSError("the disk is full")


def test_a_write_that_fails_leaves_the_earlier_content_and_nothing_else(tmp_path):
    path = tmp_path / "result.json"
    write_atomically(path, b"earlier")
    with pytest.raises(OSError, match="disk"):
        write_half(path)
    assert path.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "nowhere" / "result.json", b"")


def test_readers_see_only_whole_contents_while_others_write(tmp_path):
    path = tmp_path / "result.json"
    contents = [bytes([byte]) * 100_000 for byte in range(4)]
    write_atomically(path, contents[0])
    seen: set[bytes] = set()
    writers = [
        threading.Thread(target=lambda data=data: [write_atomically(path, data) for _ in range(20)])
        for data in contents
    ]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        seen.add(path.read_bytes())
    assert seen <= set(contents)
    assert [each.name for each in Path(tmp_path).iterdir()] == ["result.json"]
