"""An LLM on loopback that speaks OpenAI's API: what cannot run here alone.

Chat completions (streamed too, with tools and structured answers), the older completions, responses and embeddings, in
the shapes of OpenAI's API reference. It refuses what the real one refuses (no key, no model, no messages, an unknown
role) and answers deterministically: the text names the model and how many messages it saw; a token is four characters,
rounded up, of which the first two of a prompt were cached and the last of an answer was reasoning. Where tools are
given and none has answered yet, it calls the first of them.
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
CREATED = 1_700_000_000
Fault = tuple[int, str]


class LLMStandIn(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        fault = self._fault(body)
        if fault:
            status, message = fault
            self._answer(status, {"error": {"message": message, "type": "invalid_request_error", "code": None}})
            return
        whole, streamed = ANSWERS[self.path]
        if body.get("stream") and streamed is not None:
            self._stream(streamed(body))
        else:
            self._answer(200, whole(body))

    def _fault(self, body: Any) -> Fault | None:
        if not self.headers.get("authorization", "").startswith("Bearer sk-"):
            return 401, "You didn't provide an API key."
        if self.path not in ANSWERS:
            return 404, f"Unknown request URL: POST {self.path}"
        if not body.get("model"):
            return 400, "you must provide a model parameter"
        if body["model"] == "broken-model":
            return 404, "The model `broken-model` does not exist"
        return fault_of_messages(body) if self.path == "/v1/chat/completions" else None

    def _answer(self, status: int, body: Any) -> None:
        encoded = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def _stream(self, events: Iterator[Any]) -> None:
        """Server-sent events. Responses name theirs; chat ends with [DONE]."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for event in events:
            name = f"event: {event['type']}\n" if "type" in event else ""
            self.wfile.write(f"{name}data: {json.dumps(event)}\n\n".encode())
            self.wfile.flush()
        if self.path != "/v1/responses":
            self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: a test's output is its own."""


def fault_of_messages(body: Any) -> Fault | None:
    messages = body.get("messages")
    if not messages:
        return 400, "Invalid value for 'messages'"
    for message in messages:
        if message.get("role") not in ROLES or ("content" not in message and "tool_calls" not in message):
            return 400, "Invalid value for 'messages'"
    return None


def tokens(text: object) -> int:
    return -(-len(str(text)) // 4)


def usage(read: int, written: int) -> Any:
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": min(2, read), "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": min(1, written)},
    }


def called_tool(body: Any) -> Any:
    """The call of the first tool, or None where none is offered or one has answered."""
    tools = body.get("tools")
    if not tools or any(message["role"] == "tool" for message in body["messages"]):
        return None
    function = tools[0]["function"]
    required = function.get("parameters", {}).get("required", [])
    arguments = json.dumps(dict.fromkeys(required, "Paris"))
    return {"id": "call_1", "type": "function", "function": {"name": function["name"], "arguments": arguments}}


def text_of(body: Any) -> str:
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
    if schema:
        return json.dumps(dict.fromkeys(schema["properties"], "structured"))
    return f"{body['model']} read {len(body['messages'])} messages."


def completion(body: Any) -> Any:
    """The chat completion object."""
    call = called_tool(body)
    text = None if call else text_of(body)
    message = {"role": "assistant", "content": text, "refusal": None} | ({"tool_calls": [call]} if call else {})
    prompt = sum(tokens(message.get("content")) for message in body["messages"])
    choice = {"message": message, "logprobs": None, "finish_reason": "tool_calls" if call else "stop"}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": CREATED,
        "model": body["model"],
        "choices": [{"index": number, **choice} for number in range(body.get("n") or 1)],
        "usage": usage(prompt, tokens(text or call)),
    }


def completion_chunks(body: Any) -> Iterator[Any]:
    """The chat completion chunk objects: a role, the text in words or the call in halves, an end, and usage where the
    request asks for it."""
    whole = completion(body)
    message = whole["choices"][0]["message"]
    chunk = {key: whole[key] for key in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    deltas: list[Any] = [{"role": "assistant", "content": ""}]
    if message["content"] is None:
        call = message["tool_calls"][0]
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        half = len(arguments) // 2
        first = {"index": 0, "id": call["id"], "type": "function", "function": {"name": name, "arguments": ""}}
        rest = [{"index": 0, "function": {"arguments": part}} for part in (arguments[:half], arguments[half:])]
        deltas += [{"tool_calls": [part]} for part in (first, *rest)]
    else:
        deltas += [{"content": word} for word in message["content"].split(" ")[:1]]
        deltas += [{"content": f" {word}"} for word in message["content"].split(" ")[1:]]
    for delta in deltas:
        yield chunk | {"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}]}
    reason = whole["choices"][0]["finish_reason"]
    yield chunk | {"choices": [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": reason}]}
    if (body.get("stream_options") or {}).get("include_usage"):
        yield chunk | {"choices": [], "usage": whole["usage"]}


def old_completion(body: Any) -> Any:
    """The completion object, of before there were messages."""
    text = f"{body['model']} read {body['prompt']!r}."
    return {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": CREATED,
        "model": body["model"],
        "choices": [{"index": 0, "text": text, "logprobs": None, "finish_reason": "stop"}],
        "usage": usage(tokens(body["prompt"]), tokens(text)),
    }


def embeddings(body: Any) -> Any:
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    read = sum(map(tokens, texts))
    return {
        "object": "list",
        "model": body["model"],
        "data": [
            {"object": "embedding", "index": number, "embedding": [0.5, -0.25, float(number)]}
            for number in range(len(texts))
        ],
        "usage": {"prompt_tokens": read, "total_tokens": read},
    }


def response(body: Any) -> Any:
    """The response object, of the API that follows chat completions."""
    text = f"{body['model']} responds."
    content = {"type": "output_text", "text": text, "annotations": []}
    message = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [content]}
    read, written = tokens(body["input"]), tokens(text)
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": CREATED,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "model": body["model"],
        "output": [message],
        "parallel_tool_calls": True,
        "temperature": body.get("temperature", 1.0),
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "metadata": {},
        "usage": {
            "input_tokens": read,
            "input_tokens_details": {"cached_tokens": min(2, read)},
            "output_tokens": written,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": read + written,
        },
    }


def response_events(body: Any) -> Iterator[Any]:
    whole = response(body)
    begun = whole | {"status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "sequence_number": 0, "response": begun}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0, "logprobs": []}
    for number, word in enumerate(whole["output"][0]["content"][0]["text"].split(" ")):
        delta = word if number == 0 else f" {word}"
        yield {"type": "response.output_text.delta", "sequence_number": number + 1, "delta": delta, **place}
    yield {"type": "response.completed", "sequence_number": 99, "response": whole}


ANSWERS: dict[str, Any] = {
    "/v1/chat/completions": (completion, completion_chunks),
    "/v1/completions": (old_completion, None),
    "/v1/embeddings": (embeddings, None),
    "/v1/responses": (response, response_events),
}
"""By path: what makes an answer, and what makes a streamed one."""


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
