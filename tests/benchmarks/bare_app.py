"""The bare ASGI app that serving is measured against: no framework, no keys, no look-up.

It answers every GET with one recorded answer and every POST, once its body is read, with another: the same bytes and
headers as the server's. ``BARE_ANSWERS`` names a file of JSON, ``{"GET": answer, "POST": answer}``, an answer being
``{"status": …, "headers": [[name, value], …], "body": …}``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

Message = MutableMapping[str, Any]
ADDED_BY_THE_SERVER = {"date", "server"}


def load(answer: dict[str, Any]) -> tuple[Message, Message]:
    headers = [(name.encode(), value.encode()) for name, value in answer["headers"] if name not in ADDED_BY_THE_SERVER]
    start = {"type": "http.response.start", "status": answer["status"], "headers": headers}
    return start, {"type": "http.response.body", "body": answer["body"].encode()}


ANSWERS = {method: load(answer) for method, answer in json.loads(Path(os.environ["BARE_ANSWERS"]).read_text()).items()}
GET, POST = ANSWERS["GET"], ANSWERS["POST"]


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    start, body = GET
    if scope["method"] == "POST":
        start, body = POST
        while (await receive()).get("more_body"):
            pass
    await send(start)
    await send(body)


async def _lifespan(receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
