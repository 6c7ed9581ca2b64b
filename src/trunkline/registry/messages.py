"""Commit messages: what was said, then trailers that say what Trunkline did.

::

    support/triage: promote version 8 to production (was 7)

    Trunkline-Action: promote
    Trunkline-From: 7
    Trunkline-To: 8

Trailers are the last paragraph and are written by the service, so that what a caller says cannot pretend to be one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from trunkline.errors import InvalidRequest
from trunkline.types import Arm

PREFIX = "Trunkline-"
MAX_MESSAGE = 10_000
KEPT_MESSAGE = 2_000
"""Characters of a message that the index keeps."""

_TRAILERS = re.compile(r"(?:\A|\n\n)((?:Trunkline-[A-Za-z-]+: [^\n]*\n?)+)\s*\Z")
_REVERTS = re.compile(r"^This reverts commit ([0-9a-f]{40})", re.MULTILINE)


def compose(text: str, trailers: Mapping[str, object]) -> str:
    """The message of a commit. Raises InvalidRequest for a text that Git cannot hold."""
    if "\0" in text:
        raise InvalidRequest("A commit message cannot hold a NUL character.")
    if len(text) > MAX_MESSAGE:
        raise InvalidRequest(f"The commit message has {len(text)} characters; at most {MAX_MESSAGE} are allowed.")
    lines = "".join(f"{PREFIX}{name}: {value}\n" for name, value in trailers.items() if value is not None)
    return f"{text}\n\n{lines}" if lines else text


def told_arms(arms: Sequence[Arm]) -> str:
    """What a label serves, in words: ``3``; of a split with the weights: ``1 (90) and 2 (10)``."""
    if len(arms) == 1:
        return str(arms[0].version)
    *others, last = (f"{arm.version} ({arm.weight})" for arm in arms)
    return f"{', '.join(others)} and {last}"


def said(message: str) -> str:
    """What the author said: the message without Trunkline's trailers, bounded."""
    found = _TRAILERS.search(message) if PREFIX in message else None
    text = message[: found.start()] if found else message.rstrip("\n")
    return text[:KEPT_MESSAGE]


def trailers(message: str) -> dict[str, str]:
    """``{"Action": "promote", "From": "7", …}``, empty for a commit that the service did not write."""
    found = _TRAILERS.search(message)
    lines = found.group(1).splitlines() if found else []
    return {name.removeprefix(PREFIX): value for name, _, value in (line.partition(": ") for line in lines)}


def reverted(message: str) -> tuple[str, ...]:
    """The commits that a `git revert` says it reverts."""
    return tuple(_REVERTS.findall(message))
