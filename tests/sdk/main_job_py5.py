"""The main job with SDK 5, as its users write it. Runs in the SDK's own environment; prints one JSON object."""

import json
import os
import sys

from langfuse import get_client, observe, propagate_attributes
from openai import OpenAI

langfuse = get_client()
llm = OpenAI(base_url=os.environ["LLM_URL"], api_key="sk-stand-in", max_retries=0)
found = {"auth": langfuse.auth_check()}

# 1. Fetch by label and compile.
prompt = langfuse.get_prompt("support/triage", type="chat")
messages = prompt.compile(product="Trunkline", ticket="It crashes")
found["fetched"] = {"version": prompt.version, "labels": prompt.labels, "messages": messages}

# 2. A new version.
text = [{"role": entry["role"], "content": entry["content"]} for entry in prompt.prompt]
text[0]["content"] += "Answer in English.\n"
created = langfuse.create_prompt(
    name="support/triage",
    type="chat",
    prompt=text,
    config=prompt.config,
    labels=[],
    commit_message="Say which language",
)
found["created"] = {"version": created.version, "labels": created.labels}
newest = langfuse.get_prompt("support/triage", version=created.version, type="chat")


# 3. A call of an LLM, recorded with a generation linked to that version.
@observe()
def triage(ticket):
    with langfuse.start_as_current_observation(name="prepare", as_type="span", input={"step": 1}) as span:
        sent = [m for m in newest.compile(product="Trunkline", ticket=ticket) if m.get("role")]
        span.update(output={"messages": len(sent)})
    with langfuse.start_as_current_observation(
        name="triage", as_type="generation", model="gpt-4o-mini", model_parameters={"temperature": 0.2}, prompt=newest
    ) as generation:
        generation.update(input=sent)
        answer = llm.chat.completions.create(model="gpt-4o-mini", messages=sent)
        generation.update(
            output=answer.choices[0].message.content,
            usage_details={"input": answer.usage.prompt_tokens, "output": answer.usage.completion_tokens},
            metadata={"attempt": 1, "note": "plain"},
        )
        generation.score(name="helpful", value=0.7, comment="a little short")
        langfuse.score_current_trace(name="resolved", value=1, data_type="BOOLEAN")
        found["trace"] = {"id": generation.trace_id, "generation": generation.id}
    return answer.choices[0].message.content


with propagate_attributes(user_id="user-5", session_id="session-5", tags=["e2e", "py5"], trace_name="triage-py5"):
    found["reply"] = triage("It crashes")
langfuse.flush()
langfuse.shutdown()
json.dump(found, sys.stdout)
