"""What a `git push` may bring: judged in the pre-receive hook, before any ref moves.

The pushed objects are in a quarantine then, and are read from there beside the repository's own.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from trunkline.errors import TrunklineError
from trunkline.prompts.lint import check_policy
from trunkline.prompts.names import POLICY_PATH, VersionsPath, parse_path
from trunkline.registry.advance import Advance, Advanced
from trunkline.registry.entries import Entries
from trunkline.registry.hook import LONGEST_SOCKET_PATH, install_hook
from trunkline.registry.log import LoggedCommit, commits_since
from trunkline.registry.memory_tables import memory_tables
from trunkline.registry.operations import refuse_twin
from trunkline.registry.registry import Registry, open_registry
from trunkline.registry.repository import Repository
from trunkline.registry.snapshot import Snapshot
from trunkline.registry.sources import Files
from trunkline.registry.trees import View
from trunkline.types import Actor, ActorKind, Struct

PRIVATE_REFS = "refs/trunkline/"
PUSHER = Actor(kind=ActorKind.PUSH, name="git push", email="push@trunkline.invalid")
MOST_LINES = 50
MAX_QUESTION = 16 * 1024 * 1024

log = structlog.get_logger(__name__)


class Update(Struct, frozen=True, kw_only=True):
    """One ref of a push; an id of zeros is none."""

    old: str
    new: str
    ref: str


class Verdict(Struct, frozen=True, kw_only=True):
    """Why a push is refused, and what is said to one that is not. Nothing refused: it is accepted."""

    refused: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """What the pusher reads."""
        told = [*self.refused, *self.warnings]
        more = [f"… and {len(told) - MOST_LINES} more"] if len(told) > MOST_LINES else []
        end = ["Nothing was changed."] if self.refused else []
        return [*told[:MOST_LINES], *more, *end]


def judge_push(
    registry: Registry, quarantine: Path | None, updates: Sequence[Update], actor: Actor = PUSHER
) -> Verdict:
    """Refuses what would break version numbers or something that is served; other branches are free."""
    refused: list[str] = []
    warnings: list[str] = []
    for update in updates:
        if update.ref.startswith(PRIVATE_REFS):
            refused.append(f"{update.ref}: refs below {PRIVATE_REFS} are written by the service only.")
        elif update.ref == registry.repository.branch_ref:
            try:
                found = _Push(registry, quarantine, update, actor).judge()
            except TrunklineError as error:
                found = Verdict(refused=(f"{update.ref}: {error.message}",))
            refused += found.refused
            warnings += found.warnings
    return Verdict(refused=tuple(refused), warnings=tuple(warnings))


class _Push:
    """A push to the default branch."""

    def __init__(self, registry: Registry, quarantine: Path | None, update: Update, actor: Actor) -> None:
        registry.refresh()
        self._registry = registry
        self._base: Snapshot = registry.followed
        self._update = update
        self._actor = actor
        self._branch = update.ref.removeprefix("refs/heads/")
        self._repository = Repository(registry.path)
        self._environment: dict[str, str] = {}
        if quarantine is not None:
            objects = self._repository.directory / "objects"
            if objects.resolve() not in quarantine.resolve().parents:
                raise TrunklineError(f"{quarantine} is no quarantine of {objects}.")
            self._repository.git.odb.add_disk_alternate(str(quarantine))
            self._environment = {
                "GIT_OBJECT_DIRECTORY": str(quarantine),
                "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(objects),
            }

    def judge(self) -> Verdict:
        if not self._update.new.strip("0"):
            return Verdict(refused=(f"{self._branch}: the default branch cannot be deleted: it is what is served.",))
        commits = commits_since(self._repository, self._base.head, self._update.new, self._environment)
        if commits is None:
            return Verdict(refused=(self._off_chain(),))
        advanced = self._advanced(commits)
        refused = [
            *self._new_faults(advanced),
            *self._policy_file(commits),
            *self._by_hand(commits),
            *self._twins(advanced),
            *self._policy(commits),
        ]
        warnings = [f"{fault} (was there before)" for fault in self._base.faults if fault in advanced.snapshot.faults]
        return Verdict(refused=tuple(refused), warnings=tuple(warnings))

    def _advanced(self, commits: list[LoggedCommit]) -> Advanced:
        if not commits:
            return Advanced(self._base, [], [], [], [])
        entries = Entries(self._repository, self._registry.entries.table)
        files = Files(self._repository)
        return Advance(self._base, commits, past=self._registry.index, entries=entries, files=files).run()

    def _off_chain(self) -> str:
        return (
            f"{self._branch}: the pushed history does not go on from {self._base.head}, the present tip, along first"
            " parents (a merge the wrong way round, or a rewritten history): versions would get other numbers."
            f" Mend it with: git fetch origin && git rebase origin/{self._branch} && git push origin {self._branch}"
        )

    def _new_faults(self, advanced: Advanced) -> list[str]:
        known = set(self._base.faults)
        return [str(fault) for fault in advanced.snapshot.faults if fault not in known]

    def _policy_file(self, commits: list[LoggedCommit]) -> list[str]:
        if not any(change.path == POLICY_PATH for commit in commits for change in commit.changes):
            return []
        data = View(self._repository, self._update.new).read(POLICY_PATH)
        return [str(fault) for fault in check_policy(data, POLICY_PATH)] if data is not None else []

    def _by_hand(self, commits: list[LoggedCommit]) -> list[str]:
        """Versions files are the service's; a revert to what it once wrote is fine, and so is a whole registry."""
        if not self._base.head:
            return []
        return [
            f"{change.path}: versions files are written by the service only; take this change out."
            for commit in commits
            for change in commit.changes
            if change.blob and change.path.startswith("versions/") and not self._was_written(change.path, change.blob)
        ]

    def _was_written(self, path: str, blob: str) -> bool:
        with suppress(TrunklineError):
            target = parse_path(path)
            if isinstance(target, VersionsPath):
                rows = self._registry.index.touches(target.name, limit=10_000)
                return any(row.kind == "versions" and row.blob == blob for row, _ in rows)
        return False

    def _twins(self, advanced: Advanced) -> list[str]:
        found: list[str] = []
        for record in advanced.records:
            before = self._base.records.get(record.name)
            if record.blob is not None and (before is None or before.blob is None):
                try:
                    refuse_twin(advanced.snapshot, record.name)
                except TrunklineError as error:
                    found.append(error.message)
        return found

    def _policy(self, commits: list[LoggedCommit]) -> list[str]:
        before, after = View(self._repository, self._base.head), View(self._repository, self._update.new)
        changes = [change for commit in commits for change in commit.changes]
        try:
            self._registry.policy.judge(self._actor, before, after, changes)
        except TrunklineError as error:
            return [error.message]
        return []


# --- asked by hooks --------------------------------------------------------------------------------------------------


class Question(msgspec.Struct, frozen=True):
    """What a hook asks: one JSON line."""

    repository: str
    updates: list[tuple[str, str, str]]
    quarantine: str | None = None


class ReceiveServer:
    """Answers the pre-receive hooks of this machine's pushes, over a unix socket that only its own user can open."""

    def __init__(self, path: Path, registries: Mapping[str, Registry]) -> None:
        self._path = path
        self._registries = registries

    async def serve(self) -> None:
        """Until it is cancelled. Hooks are written anew first, for they name the interpreter and the socket."""
        for registry in list(self._registries.values()):
            await asyncio.to_thread(install_hook, registry.path, self._path)
        listening = _listen(self._path)
        try:
            server = await asyncio.start_unix_server(self._answer, sock=listening, limit=MAX_QUESTION)
            async with server:
                await server.serve_forever()
        finally:
            self._path.unlink(missing_ok=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            question = msgspec.json.decode(await reader.readline(), type=Question)
            writer.write(msgspec.json.encode(await self._judge(question)))
            await writer.drain()
        except (msgspec.DecodeError, ValueError, OSError) as error:
            log.warning("hook_not_answered", error=str(error))
        finally:
            writer.close()

    def _registry_at(self, path: str) -> Registry | None:
        repository = Path(path).resolve()
        return next((r for r in list(self._registries.values()) if r.path.resolve() == repository), None)

    async def _judge(self, question: Question) -> dict[str, object]:
        registry = self._registry_at(question.repository)
        if registry is None:
            return {"unknown": True}
        verdict = await asyncio.to_thread(judge_push, registry, _path(question.quarantine), _updates(question.updates))
        log.info("push_judged", project=registry.project_id, accepted=not verdict.refused, refused=verdict.refused[:3])
        return {"accepted": not verdict.refused, "lines": verdict.lines()}


def _updates(lines: Sequence[Sequence[str]]) -> list[Update]:
    return [Update(old=old, new=new, ref=ref) for old, new, ref in lines]


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _listen(path: Path) -> socket.socket:
    """Bound under a short name where the kernel takes no long one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        short = len(os.fsencode(path)) <= LONGEST_SOCKET_PATH or not Path("/proc/self/fd").is_dir()
        listening.bind(str(path) if short else f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
    path.chmod(0o600)
    return listening


# --- where no server answers -----------------------------------------------------------------------------------------


def judge_here(repository: Path, lines: Sequence[str], quarantine: Path | None) -> Verdict:
    """The same verdict without a server: the whole history is read for it. `lines` are those of the hook's input."""
    registry = open_registry(repository, "here", memory_tables())
    return judge_push(registry, quarantine, _updates([line.split(" ", 2) for line in lines]))


def main() -> int:
    """The hook's way where no server runs: ``python -m trunkline.registry.receive REPOSITORY``."""
    try:
        lines = sys.stdin.buffer.read().decode(errors="backslashreplace").splitlines()
        verdict = judge_here(Path(sys.argv[1]), lines, _path(os.environ.get("GIT_QUARANTINE_PATH")))
    except TrunklineError as error:
        verdict = Verdict(refused=(error.message,))
    for line in verdict.lines():
        print(line, file=sys.stderr)
    return 1 if verdict.refused else 0


if __name__ == "__main__":
    sys.exit(main())
