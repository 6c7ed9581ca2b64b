from __future__ import annotations

import json
import os
import re
import threading
from pathlib import Path

import pytest

from trunkline.api import access_log
from trunkline.api.access_log import AccessLog, caller_fields, json_path


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_says_who_asked_for_what(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as file:
        log = AccessLog(file.fileno(), clock=lambda: 1_700_000_000.25)
        log.start()
        log.add("id-1", "GET", json_path(b"/a%2Fb"), 200, 0.0012345, caller_fields("127.0.0.1", "default", "pk-1"))
        log.close()
    assert lines_of(tmp_path / "log") == [
        {
            "time": "2023-11-14T22:13:20.250000Z",
            "level": "info",
            "event": "request",
            "request_id": "id-1",
            "method": "GET",
            "path": "/a%2Fb",
            "status": 200,
            "duration_ms": 1.234,
            "client": "127.0.0.1",
            "project": "default",
            "key": "pk-1",
        }
    ]


@pytest.mark.parametrize(
    "path",
    [
        b'/a"b',
        b"/a\\",
        b"/a\nb\r\n{}",
        b"/\x00\x1b[31m\x7f",
        b"/\xff\xfe\xc3\xa9",
        '/","status":500,"é\u2028'.encode(),
        b"/" + b"x" * 100_000,
    ],
)
def test_hostile_paths_stay_one_line_of_one_field(tmp_path: Path, path: bytes) -> None:
    with (tmp_path / "log").open("wb") as file:
        log = AccessLog(file.fileno())
        log.add("id", "GET", json_path(path), 404, 0.0, caller_fields('::1"', 'p"', "k\n"))
        log.flush()
    data = (tmp_path / "log").read_bytes()
    assert re.fullmatch(rb"[ -~]+\n", data)
    assert len(data) < 5000
    assert lines_of(tmp_path / "log")[0]["status"] == 404


def test_a_reader_that_stops_reading_costs_lines_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_log, "MOST_LINES", 1000)
    reading, writing = os.pipe()
    log = AccessLog(writing)
    log.start()
    path, caller = json_path(b"/" + b"x" * 200), caller_fields("127.0.0.1")
    for _ in range(20_000):
        log.add("id", "GET", path, 200, 0.0, caller)
    assert log.dropped > 0
    read: list[bytes] = []

    def drain() -> None:
        while chunk := os.read(reading, 65_536):
            read.append(chunk)

    thread = threading.Thread(target=drain)
    thread.start()
    log.close(timeout=10)
    os.close(writing)
    thread.join(10)
    os.close(reading)
    lines = [json.loads(line) for line in b"".join(read).splitlines()]
    written = sum(line["event"] == "request" for line in lines)
    dropped = sum(line.get("lines", 0) for line in lines)
    assert written + dropped == 20_000


def test_a_closed_pipe_takes_the_log_only() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    log = AccessLog(writing)
    log.start()
    log.add("id", "GET", json_path(b"/"), 200, 0.0, caller_fields("::1"))
    log.close(timeout=10)
    os.close(writing)
