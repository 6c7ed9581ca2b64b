"""Bytes of media in an S3-compatible store: clients put and get them there, by presigned addresses (SigV4).

An upload's signature covers length, hash and content type, so the store itself refuses other bytes. The server asks for
sizes, reads for its own pages, and deletes. Needs the extra ``trunkline[s3]``.
"""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator, Mapping
from typing import Protocol, cast

from trunkline.errors import InvalidRequest, Unavailable
from trunkline.settings import Settings
from trunkline.store.media_records import Media
from trunkline.store.media_types import disposition

try:
    import botocore.config
    import botocore.exceptions
    import botocore.session
except ImportError:  # the extra is not installed
    botocore = None

PIECE = 256 * 1024
CONNECT_S = 5
READ_S = 15
ATTEMPTS = 2
"""With the two times above: a deletion ends well before its mark does (`media_records.TAKEN_S`)."""


class Body(Protocol):
    """An object's bytes on their way."""

    def iter_chunks(self, chunk_size: int) -> Iterator[bytes]: ...

    def close(self) -> None: ...


class Client(Protocol):
    """What is used of botocore's client, which makes its methods at run time."""

    def generate_presigned_url(self, method: str, params: Mapping[str, object], expires: int) -> str: ...

    def head_object(self, **given: str) -> Mapping[str, object]: ...

    def get_object(self, **given: str) -> Mapping[str, object]: ...

    def delete_object(self, **given: str) -> Mapping[str, object]: ...


class MediaBucket:
    """Media in a bucket."""

    is_remote = True

    def __init__(self, client: Client, bucket: str, prefix: str) -> None:
        self._client, self._bucket, self._prefix = client, bucket, prefix

    def upload_url(self, media: Media, origin: str, lifetime_s: int) -> str:
        terms = {
            "ContentType": media.content_type,
            "ContentLength": media.content_length,
            "ChecksumSHA256": base64.b64encode(media.sha256).decode(),
        }
        with _translated():
            return self._client.generate_presigned_url("put_object", {**self._object(media), **terms}, lifetime_s)

    def download_url(self, media: Media, origin: str, lifetime_s: int) -> str:
        terms = {
            "ResponseContentType": media.content_type,
            "ResponseContentDisposition": disposition(media.id, media.content_type),
        }
        with _translated():
            return self._client.generate_presigned_url("get_object", {**self._object(media), **terms}, lifetime_s)

    def size(self, media: Media) -> int | None:
        with _translated():
            try:
                return cast(int, self._client.head_object(**self._object(media))["ContentLength"])
            except botocore.exceptions.ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                    return None
                raise

    def read(self, media: Media, start: int, stop: int) -> Iterator[bytes]:
        with _translated():
            found = self._client.get_object(**self._object(media), Range=f"bytes={start}-{stop - 1}")
            with contextlib.closing(cast(Body, found["Body"])) as body:
                yield from body.iter_chunks(PIECE)

    def delete(self, media: Media) -> None:
        with _translated():
            self._client.delete_object(**self._object(media))

    def sweep(self, project_id: str) -> None:
        """A store keeps no part of a broken-off upload."""

    def _object(self, media: Media) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": f"{self._prefix}{media.project_id}/{media.id}"}


def open_bucket(settings: Settings) -> MediaBucket:
    """The bucket that the settings name. Raises InvalidRequest where the extra or a key is missing."""
    if botocore is None:
        raise InvalidRequest("TRUNKLINE_MEDIA_S3_BUCKET needs the extra: pip install 'trunkline[s3]'.")
    access, secret = settings.media_s3_access_key, settings.media_s3_secret_key.get_secret_value()
    if bool(access) != bool(secret):
        raise InvalidRequest("Set both TRUNKLINE_MEDIA_S3_ACCESS_KEY and TRUNKLINE_MEDIA_S3_SECRET_KEY, or neither.")
    # Left alone, botocore would add checksums of its own choice, which an SDK's upload does not send.
    config = botocore.config.Config(
        signature_version="s3v4",
        s3={"addressing_style": "path" if settings.media_s3_path_style else "virtual"},
        connect_timeout=CONNECT_S,
        read_timeout=READ_S,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    client = botocore.session.get_session().create_client(
        "s3",
        region_name=settings.media_s3_region,
        endpoint_url=settings.media_s3_endpoint or None,
        aws_access_key_id=access or None,
        aws_secret_access_key=secret or None,
        config=config,
    )
    return MediaBucket(client, settings.media_s3_bucket, settings.media_s3_prefix)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        raise Unavailable(f"The store of media cannot be used just now: {error}.") from error
