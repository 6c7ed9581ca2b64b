"""SDK 5: `from langfuse.openai import openai` against a stand-in, in every way that the wrapper traces."""

import asyncio
import contextlib
import os

from langfuse import get_client, observe, propagate_attributes
from langfuse.openai import AsyncOpenAI, OpenAI, openai
from pydantic import BaseModel
from sdk import NAME

ASK = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why is the sky blue?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


class Answer(BaseModel):
    title: str
    body: str


def run():
    langfuse = get_client()
    options = dict(base_url=os.environ["LLM_URL"], api_key="sk-stand-in", max_retries=0)
    client = OpenAI(**options)
    prompt = langfuse.create_prompt(
        name=f"{NAME}/wrapped", type="chat", prompt=ASK, labels=["production"], config={"model": "gpt-4o-mini"}
    )
    with langfuse.start_as_current_observation(name="openai", as_type="span") as root:
        with propagate_attributes(user_id="wrapped-user", session_id="wrapped-session", tags=["wrapped"]):
            answers = sync(client, prompt) | asyncio.run(in_async(AsyncOpenAI(**options), prompt))
    openai.base_url, openai.api_key = os.environ["LLM_URL"] + "/", "sk-stand-in"
    alone = openai.chat.completions.create(
        model="gpt-4o", messages=ASK, name="alone", metadata={"langfuse_user_id": "u", "k": 1}, trace_id="a" * 32
    )
    langfuse.flush()
    return {
        "trace": root.trace_id,
        "answers": answers,
        "alone": {"trace": "a" * 32, "text": alone.choices[0].message.content},
        "version": prompt.version,
    }


def sync(client, prompt):
    chat = client.chat.completions
    answers = {}
    plain = chat.create(
        name="plain",
        model="gpt-4o-mini",
        messages=ASK,
        temperature=0.25,
        max_tokens=99,
        seed=7,
        metadata={"ticket": "T-1"},
        langfuse_prompt=prompt,
    )
    answers["plain"] = plain.choices[0].message.content
    streamed = chat.create(
        name="streamed",
        model="gpt-4o-mini",
        messages=ASK,
        stream=True,
        stream_options={"include_usage": True},
        langfuse_prompt=prompt,
    )
    answers["streamed"] = "".join(chunk.choices[0].delta.content or "" for chunk in streamed if chunk.choices)
    tools = chat.create(name="tools", model="gpt-4o-mini", messages=ASK, tools=[WEATHER])
    call = tools.choices[0].message.tool_calls[0]
    answered = [*ASK, tools.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    chat.create(name="after the tool", model="gpt-4o-mini", messages=answered, tools=[WEATHER])
    list(chat.create(name="streamed tools", model="gpt-4o-mini", messages=ASK, tools=[WEATHER], stream=True))
    chat.create(name="several", model="gpt-4o-mini", messages=ASK, n=2)
    parsed = chat.parse(name="parsed", model="gpt-4o-mini", messages=ASK, response_format=Answer)
    answers["parsed"] = parsed.choices[0].message.parsed.title
    client.completions.create(name="old", model="gpt-3.5-turbo-instruct", prompt="Once upon")
    client.embeddings.create(
        name="embedded", model="text-embedding-3-small", input=["one text", "another"], dimensions=3
    )
    client.responses.create(name="response", model="gpt-4o-mini", input="Why?", instructions="Be brief.")
    list(client.responses.create(name="streamed response", model="gpt-4o-mini", input="Why?", stream=True))
    with contextlib.suppress(openai.NotFoundError):
        chat.create(name="broken", model="broken-model", messages=ASK)
    return answers


async def in_async(client, prompt):
    chat = client.chat.completions
    plain = await chat.create(name="async", model="gpt-4o-mini", messages=ASK, langfuse_prompt=prompt)
    stream = await chat.create(
        name="async streamed",
        model="gpt-4o-mini",
        messages=ASK,
        stream=True,
        stream_options={"include_usage": True},
        langfuse_prompt=prompt,
    )
    streamed = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
    await client.embeddings.create(name="async embedded", model="text-embedding-3-small", input="one text")
    await decorated(client)
    return {"async": plain.choices[0].message.content, "async streamed": streamed}


@observe(name="around")
async def decorated(client):
    return await client.chat.completions.create(name="within", model="gpt-4o-mini", messages=ASK)
