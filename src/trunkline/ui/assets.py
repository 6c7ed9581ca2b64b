"""Static files: read once at the start into an allow-list, so that a request names a known file or gets a 404.

All of them are served under one digest of their contents (``/static/<digest>/app.css``). A new release has new
addresses, browsers may keep the old ones for ever, and relative addresses inside the style sheet just work.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from trunkline.types import Struct

FOLDER = Path(__file__).parent / "static"
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}


class Asset(Struct, frozen=True, kw_only=True):
    body: bytes
    media_type: str
    etag: str


class Assets(Struct, frozen=True, kw_only=True):
    digest: str
    files: Mapping[str, Asset]

    def url(self, name: str) -> str:
        """Raises KeyError for a file that does not exist: a template's misspelling fails in its test."""
        if name not in self.files:
            raise KeyError(name)
        return f"/static/{self.digest}/{name}"


def load_assets(folder: Path = FOLDER) -> Assets:
    """Only files with a known extension are served: no licence texts, no checksums, nothing that strays in."""
    files = {}
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix not in _MEDIA_TYPES or not path.is_file():
            continue
        body = path.read_bytes()
        digest = hashlib.sha256(body).hexdigest()
        name = path.relative_to(folder).as_posix()
        whole.update(f"{name} {digest}\n".encode())
        files[name] = Asset(body=body, media_type=_MEDIA_TYPES[path.suffix], etag=f'"{digest[:32]}"')
    return Assets(digest=whole.hexdigest()[:16], files=files)
