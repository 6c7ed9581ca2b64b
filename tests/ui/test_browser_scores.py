"""Feedback from a page of another origin, in a real browser: preflight, post and answer, with the public key alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from server_process import PUBLIC_KEY, running
from ui.watched import open_browser

pytestmark = pytest.mark.browser
POST = """async ([url, key, body]) => {
  const headers = {"Content-Type": "application/json", "Authorization": "Bearer " + key,
    "X-Langfuse-Sdk-Name": "langfuse-js", "X-Langfuse-Sdk-Version": "3.39.2", "X-Langfuse-Sdk-Variant": "langfuse",
    "X-Langfuse-Sdk-Integration": "DEFAULT", "X-Langfuse-Public-Key": key};
  try {
    const answer = await fetch(url, {method: "POST", headers, body: JSON.stringify(body)});
    return {status: answer.status, body: await answer.json()};
  } catch (error) { return {status: 0, body: String(error)}; }
}"""
TIME = "2026-11-23T22:00:00.000Z"


class Shop(BaseHTTPRequestHandler):
    """The page of somebody's application."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Shop</title>")

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@contextmanager
def shop() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def test_a_page_of_another_origin_sends_feedback(tmp_path: Path) -> None:
    score = {"traceId": "t1", "name": "thumb", "value": 1, "dataType": "NUMERIC"}
    batch = [
        {"id": "e1", "type": "score-create", "timestamp": TIME, "body": {**score, "id": "s2"}},
        {"id": "e2", "type": "trace-create", "timestamp": TIME, "body": {"id": "t1"}},
    ]
    with running(tmp_path / "data") as server, server.client() as client, shop() as origin, open_browser() as browser:
        page = browser.new_page()
        page.goto(origin)

        def post(path: str, body: Any, key: str = PUBLIC_KEY) -> Any:
            return page.evaluate(POST, [server.url + path, key, body])

        assert post("/api/public/scores", {**score, "id": "s1"}) == {"status": 200, "body": {"id": "s1"}}
        answer = post("/api/public/ingestion", {"batch": batch, "metadata": {}})
        assert answer["status"] == 207
        assert [each["id"] for each in answer["body"]["successes"]] == ["e1"]
        assert [(each["id"], each["status"]) for each in answer["body"]["errors"]] == [("e2", 403)]
        assert post("/api/public/scores", score, key="pk-unknown")["status"] == 401
        assert post("/api/public/v2/prompts", {"name": "x", "prompt": "y"})["status"] == 0  # refused by the browser
        for id in ("s1", "s2"):
            assert client.get(f"/api/public/v2/scores/{id}").json()["value"] == 1
