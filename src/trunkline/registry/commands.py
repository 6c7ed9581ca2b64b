"""Heavy Git work as niced `git` subprocesses: libgit2 holds the interpreter lock for seconds there.

The environment of whoever started us does not leak in: no ``GIT_DIR``, no user or system configuration, no pager.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from trunkline.errors import InsufficientStorage, Unavailable

TIMEOUT = 600.0
CHUNK = 1 << 20
PAUSE = 0.005
MAX_BLOB = 262_144
"""Bytes; larger files are never prompts and are not read."""


def git_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    kept |= {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "LC_ALL": "C",
    }
    return {**kept, **(extra or {})}


def command(repository: Path | None, *arguments: str, nice: bool = False) -> list[str]:
    line = ["nice", "-n", "5"] if nice else []
    line += ["git", "--no-pager"]
    if repository is not None:
        line += [f"--git-dir={repository}"]
    return [*line, *arguments]


def run_git(
    repository: Path | None, *arguments: str, given: bytes = b"", environment: Mapping[str, str] | None = None
) -> bytes:
    """What `git` prints. Raises Unavailable with its complaint where it fails."""
    try:
        done = subprocess.run(
            command(repository, *arguments),
            input=given,
            capture_output=True,
            env=git_environment(environment),
            timeout=TIMEOUT,
            check=False,
        )
    except FileNotFoundError:
        raise Unavailable("Trunkline needs the `git` command (2.38 or later); please install it.") from None
    except subprocess.TimeoutExpired:
        raise Unavailable(f"`git {arguments[0]}` took longer than {TIMEOUT:.0f} s.") from None
    if done.returncode:
        raise git_fault(arguments[0], done.stderr)
    return done.stdout


def git_fault(verb: str, complaint: bytes) -> Unavailable | InsufficientStorage:
    text = complaint.decode(errors="replace").strip()
    if "No space left" in text:
        return InsufficientStorage(f"`git {verb}` failed: the disk is full.")
    return Unavailable(f"`git {verb}` failed: {text or 'no reason given'}")


class Spooled:
    """A niced `git` that writes into a nameless temporary file, so that it never waits for its reader."""

    def __init__(self, repository: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self._verb = next(word for word in arguments if word.isalpha())
        self._out = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            command(repository, *arguments, nice=True),
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._errors,
            env=git_environment(environment),
        )

    def chunks(self) -> Iterator[bytes]:
        """The output while it grows, to its end. Raises Unavailable with the complaint where `git` fails."""
        position, deadline = 0, time.monotonic() + TIMEOUT
        while True:
            ended = self._process.poll()  # asked before reading: what an ended process wrote is all there
            chunk = os.pread(self._out.fileno(), CHUNK, position)  # the file's own position is the writer's
            if chunk:
                position += len(chunk)
                yield chunk
            elif ended is None:
                if time.monotonic() > deadline:
                    raise Unavailable(f"`git {self._verb}` took longer than {TIMEOUT:.0f} s.")
                time.sleep(PAUSE)
            elif ended:
                raise git_fault(self._verb, os.pread(self._errors.fileno(), 10_000, 0))
            else:
                return

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._out.close()
        self._errors.close()


def list_tree(repository: Path, commit: str) -> Iterator[tuple[str, str, str]]:
    """Mode, blob and path of every file of a commit."""
    listing = run_git(repository, "ls-tree", "-r", "-z", "--full-tree", commit)
    for line in listing.split(b"\0"):
        if line:
            head, path = line.split(b"\t", 1)
            mode, _, blob = head.decode().split(" ")
            yield mode, blob, path.decode(errors="backslashreplace")


def read_blobs(
    repository: Path, blobs: Sequence[str], environment: Mapping[str, str] | None = None
) -> Iterator[tuple[str, bytes | None]]:
    """Contents in the order asked for; None for what is missing, no blob, or larger than `MAX_BLOB`."""
    small = [blob for blob, size in _sizes(repository, blobs, environment) if size is not None and size <= MAX_BLOB]
    refused = set(blobs) - set(small)
    yield from ((blob, None) for blob in refused)
    if not small:
        return
    process = subprocess.Popen(
        command(repository, "cat-file", "--batch", "--buffer"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=git_environment(environment),
    )
    try:
        yield from _contents(process, small)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _contents(process: subprocess.Popen[bytes], blobs: Sequence[str]) -> Iterator[tuple[str, bytes | None]]:
    assert process.stdin is not None
    assert process.stdout is not None
    writer = threading.Thread(target=_ask, args=(process.stdin, blobs), daemon=True)
    writer.start()
    out = process.stdout
    for blob in blobs:
        header = out.readline().split()
        if len(header) != 3:
            raise Unavailable(f"`git cat-file` ended before blob {blob}.")
        yield blob, out.read(int(header[2]) + 1)[:-1]
    writer.join()


def _ask(pipe: IO[bytes], blobs: Iterable[str]) -> None:
    try:
        pipe.write("".join(f"{blob}\n" for blob in blobs).encode())
        pipe.close()
    except OSError:  # git died; the reader reports it
        return


def _sizes(
    repository: Path, blobs: Sequence[str], environment: Mapping[str, str] | None
) -> Iterator[tuple[str, int | None]]:
    asked = "".join(f"{blob}\n" for blob in blobs).encode()
    answer = run_git(repository, "cat-file", "--batch-check", "--buffer", given=asked, environment=environment)
    for blob, line in zip(blobs, answer.decode(errors="replace").splitlines(), strict=True):
        fields = line.split(" ")
        yield blob, int(fields[2]) if len(fields) == 3 and fields[1] == "blob" else None
