"""An LLM on loopback that speaks OpenAI's chat completions: what cannot run here alone.

It refuses what the real one refuses (no key, no model, no messages, an unknown role) and answers deterministically:
the text names the model and how many messages it saw; a token is four characters, rounded up.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ROLES = {"system", "developer", "user", "assistant", "tool"}


class LLMStandIn(BaseHTTPRequestHandler):
    """POST /v1/chat/completions, not streamed."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        fault = self._fault(body)
        if fault:
            status, message = fault
            self._answer(status, {"error": {"message": message, "type": "invalid_request_error", "code": None}})
        else:
            self._answer(200, completion(body))

    def _fault(self, body: Any) -> tuple[int, str] | None:
        if not self.headers.get("authorization", "").startswith("Bearer sk-"):
            return 401, "You didn't provide an API key."
        if self.path != "/v1/chat/completions":
            return 404, f"Unknown request URL: POST {self.path}"
        if not body.get("model"):
            return 400, "you must provide a model parameter"
        if body["model"] == "broken-model":
            return 404, "The model `broken-model` does not exist"
        messages = body.get("messages")
        if not messages or any(m.get("role") not in ROLES or "content" not in m for m in messages):
            return 400, "Invalid value for 'messages'"
        return None

    def _answer(self, status: int, body: Any) -> None:
        encoded = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: a test's output is its own."""


def completion(body: Any) -> Any:
    """The answer to a request body, in the shape of OpenAI's API reference, "The chat completion object"."""
    text = f"{body['model']} read {len(body['messages'])} messages."
    prompt = sum(-(-len(str(m["content"])) // 4) for m in body["messages"])
    answer = -(-len(text) // 4)
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": body["model"],
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer},
    }


@contextlib.contextmanager
def llm() -> Iterator[str]:
    """Runs the stand-in on a free port and yields the base URL for an OpenAI client."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), LLMStandIn)
    server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
