"""Media on a real server: several workers that take the same bytes at once, and one that is killed over an upload."""

from __future__ import annotations

import base64
import hashlib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from server_process import ServerProcess, running, wait_for

PATH = "/api/public/media"


def announcement(data: bytes, trace: str = "t") -> dict[str, Any]:
    checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
    said = {"contentType": "video/mp4", "contentLength": len(data), "sha256Hash": checksum, "field": "input"}
    return {"traceId": trace, **said}


def stored(server: ServerProcess) -> list[bytes]:
    folder = server.data / "media" / "default"
    return [path.read_bytes() for path in folder.glob("[!.]*/*")]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with running(tmp_path / "data", workers=2) as server:
        yield server


def test_workers_take_the_same_bytes_at_once(server: ServerProcess) -> None:
    data = hashlib.shake_256(b"shared").digest(2_000_000)

    def send(number: int) -> str:
        """Over a connection of its own, which any worker may get."""
        with server.client() as client:
            announced = client.post(PATH, json=announcement(data, f"t{number}"))
            assert announced.status_code == 200, announced.text
            url = announced.json()["uploadUrl"]
            if url is not None:
                put = httpx.put(url, content=data)
                assert put.status_code == 200, put.text
            return str(announced.json()["mediaId"])

    with ThreadPoolExecutor(8) as pool:
        (media_id,) = set(pool.map(send, range(24)))
    assert stored(server) == [data]
    with server.client() as client:
        found = client.get(f"{PATH}/{media_id}").json()
        assert httpx.get(found["url"]).content == data


def test_an_upload_that_a_kill_broke_off_was_never_there(server: ServerProcess) -> None:
    data = hashlib.shake_256(b"broken off").digest(3_000_000)
    with server.client() as client:
        announced = client.post(PATH, json=announcement(data)).json()
    url = urlsplit(announced["uploadUrl"])
    with socket.create_connection((url.hostname or "", url.port or 0)) as connection:
        head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nhost: {url.netloc}\r\ncontent-length: {len(data)}\r\n\r\n"
        connection.sendall(head.encode() + data[:2_000_000])
        incoming = server.data / "media" / "default" / ".incoming"
        wait_for(lambda: any(path.stat().st_size for path in incoming.glob("*")), what="the first bytes")
        server.kill()
    server.output.clear()
    server.url = ""
    server.start()
    assert stored(server) == []
    with server.client() as client:
        assert client.get(f"{PATH}/{announced['mediaId']}").status_code == 404
        again = client.post(PATH, json=announcement(data)).json()
        assert httpx.put(again["uploadUrl"], content=data).status_code == 200
    assert stored(server) == [data]
