"""Bytes of media as files of the data folder: ``media/<project>/<ab>/<media id>``, named by their own hash.

A file comes about whole or not at all: it is written beside its place, its length and hash are compared with what was
announced, it is synced and renamed. Equal bytes have equal names, so who uploads the same twice writes the same file.

The addresses are the server's own. An upload's signature covers project, id, time of expiry, length, hash and content
type; a download's the first three.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlencode

from trunkline.errors import Forbidden, InsufficientStorage, InvalidRequest, Unavailable
from trunkline.store.media_records import Media

ROUTE = "/api/v1/media"
PIECE = 256 * 1024
"""Bytes that are read at a time."""
REMNANT_S = 86_400
"""Age, in seconds, at which what a broken-off upload left behind is removed."""
_PURPOSE = b"trunkline media addresses"


class MediaFiles:
    """Media in a folder. `signing_key` is the installation's."""

    is_remote = False

    def __init__(self, folder: Path, signing_key: bytes) -> None:
        self._folder = folder
        self._key = hmac.digest(signing_key, _PURPOSE, hashlib.sha256)

    # --- addresses

    def upload_url(self, media: Media, origin: str, lifetime_s: int) -> str:
        announced = {
            "length": str(media.content_length),
            "sha256": media.sha256.hex(),
            "type": media.content_type,
        }
        return self._url("PUT", media, origin, lifetime_s, announced)

    def download_url(self, media: Media, origin: str, lifetime_s: int) -> str:
        return self._url("GET", media, origin, lifetime_s, {})

    def announced(self, project_id: str, media_id: str, query: Mapping[str, str]) -> Media:
        """What an upload's address was signed for. Raises Forbidden for one that was not, or that has ended."""
        terms = {name: query.get(name, "") for name in ("length", "sha256", "type")}
        self._check("PUT", project_id, media_id, query, terms)
        return Media(
            project_id=project_id,
            id=media_id,
            sha256=bytes.fromhex(terms["sha256"]),
            content_type=terms["type"],
            content_length=int(terms["length"]),
        )

    def check_download(self, project_id: str, media_id: str, query: Mapping[str, str]) -> None:
        """Raises Forbidden for an address that was not signed here, or that has ended."""
        self._check("GET", project_id, media_id, query, {})

    def _url(self, method: str, media: Media, origin: str, lifetime_s: int, terms: Mapping[str, str]) -> str:
        expires = str(int(time.time()) + lifetime_s)
        signature = self._signature(method, media.project_id, media.id, expires, terms)
        query = urlencode({**terms, "expires": expires, "signature": signature})
        return f"{origin}{ROUTE}/{media.project_id}/{media.id}?{query}"

    def _signature(self, method: str, project_id: str, media_id: str, expires: str, terms: Mapping[str, str]) -> str:
        said = "\n".join([method, project_id, media_id, expires, *(terms[name] for name in sorted(terms))])
        digest = hmac.digest(self._key, said.encode("utf-8", "backslashreplace"), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def _check(
        self, method: str, project_id: str, media_id: str, query: Mapping[str, str], terms: Mapping[str, str]
    ) -> None:
        expires, given = query.get("expires", ""), query.get("signature", "")
        right = self._signature(method, project_id, media_id, expires, terms)
        if not hmac.compare_digest(right.encode(), given.encode("utf-8", "backslashreplace")):
            raise Forbidden("The address is not signed, or not for this. Ask /api/public/media for one.")
        if int(expires) < time.time():
            raise Forbidden("The address has expired. Ask /api/public/media for another.")

    # --- bytes

    def size(self, media: Media) -> int | None:
        with _translated():
            try:
                return self._place(media).stat().st_size
            except FileNotFoundError:
                return None

    def read(self, media: Media, start: int, stop: int) -> Iterator[bytes]:
        with _translated(), self._place(media).open("rb") as file:
            file.seek(start)
            while start < stop and (piece := file.read(min(PIECE, stop - start))):
                yield piece
                start += len(piece)

    def receive(self, media: Media) -> Upload:
        """An upload of announced bytes, to be written piece by piece."""
        with _translated():
            return Upload(media, self._place(media), self._incoming(media.project_id))

    def delete(self, media: Media) -> None:
        with _translated():
            self._place(media).unlink(missing_ok=True)

    def sweep(self, project_id: str) -> None:
        with _translated():
            for path in self._incoming(project_id).glob("*"):
                with contextlib.suppress(FileNotFoundError):
                    if path.stat().st_mtime < time.time() - REMNANT_S:
                        path.unlink()

    def _place(self, media: Media) -> Path:
        return self._folder / media.project_id / media.id[:2] / media.id

    def _incoming(self, project_id: str) -> Path:
        return self._folder / project_id / ".incoming"


class Upload:
    """One upload under way. All methods block; `finish` or `abandon` ends it."""

    def __init__(self, media: Media, place: Path, incoming: Path) -> None:
        self._media, self._place = media, place
        incoming.mkdir(parents=True, exist_ok=True)
        self._path = incoming / f"{media.id}.{secrets.token_hex(8)}"
        self._file = self._path.open("xb", buffering=0)
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> None:
        """Raises InvalidRequest as soon as there is more than was announced."""
        self._size += len(data)
        if self._size > self._media.content_length:
            raise self._wrong_length("more than")
        self._hash.update(data)
        with _translated():
            view = memoryview(data)
            while view:
                view = view[self._file.write(view) :]

    def finish(self) -> None:
        """On disk under its name when this returns. Raises InvalidRequest for other bytes than were announced."""
        if self._size != self._media.content_length:
            raise self._wrong_length(str(self._size))
        if self._hash.digest() != self._media.sha256:
            raise InvalidRequest("The bytes do not have the SHA-256 that was announced as sha256Hash.")
        with _translated():
            os.fsync(self._file.fileno())
            self._file.close()
            self._place.parent.mkdir(parents=True, exist_ok=True)
            self._path.replace(self._place)
            for folder in (self._place.parent, self._place.parent.parent, self._place.parent.parent.parent):
                _sync(folder)

    def abandon(self) -> None:
        """Leaves nothing behind; nothing to do after `finish`."""
        self._file.close()
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _wrong_length(self, found: str) -> InvalidRequest:
        return InvalidRequest(f"The body has {found} bytes; {self._media.content_length} were announced.")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise InsufficientStorage("The disk is full: nothing was stored. Free some space and try again.") from error
        raise Unavailable(f"The folder of media cannot be used just now: {error.strerror}.") from error
