"""The ``langfuse.*`` attributes, which Langfuse's own SDKs send: the native dialect and the fast path.

Source: the SDKs' ``LangfuseOtelSpanAttributes`` and bodies recorded from them (tests/tracing/recorded).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from trunkline.errors import InvalidRequest
from trunkline.tracing.documents import encoded, from_attribute
from trunkline.tracing.reading import (
    Reading,
    bool_of,
    document_of,
    id_of,
    level_of,
    parameters_of,
    parsed_json,
    tags_of,
    text_of,
    time_of,
    version_of,
)
from trunkline.tracing.texts import environment_of
from trunkline.tracing.usage import cost_of, usage_of
from trunkline.types import JSON, ObservationType

PREFIX = "langfuse."
_OBSERVATION = "langfuse.observation."
_METADATA = "langfuse.observation.metadata"
_TRACE_METADATA = "langfuse.trace.metadata"
_COMPATIBLE_METADATA = "langfuse.metadata"

_GENERATION_KEYS = frozenset(
    _OBSERVATION + key
    for key in (
        "model.name",
        "model.parameters",
        "usage_details",
        "cost_details",
        "completion_start_time",
        "prompt.name",
        "prompt.version",
    )
)
KEYS = _GENERATION_KEYS | {
    *(_OBSERVATION + key for key in ("type", "input", "output", "level", "status_message")),
    *("langfuse.trace." + key for key in ("name", "tags", "public", "input", "output")),
    "user.id",
    "session.id",
    *(PREFIX + key for key in ("user.id", "session.id", "environment", "release", "version", "tags", "public")),
    *(PREFIX + key for key in ("internal.as_root", "internal.is_app_root", "prompt.name", "prompt.version")),
}
"""Attributes that this dialect reads by their name; metadata has its keys in the attribute's name."""

_DETAIL_KEYS = _GENERATION_KEYS | {"langfuse.prompt.name", "langfuse.prompt.version"}
_TYPES = {spelling: each for each in ObservationType for spelling in (each.value, each.value.lower())}
_FROM_METADATA = {
    "langfuse_user_id": "user_id",
    "langfuse_session_id": "session_id",
    "langfuse_tags": "tags",
}
"""Metadata keys by which the OpenAI and LangChain integrations name fields of the trace."""


def read_langfuse(reading: Reading) -> None:
    """Reads all but metadata. Called for every span, whoever made it."""
    get = reading.attributes.get
    kind = get("langfuse.observation.type")
    reading.type = _TYPES.get(kind) if isinstance(kind, str) else None
    text = get("langfuse.observation.input")
    if text is not None:
        reading.input = document_of(text)
    text = get("langfuse.observation.output")
    if text is not None:
        reading.output = document_of(text)
    reading.user_id = id_of(get("langfuse.user.id") or get("user.id"))
    reading.session_id = id_of(get("langfuse.session.id") or get("session.id"))
    environment = get("langfuse.environment")
    if environment is not None:
        reading.environment = environment_of(text_of(environment))
    reading.release = text_of(get("langfuse.release"))
    reading.version = text_of(get("langfuse.version"))
    reading.level = level_of(get("langfuse.observation.level"))
    reading.status_message = text_of(get("langfuse.observation.status_message"))
    _read_trace(reading)
    if not _DETAIL_KEYS.isdisjoint(reading.attributes):
        _read_generation(reading)


def _read_trace(reading: Reading) -> None:
    get = reading.attributes.get
    reading.trace_name = text_of(get("langfuse.trace.name"))
    reading.trace_input = document_of(get("langfuse.trace.input"))
    reading.trace_output = document_of(get("langfuse.trace.output"))
    tags = get("langfuse.trace.tags") or get("langfuse.tags")
    if tags:
        reading.tags = tags_of(tags)
    public = get("langfuse.trace.public", get("langfuse.public"))
    if public is not None:
        reading.public = bool_of(public)
    as_root, is_app_root = get("langfuse.internal.as_root"), get("langfuse.internal.is_app_root")
    if as_root is not None or is_app_root is not None:
        reading.is_logical_root = bool(bool_of(as_root) or bool_of(is_app_root))


def _read_generation(reading: Reading) -> None:
    get = reading.attributes.get
    reading.model = text_of(get("langfuse.observation.model.name"))
    parameters = get("langfuse.observation.model.parameters")
    if parameters is not None:
        reading.parameters = parameters_of(parameters)
    usage = get("langfuse.observation.usage_details")
    if usage is not None:
        reading.usage = _usage(usage)
    cost = get("langfuse.observation.cost_details")
    if cost is not None:
        reading.cost = _cost(cost)
    time = get("langfuse.observation.completion_start_time")
    if time is not None:
        reading.completion_start = time_of(time)
    reading.prompt_name = text_of(get("langfuse.observation.prompt.name") or get("langfuse.prompt.name"))
    reading.prompt_version = version_of(get("langfuse.observation.prompt.version") or get("langfuse.prompt.version"))


def has_generation_keys(attributes: Iterable[str]) -> bool:
    return not _GENERATION_KEYS.isdisjoint(attributes)


def read_metadata(reading: Reading, keys: Iterable[str], *, is_encoded: bool) -> None:
    """Reads ``langfuse.observation.metadata.<key>`` and the like from attributes that are no `KEYS`.

    `is_encoded`: the SDK writes text as JSON too, in its quotes (Python from 5 on); others write it bare.
    """
    for key in keys:
        value = reading.attributes[key]
        if key.startswith(_METADATA):
            _add(reading, "metadata", key[len(_METADATA) + 1 :], value, is_encoded)
        elif key.startswith(_TRACE_METADATA):
            _add(reading, "trace_metadata", key[len(_TRACE_METADATA) + 1 :], value, is_encoded)
        elif key.startswith(_COMPATIBLE_METADATA):
            _add(reading, "metadata", key[len(_COMPATIBLE_METADATA) + 1 :], value, is_encoded)
        else:
            continue
        reading.use(key)


def _add(reading: Reading, field: str, key: str, value: JSON, is_encoded: bool) -> None:
    entries: dict[str, msgspec.Raw] = getattr(reading, field) or {}
    setattr(reading, field, entries)
    if not key:
        entries.update(_whole(value))
        return
    trace_field = _FROM_METADATA.get(key)
    if trace_field is not None and not getattr(reading, trace_field):
        setattr(reading, trace_field, tags_of(value) if trace_field == "tags" else id_of(value))
    entries[key] = raw_of(value, is_encoded=is_encoded)


def _whole(value: JSON) -> Mapping[str, msgspec.Raw]:
    """Metadata in one attribute: an object's keys, or the value under ``metadata``."""
    parsed = parsed_json(value) if isinstance(value, str) else value
    if isinstance(parsed, dict):
        return {key: msgspec.Raw(encoded(inner)) for key, inner in parsed.items()}
    return {"metadata": raw_of(value, is_encoded=True)}


def raw_of(value: JSON, *, is_encoded: bool) -> msgspec.Raw:
    """A metadata value as JSON. Bare text is decoded where it is an object or a list; a number in it stays text."""
    if not isinstance(value, str):
        return msgspec.Raw(encoded(value))
    if is_encoded or value[:1] in ("{", "["):
        return msgspec.Raw(from_attribute(value))
    return msgspec.Raw(msgspec.json.encode(value))


def _usage(value: JSON) -> Mapping[str, int] | None:
    """Wrong usage is left out: the span is worth keeping without it."""
    details = parsed_json(value) if isinstance(value, str) else value
    try:
        return usage_of(details) if isinstance(details, dict) else None
    except InvalidRequest:
        return None


def _cost(value: JSON) -> Mapping[str, float] | None:
    details = parsed_json(value) if isinstance(value, str) else value
    try:
        return cost_of(details) if isinstance(details, dict) else None
    except InvalidRequest:
        return None
