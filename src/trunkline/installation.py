"""The data folder: what is where in it, and what its first start makes.

``trunkline init`` and the first ``trunkline serve`` make the folder, the signing key, the control tables, a project
with its repository seeded from the sample prompts, a key pair, and the user `admin`. The secrets are returned once, to
be printed, and are kept as digests only.
"""

from __future__ import annotations

import contextlib
import fcntl
import hmac
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from trunkline.errors import InvalidRequest
from trunkline.registry.memory_tables import MemoryTables
from trunkline.registry.registry import open_registry
from trunkline.registry.repository import init_repository
from trunkline.registry.seed import samples_folder, seed
from trunkline.settings import Settings
from trunkline.store.control import ControlStore
from trunkline.types import Project, Struct

ADMIN = "admin"


class DataFolder:
    """The places in a data folder."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.control = self.path / "control.db"
        self.registry = self.path / "registry.db"
        self.traces = self.path / "traces.db"
        self.media = self.path / "media"
        self.run = self.path / "run"
        self.receive_socket = self.run / "receive.sock"
        self._signing_key = self.path / "signing.key"

    def repository(self, project_id: str) -> Path:
        return self.path / "repositories" / f"{project_id}.git"

    def signing_key(self) -> bytes:
        """32 random bytes that key every digest and HMAC of this installation. Raises InvalidRequest if it is gone."""
        try:
            return self._signing_key.read_bytes()
        except FileNotFoundError:
            raise InvalidRequest(
                f"{self.path} is no data folder: {self._signing_key.name} is missing. "
                f"`trunkline init --data {self.path}` makes one."
            ) from None

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time sets the folder up; others wait."""
        self.run.mkdir(parents=True, exist_ok=True)
        with (self.run / "setup.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def make(self) -> None:
        """Makes the folder and the signing key, readable by its owner alone."""
        (self.path / "repositories").mkdir(parents=True, exist_ok=True)
        if not self._signing_key.exists():
            staged = self._signing_key.with_suffix(".new")
            descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(32))
                file.flush()
                os.fsync(file.fileno())
            staged.rename(self._signing_key)


class FirstStart(Struct, frozen=True, kw_only=True):
    """What the first start made: printed once, never again. A secret that the settings gave is not repeated."""

    project: Project
    public_key: str
    secret_key: str | None
    admin_password: str | None


def prepare(settings: Settings) -> FirstStart | None:
    """Makes what is missing of a data folder. Returns the secrets on the first start, None on every later one."""
    folder = DataFolder(settings.data)
    with folder.locked():
        folder.make()
        control = ControlStore(folder.control, folder.signing_key())
        try:
            first = None if control.users() else _first_start(settings, folder, control)
            for project in control.projects():
                open_or_seed(folder, project.id)
            _keep_given_key(settings, control)
            return first
        finally:
            control.close()


def open_or_seed(folder: DataFolder, project_id: str, *, samples: bool = False) -> Path:
    """The path of a project's repository, which is made where it is not there."""
    path = folder.repository(project_id)
    if not path.exists():
        staged = path.with_suffix(".new")
        shutil.rmtree(staged, ignore_errors=True)
        init_repository(staged)
        if samples:
            with contextlib.closing(open_registry(staged, project_id, MemoryTables())) as registry:
                seed(registry, samples_folder())
        staged.rename(path)
    return path


def _first_start(settings: Settings, folder: DataFolder, control: ControlStore) -> FirstStart:
    # The user comes last: where the process died before, the next start goes through all of this again.
    project = control.project(settings.project_id) or control.create_project("Default", project_id=settings.project_id)
    open_or_seed(folder, project.id, samples=True)
    public_key, secret = _first_key(settings, control, project)
    given_password = settings.admin_password.get_secret_value()
    password = given_password or secrets.token_urlsafe(12)
    control.create_user(ADMIN, password)
    return FirstStart(
        project=project,
        public_key=public_key,
        secret_key=secret,
        admin_password=None if given_password else password,
    )


def _first_key(settings: Settings, control: ControlStore, project: Project) -> tuple[str, str | None]:
    """The public key, and the secret where it was made up here."""
    given = _given_pair(settings)
    if given:
        if control.find_key(given[0]) is None:
            control.create_key(project.id, "first key", public_key=given[0], secret_key=given[1])
        return given[0], None
    for unfinished in control.keys(project.id):
        if unfinished.revoked_at is None:
            control.revoke_key(project.id, unfinished.public_key)
    key, secret = control.create_key(project.id, "first key")
    return key.public_key, secret


def _keep_given_key(settings: Settings, control: ControlStore) -> None:
    """A key pair in the settings works on every start, whatever pair the first start was given."""
    given = _given_pair(settings)
    if given is None:
        return
    known = control.find_key(given[0])
    if known is None:
        control.create_key(settings.project_id, "key from settings", public_key=given[0], secret_key=given[1])
    elif not hmac.compare_digest(known.secret_digest, control.digest(given[1])):
        raise InvalidRequest(
            f"The secret key in the settings is not the secret of {given[0]}. Set the right one, or unset both: "
            "keys live in the data folder (`trunkline keys list`)."
        )


def _given_pair(settings: Settings) -> tuple[str, str] | None:
    secret = settings.secret_key.get_secret_value()
    if bool(settings.public_key) != bool(secret):
        raise InvalidRequest("Set both TRUNKLINE_PUBLIC_KEY and TRUNKLINE_SECRET_KEY, or neither.")
    return (settings.public_key, secret) if secret else None
