"""Full-text search: its index's size and pace, how far it lags behind a load, and how fast it answers.

    python tests/benchmarks/bench_search.py [--spans 30000] [--rate 6000] [--observations 100000] [--file traces.db]

First a real server takes `--spans` spans of 2.7 KB at `--rate` spans a second, in batches of 50, while `/health` is
asked for the lag; the bytes a span are those of both files. Then `--observations` of a made history are indexed and
searched: words by how often they come, phrases, prefixes, and conditions. `--file` uses a store that is there already.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.bench_ingest import OTLP, PROTOBUF, Load
from benchmarks.span_payloads import Payloads
from benchmarks.trace_history import DAY, PROJECT, TraceHistory, fill, vocabulary
from server_process import PUBLIC_KEY, SECRET_KEY, ServerProcess, running
from trunkline.store.search import SearchCursor, SearchQuery, parse_search
from trunkline.store.sqlite_index import index_path
from trunkline.store.sqlite_indexer import Indexer, run_to_the_end
from trunkline.store.sqlite_store import SQLiteTraceStore
from trunkline.types import ObservationType

BATCH = 50
TIMES = 15


async def lag_under_load(server: ServerProcess, spans: int, rate: float) -> None:
    """Sends at a steady pace over a few connections; a server that cannot follow makes it slower, which is printed."""
    load = Load(server.url, (PUBLIC_KEY, SECRET_KEY))
    headers = (f"content-type: {PROTOBUF}",)
    requests = iter([load.request("POST", OTLP, body, headers) for body in Payloads().otlp(spans, BATCH)])
    lags: list[float] = []
    began = time.perf_counter()
    watching = asyncio.create_task(_watch(server, lags))
    await asyncio.gather(*(_send(load, requests, began, rate, number) for number in range(4)))
    took = time.perf_counter() - began
    while (await _search_health(server))["documents"] < spans or (await _search_health(server))["lag_ms"]:
        await asyncio.sleep(0.05)
    caught_up = time.perf_counter() - began
    watching.cancel()
    print(f"{spans:,} spans at {spans / took:,.0f} a second, asked for {rate:,.0f}; refused {len(load.refused)}")
    print(f"lag of the index: at most {max(lags):.2f} s; all found {caught_up - took:.2f} s after the last answer")


async def _send(load: Load, requests: Iterator[bytes], began: float, rate: float, number: int) -> None:
    connection = await load.connect()
    sent = number
    for request in requests:
        await asyncio.sleep(max(0.0, began + sent * BATCH / rate - time.perf_counter()))
        status, body = await connection.send(request)
        if status != httpx.codes.OK:
            load.refused.append((status, body))
        sent += 4
    connection.transport.close()


async def _search_health(server: ServerProcess) -> dict[str, float]:
    async with httpx.AsyncClient() as client:
        found: dict[str, float] = (await client.get(f"{server.url}/health", timeout=30)).json()["search"]
        return found


async def _watch(server: ServerProcess, lags: list[float]) -> None:
    while True:
        lags.append((await _search_health(server))["lag_ms"] / 1000)
        await asyncio.sleep(0.2)


def bench_server(spans: int, rate: float) -> None:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder, running(Path(folder) / "data") as server:
        asyncio.run(lag_under_load(server, spans, rate))
        server.stop()
        sizes = {name: (server.data / name).stat().st_size / spans for name in ("traces.db", "search.db")}
        print(
            f"bytes a span: {json.dumps({k: round(v) for k, v in sizes.items()})}, together {sum(sizes.values()):,.0f}"
        )


def bench_indexing(path: Path) -> None:
    began, cpu = time.perf_counter(), time.process_time()
    with closing(Indexer(path, index_path(path))) as indexer:
        documents = sum(step.documents for step in run_to_the_end(indexer))
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    if documents:
        size = index_path(path).stat().st_size / documents
        each = f"{took / documents * 1e6:.0f} µs, {cpu / documents * 1e6:.0f} µs of CPU and {size:,.0f} bytes each"
        print(f"indexing: {documents:,} documents, {each}")


def queries(history: TraceHistory) -> dict[str, SearchQuery]:
    """By what they ask for. Words of a rank are as the made history's vocabulary has them."""
    words = vocabulary(random.Random(7))
    texts = {
        "a frequent word": words[3],
        "two frequent words": f"{words[3]} {words[8]}",
        "a word of the middle": words[700],
        "a rare word and a frequent one": f"{words[15_000]} {words[1]}",
        "a word that is nowhere": "zzyzx",
        "a phrase of frequent words": f'"{words[0]} {words[1]}"',
        "a phrase of three frequent words": f'"{words[0]} {words[1]} {words[2]}"',
        "a phrase that is nowhere": f'"{" ".join(words[:6])}"',
        "a prefix": words[300][:4] + "*",
        "a prefix of two letters": words[0][:2] + "*",
        "one or the other, not a third": f"({words[400]} OR {words[900]}) NOT {words[5]}",
        "a name": "name:review",
        "a phrase of every text": '"answer from the context only"',
    }
    found = {name: SearchQuery(expression=parse_search(text)) for name, text in texts.items()}
    word = parse_search(words[3])
    month = history.until - 30 * DAY
    return found | {
        "a frequent word, one day a month ago": SearchQuery(expression=word, since=month, until=month + DAY),
        "a frequent word in a rare environment": SearchQuery(expression=word, environments=("development",)),
        "a word of the middle, one type": SearchQuery(
            expression=parse_search(words[700]), types=(ObservationType.TOOL,)
        ),
    }


async def bench_queries(path: Path, observations: int) -> None:
    store = SQLiteTraceStore(path)
    every: list[float] = []
    print(f"searching {observations:,} observations, a page of 50")
    for name, query in queries(TraceHistory(observations)).items():
        times, hits, cursor = [], 0, None
        for _ in range(TIMES):
            began = time.perf_counter()
            page = await store.search(PROJECT, query)
            times.append((time.perf_counter() - began) * 1000)
            hits, cursor = len(page.hits), page.cursor
        every += times
        times.sort()
        print(f"{name:<40} p50 {times[TIMES // 2]:7.1f} ms, slowest {times[-1]:7.1f} ms, {hits} hits{_more(cursor)}")
    every.sort()
    p50, p95 = (every[int(len(every) * share)] for share in (0.5, 0.95))
    print(f"all: p50 {p50:.1f} ms, p95 {p95:.1f} ms, slowest {every[-1]:.1f} ms")
    await store.close()


def _more(cursor: SearchCursor | None) -> str:
    return ", more" if cursor else ""


async def make(path: Path, observations: int) -> None:
    store = SQLiteTraceStore(path)
    await fill(store, TraceHistory(observations))
    await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=30_000, help="0: no load")
    parser.add_argument("--rate", type=float, default=6_000)
    parser.add_argument("--observations", type=int, default=100_000, help="0: no searches")
    parser.add_argument("--file", type=Path, help="a trace store that trace_history.py filled with so many")
    options = parser.parse_args()
    if options.spans:
        bench_server(options.spans, options.rate)
    if options.observations:
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            path = options.file or Path(folder) / "traces.db"
            if options.file is None:
                asyncio.run(make(path, options.observations))
            bench_indexing(path)
            asyncio.run(bench_queries(path, options.observations))


if __name__ == "__main__":
    main()
