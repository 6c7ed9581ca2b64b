"""SDK 3, 4 and 5: each read of the generated client that the server has, on what the scenarios before it wrote.

The client decodes every answer into its models, whose fields are required: an answer of another shape raises.
"""

import asyncio
import inspect
import json
from datetime import datetime, timedelta, timezone

from langfuse import Langfuse
from sdk import MAJOR, NAME

SINCE = datetime.now(timezone.utc) - timedelta(days=2)
UNTIL = datetime.now(timezone.utc) + timedelta(days=1)
METRICS = {
    "view": "observations",
    "metrics": [{"measure": "count", "aggregation": "count"}, {"measure": "latency", "aggregation": "p95"}],
    "dimensions": [{"field": "name"}],
    "filters": [],
    "fromTimestamp": SINCE.isoformat().replace("+00:00", "Z"),
    "toTimestamp": UNTIL.isoformat().replace("+00:00", "Z"),
}


def reads(api, ids):
    """Name to a call. Those of SDK 5 are fewer: it left the first reads of traces and observations behind."""
    everything = "core,basic,time,io,metadata,model,usage,prompt,metrics,trace_context"
    calls = {
        "health": lambda: api.health.health(),
        "projects": lambda: api.projects.get(),
        "prompts": lambda: api.prompts.list(limit=100),
        "prompt": lambda: api.prompts.get(f"{NAME}%2Ftext", label="latest"),
        "datasets": lambda: api.datasets.list(limit=100),
        "dataset": lambda: api.datasets.get(ids["dataset"]),
        "items": lambda: api.dataset_items.list(limit=100),
        "item": lambda: api.dataset_items.get(f"{NAME}-item-0"),
        "score configs": lambda: api.score_configs.get(limit=100),
        "models": lambda: api.models.list(limit=100),
        "model": lambda: api.models.get(api.models.list(limit=1).data[0].id),
        "comments": lambda: api.comments.get(),
        "queues": lambda: api.annotation_queues.list_queues(),
        "metrics": lambda: (api.metrics_v_2 if MAJOR == 3 else api.metrics).metrics(query=json.dumps(METRICS)),
        "observations v2": lambda: (api.observations_v_2 if MAJOR == 3 else api.observations).get_many(
            fields=everything, limit=1000, from_start_time=SINCE
        ),
    }
    if MAJOR < 5:
        calls |= {
            "traces": lambda: api.trace.list(limit=100, from_timestamp=SINCE, order_by="timestamp.desc"),
            "trace": lambda: api.trace.get(ids["trace"]),
            "sessions": lambda: api.sessions.list(limit=100),
            "session": lambda: api.sessions.get(f"{NAME}-session"),
            "runs": lambda: api.datasets.get_runs(ids["dataset"]),
            "run": lambda: api.datasets.get_run(ids["dataset"], ids["run"]),
            "run items": lambda: api.dataset_run_items.list(dataset_id=ids["dataset id"], run_name=ids["plain run"]),
            "metrics v1": lambda: (api.metrics if MAJOR == 3 else api.legacy.metrics_v1).metrics(
                query=json.dumps(METRICS)
            ),
        }
        first = api.observations if MAJOR == 3 else api.legacy.observations_v1
        scores = api.score_v_2 if MAJOR == 3 else api.scores
        listing = scores.get if MAJOR == 3 else scores.get_many
        calls |= {
            "observations": lambda: first.get_many(limit=100, from_start_time=SINCE),
            "observation": lambda: first.get(ids["observation"]),
            "scores": lambda: listing(limit=100),
            "score": lambda: scores.get_by_id(listing(limit=1).data[0].id),
        }
    if MAJOR == 4:
        calls["scores v3"] = lambda: api.scores_v3.get_many_v3(limit=100, fields="details,subject,annotation")
    if MAJOR == 5:
        calls["scores v3"] = lambda: api.scores.get_many(limit=100, fields="details,subject,annotation")
    if MAJOR >= 4:
        calls["experiments"] = lambda: api.experiments.list(from_start_time=SINCE, limit=100)
        calls["experiment items"] = lambda: api.experiments.list_items(
            from_start_time=SINCE, limit=100, fields="io,metadata,itemMetadata,experimentMetadata,dataset"
        )
    return calls


def ids_of(langfuse):
    name = f"{NAME}/data set ü"
    with langfuse.start_as_current_observation(name="read by the client", as_type="generation", model="gpt-4o") as each:
        each.update(input="i", output="o", usage_details={"input": 3, "output": 4})
        each.score(name="read", value=1)
    langfuse.flush()
    return {
        "dataset": langfuse._url_encode(name),
        "dataset id": langfuse.get_dataset(name).id,
        "run": langfuse._url_encode(f"{NAME} run/1"),
        "plain run": f"{NAME} run/1",
        "trace": each.trace_id,
        "observation": each.id,
    }


def attempt(call):
    try:
        answer = call()
        return {"count": len(answer.data)} if isinstance(getattr(answer, "data", None), list) else {"count": 1}
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {error}"[:1500]}


def writes(api):
    """What the client creates beside what the SDK has helpers for, as far as the server has it."""
    found = {}

    def create(key, call, read):
        try:
            made = call()
            found[key] = {"id": made.id} | read(made)
        except Exception as error:
            found[key] = {"failed": f"{type(error).__name__}: {error}"[:1500]}

    if MAJOR == 3:
        from langfuse.api import CreateModelRequest, CreateScoreConfigRequest

        create(
            "config",
            lambda: api.score_configs.create(request=CreateScoreConfigRequest(name=f"{NAME} c", dataType="NUMERIC")),
            lambda made: {"name": made.name},
        )
        create(
            "model",
            lambda: api.models.create(
                request=CreateModelRequest(
                    modelName=f"{NAME}-m", matchPattern=f"^{NAME}-m$", inputPrice=0.5, unit="TOKENS"
                )
            ),
            lambda made: {"name": made.model_name},
        )
    else:
        create(
            "config",
            lambda: api.score_configs.create(name=f"{NAME} c", data_type="NUMERIC"),
            lambda made: {"name": made.name},
        )
        create(
            "model",
            lambda: api.models.create(
                model_name=f"{NAME}-m", match_pattern=f"^{NAME}-m$", input_price=0.5, unit="TOKENS"
            ),
            lambda made: {"name": made.model_name},
        )
    return found


def spans(trace_id, name):
    """OTLP's JSON by the client's own models, as who has no exporter sends it."""
    text = lambda key, value: {"key": key, "value": {"stringValue": value}}  # noqa: E731
    span = {
        "traceId": trace_id,
        "spanId": trace_id[:16],
        "name": name,
        "kind": 1,
        "startTimeUnixNano": "1790000000000000000",
        "endTimeUnixNano": "1790000001000000000",
        "attributes": [text("langfuse.observation.type", "generation"), text("langfuse.observation.input", "by hand")],
        "status": {},
    }
    resource = {"attributes": [text("service.name", "by-hand")]}
    return [{"resource": resource, "scopeSpans": [{"scope": {"name": "hand", "version": "1"}, "spans": [span]}]}]


def ends(langfuse):
    """Traces by the client's own OTLP, a score on one by a request, and deletions of both."""
    api, found = langfuse.api, {}
    first, second, third = (langfuse.create_trace_id(seed=f"{NAME} {number}") for number in range(3))
    for trace_id in (first, second, third):
        api.opentelemetry.export_traces(resource_spans=spans(trace_id, f"{NAME} by hand"))
    if MAJOR == 3:
        from langfuse.api import CreateScoreRequest

        made = api.score.create(request=CreateScoreRequest(name="by hand", value=0.5, traceId=first))
        api.score.delete(made.id)
    elif MAJOR == 4:
        made = api.scores.create(name="by hand", value=0.5, trace_id=first)
        api.legacy.score_v1.delete(made.id)
    found["kept"] = first
    found["deleted"] = [second, third]
    api.trace.delete(second)
    api.trace.delete_multiple(trace_ids=[third])
    return found


def run():
    langfuse = Langfuse()
    ids = ids_of(langfuse)
    found = {"writes": writes(langfuse.api), "ends": ends(langfuse)}
    found["reads"] = {key: attempt(call) for key, call in reads(langfuse.api, ids).items()}

    async def in_async():
        answers = {}
        for key, call in reads(langfuse.async_api, ids).items():
            if key in ("model", "score"):  # They call twice, the second with what the first gave.
                continue
            try:
                answer = call()
                await answer if inspect.isawaitable(answer) else answer
            except Exception as error:
                answers[key] = f"{type(error).__name__}: {error}"[:300]
        return answers

    found["async failures"] = asyncio.run(in_async())
    return found
