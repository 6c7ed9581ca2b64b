"""An S3-compatible store for tests: one bucket in memory, path style, that refuses what S3 refuses.

Signatures are verified by botocore's own signer: the request is signed anew with the headers that it says it signed,
and the two must agree. So are the lifetime of a presigned address and the checksum of an upload.
"""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import uvicorn

ACCESS_KEY, SECRET_KEY, REGION, BUCKET = "AKIATEST", "secret+of/test", "eu-test-1", "media"
NO_BODY = b"UNSIGNED-PAYLOAD"


@dataclass
class S3Store:
    """`objects` by key: content type and bytes. `refused` says why requests were not served."""

    url: str = ""
    objects: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        body = b""
        message = {"more_body": True}
        while message.get("more_body"):
            message = await receive()
            body += message.get("body", b"")
        method = scope["method"]
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        path, query = scope["raw_path"].decode(), parse_qsl(scope["query_string"].decode(), keep_blank_values=True)
        self.requests.append(f"{method} {path}")
        fault = verify(method, self.url + path, dict(query), headers) or check_body(headers, body)
        if fault:
            self.refused.append(f"{method} {path}: {fault}")
            await answer(send, 403, {}, f"<Error><Code>{fault}</Code></Error>".encode())
            return
        await answer(send, *self._serve(method, unquote(path), dict(query), headers, body))

    def _serve(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        bucket, _, key = path.lstrip("/").partition("/")
        if bucket != BUCKET:
            return 404, {}, b"<Error><Code>NoSuchBucket</Code></Error>"
        if method == "PUT":
            self.objects[key] = (headers.get("content-type", ""), body)
            return 200, {}, b""
        if method == "DELETE":
            self.objects.pop(key, None)
            return 204, {}, b""
        if key not in self.objects:
            return 404, {}, b"" if method == "HEAD" else b"<Error><Code>NoSuchKey</Code></Error>"
        kind, data = self.objects[key]
        sent = {"content-type": query.get("response-content-type", kind), "content-length": str(len(data))}
        if "response-content-disposition" in query:
            sent["content-disposition"] = query["response-content-disposition"]
        if method == "HEAD":
            return 200, sent, b""
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", headers.get("range", ""))
        if wanted:
            data = data[int(wanted[1]) : int(wanted[2]) + 1]
            return 206, {**sent, "content-length": str(len(data))}, data
        return 200, sent, data


def verify(method: str, url: str, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
    """What S3 would answer to a request that is not signed as it must be; empty where all is well."""
    if "X-Amz-Signature" in query:
        given, signed = query["X-Amz-Signature"], query["X-Amz-SignedHeaders"].split(";")
        scope, stamp = query["X-Amz-Credential"], query["X-Amz-Date"]
        ends = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) + timedelta(
            seconds=int(query["X-Amz-Expires"])
        )
        if ends < datetime.now(UTC):
            return "AccessDenied: Request has expired"
        payload = NO_BODY.decode()
    else:
        found = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=([^,]+), SignedHeaders=([^,]+), Signature=(\w+)",
            headers.get("authorization", ""),
        )
        if found is None:
            return "AccessDenied"
        scope, signed, given = found[1], found[2].split(";"), found[3]
        stamp, payload = headers["x-amz-date"], headers["x-amz-content-sha256"]
    if not scope.startswith(f"{ACCESS_KEY}/") or f"/{REGION}/s3/aws4_request" not in scope:
        return "InvalidAccessKeyId"
    rest = {name: value for name, value in query.items() if name != "X-Amz-Signature"}
    query_text = urlencode(rest, quote_via=quote, safe="-_.~")
    request = botocore.awsrequest.AWSRequest(method, f"{url}?{query_text}" if rest else url)
    for name in signed:
        request.headers[name] = headers.get(name, "")
    request.context["timestamp"] = stamp
    signer = botocore.auth.S3SigV4Auth(botocore.credentials.Credentials(ACCESS_KEY, SECRET_KEY), "s3", REGION)
    request.headers["X-Amz-Content-SHA256"] = payload
    canonical = _canonical(signer, request, signed, payload)
    right = signer.signature(signer.string_to_sign(request, canonical), request)
    return "" if right == given else "SignatureDoesNotMatch"


def _canonical(
    signer: botocore.auth.S3SigV4Auth, request: botocore.awsrequest.AWSRequest, signed: list[str], payload: str
) -> str:
    """A canonical request of just the headers that were signed."""
    lines = "\n".join(f"{name}:{' '.join(request.headers[name].split())}" for name in sorted(signed))
    path = urlsplit(request.url).path
    return "\n".join(
        [request.method, path, signer.canonical_query_string(request), lines, "", ";".join(sorted(signed)), payload]
    )


def check_body(headers: Mapping[str, str], body: bytes) -> str:
    checksum = headers.get("x-amz-checksum-sha256")
    if checksum is not None and checksum != base64.b64encode(hashlib.sha256(body).digest()).decode():
        return "XAmzContentChecksumMismatch"
    return ""


async def answer(send: Any, status: int, headers: Mapping[str, str], body: bytes) -> None:
    sent = {"content-length": str(len(body)), **headers}
    pairs = [(name.encode(), value.encode()) for name, value in sent.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def s3_store() -> Iterator[S3Store]:
    """A store on a free loopback port."""
    store = S3Store()
    listener = socket.create_server(("127.0.0.1", 0))
    store.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(store, log_level="critical", access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield store
    finally:
        server.should_exit = True
        thread.join(15)
        listener.close()
