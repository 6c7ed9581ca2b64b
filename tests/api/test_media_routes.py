"""Media over HTTP: announced, put, reported, read, and what hostile or odd clients try."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from api.conftest import SIGNING_KEY, World
from api.contract import check, check_error, description
from trunkline.store.control import now_micros
from trunkline.store.media_files import MediaFiles
from trunkline.store.media_records import Media
from trunkline.store.media_types import CONTENT_TYPES, disposition, kind_of

PATH = "/api/public/media"
DATA = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 5
TIME = "2026-03-01T12:00:00.000Z"
DAY = 86_400_000_000
NEW_TRACE = {"id": "e", "type": "trace-create", "timestamp": TIME, "body": {"id": "t"}}


def announcement(data: bytes = DATA, **changed: Any) -> dict[str, Any]:
    said = {
        "traceId": "t",
        "observationId": None,
        "contentType": "image/png",
        "contentLength": len(data),
        "sha256Hash": base64.b64encode(hashlib.sha256(data).digest()).decode(),
        "field": "input",
    }
    return {name: value for name, value in {**said, **changed}.items() if value is not ...}


def id_of(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode()[:22]


def sdk_headers(data: bytes = DATA, content_type: str = "image/png") -> dict[str, str]:
    checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
    return {"content-type": content_type, "x-amz-checksum-sha256": checksum, "x-ms-blob-type": "BlockBlob"}


async def announce(api: httpx.AsyncClient, data: bytes = DATA, **changed: Any) -> str | None:
    answer = check(await api.post(PATH, json=announcement(data, **changed)))
    assert answer.status_code == 200
    assert answer.json()["mediaId"] == id_of(data)
    url: str | None = answer.json()["uploadUrl"]
    return url


async def upload(api: httpx.AsyncClient, data: bytes = DATA, **changed: Any) -> None:
    url = await announce(api, data, **changed)
    assert url is not None
    put = await api.put(url, content=data, headers=sdk_headers(data, changed.get("contentType", "image/png")))
    assert (put.status_code, put.content) == (200, b"")


def files_in(world: World) -> list[Path]:
    return sorted(path for path in (world.services.settings.data / "media").rglob("*") if path.is_file())


@pytest.fixture
async def stranger(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A client without any key."""
    async with world.client("none") as client:
        yield client


def test_the_content_types_are_those_of_the_description() -> None:
    assert set(description()["components"]["schemas"]["MediaContentType"]["enum"]) == CONTENT_TYPES


async def test_from_announcement_to_bytes(api: httpx.AsyncClient, stranger: httpx.AsyncClient, world: World) -> None:
    url = await announce(api)
    assert url is not None
    assert url.startswith(f"http://test/api/v1/media/one/{id_of(DATA)}?")
    put = await stranger.put(url, content=DATA, headers=sdk_headers())
    assert (put.status_code, put.content) == (200, b"")
    report = {"uploadedAt": TIME, "uploadHttpStatus": 200, "uploadHttpError": "", "uploadTimeMs": 12}
    assert check(await api.patch(f"{PATH}/{id_of(DATA)}", json=report)).status_code == 204
    found = check(await api.get(f"{PATH}/{id_of(DATA)}")).json()
    assert {**found, "url": None, "urlExpiry": None} == {
        "mediaId": id_of(DATA),
        "contentType": "image/png",
        "contentLength": len(DATA),
        "uploadedAt": TIME,
        "url": None,
        "urlExpiry": None,
    }
    got = await stranger.get(found["url"])
    assert (got.status_code, got.content) == (200, DATA)
    assert got.headers["content-type"] == "image/png"
    assert got.headers["content-length"] == str(len(DATA))
    assert [path.name for path in files_in(world)] == [id_of(DATA)]
    assert await announce(api, observationId="o", field="output") is None


async def test_bytes_are_readable_before_and_without_the_report(api: httpx.AsyncClient) -> None:
    await upload(api)
    found = check(await api.get(f"{PATH}/{id_of(DATA)}")).json()
    assert (await api.get(found["url"])).content == DATA
    await api.patch(f"{PATH}/{id_of(DATA)}", json={"uploadedAt": TIME, "uploadHttpStatus": 500})
    assert (await api.get(f"{PATH}/{id_of(DATA)}")).status_code == 200


async def test_a_report_of_what_never_came_is_not_believed(api: httpx.AsyncClient) -> None:
    assert await announce(api)
    path = f"{PATH}/{id_of(DATA)}"
    assert "not yet uploaded" in check_missing(await api.get(path))
    done = {"uploadedAt": TIME, "uploadHttpStatus": 200, "uploadHttpError": None, "uploadTimeMs": None}
    assert (await api.patch(path, json=done)).status_code == 204
    assert "not yet uploaded" in check_missing(await api.get(path))
    assert await announce(api)
    failed = {**done, "uploadHttpStatus": 403, "uploadHttpError": "<Error>" * 10_000}
    assert (await api.patch(path, json=failed)).status_code == 204
    assert "failed with status 403" in check_missing(await api.get(path))


def check_missing(answer: httpx.Response) -> str:
    check(answer)
    assert (answer.status_code, answer.json()["error"]) == (404, "LangfuseNotFoundError")
    message: str = answer.json()["message"]
    return message


async def test_the_newest_content_type_counts(api: httpx.AsyncClient) -> None:
    await upload(api)
    assert await announce(api, contentType="image/jpeg") is None
    found = (await api.get(f"{PATH}/{id_of(DATA)}")).json()
    assert found["contentType"] == "image/jpeg"
    assert (await api.get(found["url"])).headers["content-type"] == "image/jpeg"


async def test_media_of_a_dataset_item(api: httpx.AsyncClient) -> None:
    """As SDKs do it: the bytes are there before the item is."""
    dataset = (await api.post("/api/public/v2/datasets", json={"name": "pictures"})).json()
    item: dict[str, Any] = {"traceId": None, "datasetId": dataset["id"], "datasetItemId": "i"}
    await upload(api, **item, field="expectedOutput")
    assert await announce(api, **item) is None
    text = f"@@@langfuseMedia:type=image/png|id={id_of(DATA)}|source=bytes@@@"
    lost = text.replace(id_of(DATA), "a" * 22)
    body = {
        "datasetName": "pictures",
        "id": "i",
        "input": {"0": {"it's": [lost, text]}, "prose": f"see {text}"},
        "expectedOutput": text,
        "metadata": {"note": "@@@langfuseMedia:nonsense@@@"},
    }
    made = check(await api.post("/api/public/dataset-items", json=body)).json()
    read = check(await api.get("/api/public/dataset-items/i")).json()
    (listed,) = check(await api.get("/api/public/dataset-items", params={"datasetName": "pictures"})).json()["data"]
    for found in (made, read, listed):
        places = [(each["field"], each["jsonPath"], each["referenceString"]) for each in found["mediaReferences"]]
        assert places == [("input", "$[0]['it's'][1]", text), ("expectedOutput", "$", text)]
        media = found["mediaReferences"][0]["media"]
        assert (media["mediaId"], media["contentType"], media["contentLength"]) == (id_of(DATA), "image/png", len(DATA))
        assert (await api.get(media["url"])).content == DATA


async def test_an_item_keeps_the_media_of_the_trace_that_it_was_made_of(api: httpx.AsyncClient, world: World) -> None:
    await api.post("/api/public/ingestion", json={"batch": [NEW_TRACE]})
    await upload(api)
    await api.post("/api/public/v2/datasets", json={"name": "pictures"})
    text = f"@@@langfuseMedia:type=image/png|id={id_of(DATA)}|source=bytes@@@"
    await api.post("/api/public/dataset-items", json={"datasetName": "pictures", "input": f"What is {text}?"})
    assert (await api.delete("/api/public/traces/t")).status_code == 200
    assert (await api.get(f"{PATH}/{id_of(DATA)}")).status_code == 200
    assert files_in(world)


async def test_deleting_a_trace_deletes_its_media(api: httpx.AsyncClient, world: World) -> None:
    await api.post("/api/public/ingestion", json={"batch": [NEW_TRACE]})
    await upload(api)
    assert (await api.delete("/api/public/traces/t")).status_code == 200
    assert files_in(world) == []
    assert (await api.get(f"{PATH}/{id_of(DATA)}")).status_code == 404


WRONG: dict[str, dict[str, Any]] = {
    "no context": {"traceId": None},
    "empty trace": {"traceId": ""},
    "both contexts": {"datasetId": "d", "datasetItemId": "i"},
    "dataset without item": {"traceId": None, "datasetId": "d"},
    "item without dataset": {"traceId": ..., "datasetItemId": "i"},
    "observation of an item": {"traceId": None, "datasetId": "d", "datasetItemId": "i", "observationId": "o"},
    "observation without trace": {"traceId": None, "observationId": "o"},
    "field of the other context": {"field": "expectedOutput"},
    "output of an item": {"traceId": None, "datasetId": "d", "datasetItemId": "i", "field": "output"},
    "no field": {"field": ...},
    "field is a number": {"field": 1},
    "unknown type": {"contentType": "image/x-evil"},
    "type with parameters": {"contentType": "text/html; charset=utf-8"},
    "type in capitals": {"contentType": "IMAGE/PNG"},
    "no type": {"contentType": ...},
    "negative length": {"contentLength": -1},
    "no bytes": {"contentLength": 0},
    "fraction of a byte": {"contentLength": 1.5},
    "length as text": {"contentLength": "5"},
    "length is true": {"contentLength": True},
    "length beyond numbers": {"contentLength": 10**40},
    "no length": {"contentLength": ...},
    "short hash": {"sha256Hash": "YWJj"},
    "hash in hex": {"sha256Hash": hashlib.sha256(DATA).hexdigest()},
    "hash with spare bits": {"sha256Hash": "A" * 42 + "B="},
    "hash with an accent": {"sha256Hash": "é" * 44},
    "no hash": {"sha256Hash": None},
    "trace is an object": {"traceId": {"a": 1}},
    "trace too long": {"traceId": "t" * 801},
}


async def test_a_wrong_announcement_is_refused(api: httpx.AsyncClient) -> None:
    for name, changed in WRONG.items():
        answer = check(await api.post(PATH, json=announcement(**changed)))
        assert answer.status_code == 400, (name, answer.text)
        assert answer.json()["error"][0]["path"], (name, answer.text)
        assert (await api.get(f"{PATH}/{id_of(DATA)}")).status_code == 404, name


async def test_a_body_that_is_no_announcement(api: httpx.AsyncClient) -> None:
    for body in (b"", b"[]", b"null", b"{", b'"x"', b"[" * 90_000, b'{"traceId":"\\ud800"}', b"\xff"):
        for method, path in (("POST", PATH), ("PATCH", f"{PATH}/{id_of(DATA)}")):
            answer = await api.request(method, path, content=body)
            check_error(answer)
            assert answer.status_code == 400, body


async def test_ids_are_any_text(api: httpx.AsyncClient, world: World) -> None:
    for trace_id in ("a/b", "ä ö/../x", "t" * 800, "..", "%2F", "\x00nul"):
        await upload(api, traceId=trace_id, observationId=trace_id)
        await world.services.media.delete_of_traces("one", [trace_id])
        assert (await api.get(f"{PATH}/{id_of(DATA)}")).status_code == 404
        assert files_in(world) == []


async def test_more_than_the_server_takes_is_a_413(api: httpx.AsyncClient) -> None:
    answer = check(await api.post(PATH, json=announcement(contentLength=10**9 + 1)))
    assert answer.status_code == 413
    assert "TRUNKLINE_MEDIA_MAX_BYTES" in answer.json()["message"]


async def test_other_bytes_under_the_same_id_are_a_conflict(api: httpx.AsyncClient) -> None:
    await upload(api)
    assert (await api.post(PATH, json=announcement(contentLength=5))).status_code == 409


async def test_unknown_media(api: httpx.AsyncClient) -> None:
    for path in ("nothing", "..%2F..%2Fcontrol.db", "%00", "a" * 22, "a" * 500, "ü" * 22, "a%2Fb"):
        check_missing(await api.get(f"{PATH}/{path}"))
        check_missing(await api.patch(f"{PATH}/{path}", json={"uploadedAt": TIME, "uploadHttpStatus": 200}))


WRONG_REPORTS: list[dict[str, Any]] = [
    {"uploadHttpStatus": 200},
    {"uploadedAt": "yesterday", "uploadHttpStatus": 200},
    {"uploadedAt": 5, "uploadHttpStatus": 200},
    {"uploadedAt": TIME},
    {"uploadedAt": TIME, "uploadHttpStatus": "200"},
    {"uploadedAt": TIME, "uploadHttpStatus": 10**30},
    {"uploadedAt": TIME, "uploadHttpStatus": 200, "uploadHttpError": 5},
    {"uploadedAt": TIME, "uploadHttpStatus": 200, "uploadTimeMs": "soon"},
    {"uploadedAt": TIME, "uploadHttpStatus": 200, "uploadTimeMs": -1},
]


async def test_a_wrong_report_is_refused(api: httpx.AsyncClient) -> None:
    await upload(api)
    for report in WRONG_REPORTS:
        answer = await api.patch(f"{PATH}/{id_of(DATA)}", json=report)
        check_error(answer)
        assert answer.status_code == 400, report


# --- signed addresses


def changed_query(url: str, **changed: str | None) -> str:
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    query = {name: value for name, value in {**query, **changed}.items() if value is not None}
    return f"{parts.path}?{urlencode(query)}"


WRONG_TERMS: list[dict[str, str | None]] = [
    {"expires": "99999999999"},
    {"expires": "soon"},
    {"expires": None},
    {"signature": None},
    {"signature": "é"},
    {"length": "5"},
    {"length": None},
    {"sha256": "00" * 32},
    {"type": "text/html"},
    {"type": None},
]


async def test_an_address_is_good_for_what_it_was_signed_for(api: httpx.AsyncClient, world: World) -> None:
    url = await announce(api)
    assert url is not None
    for changed in WRONG_TERMS:
        answer = await api.put(changed_query(url, **changed), content=DATA, headers=sdk_headers())
        check_error(answer)
        assert answer.status_code == 403, changed
        assert files_in(world) == []


async def test_addresses_do_not_stand_for_each_other(api: httpx.AsyncClient, world: World) -> None:
    upload_url = await announce(api)
    assert upload_url is not None
    assert (await api.put(upload_url, content=DATA)).status_code == 200
    url = (await api.get(f"{PATH}/{id_of(DATA)}")).json()["url"]
    assert (await api.get(upload_url)).status_code == 403
    assert (await api.put(url, content=DATA)).status_code == 403
    assert (await api.get(url.replace("/one/", "/two/"))).status_code == 403
    assert (await api.get(url.replace(id_of(DATA), "a" * 22))).status_code == 403
    assert (await api.get(f"/api/v1/media/one/{id_of(DATA)}")).status_code == 403
    foreign = MediaFiles(Path(), b"another key" * 3).download_url(media_of(world), "", 100)
    assert (await api.get(foreign)).status_code == 403


def media_of(world: World) -> Media:
    return world.services.media.records.find("one", [id_of(DATA)])[id_of(DATA)]


async def test_an_address_ends(api: httpx.AsyncClient, world: World) -> None:
    await upload(api)
    files = MediaFiles(Path(), SIGNING_KEY)
    for url in (files.download_url(media_of(world), "", -1), files.upload_url(media_of(world), "", -1)):
        answer = await api.request("PUT" if "length" in url else "GET", url, content=DATA)
        assert answer.status_code == 403
        assert "expired" in answer.json()["message"]


async def test_another_project_sees_nothing(api: httpx.AsyncClient, world: World) -> None:
    await upload(api)
    async with world.client("other") as other:
        check_missing(await other.get(f"{PATH}/{id_of(DATA)}"))
        assert await announce(other), "whether another project has the bytes is nobody's business"


# --- bytes


OTHER_BYTES: dict[str, tuple[bytes, dict[str, str]]] = {
    "short": (DATA[:-1], {}),
    "long": (DATA + b"x", {}),
    "empty": (b"", {}),
    "other": (DATA[:-1] + b"x", {}),
    "type": (DATA, {"content-type": "text/html"}),
    "checksum": (DATA, {"x-amz-checksum-sha256": "A" * 43 + "="}),
    "encoding": (DATA, {"content-encoding": "gzip"}),
}


async def test_other_bytes_than_announced_are_refused(api: httpx.AsyncClient, world: World) -> None:
    async def chunks(data: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(data), 100):
            yield data[start : start + 100]

    url = await announce(api)
    assert url is not None
    for name, (data, headers) in OTHER_BYTES.items():
        for content in (data, chunks(data)):
            answer = await api.put(url, content=content, headers=headers)
            check_error(answer)
            assert answer.status_code == 400, name
            assert files_in(world) == []
    assert await announce(api), "a good upload is still waited for"


async def test_large_bytes_go_to_the_disk_in_pieces(api: httpx.AsyncClient, world: World) -> None:
    data = hashlib.shake_256(b"large").digest(3_000_000)
    assert len(data) > world.services.settings.max_body_bytes
    await upload(api, data)
    got = await api.get((await api.get(f"{PATH}/{id_of(data)}")).json()["url"])
    assert got.content == data


async def test_the_same_bytes_twice_at_once(api: httpx.AsyncClient, world: World) -> None:
    urls = await asyncio.gather(*(announce(api, traceId=f"t{number}") for number in range(8)))
    assert all(urls)
    puts = await asyncio.gather(*(api.put(url or "", content=DATA, headers=sdk_headers()) for url in urls))
    assert {put.status_code for put in puts} == {200}
    assert [path.name for path in files_in(world)] == [id_of(DATA)]


async def test_an_upload_after_the_deletion_is_refused(api: httpx.AsyncClient, world: World) -> None:
    url = await announce(api)
    assert url is not None
    await world.services.media.delete_of_traces("one", ["t"])
    assert (await api.put(url, content=DATA)).status_code == 404
    assert files_in(world) == []


async def test_lost_bytes_are_asked_for_again(api: httpx.AsyncClient, world: World) -> None:
    await upload(api)
    (file,) = files_in(world)
    url = (await api.get(f"{PATH}/{id_of(DATA)}")).json()["url"]
    file.unlink()
    assert (await api.get(url)).status_code == 404
    await upload(api)
    assert (await api.get(url)).content == DATA


async def test_nothing_that_was_uploaded_runs(api: httpx.AsyncClient) -> None:
    for content_type in sorted(CONTENT_TYPES):
        data = content_type.encode()
        await upload(api, data, contentType=content_type)
        got = await api.get((await api.get(f"{PATH}/{id_of(data)}")).json()["url"])
        assert got.headers["content-type"] == content_type
        assert got.headers["x-content-type-options"] == "nosniff"
        assert got.headers["content-security-policy"] == "sandbox; default-src 'none'"
        shown = content_type.partition("/")[0] in {"image", "audio", "video"} and content_type != "image/svg+xml"
        assert got.headers["content-disposition"].startswith("inline;" if shown else "attachment;")
        assert kind_of(content_type) == (content_type.partition("/")[0] if shown else "file")


def test_a_type_that_is_not_known_is_a_download() -> None:
    assert disposition("id", "image/evil").startswith("attachment")


RANGES = {
    "bytes=0-3": (0, 4),
    "bytes=5-": (5, len(DATA)),
    "bytes=-4": (len(DATA) - 4, len(DATA)),
    "bytes=1000-999999": (1000, len(DATA)),
}


async def test_ranges_of_bytes(api: httpx.AsyncClient) -> None:
    await upload(api)
    url = (await api.get(f"{PATH}/{id_of(DATA)}")).json()["url"]
    for asked, (start, stop) in RANGES.items():
        got = await api.get(url, headers={"range": asked})
        assert (got.status_code, got.content) == (206, DATA[start:stop])
        assert got.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(DATA)}"
    for asked in ("bytes=0-3,5-6", "lines=0-3", "bytes=-", "bytes=5-2", "bytes=x-", ""):
        assert (await api.get(url, headers={"range": asked})).content == DATA, "not understood: the whole"
    for asked in ("bytes=99999-", "bytes=-0"):
        got = await api.get(url, headers={"range": asked})
        assert (got.status_code, got.headers["content-range"]) == (416, f"bytes */{len(DATA)}")


async def test_head_and_conditional_requests(api: httpx.AsyncClient) -> None:
    await upload(api)
    url = (await api.get(f"{PATH}/{id_of(DATA)}")).json()["url"]
    head = await api.head(url)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(DATA)))
    again = await api.get(url, headers={"if-none-match": head.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


# --- addresses in answers


async def test_addresses_begin_as_the_client_reached_the_server(api: httpx.AsyncClient) -> None:
    for headers, origin in (
        ({"host": "trunkline.example:8443", "x-forwarded-proto": "https"}, "https://trunkline.example:8443/"),
        ({"host": "[::1]:3000"}, "http://[::1]:3000/"),
        ({"host": "a.example", "x-forwarded-proto": "javascript"}, "http://a.example/"),
    ):
        answer = await api.post(PATH, json=announcement(), headers=headers)
        assert answer.json()["uploadUrl"].startswith(origin)
    refused = await api.post(PATH, json=announcement(), headers={"host": 'evil"><script>'})
    assert refused.status_code == 400


# --- what is deleted


async def test_deleting_a_trace_leaves_what_others_refer_to(api: httpx.AsyncClient, world: World) -> None:
    own = b"only of the first"
    await upload(api, own, traceId="first", observationId="o")
    await upload(api, traceId="first")
    await announce(api, traceId="second", field="metadata")
    media = world.services.media
    await media.delete_of_traces("two", ["first", "second"])
    assert len(files_in(world)) == 2
    await media.delete_of_traces("one", ["first"])
    assert [path.name for path in files_in(world)] == [id_of(DATA)]
    check_missing(await api.get(f"{PATH}/{id_of(own)}"))
    await media.delete_of_traces("one", ["second", "unknown"])
    assert files_in(world) == []
    await upload(api, own)


async def test_what_is_being_deleted_is_not_promised(api: httpx.AsyncClient, world: World) -> None:
    """A deletion that has begun in one process while another is asked for the same bytes."""
    await upload(api)
    records = world.services.media.records
    records.unlink("one", "trace", ["t"])  # type: ignore[arg-type]
    now = now_micros()
    (taken,) = records.take_orphans("one", now)
    check_missing(await api.get(f"{PATH}/{id_of(DATA)}"))
    answer = await api.post(PATH, json=announcement())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert records.take_orphans("one", now + 1) == []
    world.services.media.contents.delete(taken)
    records.forget("one", [taken.id], now)
    await upload(api)


async def test_a_deletion_that_broke_off_is_taken_up_again(api: httpx.AsyncClient, world: World) -> None:
    await upload(api)
    records, library = world.services.media.records, world.services.media
    records.unlink("one", "trace", ["t"])  # type: ignore[arg-type]
    assert records.take_orphans("one", now_micros() - 120_000_000)
    assert library.delete_orphans("one") == 1
    assert files_in(world) == []
    await upload(api)
    records.unlink("one", "trace", ["t"])  # type: ignore[arg-type]
    assert records.take_orphans("one", now_micros() - 120_000_000)
    assert await announce(api) is None, "the bytes were not deleted yet, and now they are wanted"


async def test_the_sweep_drops_what_belongs_to_no_trace(
    api: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = {"id": "e", "type": "trace-create", "timestamp": TIME, "body": {"id": "kept"}}
    assert (await api.post("/api/public/ingestion", json={"batch": [event]})).status_code == 207
    other = b"of a trace that was sampled away"
    await upload(api, traceId="kept")
    await upload(api, other, traceId="never")
    library, traces = world.services.media, world.services.traces
    await library.sweep("one", traces)
    assert len(files_in(world)) == 2, "the trace may still come"
    monkeypatch.setattr("trunkline.store.media.FORGOTTEN", -DAY)
    await library.sweep("one", traces)
    assert [path.name for path in files_in(world)] == [id_of(DATA)]


async def test_remnants_of_a_killed_upload_go_after_a_day(
    api: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await upload(api)
    remnant = world.services.settings.data / "media" / "one" / ".incoming" / "remnant"
    remnant.write_bytes(b"half")
    await world.services.media.sweep("one", world.services.traces)
    assert remnant.exists()
    monkeypatch.setattr("trunkline.store.media_files.REMNANT_S", -1)
    await world.services.media.sweep("one", world.services.traces)
    assert [path.name for path in files_in(world)] == [id_of(DATA)]
