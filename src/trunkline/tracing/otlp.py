"""OTLP trace exports over HTTP: from a body, in either encoding and compressed or not, to changes."""

from __future__ import annotations

import zlib

from trunkline.errors import InvalidRequest, PayloadTooLarge
from trunkline.tracing import otlp_json, otlp_protobuf
from trunkline.tracing.mapping import changes_of
from trunkline.tracing.otlp_pieces import refuse_too_many_pieces
from trunkline.tracing.spans import ExportRequest

__all__ = ["ExportRequest", "changes_of", "decode_json", "decode_protobuf", "inflate"]

_GZIP = 16 + zlib.MAX_WBITS
_CHUNK = 64 * 1024
_MAX_MEMBERS = 1000
"""Each member of a gzip file costs a decompressor; real clients send one."""


def decode_protobuf(body: bytes) -> ExportRequest:
    """Raises InvalidRequest for what is no trace export, for a bad id or time in it, and for too many pieces."""
    refuse_too_many_pieces(body)
    return otlp_protobuf.decode(body)


def decode_json(body: bytes) -> ExportRequest:
    """Raises InvalidRequest for what is no trace export, and for a bad id or time in it."""
    return otlp_json.decode(body)


def inflate(body: bytes, limit: int) -> bytes:
    """Decompresses gzip (one member or several) of at most `limit` bytes; never holds more than that.

    Raises PayloadTooLarge beyond the limit, InvalidRequest for what is no gzip, is cut off, or has more than 1,000
    members.
    """
    out = bytearray()
    view = memoryview(body)
    position = 0
    for _ in range(_MAX_MEMBERS):
        position = _inflate_member(view, position, out, limit)
        if position == len(view):
            return bytes(out)
    raise InvalidRequest(f"The gzip body has more than {_MAX_MEMBERS} members.")


def _inflate_member(view: memoryview, position: int, out: bytearray, limit: int) -> int:
    """Appends one member to `out`; returns where the next one begins."""
    decompressor = zlib.decompressobj(_GZIP)
    while not decompressor.eof:
        if position == len(view):
            raise InvalidRequest("The gzip body is cut off.")
        chunk: bytes | memoryview = view[position : position + _CHUNK]
        position += len(chunk)
        while chunk and not decompressor.eof:
            try:
                out += decompressor.decompress(chunk, limit + 1 - len(out))
            except zlib.error as error:
                raise InvalidRequest(f"The body is not valid gzip: {error}.") from None
            if len(out) > limit:
                raise PayloadTooLarge(
                    f"The body has more than {limit} bytes after decompression; send smaller batches."
                )
            chunk = decompressor.unconsumed_tail
    return position - len(decompressor.unused_data)
