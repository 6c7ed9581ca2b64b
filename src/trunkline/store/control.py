"""The control store: projects, key pairs, users, sign-in sessions.

All methods block: handlers call those that write through a thread. Every write counts up the generation, by which
other processes notice it (`generation`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, Engine, Row, delete, insert, select, update

from trunkline.errors import InvalidRequest, NotFound
from trunkline.store.control_engine import migrate, open_engine, reading, writing
from trunkline.store.control_tables import API_KEYS, GENERATION, PROJECTS, SESSIONS, USERS
from trunkline.store.project_settings import (
    ProjectSettings,
    changed,
    read_all_settings,
    read_settings,
    write_settings,
)
from trunkline.types import JSON, KeyKind, Micros, Project, Struct

PROJECT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
KEY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}")
KEY_PART = re.compile(r"[!-9;-~]{1,200}")
"""A given public or secret key: printable ASCII without the colon that parts them in a header. Made ones are longer."""
EMAIL = re.compile(r"[^@\s<>]{1,64}@[^@\s<>]{1,250}")
HURRIED_S = 0.05
SESSION_S = 14 * 86_400
"""Seconds after which a sign-in ends."""

# OWASP's smallest argon2id profile: 19 MiB, so that a burst of sign-ins cannot take the machine's memory.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_AT_ONCE = threading.BoundedSemaphore(2)
_NOBODYS_HASH = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5bm9ibw$YrTz7mVDGxAp5KBcEe9vVRNbwR0U7ZdQ9h9SVaC3NXM"
"""Compared with where there is no such user, so that a wrong name takes as long as a wrong password. Of no password."""


class Role(StrEnum):
    """What a user may do. Only the owner exists in the first release; the rest are named so that nothing moves."""

    VIEWER = "viewer"
    EDITOR = "editor"
    REVIEWER = "reviewer"
    OWNER = "owner"


class ApiKey(Struct, frozen=True, kw_only=True):
    """A key pair as it is kept: the secret only as a digest and its last four characters."""

    id: str
    project_id: str
    name: str
    kind: KeyKind
    public_key: str
    secret_digest: bytes
    secret_hint: str
    created_at: Micros
    revoked_at: Micros | None = None
    last_used_at: Micros | None = None


class InForce(Struct, frozen=True, kw_only=True):
    """What a process must know to judge requests, as of one state of the tables.

    `settings` has the projects that have set anything.
    """

    generation: int
    keys: tuple[ApiKey, ...]
    settings: Mapping[str, ProjectSettings]


class User(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    email: str
    role: Role
    created_at: Micros


def now_micros() -> Micros:
    return time.time_ns() // 1000


class ControlStore:
    """One installation's projects, keys and users. `signing_key` keys every digest: a copied table opens nothing."""

    def __init__(self, path: Path, signing_key: bytes) -> None:
        """Opens or makes the database and upgrades its tables."""
        self._signing_key = signing_key
        self._path = str(path)
        self._engine = open_engine(path)
        self._hurried = open_engine(path, HURRIED_S)
        migrate(self._engine)

    def close(self) -> None:
        self._engine.dispose()
        self._hurried.dispose()

    @property
    def engine(self) -> Engine:
        """For the other tables of the same database."""
        return self._engine

    def generation(self) -> int:
        """Counts the changes of all processes. A different number than before: read again what was cached.

        Quick enough for an event loop: it waits `HURRIED_S` for a lock at most, then raises Unavailable.
        """
        with reading(self._hurried) as connection:
            return int(connection.execute(select(GENERATION.c.value)).scalar_one())

    def digest(self, secret: str) -> bytes:
        """The keyed SHA-256 under which a secret or a session token is kept."""
        return hmac.digest(self._signing_key, secret.encode(), hashlib.sha256)

    # --- projects

    def projects(self) -> list[Project]:
        """By their age, the oldest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(PROJECTS).order_by(PROJECTS.c.created_at, PROJECTS.c.id))
            return [_project(row) for row in rows]

    def project(self, project_id: str) -> Project | None:
        with reading(self._engine) as connection:
            row = connection.execute(select(PROJECTS).where(PROJECTS.c.id == project_id)).one_or_none()
            return _project(row) if row else None

    def create_project(self, name: str, *, project_id: str | None = None) -> Project:
        """Raises InvalidRequest for a bad id or name, Conflict for an id that is taken."""
        name = name.strip()
        project_id = project_id or uuid.uuid4().hex
        if not name or len(name) > 255 or not name.isprintable():
            raise InvalidRequest("A project's name has 1 to 255 printable characters.")
        if not PROJECT_ID.fullmatch(project_id):
            raise InvalidRequest("A project's id has 1 to 64 characters of A-Z a-z 0-9 _ - and starts with no sign.")
        project = Project(id=project_id, name=name, created_at=now_micros())
        with self._changing() as connection:
            connection.execute(insert(PROJECTS).values(id=project.id, name=name, created_at=project.created_at))
        return project

    def project_settings(self, project_id: str) -> ProjectSettings:
        """What the project has set, defaults for the rest. Raises NotFound where there is no such project."""
        with reading(self._engine) as connection:
            _check_project(connection, project_id)
            return read_settings(connection, project_id)

    def change_project_settings(self, project_id: str, change: Mapping[str, JSON]) -> ProjectSettings:
        """Sets what `change` names, null for the default; returns all. Raises NotFound, msgspec.ValidationError."""
        with self._changing() as connection:
            _check_project(connection, project_id)
            settings = changed(read_settings(connection, project_id), change)
            write_settings(connection, project_id, settings, now_micros())
        return settings

    # --- keys

    def keys(self, project_id: str) -> list[ApiKey]:
        """All of a project's keys, revoked ones too, oldest first."""
        with reading(self._engine) as connection:
            query = select(API_KEYS).where(API_KEYS.c.project_id == project_id)
            return [_key(row) for row in connection.execute(query.order_by(API_KEYS.c.created_at, API_KEYS.c.id))]

    def in_force(self, *, hurried: bool = False) -> InForce:
        """Every key that is not revoked, and all projects' settings. `hurried` waits as `generation` does."""
        with reading(self._hurried if hurried else self._engine) as connection:
            return InForce(
                generation=int(connection.execute(select(GENERATION.c.value)).scalar_one()),
                keys=tuple(_key(row) for row in connection.execute(select(API_KEYS).where(_LIVE))),
                settings=read_all_settings(connection),
            )

    def find_key(self, public_key: str) -> ApiKey | None:
        """A key that is not revoked."""
        with reading(self._engine) as connection:
            row = connection.execute(select(API_KEYS).where(API_KEYS.c.public_key == public_key, _LIVE)).one_or_none()
            return _key(row) if row else None

    def create_key(
        self,
        project_id: str,
        name: str,
        kind: KeyKind = KeyKind.FULL,
        *,
        public_key: str | None = None,
        secret_key: str | None = None,
    ) -> tuple[ApiKey, str]:
        """The key and its secret, which is told this once. Raises InvalidRequest, NotFound (project) or Conflict."""
        if not KEY_NAME.fullmatch(name):
            raise InvalidRequest(
                "A key's name has 1 to 100 characters of A-Z a-z 0-9 space . _ - and starts with no sign."
            )
        public_key, secret_key = public_key or f"pk-tl-{uuid.uuid4()}", secret_key or f"sk-tl-{uuid.uuid4()}"
        for part in (public_key, secret_key):
            if not KEY_PART.fullmatch(part):
                raise InvalidRequest("A given key has 1 to 200 printable ASCII characters without spaces or colons.")
        key = ApiKey(
            id=uuid.uuid4().hex,
            project_id=project_id,
            name=name,
            kind=kind,
            public_key=public_key,
            secret_digest=self.digest(secret_key),
            secret_hint=f"{secret_key[:3]}…{secret_key[-4:]}",
            created_at=now_micros(),
        )
        with self._changing() as connection:
            _check_project(connection, project_id)
            values = {name: getattr(key, name) for name in key.__struct_fields__}
            connection.execute(insert(API_KEYS).values(**{**values, "kind": kind.value}))
        return key, secret_key

    def revoke_key(self, project_id: str, public_key: str) -> ApiKey:
        """Ends a key for good, in every process within a second. Raises NotFound where the project has no such key."""
        mine = (API_KEYS.c.project_id == project_id) & (API_KEYS.c.public_key == public_key)
        with self._changing() as connection:
            row = connection.execute(select(API_KEYS).where(mine, _LIVE)).one_or_none()
            if row is None:
                raise NotFound(f"Project {project_id!r} has no key {public_key!r} that is in use.")
            connection.execute(update(API_KEYS).where(mine).values(revoked_at=now_micros()))
            return _key(connection.execute(select(API_KEYS).where(mine)).one())

    def mark_used(self, public_keys: Iterable[str], at: Micros) -> None:
        """Notes when keys were last used. Not a change that others need to hear of."""
        with writing(self._engine) as connection:
            for public_key in public_keys:
                mine = API_KEYS.c.public_key == public_key
                connection.execute(update(API_KEYS).where(mine).values(last_used_at=at))

    # --- users

    def users(self) -> list[User]:
        with reading(self._engine) as connection:
            rows = connection.execute(select(USERS).where(USERS.c.disabled_at.is_(None)).order_by(USERS.c.created_at))
            return [_user(row) for row in rows]

    def create_user(self, name: str, password: str, *, email: str = "", role: Role = Role.OWNER) -> User:
        """Raises InvalidRequest for a name, address or password that cannot be used, Conflict for a taken name."""
        email = email or f"{name}@users.trunkline.invalid"
        if not KEY_NAME.fullmatch(name) or not EMAIL.fullmatch(email):
            raise InvalidRequest("A user has a name of A-Z a-z 0-9 space . _ - and an e-mail address.")
        user = User(id=uuid.uuid4().hex, name=name, email=email, role=role, created_at=now_micros())
        hashed = hash_password(password)
        with self._changing() as connection:
            values = {"id": user.id, "name": name, "email": email, "role": role.value, "created_at": user.created_at}
            connection.execute(insert(USERS).values(**values, password_hash=hashed))
        return user

    def set_password(self, name: str, password: str) -> None:
        """Sets a new password and ends the user's sessions."""
        hashed = hash_password(password)
        with self._changing() as connection:
            user_id = connection.execute(select(USERS.c.id).where(USERS.c.name == name)).scalar_one_or_none()
            if user_id is None:
                raise NotFound(f"There is no user {name!r}.")
            connection.execute(update(USERS).where(USERS.c.id == user_id).values(password_hash=hashed))
            connection.execute(delete(SESSIONS).where(SESSIONS.c.user_id == user_id))

    def verify_password(self, name: str, password: str) -> User | None:
        """The user, or None after the same work for a wrong name as for a wrong password."""
        with reading(self._engine) as connection:
            row = connection.execute(
                select(USERS).where(USERS.c.name == name, USERS.c.disabled_at.is_(None))
            ).one_or_none()
        right = _matches(row.password_hash if row else _NOBODYS_HASH, password)
        return _user(row) if row and right else None

    # --- sign-in sessions

    def create_session(self, user: User, *, lifetime_s: int = SESSION_S) -> str:
        """A new session's token, for the cookie; only its digest is kept. Sessions that have ended are swept out."""
        token = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
        now = now_micros()
        expires = now + lifetime_s * 1_000_000
        with self._changing() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.expires_at <= now))
            values = {"token_digest": self.digest(token), "user_id": user.id, "created_at": now, "expires_at": expires}
            connection.execute(insert(SESSIONS).values(**values))
        return token

    def find_session(self, token: str) -> tuple[User, Micros] | None:
        """Who signed in with this token and until when, while that holds."""
        mine = (SESSIONS.c.token_digest == self.digest(token)) & (SESSIONS.c.expires_at > now_micros())
        with reading(self._engine) as connection:
            query = select(USERS, SESSIONS.c.expires_at).join(SESSIONS, SESSIONS.c.user_id == USERS.c.id)
            row = connection.execute(query.where(mine, USERS.c.disabled_at.is_(None))).one_or_none()
            return (_user(row), int(row.expires_at)) if row else None

    def end_session(self, token: str) -> None:
        with self._changing() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.token_digest == self.digest(token)))

    # --- for the modules of other tables

    def written_at(self) -> int:
        """When the tables were last written, by any process: nanoseconds, as exact as the file system's clock."""
        return os.stat(self._path).st_mtime_ns

    def generation_of(self, connection: Connection) -> int:
        """`generation` as a transaction sees it."""
        return int(connection.execute(select(GENERATION.c.value)).scalar_one())

    def reading(self, *, hurried: bool = False) -> AbstractContextManager[Connection]:
        """`hurried` waits as `generation` does."""
        return reading(self._hurried if hurried else self._engine)

    def writing(self) -> AbstractContextManager[Connection]:
        """For tables that no process caches: other processes are not told."""
        return writing(self._engine)

    def changing(self) -> AbstractContextManager[Connection]:
        """For tables that are cached: the generation counts up."""
        return self._changing()

    @contextmanager
    def _changing(self) -> Iterator[Connection]:
        with writing(self._engine) as connection:
            yield connection
            connection.execute(update(GENERATION).values(value=GENERATION.c.value + 1))


_LIVE = API_KEYS.c.revoked_at.is_(None)


def hash_password(password: str) -> str:
    """Raises InvalidRequest for fewer than 8 or more than 1,024 characters."""
    if not 8 <= len(password) <= 1024:
        raise InvalidRequest("A password has 8 to 1024 characters.")
    with _AT_ONCE:
        return _HASHER.hash(password)


def _matches(hashed: str, password: str) -> bool:
    with _AT_ONCE:
        try:
            return _HASHER.verify(hashed, password[:1025])
        except (VerificationError, InvalidHashError):
            return False


def _check_project(connection: Connection, project_id: str) -> None:
    if not connection.execute(select(PROJECTS.c.id).where(PROJECTS.c.id == project_id)).one_or_none():
        raise NotFound(f"There is no project {project_id!r}.")


def _project(row: Row[tuple[object, ...]]) -> Project:
    return Project(id=row.id, name=row.name, created_at=row.created_at)


def _key(row: Row[tuple[object, ...]]) -> ApiKey:
    fields = dict(row._mapping)
    return ApiKey(**{**fields, "kind": KeyKind(row.kind)})


def _user(row: Row[tuple[object, ...]]) -> User:
    return User(id=row.id, name=row.name, email=row.email, role=Role(row.role), created_at=row.created_at)
