"""Prompts with their variables filled in, and all prompts of a label at once."""

from __future__ import annotations

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from trunkline.api.conditional import answer_prompt
from trunkline.api.langfuse.body import read_body
from trunkline.api.native.bodies import HTTPRequest
from trunkline.api.services import Services
from trunkline.prompts.names import validate_label
from trunkline.serving.compiling import decode_compile
from trunkline.types import Caller


@post("/api/v1/compile", status_code=200, request_max_body_size=None)
async def compile_prompt(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """A prompt by label or version, references resolved and variables filled in."""
    asked = decode_compile(await read_body(request, services.settings.max_body_bytes))
    found = await services.prompts.compile(caller.project_id, asked, client=caller.actor.id)
    return answer_prompt(request, found)


@get("/api/v1/labels/{label:str}/bundle")
async def get_bundle(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller], label: FromPath[str]
) -> Response[bytes]:
    """Every prompt that has the label, resolved, in one answer with an ETag."""
    found = await services.prompts.bundle(caller.project_id, validate_label(label))
    return answer_prompt(request, found)


handlers = [compile_prompt, get_bundle]
