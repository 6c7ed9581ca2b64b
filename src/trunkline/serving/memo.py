"""Answers, and the memo of answers that belongs to one snapshot."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trunkline.registry.registry import Registry
    from trunkline.registry.snapshot import Snapshot

Headers = tuple[tuple[bytes, bytes], ...]

CACHE_CONTROL = b"private, no-cache"
"""A client may keep an answer, and asks with its ETag before it uses it again."""
JSON_TYPE = b"application/json"
MOST_ANSWERS, MOST_REQUESTS = 65_536, 65_536
MOST_BYTES = 96 * 2**20


class Answer:
    """What goes over the wire, made once and sent many times.

    `headers` are those of a 200 (content type and length, ETag, cache control), `not_modified` those of a 304. `split`
    is True where another caller of the same label may get another version: nobody may remember such an answer by its
    request. `counted` says under what it is counted: project, prompt, version, label.
    """

    __slots__ = ("body", "counted", "etag", "headers", "label", "message", "not_modified", "split", "status", "version")

    def __init__(
        self,
        body: bytes,
        *,
        project_id: str,
        name: str,
        version: int,
        label: str | None,
        split: bool,
        etag: bytes = b"",
    ) -> None:
        self.status = 200
        self.body = body
        self.etag = etag or etag_of(body)
        self.not_modified: Headers = ((b"etag", self.etag), (b"cache-control", CACHE_CONTROL))
        length = (b"content-length", str(len(body)).encode())
        self.headers: Headers = ((b"content-type", JSON_TYPE), length, *self.not_modified)
        self.message = {"type": "http.response.body", "body": body}
        self.version = version
        self.label = label
        self.split = split
        self.counted = (project_id, name, version, label or "")


def etag_of(body: bytes) -> bytes:
    """A strong validator: a digest of everything that the answer says, so of text, commit, blob and labels."""
    return b'"%s"' % hashlib.blake2b(body, digest_size=16).hexdigest().encode()


def matches(etag: bytes, if_none_match: bytes) -> bool:
    """Whether a client that sends this ``If-None-Match`` has the answer already (RFC 9110 13.1.2: weak comparison)."""
    if if_none_match == etag:
        return True
    if if_none_match.strip() == b"*":
        return True
    return any(part.strip().removeprefix(b"W/") == etag for part in if_none_match.split(b","))


class Memo:
    """What is known of one snapshot, dropped as one with it.

    `answers` by what was selected, `requests` by the raw request that led to an answer: its path and query, or the
    digest of its body. Both hold hits only and are bounded: a full one begins anew, and what is asked for comes back.
    """

    __slots__ = ("_size", "answers", "project_id", "registry", "requests", "snapshot")

    def __init__(self, project_id: str, registry: Registry, snapshot: Snapshot) -> None:
        self.project_id = project_id
        self.registry = registry
        self.snapshot = snapshot
        self.answers: dict[tuple[str, str | None, int, bool], Answer] = {}
        self.requests: dict[bytes, Answer] = {}
        self._size = 0

    def keep(self, selected: tuple[str, str | None, int, bool], answer: Answer) -> None:
        if len(self.answers) >= MOST_ANSWERS:
            self._clear()
        self._make_room(len(answer.body))
        self.answers[selected] = answer

    def keep_request(self, request: bytes, answer: Answer, size: int = 0) -> None:
        """`size`: the bytes that only this entry holds on to."""
        if answer.split:
            return
        if len(self.requests) >= MOST_REQUESTS:
            self._clear()
        self._make_room(size + len(request))
        self.requests[request] = answer

    def _make_room(self, size: int) -> None:
        self._size += size
        if self._size > MOST_BYTES:
            self._clear()
            self._size = size

    def _clear(self) -> None:
        self.answers.clear()
        self.requests.clear()
        self._size = 0
