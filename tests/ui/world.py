"""The real application with two projects, prompts with a history, and traces: what the pages are tested on."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import uvicorn

from trunkline.api.app import create_app
from trunkline.api.auth import Authenticator
from trunkline.api.fastpath import Outer
from trunkline.api.langfuse.shapes_prompts import PromptEncoder
from trunkline.api.metrics import Metrics
from trunkline.api.services import Services
from trunkline.registry.memory_tables import memory_tables
from trunkline.registry.registry import Registry, open_registry
from trunkline.registry.repository import init_repository
from trunkline.serving.answers import PromptServer
from trunkline.settings import load_settings
from trunkline.store.comments import CommentStore
from trunkline.store.control import ControlStore, now_micros
from trunkline.store.datasets import DatasetStore
from trunkline.store.experiments import ExperimentStore
from trunkline.store.media import open_media
from trunkline.store.models import ModelStore
from trunkline.store.queues import QueueStore
from trunkline.store.score_configs import ScoreConfigStore
from trunkline.store.sqlite_store import SQLiteTraceStore
from trunkline.tracing.pricing import Pricing
from trunkline.types import (
    JSON,
    Actor,
    ActorKind,
    Arm,
    Change,
    LabelTarget,
    Level,
    Message,
    Micros,
    ObservationChange,
    ObservationType,
    PromptContent,
    PromptType,
    Rank,
    ScoreChange,
    ScoreType,
    Stamp,
    TemplateEngine,
    TraceChange,
    Variable,
)
from trunkline.ui.routes import routers

SIGNING_KEY = b"s" * 32
PASSWORD = "correct horse battery"
MARA = Actor(kind=ActorKind.USER, name="Mara Lind", email="mara@example.com")
JON = Actor(kind=ActorKind.KEY, name="ci", email="ci@keys.trunkline.invalid")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SECOND = 1_000_000


def run(coroutine: Coroutine[None, None, None]) -> None:
    """In a thread of its own: a test that drives a browser has a loop running already."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, coroutine).result()


@dataclass
class World:
    app: Outer
    services: Services
    now: Micros

    @property
    def registry(self) -> Registry:
        return self.services.registries["default"]

    def write(self, changes: Sequence[Change], project: str = "default") -> None:
        run(self.services.traces.write(project, changes))


@contextmanager
def open_world(folder: Path) -> Iterator[World]:
    """Two projects, `default` and `second`, and the user admin; nothing in them yet."""
    settings = load_settings(data=folder)
    control = ControlStore(folder / "control.db", SIGNING_KEY)
    control.create_user("admin", PASSWORD)
    registries = {}
    for project_id, name in (("default", "Support desk"), ("second", "Internal tools")):
        control.create_project(name, project_id=project_id)
        init_repository(folder / f"{project_id}.git")
        registries[project_id] = open_registry(folder / f"{project_id}.git", project_id, memory_tables())
    models = ModelStore(control)
    services = Services(
        settings=settings,
        control=control,
        auth=Authenticator(control),
        registries=registries,
        prompts=PromptServer(registries, PromptEncoder(), secret=SIGNING_KEY),
        traces=SQLiteTraceStore(folder / "traces.db", pricer=Pricing(models)),
        score_configs=ScoreConfigStore(control),
        datasets=DatasetStore(control.engine),
        experiments=ExperimentStore(control.engine),
        media=open_media(settings, control, folder / "media", SIGNING_KEY),
        models=models,
        comments=CommentStore(control),
        queues=QueueStore(control),
        metrics=Metrics(),
    )
    try:
        yield World(create_app(services, extra_handlers=routers(services)), services, now_micros())
    finally:
        run(services.traces.close())
        control.close()


@contextmanager
def serve(world: World) -> Iterator[str]:
    """A real server in a thread; gives its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(world.app, log_level="critical", access_log=False, lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(15)
        listener.close()


# --- prompts -------------------------------------------------------------------------------------------------------


def chat(messages: Sequence[Message], **rest: JSON) -> PromptContent:
    return PromptContent(type=PromptType.CHAT, prompt=tuple(messages), **rest)


def text(prompt: str, **rest: JSON) -> PromptContent:
    return PromptContent(type=PromptType.TEXT, prompt=prompt, **rest)


TRIAGE = (
    {"role": "system", "content": "You triage tickets for {{product}}.\nAnswer with one word."},
    {"type": "placeholder", "name": "history"},
    {"role": "user", "content": "{{ticket}}"},
)
RULES = "Never promise a refund.\nNever name another customer.\n"


def seed_prompts(registry: Registry) -> None:
    """`support/triage` has three versions, `production` on 2 and `staging` on 3; `support/reply` is split."""
    config = {"model": "gpt-4o-mini", "temperature": 0.2}
    contract = {"ticket": Variable(required=True, description="the customer's text")}
    triage = chat(TRIAGE, config=config, tags=("support",), variables=contract)
    registry.create_version("support/triage", triage, actor=MARA, message="Triage tickets")
    second = (
        {"role": "system", "content": "You triage tickets for {{product}}.\nAnswer with one word only."},
        *TRIAGE[1:],
    )
    registry.create_version(
        "support/triage",
        msgspec.structs.replace(triage, prompt=second),
        actor=MARA,
        labels=["production"],
        message="Ask for one word only",
    )
    third = (
        {
            "role": "system",
            "content": "You sort tickets for {{product}}.\nAnswer with one word only: billing, bug or other.",
        },
        *TRIAGE[1:],
    )
    registry.create_version(
        "support/triage",
        msgspec.structs.replace(triage, prompt=third, config={**config, "temperature": 0}),
        actor=JON,
        labels=["staging"],
        message="Name the queues\n\nThe router knows three.",
    )
    registry.create_version("support/rules", text(RULES), actor=MARA, labels=["production"], message="Write rules down")
    reference = "@@@langfusePrompt:name=support/rules|label=production@@@"
    for tone in ("calm", "warm"):
        content = text(f"Reply in a {tone} tone.\n{reference}\n\n{{{{ticket}}}}", tags=("support", "email"))
        registry.create_version("support/reply", content, actor=MARA, message=f"Be {tone}")
    split = LabelTarget(arms=(Arm(version=1, weight=90), Arm(version=2, weight=10)))
    registry.promote("support/reply", "production", split=split, actor=MARA)
    looped = "{% for entry in entries %}- {{ entry.title }}\n{% endfor %}Summarise the above."
    registry.create_version("summarise", text(looped, template=TemplateEngine.JINJA2), actor=JON, labels=["staging"])
    registry.create_version("greeting", text("Hello {{name}}!"), actor=MARA)


# --- traces --------------------------------------------------------------------------------------------------------


def encoded(value: JSON) -> bytes:
    return msgspec.json.encode(value)


def trace_change(trace_id: str, time: Micros, **fields: JSON) -> TraceChange:
    return TraceChange(id=trace_id, stamp=Stamp(Rank.CREATE, time), timestamp=time, **fields)


def observation_change(
    trace_id: str, observation_id: str, start: Micros, end: Micros | None, **fields: JSON
) -> ObservationChange:
    stamp = Stamp(Rank.CREATE, start)
    return ObservationChange(
        id=observation_id, trace_id=trace_id, stamp=stamp, start_time=start, end_time=end, **fields
    )


def score_change(score_id: str, time: Micros, name: str, **fields: JSON) -> ScoreChange:
    fields.setdefault("data_type", ScoreType.NUMERIC)
    return ScoreChange(id=score_id, stamp=Stamp(Rank.CREATE, time), timestamp=time, name=name, **fields)


CHAT = [
    {"role": "system", "content": "You triage tickets for Acme. Answer with one word only."},
    {"role": "user", "content": "I was charged twice for October.\n\nOrder 8812, please refund one of them."},
]
CALL: Mapping[str, JSON] = {
    "role": "assistant",
    "content": "billing",
    "tool_calls": [
        {"id": "1", "type": "function", "function": {"name": "route_ticket", "arguments": '{"queue": "billing"}'}}
    ],
}


def rich_trace(now: Micros) -> list[Change]:
    """A trace with every kind of thing in it; its generation `triage` is of support/triage@2."""

    def step(name: str, kind: ObservationType, start: int, end: int | None, parent: str | None, **more: JSON) -> Change:
        finish = None if end is None else now + end * 1000
        return observation_change(
            TRACE, f"o-{name}", now + start * 1000, finish, name=name, type=kind, parent_id=parent, **more
        )

    kinds = ObservationType
    return [
        trace_change(
            TRACE,
            now,
            name="handle-ticket",
            user_id="customer-1729",
            session_id="chat-88f1",
            release="2026.11.2",
            environment="production",
            tags=["billing", "gold"],
            input=encoded({"ticket": 8812, "text": "I was charged twice"}),
            output=encoded("Thanks for telling us: we refunded the second charge."),
            metadata=encoded({"region": "eu"}),
        ),
        step("agent", kinds.AGENT, 0, 4210, None),
        step("load-customer", kinds.SPAN, 10, 180, "o-agent"),
        step("customers.find", kinds.RETRIEVER, 20, 160, "o-load-customer"),
        step(
            "triage",
            kinds.GENERATION,
            190,
            1480,
            "o-agent",
            model="gpt-4o-mini",
            usage={"input": 412, "output": 9, "total": 421},
            prompt_name="support/triage",
            prompt_version=2,
            completion_start_time=now + 640_000,
            model_parameters=encoded({"temperature": 0.2, "max_tokens": 64}),
            input=encoded(CHAT),
            output=encoded(CALL),
            metadata=encoded({"customer": {"tier": "gold", "since": 2021}, "flags": ["refund", True, None]}),
        ),
        step("route_ticket", kinds.TOOL, 1490, 1620, "o-agent", input=encoded({"queue": "billing"})),
        step("draft-reply", kinds.CHAIN, 1640, 4200, "o-agent"),
        step(
            "reply",
            kinds.GENERATION,
            1660,
            3900,
            "o-draft-reply",
            model="gpt-4o",
            usage={"input": 890, "output": 210, "total": 1100},
            level=Level.ERROR,
            status_message="429 Too Many Requests: rate limit reached for gpt-4o",
        ),
        step("policy-check", kinds.GUARDRAIL, 3910, 4190, "o-draft-reply", level=Level.WARNING),
        step("sent", kinds.EVENT, 4200, None, "o-agent"),
        score_change("s-helpful", now, "helpful", value=0.82, trace_id=TRACE, comment="Solved at once."),
        score_change(
            "s-correct",
            now,
            "correct",
            data_type=ScoreType.BOOLEAN,
            value=1,
            string_value="True",
            trace_id=TRACE,
            observation_id="o-triage",
            comment="The queue is right",
        ),
    ]


def many_traces(now: Micros, count: int = 70) -> list[Change]:
    """Traces back through a week, each with one generation of some version of support/triage."""
    names = ("handle-ticket", "simple-query", "summarise-thread")
    changes: list[Change] = []
    for n in range(count):
        start = now - (n + 1) * 2 * 3600 * SECOND
        trace_id = f"trace-{n:03d}"
        changes.append(
            trace_change(
                trace_id,
                start,
                name=names[n % 3],
                user_id=f"customer-{n % 7}",
                session_id=f"chat-{n % 11}",
                environment="staging" if n % 4 == 0 else "production",
                tags=["billing"] if n % 2 else [],
                input=encoded(CHAT),
                output=encoded("billing"),
            )
        )
        changes.append(
            observation_change(
                trace_id,
                f"generation-{n:03d}",
                start,
                start + (400 + n * 13 % 900) * 1000,
                name="triage",
                type=ObservationType.GENERATION,
                model="gpt-4o-mini",
                usage={"input": 380 + n, "output": 5 + n % 4, "total": 385 + n + n % 4},
                prompt_name="support/triage",
                prompt_version=1 + n % 3,
                input=encoded(CHAT),
                output=encoded({"role": "assistant", "content": "billing"}),
            )
        )
        changes.append(
            score_change(
                f"score-{n}",
                start,
                "helpful",
                value=0.5 + n % 5 / 10,
                trace_id=trace_id,
                observation_id=f"generation-{n:03d}",
            )
        )
    return changes
