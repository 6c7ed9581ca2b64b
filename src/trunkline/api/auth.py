"""Who is calling: a key pair in a Basic header, or a public key alone in a Bearer header.

A header that was right once is remembered, so that the hot path asks a dictionary. What is remembered belongs to one
state of the control tables: when their generation moves, a new state starts empty. Wrong headers are not remembered and
all cost the same work.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import re
import time
from collections.abc import Callable, Mapping

import structlog

from trunkline.errors import TrunklineError, Unauthorized
from trunkline.store.control import ApiKey, ControlStore, now_micros
from trunkline.store.project_settings import DEFAULTS, ProjectSettings
from trunkline.types import Actor, ActorKind, Caller, KeyKind

POLL_S = 0.2
"""How often the control tables are asked for changes: a revoked key is dead everywhere within a second."""
UNKNOWN_S = 0.005
"""How soon after the last look an unknown key makes for another: one that was just made works at once, everywhere, and
who tries keys cannot keep a server busy with looking."""
USED_S = 60.0
"""How often the times at which keys were last used are written."""
MEMO_ENTRIES = 10_000
MAX_HEADER_BYTES = 1024
_REFUSED = "Invalid credentials. Send `Authorization: Basic` with base64 of public key, a colon, and secret key."
_MISSING = "No authorization header. Send `Authorization: Basic` with base64 of public key, a colon, and secret key."
_UNKNOWN_DIGEST = bytes(32)

log = structlog.get_logger(__name__)


class _State:
    """What one generation of the control tables says, and the answers that were worked out from it."""

    __slots__ = ("callers", "generation", "keys", "settings")

    def __init__(self, generation: int, keys: Mapping[str, ApiKey], settings: Mapping[str, ProjectSettings]) -> None:
        self.generation = generation
        self.keys = keys
        self.settings = settings
        self.callers: dict[bytes, Caller] = {}


class Authenticator:
    """Answers who a header belongs to. One a process.

    While `watch` runs, changes that other processes make are looked for in the background; without it, on the next
    call that comes `POLL_S` later.
    """

    def __init__(self, control: ControlStore) -> None:
        self._control = control
        self._used: set[str] = set()
        self._watched = False
        self._checked = 0.0
        self._state = self._load()
        self._told = self._state.generation
        self.on_change: list[Callable[[], None]] = []
        """Called by `watch`, in a thread, after the control tables have changed: a project or a key was made or ended.
        What fails is called again."""

    def authenticate(self, header: bytes | None) -> Caller:
        """The caller that an Authorization header names. Raises Unauthorized."""
        if not self._watched:
            self._look(POLL_S)
        if header is None:
            raise Unauthorized(_MISSING)
        caller = self._state.callers.get(header)
        if caller is not None:
            return caller
        try:
            return self._judge_and_keep(header, self._state)
        except Unauthorized:
            if not self._look(UNKNOWN_S):
                raise
            return self._judge_and_keep(header, self._state)

    def settings(self, project_id: str) -> ProjectSettings:
        """What a project has set for itself, as of the last look."""
        return self._state.settings.get(project_id, DEFAULTS)

    def refresh(self) -> bool:
        """Looks for changes now and starts anew if there are any. Blocks for a small query; may raise Unavailable."""
        self._checked = time.monotonic()
        if self._control.generation() == self._state.generation:
            return False
        self._state = self._load(hurried=True)
        return True

    async def watch(self) -> None:
        """Looks for changes for ever, in a thread, and tells `on_change`; also writes when keys were last used.

        Cancel it to stop. Telling may take long (a new project's registry is opened): it does not hold up the looking.
        """
        self._watched = True
        written = time.monotonic()
        telling: asyncio.Task[None] | None = None
        try:
            while True:
                await asyncio.sleep(POLL_S)
                await self._in_thread(self.refresh)
                if self._told != self._state.generation and (telling is None or telling.done()):
                    telling = asyncio.create_task(self._in_thread(self._tell))
                if time.monotonic() - written >= USED_S:
                    written = time.monotonic()
                    await self._in_thread(self.write_used)
        finally:
            self._watched = False

    async def _in_thread(self, step: Callable[[], object]) -> None:
        try:
            await asyncio.to_thread(step)
        except TrunklineError as error:
            log.warning("control_tables_unavailable", step=step.__name__, error=error.message)
        except Exception as error:
            log.error("watch_step_failed", step=step.__name__, exc_info=error)

    def _tell(self) -> None:
        generation = self._state.generation
        for call in self.on_change:
            call()
        self._told = generation

    def write_used(self) -> None:
        """Writes which keys were used since the last time, and forgets what is remembered, so that use is seen anew."""
        used, self._used = self._used, set()
        self._state.callers = {}
        if used:
            self._control.mark_used(sorted(used), now_micros())

    def _look(self, age: float) -> bool:
        """Looks for changes if the last look was `age` seconds ago; whether there were any."""
        if time.monotonic() - self._checked < age:
            return False
        try:
            return self.refresh()
        except TrunklineError as error:
            log.warning("control_tables_unavailable", error=error.message)
            return False

    def _load(self, *, hurried: bool = False) -> _State:
        found = self._control.in_force(hurried=hurried)
        return _State(found.generation, {key.public_key: key for key in found.keys}, found.settings)

    def _judge_and_keep(self, header: bytes, state: _State) -> Caller:
        caller = self._judge(header, state)
        if len(state.callers) >= MEMO_ENTRIES:
            state.callers.clear()
        # Into the state that it was worked out from: a key revoked meanwhile does not get into the next one.
        state.callers[header] = caller
        return caller

    def _judge(self, header: bytes, state: _State) -> Caller:
        scheme, _, rest = header.partition(b" ")
        if len(header) > MAX_HEADER_BYTES:
            raise Unauthorized(_REFUSED)
        match scheme.lower():
            case b"basic":
                key = self._by_pair(rest.strip(), state)
            case b"bearer":
                key = state.keys.get(rest.strip().decode("latin-1"))
            case _:
                key = None
        if key is None:
            raise Unauthorized(_REFUSED)
        self._used.add(key.public_key)
        return _caller(key, scores_only=scheme.lower() == b"bearer")

    def _by_pair(self, encoded: bytes, state: _State) -> ApiKey | None:
        try:
            public, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            public = colon = secret = ""
        key = state.keys.get(public) if colon else None
        # An unknown key costs what a wrong secret costs.
        right = hmac.compare_digest(self._control.digest(secret), key.secret_digest if key else _UNKNOWN_DIGEST)
        return key if right else None


def key_actor(key: ApiKey) -> Actor:
    """Who Git names as the author of what a key pair does: the key's name at an address that cannot exist."""
    local = re.sub(r"[^a-z0-9._-]+", "-", key.name.lower()).strip("-.") or "key"
    return Actor(kind=ActorKind.KEY, name=key.name, email=f"{local}@keys.trunkline.invalid", id=key.public_key)


def _caller(key: ApiKey, *, scores_only: bool) -> Caller:
    can_write = key.kind is KeyKind.FULL
    return Caller(project_id=key.project_id, actor=key_actor(key), can_write=can_write, scores_only=scores_only)
