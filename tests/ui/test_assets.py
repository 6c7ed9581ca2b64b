from __future__ import annotations

import hashlib

import pytest

from trunkline.ui.assets import FOLDER, load_assets

VENDOR = FOLDER / "vendor"


def test_vendored_files_are_what_was_published() -> None:
    lines = (VENDOR / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in (line.split("  ") for line in lines)}
    served = {name for name in load_assets().files if name.startswith("vendor/")}
    assert {f"vendor/{name}" for name in sums} == served
    for name, digest in sums.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest
        assert (VENDOR / f"{name.split('.')[0]}.LICENSE").is_file()
        assert f"`{name}`" in (VENDOR / "README.md").read_text()


def test_only_known_kinds_of_files_are_served() -> None:
    names = load_assets().files.keys()
    assert {"app.css", "pages.css", "app.js", "favicon.svg"} <= names
    assert not [name for name in names if name.endswith(("LICENSE", "SUMS", ".md"))]


def test_a_misspelt_file_fails_in_the_template() -> None:
    with pytest.raises(KeyError):
        load_assets().url("ap.css")


def test_our_own_script_stays_small() -> None:
    assert len((FOLDER / "app.js").read_text().splitlines()) <= 300


def test_nothing_is_loaded_from_elsewhere() -> None:
    for name in ("app.css", "pages.css", "app.js"):
        text = (FOLDER / name).read_text()
        assert "//" not in text.replace("// ", "").replace("/*", ""), name
        assert "@import" not in text
