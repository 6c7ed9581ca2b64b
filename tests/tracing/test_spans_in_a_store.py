"""What exports say of a trace, merged by the store that ships: the same in every order of arrival."""

from __future__ import annotations

import itertools
from pathlib import Path

from tracing.otlp_spans import ROOT, START, TRACE, changes, span
from trunkline.store.sqlite_store import SQLiteTraceStore
from trunkline.tracing.cost import price, price_observation

JOINED = "00f067aa0ba902b7"
GENERATION = "00f067aa0ba902b8"
SPANS = (
    span({"langfuse.observation.input": "question", "langfuse.trace.tags": ["a"]}),
    span(
        {"langfuse.internal.as_root": True, "langfuse.observation.input": "part", "user.id": "u"},
        id=JOINED,
        parent="00f067aa0ba902b9",
        name="joined",
        start=START + 10,
    ),
    span(
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": "gpt-4o",
            "langfuse.observation.usage_details": '{"input": 1000, "output": 100}',
            "langfuse.observation.prompt.name": "support/triage",
            "langfuse.observation.prompt.version": 3,
        },
        id=GENERATION,
        parent=ROOT,
        name="call",
        start=START + 20,
    ),
)


async def test_every_order_of_arrival(tmp_path: Path) -> None:
    for number, order in enumerate(itertools.permutations(SPANS)):
        store = SQLiteTraceStore(tmp_path / f"{number}.db", pricer=price_observation)
        for each in order:
            await store.write("p", changes(each))
            await store.write("p", changes(each))
        found = await store.trace("p", TRACE)
        await store.close()
        assert found is not None
        assert (found.trace.name, found.trace.input, found.trace.timestamp) == ("answer", b'"question"', START)
        assert (found.trace.user_id, found.trace.tags) == ("u", ("a",))
        root, joined, call = found.observations
        assert (root.id, joined.is_root, call.parent_id) == (ROOT, True, ROOT)
        assert (call.prompt_name, call.prompt_version) == ("support/triage", 3)
        assert call.cost == price("gpt-4o", {"input": 1000, "output": 100}, START)
