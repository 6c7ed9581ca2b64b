"""The caller's project. SDKs ask for it to check their keys, and for the id in the addresses that they print."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from litestar import Response, get
from litestar.di import NamedDependency

from trunkline.api.errors import answer
from trunkline.api.services import Services
from trunkline.errors import NotFound
from trunkline.types import Caller

ORGANIZATION = {"id": "trunkline", "name": "Trunkline"}
"""Langfuse's projects belong to an organization; an installation is one."""


@get("/api/public/projects")
async def list_projects(services: NamedDependency[Services], caller: NamedDependency[Caller]) -> Response[bytes]:
    """The one project that the key belongs to."""
    project = await asyncio.to_thread(services.control.project, caller.project_id)
    if project is None:
        raise NotFound(f"There is no project {caller.project_id!r}.")
    shown = {"id": project.id, "name": project.name, "organization": ORGANIZATION, "metadata": {}}
    return answer(HTTPStatus.OK, {"data": [shown]})


handlers = [list_projects]
