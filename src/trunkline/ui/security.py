"""What every page carries against hostile content and hostile sites: headers, form tokens, safe ways back."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import quote, urlsplit

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "media-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
)
PAGE_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
}
_SAFE_IN_PATH = "/:@!$&'()*+,;=-._~%"
_SAFE_IN_QUERY = _SAFE_IN_PATH + "?"


def form_token(secret: str) -> str:
    """The token of a browser's forms, derived from a cookie that other sites cannot read.

    `secret` is the session's token, or the random cookie of a browser that has not signed in yet.
    """
    return hmac.new(secret.encode(), b"trunkline form token", hashlib.sha256).hexdigest()


def is_form_token(given: str, secret: str) -> bool:
    return bool(secret) and hmac.compare_digest(given.encode(), form_token(secret).encode())


def is_same_origin(host: str, origin: str | None, fetch_site: str | None) -> bool:
    """Whether a browser says that the request comes from our own page; silence (curl, old browsers) passes.

    A second wall behind the form token: it also holds where a sibling domain managed to set our cookies.
    """
    if fetch_site is not None and fetch_site not in {"same-origin", "none"}:
        return False
    if origin is None:
        return True
    return origin != "null" and urlsplit(origin).netloc.lower() == host.lower()


def safe_return(target: str | None) -> str:
    """Where to go after sign-in: a path of this server, percent-encoded anew, or ``/``.

    Refuses whatever a browser might read as another host: ``//host``, ``/\\host``, schemes, control characters (which
    browsers drop before they parse).
    """
    if not target or target[0] != "/" or len(target) > 4096:
        return "/"
    if target[1:2] in {"/", "\\"} or "\\" in target or any(ord(c) < 33 or ord(c) == 127 for c in target):
        return "/"
    path, _, query = target.partition("?")
    query = query.partition("#")[0]
    path = quote(path.partition("#")[0], safe=_SAFE_IN_PATH)
    return f"{path}?{quote(query, safe=_SAFE_IN_QUERY)}" if query else path
