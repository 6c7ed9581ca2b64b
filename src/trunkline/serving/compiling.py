"""Prompts with their variables filled in, for ``POST /api/v1/compile``.

Results are kept by what went into them: the resolved text and an HMAC of the variables, which are nobody's to read in a
cache. Redis takes part only where compiling costs more than the way there: simple templates take 2 µs, Redis 100.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Mapping

import msgspec

from trunkline.errors import InvalidRequest, MissingVariables
from trunkline.prompts.compile import compile_prompt, missing_variables
from trunkline.serving.bounded import Bounded
from trunkline.serving.cache import SharedCache
from trunkline.serving.resolve import Resolved
from trunkline.types import JSON, PromptContent, TemplateEngine

KEPT_ENTRIES, KEPT_BYTES = 10_000, 16 * 2**20
MOST_VARIABLES_BYTES = 1_000_000
REDIS_PAYS_S = 100e-6
THREAD_PAYS_S = 1e-3
"""A template that takes longer than this is compiled in a thread, so that other requests are answered meanwhile."""


class CompileRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which prompt to compile with which variables. `label` and `version` exclude each other; neither: `production`.

    `variables` fill placeholders too (a list of messages under the placeholder's name). `strict` refuses a compile that
    lacks a variable. `sticky` keeps a caller on one arm of a split.
    """

    name: str
    label: str | None = None
    version: int | None = None
    variables: dict[str, JSON] = msgspec.field(default_factory=dict)
    strict: bool = False
    sticky: str | None = None


_DECODER = msgspec.json.Decoder(CompileRequest)
_ORDERED = msgspec.json.Encoder(order="deterministic")


def decode_compile(body: bytes) -> CompileRequest:
    """Reads a request body. Raises InvalidRequest that says what is wrong with it."""
    try:
        return _DECODER.decode(body)
    except RecursionError:
        raise InvalidRequest("The body is nested too deeply.") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"The body is not a compile request: {error}") from None


class Compiler:
    """Compiles resolved prompts; remembers results and what they cost. `secret` is the installation's signing key."""

    def __init__(self, secret: bytes, shared: SharedCache | None) -> None:
        self._secret = hmac.digest(secret, b"variables of compiled prompts", "sha256")
        self._shared = shared
        self._kept: Bounded[bytes, bytes] = Bounded(entries=KEPT_ENTRIES, size=KEPT_BYTES)
        self._failed: Bounded[bytes, str] = Bounded(entries=1_000, size=2**20)
        self._costs: Bounded[bytes, float] = Bounded(entries=KEPT_ENTRIES, size=KEPT_BYTES)

    async def compile(
        self, resolved: Resolved, variables: Mapping[str, JSON], *, strict: bool, deadline: float | None
    ) -> bytes:
        """The compiled text or messages as JSON. Raises MissingVariables and what the template raises."""
        key = self._key(resolved.key, variables)
        if strict and (missing := missing_variables(resolved.content, variables)):
            raise MissingVariables(missing)
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        shared = self._shared if self._costs_much(resolved) else None
        compiled = await shared.get(b"c:" + key, deadline) if shared is not None else None
        if compiled is None:
            compiled = await self._attempt(key, resolved, variables)
            # Asked again: before the first run nobody knew what it costs.
            if self._shared is not None and self._costs_much(resolved):
                self._shared.put(b"c:" + key, compiled)
        self._kept.put(key, compiled, len(compiled))
        return compiled

    def _key(self, content: bytes, variables: Mapping[str, JSON]) -> bytes:
        encoded = _ORDERED.encode(variables)
        if len(encoded) > MOST_VARIABLES_BYTES:
            raise InvalidRequest(f"The variables take more than {MOST_VARIABLES_BYTES:,} bytes.")
        return hmac.digest(self._secret, content + encoded, "sha256")

    def _costs_much(self, resolved: Resolved) -> bool:
        return (self._costs.get(resolved.key) or 0.0) > REDIS_PAYS_S

    async def _attempt(self, key: bytes, resolved: Resolved, variables: Mapping[str, JSON]) -> bytes:
        """Compiles, but does not run again what failed with these very variables: a bomb costs its time once."""
        failed = self._failed.get(key)
        if failed is not None:
            raise InvalidRequest(failed)
        try:
            return await self._run(resolved, variables)
        except InvalidRequest as error:
            self._failed.put(key, error.message, len(error.message))
            raise

    async def _run(self, resolved: Resolved, variables: Mapping[str, JSON]) -> bytes:
        cost = self._costs.get(resolved.key)
        content = resolved.content
        cheap = content.template is TemplateEngine.MUSTACHE if cost is None else cost < THREAD_PAYS_S
        run = _compile(content, variables) if cheap else await asyncio.to_thread(_compile, content, variables)
        compiled, took = run
        # A first run has the template to build as well; what it costs from then on counts more.
        self._costs.put(resolved.key, took if cost is None else 0.5 * (cost + took), 8)
        return compiled


def _compile(content: PromptContent, variables: Mapping[str, JSON]) -> tuple[bytes, float]:
    began = time.thread_time()
    compiled = msgspec.json.encode(compile_prompt(content, variables))
    return compiled, time.thread_time() - began
