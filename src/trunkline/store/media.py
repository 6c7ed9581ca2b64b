"""Media of a project: records in the control tables, bytes in the data folder or in an S3-compatible store.

A client announces bytes by their hash and gets an address to upload them to, unless they are there already. Addresses
are signed, end after a time, and an upload's is good for exactly the bytes that were announced.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import structlog

from trunkline.settings import Settings
from trunkline.store.control import ControlStore, now_micros
from trunkline.store.media_files import MediaFiles
from trunkline.store.media_records import Media, MediaRecords, MediaUse, UseKind
from trunkline.store.traces import TraceQuery, TraceStore
from trunkline.types import Micros

log = structlog.get_logger(__name__)

FORGOTTEN: Micros = 86_400_000_000
"""How old a reference from a trace that never came must be, in microseconds, to count no more."""


class MediaContents(Protocol):
    """Where bytes are kept. All methods but those that sign block; they raise errors of the tree."""

    is_remote: bool
    """Whether asking for a size goes over a network."""

    def upload_url(self, media: Media, origin: str, lifetime_s: int) -> str: ...

    def download_url(self, media: Media, origin: str, lifetime_s: int) -> str: ...

    def size(self, media: Media) -> int | None:
        """Bytes that are there; None where there are none."""

    def read(self, media: Media, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from `start` up to `stop`, in pieces."""

    def delete(self, media: Media) -> None: ...

    def sweep(self, project_id: str) -> None:
        """Removes what broken-off uploads left behind."""


class MediaLibrary:
    """Media of all projects. `lifetime_s` is how long signed addresses are good for."""

    def __init__(self, records: MediaRecords, contents: MediaContents, lifetime_s: int) -> None:
        self.records, self.contents, self.lifetime_s = records, contents, lifetime_s

    async def announce(self, media: Media, use: MediaUse, origin: str) -> str | None:
        """Where to upload the bytes; None where they are already."""
        return await asyncio.to_thread(self._announce, media, use, origin)

    async def find(self, project_id: str, media_id: str) -> Media | None:
        """A medium; its `uploaded_at` is set if its bytes are there, whether or not the client said so."""
        return (await self.find_all(project_id, [media_id])).get(media_id)

    async def find_all(self, project_id: str, media_ids: Iterable[str]) -> dict[str, Media]:
        return await asyncio.to_thread(self._find, project_id, list(media_ids))

    async def report(self, media: Media, *, status: int, error: str | None, took_ms: int | None, at: Micros) -> None:
        """Keeps what a client says of its upload. That it went well is believed only if the bytes are there."""
        since = at if 200 <= status < 300 and media.uploaded_at is not None else None
        records = self.records
        await asyncio.to_thread(
            lambda: records.report(media.project_id, media.id, status=status, error=error, took_ms=took_ms, at=since)
        )

    def download_url(self, media: Media, origin: str) -> str:
        return self.contents.download_url(media, origin, self.lifetime_s)

    async def delete_of_traces(self, project_id: str, trace_ids: Sequence[str]) -> None:
        """Traces were deleted: so is what only they referred to. Whoever deletes traces calls this after it."""
        unlinked = await asyncio.to_thread(self.records.unlink, project_id, UseKind.TRACE, list(trace_ids))
        if unlinked:
            await asyncio.to_thread(self.delete_orphans, project_id)

    async def sweep(self, project_id: str, traces: TraceStore) -> None:
        """Drops references from traces that never came or went unheard, then what nothing refers to, then remnants."""
        last, before = "", now_micros() - FORGOTTEN
        while owners := await asyncio.to_thread(self.records.owners, project_id, UseKind.TRACE, before, last):
            last = owners[-1]
            query = TraceQuery(ids=tuple(owners), limit=len(owners), texts=False, sums=False, count=False)
            found = {trace.id for trace in (await traces.traces(project_id, query))[0]}
            gone = [owner for owner in owners if owner not in found]
            await asyncio.to_thread(self.records.unlink, project_id, UseKind.TRACE, gone)
        await asyncio.to_thread(self.delete_orphans, project_id)
        await asyncio.to_thread(self.contents.sweep, project_id)

    def delete_orphans(self, project_id: str) -> int:
        """Deletes the bytes and records of media that nothing refers to; how many. Blocks."""
        deleted = 0
        while taken := self.records.take_orphans(project_id, at := now_micros(), limit=20):
            for media in taken:
                self.contents.delete(media)
            self.records.forget(project_id, [media.id for media in taken], at)
            deleted += len(taken)
        if deleted:
            log.info("media_deleted", project=project_id, count=deleted)
        return deleted

    def _announce(self, media: Media, use: MediaUse, origin: str) -> str | None:
        known = self.records.announce(media, use)
        if self._is_there(known):
            if known.uploaded_at is None:
                self.records.mark_uploaded(known.project_id, known.id, now_micros())
            return None
        return self.contents.upload_url(known, origin, self.lifetime_s)

    def _find(self, project_id: str, media_ids: list[str]) -> dict[str, Media]:
        found = self.records.find(project_id, media_ids)
        for media in list(found.values()):
            if media.uploaded_at is None and self._is_there(media):
                self.records.mark_uploaded(project_id, media.id, now_micros())
                found |= self.records.find(project_id, [media.id])
        return found

    def _is_there(self, media: Media) -> bool:
        """A store that is far is asked only until it had the bytes once."""
        if media.uploaded_at is not None and self.contents.is_remote:
            return True
        return self.contents.size(media) == media.content_length


def open_media(settings: Settings, control: ControlStore, folder: Path, signing_key: bytes) -> MediaLibrary:
    """The library on the store that the settings name: `folder` unless that is a bucket."""
    if settings.media_s3_bucket:
        from trunkline.store.media_s3 import open_bucket  # noqa: PLC0415 (an optional extra, slow to import)

        contents: MediaContents = open_bucket(settings)
    else:
        contents = MediaFiles(folder, signing_key)
    return MediaLibrary(MediaRecords(control), contents, settings.media_url_s)
