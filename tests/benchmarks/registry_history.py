"""A repository with many prompts, labels and commits, made by `git fast-import` in seconds."""

from __future__ import annotations

import hashlib
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

from trunkline.registry.commands import git_environment

START = 1_700_000_000
FOLDERS = 100


def prompt_name(number: int) -> str:
    return f"team-{number % FOLDERS:02}/prompt-{number:05}"


def make_history(repository: Path, *, prompts: int, labels: int, commits: int, seed: int = 1) -> None:
    """Commits that edit prompts and move labels; at the end `prompts` prompts and `labels` labels."""
    process = subprocess.Popen(
        ["git", f"--git-dir={repository}", "fast-import", "--quiet", "--force"],
        stdin=subprocess.PIPE,
        env=git_environment(),
    )
    assert process.stdin is not None
    for part in _History(prompts, labels, commits, seed).stream():
        process.stdin.write(part)
    process.stdin.close()
    if process.wait():
        raise RuntimeError("git fast-import failed")


class _History:
    def __init__(self, prompts: int, labels: int, commits: int, seed: int) -> None:
        self._random = random.Random(seed)
        self._prompts = prompts
        self._names = ["production", "staging", "canary"][: max(1, -(-labels // prompts))]
        self._labels = labels
        self._commits = commits
        self._versions: list[list[str]] = [[] for _ in range(prompts)]
        self._time = START

    def stream(self) -> Iterator[bytes]:
        for number in range(self._commits):
            self._time += 60
            yield self._head(number)
            if number < self._prompts:
                yield self._edit(number)
            elif number < self._prompts + self._labels:
                index = number - self._prompts
                yield self._move(index % self._prompts, self._names[index // self._prompts])
            elif self._random.random() < 0.6:
                yield self._edit(self._random.randrange(self._prompts))
            else:
                index = self._random.randrange(self._labels)
                yield self._move(index % self._prompts, self._names[index // self._prompts])

    def _head(self, number: int) -> bytes:
        message = f"Change number {number} of the registry"
        who = f"Author {number % 20} <author{number % 20}@example.com> {self._time} +0000"
        start = "" if number else "reset refs/heads/main\n"
        return (
            f"{start}commit refs/heads/main\nauthor {who}\ncommitter {who}\ndata {len(message)}\n{message}\n".encode()
        )

    def _edit(self, prompt: int) -> bytes:
        text = self._text(prompt, len(self._versions[prompt]) + 1)
        self._versions[prompt].append(_blob(text))
        return f"M 100644 inline prompts/{prompt_name(prompt)}.yaml\ndata {len(text)}\n".encode() + text + b"\n"

    def _move(self, prompt: int, label: str) -> bytes:
        version = self._random.randint(1, len(self._versions[prompt]))
        text = f"version: {version}\nblob: {self._versions[prompt][version - 1]}\n".encode()
        return f"M 100644 inline labels/{label}/{prompt_name(prompt)}.yaml\ndata {len(text)}\n".encode() + text + b"\n"

    def _text(self, prompt: int, version: int) -> bytes:
        return (
            "type: chat\nmessages:\n  - role: system\n    content: |\n"
            f"      You answer for team {prompt % FOLDERS} (text {version} of prompt {prompt}).\n"
            "      Keep to what the documents say; where they say nothing, say so.\n"
            "  - placeholder: history\n  - role: user\n    content: |\n      {{question}}\n"
            "config: {model: gpt-4o-mini, temperature: 0.2}\n"
            f"tags: [team-{prompt % 5}]\n"
        ).encode()


def _blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
