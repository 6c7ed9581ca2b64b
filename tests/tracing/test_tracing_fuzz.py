"""Made and mutated bodies: whatever comes, nothing but a TrunklineError is raised, and what is read can be stored.

TRUNKLINE_FUZZ_CASES sets the number of cases of each test.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracing.otlp_spans import NOW, changes, export, span
from trunkline.errors import TrunklineError
from trunkline.tracing import langfuse, token_counts
from trunkline.tracing.cost import price
from trunkline.tracing.ingestion import read_batch
from trunkline.tracing.otlp import changes_of, decode_json, decode_protobuf, inflate
from trunkline.tracing.scores import read_scores
from trunkline.types import Change, ObservationChange, ScoreChange

CASES = int(os.environ.get("TRUNKLINE_FUZZ_CASES", "200"))
RECORDED = Path(__file__).parent / "recorded"
LIMIT = 1_000_000
LATEST = 253_402_300_799_999_999

pytestmark = pytest.mark.fuzz
fuzzing = settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))

TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["", "\0", "x" * 801, "null", "NaN", "[1,", '{"a":1}', '"x"', "1e999", "9" * 400, "true", "2026-01-01"]
    ),
    st.sampled_from(["9999-12-31T23:59:59.999999Z", "1970-01-01", "generation", "ERROR", "NUMERIC", "langfuse-a"]),
)
NUMBERS = st.one_of(st.integers(), st.floats(), st.sampled_from([0, -1, 2**53, 2**63, 2**64, -(2**63) - 1, 10**400]))
JSON_TEXTS = st.one_of(TEXTS, st.sampled_from(["\ud800", "x\udc00y", "\ud83d\ude00"]))
"""JSON can spell lone surrogates; protobuf cannot."""
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, JSON_TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(JSON_TEXTS, inner, max_size=4)),
    max_leaves=10,
)
KINDS = ("trace", "span", "generation", "event", "score", "observation", "agent")
EVENT_TYPES = st.one_of(
    st.sampled_from([f"{kind}-{verb}" for kind in KINDS for verb in ("create", "update")]), st.just("sdk-log"), TEXTS
)
BODY_KEYS = st.sampled_from(
    [
        "id",
        "traceId",
        "type",
        "name",
        "startTime",
        "endTime",
        "completionStartTime",
        "parentObservationId",
        "level",
        "statusMessage",
        "version",
        "environment",
        "model",
        "modelParameters",
        "usage",
        "usageDetails",
        "costDetails",
        "promptName",
        "promptVersion",
        "input",
        "output",
        "metadata",
        "timestamp",
        "userId",
        "sessionId",
        "release",
        "public",
        "tags",
        "observationId",
        "datasetRunId",
        "value",
        "dataType",
        "comment",
        "configId",
    ]
)
BODIES = st.dictionaries(BODY_KEYS, VALUES, max_size=8)
EVENTS = st.fixed_dictionaries(
    {"id": TEXTS, "type": EVENT_TYPES, "timestamp": st.just("2026-11-23T19:04:08Z"), "body": BODIES}
)
ATTRIBUTE_KEYS = st.one_of(
    st.sampled_from(
        sorted({*langfuse.KNOWN, *langfuse.OLDER, "langfuse.observation.metadata", "langfuse.trace.metadata"})
    ),
    st.sampled_from([f"gen_ai.usage.{name}" for name in token_counts.KINDS]),
    st.sampled_from([f"llm.token_count.{name}" for name in token_counts.KINDS]),
    st.sampled_from(
        [
            "openinference.span.kind",
            "gen_ai.operation.name",
            "gen_ai.request.model",
            "gen_ai.usage.cost",
            "gen_ai.tool.name",
            "metadata",
            "gen_ai.prompt.0.content",
            "gen_ai.prompt.0",
            "gen_ai.prompt",
            "llm.input_messages.0.x",
            "llm.cost.total",
            "input.value",
            "model",
            "llm.invocation_parameters",
            "ai.operationId",
            "operation.name",
            "ai.response.providerMetadata",
            "ai.response.toolCalls",
            "ai.response.text",
            "ai.response.msToFirstChunk",
            "ai.telemetry.metadata.langfusePrompt",
            "ai.telemetry.metadata.tags",
            "ai.usage.reasoningTokens",
            "model_config",
            "deployment.environment",
            "langfuse.observation.metadata.langfuse_tags",
        ]
    ),
    st.builds("langfuse.observation.metadata.{}".format, TEXTS),
    TEXTS,
)
SPAN_VALUES = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(),
        TEXTS,
        st.sampled_from(
            ["LLM", "chat", "invoke_agent", "ai.generateText.doGenerate", '{"openai":{"reasoningTokens":1}}']
        ),
        st.builds(json.dumps, VALUES),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
MUTATIONS = st.lists(
    st.tuples(st.integers(0, 10_000), st.sampled_from(["flip", "drop", "double", "insert"]), st.binary(max_size=6)),
    min_size=1,
    max_size=6,
)  # fmt: skip


def attempt(read: Callable[[], Sequence[Change]]) -> None:
    """What is read must be what a store can take; what is refused must say so in the tree's own words."""
    try:
        made = read()
    except TrunklineError as error:
        made, is_clear = (), error.status in (400, 413) and bool(error.message)
    else:
        is_clear = True
    assert is_clear
    for change in made:
        check(change)


def check(change: Change) -> None:
    assert 0 < len(change.id) <= 800
    assert 0 <= change.stamp.time <= LATEST
    for name in change.__struct_fields__:
        value = getattr(change, name)
        if isinstance(value, bytes):
            msgspec.json.decode(value, type=msgspec.Raw)
            json.loads(value)
        elif isinstance(value, str):
            assert "\0" not in value
            value.encode()
    if isinstance(change, ObservationChange):
        for time in (change.start_time, change.end_time, change.completion_start_time):
            assert time is None or 0 <= time <= LATEST
        assert all(0 <= units < 2**63 for units in (change.usage or {}).values())
        msgspec.json.encode([change.usage, change.cost])
        price(change.model, change.usage or {}, change.start_time or 0)
    elif not isinstance(change, ScoreChange):
        assert all(tag and "\0" not in tag for tag in change.tags)


def mutated(body: bytes, mutations: Sequence[tuple[int, str, bytes]]) -> bytes:
    out = bytearray(body)
    for place, kind, data in mutations:
        at = place % (len(out) + 1)
        if kind == "insert":
            out[at:at] = data
        elif kind == "drop":
            del out[at : at + 1 + len(data)]
        elif kind == "double":
            out[at:at] = out[at : at + 40]
        elif at < len(out):
            out[at] ^= 1 << place % 8
    return bytes(out)


@fuzzing
@given(st.lists(st.one_of(EVENTS, VALUES), max_size=4))
def test_made_batches(events: list[Any]) -> None:
    body = json.dumps({"batch": events}).encode()
    attempt(lambda: read_batch(body, now=NOW).changes)


@fuzzing
@given(st.one_of(BODIES, st.lists(BODIES, max_size=3), VALUES))
def test_made_scores(scores: Any) -> None:
    body = json.dumps(scores).encode()
    attempt(lambda: read_scores(body, now=NOW).changes)


@fuzzing
@given(
    st.dictionaries(ATTRIBUTE_KEYS, SPAN_VALUES, max_size=8),
    st.dictionaries(ATTRIBUTE_KEYS, SPAN_VALUES, max_size=3),
    st.sampled_from(["langfuse-sdk", "ai", "other"]),
    st.integers(0, 2**64 // 1000 - 1),
    st.integers(0, 2**64 // 1000 - 1),
)
def test_made_spans(attributes: dict[str, Any], resource: dict[str, Any], scope: str, start: int, end: int) -> None:
    attempt(lambda: changes(span(attributes, start=start, end=end), resource=resource, scope=scope))


@fuzzing
@given(
    st.fixed_dictionaries(
        {},
        optional={
            name: st.one_of(VALUES, st.just("796df8693c70d36ff36d94403e942ae6"), st.just("796df8693c70d36f"))
            for name in (
                "traceId",
                "spanId",
                "parentSpanId",
                "name",
                "attributes",
                "events",
                "status",
                "endTimeUnixNano",
            )
        },
    ),
    VALUES,
)
def test_made_json_exports(fields: dict[str, Any], anything: Any) -> None:
    for export_ in ({"resourceSpans": [{"scopeSpans": [{"spans": [fields]}]}]}, {"resourceSpans": anything}, anything):
        body = json.dumps(export_).encode()
        attempt(lambda body=body: changes_of(decode_json(body), now=NOW))  # type: ignore[misc]


@fuzzing
@given(st.binary(max_size=300))
def test_random_bytes(body: bytes) -> None:
    attempt(lambda: read_batch(body, now=NOW).changes)
    attempt(lambda: read_scores(body, now=NOW).changes)
    attempt(lambda: changes_of(decode_protobuf(body), now=NOW))
    attempt(lambda: changes_of(decode_json(body), now=NOW))
    attempt(lambda: changes_of(decode_protobuf(inflate(body, LIMIT)), now=NOW))


@fuzzing
@given(MUTATIONS)
def test_mutated_batches(mutations: list[tuple[int, str, bytes]]) -> None:
    body = mutated((RECORDED / "py2-simple-query.json").read_bytes(), mutations)
    attempt(lambda: read_batch(body, now=NOW).changes)


@fuzzing
@given(MUTATIONS, st.sampled_from(["py5-observe.pb.gz", "py5-experiment.pb.gz"]))
def test_mutated_exports(mutations: list[tuple[int, str, bytes]], name: str) -> None:
    recorded = (RECORDED / name).read_bytes()
    attempt(lambda: changes_of(decode_protobuf(inflate(mutated(recorded, mutations), LIMIT)), now=NOW))
    body = mutated(gzip.decompress(recorded), mutations)
    attempt(lambda: changes_of(decode_protobuf(body), now=NOW))


@fuzzing
@given(st.integers(0, 5_000))
def test_cut_off_exports(length: int) -> None:
    whole = export(span({"a": "b" * 300, "c": ["d", {"e": 1}]}), span({"langfuse.observation.input": "{}"}))
    attempt(lambda: changes_of(decode_protobuf(whole[: length % len(whole)]), now=NOW))
