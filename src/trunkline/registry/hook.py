"""The pre-receive hook: a file that `sh` hands to Python, which asks the running server over a unix socket.

Starting Trunkline takes 0.4 s, asking takes milliseconds; only where no server answers the hook starts it. The hook
names its interpreter, because a push has the pusher's PATH; each server start writes it anew.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

HOOK = "pre-receive"
LONGEST_SOCKET_PATH = 100
"""Bytes: the kernel takes 107, and fewer elsewhere."""

_TEXT = """\
#!/bin/sh
''''exec "@PYTHON@" -I -S "$0" "$@" # '''
# Written by Trunkline at its start; changes are lost.
import json
import os
import socket
import sys

SOCKET = "@SOCKET@"
SERVER_TIMEOUT_S = 120


def ask(question):
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(SERVER_TIMEOUT_S)
    path = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), SOCKET))
    folder = None
    if len(os.fsencode(path)) > @LONGEST@ and os.path.isdir("/proc/self/fd"):
        folder = os.open(os.path.dirname(path), os.O_RDONLY)
        path = "/proc/self/fd/%d/%s" % (folder, os.path.basename(path))
    connection.connect(path)
    connection.sendall(json.dumps(question).encode() + b"\\n")
    answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return json.loads(answer)


def start(text):
    import subprocess

    command = [sys.executable, "-I", "-m", "trunkline.registry.receive", os.getcwd()]
    return subprocess.run(command, input=text.encode()).returncode


def main():
    text = sys.stdin.buffer.read().decode("utf-8", "backslashreplace")
    question = {
        "repository": os.getcwd(),
        "updates": [line.split(" ", 2) for line in text.splitlines()],
        "quarantine": os.environ.get("GIT_QUARANTINE_PATH"),
    }
    try:
        answer = ask(question)
    except (OSError, ValueError) as error:
        if isinstance(error, socket.timeout):
            print("Trunkline's server did not answer in %d s." % SERVER_TIMEOUT_S, file=sys.stderr)
            return 1
        answer = None
    if answer is None or answer.get("unknown"):
        return start(text)
    for line in answer["lines"]:
        print(line, file=sys.stderr)
    return 0 if answer["accepted"] else 1


sys.exit(main())
"""


def install_hook(repository: Path, socket: Path | None = None) -> None:
    """Writes the hook, atomically. The default socket is that of the data folder around ``repositories/``."""
    hooks = repository / "hooks"
    hooks.mkdir(parents=True, exist_ok=True)
    place = Path(os.path.relpath(socket, hooks)) if socket else Path("../../../run/receive.sock")
    text = _TEXT.replace("@PYTHON@", _quoted(sys.executable)).replace("@LONGEST@", str(LONGEST_SOCKET_PATH))
    text = text.replace("@SOCKET@", str(place).replace("\\", "\\\\").replace('"', '\\"'))
    temporary = hooks / f".{HOOK}.{os.getpid()}"
    temporary.write_text(text)
    temporary.chmod(0o755)
    temporary.replace(hooks / HOOK)


def _quoted(path: str) -> str:
    """For double quotes in `sh`."""
    return "".join(f"\\{character}" if character in '\\"$`' else character for character in path)
