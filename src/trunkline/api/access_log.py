"""The access log: one JSON line a request, formatted at once and written by a thread ten times a second.

The lines have the shape of structlog's (`time`, `level`, `event`, …) but are not made by it: that costs 7 µs a request,
this one. They name the path without its query, which may hold what is nobody's business (a sticky key is a user's id),
and never a header or a body. When whoever reads the log stops reading, lines are dropped and counted; serving goes on.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

import msgspec

WRITE_S = 0.1
MOST_LINES = 50_000
LONGEST_PATH = 1024


class AccessLog:
    """Lines on their way to a file descriptor. Start it once, close it when the server has stopped."""

    def __init__(self, descriptor: int = 2, clock: Callable[[], float] = time.time) -> None:
        self._descriptor = descriptor
        self._clock = clock
        self._lines: list[str] = []
        self._second = -1
        self._stamp = ""
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.dropped = 0

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)
        self._thread.start()

    def close(self, timeout: float = 2.0) -> None:
        """Writes what is left, waiting `timeout` seconds at most for a reader that has stopped reading."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout)
            self._thread = None

    def add(self, request_id: str, method: str, path: str, status: int, seconds: float, caller: str) -> None:
        """One request. `path` and `caller` are JSON already (`json_path`, `caller_fields`), `method` is a known one."""
        if len(self._lines) >= MOST_LINES:
            self.dropped += 1
            return
        now = self._clock()
        second = int(now)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        self._lines.append(
            f'{{"time":"{self._stamp}.{int((now - second) * 1e6):06}Z","level":"info","event":"request",'
            f'"request_id":"{request_id}","method":"{method}","path":{path},"status":{status},'
            f'"duration_ms":{seconds * 1e3:.3f}{caller}}}\n'
        )

    def flush(self) -> None:
        """Writes all lines; blocks as long as the reader does."""
        lines, self._lines = self._lines, []
        if self.dropped:
            dropped, self.dropped = self.dropped, 0
            lines.append(
                f'{{"time":"{self._stamp}.000000Z","level":"warning","event":"log_lines_dropped","lines":{dropped}}}\n'
            )
        data = memoryview("".join(lines).encode())
        while data:
            data = data[os.write(self._descriptor, data) :]

    def _run(self) -> None:
        while True:
            stopping = self._stop.wait(WRITE_S)
            try:
                self.flush()
            except OSError:  # a closed pipe or a full disk takes the log, not the server
                self.dropped += 1
            if stopping:
                return


def json_path(raw_path: bytes) -> str:
    """A path as a JSON string, quotes included: hostile bytes are escaped, more than is readable is cut off."""
    text = raw_path[:LONGEST_PATH].decode("ascii", "backslashreplace")
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")


def caller_fields(client: str, project_id: str = "", key: str = "") -> str:
    """Where a request came from and who sent it: the end of a line, from its comma on."""
    fields = {"client": client}
    if project_id:
        fields |= {"project": project_id, "key": key}
    return "," + msgspec.json.encode(fields).decode()[1:-1]
