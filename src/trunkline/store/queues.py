"""Annotation queues: what people are to look at, and by which score configs. No process caches them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    Row,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as insert_or

from trunkline.errors import InvalidRequest, NotFound
from trunkline.store.control import ControlStore
from trunkline.store.control_tables import METADATA
from trunkline.store.score_configs import SCORE_CONFIGS
from trunkline.types import Micros, Struct

QUEUES = Table(
    "annotation_queues",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("project_id", String(64), ForeignKey("projects.id"), nullable=False),
    Column("name", String(255), nullable=False),
    Column("description", Text),
    Column("score_config_ids", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("ix_annotation_queues_project_id_created_at", "project_id", "created_at"),
)

ITEMS = Table(
    "annotation_queue_items",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("project_id", String(64), ForeignKey("projects.id"), nullable=False),
    Column("queue_id", String(64), ForeignKey("annotation_queues.id"), nullable=False),
    Column("object_type", String(16), nullable=False),
    Column("object_id", String(800), nullable=False),
    Column("status", String(16), nullable=False),
    Column("completed_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("ix_annotation_queue_items_queue_id_created_at", "queue_id", "created_at"),
)

ASSIGNMENTS = Table(
    "annotation_queue_assignments",
    METADATA,
    Column("queue_id", String(64), ForeignKey("annotation_queues.id"), primary_key=True),
    Column("user_id", String(255), primary_key=True),
    Column("project_id", String(64), ForeignKey("projects.id"), nullable=False),
    Column("created_at", BigInteger, nullable=False),
)


class QueuedType(StrEnum):
    TRACE = "TRACE"
    OBSERVATION = "OBSERVATION"
    SESSION = "SESSION"


class QueueStatus(StrEnum):
    PENDING = "PENDING"
    COMPLETED = "COMPLETED"


class Queue(Struct, frozen=True, kw_only=True):
    id: str
    project_id: str
    name: str
    description: str | None
    score_config_ids: tuple[str, ...]
    created_at: Micros
    updated_at: Micros


class QueueItem(Struct, frozen=True, kw_only=True):
    id: str
    project_id: str
    queue_id: str
    object_type: QueuedType
    object_id: str
    status: QueueStatus
    completed_at: Micros | None
    created_at: Micros
    updated_at: Micros


_decode_ids = msgspec.json.Decoder(tuple[str, ...]).decode
_NO_QUEUE, _NO_ITEM = "Annotation queue not found", "Annotation queue item not found"


class QueueStore:
    """Methods block. Those on items and assignments raise NotFound where the project has no such queue."""

    def __init__(self, control: ControlStore) -> None:
        self._control = control

    def create(self, queue: Queue) -> None:
        """Raises InvalidRequest where it names score configs that the project has not."""
        with self._control.writing() as connection:
            wanted = set(queue.score_config_ids)
            mine = (SCORE_CONFIGS.c.project_id == queue.project_id) & SCORE_CONFIGS.c.id.in_(wanted)
            known = set(connection.execute(select(SCORE_CONFIGS.c.id).where(mine)).scalars())
            if known != wanted:
                raise InvalidRequest("At least one of the score config IDs cannot be found for the given project")
            ids = msgspec.json.encode(queue.score_config_ids).decode()
            connection.execute(insert(QUEUES).values(**{**msgspec.to_builtins(queue), "score_config_ids": ids}))

    def list(self, project_id: str, *, limit: int, offset: int) -> tuple[list[Queue], int]:
        """A page, newest first, and how many there are."""
        mine = QUEUES.c.project_id == project_id
        with self._control.reading() as connection:
            rows, total = _page(connection, QUEUES, mine, limit, offset)
        return [_queue(row) for row in rows], total

    def get(self, project_id: str, queue_id: str) -> Queue:
        """Raises NotFound."""
        with self._control.reading() as connection:
            return _get_queue(connection, project_id, queue_id)

    def add(self, item: QueueItem) -> None:
        with self._control.writing() as connection:
            _get_queue(connection, item.project_id, item.queue_id)
            connection.execute(insert(ITEMS).values(**msgspec.to_builtins(item)))

    def items(
        self, project_id: str, queue_id: str, status: QueueStatus | None, *, limit: int, offset: int
    ) -> tuple[Sequence[QueueItem], int]:
        """A page, newest first, and how many match."""
        wanted = (ITEMS.c.project_id == project_id) & (ITEMS.c.queue_id == queue_id)
        if status is not None:
            wanted &= ITEMS.c.status == status.value
        with self._control.reading() as connection:
            _get_queue(connection, project_id, queue_id)
            rows, total = _page(connection, ITEMS, wanted, limit, offset)
        return [_item(row) for row in rows], total

    def item(self, project_id: str, queue_id: str, item_id: str) -> QueueItem:
        with self._control.reading() as connection:
            return _get_item(connection, project_id, queue_id, item_id)

    def set_status(
        self, project_id: str, queue_id: str, item_id: str, status: QueueStatus | None, now: Micros
    ) -> QueueItem:
        """None leaves the status. What is taken up again keeps the time of its completion, as upstream has it."""
        with self._control.writing() as connection:
            before = _get_item(connection, project_id, queue_id, item_id)
            values: dict[str, object] = {"updated_at": now}
            if status is not None:
                values["status"] = status.value
            if status is QueueStatus.COMPLETED:
                values["completed_at"] = now
            connection.execute(update(ITEMS).where(ITEMS.c.id == before.id).values(**values))
            return _get_item(connection, project_id, queue_id, item_id)

    def remove(self, project_id: str, queue_id: str, item_id: str) -> None:
        with self._control.writing() as connection:
            found = _get_item(connection, project_id, queue_id, item_id)
            connection.execute(delete(ITEMS).where(ITEMS.c.id == found.id))

    def assign(self, project_id: str, queue_id: str, user_id: str, now: Micros) -> None:
        """Once more changes nothing."""
        values = {"queue_id": queue_id, "user_id": user_id, "project_id": project_id, "created_at": now}
        with self._control.writing() as connection:
            _get_queue(connection, project_id, queue_id)
            connection.execute(insert_or(ASSIGNMENTS).values(**values).on_conflict_do_nothing())

    def unassign(self, project_id: str, queue_id: str, user_id: str) -> None:
        """Who is not assigned is no fault."""
        with self._control.writing() as connection:
            _get_queue(connection, project_id, queue_id)
            mine = (ASSIGNMENTS.c.queue_id == queue_id) & (ASSIGNMENTS.c.user_id == user_id)
            connection.execute(delete(ASSIGNMENTS).where(mine))


def _page(
    connection: Connection, table: Table, wanted: ColumnElement[bool], limit: int, offset: int
) -> tuple[list[Row[tuple[object, ...]]], int]:
    query = select(table).where(wanted).order_by(table.c.created_at.desc(), table.c.id.desc())
    total = connection.execute(select(func.count()).select_from(table).where(wanted)).scalar_one()
    return list(connection.execute(query.limit(limit).offset(offset))), int(total)


def _get_queue(connection: Connection, project_id: str, queue_id: str) -> Queue:
    mine = (QUEUES.c.project_id == project_id) & (QUEUES.c.id == queue_id)
    row = connection.execute(select(QUEUES).where(mine)).one_or_none()
    if row is None:
        raise NotFound(_NO_QUEUE)
    return _queue(row)


def _get_item(connection: Connection, project_id: str, queue_id: str, item_id: str) -> QueueItem:
    _get_queue(connection, project_id, queue_id)
    row = connection.execute(select(ITEMS).where(ITEMS.c.queue_id == queue_id, ITEMS.c.id == item_id)).one_or_none()
    if row is None:
        raise NotFound(_NO_ITEM)
    return _item(row)


def _queue(row: Row[tuple[object, ...]]) -> Queue:
    return Queue(**{**row._mapping, "score_config_ids": _decode_ids(row.score_config_ids)})


def _item(row: Row[tuple[object, ...]]) -> QueueItem:
    return QueueItem(**{**row._mapping, "object_type": QueuedType(row.object_type), "status": QueueStatus(row.status)})
