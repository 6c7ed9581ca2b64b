"""Definitions of models: which names they match and what their units cost. Projects make their own.

Every process keeps all of them, to price what comes in (`ModelStore.remembered`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Literal, TypeVar

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
)

from trunkline.errors import InvalidRequest, NotFound
from trunkline.store.control import ControlStore
from trunkline.store.control_tables import METADATA
from trunkline.store.remembered import Remembered
from trunkline.types import JSONBytes, Micros, Struct

Value = TypeVar("Value")

MOST_MODELS = 1000
"""Of one project: every process holds all of them."""

MODELS = Table(
    "models",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("project_id", String(64), ForeignKey("projects.id"), nullable=False),
    Column("model_name", String(255), nullable=False),
    Column("match_pattern", Text, nullable=False),
    Column("start_date", BigInteger),
    Column("unit", String(16)),
    Column("tokenizer_id", String(100)),
    Column("tokenizer_config", Text),
    Column("pricing_tiers", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("ix_models_project_id_model_name", "project_id", "model_name"),
)


class UsageUnit(StrEnum):
    TOKENS = "TOKENS"
    CHARACTERS = "CHARACTERS"
    MILLISECONDS = "MILLISECONDS"
    SECONDS = "SECONDS"
    REQUESTS = "REQUESTS"
    IMAGES = "IMAGES"


class UsageCondition(Struct, frozen=True, kw_only=True, tag="usage"):
    """Holds where the units of all kinds that `pattern` finds add up to what `operator` and `value` ask for."""

    pattern: str
    operator: Literal["gt", "gte", "lt", "lte", "eq", "neq"]
    value: float
    case_sensitive: bool = False


class AttributeCondition(Struct, frozen=True, kw_only=True, tag="attribute"):
    """Holds where the observation's model parameters or metadata have one of `values` under `key`."""

    source: Literal["model_parameters", "metadata"]
    key: str
    values: tuple[str, ...]


class PricingTier(Struct, frozen=True, kw_only=True):
    """Prices by kind of usage, in US dollars a unit, where all conditions hold; the default tier else."""

    id: str
    name: str
    is_default: bool
    priority: int
    conditions: tuple[UsageCondition | AttributeCondition, ...] = ()
    prices: Mapping[str, float]


class ModelDefinition(Struct, frozen=True, kw_only=True):
    """`project_id` is None for what the release brings along. `match_pattern` is searched in the name that was sent.

    It holds for observations that start at `start_date` or later.
    """

    id: str
    project_id: str | None
    model_name: str
    match_pattern: str
    start_date: Micros | None = None
    unit: UsageUnit | None = None
    tokenizer_id: str | None = None
    tokenizer_config: JSONBytes | None = None
    pricing_tiers: tuple[PricingTier, ...] = ()
    created_at: Micros


Definitions = Mapping[str, tuple[ModelDefinition, ...]]
"""By project, in the order in which they are asked: the latest start date first, those without any last."""

_decode_tiers = msgspec.json.Decoder(tuple[PricingTier, ...]).decode
_ORDER = (MODELS.c.start_date.desc().nulls_last(), MODELS.c.created_at.desc(), MODELS.c.id)


class ModelStore:
    """The projects' own definitions. Methods block."""

    def __init__(self, control: ControlStore) -> None:
        self._control = control
        self._on_change: list[Callable[[], None]] = []

    def remembered(self, work_out: Callable[[Definitions], Value]) -> Remembered[Value]:
        """What `work_out` makes of all definitions, anew whenever they have changed."""
        remembered = Remembered(self._control, lambda connection: work_out(_read_all(connection)))
        self._on_change.append(remembered.forget_time)
        return remembered

    def list(self, project_id: str, *, limit: int, offset: int) -> tuple[list[ModelDefinition], int]:
        """A page, by name and then as they are asked, and how many there are."""
        query = select(MODELS).where(MODELS.c.project_id == project_id)
        with self._control.reading() as connection:
            rows = connection.execute(query.order_by(MODELS.c.model_name, *_ORDER).limit(limit).offset(offset))
            return [_definition(row) for row in rows], _count(connection, project_id)

    def find(self, project_id: str, model_id: str) -> ModelDefinition | None:
        with self._control.reading() as connection:
            row = connection.execute(select(MODELS).where(_mine(project_id, model_id))).one_or_none()
            return _definition(row) if row else None

    def create(self, definition: ModelDefinition) -> None:
        """Raises InvalidRequest where the project has too many."""
        assert definition.project_id is not None
        with self._control.changing() as connection:
            if _count(connection, definition.project_id) >= MOST_MODELS:
                raise InvalidRequest(f"A project has at most {MOST_MODELS:,} models: delete those of no more use.")
            connection.execute(insert(MODELS).values(**_values(definition)))
        self._changed()

    def delete(self, project_id: str, model_id: str) -> None:
        """Raises NotFound."""
        with self._control.changing() as connection:
            if not connection.execute(delete(MODELS).where(_mine(project_id, model_id))).rowcount:
                raise NotFound(
                    "No model with this id found. Note: You cannot delete built-in models, override them with a model "
                    "with the same name."
                )
        self._changed()

    def _changed(self) -> None:
        for call in self._on_change:
            call()


def _mine(project_id: str, model_id: str) -> ColumnElement[bool]:
    return (MODELS.c.project_id == project_id) & (MODELS.c.id == model_id)


def _count(connection: Connection, project_id: str) -> int:
    query = select(func.count()).select_from(MODELS).where(MODELS.c.project_id == project_id)
    return int(connection.execute(query).scalar_one())


def _read_all(connection: Connection) -> Definitions:
    by_project: dict[str, list[ModelDefinition]] = {}
    for row in connection.execute(select(MODELS).order_by(*_ORDER)):
        by_project.setdefault(row.project_id, []).append(_definition(row))
    return {project_id: tuple(definitions) for project_id, definitions in by_project.items()}


def _definition(row: Row[tuple[object, ...]]) -> ModelDefinition:
    fields = dict(row._mapping)
    return ModelDefinition(
        **{
            **fields,
            "unit": UsageUnit(row.unit) if row.unit else None,
            "tokenizer_config": row.tokenizer_config.encode() if row.tokenizer_config is not None else None,
            "pricing_tiers": _decode_tiers(row.pricing_tiers),
        }
    )


def _values(definition: ModelDefinition) -> dict[str, object]:
    values: dict[str, object] = {name: getattr(definition, name) for name in definition.__struct_fields__}
    config = definition.tokenizer_config
    return {
        **values,
        "unit": definition.unit.value if definition.unit else None,
        "tokenizer_config": None if config is None else config.decode(),
        "pricing_tiers": msgspec.json.encode(definition.pricing_tiers).decode(),
    }
