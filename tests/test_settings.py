from __future__ import annotations

from pathlib import Path

import pytest

from trunkline.errors import InvalidRequest
from trunkline.settings import Settings, load_settings, variable_name

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(variable_name(name), raising=False)


def test_nothing_needs_to_be_set() -> None:
    settings = load_settings()
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 3000, 1)


def test_the_environment_is_read_and_the_command_line_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUNKLINE_PORT", "4000")
    assert load_settings().port == 4000
    assert load_settings(port=5000).port == 5000
    assert load_settings(port=None).port == 4000


def test_langfuse_names_are_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGFUSE_INIT_PROJECT_ID", "shop")
    monkeypatch.setenv("LANGFUSE_INIT_PROJECT_PUBLIC_KEY", "pk-lf-1")
    monkeypatch.setenv("LANGFUSE_INIT_PROJECT_SECRET_KEY", "sk-lf-1")
    settings = load_settings()
    assert (settings.project_id, settings.public_key) == ("shop", "pk-lf-1")
    assert settings.secret_key.get_secret_value() == "sk-lf-1"


def test_an_unknown_name_is_refused_with_the_nearest_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUNKLINE_REDISURL", "redis://localhost")
    with pytest.raises(InvalidRequest, match="Did you mean TRUNKLINE_REDIS_URL"):
        load_settings()


def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUNKLINE_WORKERS", "many")
    with pytest.raises(InvalidRequest, match="TRUNKLINE_WORKERS"):
        load_settings()


def test_secrets_are_not_shown() -> None:
    shown = repr(load_settings(secret_key="sk-secret", admin_password="hush"))
    assert "sk-secret" not in shown
    assert "hush" not in shown


def test_every_setting_is_documented() -> None:
    documented = (ROOT / "docs" / "settings.md").read_text()
    for name, field in Settings.model_fields.items():
        assert f"`{variable_name(name)}`" in documented, name
        assert field.description, name
