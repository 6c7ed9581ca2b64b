"""Media in an S3-compatible store: what clients are given, and what the server itself asks of the store."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator

import httpx
import pytest

from s3_stand_in import ACCESS_KEY, BUCKET, REGION, SECRET_KEY, S3Store, s3_store
from trunkline.errors import InvalidRequest, Unavailable
from trunkline.settings import Settings
from trunkline.store.media_records import Media
from trunkline.store.media_s3 import MediaBucket, open_bucket

DATA = b"\x89PNG" + bytes(range(256)) * 5000
DIGEST = hashlib.sha256(DATA).digest()
MEDIA = Media(
    project_id="one",
    id=base64.urlsafe_b64encode(DIGEST).decode()[:22],
    sha256=DIGEST,
    content_type="image/png",
    content_length=len(DATA),
)
HEADERS = {"content-type": "image/png", "x-amz-checksum-sha256": base64.b64encode(DIGEST).decode()}
OWN = {**HEADERS, "x-ms-blob-type": "BlockBlob"}


def settings_of(url: str, **changed: object) -> Settings:
    given: dict[str, object] = {
        "media_s3_endpoint": url,
        "media_s3_bucket": BUCKET,
        "media_s3_region": REGION,
        "media_s3_access_key": ACCESS_KEY,
        "media_s3_secret_key": SECRET_KEY,
        "media_s3_prefix": "some/prefix+é/",
        "media_s3_path_style": True,
    }
    return Settings(**{**given, **changed})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def store() -> Iterator[S3Store]:
    """Another one, a real server, where `TRUNKLINE_TEST_S3_URL` names it (with this module's keys and bucket)."""
    with s3_store() as store:
        store.url = os.environ.get("TRUNKLINE_TEST_S3_URL", store.url)
        yield store


@pytest.fixture
def bucket(store: S3Store) -> Iterator[MediaBucket]:
    bucket = open_bucket(settings_of(store.url))
    yield bucket
    bucket.delete(MEDIA)


def test_bytes_go_to_the_store_and_back(bucket: MediaBucket) -> None:
    assert bucket.size(MEDIA) is None
    put = httpx.put(bucket.upload_url(MEDIA, "", 60), content=DATA, headers=OWN)
    assert (put.status_code, put.text) == (200, "")
    assert bucket.size(MEDIA) == len(DATA)
    got = httpx.get(bucket.download_url(MEDIA, "", 60))
    assert got.content == DATA
    assert got.headers["content-type"] == "image/png"
    assert got.headers["content-disposition"] == f'inline; filename="{MEDIA.id}.png"'
    assert b"".join(bucket.read(MEDIA, 0, len(DATA))) == DATA
    assert b"".join(bucket.read(MEDIA, 3, 300_000)) == DATA[3:300_000]
    bucket.delete(MEDIA)
    bucket.delete(MEDIA)
    assert bucket.size(MEDIA) is None


@pytest.mark.parametrize(
    ("data", "changed"),
    [
        (DATA[:-1], {}),
        (DATA + b"x", {}),
        (DATA[:-1] + b"x", {}),
        (DATA, {"content-type": "text/html"}),
        (DATA, {"x-amz-checksum-sha256": "A" * 43 + "="}),
        (DATA[:-1] + b"x", {"x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(b"x").digest()).decode()}),
    ],
    ids=["short", "long", "other", "type", "checksum", "other checksum"],
)
def test_the_store_refuses_other_bytes_than_announced(
    bucket: MediaBucket, data: bytes, changed: dict[str, str]
) -> None:
    put = httpx.put(bucket.upload_url(MEDIA, "", 60), content=data, headers={**OWN, **changed})
    assert put.status_code in {400, 403}, put.text
    assert bucket.size(MEDIA) is None


def test_an_address_ends(bucket: MediaBucket) -> None:
    assert httpx.put(bucket.upload_url(MEDIA, "", -5), content=DATA, headers=OWN).status_code in {400, 403}
    assert httpx.get(bucket.download_url(MEDIA, "", -5)).status_code in {400, 403}


def test_what_may_run_is_a_download(bucket: MediaBucket) -> None:
    page = Media(
        project_id="one",
        id=MEDIA.id,
        sha256=DIGEST,
        content_type="text/html",
        content_length=len(DATA),
    )
    assert httpx.put(bucket.upload_url(MEDIA, "", 60), content=DATA, headers=OWN).is_success
    assert httpx.get(bucket.download_url(page, "", 60)).headers["content-disposition"].startswith("attachment")


def test_a_store_that_is_away_or_refuses_us(store: S3Store) -> None:
    away = open_bucket(settings_of("http://127.0.0.1:9"))
    wrong = open_bucket(settings_of(store.url, media_s3_secret_key="wrong"))
    for bucket in (away, wrong):
        with pytest.raises(Unavailable, match="store of media") as caught:
            bucket.size(MEDIA)
        assert SECRET_KEY not in caught.value.message


def test_half_a_key_pair_is_refused(store: S3Store) -> None:
    with pytest.raises(InvalidRequest, match="MEDIA_S3_SECRET_KEY"):
        open_bucket(settings_of(store.url, media_s3_secret_key=""))
