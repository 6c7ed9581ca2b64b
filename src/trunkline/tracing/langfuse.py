"""The ``langfuse.*`` attributes, which Langfuse's own SDKs send: the native dialect and the fast path.

Source: the SDKs' ``LangfuseOtelSpanAttributes`` and bodies recorded from them (tests/tracing/recorded).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

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
EXPERIMENT = "langfuse.experiment."
"""What a span says of the experiment that it is part of, which is kept apart (`trunkline.evaluation`)."""
_METADATA = (
    ("langfuse.observation.metadata", "metadata"),
    ("langfuse.trace.metadata", "trace_metadata"),
    ("langfuse.metadata", "metadata"),
)


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


def _environment(value: JSON) -> str:
    return environment_of(text_of(value))


_TYPES = {spelling: each for each in ObservationType for spelling in (each.value, each.value.lower())}


def _type(value: JSON) -> ObservationType | None:
    return _TYPES.get(value) if isinstance(value, str) else None


_DETAILS: Mapping[str, tuple[str, Callable[[JSON], object]]] = {
    "langfuse.observation.model.name": ("model", text_of),
    "langfuse.observation.model.parameters": ("parameters", parameters_of),
    "langfuse.observation.usage_details": ("usage", _usage),
    "langfuse.observation.cost_details": ("cost", _cost),
    "langfuse.observation.completion_start_time": ("completion_start", time_of),
    "langfuse.observation.prompt.name": ("prompt_name", text_of),
    "langfuse.observation.prompt.version": ("prompt_version", version_of),
}
"""What only generations have."""

KNOWN: Mapping[str, tuple[str, Callable[[JSON], object]]] = {
    **_DETAILS,
    "langfuse.observation.type": ("type", _type),
    "langfuse.observation.input": ("input", document_of),
    "langfuse.observation.output": ("output", document_of),
    "langfuse.observation.level": ("level", level_of),
    "langfuse.observation.status_message": ("status_message", text_of),
    "langfuse.trace.name": ("trace_name", text_of),
    "langfuse.trace.input": ("trace_input", document_of),
    "langfuse.trace.output": ("trace_output", document_of),
    "langfuse.trace.tags": ("tags", tags_of),
    "langfuse.trace.public": ("public", bool_of),
    "user.id": ("user_id", id_of),
    "session.id": ("session_id", id_of),
    "langfuse.environment": ("environment", _environment),
    "langfuse.release": ("release", text_of),
    "langfuse.version": ("version", text_of),
    "langfuse.internal.as_root": ("as_root", bool_of),
    "langfuse.internal.is_app_root": ("is_app_root", bool_of),
}
OLDER: Mapping[str, tuple[str, Callable[[JSON], object]]] = {
    "langfuse.tags": ("tags", tags_of),
    "langfuse.public": ("public", bool_of),
    "langfuse.prompt.name": ("prompt_name", text_of),
    "langfuse.prompt.version": ("prompt_version", version_of),
}
"""Names that stand in where the usual ones are absent."""

_OVERRIDING: Mapping[str, tuple[str, Callable[[JSON], object]]] = {
    "langfuse.user.id": ("user_id", id_of),
    "langfuse.session.id": ("session_id", id_of),
}
_FROM_METADATA: Mapping[str, tuple[str, Callable[[JSON], object]]] = {
    "langfuse_user_id": ("user_id", id_of),
    "langfuse_session_id": ("session_id", id_of),
    "langfuse_tags": ("tags", tags_of),
}
"""Metadata keys by which the OpenAI and LangChain integrations name fields of the trace."""


def read_langfuse(reading: Reading) -> list[str]:
    """Fills the reading; returns the attributes that it does not know, metadata among them. Called for every span."""
    unknown: list[str] = []
    for key, value in reading.attributes.items():
        field = KNOWN.get(key)
        if field is None:
            unknown.append(key)
        else:
            setattr(reading, field[0], field[1](value))
    return unknown


def has_details(attributes: Iterable[str]) -> bool:
    return not _DETAILS.keys().isdisjoint(attributes)


def read_rarer(reading: Reading, keys: Iterable[str], *, is_encoded: bool) -> None:
    """Reads metadata, whose keys are part of the attribute's name, and older names of fields.

    `is_encoded`: the SDK writes text as JSON too, in its quotes (Python from 5 on); others write it bare.
    """
    for key in keys:
        if not key.startswith(PREFIX):
            continue
        value = reading.attributes[key]
        if field := _OVERRIDING.get(key):
            setattr(reading, field[0], field[1](value) or getattr(reading, field[0]))
        elif field := OLDER.get(key):
            _fill(reading, field, value)
        elif not key.startswith(EXPERIMENT) and not _read_metadata(reading, key, value, is_encoded=is_encoded):
            continue
        reading.use(key)


def _read_metadata(reading: Reading, key: str, value: JSON, *, is_encoded: bool) -> bool:
    """Whether the attribute is metadata: one of the prefixes, alone or with a key behind it."""
    for prefix, field in _METADATA:
        if key.startswith(prefix) and key[len(prefix) : len(prefix) + 1] in (".", ""):
            _add(reading, field, key[len(prefix) + 1 :], value, is_encoded=is_encoded)
            return True
    return False


def _add(reading: Reading, field: str, key: str, value: JSON, *, is_encoded: bool) -> None:
    entries: dict[str, msgspec.Raw] = getattr(reading, field) or {}
    setattr(reading, field, entries)
    if not key:
        entries.update(_whole(value))
        return
    if trace_field := _FROM_METADATA.get(key):
        _fill(reading, trace_field, (is_encoded and isinstance(value, str) and parsed_json(value)) or value)
    entries[key] = raw_of(value, is_encoded=is_encoded)


def _fill(reading: Reading, field: tuple[str, Callable[[JSON], object]], value: JSON) -> None:
    name, convert = field
    if getattr(reading, name) in (None, ()):
        setattr(reading, name, convert(value))


def _whole(value: JSON) -> Mapping[str, msgspec.Raw]:
    """Metadata in one attribute: an object's keys, or the value under ``metadata``."""
    parsed = parsed_json(value) if isinstance(value, str) else value
    if isinstance(parsed, dict):
        return {key: msgspec.Raw(encoded(inner)) for key, inner in parsed.items()}
    return {"metadata": raw_of(value, is_encoded=True)}


_ENCODED = ("{", "[", '"@@@langfuseMedia:')
"""Beginnings of values that were encoded in any case: a medium is an object to the SDKs, and its JSON a string."""


def raw_of(value: JSON, *, is_encoded: bool) -> msgspec.Raw:
    """A metadata value as JSON. Bare text is decoded where it is an object or a list; a number in it stays text."""
    if not isinstance(value, str):
        return msgspec.Raw(encoded(value))
    if is_encoded or value.startswith(_ENCODED):
        return msgspec.Raw(from_attribute(value))
    return msgspec.Raw(msgspec.json.encode(value))
