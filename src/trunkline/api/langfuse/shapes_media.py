"""Media as Langfuse's API has them: announcements and reports that come in, records that go out."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping

from trunkline.api.langfuse.formats import Shape, iso
from trunkline.api.langfuse.params import micros
from trunkline.errors import InvalidData, PayloadTooLarge
from trunkline.store.media_records import Media, MediaUse, UseKind
from trunkline.store.media_types import CONTENT_TYPES
from trunkline.types import JSON, Micros, Struct

MEDIA_ID = re.compile(r"[A-Za-z0-9_-]{22}")
FIELDS = {UseKind.TRACE: ("input", "output", "metadata"), UseKind.DATASET_ITEM: ("input", "expectedOutput", "metadata")}
MAX_ID = 800
MAX_ERROR = 2000
LARGEST = 2**53


class UploadUrlShape(Shape, kw_only=True):
    media_id: str
    upload_url: str | None


class MediaShape(Shape, kw_only=True):
    media_id: str
    content_type: str
    content_length: int
    uploaded_at: str
    url: str
    url_expiry: str


class Report(Struct, frozen=True, kw_only=True):
    """What a client says of an upload."""

    uploaded_at: Micros
    status: int
    error: str | None
    took_ms: int | None


def read_announcement(body: JSON, project_id: str, now: Micros, max_bytes: int) -> tuple[Media, MediaUse]:
    """Raises InvalidData that names every field at fault, PayloadTooLarge for more bytes than the server takes."""
    fields = _Fields(body)
    use = _use(fields)
    content_type = fields.text("contentType", required=True)
    if content_type and content_type not in CONTENT_TYPES:
        fields.fault("contentType", f"expected one of {', '.join(sorted(CONTENT_TYPES))}", "invalid_enum_value")
    length = fields.number("contentLength", required=True)
    digest = _digest(fields)
    fields.check()
    if length > max_bytes:
        raise PayloadTooLarge(
            f"The medium has {length} bytes, more than the {max_bytes} that this server takes "
            "(TRUNKLINE_MEDIA_MAX_BYTES). Send a smaller one, or raise the limit."
        )
    media = Media(
        project_id=project_id,
        id=base64.urlsafe_b64encode(digest).decode()[:22],
        sha256=digest,
        content_type=content_type,
        content_length=length,
        created_at=now,
    )
    return media, use


def read_report(body: JSON) -> Report:
    fields = _Fields(body)
    said = fields.text("uploadedAt", required=True)
    at = 0
    try:
        at = micros(said) if said else 0
    except (ValueError, OverflowError):
        fields.fault("uploadedAt", "expected a date and time as in ISO 8601, such as 2026-01-31T12:00:00Z")
    status = fields.number("uploadHttpStatus", required=True)
    if status > 999:
        fields.fault("uploadHttpStatus", "expected a status of HTTP", "too_big")
    error = fields.text("uploadHttpError", limit=None)
    took = fields.number("uploadTimeMs", least=0, whole=False)
    fields.check()
    took_ms = took if fields.given("uploadTimeMs") else None
    return Report(uploaded_at=at, status=status, error=error[:MAX_ERROR] or None, took_ms=took_ms)


def media_shape(media: Media, url: str, expires_at: Micros) -> MediaShape:
    return MediaShape(
        media_id=media.id,
        content_type=media.content_type,
        content_length=media.content_length,
        uploaded_at=iso(media.uploaded_at or media.created_at),
        url=url,
        url_expiry=iso(expires_at),
    )


def _use(fields: _Fields) -> MediaUse:
    """Who refers to the medium: exactly one of a trace (or an observation of it) and a dataset item."""
    trace, observation = fields.text("traceId"), fields.text("observationId")
    dataset, item = fields.text("datasetId"), fields.text("datasetItemId")
    kind = UseKind.TRACE
    if trace and (dataset or item):
        fields.fault("traceId", "a trace and a dataset item exclude each other")
    elif dataset or item:
        kind = UseKind.DATASET_ITEM
        if not (dataset and item):
            fields.fault("datasetItemId" if dataset else "datasetId", "datasetId and datasetItemId go together")
        if observation:
            fields.fault("observationId", "goes with traceId")
    elif not trace:
        fields.fault("traceId", "needed, unless datasetId and datasetItemId are given")
    field = fields.text("field", required=True)
    if field and field not in FIELDS[kind]:
        fields.fault("field", f"expected one of {', '.join(FIELDS[kind])}", "invalid_enum_value")
    owner, part = (trace, observation) if kind is UseKind.TRACE else (dataset, item)
    return MediaUse(kind=kind, owner_id=owner, part_id=part, field=field)


def _digest(fields: _Fields) -> bytes:
    said = fields.text("sha256Hash", required=True)
    try:
        digest = base64.b64decode(said.encode(), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        digest = b""
    # The last character has bits to spare: only one spelling of each hash counts, as ids are made of it.
    if said and (len(digest) != 32 or base64.b64encode(digest).decode() != said):
        fields.fault("sha256Hash", "expected the SHA-256 of the bytes in base64: 44 characters")
    return digest


class _Fields:
    """The fields of one body, taken one by one with every fault collected. A null counts as not given."""

    def __init__(self, body: JSON) -> None:
        self._body: Mapping[str, JSON] = body if isinstance(body, dict) else {}
        self._issues: list[dict[str, object]] = []
        if not isinstance(body, dict):
            self._issues.append({"code": "invalid_type", "path": [], "message": "expected an object"})

    def fault(self, name: str, message: str, code: str = "custom") -> None:
        self._issues.append({"code": code, "path": [name], "message": message})

    def given(self, name: str) -> bool:
        return self._body.get(name) is not None

    def text(self, name: str, *, required: bool = False, limit: int | None = MAX_ID) -> str:
        """Empty where there is none, or a fault."""
        value = self._body.get(name)
        if isinstance(value, str):
            if required and not value:
                self.fault(name, "must not be empty", "too_small")
            if limit is not None and len(value) > limit:
                self.fault(name, f"at most {limit} characters", "too_big")
            elif not value.isascii() and _has_surrogates(value):
                self.fault(name, "holds half of a surrogate pair")
            return value
        if value is not None or required:
            self.fault(name, "expected a string" if value is not None else "required", "invalid_type")
        return ""

    def number(self, name: str, *, required: bool = False, least: int = 1, whole: bool = True) -> int:
        """0 where there is none, or a fault; a fraction is cut off where it is allowed."""
        value = self._body.get(name)
        if value is None:
            if required:
                self.fault(name, "required", "invalid_type")
            return 0
        is_whole = isinstance(value, int) or (isinstance(value, float) and (not whole or value.is_integer()))
        if isinstance(value, bool) or not is_whole:
            self.fault(name, "expected a whole number", "invalid_type")
            return 0
        if not least <= value <= LARGEST:
            code = "too_small" if value < least else "too_big"
            self.fault(name, f"expected a number from {least} to {LARGEST}", code)
            return 0
        return int(value)

    def check(self) -> None:
        if self._issues:
            raise InvalidData(self._issues)


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
