"""The content types that media may have, and which of them a browser may show in place.

Uploaded bytes are hostile: they are served with `nosniff` and a policy that runs nothing, and shown in place only where
a type can neither carry a script nor a page. The rest is a download.
"""

from __future__ import annotations

_IMAGES = ("png", "jpeg", "jpg", "webp", "gif", "svg+xml", "tiff", "bmp", "avif", "heic")
_AUDIO = ("mpeg", "mp3", "wav", "ogg", "oga", "aac", "mp4", "flac", "opus", "webm")
_VIDEO = ("mp4", "webm", "ogg", "mpeg", "quicktime", "x-msvideo", "x-matroska")
_TEXT = ("plain", "html", "css", "csv", "markdown", "x-python", "x-typescript")
_OFFICE = "application/vnd.openxmlformats-officedocument."
_APPLICATION = (
    *("javascript", "x-yaml", "pdf", "msword", "vnd.ms-excel", "zip", "json", "xml", "octet-stream", "rtf", "x-ndjson"),
    *("vnd.apache.parquet", "gzip", "x-tar", "x-7z-compressed"),
)
CONTENT_TYPES = frozenset(
    [
        *(f"image/{name}" for name in _IMAGES),
        *(f"audio/{name}" for name in _AUDIO),
        *(f"video/{name}" for name in _VIDEO),
        *(f"text/{name}" for name in _TEXT),
        *(f"application/{name}" for name in _APPLICATION),
        *(_OFFICE + name for name in ("spreadsheetml.sheet", "wordprocessingml.document")),
        _OFFICE + "presentationml.presentation",
    ]
)
"""As the API's description lists them."""

_EXTENSIONS = {
    "image/svg+xml": "svg",
    "audio/mpeg": "mp3",
    "video/quicktime": "mov",
    "video/x-msvideo": "avi",
    "video/x-matroska": "mkv",
    "text/plain": "txt",
    "text/markdown": "md",
    "text/x-python": "py",
    "text/x-typescript": "ts",
    "application/javascript": "js",
    "application/x-yaml": "yaml",
    "application/msword": "doc",
    "application/vnd.ms-excel": "xls",
    "application/octet-stream": "bin",
    "application/x-ndjson": "ndjson",
    "application/vnd.apache.parquet": "parquet",
    "application/gzip": "gz",
    "application/x-tar": "tar",
    "application/x-7z-compressed": "7z",
    _OFFICE + "spreadsheetml.sheet": "xlsx",
    _OFFICE + "wordprocessingml.document": "docx",
    _OFFICE + "presentationml.presentation": "pptx",
}


def kind_of(content_type: str) -> str:
    """`image`, `audio` or `video` for what a browser may show in place, else `file`."""
    kind = content_type.partition("/")[0]
    if content_type not in CONTENT_TYPES or content_type == "image/svg+xml":
        return "file"
    return kind if kind in {"image", "audio", "video"} else "file"


def disposition(media_id: str, content_type: str) -> str:
    """The Content-Disposition that goes with the bytes."""
    extension = _EXTENSIONS.get(content_type, content_type.partition("/")[2])
    place = "attachment" if kind_of(content_type) == "file" else "inline"
    return f'{place}; filename="{media_id}.{extension}"'
