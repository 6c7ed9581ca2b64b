"""What the spans of one export say of their traces, each distinct word told once."""

from __future__ import annotations

from collections.abc import Iterator

from trunkline.types import JSONBytes, Stamp, TraceChange

Said = tuple[
    str | None,
    str | None,
    str | None,
    str | None,
    str | None,
    bool | None,
    tuple[str, ...],
    JSONBytes | None,
    JSONBytes | None,
    JSONBytes | None,
]
"""Name, user, session, release, version, public, tags, input, output, metadata."""

SAYS_NOTHING: Said = (None, None, None, None, None, None, (), None, None, None)


class TraceFields:
    """Collects by trace. SDKs repeat user, session and tags on every span; of those that say the same the latest is
    enough, as the latest word counts. The earliest span gives timestamp and environment, which never change once set.
    """

    def __init__(self) -> None:
        self._latest: dict[tuple[str, Said], Stamp] = {}
        self._first: dict[str, tuple[Stamp, str]] = {}

    def add(self, trace_id: str, stamp: Stamp, environment: str, said: Said) -> None:
        first = self._first.get(trace_id)
        if first is None or stamp < first[0]:
            self._first[trace_id] = (stamp, environment)
        if said != SAYS_NOTHING:
            self.stand_in(trace_id, stamp, said)

    def stand_in(self, trace_id: str, stamp: Stamp, said: Said) -> None:
        """Adds a word that says nothing of when the trace began."""
        known = self._latest.get((trace_id, said))
        if known is None or known < stamp:
            self._latest[trace_id, said] = stamp

    def changes(self) -> Iterator[TraceChange]:
        first = dict(self._first)
        for (trace_id, said), stamp in self._latest.items():
            begins = first.get(trace_id)
            if begins is not None and begins[0] == stamp:
                del first[trace_id]
                yield _change(trace_id, stamp, begins[1], said)
            else:
                yield _change(trace_id, stamp, None, said)
        for trace_id, (stamp, environment) in first.items():
            yield _change(trace_id, stamp, environment, SAYS_NOTHING)


def _change(trace_id: str, stamp: Stamp, environment: str | None, said: Said) -> TraceChange:
    name, user_id, session_id, release, version, public, tags, input_, output, metadata = said
    return TraceChange(
        id=trace_id,
        stamp=stamp,
        timestamp=stamp.time if environment is not None else None,
        environment=environment,
        name=name,
        user_id=user_id,
        session_id=session_id,
        release=release,
        version=version,
        public=public,
        tags=tags,
        input=input_,
        output=output,
        metadata=metadata,
    )
