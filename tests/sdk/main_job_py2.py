"""The main job with SDK 2.60, as its users write it. Runs in the SDK's own environment; prints one JSON object.

The second half is the example of Langfuse's introduction for this SDK: a trace "simple-query", a generation
"openai-generation", its update, the error path, `flush()`.
"""

import json
import os
import sys
from datetime import datetime, timezone

from langfuse import Langfuse
from openai import OpenAI

langfuse = Langfuse()
llm = OpenAI(base_url=os.environ["LLM_URL"], api_key="sk-stand-in", max_retries=0)
found = {"auth": langfuse.auth_check()}

# 1. Fetch by label and compile.
prompt = langfuse.get_prompt("support/triage", type="chat")
messages = prompt.compile(product="Trunkline", ticket="My invoice is wrong")
found["fetched"] = {"version": prompt.version, "labels": prompt.labels, "messages": messages}

# 2. A new version: the prompt as it is, with one more sentence.
text = [dict(entry) for entry in prompt.prompt]
text[0]["content"] += "Never ask for a password.\n"
created = langfuse.create_prompt(
    name="support/triage", type="chat", prompt=text, config=prompt.config, labels=[], commit_message="Say no passwords"
)
found["created"] = {"version": created.version, "labels": created.labels}
newest = langfuse.get_prompt("support/triage", version=created.version, type="chat")

# 3. A call of an LLM, recorded with a generation linked to that version.
trace = langfuse.trace(
    name="triage-py2",
    user_id="user-2",
    session_id="session-2",
    tags=["e2e", "py2"],
    input={"ticket": "My invoice is wrong"},
)
span = trace.span(name="prepare", input={"step": 1})
sent = [m for m in newest.compile(product="Trunkline", ticket="My invoice is wrong") if m.get("role")]
generation = span.generation(
    name="triage", model="gpt-4o-mini", model_parameters={"temperature": 0.2}, input=sent, prompt=newest
)
answer = llm.chat.completions.create(model="gpt-4o-mini", messages=sent)
generation.update(output=answer.choices[0].message.content)
generation.end(usage=dict(answer.usage))
span.end(output={"done": True})
trace.update(output=answer.choices[0].message.content)
generation.score(name="helpful", value=0.9, comment="on the point")
trace.score(name="resolved", value=1)
found["trace"] = {"id": trace.id, "span": span.id, "generation": generation.id}

# The example of the introduction.
query = langfuse.trace(name="simple-query", metadata={"user": "user@langfuse.example", "email": "x@example.org"})
openai = query.generation(
    name="openai-generation",
    model="gpt-4o",
    model_parameters={"temperature": 0.7, "max_tokens": 100},
    input=[{"role": "user", "content": "What is Trunkline?"}],
    metadata={"interface": "whatsapp"},
)
reply = llm.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "What is Trunkline?"}])
openai.update(completion_start_time=datetime.now(timezone.utc))
openai.end(
    output=reply.choices[0].message.content,
    usage={
        "prompt_tokens": reply.usage.prompt_tokens,
        "completion_tokens": reply.usage.completion_tokens,
        "total_tokens": reply.usage.total_tokens,
    },
)
query.update(output=reply.choices[0].message.content)
found["introduction"] = {"id": query.id, "generation": openai.id, "reply": reply.choices[0].message.content}

failed = langfuse.trace(name="simple-query", metadata={"expect": "failure"})
attempt = failed.generation(name="openai-generation", model="broken-model", input="Hello?")
try:
    llm.chat.completions.create(model="broken-model", messages=[{"role": "user", "content": "Hello?"}])
except Exception as error:
    attempt.end(level="ERROR", status_message=str(error))
    failed.update(level="ERROR", status_message=str(error), output={"error": str(error)})
found["failed"] = {"id": failed.id, "generation": attempt.id}

langfuse.flush()
json.dump(found, sys.stdout)
