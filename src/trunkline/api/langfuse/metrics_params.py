"""The parameter `query` of the metrics endpoints: a document, read into the question that a store answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import islice
from typing import TypeVar

import msgspec

from trunkline.api.bodies import convert
from trunkline.api.langfuse.filters import read_conditions
from trunkline.api.langfuse.metrics_views import ViewNames
from trunkline.api.langfuse.params import Params, micros
from trunkline.errors import InvalidData
from trunkline.store.metrics_query import (
    Aggregation,
    Dimension,
    Granularity,
    Metric,
    MetricsQuery,
    Order,
    View,
    bucket,
    buckets,
    fitting_granularity,
)
from trunkline.types import JSON, Micros, Struct

Choice = TypeVar("Choice", bound=StrEnum)

MAX_QUERY = 20_000
"""Characters of the parameter."""
MAX_TERMS = 20
"""Dimensions, metrics and orders of one query."""
MAX_BUCKETS = 10_000
MAX_ROWS = 1000
MAX_BINS = 100


class _Field(msgspec.Struct):
    field: str


class _Metric(msgspec.Struct):
    measure: str
    aggregation: str


class _TimeDimension(msgspec.Struct):
    granularity: str


class _Order(msgspec.Struct):
    field: str
    direction: str


class _Config(msgspec.Struct):
    bins: int | None = None
    row_limit: int | None = None


class _Document(msgspec.Struct, rename="camel"):
    view: str
    metrics: list[_Metric]
    from_timestamp: str
    to_timestamp: str
    dimensions: list[_Field] | None = None
    filters: JSON = None
    time_dimension: _TimeDimension | None = None
    order_by: list[_Order] | None = None
    config: _Config | None = None
    chart_config: _Config | None = None


class MetricsRequest(Struct, frozen=True, kw_only=True):
    """A question, with what its dimensions and metrics are called in the answer."""

    query: MetricsQuery
    dimensions: tuple[str, ...]
    metrics: tuple[str, ...]
    filled: tuple[Micros, ...] = ()
    """Beginnings of the buckets that are answered even where there is nothing in them."""


def read_metrics_query(params: Params, views: Mapping[View, ViewNames], default_limit: int) -> MetricsRequest:
    """Raises InvalidData with every fault that was found."""
    document = _document(params)
    view = _choice(params, ("view",), document.view, View, views)
    since, until = (_time(params, key, text) for key, text in _times(document))
    params.check()
    assert view is not None
    assert since is not None
    assert until is not None
    names = views[view]
    if since >= until:
        params.fault_at(("query", "toTimestamp"), "expected a time after fromTimestamp")
    metrics = _metrics(params, document, names)
    dimensions = _dimensions(params, document, names)
    config = document.config or document.chart_config or _Config()
    query = MetricsQuery(
        view=view,
        metrics=metrics,
        since=since,
        until=until + 1000,  # upstream keeps milliseconds, and takes in the last one
        dimensions=dimensions,
        conditions=read_conditions(params, document.filters or [], names.filters, ("query", "filters")),
        granularity=_granularity(params, document, since, until),
        limit=_bounded(params, "row_limit", config.row_limit, default_limit, MAX_ROWS),
        bins=_bounded(params, "bins", config.bins, 10, MAX_BINS),
    )
    params.check()
    orders = _orders(params, document, names, query)
    params.check()
    return MetricsRequest(
        query=msgspec.structs.replace(query, order_by=orders),
        dimensions=tuple(each.field for each in document.dimensions or ()),
        metrics=tuple(f"{each.aggregation}_{each.measure}" for each in document.metrics),
        filled=() if orders or query.granularity is None else tuple(_between(since, until, query.granularity)),
    )


def _between(since: Micros, until: Micros, granularity: Granularity) -> Iterator[Micros]:
    """The bucket of the end itself is not filled, as upstream has it."""
    return buckets(since, bucket(until, granularity), granularity)


def _document(params: Params) -> _Document:
    text = params.text("query", MAX_QUERY)
    if text is None:
        params.fault("query", "expected a JSON document with view, metrics, fromTimestamp and toTimestamp", "required")
        params.check()
    try:
        given = msgspec.json.decode(text or "")
        (text or "").encode()
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        params.fault("query", f"expected a JSON document: {error}", "invalid_type")
        params.check()
    try:
        return convert(given, _Document)
    except InvalidData as fault:
        raise InvalidData([{**issue, "path": ["query", *_path(issue)]} for issue in fault.issues]) from None


def _path(issue: Mapping[str, object]) -> list[object]:
    path = issue["path"]
    return path if isinstance(path, list) else []


def _times(document: _Document) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("fromTimestamp", document.from_timestamp), ("toTimestamp", document.to_timestamp)


def _time(params: Params, key: str, text: str) -> Micros | None:
    try:
        return micros(text)
    except (ValueError, OverflowError):
        message = "expected a date and time as in ISO 8601, such as 2026-01-31T12:00:00Z"
        params.fault_at(("query", key), message, "invalid_type")
        return None


def _choice(
    params: Params, place: tuple[str | int, ...], text: str, choices: type[Choice], offered: Mapping[Choice, object]
) -> Choice | None:
    try:
        value = choices(text)
    except ValueError:
        value = None
    if value not in offered:
        params.fault_at(("query", *place), f"expected one of {', '.join(offered)}", "invalid_enum_value")
        return None
    return value


def _metrics(params: Params, document: _Document, names: ViewNames) -> tuple[Metric, ...]:
    _few(params, "metrics", document.metrics)
    if not document.metrics:
        params.fault_at(("query", "metrics"), "expected at least one metric", "too_small")
    found = []
    for number, given in enumerate(document.metrics):
        aggregation = _choice(
            params, ("metrics", number, "aggregation"), given.aggregation, Aggregation, dict.fromkeys(Aggregation)
        )
        measure = names.measures.get(given.measure)
        if measure is None:
            message = f"there is no measure {given.measure[:60]!r}; measures are {', '.join(names.measures)}"
            params.fault_at(("query", "metrics", number, "measure"), message)
        elif aggregation is not None:
            found.append(Metric(measure=measure, aggregation=aggregation))
    return tuple(found)


def _dimensions(params: Params, document: _Document, names: ViewNames) -> tuple[Dimension, ...]:
    given = [each.field for each in document.dimensions or ()]
    _few(params, "dimensions", given)
    for number, name in enumerate(given):
        if name in names.costly:
            message = f"{name} has too many values to be grouped by: filter by {names.costly[name]} instead"
        elif name not in names.dimensions:
            message = f"there is no dimension {name[:60]!r}; dimensions are {', '.join(names.dimensions)}"
        elif name in given[:number]:
            message = f"{name} is given twice"
        else:
            continue
        params.fault_at(("query", "dimensions", number, "field"), message)
    return tuple(names.dimensions[name] for name in given if name in names.dimensions)


def _few(params: Params, name: str, given: list[JSON]) -> None:
    if len(given) > MAX_TERMS:
        params.fault_at(("query", name), f"expected at most {MAX_TERMS}", "too_big")
        params.check()


def _granularity(params: Params, document: _Document, since: Micros, until: Micros) -> Granularity | None:
    if document.time_dimension is None:
        return None
    text = document.time_dimension.granularity
    place = ("query", "timeDimension", "granularity")
    try:
        granularity = fitting_granularity(since, until) if text == "auto" else Granularity(text)
    except ValueError:
        params.fault_at(place, f"expected one of auto, {', '.join(Granularity)}", "invalid_enum_value")
        return None
    if next(islice(buckets(since, until, granularity), MAX_BUCKETS, None), None) is not None:
        message = f"more than {MAX_BUCKETS} of them: take a coarser granularity or a shorter time"
        params.fault_at(place, message, "too_big")
    return granularity


def _bounded(params: Params, name: str, value: int | None, default: int, largest: int) -> int:
    if value is None:
        return default
    if not 1 <= value <= largest:
        params.fault_at(("query", "config", name), f"expected a number from 1 to {largest}", "too_big")
    return value


def _orders(params: Params, document: _Document, names: ViewNames, query: MetricsQuery) -> tuple[Order, ...]:
    _few(params, "orderBy", document.order_by or [])
    fields: dict[str, Dimension | Metric | None] = {}
    if query.granularity is not None:
        fields["time_dimension"] = None
    for name, dimension in names.dimensions.items():
        if dimension in query.dimensions:
            fields[name] = dimension
    for given, metric in zip(document.metrics, query.metrics, strict=True):
        if metric.aggregation is not Aggregation.HISTOGRAM:
            fields[f"{given.aggregation}_{given.measure}"] = metric
    found = []
    for number, order in enumerate(document.order_by or ()):
        if order.field not in fields:
            message = f"expected a dimension or metric of the query: {', '.join(fields)}"
            params.fault_at(("query", "orderBy", number, "field"), message)
        elif order.direction not in {"asc", "desc"}:
            message = "expected asc or desc"
            params.fault_at(("query", "orderBy", number, "direction"), message, "invalid_enum_value")
        else:
            found.append(Order(by=fields[order.field], descending=order.direction == "desc"))
    return tuple(found)
