"""Holding a score to the config that it names, as upstream does: the config gives the name and the type."""

from __future__ import annotations

from trunkline.errors import InvalidRequest, NotFound
from trunkline.store.score_configs import ScoreConfig, ScoreConfigs, ScoreConfigType
from trunkline.types import ScoreSource, ScoreType


def find_config(
    config_id: str | None, data_type: ScoreType | None, source: ScoreSource | None, configs: ScoreConfigs
) -> ScoreConfig | None:
    """The config that a score names. Raises NotFound for an unknown one, InvalidRequest where it cannot be meant."""
    if not config_id:
        if source is ScoreSource.ANNOTATION and data_type is not ScoreType.CORRECTION:
            raise InvalidRequest("A score with the source ANNOTATION needs a configId.")
        return None
    config = configs.get(config_id)
    if config is None:
        raise NotFound("The configId you provided does not match a valid config in this project")
    if config.is_archived:
        raise InvalidRequest(
            "Config is archived and cannot be used to create new scores. Please restore the config first."
        )
    if data_type is not None and data_type.value != config.data_type.value:
        raise InvalidRequest(f"Data type mismatch based on config: expected {config.data_type}, got {data_type}")
    return config


def judged(config: ScoreConfig, value: float | None, text: str | None) -> float | None:
    """The number that a score of the config's type carries: of a category, the one that the config gives it.

    Raises InvalidRequest for a value that the config does not allow.
    """
    if config.data_type is ScoreConfigType.CATEGORICAL:
        for category in config.categories or ():
            if category.label == text:
                return category.value
        raise _refused(f"Value {_short(text)} does not map to a valid category. Pass a valid category value.")
    if value is not None and config.max_value is not None and value > config.max_value:
        raise _refused(f"Value exceeds maximum value of {config.max_value:g} defined in config")
    if value is not None and config.min_value is not None and value < config.min_value:
        raise _refused(f"Value is below minimum value of {config.min_value:g} defined in config")
    return value


def _refused(why: str) -> InvalidRequest:
    return InvalidRequest(f"Ingested score body not valid against provided config: value - {why}")


def _short(text: str | None) -> str:
    return (text or "")[:80]
