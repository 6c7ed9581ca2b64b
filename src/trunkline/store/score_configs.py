"""Score configs: what scores of a name may look like. Each process keeps all of them, to judge scores as they come."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Row,
    String,
    Table,
    Text,
    func,
    insert,
    select,
    update,
)

from trunkline.errors import InvalidRequest, NotFound
from trunkline.store.control import ControlStore
from trunkline.store.control_tables import METADATA
from trunkline.store.remembered import Remembered
from trunkline.types import Micros, Struct

MOST_CONFIGS = 10_000
"""Of one project: every process holds all of them."""

SCORE_CONFIGS = Table(
    "score_configs",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("project_id", String(64), ForeignKey("projects.id"), nullable=False),
    Column("name", String(35), nullable=False),
    Column("data_type", String(16), nullable=False),
    Column("is_archived", Boolean, nullable=False),
    Column("min_value", Float),
    Column("max_value", Float),
    Column("categories", Text),
    Column("description", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("ix_score_configs_project_id_created_at", "project_id", "created_at"),
)


class ScoreConfigType(StrEnum):
    NUMERIC = "NUMERIC"
    CATEGORICAL = "CATEGORICAL"
    BOOLEAN = "BOOLEAN"
    TEXT = "TEXT"


class Category(Struct, frozen=True, kw_only=True):
    """A label that a score may have, and the number that stands for it."""

    label: str
    value: float


class ScoreConfig(Struct, frozen=True, kw_only=True):
    """`categories` are None where the type has none. A bound that is None is no bound; bounds are inclusive."""

    id: str
    project_id: str
    name: str
    data_type: ScoreConfigType
    is_archived: bool = False
    min_value: float | None = None
    max_value: float | None = None
    categories: tuple[Category, ...] | None = None
    description: str | None = None
    created_at: Micros
    updated_at: Micros


ScoreConfigs = Mapping[str, ScoreConfig]
"""A project's configs by id, archived ones too."""

BOOLEAN_CATEGORIES = (Category(label="True", value=1.0), Category(label="False", value=0.0))
_decode_categories = msgspec.json.Decoder(tuple[Category, ...]).decode
_NONE: ScoreConfigs = {}


class ScoreConfigStore:
    """Methods block; `of` does not."""

    def __init__(self, control: ControlStore) -> None:
        self._control = control
        self._remembered = Remembered(control, _read_all)

    async def of(self, project_id: str) -> ScoreConfigs:
        """A project's configs as they are now, whichever process changed them."""
        return (await self._remembered.soon()).get(project_id, _NONE)

    def list(self, project_id: str, *, limit: int, offset: int) -> tuple[list[ScoreConfig], int]:
        """A page, newest first, and how many there are."""
        mine = SCORE_CONFIGS.c.project_id == project_id
        order = (SCORE_CONFIGS.c.created_at.desc(), SCORE_CONFIGS.c.id.desc())
        with self._control.reading() as connection:
            rows = connection.execute(select(SCORE_CONFIGS).where(mine).order_by(*order).limit(limit).offset(offset))
            return [_config(row) for row in rows], _count(connection, project_id)

    def get(self, project_id: str, config_id: str) -> ScoreConfig:
        """Raises NotFound."""
        with self._control.reading() as connection:
            return _get(connection, project_id, config_id)

    def create(self, config: ScoreConfig) -> None:
        """Raises InvalidRequest where the project has too many."""
        with self._control.changing() as connection:
            if _count(connection, config.project_id) >= MOST_CONFIGS:
                raise InvalidRequest(f"A project has at most {MOST_CONFIGS:,} score configs.")
            connection.execute(insert(SCORE_CONFIGS).values(**_values(config)))
        self._remembered.forget_time()

    def replace(self, before: ScoreConfig, after: ScoreConfig) -> bool:
        """Whether `before` was still what is kept, so that two changes at once do not undo each other."""
        with self._control.changing() as connection:
            if _get(connection, before.project_id, before.id) != before:
                return False
            mine = SCORE_CONFIGS.c.id == before.id
            connection.execute(update(SCORE_CONFIGS).where(mine).values(**_values(after)))
        self._remembered.forget_time()
        return True


def _count(connection: Connection, project_id: str) -> int:
    query = select(func.count()).select_from(SCORE_CONFIGS).where(SCORE_CONFIGS.c.project_id == project_id)
    return int(connection.execute(query).scalar_one())


def _get(connection: Connection, project_id: str, config_id: str) -> ScoreConfig:
    mine = (SCORE_CONFIGS.c.project_id == project_id) & (SCORE_CONFIGS.c.id == config_id)
    row = connection.execute(select(SCORE_CONFIGS).where(mine)).one_or_none()
    if row is None:
        raise NotFound("Score config not found within authorized project")
    return _config(row)


def _read_all(connection: Connection) -> Mapping[str, ScoreConfigs]:
    by_project: dict[str, dict[str, ScoreConfig]] = {}
    for row in connection.execute(select(SCORE_CONFIGS)):
        by_project.setdefault(row.project_id, {})[row.id] = _config(row)
    return by_project


def _config(row: Row[tuple[object, ...]]) -> ScoreConfig:
    fields = dict(row._mapping)
    categories = _decode_categories(row.categories) if row.categories is not None else None
    return ScoreConfig(**{**fields, "data_type": ScoreConfigType(row.data_type), "categories": categories})


def _values(config: ScoreConfig) -> dict[str, object]:
    values: dict[str, object] = {name: getattr(config, name) for name in config.__struct_fields__}
    categories = None if config.categories is None else msgspec.json.encode(config.categories).decode()
    return {**values, "data_type": config.data_type.value, "categories": categories}
