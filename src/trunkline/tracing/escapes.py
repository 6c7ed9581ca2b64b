"""Text as it reads once its escapes are undone, with the way back to where each character stood.

A secret in JSON may be spelt ``sk\\u002dant\\u002d…``; JSON within a JSON string escapes once more. What looks for
secrets looks at a view, and cuts out of the text itself.
"""

from __future__ import annotations

import re
from bisect import bisect_right

_ESCAPED = rb'(?:(["/bfnrt])|u([dD][89abAB][0-9a-fA-F]{2})\\+u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4}))'
_ANY_LEVEL = re.compile(rb"\\++" + _ESCAPED + rb"?")
"""A run of backslashes is one, however often what stands here was escaped."""
_ONE_LEVEL = re.compile(rb"\\(?:\\|" + _ESCAPED + rb")")
_BEYOND_ASCII = re.compile(rb"\\++u(?!00[0-7])[0-9a-fA-F]{4}")
_RUN = re.compile(rb"\\\\++")
_PLAIN = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_QUICK = tuple((b"\\" + letter, char) for letter, char in (*_PLAIN.items(), (b"/", b"/"), (b'"', b'"')))


def unescaped(data: bytes) -> bytes:
    """`data` without its escapes, of whatever level: a quick look, in which each letter beyond ASCII is an ``é``."""
    if b"\\" not in data:
        return data
    if b"\\u" in data:
        data = _BEYOND_ASCII.sub("é".encode(), data)
    if b"\\u" in data:
        return _ANY_LEVEL.sub(_char, data)
    data = _RUN.sub(rb"\\", data)
    for escape, char in _QUICK:
        data = data.replace(escape, char)
    return data


class View:
    """`text` is `data` without its escapes: of every level, or (`levels=1`) as a JSON string says it."""

    __slots__ = ("_raw", "_view", "text")

    def __init__(self, data: bytes, *, levels: int = 0) -> None:
        self._view, self._raw = [0], [0]
        parts: list[bytes] = []
        end = length = 0
        for match in (_ONE_LEVEL if levels == 1 else _ANY_LEVEL).finditer(data):
            char = _char(match)
            length += match.start() - end
            self._view.append(length)
            self._raw.append(match.start())
            parts += (data[end : match.start()], char)
            end, length = match.end(), length + len(char)
            self._view.append(length)
            self._raw.append(end)
        self.text = b"".join((*parts, data[end:])) if parts else data

    def place(self, offset: int) -> int:
        """Where in the data what stands at `offset` of the text begins; never within an escape."""
        index = bisect_right(self._view, offset) - 1
        return self._raw[index] + offset - self._view[index]


def _char(match: re.Match[bytes]) -> bytes:
    letter, high, low, unit = match.group(1, 2, 3, 4)
    if letter:
        return _PLAIN.get(letter, letter)
    if high:
        code = 0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00
    elif unit:
        code = int(unit, 16)
    else:
        return b"\\"
    return chr(0xFFFD if 0xD800 <= code < 0xE000 else code).encode()
