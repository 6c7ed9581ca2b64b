"""Media on a trace's page: shown from this server, whatever they are, and to nobody who may not see them."""

from __future__ import annotations

import base64
import hashlib
import struct
import zlib
from collections.abc import Iterator

import httpx
import msgspec
import pytest

from trunkline.store.control import now_micros
from trunkline.store.media_files import MediaFiles
from trunkline.store.media_records import Media, MediaUse, UseKind
from ui.signing import sign_in
from ui.watched import open_browser, watched
from ui.world import World, open_world, serve, trace_change

ROOT = "/project/default"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One of its own: other tests count the traces of the one that they share."""
    with open_world(tmp_path_factory.mktemp("media")) as world:
        yield world


@pytest.fixture(scope="module")
def address(world: World) -> Iterator[str]:
    with serve(world) as address:
        yield address


@pytest.fixture(scope="module")
def signed_in(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address) as client:
        sign_in(client)
        yield client


def png(width: int = 7) -> bytes:
    """A red picture, `width` by 1."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"\0" + b"\xff\0\0" * width
    header = struct.pack(">IIBBBBB", width, 1, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")


def store(world: World, data: bytes, content_type: str) -> str:
    """A medium with its bytes; returns its reference."""
    digest = hashlib.sha256(data).digest()
    now = now_micros()
    media = Media(
        project_id="default",
        id=base64.urlsafe_b64encode(digest).decode()[:22],
        sha256=digest,
        content_type=content_type,
        content_length=len(data),
        created_at=now,
    )
    library = world.services.media
    assert isinstance(library.contents, MediaFiles)
    library.records.announce(media, MediaUse(kind=UseKind.TRACE, owner_id="seen", field="input"))
    upload = library.contents.receive(media)
    upload.write(data)
    upload.finish()
    return f"@@@langfuseMedia:type={content_type}|id={media.id}|source=bytes@@@"


@pytest.fixture(scope="module")
def page(world: World, signed_in: httpx.Client) -> str:
    picture, sound = store(world, png(), "image/png"), store(world, b"RIFF", "audio/wav")
    script, drawing = store(world, b"<script>alert(1)</script>", "text/html"), store(world, b"<svg/>", "image/svg+xml")
    lost = f"@@@langfuseMedia:type=<b>evil|id={'a' * 22}|source=x@@@"
    content = [{"type": "image_url", "image_url": {"url": picture}}, {"type": "text", "text": f"and {lost}"}]
    change = trace_change(
        "seen",
        world.now,
        name="seen",
        input=msgspec.json.encode([{"role": "user", "content": content}]),
        output=msgspec.json.encode(sound),
        metadata=msgspec.json.encode({"page": script, "drawing": drawing}),
    )
    world.write([change])
    answer = signed_in.get(f"{ROOT}/traces/seen")
    assert answer.status_code == 200
    return answer.text


def href(data: bytes) -> str:
    return f"{ROOT}/media/{base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode()[:22]}"


def test_pictures_and_sound_are_shown_and_the_rest_are_links(page: str) -> None:
    assert page.count("<img") == 1
    assert f'<img src="{href(png())}"' in page
    assert f'<audio controls preload="none" src="{href(b"RIFF")}">' in page
    for data in (b"<script>alert(1)</script>", b"<svg/>"):
        assert f'href="{href(data)}" download' in page
        assert f'src="{href(data)}"' not in page
    assert "&lt;b&gt;evil: the bytes are not here" in page


def test_the_bytes_are_served_as_hostile(page: str, signed_in: httpx.Client) -> None:
    answer = signed_in.get(href(b"<script>alert(1)</script>"))
    assert answer.content == b"<script>alert(1)</script>"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    part = signed_in.get(href(b"RIFF"), headers={"range": "bytes=0-1"})
    assert (part.status_code, part.content) == (206, b"RI")


def test_nobody_else_gets_the_bytes(page: str, signed_in: httpx.Client, visitor: httpx.Client) -> None:
    assert b"IHDR" not in visitor.get(href(png())).content
    other = signed_in.get(href(png()).replace("default", "second"))
    assert other.status_code == 404
    assert signed_in.get(f"{ROOT}/media/{'a' * 22}").status_code == 404
    assert signed_in.get(f"{ROOT}/media/..%2F..%2Fcontrol.db").status_code == 404


@pytest.mark.browser
def test_a_browser_shows_the_picture(page: str, address: str) -> None:
    with open_browser() as browser, watched(browser, address) as reader:
        reader.sign_in()
        shown = reader.open(f"{ROOT}/traces/seen")
        picture = shown.locator(".attachments img")
        picture.scroll_into_view_if_needed()
        shown.wait_for_function("document.querySelector('.attachments img').naturalWidth === 7")
        reader.check()
