"""SDK 3, 4 and 5: `@observe` on functions, coroutines and generators, threads, ids handed in, what is captured."""

import asyncio
import contextlib
import contextvars
import threading

from langfuse import get_client, observe
from sdk import MAJOR, NAME

found = {}
langfuse = get_client()


def note(key):
    found[key] = {"trace": langfuse.get_current_trace_id(), "id": langfuse.get_current_observation_id()}


@observe(name="of a tool", as_type="tool")
def tool(word, *, times=2):
    note("tool")
    return word * times


@observe(as_type="generation", name="llm")
def generation(prompt, question):
    note("generation")
    langfuse.update_current_generation(
        model="gpt-4o-mini",
        input=[{"role": "user", "content": prompt.compile(word=question)}],
        output="an answer",
        usage_details={"input": 5, "output": 2},
        metadata={"attempt": 2},
        prompt=prompt,
    )
    return "not this"


@observe(capture_input=False, capture_output=False)
def silent(secret):
    note("silent")
    return secret


@observe
def bare():
    note("bare")
    langfuse.update_current_span(metadata={"k": "v"}, version="3", level="WARNING", status_message="careful")
    return {"nested": [tool("ab"), silent("hush")]}


@observe()
def fails():
    note("fails")
    raise RuntimeError("out of tokens")


@observe()
def numbers(count):
    note("generator")
    for number in range(count):
        yield f"n{number} "


@observe(transform_to_string=lambda chunks: "+".join(str(each["t"]) for each in chunks))
def chunks():
    note("chunks")
    yield {"t": 1}
    yield {"t": 2}


@observe(as_type="agent")
async def agent(question):
    note("agent")
    parts = await asyncio.gather(*(step(number) for number in range(3)))
    stream = [part async for part in astream()]
    return {"parts": parts, "stream": "".join(stream), "question": question}


@observe(as_type="chain")
async def step(number):
    await asyncio.sleep(0.01)
    note(f"step {number}")
    return number * 2


@observe()
async def astream():
    note("async generator")
    for letter in "abc":
        await asyncio.sleep(0)
        yield letter


class Service:
    @observe(as_type="retriever")
    def find(self, query):
        note("method")
        return [query]


def run():
    prompt = langfuse.create_prompt(name=f"{NAME}/decorated", prompt="Say {{word}}", labels=["production"])
    bare()
    generation(prompt, "why?")
    with contextlib.suppress(RuntimeError):
        fails()
    list(numbers(3))
    list(chunks())
    asyncio.run(agent("who?"))
    Service().find("docs")
    with langfuse.start_as_current_observation(name="caller", as_type="span") as caller:
        found["caller"] = {"trace": caller.trace_id, "id": caller.id}
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(tool, "in a thread"))
        thread.start()
        thread.join()
        found["thread"] = found["tool"]
    given = langfuse.create_trace_id(seed=f"{NAME} given")
    tool("x", langfuse_trace_id=given, langfuse_parent_observation_id="00000000000000b2")
    found["given"] = {"trace": given, "id": found["tool"]["id"]}
    langfuse.flush()
    return found
