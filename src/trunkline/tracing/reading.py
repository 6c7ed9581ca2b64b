"""What the dialects read from one span, and how attribute values become fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from trunkline.errors import InvalidRequest
from trunkline.tracing.documents import encoded, from_attribute
from trunkline.tracing.spans import Attributes, Scope, Span
from trunkline.tracing.texts import MAX_ID, clean, environment_of
from trunkline.tracing.times import parse_time
from trunkline.types import JSON, JSONBytes, Level, Micros, ObservationType

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_SCALARS = (str, int, float, bool, type(None))


class Reading(msgspec.Struct, gc=False):
    """The fields of one span, filled by one dialect after the other: what is set is not overwritten.

    `used` are the attributes that became a field; what is neither used nor known goes to ``metadata.attributes``.
    """

    span: Span
    scope: Scope
    attributes: Attributes
    used: set[str] | None = None
    type: ObservationType | None = None
    name: str | None = None
    input: JSONBytes | None = None
    output: JSONBytes | None = None
    level: Level | None = None
    status_message: str | None = None
    model: str | None = None
    parameters: JSONBytes | None = None
    usage: Mapping[str, int] | None = None
    cost: Mapping[str, float] | None = None
    completion_start: Micros | None = None
    prompt_name: str | None = None
    prompt_version: int | None = None
    version: str | None = None
    environment: str | None = None
    metadata: dict[str, msgspec.Raw] | None = None
    as_root: bool | None = None
    is_app_root: bool | None = None
    trace_name: str | None = None
    trace_input: JSONBytes | None = None
    trace_output: JSONBytes | None = None
    trace_metadata: dict[str, msgspec.Raw] | None = None
    user_id: str | None = None
    session_id: str | None = None
    release: str | None = None
    public: bool | None = None
    tags: tuple[str, ...] = ()

    def take(self, *keys: str) -> JSON:
        """The first of these attributes that says something, marked as used; None where none does."""
        attributes = self.attributes
        for key in keys:
            value = attributes.get(key)
            if value not in (None, "", [], {}):
                self.use(key)
                return value
        return None

    def use(self, *keys: str) -> None:
        if self.used is None:
            self.used = set()
        self.used.update(keys)


Pair = tuple[tuple[str, ...], tuple[str, ...]]
"""Attributes that hold an input, and those that hold its output."""


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """How one family of instrumentations names things. Most of a dialect is its tables; `read` does what they cannot.

    `fields` maps a field of `Reading` to attributes, the first that says something counts. Of `texts` the first pair of
    which either side is there gives input and output. Spans without an attribute that begins with one of `heads` (what
    stands before the first dot) are not asked about.
    """

    name: str
    heads: frozenset[str]
    fields: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    texts: tuple[Pair, ...] = ()
    read: Callable[[Reading], None] | None = None


def read_dialect(dialect: Dialect, reading: Reading) -> None:
    """Fills what is not set yet."""
    for field, keys in dialect.fields.items():
        if not getattr(reading, field) and (value := reading.take(*keys)) is not None:
            setattr(reading, field, _CONVERSIONS[field](value))
    for inputs, outputs in dialect.texts:
        if reading.input is not None or reading.output is not None:
            break
        reading.input = document_of(reading.take(*inputs))
        reading.output = document_of(reading.take(*outputs))
    if dialect.read is not None:
        dialect.read(reading)


def text_of(value: JSON) -> str | None:
    """A short text; what is no text is written as JSON. None for nothing."""
    if isinstance(value, str):
        return (value if "\0" not in value else clean(value)) or None
    return None if value is None else clean(encoded(value).decode())


def id_of(value: JSON) -> str | None:
    """A user's or session's id. One that is too long to be an id is dropped, as upstream does."""
    text = text_of(value)
    return text if text is None or len(text) <= MAX_ID else None


def document_of(value: JSON) -> JSONBytes | None:
    """Input or output: text is JSON where it parses as such, else a JSON string."""
    if value is None or value == "":
        return None
    return from_attribute(value) if isinstance(value, str) else encoded(value)


def tags_of(value: JSON) -> tuple[str, ...]:
    """A list, a list as JSON, or words with commas between them."""
    if isinstance(value, str):
        parsed = parsed_json(value) if value.lstrip().startswith("[") else None
        value = parsed if isinstance(parsed, list) else value.split(",")
    if not isinstance(value, list):
        return ()
    tags = (text_of(tag.strip() if isinstance(tag, str) else tag) for tag in value)
    return tuple(sorted({tag for tag in tags if tag}))


def bool_of(value: JSON) -> bool | None:
    return None if value is None else value is True or value == "true"


def version_of(value: JSON) -> int | None:
    """A prompt's version; None for what is no number from 1 on."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 2**31 else None


def time_of(value: JSON) -> Micros | None:
    """A time, which SDKs write as a JSON string in its quotes; None for what is none."""
    if not isinstance(value, str):
        return None
    try:
        return parse_time(value.strip('"'))
    except InvalidRequest:
        return None


def level_of(value: JSON) -> Level | None:
    """None for a level that does not exist: the span's status decides then."""
    return Level.__members__.get(value.upper()) if isinstance(value, str) else None


def parameters_of(value: JSON) -> JSONBytes | None:
    """Model parameters, as JSON text or as a mapping. Values that are no scalars become JSON text."""
    parameters = parsed_json(value) if isinstance(value, str) else value
    if not isinstance(parameters, dict) or not parameters:
        return None
    if any(not isinstance(inner, _SCALARS) for inner in parameters.values()):
        parameters = {key: _scalar(inner) for key, inner in parameters.items()}
        return encoded(parameters)
    return _encode(parameters) if isinstance(value, str) else encoded(parameters)


def _scalar(value: JSON) -> JSON:
    return value if isinstance(value, _SCALARS) else encoded(value).decode()


def parsed_json(text: str) -> JSON:
    """Decoded JSON; None for what is none, and for what nests too deep."""
    try:
        return _decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def number_of(value: JSON) -> float | None:
    """A number, or one written as text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    try:
        return float(value) if isinstance(value, str) else None
    except ValueError:
        return None


_CONVERSIONS: Mapping[str, Callable[[JSON], object]] = {
    "name": text_of,
    "user_id": id_of,
    "session_id": id_of,
    "tags": tags_of,
    "environment": lambda value: environment_of(text_of(value)),
    "version": text_of,
    "model": text_of,
    "parameters": parameters_of,
    "status_message": text_of,
}
