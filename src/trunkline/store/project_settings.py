"""What a project may set for itself: masking, retention, limits. Server-wide settings are in `trunkline.settings`.

A row holds one setting that was set, as JSON; what has no row has the default of the release. New settings so need no
new columns, and a default can change for those who never touched it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta
from sqlalchemy import BigInteger, Column, Connection, ForeignKey, Row, String, Table, Text, delete, insert, select

from trunkline.store.control_tables import METADATA
from trunkline.types import JSON, Micros, Struct

MOST_PATTERNS = 50

PROJECT_SETTINGS = Table(
    "project_settings",
    METADATA,
    Column("project_id", String(64), ForeignKey("projects.id"), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)

_Rate = Annotated[int, Meta(ge=1, le=1_000_000_000)]
_Size = Annotated[int, Meta(ge=1, le=1_000_000_000_000)]


class ProjectSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One project's settings, checked. A limit that is None is none; a rate is what all workers together let in."""

    masking: Annotated[bool, Meta(description="Mask keys, e-mail addresses and own patterns before storing.")] = False
    mask_emails: Annotated[bool, Meta(description="Where masking is on: e-mail addresses too.")] = True
    mask_patterns: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=1000)], ...],
        Meta(max_length=MOST_PATTERNS, description="Regular expressions (RE2) of what else is masked."),
    ] = ()
    retention_days: (
        Annotated[int, Meta(ge=1, le=36_500, description="Traces older than this are deleted; null: kept.")] | None
    ) = None
    ingestion_requests_per_minute: (
        Annotated[_Rate, Meta(description="Batches, exports and scores; null: no limit.")] | None
    ) = None
    ingestion_bytes_per_minute: Annotated[_Size, Meta(description="Bytes of their bodies; null: no limit.")] | None = (
        None
    )
    ingestion_body_bytes: (
        Annotated[_Size, Meta(description="The largest of them, as sent and inflated; null: the server's limit.")]
        | None
    ) = None
    read_requests_per_minute: (
        Annotated[_Rate, Meta(description="Every other request but those of prompts; null: no limit.")] | None
    ) = None
    prompt_requests_per_minute: (
        Annotated[_Rate, Meta(description="Fetches, compiles and changes of prompts; null: no limit.")] | None
    ) = None


DEFAULTS = ProjectSettings()


def changed(settings: ProjectSettings, change: Mapping[str, JSON]) -> ProjectSettings:
    """`settings` with what `change` says; null goes back to the default. Raises msgspec.ValidationError."""
    given = {name: value for name, value in change.items() if value is not None or name not in _NAMES}
    kept = {name: value for name, value in msgspec.to_builtins(settings).items() if name not in change}
    return msgspec.convert({**kept, **given}, ProjectSettings)


def read_settings(connection: Connection, project_id: str) -> ProjectSettings:
    rows = connection.execute(select(PROJECT_SETTINGS).where(PROJECT_SETTINGS.c.project_id == project_id))
    return _settings(rows)


def read_all_settings(connection: Connection) -> dict[str, ProjectSettings]:
    """Of every project that has set anything."""
    by_project: dict[str, list[Row[tuple[object, ...]]]] = {}
    for row in connection.execute(select(PROJECT_SETTINGS)):
        by_project.setdefault(row.project_id, []).append(row)
    return {project_id: _settings(rows) for project_id, rows in by_project.items()}


def write_settings(connection: Connection, project_id: str, settings: ProjectSettings, now: Micros) -> None:
    """Keeps what differs from the defaults."""
    connection.execute(delete(PROJECT_SETTINGS).where(PROJECT_SETTINGS.c.project_id == project_id))
    for name in _NAMES:
        value = getattr(settings, name)
        if value != getattr(DEFAULTS, name):
            text = msgspec.json.encode(value).decode()
            row = {"project_id": project_id, "name": name, "value": text, "changed_at": now}
            connection.execute(insert(PROJECT_SETTINGS).values(**row))


_NAMES = ProjectSettings.__struct_fields__


def _settings(rows: Iterable[Row[tuple[object, ...]]]) -> ProjectSettings:
    values = {row.name: msgspec.json.decode(row.value) for row in rows if row.name in _NAMES}
    return msgspec.convert(values, ProjectSettings)
