"""The records of media: what a client announced, whether its bytes have come, and which fields refer to it.

The bytes are elsewhere (`media_files`, `media_s3`) and can go only when nothing refers to them any more. That takes two
steps, for another process may announce the same bytes at that moment: a record is marked (`take_orphans`), the bytes
are deleted, the record is forgotten (`forget`). While it is marked, who announces it anew is told to come again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    and_,
    delete,
    exists,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert

from trunkline.errors import Conflict, Unavailable
from trunkline.store.control import ControlStore
from trunkline.store.control_tables import METADATA
from trunkline.types import Micros, Struct

MEDIA = Table(
    "media",
    METADATA,
    Column("project_id", String(64), ForeignKey("projects.id"), primary_key=True),
    Column("id", String(22), primary_key=True),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("content_type", String(100), nullable=False),
    Column("content_length", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("uploaded_at", BigInteger),
    Column("upload_status", Integer),
    Column("upload_error", String(2000)),
    Column("upload_ms", BigInteger),
    Column("deleting_at", BigInteger),
)

MEDIA_USES = Table(
    "media_uses",
    METADATA,
    Column("project_id", String(64), primary_key=True),
    Column("media_id", String(22), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("owner_id", String(800), primary_key=True),
    Column("part_id", String(800), primary_key=True),
    Column("field", String(16), primary_key=True),
    Column("created_at", BigInteger, nullable=False),
    ForeignKeyConstraint(["project_id", "media_id"], ["media.project_id", "media.id"]),
    Index("ix_media_uses_owner", "project_id", "kind", "owner_id", "part_id"),
)
"""`owner_id` is a trace or a dataset, `part_id` an observation or an item of it; empty for the trace itself."""

TAKEN_S = 60
"""How long a process may take to delete what it marked. After that whoever announces the same bytes gets them anew."""
MOST_AT_ONCE = 500
"""Ids in one statement."""


class UseKind(StrEnum):
    TRACE = "trace"
    DATASET_ITEM = "dataset_item"


class MediaUse(Struct, frozen=True, kw_only=True):
    """A field that refers to a medium: of a trace, an observation or a dataset item."""

    kind: UseKind
    owner_id: str
    part_id: str = ""
    field: str


class Media(Struct, frozen=True, kw_only=True):
    """A medium as its project knows it. `id` is the start of the base64url of `sha256`, so equal bytes are one."""

    project_id: str
    id: str
    sha256: bytes
    content_type: str
    content_length: int
    created_at: Micros = 0
    uploaded_at: Micros | None = None
    upload_status: int | None = None
    upload_error: str | None = None


class MediaRecords:
    """The tables of media. All methods block."""

    def __init__(self, control: ControlStore) -> None:
        self._control = control

    def announce(self, media: Media, use: MediaUse) -> Media:
        """Notes a medium and who refers to it; returns it as it is known now. The newest content type counts.

        Raises Conflict for other bytes under the same id, Unavailable while the medium is being deleted.
        """
        with self._control.writing() as connection:
            row = connection.execute(select(MEDIA).where(_is(media.project_id, media.id))).one_or_none()
            if row is None:
                connection.execute(insert(MEDIA).values(**_values(media)))
                known = media
            else:
                known = _renewed(connection, row, media)
            _link(connection, media.project_id, media.id, use, media.created_at)
        return known

    def find(self, project_id: str, media_ids: Iterable[str]) -> dict[str, Media]:
        """Those that are known and not being deleted, by their ids."""
        wanted = list(dict.fromkeys(media_ids))[:MOST_AT_ONCE]
        query = select(MEDIA).where(MEDIA.c.project_id == project_id, MEDIA.c.id.in_(wanted), _LIVE)
        with self._control.reading() as connection:
            return {row.id: _media(row) for row in connection.execute(query)} if wanted else {}

    def mark_uploaded(self, project_id: str, media_id: str, at: Micros) -> bool:
        """The bytes are there. False where the record went meanwhile."""
        with self._control.writing() as connection:
            changed = update(MEDIA).where(_is(project_id, media_id), _LIVE).values(uploaded_at=at)
            return connection.execute(changed).rowcount > 0

    def report(
        self, project_id: str, media_id: str, *, status: int, error: str | None, took_ms: int | None, at: Micros | None
    ) -> None:
        """What the client says of its upload; `at` where the bytes were found to be there, and since when."""
        values: dict[str, object] = {"upload_status": status, "upload_error": error, "upload_ms": took_ms}
        if at is not None:
            values["uploaded_at"] = at
        with self._control.writing() as connection:
            connection.execute(update(MEDIA).where(_is(project_id, media_id)).values(**values))

    def link(self, project_id: str, media_ids: Iterable[str], use: MediaUse, at: Micros) -> None:
        """A field refers to media that were announced before; unknown ones are passed over."""
        with self._control.writing() as connection:
            known = select(MEDIA.c.id).where(MEDIA.c.project_id == project_id, MEDIA.c.id.in_(list(media_ids)), _LIVE)
            for media_id in connection.execute(known).scalars().all():
                _link(connection, project_id, media_id, use, at)

    def unlink(self, project_id: str, kind: UseKind, owner_ids: list[str]) -> int:
        """Traces (or datasets) are gone, and their references with them; how many."""
        gone = 0
        with self._control.writing() as connection:
            for start in range(0, len(owner_ids), MOST_AT_ONCE):
                some = MEDIA_USES.c.owner_id.in_(owner_ids[start : start + MOST_AT_ONCE])
                query = delete(MEDIA_USES).where(MEDIA_USES.c.project_id == project_id, MEDIA_USES.c.kind == kind, some)
                gone += connection.execute(query).rowcount
        return gone

    def owners(self, project_id: str, kind: UseKind, before: Micros, after_id: str) -> list[str]:
        """The next ids, in their order, of traces (or datasets) that referred to media `before` a time."""
        of_kind = and_(MEDIA_USES.c.project_id == project_id, MEDIA_USES.c.kind == kind)
        query = select(MEDIA_USES.c.owner_id).where(of_kind, MEDIA_USES.c.owner_id > after_id)
        query = (
            query.where(MEDIA_USES.c.created_at < before).distinct().order_by(MEDIA_USES.c.owner_id).limit(MOST_AT_ONCE)
        )
        with self._control.reading() as connection:
            return list(connection.execute(query).scalars())

    def take_orphans(self, project_id: str, at: Micros, limit: int = 100) -> list[Media]:
        """Marks media that nothing refers to, and those whose deletion broke off; whoever asked deletes their bytes."""
        used = exists().where(MEDIA_USES.c.project_id == MEDIA.c.project_id, MEDIA_USES.c.media_id == MEDIA.c.id)
        free = _LIVE | (MEDIA.c.deleting_at < at - TAKEN_S * 1_000_000)
        query = select(MEDIA).where(MEDIA.c.project_id == project_id, ~used, free).limit(limit)
        with self._control.writing() as connection:
            taken = [_media(row) for row in connection.execute(query)]
            ids = [media.id for media in taken]
            mark = update(MEDIA).where(MEDIA.c.project_id == project_id, MEDIA.c.id.in_(ids)).values(deleting_at=at)
            connection.execute(mark)
        return taken

    def forget(self, project_id: str, media_ids: Sequence[str], at: Micros) -> None:
        """The bytes of what was marked `at` that time are gone."""
        mine = and_(MEDIA.c.project_id == project_id, MEDIA.c.id.in_(media_ids), MEDIA.c.deleting_at == at)
        with self._control.writing() as connection:
            connection.execute(delete(MEDIA).where(mine))


_LIVE = MEDIA.c.deleting_at.is_(None)


def _renewed(connection: Connection, row: Row[tuple[object, ...]], media: Media) -> Media:
    """A known record under a new announcement."""
    if row.sha256 != media.sha256 or row.content_length != media.content_length:
        raise Conflict(f"Media {media.id} is known with other bytes: check contentLength and sha256Hash.")
    values: dict[str, object] = {"content_type": media.content_type}
    if row.deleting_at is not None:
        if row.deleting_at > media.created_at - TAKEN_S * 1_000_000:
            raise Unavailable(f"Media {media.id} is being deleted: nothing referred to it. Try again.", retry_after=2)
        values |= {"deleting_at": None, "uploaded_at": None, "upload_status": None}
    connection.execute(update(MEDIA).where(_is(media.project_id, media.id)).values(**values))
    return _media(connection.execute(select(MEDIA).where(_is(media.project_id, media.id))).one())


def _link(connection: Connection, project_id: str, media_id: str, use: MediaUse, at: Micros) -> None:
    values = {"kind": use.kind, "owner_id": use.owner_id, "part_id": use.part_id, "field": use.field}
    row = {"project_id": project_id, "media_id": media_id, **values, "created_at": at}
    connection.execute(insert(MEDIA_USES).values(**row).on_conflict_do_nothing())


def _is(project_id: str, media_id: str) -> ColumnElement[bool]:
    return and_(MEDIA.c.project_id == project_id, MEDIA.c.id == media_id)


def _values(media: Media) -> Mapping[str, object]:
    return {name: getattr(media, name) for name in media.__struct_fields__}


def _media(row: Row[tuple[object, ...]]) -> Media:
    return Media(**{name: row._mapping[name] for name in Media.__struct_fields__})
