"""Weights from the public hubs: fetched once, resumed where it broke off, checked, never half.

A file is written under another name and renamed only when it is whole and its SHA-256 is the
published one, so whatever has the name may be loaded.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from explorer.errors import RequestError, without_folders
from explorer.hosting import hosting
from explorer.models import hubs
from explorer.models.hubs import HubUnreachable
from explorer.models.names import MEGABYTE, first_line, too_large_download

ANSWER_SECONDS = 4.0
READ_SECONDS = 10.0
REPORT_EVERY_SECONDS = 0.5
BLOCK = 2**18
_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.")
_SHA256 = re.compile(r"[0-9a-f]{64}")

Progress = Callable[[str], None]
"""Called with what is being done, in plain words. It may raise, which breaks a download off."""


def from_hub(
    reference: str,
    repository: str,
    files: Sequence[str],
    revision: str | None,
    progress: Progress,
) -> Path:
    """The first of `files` that a Hugging Face repository has, in Hugging Face's own cache layout.

    revision: a commit, tag or branch; None is the newest. Raises HubUnreachable, within five
    seconds where the hub does not answer.
    """
    from huggingface_hub import hf_hub_url, try_to_load_from_cache
    from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, HfHubHTTPError
    from huggingface_hub.file_download import get_hf_file_metadata
    from huggingface_hub.utils._headers import build_hf_headers

    folder = hubs.huggingface_folder()
    for name in files:
        cached = try_to_load_from_cache(repository, name, cache_dir=folder, revision=revision)
        if isinstance(cached, str) and Path(cached).is_file():
            return Path(cached)
    hubs.require(reference, hubs.endpoint())
    repository_folder = folder / f"models--{repository.replace('/', '--')}"
    for name in files:
        url = hf_hub_url(repository, name, revision=revision, endpoint=hubs.endpoint())
        try:
            metadata = get_hf_file_metadata(url, timeout=ANSWER_SECONDS, endpoint=hubs.endpoint())
        except GatedRepoError as error:
            raise HubUnreachable(
                f"the weights of {reference} are given out only to people who accepted their "
                f"licence at {hubs.endpoint()}/{repository}; do so and set HF_TOKEN"
            ) from error
        except EntryNotFoundError:
            continue
        except (HfHubHTTPError, OSError, ValueError) as error:
            raise _failed(reference, hubs.endpoint(), error) from error
        if not (metadata.etag and metadata.commit_hash):
            raise _failed(reference, hubs.endpoint(), "it does not say what the file is")
        blob = repository_folder / "blobs" / metadata.etag
        # A token is for the hub alone, never for the store to which it forwards.
        same_host = urlsplit(metadata.location).netloc == urlsplit(hubs.endpoint()).netloc
        fetch(
            reference,
            metadata.location,
            blob,
            progress,
            digest=f"sha256:{metadata.etag}" if _SHA256.fullmatch(metadata.etag) else "",
            size=metadata.size,
            headers=build_hf_headers() if same_host else {},
        )
        return _pointer(repository_folder, revision or "main", metadata.commit_hash, name, blob)
    raise HubUnreachable(
        f"the weights of {reference} are not available: {repository} has no {' or '.join(files)}"
    )


def from_url(
    reference: str, url: str, progress: Progress, digest: str = "", name: str | None = None
) -> Path:
    """A plain file among torch's checkpoints, under its published name unless given another.

    digest: see `fetch`; where it is not given, that in the file's name, as torch's hub has it.
    """
    path = hubs.torch_folder() / (name or Path(urlsplit(url).path).name)
    if path.is_file():
        return path
    hubs.require(reference, url)
    match = _HASH_IN_NAME.search(path.name)
    if not digest and match:
        digest = f"sha256:{match[1]}"
    return fetch(reference, url, path, progress, digest=digest)


def fetch(
    reference: str,
    url: str,
    path: Path,
    progress: Progress,
    *,
    digest: str = "",
    size: int | None = None,
    headers: dict[str, str] | None = None,
) -> Path:
    """Download `url` to `path`, going on where an earlier try broke off.

    digest: `sha256:` or `md5:`, and what that of the content must begin with. Raises HubUnreachable
    if the download fails, or is not the published file, which is then thrown away, or if the disk
    would not hold it; RequestError (field `model`) if it is larger than `explorer.hosting` allows.
    """
    part = path.with_name(f"{path.name}.incomplete")
    with _locked(part, reference, progress):
        if path.is_file():
            return path
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            _transfer(reference, url, part, progress, size, headers or {})
        except RequestError:
            part.unlink(missing_ok=True)
            raise
        except (OSError, HTTPException, ValueError) as error:
            raise _failed(reference, url, error) from error
        if digest and not _is(part, digest):
            part.unlink()
            raise _failed(reference, url, "what came is not the published file; try again")
        part.replace(path)
    return path


def _transfer(
    reference: str,
    url: str,
    part: Path,
    progress: Progress,
    size: int | None,
    headers: dict[str, str],
) -> None:
    received = part.stat().st_size if part.is_file() else 0
    if size is not None and received == size:
        return
    if size is not None and received > size:
        received = 0
    check_room(reference, part.parent, size, received)
    request_headers = {"User-Agent": "iri-explorer", "Accept-Encoding": "identity", **headers}
    if received:
        request_headers["Range"] = f"bytes={received}-"
    try:
        answer = urlopen(Request(url, headers=request_headers), timeout=READ_SECONDS)
    except HTTPError as error:
        if error.code == 416 and received:  # nothing is left to send: it was whole already
            return
        raise
    with answer:
        if answer.status != 206:  # this server sends it all again
            received = 0
        length = answer.headers.get("Content-Length")
        whole = received + int(length) if length else size
        check_room(reference, part.parent, whole, received)
        reported_at = 0.0
        with part.open("ab" if received else "wb") as file:
            while block := answer.read(BLOCK):
                received += len(block)
                check_size(reference, received)
                file.write(block)
                if time.monotonic() - reported_at > REPORT_EVERY_SECONDS:
                    reported_at = time.monotonic()
                    check_room(reference, part.parent, whole, received)
                    of = f" of {whole / 1e6:,.0f}" if whole else ""
                    progress(f"downloading {reference}: {received / 1e6:,.0f}{of} MB")
    if whole is not None and received != whole:
        raise OSError(f"the connection ended after {received / 1e6:,.0f} of {whole / 1e6:,.0f} MB")


def check_size(reference: str, size: int) -> None:
    """RequestError (field `model`) for weights of more bytes than may be downloaded here."""
    limit = hosting().max_network_bytes
    if limit is not None and size > limit:
        raise too_large_download(reference, size, limit)


def check_room(reference: str, folder: Path, size: int | None, received: int) -> None:
    """Raise where a download is too large for this app, or for the disk of its folder.

    size: of the whole, in bytes; None where nobody says. received: how much of it is there.
    HubUnreachable where the disk would have less than `Hosting.free_disk_bytes` left, RequestError
    as `check_size`.
    """
    if size is not None:
        check_size(reference, size)
    free, kept = shutil.disk_usage(folder).free, hosting().free_disk_bytes
    if free - max(0, (size or 0) - received) < kept:
        needed = f"{size / MEGABYTE:,.0f} MB" if size else "an unknown size"
        raise HubUnreachable(
            f"the weights of {reference} ({needed}) are not downloaded, because the disk has "
            f"{free / MEGABYTE:,.0f} MB free, of which {kept / MEGABYTE:,.0f} MB stay free; "
            "make room, or choose a smaller network"
        )


@contextmanager
def _locked(part: Path, reference: str, progress: Progress) -> Iterator[None]:
    """Only one process of this machine at a time writes a file; the others wait for it."""
    name = hashlib.sha256(str(part.absolute()).encode()).hexdigest()[:32]
    with Path(tempfile.gettempdir(), f"iri-download-{name}.lock").open("a") as lock:
        waiting = False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not waiting:
                    progress(f"waiting for another download of {reference}")
                waiting = True
                time.sleep(REPORT_EVERY_SECONDS)
        yield


def _pointer(folder: Path, revision: str, commit: str, name: str, blob: Path) -> Path:
    """The file's name under its commit, and the commit's name under the revision."""
    pointer = folder / "snapshots" / commit / name
    pointer.parent.mkdir(parents=True, exist_ok=True)
    if not pointer.exists():
        pointer.unlink(missing_ok=True)
        pointer.symlink_to(Path("..", "..", *[".."] * name.count("/"), "blobs", blob.name))
    if revision != commit:
        reference = folder / "refs" / revision
        reference.parent.mkdir(parents=True, exist_ok=True)
        reference.write_text(commit)
    return pointer


def _is(path: Path, digest: str) -> bool:
    kind, _, beginning = digest.partition(":")
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest().startswith(beginning)


def _failed(reference: str, url: str, reason: object) -> HubUnreachable:
    host = urlsplit(url).netloc
    return HubUnreachable(
        f"the weights of {reference} could not be downloaded from {host}: "
        f"{without_folders(first_line(reason))}"
    )
