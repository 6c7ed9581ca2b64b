from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from trunkline.api import metrics as metrics_module
from trunkline.api.metrics import Metrics, prepare

ANOTHER_WORKER = """
import os, sys
from pathlib import Path
from prometheus_client import Counter
from trunkline.api.metrics import Metrics
counter = Counter("trunkline_things", "Things.")
metrics = Metrics(Path(sys.argv[1]))
metrics.count("trunkline_redis_hits", "Hits.", lambda: 5.0)
for _ in range(7):
    metrics.series("GET", "/x", 200).add(0.003)
counter.inc(3)
metrics.write()
if sys.argv[2] == "scrape":
    print(metrics.exposition().decode())
"""


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def requests(text: str, method: str, route: str, status: int, suffix: str = "count", **more: str) -> float:
    labels = {"method": method, "route": route, "status": str(status), **more}
    return samples(text)[f"trunkline_http_request_duration_seconds_{suffix}", frozenset(labels.items())]


def test_one_process_counts_its_requests() -> None:
    metrics = Metrics()
    for seconds in (0.0001, 0.0002, 0.3, 99.0):
        metrics.series("GET", "/x", 200).add(seconds)
    metrics.series("POST", "/x", 404).add(0.1)
    text = metrics.exposition().decode()
    assert requests(text, "GET", "/x", 200) == 4
    assert requests(text, "GET", "/x", 200, "sum") == 99.3003
    assert requests(text, "GET", "/x", 200, "bucket", le="0.0001") == 1
    assert requests(text, "GET", "/x", 200, "bucket", le="10.0") == 3
    assert requests(text, "GET", "/x", 200, "bucket", le="+Inf") == 4
    assert requests(text, "POST", "/x", 404) == 1
    assert "python_info" in text


def test_routes_without_end_end_up_in_one() -> None:
    metrics = Metrics()
    for number in range(metrics_module.MOST_SERIES + 10):
        metrics.series("GET", f"/{number}", 404).add(0.001)
    assert requests(metrics.exposition().decode(), "other", "other", 400) == 10


def test_counters_are_right_whichever_worker_is_asked(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(folder), "PATH": ""}
    folder.mkdir()

    def run(what: str) -> str:
        command = [sys.executable, "-c", ANOTHER_WORKER, str(folder), what]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=30).stdout

    run("work")
    run("work")
    text = run("scrape")
    assert requests(text, "GET", "/x", 200) == 21
    assert samples(text)["trunkline_things_total", frozenset()] == 9
    assert samples(text)["trunkline_redis_hits_total", frozenset()] == 15


def test_a_start_begins_anew(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    folder.mkdir()
    (folder / "12.requests").write_bytes(b"half a fi")
    metrics = Metrics(folder)
    metrics.series("GET", "/x", 200).add(0.1)
    assert requests(metrics.exposition().decode(), "GET", "/x", 200) == 1
    before = os.environ.copy()
    try:
        prepare(folder)
        assert os.environ["PROMETHEUS_MULTIPROC_DIR"] == str(folder)
    finally:
        os.environ.clear()
        os.environ.update(before)
    assert list(folder.iterdir()) == []
