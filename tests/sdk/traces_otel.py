"""SDK 3, 4 and 5: nested observations of every type, with everything that can be said of one; scores; prompt links."""

import contextlib
import os
from datetime import datetime, timedelta, timezone

from langfuse import Langfuse, get_client, propagate_attributes
from sdk import MAJOR, NAME

TYPES = ("span", "agent", "tool", "chain", "retriever", "evaluator", "guardrail", "generation", "embedding")
SPAN_LIKE = TYPES[:7]


def run():
    langfuse = Langfuse(environment="staging", release="r-7")
    prompts = {
        "text": langfuse.create_prompt(name=f"{NAME}/text", prompt="Say {{word}}", labels=["production"]),
        "chat": langfuse.create_prompt(
            name=f"{NAME}/chat", type="chat", prompt=[{"role": "user", "content": "Hi {{name}}"}], labels=["production"]
        ),
    }
    found = {
        "nested": nested(langfuse),
        "links": links(langfuse, prompts),
        "remote": remote(langfuse),
        "errors": errors(langfuse),
        "updates": updates(langfuse),
        "scores": scores(langfuse),
        "contents": contents(langfuse),
        "prompts": {key: prompt.version for key, prompt in prompts.items()},
    }
    langfuse.flush()
    return found


def nested(langfuse):
    """Each type under the one before, an event in the middle, the trace's fields by propagation."""
    ids, urls = {}, {}
    with contextlib.ExitStack() as stack:
        root = stack.enter_context(langfuse.start_as_current_observation(name="root", as_type="span", input={"q": 1}))
        stack.enter_context(
            propagate_attributes(
                user_id=f"{NAME}-user",
                session_id=f"{NAME}-session",
                tags=["b", "a"],
                version="1.2",
                metadata={"plan": "pro"},
                trace_name=f"{NAME}-nested",
            )
        )
        for kind in TYPES:
            more = {}
            if kind not in SPAN_LIKE:
                more = dict(
                    model="gpt-4o-mini",
                    model_parameters={"temperature": 0.5, "max_tokens": 10, "stop": ["a"], "stream": True},
                    usage_details={"input": 3, "output": 4},
                )
            each = stack.enter_context(
                langfuse.start_as_current_observation(
                    name=f"a {kind}",
                    as_type=kind,
                    input={"to": kind},
                    metadata={"kind": kind, "deep": {"list": [1, "two", None]}, "count": 3, "flag": True},
                    level="DEBUG",
                    status_message=f"at {kind}",
                    version=f"v-{kind}",
                    **more,
                )
            )
            ids[kind] = each.id
            if kind == "chain":
                event = langfuse.create_event(
                    name="an event", input="in", output="out", metadata={"e": 1}, level="WARNING"
                )
                ids["event"] = event.id
            each.update(output=[kind, 1.5])
        urls["current"] = langfuse.get_trace_url()
        urls["id"] = langfuse.get_current_observation_id()
        if MAJOR == 3:
            langfuse.update_current_trace(input={"asked": True}, output={"told": True}, public=True)
        else:
            langfuse.set_current_trace_as_public()
            if MAJOR == 4:
                langfuse.set_current_trace_io(input={"asked": True}, output={"told": True})
        root.update(output="done")
    return {"trace": root.trace_id, "root": root.id, "ids": ids, "urls": urls}


def links(langfuse, prompts):
    """Every way to link a prompt; fallbacks do not link."""
    ids = {}
    fallback = langfuse.get_prompt(f"{NAME}/nowhere", fallback="Say {{word}}", max_retries=0)
    with langfuse.start_as_current_observation(name="links", as_type="span") as root:
        with langfuse.start_as_current_observation(name="create", as_type="generation", prompt=prompts["text"]) as each:
            ids["create"] = each.id
        with langfuse.start_as_current_observation(name="update", as_type="generation") as each:
            each.update(prompt=prompts["chat"])
            ids["update"] = each.id
        with langfuse.start_as_current_observation(name="current", as_type="generation") as each:
            langfuse.update_current_generation(prompt=prompts["text"], model="m")
            ids["current"] = each.id
        started = langfuse.start_observation(name="started", as_type="generation", prompt=prompts["chat"])
        ids["started"] = started.id
        child = started.start_observation(name="child", as_type="generation", prompt=prompts["text"])
        ids["child"] = child.id
        child.end()
        started.end()
        with langfuse.start_as_current_observation(
            name="embedding", as_type="embedding", prompt=prompts["text"]
        ) as each:
            ids["embedding"] = each.id
        with langfuse.start_as_current_observation(name="fallback", as_type="generation", prompt=fallback) as each:
            each.update(input=fallback.compile(word="it"), metadata={"fallback": fallback.is_fallback})
            ids["fallback"] = each.id
        if MAJOR >= 4:
            with propagate_attributes(prompt=prompts["chat"]):
                with langfuse.start_as_current_observation(name="below", as_type="span") as each:
                    ids["propagated to a span"] = each.id
                    with langfuse.start_as_current_observation(name="propagated", as_type="generation") as each:
                        ids["propagated"] = each.id
        else:
            generation = root.start_generation(name="start_generation", prompt=prompts["text"])
            ids["start_generation"] = generation.id
            generation.end()
            with langfuse.start_as_current_generation(name="as current", prompt=prompts["text"]) as each:
                ids["start_as_current_generation"] = each.id
    return {"trace": root.trace_id, "ids": ids, "is_fallback": fallback.is_fallback, "version": fallback.version}


def remote(langfuse):
    """Spans and events of a trace that another process began, with an id made from a seed."""
    trace_id = langfuse.create_trace_id(seed=f"{NAME} order 12")
    context = {"trace_id": trace_id, "parent_span_id": "00000000000000a1"}
    with langfuse.start_as_current_observation(trace_context=context, name="afar", as_type="agent") as each:
        each.update(input="from afar", output="arrived")
    alone = langfuse.start_observation(trace_context={"trace_id": trace_id}, name="no parent", as_type="tool")
    alone.end()
    event = langfuse.create_event(trace_context=context, name="seen", metadata={"n": 1})
    return {"trace": trace_id, "afar": each.id, "alone": alone.id, "event": event.id}


def errors(langfuse):
    found = {}
    with contextlib.suppress(ValueError):
        with langfuse.start_as_current_observation(name="fails", as_type="span") as root:
            found["trace"] = root.trace_id
            with langfuse.start_as_current_observation(name="told", as_type="tool") as told:
                told.update(level="ERROR", status_message="no such tool")
                found["told"] = told.id
            with langfuse.start_as_current_observation(name="raised", as_type="generation") as raised:
                found["raised"] = raised.id
                raise ValueError("too hot")
    found["root"] = root.id
    return found


def updates(langfuse):
    """Fields given at first, changed later, given at last; explicit ends; names changed."""
    first = datetime.now(timezone.utc)
    generation = langfuse.start_observation(
        name="before", as_type="generation", input="one", metadata={"a": 1, "b": {"c": 2}}, model="gpt-4o"
    )
    generation.update(name="after", input="two", metadata={"d": 4}, model="gpt-4o-mini", version="7")
    generation.update(
        output={"text": "ünï — 漢字 🚀 \u0000"},
        completion_start_time=first + timedelta(seconds=0.5),
        usage_details={
            "prompt_tokens": 12,
            "completion_tokens": 30,
            "total_tokens": 42,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 10},
        },
        model_parameters={"temperature": 0, "seed": 7},
        status_message="done",
        level="DEFAULT",
    )
    generation.end(end_time=int((first.timestamp() + 2) * 1e9))
    priced = langfuse.start_observation(
        name="priced",
        as_type="generation",
        model="my-own-model",
        usage_details={"input": 10, "output": 5, "cache_read_input_tokens": 3},
        cost_details={"input": 0.25, "output": 0.5},
    )
    priced.end()
    return {"generation": generation.id, "trace": generation.trace_id, "priced": priced.id, "first": first.isoformat()}


def scores(langfuse):
    """Every type on every subject, by every way."""
    with langfuse.start_as_current_observation(name="scored", as_type="span") as root:
        with langfuse.start_as_current_observation(name="answer", as_type="generation") as generation:
            generation.score(name="numeric", value=0.5, comment="half", metadata={"by": "me"})
            generation.score(name="boolean", value=1, data_type="BOOLEAN")
            generation.score(name="category", value="warm", data_type="CATEGORICAL")
            generation.score(name="text", value="well said", data_type="TEXT")
            generation.score_trace(name="of the trace", value=3)
            langfuse.score_current_span(name="current span", value=2)
            langfuse.score_current_trace(name="current trace", value=False, data_type="BOOLEAN")
    trace_id = root.trace_id
    session, score_id = f"{NAME}-scored-session", f"{NAME}-score"
    langfuse.create_score(name="session", value=4.5, session_id=session, score_id=score_id, comment="first")
    langfuse.create_score(name="session", value=5, session_id=session, score_id=score_id, comment="second")
    langfuse.create_score(name="run", value=0.75, dataset_run_id=f"{NAME}-run", data_type="NUMERIC")
    langfuse.create_score(name="untyped text", value="blue", trace_id=trace_id)
    when = datetime(2026, 2, 3, 4, 5, 6, 789000, tzinfo=timezone.utc)
    langfuse.create_score(name="then", value=1, trace_id=trace_id, observation_id=generation.id, timestamp=when)
    if MAJOR >= 4:
        langfuse.create_score(name="elsewhere", value=1, trace_id=trace_id, environment="production")
        langfuse.create_score(name="corrected", value="so it should read", trace_id=trace_id, data_type="CORRECTION")
    return {"trace": trace_id, "root": root.id, "generation": generation.id, "session": session, "score": score_id}


def contents(langfuse):
    """What an application may hand over as input, output and metadata."""

    class Odd:
        def __init__(self):
            self.inner = {1, 2}

    given = {
        "none": None,
        "empty": "",
        "number": 12.5,
        "zero": 0,
        "false": False,
        "list": [1, [2, [3]]],
        "json text": '{"a": 1}',
        "long": "x" * 100_000,
        "date": datetime(2026, 1, 2, tzinfo=timezone.utc),
        "object": Odd(),
        "bytes": b"abc",
        "big": 2**60,
        "infinity": float("inf"),
    }
    ids = {}
    with langfuse.start_as_current_observation(name="contents", as_type="span", metadata="only text") as root:
        for key, value in given.items():
            each = langfuse.start_observation(
                name=key, as_type="span", input=value, output=value, metadata={"it": value}
            )
            each.end()
            ids[key] = each.id
    return {"trace": root.trace_id, "root": root.id, "ids": ids}
