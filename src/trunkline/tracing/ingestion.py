"""Langfuse's ingestion batches, as its Python SDK 2 and JavaScript SDK 3 send them, turned into changes.

Every event stands for itself: a wrong one is told to the sender in `Batch.errors` and takes no other with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn

import msgspec

from trunkline.errors import Forbidden, InvalidRequest, NotFound
from trunkline.store.score_configs import ScoreConfigs
from trunkline.tracing.bodies import (
    Event,
    ObservationBody,
    decode_batch,
    decode_event,
    decode_observation,
    decode_trace,
)
from trunkline.tracing.documents import optional, optional_object, strict_body
from trunkline.tracing.scores import change_of, decode_score
from trunkline.tracing.texts import MAX_ID, check_id, clean, clean_or_none, environment_of
from trunkline.tracing.times import parse_time
from trunkline.tracing.usage import cost_of, read_legacy, usage_of
from trunkline.types import (
    Change,
    Level,
    Micros,
    ObservationChange,
    ObservationType,
    Rank,
    Stamp,
    Struct,
    TraceChange,
)


class EventError(Struct, frozen=True, kw_only=True):
    """Why one event of a batch was not taken."""

    id: str
    status: int
    message: str
    error: str


class Batch(Struct, frozen=True, kw_only=True):
    """What a batch said. `successes` are the ids of its good events, in order (each is answered with 201)."""

    changes: tuple[Change, ...]
    successes: tuple[str, ...]
    errors: tuple[EventError, ...]


class _Identity(msgspec.Struct):
    id: str = ""


_OBSERVATION_EVENTS: Mapping[str, tuple[ObservationType | None, Rank]] = {
    f"{kind}-{verb}": (type_, rank)
    for kind, type_ in [("observation", None), *((each.value.lower(), each) for each in ObservationType)]
    for verb, rank in (("create", Rank.CREATE), ("update", Rank.UPDATE))
}
_FOR_ANYONE = frozenset({"score-create", "sdk-log"})
"""Events that a browser may send with the public key alone."""
_identify = msgspec.json.Decoder(_Identity).decode


def read_batch(body: bytes, *, now: Micros, configs: ScoreConfigs | None = None, scores_only: bool = False) -> Batch:
    """Reads a batch that arrived at `now`, holding each score to the one of `configs` that it names.

    `scores_only`: the sender may create scores and nothing else; its other events are errors.
    Raises InvalidRequest for a body that is no JSON, too deep, or no object with a list ``batch``.
    """
    changes: list[Change] = []
    successes: list[str] = []
    errors: list[EventError] = []
    for index, raw in enumerate(decode_batch(strict_body(body))):
        try:
            event = decode_event(raw)
            if scores_only and event.type not in _FOR_ANYONE:
                raise Forbidden("The public key alone may create scores and nothing else: send the secret key as well.")
            changes += _changes_of(event, index, configs)
            successes.append(event.id)
        except (InvalidRequest, NotFound, Forbidden) as error:
            errors.append(EventError(id=_id_of(raw), status=error.status, message=error.message, error=error.code))
    return Batch(changes=tuple(changes), successes=tuple(successes), errors=tuple(errors))


def _changes_of(event: Event, index: int, configs: ScoreConfigs | None) -> list[Change]:
    time = parse_time(event.timestamp)
    observation = _OBSERVATION_EVENTS.get(event.type)
    if observation is not None:
        type_, rank = observation
        return _observation_changes(event, type_, Stamp(rank, time, index))
    if event.type == "score-create":
        return _score_changes(event, Stamp(Rank.CREATE, time, index), configs)
    reader = _READERS.get(event.type)
    return reader(event, Stamp(Rank.CREATE, time, index)) if reader else _refuse(event)


def _refuse(event: Event) -> NoReturn:
    raise InvalidRequest(f"Unknown event type {event.type[:80]!r}; known are trace-create, span-create and so on.")


def _trace_changes(event: Event, stamp: Stamp) -> list[Change]:
    """SDKs send updates of traces as further creates."""
    body = decode_trace(event.body)
    change = TraceChange(
        id=_own_id(body.id, event),
        stamp=stamp,
        timestamp=_time(body.timestamp),
        name=clean_or_none(body.name),
        user_id=clean_or_none(body.user_id),
        session_id=_id(body.session_id, "sessionId"),
        release=clean_or_none(body.release),
        version=clean_or_none(body.version),
        environment=_environment(body.environment),
        public=body.public,
        tags=tuple(sorted({clean(tag) for tag in body.tags if tag})) if body.tags else (),
        input=optional(body.input),
        output=optional(body.output),
        metadata=optional_object(body.metadata),
    )
    return [change]


def _observation_changes(event: Event, type_: ObservationType | None, stamp: Stamp) -> list[Change]:
    body = decode_observation(event.body)
    own_id = _own_id(body.id, event)
    change = _observation_change(body, own_id, type_ or _type(body.type), stamp)
    if body.trace_id or stamp.rank == Rank.UPDATE:
        return [change]
    trace = TraceChange(
        id=own_id, stamp=stamp, timestamp=change.start_time, name=change.name, environment=change.environment
    )
    return [trace, change]


def _observation_change(
    body: ObservationBody, own_id: str, type_: ObservationType | None, stamp: Stamp
) -> ObservationChange:
    usage, cost = _usage_and_cost(body)
    is_linked = type_ in (None, ObservationType.GENERATION)
    start_time = _time(body.start_time)
    if start_time is None and stamp.rank == Rank.CREATE:
        start_time = stamp.time
    return ObservationChange(
        id=own_id,
        trace_id=_id(body.trace_id, "traceId") or own_id,
        stamp=stamp,
        type=type_,
        name=clean_or_none(body.name),
        start_time=start_time,
        end_time=_time(body.end_time),
        completion_start_time=_time(body.completion_start_time),
        parent_id=_id(body.parent_observation_id, "parentObservationId"),
        level=_level(body.level),
        status_message=clean_or_none(body.status_message),
        version=clean_or_none(body.version),
        environment=_environment(body.environment),
        model=clean_or_none(body.model),
        model_parameters=optional_object(body.model_parameters),
        usage=usage,
        cost=cost,
        prompt_name=clean_or_none(body.prompt_name) if is_linked else None,
        prompt_version=_prompt_version(body.prompt_version) if is_linked else None,
        input=optional(body.input),
        output=optional(body.output),
        metadata=optional_object(body.metadata),
    )


def _usage_and_cost(body: ObservationBody) -> tuple[Mapping[str, int] | None, Mapping[str, float] | None]:
    """The details win over the older ``usage``, which SDKs send beside them."""
    usage, cost = read_legacy(body.usage) if body.usage else (None, None)
    if body.usage_details:
        usage = usage_of(body.usage_details) or usage
    if body.cost_details:
        cost = cost_of(body.cost_details) or cost
    return usage, cost


def _score_changes(event: Event, stamp: Stamp, configs: ScoreConfigs | None) -> list[Change]:
    body = decode_score(event.body)
    if not body.id:
        body.id = event.id
    return [change_of(body, stamp, configs=configs)]


def _nothing(event: Event, stamp: Stamp) -> list[Change]:
    """``sdk-log``: an SDK tells of its own troubles."""
    return []


_READERS: Mapping[str, Callable[[Event, Stamp], list[Change]]] = {
    "trace-create": _trace_changes,
    "sdk-log": _nothing,
}


def _own_id(text: str | None, event: Event) -> str:
    """Where a body has no id, the event's id serves, so that sending the batch again does not make another."""
    return check_id(text or event.id, "The id")


def _id(text: str | None, what: str) -> str | None:
    return check_id(text, what) if text else None


def _time(text: str | None) -> Micros | None:
    return parse_time(text) if text else None


def _environment(text: str | None) -> str | None:
    return environment_of(text) if text else None


def _level(text: str | None) -> Level | None:
    if not text:
        return None
    try:
        return Level(text.upper())
    except ValueError:
        raise InvalidRequest(f"Unknown level {text[:40]!r}; levels are {', '.join(Level)}.") from None


def _type(text: str | None) -> ObservationType | None:
    if not text:
        return None
    try:
        return ObservationType(text.upper())
    except ValueError:
        raise InvalidRequest(f"Unknown observation type {text[:40]!r}.") from None


def _prompt_version(version: int | None) -> int | None:
    if version is not None and not 1 <= version < 2**31:
        raise InvalidRequest(f"promptVersion must be a number from 1 on, got {version}.")
    return version


def _id_of(raw: msgspec.Raw) -> str:
    """The id of an event that is otherwise wrong; empty where not even that can be read."""
    try:
        return _identify(raw).id[:MAX_ID]
    except (msgspec.MsgspecError, ValueError):
        return ""
