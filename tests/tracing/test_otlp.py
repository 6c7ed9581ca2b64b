from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from tracing.otlp_spans import NOW, ROOT, START, TRACE, export, span
from trunkline.errors import InvalidRequest, PayloadTooLarge
from trunkline.tracing.otlp import changes_of, decode_json, decode_protobuf, inflate
from trunkline.tracing.spans import ExportRequest, Span

VALUES: dict[str, Any] = {
    "empty": "",
    "short": "x" * 127,
    "long": "x" * 128,
    "longer": "é" * 8191,
    "longest": "x" * 16_384,
    "true": True,
    "false": False,
    "zero": 0,
    "small": 127,
    "number": 128,
    "large": 2**63 - 1,
    "negative": -1,
    "double": 0.5,
    "list": ["a", 1, [True, {"b": "c"}]],
    "object": {"a": {"b": []}},
    "nul": "a\0b",
}


def only_span(request: ExportRequest) -> Span:
    [group] = request.groups
    [found] = group.spans
    return found


def as_json(**fields: object) -> bytes:
    made = {"traceId": TRACE, "spanId": ROOT, "name": "answer", **fields}
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [made]}]}]}).encode()


def test_protobuf_values() -> None:
    found = only_span(decode_protobuf(export(span({**VALUES, "bytes": b"\xff"}))))
    assert found.attributes == {**VALUES, "bytes": "/w=="}


def test_a_protobuf_span() -> None:
    made = span(
        parent="00f067aa0ba902b7",
        code=2,
        message="boom",
        events=[("exception", START + 5, {"exception.type": "ValueError"})],
        links=[(TRACE, ROOT)],
    )
    request = decode_protobuf(export(made, resource={"service.name": "s"}, scope="app", version="2"))
    [group] = request.groups
    assert (group.resource, group.scope.name, group.scope.version) == ({"service.name": "s"}, "app", "2")
    found = only_span(request)
    assert (found.trace_id, found.span_id, found.parent_id) == (TRACE, ROOT, "00f067aa0ba902b7")
    assert (found.name, found.start, found.end) == ("answer", START, START + 1000)
    assert (found.failed, found.status_message) == (True, "boom")
    assert (found.events[0].name, found.events[0].time) == ("exception", START + 5)
    assert found.events[0].attributes == {"exception.type": "ValueError"}
    assert (found.links[0].trace_id, found.links[0].span_id) == (TRACE, ROOT)


def test_an_ok_status_is_no_failure() -> None:
    for code, failed in ((0, False), (1, False), (2, True)):
        found = only_span(decode_protobuf(export(span(code=code))))
        assert (found.failed, found.status_message) == (failed, "")
    assert only_span(decode_protobuf(export(span(code=1, message="fine")))).status_message == "fine"


def test_the_last_of_equal_attributes_counts() -> None:
    made = span({"a": "1"})
    made.attributes.add(key="a", value=AnyValue(string_value="2"))
    assert only_span(decode_protobuf(export(made))).attributes == {"a": "2"}


def test_an_empty_export() -> None:
    assert changes_of(decode_protobuf(b""), now=NOW) == []
    assert changes_of(decode_json(b"{}"), now=NOW) == []
    assert changes_of(decode_json(b'{"resourceSpans": null}'), now=NOW) == []


@pytest.mark.parametrize(
    "fields", [{"id": "ad6b"}, {"trace": "ad6b"}, {"parent": "ad6b"}, {"id": "0" * 16}, {"trace": "0" * 32}]
)
def test_bad_protobuf_ids(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="'answer'"):
        decode_protobuf(export(span(), span(**fields)))


def nested_value(levels: int) -> AnyValue:
    value = AnyValue(string_value="x")
    for _ in range(levels):
        outer = AnyValue()
        outer.array_value.values.append(value)
        value = outer
    return value


def nested_bytes(levels: int) -> bytes:
    """An AnyValue of lists in lists, written by hand: the classes refuse to be nested that deep."""
    value = b""
    for _ in range(levels):
        value = _field(5, _field(1, value))
    return value


def _field(number: int, data: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def export_with_value(value: bytes) -> bytes:
    """The export of one span with an attribute of this encoded AnyValue."""
    made = span().SerializeToString() + _field(9, _field(1, b"a") + _field(2, value))
    return _field(1, _field(2, _field(2, made)))


def test_nesting_within_bounds() -> None:
    value = nested_value(20).SerializeToString()
    assert json.dumps(only_span(decode_protobuf(export_with_value(value))).attributes["a"]).count("[") == 20


@pytest.mark.parametrize("levels", [60, 200, 2_000])
def test_protobuf_that_nests_too_deep(levels: int) -> None:
    with pytest.raises(InvalidRequest):
        decode_protobuf(export_with_value(nested_bytes(levels)))


def test_protobuf_groups_that_nest_too_deep() -> None:
    with pytest.raises(InvalidRequest):
        decode_protobuf(bytes([15 << 3 | 3]) * 100_000)


@pytest.mark.parametrize(
    "body",
    [b"\xff", b"\x0a\xff", b"text", b"{}", export(span({"a": "b" * 300}))[:-1], export_with_value(b"\x0a\x02\xff\xfe"),
     export_with_value(b"\x0a\x05x"), export_with_value(b"\x0a")],
)  # fmt: skip
def test_broken_protobuf(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        decode_protobuf(body)


def test_unknown_protobuf_fields_are_skipped() -> None:
    assert only_span(decode_protobuf(export_with_value(b"\x0a\x01x\x9a\x06\x01y"))).attributes == {"a": "x"}
    assert only_span(decode_protobuf(export(span()) + _field(15, b"more"))).span_id == ROOT


def test_a_json_span() -> None:
    found = only_span(
        decode_json(
            as_json(
                traceId=TRACE.upper(),
                parentSpanId="",
                startTimeUnixNano=str(START * 1000),
                endTimeUnixNano=(START + 1) * 1000,
                status={"code": "STATUS_CODE_ERROR", "message": "boom"},
                attributes=[
                    {"key": "text", "value": {"stringValue": "x"}},
                    {"key": "number", "value": {"intValue": "12"}},
                    {"key": "plain", "value": {"intValue": 12}},
                    {"key": "double", "value": {"doubleValue": 0.5}},
                    {"key": "flag", "value": {"boolValue": False}},
                    {"key": "list", "value": {"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "1"}]}}},
                    {"key": "map", "value": {"kvlistValue": {"values": [{"key": "k", "value": {"stringValue": "v"}}]}}},
                    {"key": "bytes", "value": {"bytesValue": "/w=="}},
                    {"key": "none", "value": {}},
                    {"key": "null", "value": None},
                ],
                events=[{"name": "e", "timeUnixNano": "1000", "attributes": []}],
                links=[{"traceId": TRACE, "spanId": ROOT}],
                droppedAttributesCount=0,
            )
        )
    )
    assert (found.trace_id, found.parent_id, found.start, found.end) == (TRACE, None, START, START + 1)
    assert (found.failed, found.status_message) == (True, "boom")
    assert found.attributes == {
        "text": "x",
        "number": 12,
        "plain": 12,
        "double": 0.5,
        "flag": False,
        "list": ["a", 1],
        "map": {"k": "v"},
        "bytes": "/w==",
        "none": None,
        "null": None,
    }
    assert (found.events[0].name, found.events[0].time) == ("e", 1)
    assert found.links[0].span_id == ROOT


def test_json_and_protobuf_say_the_same() -> None:
    body = as_json(
        startTimeUnixNano=START * 1000,
        endTimeUnixNano=(START + 1000) * 1000,
        attributes=[{"key": "langfuse.observation.input", "value": {"stringValue": "hi"}}],
    )
    from_protobuf = changes_of(
        decode_protobuf(export(span({"langfuse.observation.input": "hi"}), scope="", version="")), now=NOW
    )
    assert changes_of(decode_json(body), now=NOW) == from_protobuf


@pytest.mark.parametrize(
    "fields",
    [
        {"traceId": "xyz"},
        {"spanId": None},
        {"spanId": "0" * 16},
        {"parentSpanId": "12"},
        {"name": 5},
        {"startTimeUnixNano": "soon"},
        {"startTimeUnixNano": -1000},
        {"startTimeUnixNano": 1e30},
        {"attributes": {}},
        {"attributes": [{"key": 1}]},
        {"attributes": [{"value": {"stringValue": "x"}}]},
        {"attributes": [{"key": "a", "value": {"intValue": "x"}}]},
        {"attributes": [{"key": "a", "value": {"intValue": str(2**70)}}]},
        {"attributes": [{"key": "a", "value": {"doubleValue": "x"}}]},
        {"attributes": [{"key": "a", "value": "x"}]},
        {"status": "ERROR"},
    ],
)
def test_json_fields_of_a_wrong_shape(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        decode_json(as_json(**fields))


def test_json_that_nests_too_deep() -> None:
    for levels in (200, 3_000):
        opening, closing = '{"arrayValue":{"values":[' * levels, "]}}" * levels
        body = as_json(attributes=[{"key": "a", "value": "HERE"}]).replace(b'"HERE"', f"{opening}{closing}".encode())
        with pytest.raises(InvalidRequest, match="levels"):
            decode_json(body)


@pytest.mark.parametrize("body", [b"", b"[]", b"nope", b"\xff", b"{", b'{"resourceSpans": {}}', b"[" * 100_000])
def test_broken_json(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        decode_json(body)


def test_numbers_that_json_lacks() -> None:
    body = as_json(
        attributes=[{"key": "a", "value": {"doubleValue": "NaN"}}, {"key": "b", "value": {"doubleValue": 1.5}}]
    )
    [_, made] = changes_of(decode_json(body), now=NOW)
    assert made.metadata is not None
    assert b'"attributes":{"a":null,"b":1.5}' in made.metadata


def test_inflate() -> None:
    body = export(span({"a": "b" * 100_000}))
    assert inflate(gzip.compress(body, mtime=0), 200_000) == body
    halves = gzip.compress(body[:50], mtime=0) + gzip.compress(b"") + gzip.compress(body[50:])
    assert inflate(halves, 200_000) == body
    assert inflate(gzip.compress(b"x" * 10, mtime=0), 10) == b"x" * 10


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"plain text",
        gzip.compress(b"x" * 1000, mtime=0)[:-1],
        gzip.compress(b"x", mtime=0) + b"rubbish",
        zlib.compress(b"x"),
        gzip.compress(b"x", mtime=0)[:-5] + b"\0\0\0\0\0",
        gzip.compress(b"", mtime=0) * 1001,
    ],
    ids=["empty", "x", "text", "cut off", "rubbish behind", "zlib", "wrong sum", "many members"],
)
def test_what_is_no_gzip(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        inflate(body, 1_000_000)


def test_bombs_are_refused_within_bounds() -> None:
    bomb = gzip.compress(b"\0" * 200_000_000, 6, mtime=0)
    members = gzip.compress(b"\0" * 1_000_000, mtime=0) * 100
    for body in (bomb, members):
        tracemalloc.start()
        with pytest.raises(PayloadTooLarge, match="20000000 bytes"):
            inflate(body, 20_000_000)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 50_000_000
