from __future__ import annotations

import json
from typing import Any

import pytest

from trunkline.errors import InvalidRequest
from trunkline.tracing.scores import read_score, read_scores
from trunkline.types import Rank, ScoreSource, ScoreType, Stamp

NOW = 1_795_460_700_000_000
BASE = {"name": "helpful", "traceId": "t"}


def test_a_number_is_numeric() -> None:
    score = read_score({**BASE, "value": 0.5, "id": "s", "comment": "good", "metadata": {"a": 1}}, now=NOW)
    assert (score.data_type, score.value, score.string_value) == (ScoreType.NUMERIC, 0.5, None)
    assert (score.id, score.trace_id, score.comment, score.metadata) == ("s", "t", "good", b'{"a":1}')
    assert (score.timestamp, score.stamp, score.environment) == (NOW, Stamp(Rank.CREATE, NOW), "default")
    assert score.source is ScoreSource.API


@pytest.mark.parametrize(
    ("body", "data_type", "value", "text"),
    [
        ({"value": 3}, ScoreType.NUMERIC, 3.0, None),
        ({"value": "good"}, ScoreType.CATEGORICAL, None, "good"),
        ({"value": "1", "dataType": "CATEGORICAL"}, ScoreType.CATEGORICAL, None, "1"),
        ({"value": 1, "dataType": "BOOLEAN"}, ScoreType.BOOLEAN, 1.0, "True"),
        ({"value": 0, "dataType": "BOOLEAN"}, ScoreType.BOOLEAN, 0.0, "False"),
        ({"value": True}, ScoreType.BOOLEAN, 1.0, "True"),
        ({"value": "x" * 500, "dataType": "TEXT"}, ScoreType.TEXT, None, "x" * 500),
        ({"value": "x" * 5000, "dataType": "CORRECTION"}, ScoreType.CORRECTION, None, "x" * 5000),
        ({"value": "a\0b"}, ScoreType.CATEGORICAL, None, "ab"),
    ],
)
def test_types_and_values(body: dict[str, Any], data_type: ScoreType, value: float | None, text: str | None) -> None:
    score = read_score({**BASE, **body}, now=NOW)
    assert (score.data_type, score.value, score.string_value) == (data_type, value, text)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"name": "", "value": 1, "traceId": "t"}, "name must not be empty"),
        ({"value": 1, "traceId": "t"}, "required field `name`"),
        ({**BASE}, "NUMERIC score must be a number"),
        ({**BASE, "value": "x", "dataType": "NUMERIC"}, "NUMERIC score must be a number"),
        ({**BASE, "value": 2, "dataType": "BOOLEAN"}, "must be 0 or 1"),
        ({**BASE, "value": "True", "dataType": "BOOLEAN"}, "must be 0 or 1"),
        ({**BASE, "value": 1, "dataType": "CATEGORICAL"}, "CATEGORICAL score must be text"),
        ({**BASE, "value": "", "dataType": "TEXT"}, "1 to 500"),
        ({**BASE, "value": "x" * 501, "dataType": "TEXT"}, "1 to 500"),
        ({**BASE, "value": 1, "dataType": "OTHER"}, "dataType"),
        ({"name": "n", "value": 1}, "exactly one of"),
        ({**BASE, "value": 1, "sessionId": "s"}, "exactly one of"),
        ({"name": "n", "value": 1, "sessionId": "s", "datasetRunId": "r"}, "exactly one of"),
        ({"name": "n", "value": 1, "sessionId": "s", "observationId": "o"}, "needs its traceId"),
        ({**BASE, "value": 1, "id": "x" * 801}, "801 characters"),
        ({**BASE, "value": 1, "timestamp": "soon"}, "is no time"),
        ({**BASE, "value": 1, "source": "EVAL"}, "EVAL"),
        ([], "Expected `object`"),
        (None, "Expected `object`"),
    ],
)
def test_wrong_scores_are_refused(body: object, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        read_score(body, now=NOW)


def test_targets() -> None:
    on_observation = read_score({**BASE, "value": 1, "observationId": "o"}, now=NOW)
    on_session = read_score({"name": "n", "value": 1, "sessionId": "s"}, now=NOW)
    on_run = read_score({"name": "n", "value": 1, "datasetRunId": "r"}, now=NOW)
    assert (on_observation.trace_id, on_observation.observation_id) == ("t", "o")
    assert (on_session.session_id, on_session.trace_id) == ("s", None)
    assert on_run.run_id == "r"


def test_an_annotation_by_a_user() -> None:
    body = {**BASE, "value": 1, "source": "ANNOTATION", "configId": "c", "queueId": "q", "environment": "Prod"}
    score = read_score(body, now=NOW, author_id="anna")
    assert (score.source, score.author_id) == (ScoreSource.ANNOTATION, "anna")
    assert (score.config_id, score.queue_id, score.environment) == ("c", "q", "prod")


def test_one_score_in_a_body() -> None:
    batch = read_scores(json.dumps({**BASE, "value": 1}).encode(), now=NOW)
    assert not batch.is_array
    assert [score.name for score in batch.changes] == ["helpful"]
    with pytest.raises(InvalidRequest, match="exactly one of"):
        read_scores(b'{"name": "n", "value": 1}', now=NOW)


def test_of_a_list_the_good_ones_count() -> None:
    bodies = [{**BASE, "value": 1}, {"name": "n"}, 7, {**BASE, "value": 2}]
    batch = read_scores(json.dumps(bodies).encode(), now=NOW)
    assert batch.is_array
    assert [score.value for score in batch.changes] == [1.0, 2.0]
    assert [score.stamp.index for score in batch.changes] == [0, 3]
    assert [message.split(":")[0] for message in batch.errors] == ["[1]", "[2]"]


@pytest.mark.parametrize("body", [b"", b"{", b"nope", b"\xff", b"[" * 100_000, b'"text"', b"3"])
def test_bodies_that_are_no_scores(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read_scores(body, now=NOW)
