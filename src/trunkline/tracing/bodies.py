"""The bodies of Langfuse's ingestion events, as they come over the wire. Keys that are not named here are ignored.

A field of free JSON is a `msgspec.Raw`: empty where it is absent (msgspec does not decode into ``Raw | None``).
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from trunkline.errors import InvalidRequest

MOST_EVENTS = 10_000
"""Events of one batch; Langfuse's SDKs send some hundreds at most."""


class Batch(msgspec.Struct):
    """The whole request. Its ``metadata`` says which SDK sent it; nothing depends on that."""

    batch: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MOST_EVENTS)]


class Event(msgspec.Struct):
    id: str
    type: str
    timestamp: str
    body: msgspec.Raw


class TraceBody(msgspec.Struct, rename="camel", kw_only=True):
    id: str | None = None
    timestamp: str | None = None
    name: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    release: str | None = None
    version: str | None = None
    environment: str | None = None
    public: bool | None = None
    tags: list[str] | None = None
    input: msgspec.Raw = msgspec.Raw()
    output: msgspec.Raw = msgspec.Raw()
    metadata: msgspec.Raw = msgspec.Raw()


class ObservationBody(msgspec.Struct, rename="camel", kw_only=True):
    id: str | None = None
    trace_id: str | None = None
    type: str | None = None
    name: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    completion_start_time: str | None = None
    parent_observation_id: str | None = None
    level: str | None = None
    status_message: str | None = None
    version: str | None = None
    environment: str | None = None
    model: str | None = None
    model_parameters: msgspec.Raw = msgspec.Raw()
    usage: dict[str, object] | None = None
    usage_details: dict[str, object] | None = None
    cost_details: dict[str, object] | None = None
    prompt_name: str | None = None
    prompt_version: int | None = None
    input: msgspec.Raw = msgspec.Raw()
    output: msgspec.Raw = msgspec.Raw()
    metadata: msgspec.Raw = msgspec.Raw()


_trace = msgspec.json.Decoder(TraceBody).decode
_observation = msgspec.json.Decoder(ObservationBody).decode
_event = msgspec.json.Decoder(Event).decode
_batch = msgspec.json.Decoder(Batch).decode


def decode_batch(body: bytes) -> list[msgspec.Raw]:
    """Raises InvalidRequest for a body that is no JSON object with a list ``batch``."""
    try:
        return _batch(body).batch
    except (msgspec.MsgspecError, ValueError) as error:
        raise InvalidRequest(f'The body must be a JSON object with a list "batch": {error}.') from None


def decode_event(raw: msgspec.Raw) -> Event:
    try:
        return _event(raw)
    except (msgspec.MsgspecError, ValueError) as error:
        raise InvalidRequest(f"This is no valid event: {error}.") from None


def decode_trace(raw: msgspec.Raw) -> TraceBody:
    try:
        return _trace(raw)
    except (msgspec.MsgspecError, ValueError) as error:
        raise InvalidRequest(f"This is no valid trace: {error}.") from None


def decode_observation(raw: msgspec.Raw) -> ObservationBody:
    try:
        return _observation(raw)
    except (msgspec.MsgspecError, ValueError) as error:
        raise InvalidRequest(f"This is no valid observation: {error}.") from None
