"""The indexer in a process of its own, at low priority: it takes no turns of the interpreter that answers requests.

It is there while there is something to index. A line to it asks for a step, a line from it is what the step did. It
ends with its input, and so with the process that asked; it holds that one's lock too, so that nobody begins before.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import msgspec

from trunkline.errors import Unavailable
from trunkline.store.sqlite_index import IndexLock
from trunkline.store.sqlite_indexer import Indexer, Step

NICENESS = 10
END_S = 10.0
"""How long a step under way may take to finish when the process shall end."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Step).decode


class IndexProcess:
    """Starts the process at the first step. One task at a time."""

    def __init__(self, traces: Path, index: Path, lock: IndexLock, *, busy_ms: int) -> None:
        self._lock = lock
        self._command = (sys.executable, "-m", __name__, str(traces), str(index), str(busy_ms))
        self._process: asyncio.subprocess.Process | None = None

    async def step(self) -> Step:
        """Raises Unavailable where the process ended: what went wrong stands in the log."""
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                pass_fds=(self._lock.fileno(),),
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(ConnectionError):  # it ended: there will be no answer
            self._process.stdin.write(b"\n")
            await self._process.stdin.drain()
        answer = await self._process.stdout.readline()
        if not answer:
            await self.end()
            raise Unavailable("The process that keeps the search index ended.")
        return _decode(answer)

    async def end(self) -> None:
        """Lets it finish the step under way."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(END_S):
                await process.communicate()
        except TimeoutError:
            process.kill()
            await process.communicate()


def main(traces: str, index: str, busy_ms: str) -> None:
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the server is told too, and ends this when it may
    with contextlib.closing(Indexer(Path(traces), Path(index), busy_ms=int(busy_ms))) as indexer:
        for _ in sys.stdin.buffer:
            sys.stdout.buffer.write(_encode(indexer.step()) + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
