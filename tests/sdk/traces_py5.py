"""Traces, observations and scores with SDK 5, written and read back with it. Prints one JSON object."""

import json
import sys

from langfuse import get_client, observe, propagate_attributes

langfuse = get_client()
langfuse.create_prompt(name="sdk/py5", prompt="Say {{word}}", labels=["production"])
prompt = langfuse.get_prompt("sdk/py5")
found = {}


@observe(name="inner-tool", as_type="tool")
def inner(word):
    langfuse.score_current_span(name="speed", value=3)
    return word.upper()


@observe()
def answer(question):
    found["trace"] = langfuse.get_current_trace_id()
    found["root"] = langfuse.get_current_observation_id()
    with langfuse.start_as_current_observation(
        name="draft",
        as_type="generation",
        model="gpt-4o-mini",
        model_parameters={"temperature": 0.7, "stop": ["a"]},
        prompt=prompt,
        input=[{"role": "user", "content": prompt.compile(word=question)}],
        metadata={"number": 1, "text": "plain", "deep": {"a": [1, 2]}},
        version="9",
    ) as generation:
        generation.update(
            output="one",
            usage_details={"prompt_tokens": 50, "completion_tokens": 49, "total_tokens": 99},
            level="WARNING",
            status_message="slow",
        )
        found["generation"] = generation.id
        generation.score(name="helpful", value=0.9, comment="on the point")
        generation.score(name="tone", value="warm", data_type="CATEGORICAL")
        inner("x")
    try:
        with langfuse.start_as_current_observation(name="broken", as_type="span") as span:
            found["broken"] = span.id
            raise ValueError("no such model")
    except ValueError:
        pass
    langfuse.score_current_trace(name="resolved", value=1, data_type="BOOLEAN")
    return {"answer": question}


with propagate_attributes(
    user_id="user-5", session_id="session-5", tags=["b", "a"], version="1.2", metadata={"k": "v"}
):
    answer("why?")
langfuse.create_score(name="note", value="well done", trace_id=found["trace"], data_type="TEXT")
langfuse.create_score(name="session-score", value=2, session_id="session-5", score_id="fixed-id")
langfuse.create_score(name="session-score", value=4, session_id="session-5", score_id="fixed-id")
langfuse.flush()

page = langfuse.api.observations.get_many(
    fields="core,basic,io,metadata,time,model,usage,prompt,trace_context", limit=2
)
rest = langfuse.api.observations.get_many(limit=50, cursor=page.meta.cursor)
scores = langfuse.api.scores.get_many(session_id="session-5")
found["first_page"] = [each.id for each in page.data]
found["rest"] = [each.id for each in rest.data]
found["last_cursor"] = rest.meta.cursor
found["session_scores"] = [(each.id, each.value) for each in scores.data]
found["url"] = langfuse.get_trace_url(trace_id=found["trace"])
langfuse.shutdown()
json.dump(found, sys.stdout)
