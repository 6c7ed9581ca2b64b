"""How many pieces an export in protobuf has, counted before it is decoded.

An empty message is two bytes on the wire and seventy once decoded: 20 MB of them took 700 MB. The count walks over tags
and lengths alone, keeps nothing, and stops at the bound; what is malformed is left to the decoder.
"""

from __future__ import annotations

from trunkline.errors import InvalidRequest

COUNTED_BYTES = 2_000_000
"""Smaller bodies are not counted: whatever they hold takes 70 MB at most."""
MOST_MESSAGES = 1_000_000
MOST_FIELDS = 2_000_000
DEEPEST = 100
"""Levels at which the decoder refuses."""

_LENGTH, _VARINT, _EIGHT, _FOUR = 2, 0, 1, 5


class _Message:
    """A kind of message: those that may stand in it, by their tags."""

    __slots__ = ("inner",)

    def __init__(self, **inner: tuple[int, _Message]) -> None:
        self.inner = {number << 3 | _LENGTH: message for number, message in inner.values()}


_VALUE, _EMPTY = _Message(), _Message()
_PAIR = _Message(value=(2, _VALUE))
_VALUE.inner.update(
    _Message(array=(5, _Message(values=(1, _VALUE))), pairs=(6, _Message(values=(1, _PAIR)))).inner,
)
_NOTES = {"events": (11, _Message(attributes=(3, _PAIR))), "links": (13, _Message(attributes=(4, _PAIR)))}
_SPAN = _Message(attributes=(9, _PAIR), status=(15, _EMPTY), **_NOTES)
_SCOPE_SPANS = _Message(scope=(1, _Message(attributes=(3, _PAIR))), spans=(2, _SPAN))
_RESOURCE = _Message(attributes=(1, _PAIR), entities=(3, _EMPTY))
_EXPORT = _Message(resource_spans=(1, _Message(resource=(1, _RESOURCE), scope_spans=(2, _SCOPE_SPANS))))
"""``trace_service.proto`` and what it imports."""


def refuse_too_many_pieces(body: bytes) -> None:
    """Raises InvalidRequest for a body with more messages or fields than its decoded form may have."""
    if len(body) > COUNTED_BYTES and _is_too_many(body):
        raise InvalidRequest(
            f"The export has more than {MOST_MESSAGES} messages or {MOST_FIELDS} fields. Send it in parts."
        )


def _is_too_many(body: bytes) -> bool:  # noqa: PLR0912 (one loop without calls: it runs millions of times)
    at, end, known = 0, len(body), _EXPORT.inner
    around: list[tuple[int, dict[int, _Message]]] = []
    messages = fields = 0
    try:
        while True:
            while at >= end:
                if not around:
                    return False
                end, known = around.pop()
            fields += 1
            if fields > MOST_FIELDS:
                return True
            tag = body[at]
            at += 1
            if tag > 0x7F:
                tag, at = _varint(body, at - 1)
            kind = tag & 7
            if kind == _LENGTH:
                length = body[at]
                at += 1
                if length > 0x7F:
                    length, at = _varint(body, at - 1)
                inner = known.get(tag)
                if inner is None:
                    at += length
                    continue
                messages += 1
                if messages > MOST_MESSAGES:
                    return True
                if len(around) >= DEEPEST or at + length > end:
                    return False
                around.append((end, known))
                end, known = at + length, inner.inner
            elif kind == _VARINT:
                while body[at] > 0x7F:
                    at += 1
                at += 1
            elif kind in (_EIGHT, _FOUR):
                at += 8 if kind == _EIGHT else 4
            else:
                return False
    except IndexError:
        return False


def _varint(body: bytes, at: int) -> tuple[int, int]:
    """A number and where it ends. Longer ones than 64 bits are the decoder's to refuse."""
    number = shift = 0
    while True:
        byte = body[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80 or shift > 63:
            return number, at
        shift += 7
