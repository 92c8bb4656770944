"""Weights from the public hubs: fetched once, resumed where it broke off, checked, never half.

A file is written beside its place and moved there only when it is whole and its SHA-256 is the
published one, so whatever is found in its place may be loaded.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from explorer.models import hubs
from explorer.models.hubs import HubUnreachable
from explorer.models.names import first_line

ANSWER_SECONDS = 4.0
READ_SECONDS = 10.0
TELL_EVERY_SECONDS = 0.5
BLOCK = 2**18
_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.")
_SHA256 = re.compile(r"[0-9a-f]{64}")

Progress = Callable[[str], None]
"""Told what is being done, in plain words. It may raise, which breaks a download off."""


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
    from huggingface_hub.utils import build_hf_headers

    folder = hubs.huggingface_folder()
    for name in files:
        kept = try_to_load_from_cache(repository, name, cache_dir=folder, revision=revision)
        if isinstance(kept, str) and Path(kept).is_file():
            return Path(kept)
    hubs.require(reference, hubs.endpoint())
    place = folder / f"models--{repository.replace('/', '--')}"
    for name in files:
        url = hf_hub_url(repository, name, revision=revision, endpoint=hubs.endpoint())
        try:
            there = get_hf_file_metadata(url, timeout=ANSWER_SECONDS, endpoint=hubs.endpoint())
        except GatedRepoError as error:
            raise HubUnreachable(
                f"the weights of {reference} are given out only to people who accepted their "
                f"licence at {hubs.endpoint()}/{repository}; do so and set HF_TOKEN"
            ) from error
        except EntryNotFoundError:
            continue
        except (HfHubHTTPError, OSError, ValueError) as error:
            raise _failed(reference, hubs.endpoint(), error) from error
        if not (there.etag and there.commit_hash):
            raise _failed(reference, hubs.endpoint(), "it did not say what the file is")
        blob = place / "blobs" / there.etag
        # A token is for the hub alone, never for the store to which it forwards.
        same_host = urlsplit(there.location).netloc == urlsplit(hubs.endpoint()).netloc
        fetch(
            reference,
            there.location,
            blob,
            progress,
            digest=f"sha256:{there.etag}" if _SHA256.fullmatch(there.etag) else "",
            size=there.size,
            headers=build_hf_headers() if same_host else {},
        )
        return _pointer(place, revision or "main", there.commit_hash, name, blob)
    raise HubUnreachable(
        f"the weights of {reference} are not to be had: {repository} has no {' or '.join(files)}"
    )


def from_url(
    reference: str, url: str, progress: Progress, digest: str = "", name: str | None = None
) -> Path:
    """A plain file among torch's checkpoints, under its own name unless told another.

    digest: see `fetch`; where it is not told, the one in the file's name, as torch's hub has it.
    """
    path = hubs.torch_folder() / (name or Path(urlsplit(url).path).name)
    if path.is_file():
        return path
    hubs.require(reference, url)
    found = _HASH_IN_NAME.search(path.name)
    if not digest and found:
        digest = f"sha256:{found[1]}"
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

    digest: `sha256:` or `md5:` and what the content's must begin with. Raises HubUnreachable if
    the download fails or something else than the published file came; that is thrown away.
    """
    part = path.with_name(f"{path.name}.incomplete")
    with _alone(part, reference, progress):
        if path.is_file():
            return path
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            _transfer(reference, url, part, progress, size, headers or {})
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
    begun = part.stat().st_size if part.is_file() else 0
    if size is not None and begun == size:
        return
    if size is not None and begun > size:
        begun = 0
    asked = {"User-Agent": "iri-explorer", "Accept-Encoding": "identity", **headers}
    if begun:
        asked["Range"] = f"bytes={begun}-"
    try:
        answer = urlopen(Request(url, headers=asked), timeout=READ_SECONDS)
    except HTTPError as error:
        if error.code == 416 and begun:  # nothing is left to send: it was whole already
            return
        raise
    with answer:
        if answer.status != 206:  # this server sends it all again
            begun = 0
        length = answer.headers.get("Content-Length")
        whole = begun + int(length) if length else size
        said = 0.0
        with part.open("ab" if begun else "wb") as file:
            while block := answer.read(BLOCK):
                file.write(block)
                begun += len(block)
                if time.monotonic() - said > TELL_EVERY_SECONDS:
                    said = time.monotonic()
                    of = f" of {whole / 1e6:,.0f}" if whole else ""
                    progress(f"downloading {reference}: {begun / 1e6:,.0f}{of} MB")
    if whole is not None and begun != whole:
        raise OSError(f"the connection ended after {begun / 1e6:,.0f} of {whole / 1e6:,.0f} MB")


@contextmanager
def _alone(part: Path, reference: str, progress: Progress) -> Iterator[None]:
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
                time.sleep(TELL_EVERY_SECONDS)
        yield


def _pointer(place: Path, revision: str, commit: str, name: str, blob: Path) -> Path:
    """The file's name under its commit, and the commit's name under the revision."""
    pointer = place / "snapshots" / commit / name
    pointer.parent.mkdir(parents=True, exist_ok=True)
    if not pointer.exists():
        pointer.unlink(missing_ok=True)
        pointer.symlink_to(Path("..", "..", *[".."] * name.count("/"), "blobs", blob.name))
    if revision != commit:
        named = place / "refs" / revision
        named.parent.mkdir(parents=True, exist_ok=True)
        named.write_text(commit)
    return pointer


def _is(path: Path, digest: str) -> bool:
    kind, _, beginning = digest.partition(":")
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest().startswith(beginning)


def _failed(reference: str, url: str, reason: object) -> HubUnreachable:
    host = urlsplit(url).netloc
    return HubUnreachable(
        f"the weights of {reference} could not be downloaded from {host}: {first_line(reason)}"
    )
