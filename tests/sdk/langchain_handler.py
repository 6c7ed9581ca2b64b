"""SDK 5: the LangChain handler with chains, tools, retrievers and agents, run in every way, against a stand-in."""

import asyncio
import contextlib
import os

from langchain.agents import create_agent
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, PromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAI
from langfuse import get_client
from langfuse.langchain import CallbackHandler
from sdk import NAME

found = {}


class Shelf(BaseRetriever):
    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun):
        return [Document(page_content=f"about {query}", metadata={"page": 1})]


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


@contextlib.contextmanager
def noted(langfuse, name):
    """A root around one run of LangChain, whose trace is noted under the name."""
    with langfuse.start_as_current_observation(name=name, as_type="span") as root:
        found[name] = {"trace": root.trace_id, "root": root.id}
        yield


def run():
    langfuse = get_client()
    options = dict(base_url=os.environ["LLM_URL"], api_key="sk-stand-in", max_retries=0)
    model = ChatOpenAI(model="gpt-4o-mini", temperature=0.25, max_tokens=99, stream_usage=True, **options)
    messages = [{"role": "system", "content": "Be {{how}}."}, {"role": "user", "content": "Why is {{what}} blue?"}]
    chat = langfuse.create_prompt(name=f"{NAME}/langchain", type="chat", prompt=messages, labels=["production"])
    text = langfuse.create_prompt(name=f"{NAME}/langchain text", prompt="Tell of {{what}}", labels=["production"])
    template = ChatPromptTemplate.from_messages(chat.get_langchain_prompt())
    template.metadata = {"langfuse_prompt": langfuse.get_prompt(f"{NAME}/langchain", type="chat")}
    chain = template | model | StrOutputParser()
    ask = {"how": "brief", "what": "the sky"}
    with noted(langfuse, "invoke"):
        found["answer"] = chain.invoke(ask, config={"callbacks": [CallbackHandler()], "run_name": "chain"})
    with noted(langfuse, "stream"):
        found["streamed"] = "".join(chain.stream(ask, config={"callbacks": [CallbackHandler()]}))
    with noted(langfuse, "batch"):
        chain.batch([ask, {"how": "long", "what": "the sea"}], config={"callbacks": [CallbackHandler()]})
    with noted(langfuse, "async"):
        asyncio.run(in_async(chain, ask))
    with noted(langfuse, "text"):
        plain = PromptTemplate.from_template(text.get_langchain_prompt(), metadata={"langfuse_prompt": text})
        old = OpenAI(model="gpt-3.5-turbo-instruct", **options)
        (plain | old).invoke({"what": "rain"}, config={"callbacks": [CallbackHandler()]})
    with noted(langfuse, "tools"):
        model.bind_tools([weather]).invoke("Weather?", config={"callbacks": [CallbackHandler()], "run_name": "caller"})
    with noted(langfuse, "retrieve"):
        retrieval = Shelf() | RunnableLambda(lambda documents: documents[0].page_content)
        retrieval.invoke("whales", config={"callbacks": [CallbackHandler()]})
    with noted(langfuse, "agent"):
        agent = create_agent(model, tools=[weather], name="forecaster")
        asked = {"messages": [{"role": "user", "content": "What is the weather?"}]}
        answer = agent.invoke(asked, config={"callbacks": [CallbackHandler()]})
        found["agent answer"] = answer["messages"][-1].content
    with noted(langfuse, "broken"), contextlib.suppress(Exception):
        ChatOpenAI(model="broken-model", **options).invoke("x", config={"callbacks": [CallbackHandler()]})
    handler = CallbackHandler()
    metadata = {
        "langfuse_user_id": "chain-user",
        "langfuse_session_id": "chain-session",
        "langfuse_tags": ["from metadata"],
        "ticket": 12,
    }
    chain.invoke(ask, config={"callbacks": [handler], "metadata": metadata, "tags": ["tagged"], "run_name": "as root"})
    found["root"] = {"trace": handler.last_trace_id}
    langfuse.flush()
    return found


async def in_async(chain, ask):
    await chain.ainvoke(ask, config={"callbacks": [CallbackHandler()]})
    async for _ in chain.astream(ask, config={"callbacks": [CallbackHandler()]}):
        pass
