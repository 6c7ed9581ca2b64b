"""Score configs as Langfuse's API shows and takes them, and what a config may say."""

from __future__ import annotations

import math
import re
import uuid

import msgspec

from trunkline.api.langfuse.formats import Shape, iso
from trunkline.errors import InvalidData
from trunkline.store.score_configs import BOOLEAN_CATEGORIES, Category, ScoreConfig, ScoreConfigType
from trunkline.types import Micros

NAME = re.compile(r"[\w .()-]{1,35}")
MOST_CATEGORIES = 1000
MAX_LABEL = 500
MAX_DESCRIPTION = 10_000


class ScoreConfigShape(Shape, kw_only=True):
    id: str
    name: str
    created_at: str
    updated_at: str
    project_id: str
    data_type: str
    is_archived: bool
    min_value: float | None
    max_value: float | None
    categories: tuple[Category, ...] | None
    description: str | None


class CreateScoreConfig(Shape, kw_only=True):
    """`categories` of a BOOLEAN config are made here and cannot be given."""

    name: str
    data_type: ScoreConfigType
    categories: list[Category] | None = None
    min_value: float | None = None
    max_value: float | None = None
    description: str | None = None


class UpdateScoreConfig(Shape, kw_only=True):
    """What is left out, or null, stays as it is."""

    is_archived: bool | None = None
    name: str | None = None
    categories: list[Category] | None = None
    min_value: float | None = None
    max_value: float | None = None
    description: str | None = None


def score_config_shape(config: ScoreConfig) -> ScoreConfigShape:
    return ScoreConfigShape(
        id=config.id,
        name=config.name,
        created_at=iso(config.created_at),
        updated_at=iso(config.updated_at),
        project_id=config.project_id,
        data_type=config.data_type.value,
        is_archived=config.is_archived,
        min_value=config.min_value,
        max_value=config.max_value,
        categories=config.categories,
        description=config.description,
    )


def created(given: CreateScoreConfig, project_id: str, now: Micros) -> ScoreConfig:
    """The new config. Raises InvalidData where it contradicts itself or its type."""
    if given.data_type is ScoreConfigType.BOOLEAN and given.categories is not None:
        raise _fault("categories", "The categories of a BOOLEAN config are made by the server; leave them out.")
    is_boolean = given.data_type is ScoreConfigType.BOOLEAN
    categories = BOOLEAN_CATEGORIES if is_boolean else _tuple(given.categories)
    config = ScoreConfig(
        id=uuid.uuid4().hex,
        project_id=project_id,
        name=given.name,
        data_type=given.data_type,
        min_value=given.min_value,
        max_value=given.max_value,
        categories=categories,
        description=given.description,
        created_at=now,
        updated_at=now,
    )
    check_config(config)
    return config


def updated(config: ScoreConfig, given: UpdateScoreConfig, now: Micros) -> ScoreConfig:
    """The config with what `given` changes. Raises InvalidData where it changes nothing, or would then be wrong."""
    said = {name: value for name in given.__struct_fields__ if (value := getattr(given, name)) is not None}
    if not said:
        raise _fault("", "Request body cannot be empty. At least one field must be provided for update.")
    if "categories" in said:
        said["categories"] = tuple(said["categories"])
    after = msgspec.structs.replace(config, **said, updated_at=max(now, config.updated_at + 1))
    check_config(after)
    return after


def check_config(config: ScoreConfig) -> None:
    """Raises InvalidData with the first thing that is wrong."""
    if not NAME.fullmatch(config.name) or not config.name.strip():
        raise _fault("name", "1 to 35 letters, numbers, underscores, spaces, periods, parentheses and hyphens.")
    if config.description is not None and len(config.description) > MAX_DESCRIPTION:
        raise _fault("description", f"At most {MAX_DESCRIPTION} characters.")
    _check_bounds(config)
    _check_categories(config)


def _check_bounds(config: ScoreConfig) -> None:
    for name, value in (("minValue", config.min_value), ("maxValue", config.max_value)):
        if value is None:
            continue
        if config.data_type is not ScoreConfigType.NUMERIC:
            raise _fault(name, f"Only NUMERIC configs have bounds, this one is {config.data_type}.")
        if not math.isfinite(value):
            raise _fault(name, "Expected a finite number.")
    if config.min_value is not None and config.max_value is not None and config.max_value <= config.min_value:
        raise _fault("maxValue", "Maximum value must be greater than Minimum value")


def _check_categories(config: ScoreConfig) -> None:
    match config.data_type:
        case ScoreConfigType.CATEGORICAL:
            _check_list(config.categories or ())
        case ScoreConfigType.BOOLEAN:
            if config.categories != BOOLEAN_CATEGORIES:
                raise _fault("categories", "A BOOLEAN config has the categories True (1) and False (0).")
        case _:
            if config.categories is not None:
                raise _fault("categories", f"Only CATEGORICAL configs have categories, this one is {config.data_type}.")


def _check_list(categories: tuple[Category, ...]) -> None:
    if not 1 <= len(categories) <= MOST_CATEGORIES:
        raise _fault("categories", f"A CATEGORICAL config needs 1 to {MOST_CATEGORIES} categories.")
    labels: set[str] = set()
    values: set[float] = set()
    for category in categories:
        if not 1 <= len(category.label) <= MAX_LABEL or not math.isfinite(category.value):
            raise _fault("categories", f"A category has a label of 1 to {MAX_LABEL} characters and a finite value.")
        if category.label in labels:
            raise _fault("categories", f"Duplicate category label: {category.label}, category labels must be unique")
        if category.value in values:
            raise _fault("categories", f"Duplicate category value: {category.value:g}, category values must be unique")
        labels.add(category.label)
        values.add(category.value)


def _tuple(categories: list[Category] | None) -> tuple[Category, ...] | None:
    return None if categories is None else tuple(categories)


def _fault(field: str, message: str) -> InvalidData:
    return InvalidData([{"code": "custom", "path": [field] if field else [], "message": message}])
