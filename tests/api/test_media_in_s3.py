"""Media over HTTP where their bytes are in an S3-compatible store."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import httpx
import pytest

from api.conftest import World
from api.contract import check
from api.test_media_routes import DATA, PATH, TIME, announce, announcement, id_of, sdk_headers
from s3_stand_in import ACCESS_KEY, BUCKET, REGION, SECRET_KEY, S3Store, s3_store
from trunkline.api.app import create_app
from trunkline.settings import load_settings
from trunkline.store.media import open_media

KEY = f"kept/one/{id_of(DATA)}"


@pytest.fixture(scope="module")
def store() -> Iterator[S3Store]:
    with s3_store() as store:
        yield store


@pytest.fixture
def world(world: World, store: S3Store) -> World:
    store.objects.clear()
    settings = load_settings(
        data=world.services.settings.data,
        media_s3_endpoint=store.url,
        media_s3_bucket=BUCKET,
        media_s3_region=REGION,
        media_s3_access_key=ACCESS_KEY,
        media_s3_secret_key=SECRET_KEY,
        media_s3_prefix="kept/",
        media_s3_path_style=True,
    )
    media = open_media(settings, world.services.control, settings.data / "media", b"")
    services = dataclasses.replace(world.services, settings=settings, media=media)
    return World(create_app(services), services, world.headers)


async def test_clients_go_to_the_store_itself(api: httpx.AsyncClient, store: S3Store) -> None:
    url = await announce(api)
    assert url is not None
    assert url.startswith(f"{store.url}/{BUCKET}/{KEY}?")
    async with httpx.AsyncClient() as client:
        assert (await client.put(url, content=DATA, headers=sdk_headers())).status_code == 200
        report = {"uploadedAt": TIME, "uploadHttpStatus": 200, "uploadHttpError": None, "uploadTimeMs": 5}
        assert (await api.patch(f"{PATH}/{id_of(DATA)}", json=report)).status_code == 204
        found = check(await api.get(f"{PATH}/{id_of(DATA)}")).json()
        assert (found["uploadedAt"], found["contentLength"]) == (TIME, len(DATA))
        assert (await client.get(found["url"])).content == DATA
    before = len(store.requests)
    assert await announce(api, traceId="another") is None
    assert (await api.get(f"{PATH}/{id_of(DATA)}")).status_code == 200
    assert len(store.requests) == before, "what was there once is not asked for again"
    assert (await api.get(f"/api/v1/media/one/{id_of(DATA)}")).status_code == 404


async def test_a_report_is_held_to_the_store(api: httpx.AsyncClient, store: S3Store) -> None:
    url = await announce(api)
    report = {"uploadedAt": TIME, "uploadHttpStatus": 200}
    assert (await api.patch(f"{PATH}/{id_of(DATA)}", json=report)).status_code == 204
    assert (await api.get(f"{PATH}/{id_of(DATA)}")).status_code == 404
    async with httpx.AsyncClient() as client:
        assert (await client.put(url or "", content=DATA, headers=sdk_headers())).status_code == 200
    assert (await api.get(f"{PATH}/{id_of(DATA)}")).status_code == 200, "found without a report"


async def test_objects_go_with_the_last_trace(api: httpx.AsyncClient, store: S3Store, world: World) -> None:
    await announce(api)
    store.objects[KEY] = ("image/png", DATA)
    await announce(api, traceId="another")
    await world.services.media.delete_of_traces("one", ["t"])
    assert KEY in store.objects
    await world.services.media.delete_of_traces("one", ["another"])
    assert KEY not in store.objects
    assert await announce(api)


async def test_a_store_that_is_away_is_a_503(api: httpx.AsyncClient, world: World) -> None:
    settings = world.services.settings.model_copy(update={"media_s3_endpoint": "http://127.0.0.1:9"})
    media = open_media(settings, world.services.control, settings.data / "media", b"")
    services = dataclasses.replace(world.services, media=media)
    away = World(create_app(services), services, world.headers)
    async with away.client() as client:
        answer = check(await client.post(PATH, json=announcement()))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
