"""Scores as clients send them: ``score-create`` events and the bodies of ``POST /scores``, one or an array."""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence

import msgspec

from trunkline.errors import InvalidRequest, NotFound
from trunkline.store.score_configs import ScoreConfigs
from trunkline.tracing.documents import optional, strict_body
from trunkline.tracing.score_rules import find_config, judged
from trunkline.tracing.texts import check_id, clean, clean_or_none, environment_of
from trunkline.tracing.times import parse_time
from trunkline.types import JSON, Micros, Rank, ScoreChange, ScoreSource, ScoreType, Stamp, Struct

MAX_TEXT = 500


class ScoreBatch(Struct, frozen=True, kw_only=True):
    """What a body of ``POST /scores`` held. `errors` are the messages of an array's wrong entries."""

    changes: Sequence[ScoreChange]
    errors: tuple[str, ...]
    is_array: bool


class ScoreBody(msgspec.Struct, rename="camel", kw_only=True):
    """A score on the wire. Keys that are not named here are ignored."""

    name: str
    value: float | str | bool | None = None
    id: str | None = None
    trace_id: str | None = None
    observation_id: str | None = None
    session_id: str | None = None
    dataset_run_id: str | None = None
    data_type: ScoreType | None = None
    comment: str | None = None
    source: ScoreSource | None = None
    config_id: str | None = None
    queue_id: str | None = None
    environment: str | None = None
    timestamp: str | None = None
    metadata: msgspec.Raw = msgspec.Raw()


_decode_body = msgspec.json.Decoder(ScoreBody).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def read_score(body: JSON, *, now: Micros, author_id: str | None = None) -> ScoreChange:
    """Reads one decoded score. `author_id` is the user who gives it, where a user does.

    Raises InvalidRequest that says which field is wrong.
    """
    return change_of(decode_score(msgspec.json.encode(body)), Stamp(Rank.CREATE, now), author_id=author_id)


def read_scores(body: bytes, *, now: Micros, configs: ScoreConfigs | None = None) -> ScoreBatch:
    """Reads the body of ``POST /scores``, holding each score to the one of `configs` that it names.

    Raises InvalidRequest where the body is no JSON, or is one score that is wrong; in an array the others count.
    """
    body = strict_body(body)
    if not body.lstrip().startswith(b"["):
        change = change_of(decode_score(body), Stamp(Rank.CREATE, now), configs=configs)
        return ScoreBatch(changes=(change,), errors=(), is_array=False)
    changes: list[ScoreChange] = []
    errors: list[str] = []
    for index, raw in enumerate(_decode_list(body)):
        try:
            changes.append(change_of(decode_score(raw), Stamp(Rank.CREATE, now, index), configs=configs))
        except (InvalidRequest, NotFound) as error:
            errors.append(f"[{index}]: {error.message}")
    return ScoreBatch(changes=tuple(changes), errors=tuple(errors), is_array=True)


def change_of(
    body: ScoreBody, stamp: Stamp, *, configs: ScoreConfigs | None = None, author_id: str | None = None
) -> ScoreChange:
    """Checks a score and infers its type: a number is NUMERIC, text CATEGORICAL, true and false BOOLEAN.

    The config that it names decides its name and type; without `configs` that name is taken as it is. Raises
    InvalidRequest, or NotFound for a config that is not among them.
    """
    _check_target(body)
    config = None if configs is None else find_config(body.config_id, body.data_type, body.source, configs)
    data_type = ScoreType(config.data_type.value) if config else body.data_type or _inferred(body.value)
    value, string_value = _value(data_type, body.value)
    if config is not None:
        value = judged(config, value, string_value)
    return ScoreChange(
        id=check_id(body.id, "The score's id") if body.id else uuid.uuid4().hex,
        stamp=stamp,
        name=config.name if config else check_id(body.name, "The score's name"),
        data_type=data_type,
        timestamp=parse_time(body.timestamp) if body.timestamp else stamp.time,
        value=value,
        string_value=string_value,
        trace_id=_id(body.trace_id, "traceId"),
        observation_id=_id(body.observation_id, "observationId"),
        session_id=_id(body.session_id, "sessionId"),
        run_id=_id(body.dataset_run_id, "datasetRunId"),
        comment=clean_or_none(body.comment),
        source=_source(body.source),
        author_id=author_id,
        config_id=_id(body.config_id, "configId"),
        queue_id=_id(body.queue_id, "queueId"),
        environment=environment_of(body.environment),
        metadata=optional(body.metadata),
    )


def decode_score(raw: bytes | msgspec.Raw) -> ScoreBody:
    try:
        return _decode_body(raw)
    except (msgspec.MsgspecError, ValueError) as error:
        raise InvalidRequest(f"This is no valid score: {error}.") from None


def _check_target(body: ScoreBody) -> None:
    targets = [target for target in (body.trace_id, body.session_id, body.dataset_run_id) if target]
    if len(targets) != 1:
        raise InvalidRequest("A score needs exactly one of traceId, sessionId and datasetRunId.")
    if body.observation_id and not body.trace_id:
        raise InvalidRequest("A score on an observation needs its traceId too.")


def _inferred(value: float | str | bool | None) -> ScoreType:
    if isinstance(value, bool):
        return ScoreType.BOOLEAN
    return ScoreType.CATEGORICAL if isinstance(value, str) else ScoreType.NUMERIC


def _value(data_type: ScoreType, value: float | str | bool | None) -> tuple[float | None, str | None]:
    """The number and the text that a score carries."""
    match data_type:
        case ScoreType.NUMERIC:
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise InvalidRequest("The value of a NUMERIC score must be a number.")
            return float(value), None
        case ScoreType.BOOLEAN:
            if isinstance(value, str) or value not in (0, 1):
                raise InvalidRequest("The value of a BOOLEAN score must be 0 or 1.")
            return float(value), "True" if value else "False"
        case _:
            if not isinstance(value, str):
                raise InvalidRequest(f"The value of a {data_type.value} score must be text.")
            if data_type is ScoreType.TEXT and not 1 <= len(value) <= MAX_TEXT:
                raise InvalidRequest(f"The value of a TEXT score must have 1 to {MAX_TEXT} characters.")
            return None, clean(value)


def _source(source: ScoreSource | None) -> ScoreSource:
    if source is ScoreSource.EVAL:
        raise InvalidRequest("The source EVAL is kept for the server's own evaluators; leave source out.")
    return source or ScoreSource.API


def _id(text: str | None, what: str) -> str | None:
    return check_id(text, what) if text else None
