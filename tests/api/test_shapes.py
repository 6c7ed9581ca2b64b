"""The shapes of traces, observations and scores against the published description, key by key."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.contract import check_schema
from trunkline.api.langfuse.formats import EARLIEST, LATEST, iso, page_meta, raw_string
from trunkline.api.langfuse.params import micros
from trunkline.api.langfuse.shapes import (
    METADATA_CUT,
    V2_GROUPS,
    PromptLink,
    cut_metadata,
    observation_v2,
    observation_view,
    trace_in_list,
    trace_with_details,
)
from trunkline.api.langfuse.shapes_scores import V3_GROUPS, score_trace, score_v1, score_v2, score_v3
from trunkline.types import (
    Level,
    Observation,
    ObservationType,
    Score,
    ScoreSource,
    ScoreType,
    Trace,
    TraceDetail,
)

NOON = micros("2026-03-01T12:00:00Z")
SECOND = 1_000_000
LINK = PromptLink(id="support/triage@8", commit="c" * 40, blob="b" * 40)
PROJECT = "default"


def no_links(name: str, version: int) -> PromptLink | None:
    return None


def links(name: str, version: int) -> PromptLink | None:
    return LINK if (name, version) == ("support/triage", 8) else None


def encoded(shape: object) -> Any:
    return msgspec.json.decode(msgspec.json.encode(shape))


GENERATION = Observation(
    id="generation-1",
    trace_id="trace-1",
    type=ObservationType.GENERATION,
    start_time=NOON,
    end_time=NOON + 1_500_000,
    completion_start_time=NOON + 250_000,
    created_at=NOON,
    updated_at=NOON + SECOND,
    environment="production",
    level=Level.WARNING,
    name="draft",
    parent_id="span-1",
    status_message="slow",
    version="1.0",
    model="gpt-4o",
    model_parameters=b'{"temperature":0.2}',
    usage={"input": 10, "input_cached_tokens": 5, "output": 7, "total": 22},
    cost={"input": 0.25, "input_cached_tokens": 0.05, "output": 0.5, "total": 0.8},
    prompt_name="support/triage",
    prompt_version=8,
    input=b'[{"role":"user","content":"h\xc3\xa9llo"}]',
    output=b'"plain"',
    metadata=b'{"attempt":1}',
)
BARE = Observation(
    id="span-1",
    trace_id="trace-1",
    type=ObservationType.SPAN,
    start_time=NOON,
    created_at=NOON,
    updated_at=NOON,
    environment="default",
)
TRACE = Trace(
    id="trace-1",
    timestamp=NOON,
    created_at=NOON,
    updated_at=NOON,
    environment="production",
    name="answer",
    user_id="user-1",
    session_id="session-1",
    tags=("a", "b"),
    input=b'{"q":1}',
    latency=2_500_000,
    total_cost=0.8,
    observation_ids=("span-1", "generation-1"),
    score_ids=("s",),
)


def make_score(data_type: ScoreType, **fields: Any) -> Score:
    given: dict[str, Any] = {"trace_id": "trace-1", **fields}
    return Score(
        id="s",
        name="helpful",
        data_type=data_type,
        timestamp=NOON,
        created_at=NOON,
        updated_at=NOON,
        source=ScoreSource.API,
        environment="default",
        **given,
    )


SCORES = [
    make_score(ScoreType.NUMERIC, value=0.9, comment="on the point", observation_id="generation-1"),
    make_score(ScoreType.BOOLEAN, value=1.0, string_value="True"),
    make_score(ScoreType.CATEGORICAL, string_value="good", metadata=b'{"by":"x"}'),
    make_score(ScoreType.TEXT, string_value="well done"),
    make_score(ScoreType.CORRECTION, string_value="this instead"),
    make_score(ScoreType.NUMERIC, value=0.0, trace_id=None, session_id="session-1"),
    make_score(ScoreType.NUMERIC, value=2, trace_id=None, run_id="run-1"),
]


def test_a_generation_says_everything_about_itself() -> None:
    found = encoded(observation_view(GENERATION, PROJECT, links))
    check_schema(found, "ObservationsView")
    assert found["startTime"] == "2026-03-01T12:00:00.000Z"
    assert found["endTime"] == "2026-03-01T12:00:01.500Z"
    assert found["latency"] == 1.5
    assert found["timeToFirstToken"] == 0.25
    assert found["usage"] == {
        "unit": "TOKENS",
        "input": 15,
        "output": 7,
        "total": 22,
        "inputCost": pytest.approx(0.3),
        "outputCost": 0.5,
        "totalCost": 0.8,
    }
    assert found["usageDetails"] == GENERATION.usage
    assert found["costDetails"] == GENERATION.cost
    assert found["calculatedTotalCost"] == 0.8
    assert found["modelParameters"] == {"temperature": 0.2}
    assert found["input"] == [{"role": "user", "content": "héllo"}]
    assert found["output"] == "plain"
    assert found["metadata"] == {"attempt": 1}
    assert found["level"] == "WARNING"
    assert found["parentObservationId"] == "span-1"
    assert (found["promptName"], found["promptVersion"]) == ("support/triage", 8)
    assert (found["promptCommit"], found["promptBlob"]) == (LINK.commit, LINK.blob)


def test_an_observation_of_an_unknown_version_keeps_name_and_number() -> None:
    found = encoded(observation_view(GENERATION, PROJECT, no_links))
    check_schema(found, "ObservationsView")
    assert (found["promptName"], found["promptVersion"]) == ("support/triage", 8)
    assert found["promptId"] is found["promptCommit"] is found["promptBlob"] is None


def test_a_bare_span_has_every_key() -> None:
    found = encoded(observation_view(BARE, PROJECT, links))
    check_schema(found, "ObservationsView")
    assert found["latency"] is found["endTime"] is found["calculatedTotalCost"] is None
    assert found["usageDetails"] == found["costDetails"] == found["metadata"] == {}
    assert found.keys() == encoded(observation_view(GENERATION, PROJECT, links)).keys()


def test_a_trace_in_a_list() -> None:
    found = encoded({"data": [trace_in_list(TRACE, PROJECT)], "meta": page_meta(1, 50, 1)})
    check_schema(found, "Traces")
    (trace,) = found["data"]
    assert trace["htmlPath"] == "/project/default/traces/trace-1"
    assert trace["latency"] == 2.5
    assert trace["totalCost"] == 0.8
    assert trace["observations"] == ["span-1", "generation-1"]
    assert trace["scores"] == ["s"]
    assert trace["input"] == {"q": 1}
    assert trace["output"] is None
    assert trace["tags"] == ["a", "b"]


def test_left_out_groups_of_a_trace() -> None:
    found = encoded(trace_in_list(TRACE, PROJECT, {"core"}))
    check_schema(found, "TraceWithDetails")
    assert (found["latency"], found["totalCost"]) == (-1, -1)
    assert found["observations"] == found["scores"] == []
    assert not {"input", "output", "metadata"} & found.keys()


def test_a_trace_with_details() -> None:
    detail = TraceDetail(trace=TRACE, observations=(BARE, GENERATION), scores=tuple(SCORES))
    found = encoded(trace_with_details(detail, PROJECT, links))
    check_schema(found, "TraceWithFullDetails")
    assert [each["id"] for each in found["observations"]] == ["span-1", "generation-1"]
    assert [each["dataType"] for each in found["scores"]] == ["NUMERIC", "BOOLEAN", "CATEGORICAL", "TEXT"]


def test_ids_are_quoted_in_the_address_of_a_page() -> None:
    trace = msgspec.structs.replace(TRACE, id="a/b?c")
    assert trace_in_list(trace, PROJECT).html_path == "/project/default/traces/a%2Fb%3Fc"


@pytest.mark.parametrize("score", SCORES, ids=lambda score: f"{score.data_type}-{score.trace_id}")
def test_scores_in_their_three_forms(score: Score) -> None:
    second = encoded(score_v2(score, PROJECT, score_trace(TRACE)))
    check_schema(second, "GetScoresResponseData")
    check_schema(encoded(score_v2(score, PROJECT)), "Score")
    third = encoded(score_v3(score, PROJECT, V3_GROUPS))
    check_schema(third, "ScoreV3")
    check_schema(encoded(score_v3(score, PROJECT, ())), "ScoreV3")
    assert second["trace"] == {
        "userId": "user-1",
        "tags": ["a", "b"],
        "environment": "production",
        "sessionId": "session-1",
    }
    if score.trace_id and score.data_type is not ScoreType.CORRECTION:
        check_schema(encoded(score_v1(score, PROJECT)), "ScoreV1")


def test_values_of_scores() -> None:
    forms = [(encoded(score_v1(score, PROJECT)), encoded(score_v3(score, PROJECT, V3_GROUPS))) for score in SCORES]
    numeric, boolean, categorical, text, correction, session, run = forms
    assert (numeric[0]["value"], numeric[0]["stringValue"], numeric[1]["value"]) == (0.9, None, 0.9)
    assert (boolean[0]["value"], boolean[0]["stringValue"], boolean[1]["value"]) == (1, "True", True)
    assert (categorical[0]["value"], categorical[0]["stringValue"], categorical[1]["value"]) == (0, "good", "good")
    assert "value" not in text[0]
    assert (text[0]["stringValue"], text[1]["value"]) == ("well done", "well done")
    assert correction[1]["value"] == "this instead"
    assert numeric[1]["subject"] == {"kind": "observation", "id": "generation-1", "traceId": "trace-1"}
    assert boolean[1]["subject"] == {"kind": "trace", "id": "trace-1"}
    assert session[1]["subject"] == {"kind": "session", "id": "session-1"}
    assert run[1]["subject"] == {"kind": "experiment", "id": "run-1"}


def test_the_second_form_has_the_groups_asked_for() -> None:
    full = encoded(observation_v2(GENERATION, PROJECT, links, groups=V2_GROUPS, trace=TRACE))
    check_schema(full, "ObservationV2")
    assert full["input"] == '[{"role":"user","content":"héllo"}]'
    assert full["output"] == "plain"
    assert (full["userId"], full["traceName"], full["tags"]) == ("user-1", "answer", ["a", "b"])
    assert full["totalCost"] == 0.8
    assert full["promptCommit"] == LINK.commit
    assert full["isRootObservation"] is False
    core = encoded(observation_v2(BARE, PROJECT, links, groups={"core"}))
    check_schema(core, "ObservationV2")
    assert "name" not in core
    assert "input" not in core
    alone = encoded(observation_v2(BARE, PROJECT, links, groups=V2_GROUPS))
    check_schema(alone, "ObservationV2")
    assert alone["isRootObservation"] is True
    assert alone["userId"] is None


def test_long_metadata_is_cut_unless_asked_for() -> None:
    document = msgspec.json.encode({"long": "é" * 300, "list": [1] * 300, "short": {"a": 1}})
    cut = encoded(cut_metadata(document))
    assert cut["long"] == "é" * METADATA_CUT
    assert cut["list"] == ("[" + "1," * 300)[:METADATA_CUT]
    assert cut["short"] == {"a": 1}
    assert encoded(cut_metadata(document, {"long"}))["long"] == "é" * 300


@pytest.mark.parametrize(
    ("document", "text"),
    [(None, None), (b'"a\\nb"', "a\nb"), (b"12", "12"), (b'{"a":1}', '{"a":1}'), (b"null", "null")],
)
def test_raw_strings(document: bytes | None, text: str | None) -> None:
    assert raw_string(document) == text


@given(st.integers(EARLIEST, LATEST))
def test_times_read_back(time: int) -> None:
    assert micros(iso(time)) == time - time % 1000
