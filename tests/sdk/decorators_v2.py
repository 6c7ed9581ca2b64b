"""SDK 2.60: `@observe` and `langfuse_context` on functions, coroutines and generators; ids handed in; prompts linked."""

import asyncio
import contextlib
from datetime import datetime, timezone

from langfuse import Langfuse
from langfuse.decorators import langfuse_context, observe

found = {}


def note(key):
    found[key] = {"trace": langfuse_context.get_current_trace_id(), "id": langfuse_context.get_current_observation_id()}


@observe(as_type="generation", name="llm")
def generation(prompt, question):
    note("generation")
    langfuse_context.update_current_observation(
        model="gpt-4o-mini",
        model_parameters={"temperature": 0.5},
        input=[{"role": "user", "content": prompt.compile(word=question)}],
        usage={"input": 5, "output": 2},
        completion_start_time=datetime.now(timezone.utc),
        prompt=prompt,
        metadata={"attempt": 2},
        level="WARNING",
        status_message="slow",
        version="8",
    )
    langfuse_context.score_current_observation(name="helpful", value=0.5, comment="half")
    return "an answer"


@observe(capture_input=False, capture_output=False)
def silent(secret):
    note("silent")
    return secret


@observe()
def main(prompt, question, *, extra=1):
    note("main")
    langfuse_context.update_current_trace(
        name="py2-decorated",
        user_id="py2-user",
        session_id="py2-session",
        tags=["b", "a"],
        metadata={"plan": "pro"},
        version="1.2",
        release="r-9",
        public=True,
    )
    silent("hush")
    found["url"] = langfuse_context.get_current_trace_url()
    answer = generation(prompt, question)
    langfuse_context.score_current_trace(name="resolved", value="yes")
    return {"answer": answer}


@observe()
def fails():
    note("fails")
    raise RuntimeError("out of tokens")


@observe()
def numbers(count):
    note("generator")
    for number in range(count):
        yield f"n{number} "


@observe(transform_to_string=lambda chunks: "+".join(str(each) for each in chunks))
async def chunks():
    note("async generator")
    for number in range(3):
        await asyncio.sleep(0)
        yield number


@observe(name="an agent")
async def agent(question):
    note("agent")
    parts = await asyncio.gather(*(step(number) for number in range(3)))
    return {"parts": parts, "chunks": [each async for each in chunks()]}


@observe()
async def step(number):
    await asyncio.sleep(0.01)
    note(f"step {number}")
    return number * 2


@observe(name="a child")
def child(word):
    note("child")
    return word


def run():
    langfuse = Langfuse()
    prompt = langfuse.create_prompt(name="py2/decorated", prompt="Say {{word}}", labels=["production"])
    found["auth"] = langfuse_context.auth_check()
    main(prompt, "why?", extra=[1])
    with contextlib.suppress(RuntimeError):
        fails()
    list(numbers(3))
    asyncio.run(agent("who?"))
    child("x", langfuse_observation_id="py2-own-id")
    child("y", langfuse_parent_trace_id="py2-own-id", langfuse_parent_observation_id="py2-parent")
    found["given"] = found["child"]
    langfuse_context.flush()
    return found
