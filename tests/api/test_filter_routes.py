"""The parameter `filter` on every list that has it: what it finds, what it takes precedence over, what is refused."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from api.contract import check
from trunkline.api.langfuse.filter_columns import OBSERVATION_FILTERS_V2, SCORE_FILTERS, TRACE_FILTERS, Kind
from trunkline.api.langfuse.filters import OPERATORS, TYPES

LISTS = {
    "traces": TRACE_FILTERS,
    "v2/observations": OBSERVATION_FILTERS_V2,
    "v2/scores": SCORE_FILTERS,
}
VALUES: dict[str, Any] = {
    "datetime": "2026-03-01T12:00:02Z",
    "string": "a",
    "stringOptions": ["a", "b"],
    "categoryOptions": ["a"],
    "arrayOptions": ["a"],
    "number": 1.5,
    "stringObject": "a",
    "numberObject": 2,
    "booleanObject": True,
    "boolean": False,
    "null": "",
}


def at(second: int) -> str:
    return f"2026-03-01T12:00:{second:02}.000Z"


def event(kind: str, second: int, **body: Any) -> dict[str, Any]:
    return {"id": f"{kind}-{body['id']}", "type": kind, "timestamp": at(second), "body": body}


async def ids(api: httpx.AsyncClient, path: str, *conditions: Any, **params: Any) -> set[str]:
    answer = await api.get(f"/api/public/{path}", params={**params, "filter": json.dumps(conditions)})
    assert answer.status_code == 200, answer.text
    return {each["id"] for each in check(answer).json()["data"]}


@pytest.fixture
async def filled(api: httpx.AsyncClient) -> httpx.AsyncClient:
    """Traces t0 to t3, a second apart, with a generation and a failed tool each; numbers grow with the index."""
    batch = []
    for n in range(4):
        metadata = {"tier": "free" if n % 2 else "enterprise", "weight": n, "labels": [f"l{n}", "all"], "a.b": {"c": n}}
        trace = {"id": f"t{n}", "name": f"name-{n}", "userId": f"u{n % 2}", "timestamp": at(n), "metadata": metadata}
        batch.append(
            event("trace-create", n, **trace, tags=["all", f"tag-{n}"], version="1", release="r", public=n == 1)
        )
        generation = {
            "id": f"g{n}", "traceId": f"t{n}", "startTime": at(n), "endTime": at(n + n), "completionStartTime": at(n),
            "model": "gpt-4o", "name": "draft", "input": f"The Needle {n}", "output": {"text": f"hay {n}"},
            "promptName": "support/triage", "promptVersion": n + 1, "metadata": metadata,
        }  # fmt: skip
        usage = {"usageDetails": {"input": 10 * n, "output": n}, "costDetails": {"input": n / 4, "output": n / 4}}
        batch.append(event("generation-create", n, **generation, **usage))
        tool = {"id": f"x{n}", "traceId": f"t{n}", "parentObservationId": f"g{n}", "startTime": at(n)}
        level = {"level": "ERROR", "statusMessage": "it broke"} if n > 1 else {}
        batch.append(event("tool-create", n, **tool, **level))
        scored = {"traceId": f"t{n}", "metadata": {"judge": f"j{n}"}}
        batch.append(event("score-create", n, id=f"n{n}", name="quality", value=n / 4, **scored))
        batch.append(event("score-create", n, id=f"c{n}", name="tone", value="kind" if n else "rude", **scored))
        batch.append(event("score-create", n, id=f"b{n}", name="ok", value=n % 2, dataType="BOOLEAN", **scored))
    answer = await api.post("/api/public/ingestion", json={"batch": batch})
    assert not answer.json()["errors"], answer.text
    return api


def condition(type: str, column: str, operator: str, value: Any = "", key: str | None = None) -> dict[str, Any]:
    return {"type": type, "column": column, "operator": operator, "value": value} | ({"key": key} if key else {})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("datetime", "timestamp", ">=", at(2)), "23"),
        (("string", "userId", "=", "u1"), "13"),
        (("string", "name", "ends with", "-2"), "2"),
        (("stringOptions", "name", "none of", ["name-0", "name-1"]), "23"),
        (("string", "id", "contains", "3"), "3"),
        (("arrayOptions", "tags", "all of", ["all", "tag-1"]), "1"),
        (("arrayOptions", "tags", "none of", ["tag-1", "tag-2"]), "03"),
        (("boolean", "bookmarked", "=", False), "0123"),
        (("boolean", "public", "<>", True), "023"),
        (("stringObject", "metadata", "=", "enterprise", "tier"), "02"),
        (("numberObject", "metadata", ">", 1, "weight"), "23"),
        (("categoryOptions", "metadata", "any of", ["l1", "l3"], "labels"), "13"),
        (("stringObject", "metadata", "contains", '{"c":2', "a.b"), "2"),
        (("number", "latency", ">=", 2), "23"),
        (("number", "inputTokens", "=", 20), "2"),
        (("number", "tokens", "<", 12), "01"),
        (("number", "totalCost", ">", 0.5), "23"),
        (("number", "outputCost", "<=", 0.25), "01"),
        (("string", "level", "=", "ERROR"), "23"),
        (("number", "errorCount", "=", 1), "23"),
        (("number", "defaultCount", "=", 2), "01"),
        (("number", "scores_avg", ">", 0.3), "23"),
        (("numberObject", "scores", "<", 0.3, "quality"), "01"),
        (("categoryOptions", "score_categories", "any of", ["rude"], "tone"), "0"),
        (("booleanObject", "score_booleans", "=", True, "ok"), "13"),
        (("booleanObject", "score_booleans", "<>", True, "none"), "0123"),
        (("null", "sessionId", "is null"), "0123"),
        (("null", "userId", "is null"), ""),
    ],
)
async def test_filters_of_traces(filled: httpx.AsyncClient, given: Any, expected: str) -> None:
    assert await ids(filled, "traces", condition(*given)) == {f"t{n}" for n in expected}


@pytest.mark.parametrize("path", ["observations", "v2/observations"])
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("string", "type", "=", "TOOL"), "x0 x1 x2 x3"),
        (("string", "traceId", "=", "t1"), "g1 x1"),
        (("stringOptions", "id", "any of", ["g1", "x2", "no"]), "g1 x2"),
        (("datetime", "endTime", ">", at(3)), "g2 g3"),
        (("number", "latency", ">=", 2.0), "g2 g3"),
        (("number", "timeToFirstToken", "=", 0), "g0 g1 g2 g3"),
        (("number", "tokensPerSecond", "=", 1), "g1 g2 g3"),
        (("number", "outputTokens", ">", 2), "g3"),
        (("number", "totalCost", ">=", 1), "g2 g3"),
        (("string", "model", "starts with", "gpt"), "g0 g1 g2 g3"),
        (("string", "promptName", "=", "support/triage"), "g0 g1 g2 g3"),
        (("number", "promptVersion", "=", 2), "g1"),
        (("string", "statusMessage", "contains", "broke"), "x2 x3"),
        (("stringObject", "metadata", "=", "free", "tier"), "g1 g3"),
        (("string", "userId", "=", "u0"), "g0 x0 g2 x2"),
        (("string", "traceName", "=", "name-3"), "g3 x3"),
        (("string", "traceEnvironment", "=", "default"), "g0 g1 g2 g3 x0 x1 x2 x3"),
        (("arrayOptions", "traceTags", "any of", ["tag-0", "tag-1"]), "g0 x0 g1 x1"),
        (("boolean", "isRootObservation", "=", False), "x0 x1 x2 x3"),
        (("null", "parentObservationId", "is null"), "g0 g1 g2 g3"),
        (("string", "level", "=", "ERROR"), "x2 x3"),
    ],
)
async def test_filters_of_observations(filled: httpx.AsyncClient, path: str, given: Any, expected: str) -> None:
    assert await ids(filled, path, condition(*given)) == set(expected.split())


async def test_inputs_and_outputs_are_searched_with_an_indexable_condition(filled: httpx.AsyncClient) -> None:
    matches = condition("string", "input", "matches", "nEEdle 2")
    assert await ids(filled, "v2/observations", matches) == {"g2"}
    assert await ids(filled, "v2/observations", condition("string", "output", "matches", '"hay')) == {
        f"g{n}" for n in range(4)
    }
    ending = condition("string", "input", "ends with", "2")
    assert await ids(filled, "v2/observations", matches, ending) == {"g2"}
    assert await ids(filled, "v2/observations", condition("stringObject", "metadata", "matches", "ree", "tier")) == {
        "g1",
        "g3",
    }
    for refused in (
        ending,
        condition("string", "input", "contains", "x"),
        condition("string", "input", "matches", "%!"),
    ):
        answer = await filled.get("/api/public/v2/observations", params={"filter": json.dumps([refused])})
        assert answer.status_code == 400, answer.text


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("stringObject", "metadata", "=", "j1", "judge"), "n1 c1 b1"),
        (("number", "value", ">", 0.4), "n2 n3 b1 b3"),
        (("stringOptions", "dataType", "any of", ["NUMERIC"]), "n0 n1 n2 n3"),
        (("string", "stringValue", "=", "rude"), "c0"),
        (("datetime", "timestamp", "<", at(1)), "n0 c0 b0"),
        (("string", "traceId", "=", "t2"), "n2 c2 b2"),
        (("arrayOptions", "traceTags", "all of", ["tag-3"]), "n3 c3 b3"),
        (("string", "userId", "=", "none"), ""),
    ],
)
async def test_filters_of_scores(filled: httpx.AsyncClient, given: Any, expected: str) -> None:
    assert await ids(filled, "v2/scores", condition(*given)) == set(expected.split())


async def test_conditions_add_up_and_take_precedence_over_their_parameters(filled: httpx.AsyncClient) -> None:
    of_user = condition("string", "userId", "=", "u1")
    assert await ids(filled, "traces", of_user, condition("datetime", "timestamp", ">", at(1))) == {"t3"}
    assert await ids(filled, "traces", of_user, userId="u0") == {"t1", "t3"}
    assert await ids(filled, "traces", of_user, userId="u0", name="name-1") == {"t1"}
    assert await ids(filled, "traces", condition("datetime", "timestamp", ">", at(1)), toTimestamp=at(0)) == {
        "t2",
        "t3",
    }
    assert await ids(filled, "traces") == {"t0", "t1", "t2", "t3"}
    assert await ids(
        filled, "v2/observations", condition("string", "type", "=", "TOOL"), type="GENERATION", level="ERROR"
    ) == {"x2", "x3"}
    assert await ids(filled, "v2/scores", condition("string", "name", "=", "tone"), name="ok", traceId="t1") == {"c1"}


async def test_every_column_takes_every_type_and_operator_that_is_named_for_it(filled: httpx.AsyncClient) -> None:
    for path, filters in LISTS.items():
        for name, known in filters.columns.items():
            if known.kind is Kind.CONTENT:
                continue
            for type in TYPES[known.kind]:
                for operator in OPERATORS[type]:
                    await ids(filled, path, condition(type, name, operator, VALUES[type], "key"), limit=1)


@pytest.mark.parametrize(
    ("given", "place", "named"),
    [
        ({"type": "string", "column": "colour", "operator": "=", "value": "a"}, "column", "userId"),
        ({"type": "number", "column": "userId", "operator": "=", "value": 1}, "type", "stringOptions"),
        ({"type": "string", "column": "userId", "operator": ">", "value": "a"}, "operator", "starts with"),
        ({"type": "string", "column": "userId", "operator": "matches", "value": "a"}, "operator", "starts with"),
        ({"type": "string", "column": "userId", "operator": "=", "value": 1}, "value", "text"),
        ({"type": "string", "column": "userId", "operator": "="}, "value", "text"),
        ({"type": "stringOptions", "column": "userId", "operator": "any of", "value": []}, "value", "at least one"),
        ({"type": "stringOptions", "column": "userId", "operator": "any of", "value": "a"}, "value", "list"),
        ({"type": "arrayOptions", "column": "tags", "operator": "any of", "value": [1]}, "value", "list"),
        ({"type": "number", "column": "latency", "operator": "=", "value": "1"}, "value", "number"),
        ({"type": "number", "column": "latency", "operator": "=", "value": True}, "value", "number"),
        ({"type": "number", "column": "latency", "operator": "=", "value": 10**400}, "value", "finite"),
        ({"type": "datetime", "column": "timestamp", "operator": ">", "value": "noon"}, "value", "ISO 8601"),
        ({"type": "boolean", "column": "bookmarked", "operator": "=", "value": 1}, "value", "true or false"),
        ({"type": "stringObject", "column": "metadata", "operator": "=", "value": "a"}, "key", "text"),
        ({"type": "stringObject", "column": "metadata", "operator": "=", "value": "a", "key": ""}, "key", "metadata"),
        ({"column": "userId"}, "type", "text"),
        ({}, "column", "text"),
        (7, "", "object"),
    ],
)  # fmt: skip
async def test_a_wrong_condition_is_named(api: httpx.AsyncClient, given: Any, place: str, named: str) -> None:
    good = condition("string", "userId", "=", "u")
    answer = await api.get("/api/public/traces", params={"filter": json.dumps([good, given])})
    assert answer.status_code == 400, answer.text
    (issue,) = answer.json()["error"]
    assert issue["path"] == ["filter", 1, place]
    assert named in issue["message"]


@pytest.mark.parametrize(
    "text",
    ["{", "{}", "7", "null", '"x"', "[[]", "[" * 5000, '["\\ud800"]', "[" + "{}," * 60 + "{}]", "x" * 30_000],
    ids=["cut", "object", "number", "null", "text", "unbalanced", "deep", "surrogate", "many", "long"],
)
@pytest.mark.parametrize("path", ["traces", "observations", "v2/observations", "v2/scores"])
async def test_what_is_no_list_of_conditions_is_refused(api: httpx.AsyncClient, path: str, text: str) -> None:
    answer = check(await api.get(f"/api/public/{path}", params={"filter": text}))
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize("value", ["\ud800", "\x00", "'; DROP TABLE traces; --", "%", "🙂" * 50, "1e999"])
async def test_odd_values_find_nothing_and_harm_nothing(filled: httpx.AsyncClient, value: str) -> None:
    for given in (
        condition("string", "userId", "=", value),
        condition("string", "id", "contains", value),
        condition("stringObject", "metadata", "=", value, value),
        condition("arrayOptions", "tags", "any of", [value]),
    ):
        answer = await filled.get("/api/public/traces", params={"filter": json.dumps([given])})
        assert answer.status_code in {200, 400}, answer.text
        if answer.status_code == 200:
            assert answer.json()["data"] == []


@pytest.mark.parametrize("operator", ["any of", "all of", "none of"])
async def test_as_much_as_a_filter_holds_is_answered(filled: httpx.AsyncClient, operator: str) -> None:
    tags = [f"{n:x}" for n in range(400)]
    many = [condition("arrayOptions", "tags", operator, tags)] * 5
    many += [condition("stringOptions", "name", "none of", tags[:10])] * 20
    many += [condition("stringObject", "metadata", "does not contain", "x", "tier")] * 20
    assert len(await ids(filled, "traces", *many)) == (4 if operator == "none of" else 0)
    assert len(await ids(filled, "traces", tags=tags, environment=tags)) == 0
    refused = await filled.get("/api/public/traces", params={"environment": ",".join(map(str, range(600)))})
    assert refused.status_code == 400
