"""Media by the released SDKs: what they upload comes back byte for byte, to them and to nobody else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from s3_stand_in import ACCESS_KEY, BUCKET, REGION, s3_store
from s3_stand_in import SECRET_KEY as S3_SECRET
from sdk_environment import run_sdk
from server_process import PUBLIC_KEY, SECRET_KEY, ServerProcess, running

pytestmark = pytest.mark.sdk


def uri(content_type: str, name: bytes, size: int) -> str:
    return f"data:{content_type};base64," + base64.b64encode(hashlib.shake_256(name).digest(size)).decode()


PICTURE, SOUND = uri("image/png", b"picture", 70_000), uri("audio/wav", b"sound", 700_000)
PAPER = uri("application/pdf", b"paper", 2_000)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    data: Path = tmp_path_factory.mktemp("media") / "data"
    with running(data, workers=2) as started:
        yield started


@pytest.mark.parametrize("sdk", ["py2", "py3", "py4", "py5"])
def test_media_come_back(server: ServerProcess, sdk: str) -> None:
    check_media(server, sdk)


@pytest.mark.parametrize("sdk", ["py2", "py5"])
def test_media_come_back_from_an_s3_store(tmp_path: Path, sdk: str) -> None:
    with s3_store() as store:
        given = {
            "TRUNKLINE_MEDIA_S3_ENDPOINT": store.url,
            "TRUNKLINE_MEDIA_S3_BUCKET": BUCKET,
            "TRUNKLINE_MEDIA_S3_REGION": REGION,
            "TRUNKLINE_MEDIA_S3_ACCESS_KEY": ACCESS_KEY,
            "TRUNKLINE_MEDIA_S3_SECRET_KEY": S3_SECRET,
            "TRUNKLINE_MEDIA_S3_PATH_STYLE": "true",
        }
        with running(tmp_path / "data", environment=given) as server:
            check_media(server, sdk)
        assert store.refused == []
        assert sorted(len(data) for _, data in store.objects.values()) == [2_000, 70_000, 700_000]


def check_media(server: ServerProcess, sdk: str) -> None:
    script = "media_py2.py" if sdk == "py2" else "media_py5.py"
    found: dict[str, Any] = run_sdk(sdk, script, url=server.url, keys=(PUBLIC_KEY, SECRET_KEY))
    content = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": PICTURE}}]}
    assert found["input"] == {"messages": [content]}
    assert found["output"] == SOUND
    assert found["paper"] == PAPER
    image, sound = found["draft"]
    assert image == {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}}
    assert sound == {"type": "media", "mime_type": "audio/wav", "data": SOUND}
    assert "@@@langfuseMedia:type=audio/wav|id=" in found["stored"][1], "references are stored, not bytes"
    assert "base64," not in str(found["stored"])


@pytest.mark.parametrize("sdk", ["py4", "py5"])
def test_media_of_dataset_items_come_back(server: ServerProcess, sdk: str) -> None:
    found = run_sdk(sdk, "media_items.py", url=server.url, keys=(PUBLIC_KEY, SECRET_KEY))
    assert found == {"input": PICTURE, "expected_output": SOUND, "metadata": PAPER, "stored": found["stored"]}
    assert "base64," not in str(found["stored"])
