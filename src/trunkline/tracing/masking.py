"""Masking: secrets and e-mail addresses are taken out of what comes in, before anything is stored.

In texts a marker stands in their place. In what things are found by (ids, users, sessions, keys of objects) the marker
carries a keyed digest too, so that what was different stays different and what was the same stays the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

from trunkline.tracing.mask_rules import EMAIL, KEY, OWN, Budget, Rules, Span, Spans, merged
from trunkline.types import JSON, JSONBytes, Struct

_MARKS = {KEY: "[masked key]", EMAIL: "[masked e-mail]", OWN: "[masked]"}
_DIGITS = 12
"""Hexadecimal digits of a digest in a marker."""
_IDENTIFIERS = frozenset(
    {"id", "trace_id", "parent_id", "observation_id", "session_id", "run_id", "user_id", "author_id", "config_id"}
    | {"queue_id", "prompt_name", "experiment_id", "dataset_id", "item_id"}
)
_MASKED_ENVIRONMENT = "masked"
_WHOLE, _WHOLE_OBJECT = b'"[masked]"', b'{"masked":"[masked]"}'
_STRING = re.compile(rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)"', re.DOTALL)
_END_OF_KEY = re.compile(rb'[^"\\]{0,1000}+(?:\\.[^"\\]{0,1000}+){0,100}+"\s*+:', re.DOTALL)

Fields = TypeVar("Fields", bound=Struct)
Digest = Callable[[str], bytes]


class Masker:
    """Masks for one project, in one request. `digest` is a keyed hash."""

    def __init__(self, rules: Rules, digest: Digest) -> None:
        self._rules, self._digest, self._budget = rules, digest, Budget()

    def changes(self, changes: Sequence[Fields]) -> list[Fields]:
        """Changes, or other flat structs, without what is to be masked; those that hold none come back as they are."""
        return [self._change(change) for change in changes]

    def text(self, text: str) -> str:
        """A short text, such as a name or a comment."""
        return self._in_text(text, keyed=False)

    def identifier(self, text: str) -> str:
        """What something is found by: the same text gives the same marker, another one another."""
        return self._in_text(text, keyed=True)

    def document(self, data: JSONBytes, *, keyed: bool = False) -> JSONBytes:
        """A JSON document, still valid, with every character of it that is not masked as it was.

        `keyed`: it holds what things are found by.
        """
        spans = self._shapes(data)
        if spans is None:
            return _WHOLE_OBJECT if data.startswith(b"{") else _WHOLE
        if self._rules.patterns:
            for match in _STRING.finditer(data):
                found = self._rules.own(match.group(1), self._budget, is_json=True)
                spans += [Span(match.start(1) + start, match.start(1) + end, kind) for start, end, kind in found]
        return self._cut(data, spans, lambda end: keyed or _END_OF_KEY.match(data, end) is not None)

    def value(self, value: JSON) -> JSON:
        """A decoded JSON value."""
        data = msgspec.json.encode(value)
        masked = self.document(data)
        return value if masked is data else msgspec.json.decode(masked)

    def _change(self, change: Fields) -> Fields:
        fields = {name: value for name in change.__struct_fields__ if (value := getattr(change, name))}
        if not self._rules.patterns and not self._rules.may_hit(b"\n".join(_bytes_of(fields.values()))):
            return change
        return msgspec.structs.replace(change, **{name: self._field(name, value) for name, value in fields.items()})

    def _field(self, name: str, value: object) -> object:
        match value:
            case bytes():
                return self.document(value)
            case str() if name == "environment":
                return value if self.text(value) == value else _MASKED_ENVIRONMENT
            case str() if type(value) is str:
                return self._in_text(value, keyed=name in _IDENTIFIERS)
            case tuple() | list() if name == "tags":
                return tuple(sorted({self.text(tag) for tag in value}))
            case dict():
                return {self.identifier(key): inner for key, inner in value.items()}
            case _:
                return value

    def _in_text(self, text: str, *, keyed: bool) -> str:
        data = text.encode("utf-8", "surrogatepass")
        spans = self._shapes(data)
        if spans is None:
            spans = [Span(0, len(data), KEY)]
        elif self._rules.patterns:
            spans += self._rules.own(data, self._budget, is_json=False)
        masked = self._cut(data, spans, lambda _: keyed)
        return text if masked is data else masked.decode("utf-8", "surrogatepass")

    def _shapes(self, data: bytes) -> Spans | None:
        return self._rules.shapes(data, self._budget) if self._rules.may_hit(data) else []

    def _cut(self, data: bytes, spans: Sequence[Span], is_keyed: Callable[[int], bool]) -> bytes:
        if not spans:
            return data
        parts: list[bytes] = []
        at = 0
        for start, end, kind in merged(spans):
            mark = _MARKS[kind]
            if is_keyed(end):
                secret = data[start:end].decode("utf-8", "surrogatepass")
                mark = f"{mark[:-1]} {self._digest(secret).hex()[:_DIGITS]}]"
            parts += (data[at:start], mark.encode())
            at = end
        return b"".join((*parts, data[at:]))


def _bytes_of(values: Iterable[object]) -> list[bytes]:
    """Every text in the fields of a change."""
    found: list[bytes] = []
    for value in values:
        match value:
            case bytes():
                found.append(value)
            case str():
                found.append(value.encode("utf-8", "surrogatepass"))
            case tuple() | list() | Mapping():
                found += [item.encode("utf-8", "surrogatepass") for item in value if isinstance(item, str)]
    return found
