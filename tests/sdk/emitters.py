"""pydantic-ai's own instrumentation, and OpenInference's of the OpenAI client, by plain OTLP exporters."""

import base64
import os

from openai import OpenAI
from openinference.instrumentation import using_attributes
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import format_trace_id
from pydantic_ai import Agent
from pydantic_ai.capabilities.instrumentation import Instrumentation
from pydantic_ai.models.instrumented import InstrumentationSettings
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.providers.openai import OpenAIProvider

KEYS = os.environ["LANGFUSE_PUBLIC_KEY"] + ":" + os.environ["LANGFUSE_SECRET_KEY"]
EXPORTER = dict(
    endpoint=os.environ["LANGFUSE_BASE_URL"] + "/api/public/otel/v1/traces",
    headers={"Authorization": "Basic " + base64.b64encode(KEYS.encode()).decode()},
)
LLM = dict(base_url=os.environ["LLM_URL"], api_key="sk-stand-in")


def provider():
    made = TracerProvider()
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(**EXPORTER)))
    return made


def run():
    found = agents()
    found["openinference"] = openinference()
    return found


def traced(tracers, name, work):
    tracer = tracers.get_tracer("shop")
    with tracer.start_as_current_span(name) as root:
        said = work()
        return {"trace": format_trace_id(root.get_span_context().trace_id), "said": said}


def agents():
    tracers = provider()
    settings = InstrumentationSettings(tracer_provider=tracers)
    models = {
        "pydantic-ai": OpenAIChatModel("gpt-4o-mini", provider=OpenAIProvider(**LLM)),
        "pydantic-ai test": TestModel(),
    }
    found = {}
    for name, model in models.items():
        agent = Agent(model, name="helper", instructions="Be brief", capabilities=[Instrumentation(settings=settings)])

        @agent.tool_plain
        def weather(city: str = "here") -> dict:
            """The weather somewhere."""
            return {"sky": "clear"}

        found[name] = traced(tracers, name, lambda: agent.run_sync("Sky?").output)
    tracers.shutdown()
    return found


def openinference():
    tracers = provider()
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=tracers)
    client = OpenAI(**LLM, max_retries=0)
    attributes = dict(session_id="oi-session", user_id="oi-user", tags=["oi", "b"], metadata={"plan": "pro"})

    def work():
        with using_attributes(**attributes):
            messages = [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "Why?"}]
            said = client.chat.completions.create(model="gpt-4o-mini", messages=messages, temperature=0.5)
            tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
            client.chat.completions.create(model="gpt-4o-mini", messages=messages[1:], tools=[tool])
            stream = client.chat.completions.create(
                model="gpt-4o-mini", messages=messages[1:], stream=True, stream_options={"include_usage": True}
            )
            list(stream)
            client.embeddings.create(model="text-embedding-3-small", input="words")
            try:
                client.chat.completions.create(model="broken-model", messages=messages)
            except Exception:
                pass
            return said.choices[0].message.content

    found = traced(tracers, "openinference", work)
    instrumentor.uninstrument()
    tracers.shutdown()
    return found
