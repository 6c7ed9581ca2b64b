"""What reading traces costs: ``python tests/benchmarks/bench_tracing.py [--rounds 15]``. Microseconds of CPU a span.

Bodies hold 50 spans of 2.7 KB. The steps take turns, and of each the fastest round counts: others use the machine too.
"""

from __future__ import annotations

import argparse
import gc
import gzip
import sys
import time
from collections.abc import Callable
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.span_payloads import Payloads
from trunkline.tracing.cost import price
from trunkline.tracing.ingestion import read_batch
from trunkline.tracing.otlp import changes_of, decode_protobuf, inflate

SPANS = 1_000
BATCH = 50
LIMIT = 20_000_000
NOW = time.time_ns() // 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    payloads = Payloads()
    bodies = list(payloads.otlp(SPANS, BATCH))
    batches = list(payloads.ingestion(SPANS, BATCH))
    zipped = [gzip.compress(body, 6) for body in bodies]
    requests = [decode_protobuf(body) for body in bodies]
    steps: dict[str, Callable[[], object]] = {
        "gunzip, bounded": lambda: [inflate(body, LIMIT) for body in zipped],
        "decode protobuf": lambda: [decode_protobuf(body) for body in bodies],
        "parse protobuf only": lambda: [ExportTraceServiceRequest.FromString(body) for body in bodies],
        "map to changes": lambda: [changes_of(request, now=NOW) for request in requests],
        "ingestion batch to changes": lambda: [read_batch(body, now=NOW) for body in batches],
        "price": lambda: [price("gpt-4o", {"input": 344, "output": 133, "total": 477}, NOW) for _ in range(SPANS)],
    }
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
    fastest = dict.fromkeys(steps, float("inf"))
    for _ in range(rounds):
        for name, step in steps.items():
            began = time.process_time()
            step()
            fastest[name] = min(fastest[name], time.process_time() - began)
    print(f"{len(bodies[0]) / BATCH:.0f} bytes a span in OTLP, {len(batches[0]) / BATCH:.0f} in JSON batches")
    for name, seconds in fastest.items():
        print(f"{name:28} {seconds / SPANS * 1e6:6.2f} us a span")


if __name__ == "__main__":
    main()
