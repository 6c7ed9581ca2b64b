"""A project's own settings over the API, and how soon they are in force."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.conftest import World
from api.contract import check_error
from trunkline.api.auth import Authenticator
from trunkline.store.project_settings import DEFAULTS

PATH = "/api/v1/project/settings"


async def test_settings_are_changed_one_by_one(world: World, api: httpx.AsyncClient) -> None:
    before = (await api.get(PATH)).json()
    assert before["masking"] is False
    assert set(before) == set(DEFAULTS.__struct_fields__)
    changed = await api.patch(PATH, json={"masking": True, "retention_days": 30})
    assert changed.status_code == 200
    assert changed.json() == {**before, "masking": True, "retention_days": 30}
    assert (await api.patch(PATH, json={"masking": None})).json() == {**before, "retention_days": 30}
    async with world.client("reader") as reader, world.client("other") as other:
        assert (await reader.get(PATH)).json()["retention_days"] == 30
        assert (await other.get(PATH)).json() == before


async def test_a_change_is_in_force_here_at_once_and_elsewhere_on_the_next_look(
    world: World, api: httpx.AsyncClient
) -> None:
    elsewhere = Authenticator(world.services.control)
    await api.patch(PATH, json={"masking": True})
    assert world.services.project_settings("one").masking
    assert not world.services.project_settings("two").masking
    assert not elsewhere.settings("one").masking
    assert elsewhere.refresh()
    assert elsewhere.settings("one").masking


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"masking": 1}, ["masking"]),
        ({"mask_patterns": ["a", 5]}, ["mask_patterns", 1]),
        ({"maskign": True}, []),
        ([], None),
        ("masking", None),
    ],
    ids=repr,
)
async def test_a_wrong_setting_is_named(api: httpx.AsyncClient, body: Any, place: Any) -> None:
    answer = await api.patch(PATH, json=body)
    assert answer.status_code == 400
    check_error(answer)
    if place is not None:
        assert answer.json()["issues"][0]["path"] == place
    assert (await api.get(PATH)).json()["mask_patterns"] == []
