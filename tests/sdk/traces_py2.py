"""Traces, observations and scores with SDK 2.60, written and read back with it. Prints one JSON object."""

import json
import os
import sys
from datetime import datetime, timedelta, timezone

from langfuse import Langfuse

langfuse = Langfuse(environment="staging", release="r-1")
prompt = langfuse.create_prompt(name="sdk/py2", prompt="Say {{word}}", labels=["production"])
started = datetime(2026, 3, 1, 12, 0, 0, 123000, tzinfo=timezone.utc)

# Nested, everything said, some of it twice.
trace = langfuse.trace(
    id="trace/with slash",
    name="answer",
    user_id="user-1",
    session_id="session-1",
    version="1.2",
    tags=["b", "a"],
    input={"question": "why?"},
    metadata={"deep": {"one": 1}},
    public=True,
    timestamp=started,
)
span = trace.span(name="retrieve", input="query", start_time=started, metadata={"k": 3})
generation = span.generation(
    name="draft",
    model="gpt-4o-mini",
    model_parameters={"temperature": 0.7, "max_tokens": 100, "stop": ["a", "b"]},
    input=[{"role": "user", "content": "Say 1"}],
    prompt=langfuse.get_prompt("sdk/py2"),
    start_time=started + timedelta(seconds=1),
    version="9",
)
generation.update(completion_start_time=started + timedelta(seconds=1.25))
generation.end(
    output="one", end_time=started + timedelta(seconds=2.5), usage={"input": 11, "output": 7, "unit": "TOKENS"}
)
span.event(name="cache-miss", level="WARNING", status_message="cold", start_time=started + timedelta(seconds=0.5))
span.end(output={"found": 2}, end_time=started + timedelta(seconds=3))
trace.update(output={"answer": "because"}, tags=["c"], metadata={"deep": {"two": 2}})
generation.score(name="helpful", value=0.9, comment="on the point")
trace.score(name="resolved", value=1, data_type="BOOLEAN")
trace.score(name="tone", value="warm")

# The example of the introduction, with the error path.
query = langfuse.trace(name="simple-query", metadata={"email": "user@example.org"})
call = query.generation(
    name="openai-generation",
    model="gpt-4o",
    model_parameters={"temperature": 0.2},
    metadata={"interface": "whatsapp"},
    input=[{"role": "user", "content": "Hello"}],
)
call.update(completion_start_time=datetime.now(timezone.utc))
call.end(output="Hi", usage={"prompt_tokens": 50, "completion_tokens": 49, "total_tokens": 99})
failed = langfuse.trace(name="simple-query", metadata={"expect": "failure"})
attempt = failed.generation(name="openai-generation", model="broken", input="Hello?")
attempt.update(level="ERROR", status_message="no such model")
attempt.end()
langfuse.flush()

after = started - timedelta(minutes=1)
fetched = langfuse.fetch_trace(trace.id).data
traces = langfuse.fetch_traces(user_id="user-1", tags=["a", "c"], from_timestamp=after, order_by="timestamp.asc")
observations = langfuse.fetch_observations(trace_id=trace.id, type="GENERATION", environment=["staging"], limit=5)
one = langfuse.fetch_observation(generation.id).data
missing = None
try:
    langfuse.fetch_trace("no-such-trace")
except Exception as error:
    missing = type(error).__name__
json.dump(
    {
        "ids": {"trace": trace.id, "span": span.id, "generation": generation.id},
        "introduction": {"trace": query.id, "generation": call.id},
        "failed": {"trace": failed.id, "generation": attempt.id},
        "url": trace.get_trace_url(),
        "prompt": {"version": prompt.version},
        "trace": json.loads(fetched.json()),
        "traces": [each.id for each in traces.data],
        "total": traces.meta.total_items,
        "observations": [each.id for each in observations.data],
        "observation": json.loads(one.json()),
        "missing": missing,
        "host": os.environ["LANGFUSE_HOST"],
    },
    sys.stdout,
)
