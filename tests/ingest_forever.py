"""A process that ingests until it is killed: ``python ingest_forever.py FILE NAME [COUNT [TASKS]]``.

Writes batch after batch from TASKS (four) tasks, each of two observations with their trace and a score, and says
``ACKNOWLEDGED <batch>`` on standard output, unbuffered, for each that the store took. With COUNT it ends after so many.
"""

from __future__ import annotations

import asyncio
import os
import sys
from itertools import count
from pathlib import Path

from trace_events import PROJECT, generation, price, score, span, trace
from trunkline.store.sqlite_store import SQLiteTraceStore
from trunkline.types import Change


def batch(name: str, number: int) -> list[Change]:
    """The same changes whenever it is asked for: a client that sends again."""
    id = f"{name}-{number}"
    text = f'"{id * 50}"'.encode()
    return [
        trace(f"trace-{id}", name=name),
        span(f"span-{id}", f"trace-{id}", input=text),
        generation(f"generation-{id}", f"trace-{id}", start=number, output=text),
        score(f"score-{id}", trace_id=f"trace-{id}"),
    ]


async def main(path: Path, name: str, most: int | None = None, tasks: int = 4) -> None:
    store = SQLiteTraceStore(path, pricer=price)
    numbers = count() if most is None else iter(range(most))

    async def send() -> None:
        for number in numbers:
            await store.write(PROJECT, batch(name, number))
            os.write(1, f"ACKNOWLEDGED {number}\n".encode())

    await asyncio.gather(*(send() for _ in range(tasks)))
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:])))
