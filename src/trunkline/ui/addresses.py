"""The addresses of pages. All links are made here, so that every part of a name is encoded, and once."""

from __future__ import annotations

from urllib.parse import quote, urlencode

Value = str | int | None


def with_query(path: str, **query: Value) -> str:
    """Leaves out what is None or empty."""
    given = {key: value for key, value in query.items() if value is not None and value != ""}
    return f"{path}?{urlencode(given)}" if given else path


def prompts(root: str, **query: Value) -> str:
    return with_query(f"{root}/prompts", **query)


def prompt(root: str, name: str, **query: Value) -> str:
    """Slashes stand as they are; a name that a browser would not leave alone goes into the query."""
    if not _stays(name):
        return with_query(f"{root}/prompt", name=name, **query)
    return with_query(f"{root}/prompts/{quote(name, safe='/')}", **query)


def traces(root: str, **query: Value) -> str:
    return with_query(f"{root}/traces", **query)


def trace(root: str, trace_id: str, **query: Value) -> str:
    if not _stays(trace_id):
        return with_query(f"{root}/trace", id=trace_id, **query)
    return with_query(f"{root}/traces/{quote(trace_id, safe='')}", **query)


def media(root: str, media_id: str) -> str:
    return f"{root}/media/{quote(media_id, safe='')}"


def _stays(path: str) -> bool:
    """Whether a path arrives as it was sent: browsers resolve dots, even encoded ones, servers drop empty parts."""
    return all(part not in {"", ".", ".."} for part in path.split("/"))
