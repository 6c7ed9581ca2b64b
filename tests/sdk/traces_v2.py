"""SDK 2.60: what traces_py2.py leaves out: updates before creates, ids of one's own, scores, prompts, links, fetches."""

from datetime import datetime, timedelta, timezone

from langfuse import Langfuse

STARTED = datetime(2026, 4, 5, 6, 7, 8, 900000, tzinfo=timezone.utc)


def run():
    langfuse = Langfuse(environment="staging", release="r-2")
    prompt = langfuse.create_prompt(name="py2/linked", prompt="Say {{word}}", labels=["production"])
    langfuse.create_prompt(name="py2/linked", prompt="Tell {{word}}", labels=["production"])
    newer = langfuse.get_prompt("py2/linked")
    found = {
        "later": later(langfuse),
        "parents": parents(langfuse),
        "error": error_path(langfuse),
        "usage": usage(langfuse),
        "links": links(langfuse, prompt, newer),
        "scores": scores(langfuse),
        "many": many(langfuse),
    }
    langfuse.flush()
    found["fetched"] = fetched(langfuse)
    return found


def later(langfuse):
    """Updates sent before their creates, and creates that come twice."""
    langfuse.trace(id="py2-later", output="last", tags=["second"], metadata={"deep": {"b": 2}, "x": 1})
    langfuse.flush()
    langfuse.trace(id="py2-later", name="later", input="first", tags=["first"], metadata={"deep": {"a": 1}, "x": 2})
    generation = langfuse.generation(
        id="py2-later-g", trace_id="py2-later", name="g", start_time=STARTED, model="gpt-4o"
    )
    generation.update(end_time=STARTED + timedelta(seconds=3), output="o", model="gpt-4o-mini", metadata={"k": [1]})
    again = langfuse.generation(id="py2-later-g", trace_id="py2-later", input="i", metadata={"l": 2})
    again.end(end_time=STARTED + timedelta(seconds=4), level="WARNING")
    return {"trace": "py2-later", "generation": "py2-later-g"}


def parents(langfuse):
    """Observations by ids alone, as services that share a trace do; an observation without a trace."""
    trace = langfuse.trace(name="parents", session_id="py2/session 1", user_id="ünï user")
    span = langfuse.span(id="py2 span/1", trace_id=trace.id, name="outer", start_time=STARTED)
    langfuse.event(trace_id=trace.id, parent_observation_id=span.id, name="seen", input={"e": 1}, metadata=["a list"])
    inner = langfuse.span(trace_id=trace.id, parent_observation_id=span.id, name="inner", input="in", version="3")
    inner.end(output="out", level="DEBUG", status_message="fine")
    generation = langfuse.generation(
        trace_id=trace.id, parent_observation_id=inner.id, name="call", completion_start_time=STARTED
    )
    span.end()
    alone = langfuse.span(name="without a trace")
    return {"trace": trace.id, "span": span.id, "inner": inner.id, "generation": generation.id, "alone": alone.id}


def error_path(langfuse):
    """As Langfuse's introduction has it: the trace's update carries a level, which no trace has."""
    trace = langfuse.trace(name="simple-query", input={"q": "?"}, metadata={"user": "a@example.org"})
    generation = trace.generation(name="openai-generation", model="gpt-4o", input=[{"role": "user", "content": "?"}])
    try:
        raise TimeoutError("the model took too long")
    except TimeoutError as error:
        generation.end(level="ERROR", status_message=str(error))
        trace.update(level="ERROR", status_message=str(error), output={"error": str(error)})
    return {"trace": trace.id, "generation": generation.id}


def usage(langfuse):
    given = {
        "langfuse": {"input": 10, "output": 20, "total": 35, "unit": "TOKENS"},
        "priced": {
            "input": 10,
            "output": 20,
            "unit": "TOKENS",
            "input_cost": 0.1,
            "output_cost": 0.2,
            "total_cost": 0.4,
        },
        "openai": {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30},
        "camel": {"promptTokens": 10, "completionTokens": 20, "totalTokens": 30},
        "characters": {"input": 100, "output": 200, "unit": "CHARACTERS"},
    }
    details = {
        "openai details": {
            "prompt_tokens": 10,
            "completion_tokens": 20,
            "total_tokens": 30,
            "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 5},
        },
        "own": {"input": 3, "output": 4, "cache_read": 5},
    }
    trace = langfuse.trace(name="usage")
    ids = {}
    for key, value in given.items():
        ids[key] = trace.generation(name=key, model="gpt-4o-mini", usage=value).id
    for key, value in details.items():
        ids[key] = trace.generation(name=key, model="gpt-4o-mini", usage_details=value).id
    ids["cost"] = trace.generation(
        name="cost", model="gpt-4o-mini", usage_details={"input": 1}, cost_details={"input": 0.5, "fee": 0.25}
    ).id
    return {"trace": trace.id, "ids": ids}


def links(langfuse, older, newer):
    trace = langfuse.trace(name="links")
    fallback = langfuse.get_prompt("py2/nowhere", fallback="Say {{word}}", max_retries=1)
    ids = {"create": trace.generation(name="create", prompt=older).id}
    updated = trace.generation(name="update", prompt=older)
    updated.update(prompt=newer)
    ids["update"] = updated.id
    ended = trace.generation(name="end")
    ended.end(prompt=newer)
    ids["end"] = ended.id
    ids["client"] = langfuse.generation(trace_id=trace.id, name="client", prompt=newer).id
    ids["fallback"] = trace.generation(name="fallback", prompt=fallback, input=fallback.compile(word="it")).id
    ids["below"] = trace.span(name="outer").generation(name="below", prompt=older).id
    return {"trace": trace.id, "ids": ids, "versions": [older.version, newer.version], "fallback": fallback.is_fallback}


def scores(langfuse):
    trace = langfuse.trace(name="scored", session_id="py2-scored")
    span = trace.span(name="part")
    langfuse.score(trace_id=trace.id, name="numeric", value=0.5, comment="half", id="py2-score")
    langfuse.score(trace_id=trace.id, name="numeric", value=0.75, id="py2-score")
    langfuse.score(trace_id=trace.id, observation_id=span.id, name="of a span", value="warm", data_type="CATEGORICAL")
    span.score(name="boolean", value=True, data_type="BOOLEAN")
    trace.score(name="zero", value=0)
    langfuse.score(trace_id="py2-never-traced", name="too early", value=1)
    return {"trace": trace.id, "span": span.id}


def many(langfuse):
    """More than a batch holds, with texts that a batch cuts at."""
    trace = langfuse.trace(name="many")
    for number in range(60):
        trace.span(name=f"span {number}", input={"text": "y" * 20_000, "number": number}).end(output=number)
    return {"trace": trace.id}


def fetched(langfuse):
    """Every fetch that the SDK has, with its old names too."""
    generations = langfuse.get_generations(user_id="ünï user")
    spans = langfuse.fetch_observations(type="SPAN", name="inner", parent_observation_id="py2 span/1")
    try:
        sessions = [each.id for each in langfuse.fetch_sessions(limit=50).data]
    except Exception as error:
        sessions = type(error).__name__
    return {
        "sessions": sessions,
        "generations": [each.name for each in generations.data],
        "spans": [each.name for each in spans.data],
        "in session": [each.name for each in langfuse.fetch_traces(session_id="py2/session 1").data],
        "newest": [each.name for each in langfuse.get_traces(name="later", page=1, limit=1).data],
        "before": langfuse.fetch_traces(to_timestamp=STARTED - timedelta(days=900)).meta.total_items,
        "trace": langfuse.get_trace("py2-later").name,
        "span": langfuse.get_observation("py2 span/1").name,
        "many": len(langfuse.fetch_trace(langfuse.fetch_traces(name="many").data[0].id).data.observations),
        "since": [each.name for each in langfuse.get_observations(from_start_time=STARTED, name="call").data],
    }
